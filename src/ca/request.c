#include "ca/request.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/str.h"

#define NAME_FIRST "abcdefghijklmnopqrstuvwxyz_"
#define NAME_REST NAME_FIRST "0123456789.-"

/* Accounts of systems, packages and cloud images, and the mail roles of RFC 2142. Names with a leading '_' and the
   prefixes below are reserved too. */
static const char *const reserved[] = {
    "abrt",
    "abuse",
    "adm",
    "admin",
    "administrator",
    "airflow",
    "almalinux",
    "alpine",
    "amavis",
    "ansible",
    "apache",
    "arangodb",
    "arpwatch",
    "at",
    "audit",
    "avahi",
    "azureuser",
    "backup",
    "bin",
    "bind",
    "bitnami",
    "bitwarden",
    "caddy",
    "cassandra",
    "centos",
    "ceph",
    "chef",
    "chrony",
    "clamav",
    "clickhouse",
    "clock",
    "cloud-user",
    "cloudadmin",
    "cloudflared",
    "cockpit-ws",
    "colord",
    "consul",
    "container",
    "core",
    "couchdb",
    "cron",
    "cups",
    "cyrus",
    "daemon",
    "dbus",
    "debian",
    "deploy",
    "dhcpcd",
    "dhcpd",
    "dnsmasq",
    "docker",
    "dovecot",
    "dovenull",
    "ec2-user",
    "elasticsearch",
    "etcd",
    "exim",
    "fedora",
    "freerad",
    "freeradius",
    "ftp",
    "fwupd",
    "games",
    "gdm",
    "geoclue",
    "gerrit",
    "git",
    "gitea",
    "gitlab",
    "gitlab-runner",
    "gluster",
    "gnats",
    "gopher",
    "grafana",
    "guest",
    "hacluster",
    "hadoop",
    "halt",
    "haproxy",
    "hdfs",
    "hive",
    "hostmaster",
    "http",
    "hudson",
    "identd",
    "influxdb",
    "irc",
    "jenkins",
    "kafka",
    "kernoops",
    "keycloak",
    "kibana",
    "kmem",
    "kube",
    "kubernetes",
    "kvm",
    "landscape",
    "ldap",
    "lightdm",
    "list",
    "localhost",
    "logstash",
    "lp",
    "lxd",
    "mail",
    "mailnull",
    "man",
    "mariadb",
    "memcache",
    "memcached",
    "messagebus",
    "minecraft",
    "minio",
    "mongod",
    "mongodb",
    "monitor",
    "mosquitto",
    "munge",
    "munin",
    "mysql",
    "nagios",
    "named",
    "netadmin",
    "netdata",
    "network",
    "news",
    "nfs",
    "nfsnobody",
    "nginx",
    "nm-openvpn",
    "nobody",
    "noc",
    "node_exporter",
    "nogroup",
    "nomad",
    "nscd",
    "nslcd",
    "ntp",
    "ntpd",
    "odoo",
    "opc",
    "opendkim",
    "opendmarc",
    "openldap",
    "opensearch",
    "openvpn",
    "operator",
    "oracle",
    "ossec",
    "owner",
    "pgbouncer",
    "pi",
    "plex",
    "plymouth",
    "podman",
    "polkitd",
    "pollinate",
    "postfix",
    "postgres",
    "postgresql",
    "postmaster",
    "prometheus",
    "proxy",
    "pulse",
    "puppet",
    "qemu",
    "rabbitmq",
    "radiusd",
    "redis",
    "rocky",
    "root",
    "rpc",
    "rpcuser",
    "rpm",
    "rslsync",
    "rtkit",
    "salt",
    "samba",
    "saned",
    "security",
    "server",
    "service",
    "shadow",
    "shutdown",
    "slapd",
    "slurm",
    "smmsp",
    "solr",
    "spamassassin",
    "spark",
    "speech-dispatcher",
    "splunk",
    "squid",
    "sshd",
    "ssl-cert",
    "sssd",
    "statd",
    "storm",
    "strongswan",
    "stunnel4",
    "su",
    "sudo",
    "superuser",
    "suse",
    "svn",
    "sync",
    "sys",
    "sysadmin",
    "syslog",
    "system",
    "tcpdump",
    "telegraf",
    "telnetd",
    "tomcat",
    "toor",
    "tor",
    "tss",
    "tty",
    "ubuntu",
    "unbound",
    "unifi",
    "usbmux",
    "uucp",
    "uuidd",
    "vagrant",
    "varnish",
    "vault",
    "vcsa",
    "vmail",
    "wazuh",
    "webmaster",
    "wheel",
    "whoopsie",
    "wireshark",
    "www",
    "www-data",
    "xfs",
    "yarn",
    "zabbix",
    "zookeeper",
};
static const char *const reserved_prefixes[] = {"_", "systemd-", "debian-", "libvirt", "gnome-", "snap_", "snap-"};

/* Sorted as certificates want them. */
const char *const ca_extensions[CA_EXTENSIONS_MAX] = {"permit-X11-forwarding", "permit-agent-forwarding",
                                                      "permit-port-forwarding", "permit-pty", "permit-user-rc"};

bool
ca_principal_ok(const char *name)
{
	size_t n = strlen(name);
	return n >= 1 && n <= CA_PRINCIPAL_MAX && strchr(NAME_FIRST, name[0]) && strspn(name, NAME_REST) == n;
}

bool
ca_principal_reserved(const char *name)
{
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (!strcmp(name, reserved[i]))
			return true;
	for (size_t i = 0; i < sizeof reserved_prefixes / sizeof *reserved_prefixes; i++)
		if (str_starts(name, reserved_prefixes[i]))
			return true;
	return false;
}

int
ca_principal_from_email(const char *email, char out[static CA_PRINCIPAL_MAX + 1], struct reason *r)
{
	char name[CA_PRINCIPAL_MAX + 1];
	const char *at = strchr(email, '@');
	if (!at || strchr(at + 1, '@') || !at[1])
		return reason_set(r, E_DENIED, SP_PRINCIPAL, "not an e-mail address with exactly one @");
	size_t n = (size_t)(at - email);
	if (!n || n > CA_PRINCIPAL_MAX)
		return reason_set(r, E_DENIED, SP_PRINCIPAL,
		                  "the part before the @ has %zu characters, a Unix name 1 to 32", n);
	if (memchr(email, '+', n))
		return reason_set(r, E_DENIED, SP_PRINCIPAL, "an address with a +tag names no Unix user");
	memcpy(name, email, n);
	name[n] = 0;
	str_lower(name);
	if (!ca_principal_ok(name))
		return reason_set(r, E_DENIED, SP_PRINCIPAL,
		                  "the part before the @ is not of the form [a-z_][a-z0-9._-]*");
	memcpy(out, name, n + 1);
	return 0;
}

/* Bits behind the prefix must be zero: what was meant would be a guess. */
static bool
host_bits_clear(const uint8_t *addr, unsigned bytes, unsigned prefix)
{
	for (unsigned i = 0; i < bytes; i++) {
		unsigned keep = prefix >= 8 * (i + 1) ? 8 : prefix <= 8 * i ? 0 : prefix - 8 * i;
		if (addr[i] & (0xffu >> keep))
			return false;
	}
	return true;
}

int
ca_cidr_canonical(const char *s, char out[static CA_CIDR_MAX])
{
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16];
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	uint64_t prefix;
	if (n >= sizeof text)
		return E_FORMAT;
	memcpy(text, s, n);
	text[n] = 0;
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	unsigned bytes = family == AF_INET6 ? 16 : 4;
	if (inet_pton(family, text, addr) != 1)
		return E_FORMAT;
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (family == AF_INET6 && !memcmp(addr, mapped, sizeof mapped))
		return E_FORMAT; /* sshd would compare it as IPv4: write it as IPv4 */
	prefix = 8 * bytes;
	if (slash && (str_u64(slash + 1, 8 * bytes, &prefix) || (slash[1] == '0' && slash[2])))
		return E_FORMAT;
	if (!host_bits_clear(addr, bytes, (unsigned)prefix) || !inet_ntop(family, addr, text, sizeof text))
		return E_FORMAT;
	int w = snprintf(out, CA_CIDR_MAX, "%s/%u", text, (unsigned)prefix);
	return w > 0 && w < CA_CIDR_MAX ? 0 : E_LIMIT;
}

/* Printable ASCII as it is, all else (space and backslash too) as \xNN, so that the one space divides the halves. */
static size_t
key_id_put(char *out, size_t at, const char *s)
{
	static const char hex[] = "0123456789abcdef";
	for (; *s && at <= CA_KEY_ID_MAX; s++) {
		unsigned char c = (unsigned char)*s;
		if (c > 0x20 && c < 0x7f && c != '\\') {
			out[at++] = *s;
			continue;
		}
		if (at + 4 > CA_KEY_ID_MAX)
			return CA_KEY_ID_MAX + 1;
		memcpy(out + at, "\\x", 2);
		out[at + 2] = hex[c >> 4];
		out[at + 3] = hex[c & 15];
		at += 4;
	}
	return at;
}

int
ca_key_id(const char *email, const char *session, char out[static CA_KEY_ID_MAX + 1])
{
	char text[CA_KEY_ID_MAX + 8];
	size_t n = key_id_put(text, 0, email);
	if (n >= CA_KEY_ID_MAX)
		return E_LIMIT;
	text[n++] = ' ';
	n = key_id_put(text, n, session);
	if (n > CA_KEY_ID_MAX)
		return E_LIMIT;
	memcpy(out, text, n);
	out[n] = 0;
	return 0;
}

static int
check_principal(const struct ca_request *q, struct reason *r)
{
	if (!q->principal || !ca_principal_ok(q->principal))
		return reason_set(r, E_DENIED, SP_PRINCIPAL,
		                  "principal is not one name of the form [a-z_][a-z0-9._-]{0,31}");
	if (!q->reserved_ok && ca_principal_reserved(q->principal))
		return reason_set(r, E_DENIED, SP_PRINCIPAL, "principal %s is reserved: an administrator may bind it",
		                  q->principal);
	return 0;
}

static int
check_times(const struct ca_request *q, struct reason *r)
{
	if (q->now < CA_CLOCK_MIN || q->now > CA_CLOCK_MAX)
		return reason_set(r, E_RANGE, SP_INTERNAL, "the clock says %lld, which cannot be", (long long)q->now);
	if (q->ttl < CA_TTL_MIN || q->ttl > CA_TTL_MAX)
		return reason_set(r, E_RANGE, SP_BAD_REQUEST, "lifetime of %lld s is outside 1..%d", (long long)q->ttl,
		                  CA_TTL_MAX);
	if (q->backdate < 0 || q->backdate > CA_BACKDATE_MAX || q->backdate >= q->ttl)
		return reason_set(r, E_RANGE, SP_BAD_REQUEST,
		                  "backdate of %lld s is outside 0..%d or not less than the life",
		                  (long long)q->backdate, CA_BACKDATE_MAX);
	if (!q->serial)
		return reason_set(r, E_RANGE, SP_INTERNAL, "serial 0 is not given out");
	return 0;
}

static bool
extension_known(const char *name)
{
	for (size_t i = 0; i < CA_EXTENSIONS_MAX; i++)
		if (!strcmp(name, ca_extensions[i]))
			return true;
	return false;
}

static int
check_options(const struct ca_request *q, struct reason *r)
{
	char cidr[CA_CIDR_MAX];
	if (q->nextensions > CA_EXTENSIONS_MAX || q->nsource_address > CA_SOURCES_MAX)
		return reason_set(r, E_LIMIT, SP_BAD_REQUEST, "too many extensions or source addresses");
	for (size_t i = 0; i < q->nextensions; i++) {
		if (!extension_known(q->extensions[i]))
			return reason_set(r, E_DENIED, SP_BAD_REQUEST, "unknown extension %s", q->extensions[i]);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(q->extensions[i], q->extensions[j]))
				return reason_set(r, E_DENIED, SP_BAD_REQUEST, "extension %s twice", q->extensions[i]);
	}
	for (size_t i = 0; i < q->nsource_address; i++)
		if (ca_cidr_canonical(q->source_address[i], cidr))
			return reason_set(r, E_FORMAT, SP_BAD_REQUEST, "source address %s is not an address or CIDR",
			                  q->source_address[i]);
	return 0;
}

int
ca_request_check(const struct ca_request *q, struct reason *r)
{
	char id[CA_KEY_ID_MAX + 1];
	int e = check_principal(q, r);
	if (!e)
		e = check_times(q, r);
	if (!e)
		e = check_options(q, r);
	if (e)
		return e;
	if (!q->public_key)
		return reason_set(r, E_FORMAT, SP_KEY_REFUSED, "no public key");
	if (!q->email || !*q->email || !q->session || !*q->session)
		return reason_set(r, E_FORMAT, SP_INTERNAL, "no e-mail or session for the key id");
	if (ca_key_id(q->email, q->session, id))
		return reason_set(r, E_LIMIT, SP_BAD_REQUEST, "key id would be longer than %d", CA_KEY_ID_MAX);
	return 0;
}

/*
 * service: a systemd unit that runs the connector. Its secrets stay files of root (0600), which systemd hands to a user
 * that exists only while the service runs; the unit itself holds none. --root DIR writes below DIR (for images) and
 * starts nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/tunnel/tunnel.h"
#include "core/str.h"
#include "core/url.h"
#include "io/file.h"

#define UNIT "sallyport-connector.service"
#define FILE_MAX (1u << 20)

/* As packaging/sallyport-connector.service has it, which the tests compare. */
static const char head[] = "[Unit]\n"
                           "Description=Sallyport connector\n"
                           "Wants=network-online.target\n"
                           "After=network-online.target\n"
                           "StartLimitIntervalSec=0\n"
                           "\n"
                           "[Service]\n"
                           "Type=notify\n"
                           "TimeoutStartSec=60\n"
                           "TimeoutStopSec=200\n"
                           "Restart=on-failure\n"
                           "RestartSec=5\n"
                           "DynamicUser=yes\n"
                           "LogsDirectory=sallyport\n",
                  hardening[] = "NoNewPrivileges=yes\n"
                                "CapabilityBoundingSet=\n"
                                "AmbientCapabilities=\n"
                                "LockPersonality=yes\n"
                                "MemoryDenyWriteExecute=yes\n"
                                "PrivateDevices=yes\n"
                                "PrivateTmp=yes\n"
                                "PrivateUsers=yes\n"
                                "ProtectClock=yes\n"
                                "ProtectControlGroups=yes\n"
                                "ProtectHome=yes\n"
                                "ProtectHostname=yes\n"
                                "ProtectKernelLogs=yes\n"
                                "ProtectKernelModules=yes\n"
                                "ProtectKernelTunables=yes\n"
                                "ProtectProc=invisible\n"
                                "ProcSubset=pid\n"
                                "ProtectSystem=strict\n"
                                "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n"
                                "RestrictNamespaces=yes\n"
                                "RestrictRealtime=yes\n"
                                "RestrictSUIDSGID=yes\n"
                                "SystemCallArchitectures=native\n"
                                "SystemCallFilter=@system-service\n"
                                "SystemCallFilter=~@privileged @resources\n"
                                "SystemCallErrorNumber=EPERM\n"
                                "UMask=0077\n"
                                "LimitNOFILE=65536\n"
                                "LimitCORE=0\n"
                                "\n"
                                "[Install]\n"
                                "WantedBy=multi-user.target\n";

struct place {
	const char *root; /* "" = this machine */
	char unit[4300], folder[4300];
};

static int
place_set(const struct tunnel_options *o, struct place *p)
{
	p->root = o->root ? o->root : "";
	if (!*p->root && geteuid() != 0)
		return cli_fail(SP_CLIENT_USAGE, "a service is installed by root; or name a folder with --root"),
		       E_DENIED;
	if (snprintf(p->unit, sizeof p->unit, "%s/etc/systemd/system/" UNIT, p->root) >= (int)sizeof p->unit ||
	    snprintf(p->folder, sizeof p->folder, "%s/etc/sallyport", p->root) >= (int)sizeof p->folder)
		return cli_fail(SP_CLIENT_USAGE, "--root: too long"), E_LIMIT;
	return 0;
}

static int
systemctl(const struct place *p, const char *verb, const char *arg)
{
	int status = 1;
	pid_t pid;

	if (*p->root || access("/run/systemd/system", F_OK) < 0)
		return 0;
	if ((pid = fork()) == 0) {
		execlp("systemctl", "systemctl", verb, arg ? UNIT : NULL, arg, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		return cli_fail(0, "systemctl %s failed; 'systemctl status " UNIT "' may say why", verb), E_IO;
	return 0;
}

/* --- install -------------------------------------------------------------------------------------------------------
 */

static int
put_file(const struct place *p, const char *name, const void *text, size_t n)
{
	char path[4400];

	if (snprintf(path, sizeof path, "%s/%s", p->folder, name) >= (int)sizeof path)
		return E_LIMIT;
	int r = file_write_atomic(path, 0600, text, n);
	if (r < 0)
		cli_fail(SP_CLIENT_FILE, "%s could not be written: %s", path, strerror(errno));
	return r;
}

static int
copy_file(const struct place *p, const char *from, const char *name, struct buf *unit)
{
	struct buf b;

	buf_init_secret(&b, FILE_MAX);
	int r = file_read(from, &b);
	if (r < 0)
		cli_fail(SP_CLIENT_FILE, "%s: %s", from, r == E_IO || r == E_NOENT ? strerror(errno) : err_str(r));
	else
		r = put_file(p, name, buf_ptr(&b), buf_len(&b));
	if (r == 0)
		r = buf_putf(unit, "LoadCredential=%s:/etc/sallyport/%s\n", name, name);
	buf_release(&b);
	return r;
}

/* The token, or a config.yml with its credentials: files of the service, and what the command line says of them. */
static int
put_secrets(const struct place *p, const struct tunnel_options *o, const struct tunnel_config *t, struct buf *unit,
            struct buf *args)
{
	int r = 0;

	if (o->token) {
		r = put_file(p, "token", o->token, strlen(o->token));
		if (r == 0)
			r = buf_put_str(unit, "LoadCredential=token:/etc/sallyport/token\n");
	} else if (o->token_file) {
		r = copy_file(p, o->token_file, "token", unit);
	}
	if (r == 0 && t->root)
		r = copy_file(p, t->file, "config.yml", unit);
	if (r == 0 && !o->token && !o->token_file)
		r = copy_file(p, o->credentials_file ? o->credentials_file : t->credentials_file, "credentials.json",
		              unit);
	if (r == 0 && o->cacert)
		r = copy_file(p, o->cacert, "edge-ca.pem", unit);
	if (r == 0 && t->root)
		r = buf_put_str(args, " --config %d/config.yml");
	if (r == 0 && o->cacert)
		r = buf_put_str(args, " --cacert %d/edge-ca.pem");
	if (r == 0)
		r = buf_put_str(args, o->token || o->token_file ? " run --token-file %d/token"
		                                                : " --credentials-file %d/credentials.json run");
	return r;
}

static int
put_edges(const struct tunnel_options *o, struct buf *args)
{
	struct hostport hp;
	char text[300];
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->edge.n; i++) {
		if (hostport_parse(o->edge.v[i], 7844, &hp) < 0)
			return cli_fail(SP_CLIENT_USAGE, "--edge %s: expected HOST:PORT", o->edge.v[i]), E_FORMAT;
		hostport_format(&hp, text, sizeof text);
		r = buf_putf(args, " --edge %s", text); /* of letters that mean nothing in a unit */
	}
	return r;
}

static int
write_unit(const struct cli *c, const struct place *p, const struct tunnel_options *o, const struct tunnel_config *t)
{
	struct buf unit, args;
	int r;

	buf_init(&unit, 65536);
	buf_init(&args, 16384);
	r = buf_put_str(&unit, head);
	if (r == 0)
		r = put_edges(o, &args);
	if (r == 0)
		r = put_secrets(p, o, t, &unit, &args);
	if (r == 0)
		r = buf_putf(&unit, "ExecStart=%s tunnel%s\n%s", c->self, buf_cstr(&args), hardening);
	if (r == 0 && (r = file_write_new(p->unit, 0644, buf_ptr(&unit), buf_len(&unit))) < 0)
		cli_fail(SP_CLIENT_FILE, "%s could not be written: %s", p->unit, err_str(r));
	buf_release(&unit);
	buf_release(&args);
	return r;
}

static int
check_config(const struct cli *c, struct tunnel_options *o, struct tunnel_config *t)
{
	const char *self = c->self;
	int r = tunnel_config_load(c, o, t);

	if (r == E_NOENT && o->config)
		return cli_fail(SP_CONFIG, "%s: no such file", o->config), r;
	if (r < 0 && r != E_NOENT)
		return r;
	if (!o->token && !o->token_file && (!t->tunnel || !(o->credentials_file || t->credentials_file)))
		return cli_fail(SP_CONFIG, "give --token, --token-file, or a config.yml with 'tunnel:' and "
		                           "'credentials-file:'"),
		       E_FORMAT;
	if (o->token) {
		struct credentials cr = {0};
		struct reason why = {0};
		r = credentials_from_token(o->token, &cr, &why);
		credentials_release(&cr);
		if (r < 0)
			return cli_fail(SP_CONFIG, "%s", why.text), r;
	}
	if (!o->edge.n)
		return cli_fail(SP_CLIENT_USAGE, "where is the edge? give --edge HOST:7844, or 'edge:' in config.yml"),
		       E_FORMAT;
	if (self[0] != '/' || strpbrk(self, " %\"'\\$;") != NULL)
		return cli_fail(SP_CLIENT_USAGE,
		                "%s: a unit cannot name this program; install it as /usr/bin/sallyport", self),
		       E_FORMAT;
	return 0;
}

static int
install(struct cli *c, struct tunnel_options *o)
{
	struct tunnel_config t = {0};
	struct place p;
	char units[4300];
	int r = place_set(o, &p);

	if (r == 0)
		r = check_config(c, o, &t);
	if (r == 0 && access(p.unit, F_OK) == 0) {
		cli_fail(SP_CLIENT_FILE, "%s exists already; 'sallyport tunnel service uninstall' removes it", p.unit);
		r = E_EXIST;
	}
	snprintf(units, sizeof units, "%s/etc/systemd/system", p.root);
	if (r == 0 && (file_mkdirs(p.folder, 0755) < 0 || file_mkdirs(units, 0755) < 0)) {
		cli_fail(SP_CLIENT_FILE, "cannot make %s: %s", p.folder, strerror(errno));
		r = E_IO;
	}
	if (r == 0)
		r = write_unit(c, &p, o, &t);
	if (r == 0)
		printf("Wrote %s\n", p.unit);
	fflush(stdout);
	if (r == 0 && (r = systemctl(&p, "daemon-reload", NULL)) == 0)
		r = systemctl(&p, "enable", "--now");
	tunnel_config_release(&t);
	return r == 0 ? 0 : 1;
}

/* --- uninstall ------------------------------------------------------------------------------------------------------
 */

static int
uninstall(const struct tunnel_options *o)
{
	struct place p;

	if (place_set(o, &p) < 0)
		return 1;
	if (access(p.unit, F_OK) < 0)
		return cli_fail(SP_CLIENT_FILE, "%s: there is no such service", p.unit);
	if (systemctl(&p, "disable", "--now") < 0)
		return 1;
	if (unlink(p.unit) < 0)
		return cli_fail(SP_CLIENT_FILE, "%s: %s", p.unit, strerror(errno));
	printf("Removed %s. The tunnel's credentials in %s are left where they are.\n", p.unit, p.folder);
	fflush(stdout);
	return systemctl(&p, "daemon-reload", NULL) < 0;
}

int
tunnel_service(struct cli *c, struct tunnel_options *o, const struct cli_list *pos)
{
	if (pos->n == 2 && !strcmp(pos->v[0], "install") && !o->token && !o->token_file)
		o->token = pos->v[1]; /* as the original: service install TOKEN */
	else if (pos->n != 1)
		return tunnel_want(pos, 0, "service install [TOKEN] | uninstall"), 2;
	if (!strcmp(pos->v[0], "install"))
		return install(c, o);
	if (!strcmp(pos->v[0], "uninstall") && pos->n == 1)
		return uninstall(o);
	fputs("usage: sallyport tunnel service install [TOKEN] | uninstall\n", stderr);
	return 2;
}

/* Where a bastion may connect to (security.md 3.5). */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "wire/destination.h"

int
destination_parse(const char *s, uint16_t default_port, struct hostport *ret_hp)
{
	char text[HOST_MAX + 16];
	const char *sep = strstr(s, "://");
	struct hostport hp;
	if (sep)
		s = sep + 3;
	int r = str_copy_n(text, sizeof text, s, strcspn(s, "/"));
	if (r < 0 || (r = hostport_parse(text, default_port, &hp)) < 0)
		return r;
	if (hp.port == 0)
		return E_FORMAT;
	*ret_hp = hp;
	return 0;
}

/* --- entries */

static int
entry_port(const char *s, uint16_t *ret_port)
{
	uint64_t v = 0;
	if (strcmp(s, "*") != 0 && (str_u64(s, UINT16_MAX, &v) < 0 || v == 0))
		return E_FORMAT;
	*ret_port = (uint16_t)v;
	return 0;
}

static int
entry_address(char *s, struct entry *e)
{
	char *slash = strchr(s, '/'), *host = s;
	uint64_t bits;
	if (slash)
		*slash = 0;
	size_t n = strlen(s);
	if (n > 1 && s[0] == '[' && s[n - 1] == ']') {
		s[n - 1] = 0;
		host = s + 1;
	}
	if (inet_pton(AF_INET, host, e->ip) == 1)
		e->iplen = 4;
	else if (inet_pton(AF_INET6, host, e->ip) == 1)
		e->iplen = 16;
	else if (slash || host != s)
		return E_FORMAT;
	else
		return host_parse(host, strlen(host), e->host);
	e->bits = e->iplen * 8;
	if (slash) {
		if (str_u64(slash + 1, e->bits, &bits) < 0)
			return E_FORMAT;
		e->bits = (unsigned)bits;
	}
	return 0;
}

int
entry_parse(const char *s, struct entry *ret_e)
{
	char text[HOST_MAX + 24];
	struct entry e = {0};
	int r = str_copy(text, sizeof text, s);
	if (r < 0)
		return r;
	char *colon = strrchr(text, ':');
	if (!colon || entry_port(colon + 1, &e.port) < 0)
		return E_FORMAT;
	*colon = 0;
	if (strchr(text, ':') &&
	    text[0] != '[') /* a v6 address needs its brackets, else its last group reads as a port */
		return E_FORMAT;
	if ((r = entry_address(text, &e)) < 0)
		return r;
	*ret_e = e;
	return 0;
}

int
destination_sample(const char *text, struct hostport *ret_hp)
{
	struct entry e;
	char ip[INET6_ADDRSTRLEN];
	int r = entry_parse(text, &e);

	if (r < 0)
		return r;
	if (e.bits < e.iplen * 8)
		e.ip[e.iplen - 1] |= 1; /* a network's own address may be a broadcast one */
	*ret_hp = (struct hostport){.port = e.port ? e.port : 22};
	if (e.host[0])
		return str_copy(ret_hp->host, sizeof ret_hp->host, e.host);
	if (!inet_ntop(e.iplen == 4 ? AF_INET : AF_INET6, e.ip, ip, sizeof ip))
		return E_FORMAT;
	return str_copy(ret_hp->host, sizeof ret_hp->host, ip);
}

/* --- addresses */

struct address {
	uint8_t b[16];
	unsigned n;
};

static int
address_set(struct address *a, const void *ip, unsigned n)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (n != 4 && n != 16)
		return E_FORMAT;
	if (n == 16 && memcmp(ip, mapped, 12) == 0) {
		ip = (const uint8_t *)ip + 12;
		n = 4;
	}
	memcpy(a->b, ip, n);
	a->n = n;
	return 0;
}

static bool
in_range(const struct address *a, const uint8_t *net, unsigned n, unsigned bits)
{
	if (a->n != n || memcmp(a->b, net, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a->b[bits / 8] ^ net[bits / 8]) >> (8 - bits % 8)) == 0;
}

/* Addresses that no name may lead to: what the range of so many bits from a on is, as a whole. NULL: an ordinary one.
 */
static const char *
sensitive(const struct address *a, unsigned bits)
{
	static const struct {
		uint8_t net[16];
		unsigned n, bits;
		const char *what;
	} rows[] = {
	    {{127}, 4, 8, "loopback"},
	    {{0}, 4, 8, "unspecified"},
	    {{169, 254}, 4, 16, "link-local"}, /* most metadata services live here */
	    {{100, 100, 100, 200}, 4, 32, "metadata"},
	    {{192, 0, 0, 192}, 4, 32, "metadata"},
	    {{224}, 4, 3, "multicast or reserved"},
	    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 16, 128, "loopback"},
	    {{0}, 16, 96, "unspecified"}, /* with the v4-compatible forms */
	    {{0xfe, 0x80}, 16, 10, "link-local"},
	    {{0xfe, 0xc0}, 16, 10, "site-local"},
	    {{0xff}, 16, 8, "multicast"},
	    {{0, 0x64, 0xff, 0x9b}, 16, 96, "translated"}, /* NAT64 hides a v4 address */
	    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 16, 128, "metadata"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (bits >= rows[i].bits && in_range(a, rows[i].net, rows[i].n, rows[i].bits))
			return rows[i].what;
	return NULL;
}

enum match { NO, BY_NAME, BY_ADDRESS };

static enum match
entry_match(const char *text, const char *host, uint16_t port, const struct address *a)
{
	struct entry e;
	struct address net;
	if (entry_parse(text, &e) < 0 || (e.port != 0 && e.port != port))
		return NO;
	if (e.iplen == 0)
		return strcasecmp(e.host, host) == 0 ? BY_NAME : NO;
	if (e.bits == e.iplen * 8) { /* one address may be written mapped */
		if (address_set(&net, e.ip, e.iplen) < 0)
			return NO;
		return in_range(a, net.b, net.n, net.n * 8) ? BY_ADDRESS : NO;
	}
	if (!in_range(a, e.ip, e.iplen, e.bits))
		return NO;
	/* 0.0.0.0/0 was not written for loopback and metadata: only a range of such alone lists them */
	if (address_set(&net, e.ip, e.iplen) < 0)
		return NO;
	return !sensitive(a, a->n * 8) || sensitive(&net, e.bits) ? BY_ADDRESS : NO;
}

static int
try_entry(const char *text, const char *host, uint16_t port, const struct address *a, const char *what,
          struct reason *why)
{
	enum match m = entry_match(text, host, port, a);
	bool local = what && strcmp(what, "loopback") == 0 && host_is_localhost(host);
	if (m == NO || (m == BY_NAME && what && !local))
		return E_DENIED;
	return reason_set(why, 0, SP_OK, "%s:%u allowed by %s", host, port, text);
}

/* --- ipRules ------------------------------------------------------------------------------------------------------ */

static bool
ip_rule_matches(const struct ip_rule *u, uint16_t port, const struct address *a)
{
	bool any = u->nports == 0;

	for (unsigned i = 0; i < u->nports && !any; i++)
		any = u->ports[i] == port;
	return any && in_range(a, u->net, u->iplen, u->bits);
}

static int
ip_rules_check(const struct ingress_rule *r, const char *host, uint16_t port, const struct address *a,
               struct reason *why)
{
	const char *what = sensitive(a, a->n * 8);

	for (size_t i = 0; i < r->nip_rules; i++) {
		const struct ip_rule *u = &r->ip_rules[i];
		struct address net;

		if (!ip_rule_matches(u, port, a))
			continue;
		if (!u->allow)
			return reason_set(why, E_DENIED, SP_DESTINATION, "%s:%u is denied by ipRules entry %zu", host,
			                  port, i + 1);
		memcpy(net.b, u->net, u->iplen);
		net.n = u->iplen;
		if (what && !sensitive(&net, u->bits))
			return reason_set(why, E_DENIED, SP_DESTINATION,
			                  "%s:%u is a %s address, and ipRules entry %zu is not for these alone", host,
			                  port, what, i + 1);
		return reason_set(why, 0, SP_OK, "%s:%u allowed by ipRules entry %zu", host, port, i + 1);
	}
	return reason_set(why, E_DENIED, SP_DESTINATION, "%s:%u: no ipRules entry allows it", host, port);
}

bool
destination_listed(const char *entry, uint16_t port, const void *ip, unsigned iplen)
{
	struct address a = {0};
	return address_set(&a, ip, iplen) == 0 && entry_match(entry, "", port, &a) == BY_ADDRESS;
}

int
destination_check(const struct ingress_rule *r, const char *host, uint16_t port, const void *ip, unsigned iplen,
                  struct reason *why)
{
	struct address a = {0};
	const char *standard = r->default_destination && *r->default_destination ? r->default_destination : NULL;
	size_t n = 0;
	if ((r->kind != SERVICE_BASTION && r->kind != SERVICE_SOCKS) || port == 0 || address_set(&a, ip, iplen) < 0)
		return reason_set(why, E_DENIED, SP_DESTINATION, "not a destination");
	if (r->kind == SERVICE_SOCKS)
		return ip_rules_check(r, host, port, &a, why);
	const char *what = sensitive(&a, a.n * 8);
	for (; r->destinations && r->destinations[n]; n++)
		if (try_entry(r->destinations[n], host, port, &a, what, why) == 0)
			return 0;
	if (standard && try_entry(standard, host, port, &a, what, why) == 0)
		return 0;
	if (what)
		return reason_set(why, E_DENIED, SP_DESTINATION, "%s:%u is a %s address and not listed as one", host,
		                  port, what);
	if (n == 0 && !standard)
		return reason_set(why, 0, SP_OK, "%s:%u allowed: the rule has no list", host, port);
	return reason_set(why, E_DENIED, SP_DESTINATION, "%s:%u is not in the rule's destinations", host, port);
}

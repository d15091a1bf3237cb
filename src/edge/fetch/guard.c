#include "edge/fetch/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "core/url.h"

/* Special-purpose ranges (IANA registries of RFC 6890), v4 in mapped form. */
static const struct {
	const char *net;
	unsigned bits;
} special[] = {
    {"0.0.0.0", 8},       {"10.0.0.0", 8},     {"100.64.0.0", 10},  {"127.0.0.0", 8},    {"169.254.0.0", 16},
    {"172.16.0.0", 12},   {"192.0.0.0", 24},   {"192.0.2.0", 24},   {"192.168.0.0", 16}, {"198.18.0.0", 15},
    {"198.51.100.0", 24}, {"203.0.113.0", 24}, {"224.0.0.0", 4},    {"240.0.0.0", 4},    {"::", 96},
    {"::1", 128},         {"64:ff9b::", 96},   {"64:ff9b:1::", 48}, {"2002::", 16},      {"100::", 64},
    {"2001:db8::", 32},   {"fc00::", 7},       {"fe80::", 10},      {"ff00::", 8},
};

static int
addr_parse(const char *s, uint8_t out[16], bool *ret_v4)
{
	struct in_addr a4;

	if (inet_pton(AF_INET, s, &a4) == 1) {
		memset(out, 0, 10);
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &a4, 4);
		*ret_v4 = true;
		return 0;
	}
	*ret_v4 = false;
	return inet_pton(AF_INET6, s, out) == 1 ? 0 : E_FORMAT;
}

static bool
in_net(const uint8_t a[16], const uint8_t net[16], unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, net, bytes))
		return false;
	return !rest || ((a[bytes] ^ net[bytes]) >> (8 - rest)) == 0;
}

static bool
is_special(const uint8_t a[16])
{
	for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
		uint8_t net[16];
		bool v4 = false;
		if (addr_parse(special[i].net, net, &v4) == 0 && in_net(a, net, special[i].bits + (v4 ? 96 : 0)))
			return true;
	}
	return false;
}

static int
rule_parse(struct guard_rule *r, const char *s)
{
	char text[300], *slash;
	uint64_t bits;
	bool v4;

	memset(r, 0, sizeof *r);
	if (str_copy(text, sizeof text, s) < 0)
		return E_FORMAT;
	slash = strchr(text, '/');
	if (slash)
		*slash++ = 0;
	if (addr_parse(text, r->net, &v4) == 0) {
		if (str_u64(slash ? slash : v4 ? "32" : "128", v4 ? 32 : 128, &bits) < 0)
			return E_FORMAT;
		r->bits = (unsigned)bits + (v4 ? 96 : 0);
		return 0;
	}
	return slash ? E_FORMAT : host_parse(text, strlen(text), r->host);
}

int
guard_init(struct guard *g, const struct strs *allow, struct reason *why)
{
	g->n = 0;
	for (size_t i = 0; i < allow->n; i++) {
		if (g->n == GUARD_RULES_MAX)
			return reason_set(why, E_LIMIT, SP_CONFIG, "allow_private: more than %d entries",
			                  GUARD_RULES_MAX);
		if (rule_parse(&g->v[g->n], allow->v[i]) < 0)
			return reason_set(why, E_FORMAT, SP_CONFIG,
			                  "allow_private: found \"%s\", expected a host name, an address or a CIDR",
			                  allow->v[i]);
		g->n++;
	}
	return 0;
}

static int
sa_bytes(const struct sockaddr *sa, uint8_t out[16])
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof in);
		memset(out, 0, 10);
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &in.sin_addr, 4);
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof in6);
		memcpy(out, &in6.sin6_addr, 16);
		return 0;
	}
	return E_FORMAT;
}

int
guard_check(const struct guard *g, const char *host, const struct sockaddr *sa, struct reason *why)
{
	uint8_t a[16];

	if (sa_bytes(sa, a) < 0)
		return reason_set(why, E_DENIED, SP_LOGIN_PROVIDER, "%s: not an internet address", host);
	if (!is_special(a))
		return 0;
	for (size_t i = 0; i < g->n; i++) {
		const struct guard_rule *r = &g->v[i];
		if (r->host[0] ? !strcmp(r->host, host) : in_net(a, r->net, r->bits))
			return 0;
	}
	return reason_set(why, E_DENIED, SP_LOGIN_PROVIDER,
	                  "%s is at a private address; list it under allow_private in sallyportd.yml if that is meant",
	                  host);
}

#include "wire/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/str.h"

#define V1_MAX 107u /* CR LF included */
#define V2_FIXED 16u
#define V2_INET 12u
#define V2_INET6 36u

static const uint8_t v2_mark[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

void
proxy_in_init(struct proxy_in *p)
{
	p->n = 0;
	p->done = false;
	p->ip[0] = '\0';
	p->port = 0;
}

static int
refuse(struct reason *why, const char *text)
{
	return reason_set(why, E_FORMAT, SP_BAD_REQUEST, "PROXY header: %s", text);
}

static bool
port_ok(const char *s, uint16_t *ret_port)
{
	uint64_t v;

	if (!*s || (s[0] == '0' && s[1]) || str_u64(s, UINT16_MAX, &v) < 0)
		return false;
	*ret_port = (uint16_t)v;
	return true;
}

/* "TCP4 SRC DST SPORT DPORT" or "UNKNOWN ...", without CR LF. */
static int
parse_v1(struct proxy_in *p, char *line, struct reason *why)
{
	char *field[6] = {line}, text[PROXY_IP_MAX];
	uint8_t addr[16];
	uint16_t ignored;
	size_t n = 1;
	int family;

	if (!strcmp(line, "UNKNOWN") || str_starts(line, "UNKNOWN "))
		return 0;
	for (char *s = line; n < 6 && (s = strchr(s, ' ')); n++) {
		*s++ = '\0';
		field[n] = s;
	}
	family = !strcmp(field[0], "TCP4") ? AF_INET : !strcmp(field[0], "TCP6") ? AF_INET6 : -1;
	if (n != 5 || family < 0)
		return refuse(why, "not TCP4, TCP6 or UNKNOWN with two addresses and two ports");
	if (inet_pton(family, field[2], addr) != 1 || inet_pton(family, field[1], addr) != 1 ||
	    !inet_ntop(family, addr, text, sizeof text))
		return refuse(why, "an address is none");
	if (!port_ok(field[3], &p->port) || !port_ok(field[4], &ignored))
		return refuse(why, "a port is none");
	memcpy(p->ip, text, sizeof p->ip);
	return 0;
}

static int
parse_v2(struct proxy_in *p, struct reason *why)
{
	size_t len = (size_t)p->d[14] << 8 | p->d[15];
	unsigned command = p->d[12] & 15u, family = p->d[13] >> 4, transport = p->d[13] & 15u;
	const uint8_t *a = p->d + V2_FIXED;

	if (command == 0) /* LOCAL: its own health check */
		return 0;
	if (command != 1)
		return refuse(why, "unknown command");
	if (family > 3 || transport > 2)
		return refuse(why, "unknown family or transport");
	if (family == 0 || family == 3)
		return 0;
	if (transport != 1)
		return refuse(why, "not a stream");
	if (len < (family == 1 ? V2_INET : V2_INET6))
		return refuse(why, "shorter than its addresses");
	a += family == 1 ? 8 : 32;
	p->port = (uint16_t)(a[0] << 8 | a[1]);
	return inet_ntop(family == 1 ? AF_INET : AF_INET6, p->d + V2_FIXED, p->ip, sizeof p->ip)
	           ? 0
	           : refuse(why, "an address is none");
}

static int
step_v2(struct proxy_in *p, struct reason *why)
{
	size_t need = V2_FIXED + ((size_t)p->d[14] << 8 | p->d[15]);

	if (p->d[12] >> 4 != 2)
		return refuse(why, "unknown version");
	if (need > PROXY_HEAD_MAX)
		return refuse(why, "too long");
	if (p->n < need)
		return 0;
	p->done = true;
	return parse_v2(p, why);
}

static int
step_v1(struct proxy_in *p, struct reason *why)
{
	if (p->d[p->n - 1] != '\n')
		return p->n < V1_MAX ? 0 : refuse(why, "too long");
	if (p->n < 8 || p->d[p->n - 2] != '\r' || memchr(p->d, '\0', p->n))
		return refuse(why, "not one line of text");
	p->d[p->n - 2] = '\0';
	p->done = true;
	return parse_v1(p, (char *)p->d + 6, why);
}

int
proxy_in_feed(struct proxy_in *p, const uint8_t *d, size_t n, size_t *ret_used, struct reason *why)
{
	static const char v1_mark[] = "PROXY ";
	size_t used = 0;
	int e = 0;

	while (used < n && !p->done && e == 0) {
		size_t need = p->n + 1, take;

		if (p->n >= V2_FIXED && p->d[0] == v2_mark[0])
			need = V2_FIXED + ((size_t)p->d[14] << 8 | p->d[15]);
		take = need - p->n < n - used ? need - p->n : n - used;
		memcpy(p->d + p->n, d + used, take);
		p->n += take;
		used += take;
		if (p->d[0] == v2_mark[0]) {
			if (memcmp(p->d, v2_mark, p->n < sizeof v2_mark ? p->n : sizeof v2_mark) != 0)
				e = refuse(why, "missing");
			else if (p->n >= V2_FIXED)
				e = step_v2(p, why);
		} else if (memcmp(p->d, v1_mark, p->n < 6 ? p->n : 6) != 0) {
			e = refuse(why, "missing");
		} else {
			e = step_v1(p, why);
		}
	}
	*ret_used = used;
	return e;
}

/* PROXY headers of both versions: however the bytes are cut, the same answer; never a byte beyond the head; an address
 * is an address. */
#include <arpa/inet.h>

#include "fuzz.h"
#include "wire/proxy.h"

static int
run(struct proxy_in *p, const uint8_t *d, size_t n, size_t step, size_t *ret_at)
{
	struct reason why = {0};
	size_t at = 0, used = 0;
	int e = 0;

	proxy_in_init(p);
	while (at < n && !p->done && e == 0) {
		size_t k = step < n - at ? step : n - at;

		e = proxy_in_feed(p, d + at, k, &used, &why);
		MUST(used <= k && (e < 0 || p->done || used == k));
		at += used;
	}
	MUST(e == 0 || why.text[0]);
	*ret_at = at;
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	static struct proxy_in a, b;
	uint8_t addr[16];
	size_t whole, pieces;
	int e = run(&a, d, n, n ? n : 1, &whole), f = run(&b, d, n, 1, &pieces);

	MUST((e < 0) == (f < 0) && a.done == b.done && whole <= PROXY_HEAD_MAX);
	if (e == 0) {
		MUST(whole == pieces && !strcmp(a.ip, b.ip));
		MUST(!a.ip[0] || (a.done && inet_pton(strchr(a.ip, ':') ? AF_INET6 : AF_INET, a.ip, addr) == 1));
	}
	return 0;
}

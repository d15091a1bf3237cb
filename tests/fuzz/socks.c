/* SOCKS5 handshakes: however the bytes are cut, the same destination, the same answers; a destination is a valid one.
 */
#include "fuzz.h"
#include "wire/socks.h"

static int
run(struct socks_in *s, const uint8_t *d, size_t n, size_t step, struct buf *out, size_t *ret_at)
{
	struct reason why = {0};
	size_t at = 0;
	int e = 0;

	*s = (struct socks_in){0};
	while (at < n && s->state != SOCKS_DONE && e == 0) {
		size_t used = 0, k = step < n - at ? step : n - at;

		e = socks_in_feed(s, d + at, k, &used, out, &why);
		MUST(used <= k && s->n <= SOCKS_MSG_MAX && (e < 0 || used > 0));
		at += used;
	}
	MUST(e == 0 || why.text[0]);
	*ret_at = at;
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	static struct socks_in a, b;
	char host[HOST_MAX + 1];
	struct buf x, y;
	size_t whole, pieces;

	buf_init(&x, 64);
	buf_init(&y, 64);
	int e = run(&a, d, n, n ? n : 1, &x, &whole), f = run(&b, d, n, 1, &y, &pieces);
	MUST((e < 0) == (f < 0) && a.state == b.state && buf_len(&x) == buf_len(&y));
	MUST(!buf_len(&x) || !memcmp(buf_ptr(&x), buf_ptr(&y), buf_len(&x)));
	if (a.state == SOCKS_DONE) {
		MUST(e == 0 && whole == pieces && a.to.port && !strcmp(a.to.host, b.to.host));
		MUST(strchr(a.to.host, ':') || host_parse(a.to.host, strlen(a.to.host), host) == 0);
	}
	buf_release(&x);
	buf_release(&y);
	return 0;
}

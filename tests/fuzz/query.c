/* Query strings, percent-coding and HTML escaping. */
#include "core/url.h"
#include "fuzz.h"

static void
escapes(const char *s)
{
	struct buf out, back;

	buf_init(&out, BUF_MAX);
	buf_init(&back, BUF_MAX);
	MUST(url_escape(&out, s) == 0);
	MUST(url_unescape(&back, (const char *)buf_ptr(&out), buf_len(&out), true) == 0);
	MUST(slice_eq_str(buf_slice(&back), s));
	buf_clear(&out);
	MUST(html_escape(&out, s) == 0);
	MUST(!buf_len(&out) || !memchr(buf_ptr(&out), '<', buf_len(&out)));
	buf_release(&out);
	buf_release(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n);
	struct query q;

	if (query_parse((const char *)p, n, &q) == 0) {
		MUST(q.n <= QUERY_MAX);
		for (size_t i = 0; i < q.n; i++)
			MUST(q.v[i].name[0] && query_get(&q, q.v[i].name) == q.v[i].value);
		query_release(&q);
	}
	escapes(s);
	free(s);
	return 0;
}

/* The body of both http1 targets: what comes out must not depend on how the bytes came in. ROLE is the includer's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
note(struct buf *story, struct http1 *h, enum http1_event ev)
{
	const struct http1_header *v;
	if (ev == HTTP1_BODY) {
		buf_put_slice(story, http1_piece(h));
	} else if (ev == HTTP1_HEAD || ev == HTTP1_UPGRADE) {
		size_t n = http1_headers(h, &v);
		buf_putf(story, "[%d %s %s %u %d %d", (int)ev, http1_method(h), http1_target(h), http1_status(h),
		         http1_keep_alive(h), http1_expects_body(h));
		for (size_t i = 0; i < n; i++)
			buf_putf(story, "|%s:%s", v[i].name, v[i].value);
		buf_put_str(story, "]");
	} else if (ev == HTTP1_DONE) {
		buf_put_str(story, "[done]");
	}
}

/* False after an error or an upgrade. */
static bool
play_piece(struct http1 *h, const uint8_t *d, size_t n, struct buf *story)
{
	enum http1_event ev;
	size_t used;
	do {
		struct reason why = {0};
		if (http1_feed(h, d, n, &used, &ev, &why) < 0) {
			if (http1_error_status(h) < 400 || !why.text[0])
				abort();
			buf_putf(story, "[!]");
			return false;
		}
		if (used > n)
			abort();
		d += used;
		n -= used;
		note(story, h, ev);
		if (ev == HTTP1_UPGRADE)
			return false;
	} while (ev != HTTP1_MORE);
	if (n != 0)
		abort();
	return true;
}

static void
play(const uint8_t *d, size_t n, size_t cut, struct buf *story)
{
	struct http1 *h;
	enum http1_event ev;
	if (http1_new(ROLE, 65536, &h) < 0)
		return;
	buf_init(story, 1u << 20);
	uint8_t *a = malloc(cut + 1), *b = malloc(n - cut + 1);
	if (a && b) {
		memcpy(a, d, cut);
		memcpy(b, d + cut, n - cut);
		if (play_piece(h, a, cut, story) && play_piece(h, b, n - cut, story) && http1_eof(h, &ev) == 0)
			note(story, h, ev);
	}
	free(a);
	free(b);
	http1_free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct buf whole, parts;
	if (n < 2 || n > 60000)
		return 0;
	size_t cut = (size_t)d[0] * (n - 1) / 255;
	play(d + 1, n - 1, n - 1, &whole);
	play(d + 1, n - 1, cut, &parts);
	if (!slice_eq(buf_slice(&whole), buf_slice(&parts))) {
		fprintf(stderr, "whole: %s\nparts: %s\n", buf_cstr(&whole), buf_cstr(&parts));
		abort();
	}
	buf_release(&whole);
	buf_release(&parts);
	return 0;
}

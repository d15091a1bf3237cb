/* Frames in either role; what is accepted has the same payload however it is cut. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/websocket.h"

static void
play(enum ws_role role, const uint8_t *d, size_t n, size_t piece, struct buf *story)
{
	struct ws_in w;
	uint8_t *copy = malloc(n + 1);
	size_t at = 0;
	buf_init(story, 1u << 20);
	ws_in_init(&w, role);
	if (!copy)
		return;
	memcpy(copy, d, n);
	while (at < n) {
		struct ws_event ev;
		uint16_t code = 0;
		size_t used = 0, k = n - at < piece ? n - at : piece;
		struct reason why = {0};
		if (ws_in_feed(&w, copy + at, k, &used, &ev, &code, &why) < 0) {
			MUST(why.text[0]);
			if (code != 1002 && code != 1009)
				abort();
			buf_put_str(story, "!");
			break;
		}
		if (used == 0 || used > k)
			abort();
		at += used;
		if (ev.kind == WS_EV_CLOSE)
			buf_putf(story, "c%u", ev.code);
		if (ev.kind != WS_EV_NONE)
			buf_put(story, ev.p, ev.n);
	}
	free(copy);
}

/* What we write is read back by the other role, whole, and then the close. */
static void
written(enum ws_role from, const uint8_t *d, size_t n)
{
	static const uint8_t mask[4] = {1, 0x80, 0xff, 7};
	const uint8_t *m = from == WS_CLIENT ? mask : NULL;
	char *text = fuzz_text(d, n < 200 ? n : 200);
	struct buf wire, got;
	struct ws_in w;
	size_t at = 0;
	bool closed = false;

	buf_init(&wire, 1u << 20);
	buf_init(&got, 1u << 20);
	MUST(ws_put_frame(&wire, WS_BINARY, d, n, m) == 0 && ws_put_frame(&wire, WS_PING, d, n % 126, m) == 0);
	MUST(ws_put_close(&wire, 1000, n ? text : NULL, m) == 0);
	ws_in_init(&w, from == WS_CLIENT ? WS_SERVER : WS_CLIENT);
	while (at < buf_len(&wire)) {
		struct ws_event ev;
		uint16_t code = 0;
		size_t used = 0;

		if (ws_in_feed(&w, wire.d + wire.r + at, buf_len(&wire) - at, &used, &ev, &code, NULL) < 0)
			break; /* the text of a close is UTF-8 or refused */
		at += used;
		if (ev.kind == WS_EV_DATA)
			MUST(buf_put(&got, ev.p, ev.n) == 0);
		if (ev.kind == WS_EV_PING)
			MUST(ev.n == n % 126 && (!ev.n || !memcmp(ev.p, d, ev.n)));
		closed = closed || (ev.kind == WS_EV_CLOSE && ev.code == 1000);
	}
	MUST(closed && buf_len(&got) == n && (!n || !memcmp(buf_ptr(&got), d, n)));
	buf_release(&wire);
	buf_release(&got);
	if (ws_key_ok(text))
		MUST(strlen(text) == 24);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct buf a, b;
	if (n < 1 || n > 100000)
		return 0;
	enum ws_role role = d[0] & 1 ? WS_SERVER : WS_CLIENT;
	written(role, d + 1, n - 1);
	play(role, d + 1, n - 1, n, &a);
	play(role, d + 1, n - 1, 1 + d[0] / 2, &b);
	if (!slice_eq(buf_slice(&a), buf_slice(&b)))
		abort();
	buf_release(&a);
	buf_release(&b);
	return 0;
}

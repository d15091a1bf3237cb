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
		if (ws_in_feed(&w, copy + at, k, &used, &ev, &code, NULL) < 0) {
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

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct buf a, b;
	if (n < 1 || n > 100000)
		return 0;
	enum ws_role role = d[0] & 1 ? WS_SERVER : WS_CLIENT;
	play(role, d + 1, n - 1, n, &a);
	play(role, d + 1, n - 1, 1 + d[0] / 2, &b);
	if (!slice_eq(buf_slice(&a), buf_slice(&b)))
		abort();
	buf_release(&a);
	buf_release(&b);
	return 0;
}

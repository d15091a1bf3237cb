#include "edge/front/user_ws.h"

#include <stdlib.h>

#define PING_MS 54000

struct user_ws {
	struct conn *c;
	struct ws_in in;
	struct loop_timer ping;
	bool closed;
};

static int
put(struct user_ws *w, enum ws_op op, const uint8_t *d, size_t n)
{
	uint8_t head[WS_HEAD_MAX];
	unsigned k = ws_head(head, op, n, NULL);
	int e = conn_write(w->c, head, k);

	return e < 0 || !n ? e : conn_write(w->c, d, n);
}

static void
on_ping(void *arg)
{
	struct user_ws *w = arg;

	if (!w->closed)
		put(w, WS_PING, NULL, 0);
}

int
user_ws_new(struct loop *loop, struct conn *c, struct user_ws **ret_w)
{
	struct user_ws *w = calloc(1, sizeof *w);

	if (!w)
		return E_NOMEM;
	w->c = c;
	ws_in_init(&w->in, WS_SERVER);
	if (timer_repeat(loop, &w->ping, PING_MS, on_ping, w) < 0) {
		free(w);
		return E_NOMEM;
	}
	*ret_w = w;
	return 0;
}

void
user_ws_free(struct user_ws *w)
{
	if (w)
		timer_stop(&w->ping);
	free(w);
}

int
user_ws_write(struct user_ws *w, const uint8_t *d, size_t n)
{
	return w->closed ? E_STATE : put(w, WS_BINARY, d, n);
}

void
user_ws_close(struct user_ws *w, uint16_t code)
{
	struct buf b;

	if (w->closed)
		return;
	w->closed = true;
	buf_init(&b, 256);
	if (ws_put_close(&b, code, "", NULL) == 0)
		conn_write(w->c, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
}

int
user_ws_data(struct user_ws *w, uint8_t *d, size_t n, int (*give)(void *arg, const uint8_t *d, size_t n), void *arg)
{
	struct reason why = {0};

	while (n) {
		struct ws_event ev = {0};
		uint16_t code = 0;
		size_t used = 0;
		int e = ws_in_feed(&w->in, d, n, &used, &ev, &code, &why);

		if (e < 0) {
			user_ws_close(w, code);
			return e;
		}
		d += used;
		n -= used;
		if (ev.kind == WS_EV_CLOSE)
			return 1;
		if (ev.kind == WS_EV_DATA && !ev.text && ev.n)
			e = give(arg, ev.p, ev.n);
		else if (ev.kind == WS_EV_PING && !w->closed)
			e = put(w, WS_PONG, ev.p, ev.n);
		if (e < 0)
			return e;
	}
	return 0;
}

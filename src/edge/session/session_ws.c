#include "edge/session/session_ws.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/str.h"
#include "crypto/random.h"

struct sws {
	struct loop *loop;
	struct conn *c;
	enum ws_role role;
	const struct sws_ops *ops;
	void *arg;
	struct ws_in in;
	uint32_t seen;   /* in.starts of the message that is being handed up */
	bool in_message; /* a part with begin was handed up, none with end */
	bool open, closing, over, freed;
	unsigned depth;  /* inside callbacks */
	unsigned status; /* client: of the answer, while its text is gathered */
	struct buf head;
	int64_t heard;
};

static void
let_go(struct sws *w)
{
	if (w->depth || !w->freed)
		return;
	buf_release(&w->head);
	free(w);
}

static void
drop_conn(struct sws *w)
{
	struct conn *c = w->c;

	w->c = NULL;
	if (!c)
		return;
	conn_set_ops(c, NULL, NULL);
	conn_shutdown(c);
	conn_close(c);
}

static void
over(struct sws *w, enum sws_why why, unsigned code, const char *text)
{
	if (w->over)
		return;
	w->over = true;
	drop_conn(w);
	if (w->freed)
		return;
	w->depth++;
	w->ops->closed(w, why, code, text, w->arg);
	w->depth--;
}

static int
put_close(struct sws *w, uint16_t code, const char *text)
{
	struct buf b;
	uint8_t mask[4];

	if (w->closing || !w->c || !w->open)
		return 0;
	w->closing = true;
	buf_init(&b, 256);
	random_bytes(mask, sizeof mask);
	int e = ws_put_close(&b, code, text, w->role == WS_CLIENT ? mask : NULL);
	if (e == 0)
		e = conn_write(w->c, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
	return e;
}

static void
give(struct sws *w, uint8_t *p, size_t n, bool begin, bool end)
{
	struct sws_part d = {.p = p, .n = n, .text = w->in.op == WS_TEXT, .begin = begin, .end = end};

	w->in_message = !end;
	w->depth++;
	w->ops->part(w, &d, w->arg);
	w->depth--;
}

/* An empty message, or the empty end of one, makes no event: it shows in what is counted. */
static void
end_passed(struct sws *w)
{
	bool whole = !w->in.in_message && !w->in.in_frame;

	if (w->in_message && (w->seen != w->in.starts || whole))
		give(w, NULL, 0, false, true);
	w->seen = w->in.starts;
}

static void
take_event(struct sws *w, const struct ws_event *ev)
{
	bool begin = !w->in_message || w->seen != w->in.starts;

	switch (ev->kind) {
	case WS_EV_DATA:
		if (w->in_message && begin)
			give(w, NULL, 0, false, true);
		w->seen = w->in.starts;
		if (!w->over && !w->freed)
			give(w, ev->p, ev->n, begin, !w->in.in_message && !w->in.in_frame);
		return;
	case WS_EV_PING:
		sws_send(w, WS_PONG, ev->p, ev->n);
		return;
	case WS_EV_CLOSE:
		put_close(w, ev->code == 1005 ? 1000 : ev->code, NULL);
		over(w, SWS_CLOSED, ev->code, "");
		return;
	default:
		end_passed(w);
	}
}

static void
feed(struct sws *w, uint8_t *d, size_t n)
{
	while (n && !w->over && !w->freed) {
		struct reason why = {0};
		struct ws_event ev;
		uint16_t code;
		size_t used;

		if (ws_in_feed(&w->in, d, n, &used, &ev, &code, &why) < 0) {
			put_close(w, code, why.text);
			over(w, SWS_PROTOCOL, code, why.text);
			return;
		}
		d += used;
		n -= used;
		take_event(w, &ev);
	}
}

/* --- the answer's head, for a client ----------------------------------------------------------------------------- */

static void
refused(struct sws *w)
{
	const char *text = buf_cstr(&w->head);
	char line[SWS_REFUSAL_MAX + 1];
	size_t n = text ? strcspn(text, "\r\n") : 0;

	if (n > SWS_REFUSAL_MAX)
		n = SWS_REFUSAL_MAX;
	memcpy(line, text ? text : "", n);
	line[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	over(w, SWS_REFUSED, w->status, line);
}

/* "HTTP/1.1 101 ..." up to the empty line; what follows it in d is left there. */
static size_t
take_head(struct sws *w, const uint8_t *d, size_t n)
{
	size_t i = 0;

	while (i < n && !(buf_len(&w->head) >= 4 && !memcmp(buf_ptr(&w->head) + buf_len(&w->head) - 4, "\r\n\r\n", 4)))
		if (buf_put(&w->head, d + i++, 1) < 0) {
			over(w, SWS_PROTOCOL, 0, "the answer's head is too long");
			return n;
		}
	size_t have = buf_len(&w->head);
	if (have < 4 || memcmp(buf_ptr(&w->head) + have - 4, "\r\n\r\n", 4))
		return i;
	const char *p = (const char *)buf_ptr(&w->head);
	uint64_t status = 0;
	char digits[4] = {0};
	if (have > 12 && !memcmp(p, "HTTP/1.1 ", 9))
		memcpy(digits, p + 9, 3);
	if (str_u64(digits, 599, &status) < 0 || status < 101) {
		over(w, SWS_PROTOCOL, 0, "no HTTP answer");
		return n;
	}
	buf_clear(&w->head);
	w->status = (unsigned)status;
	w->open = status == 101;
	if (w->open && w->ops->open) {
		w->depth++;
		w->ops->open(w, w->arg);
		w->depth--;
	}
	return i;
}

static void
on_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct sws *w = arg;

	w->depth++;
	w->heard = loop_now(w->loop);
	if (!w->open && !w->status) {
		size_t k = take_head(w, d, n);
		d += k;
		n -= k;
	}
	if (w->open)
		feed(w, d, n);
	else if (w->status && n && !w->over) /* its text; more than fits is not needed */
		buf_put(&w->head, d, n < buf_room(&w->head) ? n : buf_room(&w->head));
	w->depth--;
	let_go(w);
}

static void
on_drained(struct conn *c, void *arg)
{
	struct sws *w = arg;

	if (!w->ops->drained || w->over)
		return;
	w->depth++;
	w->ops->drained(w, w->arg);
	w->depth--;
	let_go(w);
}

static void
on_eof(struct conn *c, void *arg)
{
	struct sws *w = arg;

	w->depth++;
	if (w->status && !w->open)
		refused(w);
	else
		over(w, SWS_LOST, 0, "the connection ended");
	w->depth--;
	let_go(w);
}

static void
on_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct sws *w = arg;

	w->c = NULL;
	w->depth++;
	if (w->status && !w->open)
		refused(w);
	else
		over(w, w->closing ? SWS_CLOSED : SWS_LOST, 0, conn_why_str(why));
	w->depth--;
	let_go(w);
}

static const struct conn_ops conn_ops_ = {.data = on_data, .drained = on_drained, .eof = on_eof, .closed = on_closed};

int
sws_new(struct loop *l, int fd, enum ws_role role, const struct sws_ops *ops, void *arg, struct sws **ret_w)
{
	struct sws *w = calloc(1, sizeof *w);

	if (!w) {
		close(fd);
		return E_NOMEM;
	}
	w->loop = l;
	w->role = role;
	w->ops = ops;
	w->arg = arg;
	w->open = role == WS_SERVER;
	w->heard = loop_now(l);
	ws_in_init(&w->in, role);
	buf_init(&w->head, SWS_HEAD_MAX);
	int e = conn_new_fd(l, fd, fd, &conn_ops_, w, &w->c);
	if (e < 0) {
		free(w);
		return e;
	}
	*ret_w = w;
	return 0;
}

void
sws_free(struct sws *w)
{
	if (!w || w->freed)
		return;
	w->freed = true;
	drop_conn(w);
	let_go(w);
}

int
sws_send2(struct sws *w, enum ws_op op, const void *a, size_t na, const void *b, size_t nb)
{
	uint8_t head[WS_HEAD_MAX], mask[4], *copy = NULL;
	int e;

	if (!w->c || !w->open || w->closing)
		return E_CLOSED;
	if (conn_queued(w->c) + na + nb > SWS_OUT_MAX)
		return E_LIMIT;
	if (w->role == WS_SERVER) {
		unsigned k = ws_head(head, op, na + nb, NULL);
		if ((e = conn_write(w->c, head, k)) < 0 || (e = conn_write(w->c, a, na)) < 0 || !nb)
			return e;
		return conn_write(w->c, b, nb);
	}
	random_bytes(mask, sizeof mask);
	copy = malloc(na + nb + 1);
	if (!copy)
		return E_NOMEM;
	memcpy(copy, a, na);
	if (nb)
		memcpy(copy + na, b, nb);
	ws_mask(copy, na + nb, mask, 0);
	unsigned k = ws_head(head, op, na + nb, mask);
	e = conn_write(w->c, head, k);
	if (e == 0)
		e = conn_write(w->c, copy, na + nb);
	free(copy);
	return e;
}

int
sws_send(struct sws *w, enum ws_op op, const void *p, size_t n)
{
	return sws_send2(w, op, p, n, NULL, 0);
}

int
sws_ping(struct sws *w)
{
	return sws_send(w, WS_PING, "", 0);
}

void
sws_close(struct sws *w, uint16_t code, const char *text)
{
	if (!w->c)
		return;
	put_close(w, code, text);
	conn_shutdown(w->c); /* flushes first; the peer's close, or its end, ends ours */
}

void
sws_hold(struct sws *w, bool on)
{
	if (!w->c)
		return;
	if (on)
		conn_pause(w->c);
	else
		conn_resume(w->c);
}

size_t
sws_queued(const struct sws *w)
{
	return w->c ? conn_queued(w->c) : 0;
}

int64_t
sws_heard(const struct sws *w)
{
	return w->heard;
}

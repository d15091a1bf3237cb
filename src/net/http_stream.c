/* http_stream: of http_server, a request whose body and answer go by in pieces. */
#include <stdio.h>
#include <string.h>

#include "net/http_server_int.h"

void
http_stream_continue(struct http_server *s)
{
	if (s->expects)
		conn_write(s->c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	s->expects = false;
}

/* --- streams: the request's body ------------------------------------------------------------------------------------
 */

/* The body breaks the rules, or takes too long: an answer while that is still possible, then the end. */
static void
break_stream(struct http_server *s, unsigned status, const char *text)
{
	if (s->head_sent) {
		http_server_dead(s);
		return;
	}
	s->ops->broken(s, s->arg);
	http_server_refuse(s, status, text);
}

static void
on_body_timer(void *arg)
{
	struct http_server *s = arg;

	if (s->flow && !s->moved) {
		break_stream(s, 408, "the request took too long");
		return;
	}
	s->moved = false;
	if (timer_start(s->l, &s->t, s->lim.body_ms, on_body_timer, s) < 0)
		http_server_dead(s);
}

/* Pieces go up until the owner holds them back; then the rest waits. */
void
http_stream_feed(struct http_server *s, uint8_t *d, size_t n)
{
	struct reason why = {0};
	enum http1_event ev = HTTP1_MORE;
	size_t used = 0;
	bool more = true;

	s->feeding = s->moved = true;
	while (more && s->st == ST_ANSWER && s->unread && s->flow) {
		if (http1_feed(s->h, d, n, &used, &ev, &why) < 0) {
			s->feeding = false;
			break_stream(s, http1_error_status(s->h), why.text[0] ? why.text : "malformed body");
			return;
		}
		d += used;
		n -= used;
		more = n || ev != HTTP1_MORE;
		if (ev == HTTP1_BODY) {
			struct slice p = http1_piece(s->h);

			s->ops->body(s, (uint8_t *)(uintptr_t)p.p, p.n, s->arg);
		} else if (ev == HTTP1_DONE) {
			s->unread = false;
			timer_stop(&s->t);
			s->feeding = false;
			if (n && buf_put(&s->rest, d, n) < 0) {
				http_server_dead(s);
				return;
			}
			conn_resume(s->c);
			s->ops->body_end(s, s->arg);
			return;
		}
	}
	s->feeding = false;
	if (s->st != ST_ANSWER)
		return;
	if (n && buf_put(&s->rest, d, n) < 0)
		http_server_dead(s);
	else if (s->flow)
		conn_resume(s->c);
}

void
http_server_body(struct http_server *s, bool on)
{
	struct buf in;

	if (s->st != ST_ANSWER || !s->unread || s->flow == on)
		return;
	s->flow = on;
	if (!on) {
		conn_pause(s->c);
		return;
	}
	http_stream_continue(s);
	s->moved = true;
	if (!timer_active(&s->t) && timer_start(s->l, &s->t, s->lim.body_ms, on_body_timer, s) < 0) {
		http_server_dead(s);
		return;
	}
	if (s->feeding) /* the loop below goes on */
		return;
	in = s->rest;
	buf_init(&s->rest, in.max);
	if (buf_len(&in))
		http_stream_feed(s, in.d + in.r, buf_len(&in));
	else
		conn_resume(s->c);
	buf_release(&in);
}

/* --- streams: the answer ---------------------------------------------------------------------------------------------
 */

static void
on_send_timer(void *arg)
{
	struct http_server *s = arg;
	size_t queued = conn_queued(s->c);

	/* What left since then: what was queued and what was written, less what waits now. */
	if (queued && queued >= s->queued + (size_t)(conn_bytes_out(s->c) - s->written)) {
		http_server_dead(s);
		return;
	}
	s->queued = queued;
	s->written = conn_bytes_out(s->c);
	if (timer_start(s->l, &s->send, s->lim.send_ms, on_send_timer, s) < 0)
		http_server_dead(s);
}

int
http_server_head(struct http_server *s, const struct http_reply *a, int64_t length)
{
	bool bodyless = a->status == 204 || a->status == 304 || !strcmp(s->req.method ? s->req.method : "", "HEAD");
	bool close, chunks;
	struct buf head;
	int e;

	if (s->st != ST_ANSWER || s->head_sent)
		return E_STATE;
	chunks = length < 0 && !bodyless && http1_minor(s->h) > 0;
	close =
	    a->close || !s->keep || s->finish || s->req.upgrade || s->unread || (length < 0 && !chunks && !bodyless);
	buf_init(&head, (256u << 10) + HTTP_OWN_HEADERS);
	if ((e = http_server_put_head(&head, a, close, length, chunks)) == 0)
		e = conn_write(s->c, buf_ptr(&head), buf_len(&head));
	buf_release(&head);
	if (e < 0)
		return e;
	s->head_sent = true;
	s->framing = bodyless ? FRAME_NONE : length >= 0 ? FRAME_LENGTH : chunks ? FRAME_CHUNKS : FRAME_CLOSE;
	s->left = length > 0 ? (uint64_t)length : 0;
	if (close)
		s->keep = false;
	s->queued = conn_queued(s->c);
	s->written = conn_bytes_out(s->c);
	if (timer_start(s->l, &s->send, s->lim.send_ms, on_send_timer, s) < 0)
		return E_NOMEM;
	return 0;
}

/* In one write: each would be a TLS record of its own. */
static int
write_chunk(struct http_server *s, const void *d, size_t n)
{
	struct buf b;
	int e;

	buf_init(&b, n + 32);
	if ((e = buf_putf(&b, "%zx\r\n", n)) == 0 && (e = buf_put(&b, d, n)) == 0 && (e = buf_put(&b, "\r\n", 2)) == 0)
		e = conn_write(s->c, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
	return e;
}

int
http_server_write(struct http_server *s, const void *d, size_t n)
{
	if (s->st != ST_ANSWER || !s->head_sent)
		return E_STATE;
	if (n == 0 || s->framing == FRAME_NONE)
		return 0;
	if (s->framing == FRAME_CHUNKS)
		return write_chunk(s, d, n);
	if (s->framing == FRAME_LENGTH) {
		if (n > s->left)
			return E_RANGE;
		s->left -= n;
	}
	return conn_write(s->c, d, n);
}

void
http_server_end(struct http_server *s)
{
	if (s->st != ST_ANSWER || !s->head_sent)
		return;
	if (s->framing == FRAME_LENGTH && s->left) {
		http_server_break(s);
		return;
	}
	if (s->framing == FRAME_CHUNKS && conn_write(s->c, "0\r\n\r\n", 5) < 0) {
		http_server_dead(s);
		return;
	}
	http_server_answered(s);
}

/* Without close_notify and by reset: under FRAME_CLOSE an orderly end would look like a whole answer. */
void
http_server_break(struct http_server *s)
{
	if (s->st != ST_ANSWER || !s->head_sent)
		return;
	s->st = ST_DEAD;
	timer_stop(&s->t);
	timer_stop(&s->send);
	conn_abort(s->c);
}

bool
http_server_answering(const struct http_server *s)
{
	return s->head_sent;
}

const struct http_request *
http_server_request(const struct http_server *s)
{
	return s->st == ST_ANSWER ? &s->req : NULL;
}

static void
on_moved(struct conn *c, void *arg)
{
	struct http_server *s = arg;

	(void)c;
	s->arrived(s, s->arrived_arg);
}

int
http_server_move(struct http_server *s, struct loop *to, void (*fn)(struct http_server *s, void *arg), void *arg)
{
	struct loop *from = s->l;
	int e;

	if (s->st != ST_ANSWER || s->flow || s->head_sent)
		return E_STATE;
	s->l = to;
	s->arrived = fn;
	s->arrived_arg = arg;
	e = conn_move(s->c, to, on_moved, s);
	if (e < 0)
		s->l = from;
	return e;
}

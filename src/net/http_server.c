#include "net/http_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"
#include "net/http_server_int.h"

#define LINGER_MS 2000            /* after our last byte: lets the peer read it before a reset could destroy it */
#define LINGER_BYTES (256u << 10) /* what such a peer may still send */

static void run(struct http_server *s, const uint8_t *d, size_t n);

void
http_server_dead(struct http_server *s)
{
	if (s->st == ST_DEAD)
		return;
	s->st = ST_DEAD;
	timer_stop(&s->t);
	timer_stop(&s->send);
	conn_close(s->c);
}

static void
linger(struct http_server *s)
{
	s->st = ST_LINGER;
	buf_release(&s->rest);
	conn_shutdown(s->c);
	if (s->eof && conn_queued(s->c) == 0)
		http_server_dead(s);
	else
		conn_resume(s->c);
}

static void
on_timer(void *arg)
{
	struct http_server *s = arg;

	if (s->st == ST_HEAD || s->st == ST_BODY) {
		if (s->ops->refused)
			s->ops->refused(s, 408, s->arg);
		s->st = ST_ANSWER;
		http_server_text(s, 408, "SP-1001 the request took too long", true);
		return;
	}
	http_server_dead(s);
}

/* The one setter of the states that have a deadline. */
static void
set_state(struct http_server *s, enum http_state st)
{
	const int64_t ms[] = {[ST_OPENING] = s->lim.handshake_ms,
	                      [ST_IDLE] = s->lim.idle_ms,
	                      [ST_HEAD] = s->lim.head_ms,
	                      [ST_BODY] = s->lim.body_ms,
	                      [ST_ANSWER] = 0,
	                      [ST_FLUSH] = s->lim.send_ms};

	s->st = st;
	timer_stop(&s->t);
	if (ms[st] > 0 && timer_start(s->l, &s->t, ms[st], on_timer, s) < 0)
		http_server_dead(s);
}

/* By arithmetic: the library's calendar functions open the time zone's file, which a confined process may not. */
void
http_date(int64_t wall, char out[static 32])
{
	static const char day[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"}; /* 1970-01-01 was a Thursday */
	static const char mon[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	char t[24]; /* 2026-11-22T10:00:00Z */
	unsigned m;

	if (wall < 0)
		wall = 0;
	time_format(wall, t);
	m = (unsigned)(t[5] - '0') * 10 + (unsigned)(t[6] - '0');
	snprintf(out, 32, "%s, %.2s %s %.4s %.8s GMT", day[wall / 86400 % 7], t + 8, mon[(m + 11) % 12], t, t + 11);
}

const char *
http_request_header(const struct http_request *r, const char *name, size_t *ret_n)
{
	const char *v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < r->nheaders; i++) {
		if (strcmp(r->headers[i].name, name) != 0)
			continue;
		if (n++ == 0)
			v = r->headers[i].value;
	}
	if (ret_n)
		*ret_n = n;
	return v;
}

static bool
ours(const char *name)
{
	static const char *const own[] = {"content-length", "date", "connection", "transfer-encoding", "keep-alive"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcasecmp(name, own[i]) == 0)
			return true;
	return false;
}

int
http_server_put_head(struct buf *out, const struct http_reply *a, bool close, int64_t length, bool chunks)
{
	char date[32], len[24];
	bool bodyless = a->status == 204 || a->status == 304;
	int e;

	http_date(clock_wall(), date);
	snprintf(len, sizeof len, "%lld", (long long)length);
	if ((e = http1_put_status(out, a->status)) < 0)
		return e;
	for (size_t i = 0; i < a->nheaders; i++)
		if (!ours(a->headers[i].name) &&
		    (e = http1_put_header(out, a->headers[i].name, a->headers[i].value)) < 0)
			return e;
	if ((e = http1_put_header(out, "date", date)) < 0)
		return e;
	if (!bodyless && length >= 0 && (e = http1_put_header(out, "content-length", len)) < 0)
		return e;
	if (chunks && (e = http1_put_header(out, "transfer-encoding", "chunked")) < 0)
		return e;
	if ((e = http1_put_header(out, "connection", close ? "close" : "keep-alive")) < 0)
		return e;
	return http1_put_end(out);
}

/* Ready for the next request, or for the end. */
void
http_server_answered(struct http_server *s)
{
	bool unread = s->unread;

	s->unread = s->flow = s->expects = s->head_sent = false;
	timer_stop(&s->t);
	timer_stop(&s->send);
	buf_release(&s->body);
	http1_free(s->h);
	s->h = NULL;
	memset(&s->req, 0, sizeof s->req);
	if (unread) /* what comes is the rest of a body that nobody reads: no request may be looked for in it */
		s->keep = false;
	if (!s->keep || s->finish || (s->eof && buf_len(&s->rest) == 0)) {
		timer_stop(&s->t);
		linger(s);
		if (s->st == ST_LINGER &&
		    timer_start(s->l, &s->t, conn_queued(s->c) ? s->lim.send_ms : LINGER_MS, on_timer, s) < 0)
			http_server_dead(s);
		return;
	}
	if (conn_queued(s->c) > CONN_MARK) {
		set_state(s, ST_FLUSH);
		return;
	}
	set_state(s, ST_IDLE);
	if (!s->gone)
		run(s, NULL, 0);
}

int
http_server_respond(struct http_server *s, const struct http_reply *a)
{
	static const struct http_reply broken = {.status = 500, .close = true};
	bool head_only, close;
	struct buf head;
	int e;

	if (s->st != ST_ANSWER || s->head_sent)
		return E_STATE;
	close = a->close || !s->keep || s->finish || s->req.upgrade || s->unread;
	head_only = s->req.method && strcmp(s->req.method, "HEAD") == 0;
	buf_init(&head, (256u << 10) + HTTP_OWN_HEADERS);
	if ((e = http_server_put_head(&head, a, close, (int64_t)a->body.n, false)) < 0) {
		buf_clear(&head);
		a = &broken;
		close = true;
		if ((e = http_server_put_head(&head, a, true, 0, false)) < 0)
			goto out;
	}
	if ((e = conn_write(s->c, buf_ptr(&head), buf_len(&head))) < 0)
		goto out;
	if (!head_only && a->status != 204 && a->status != 304 && a->body.n)
		e = conn_write(s->c, a->body.p, a->body.n);
out:
	buf_release(&head);
	if (e < 0) {
		http_server_dead(s);
		return e;
	}
	if (close)
		s->keep = false;
	http_server_answered(s);
	return 0;
}

int
http_server_text(struct http_server *s, unsigned status, const char *text, bool close)
{
	static const struct http1_header h[] = {{"content-type", "text/plain; charset=utf-8"},
	                                        {"cache-control", "no-store"}};
	char line[512];
	int n = snprintf(line, sizeof line, "%s\n", text);

	return http_server_respond(
	    s,
	    &(struct http_reply){.status = status,
	                         .headers = h,
	                         .nheaders = 2,
	                         .body = {(const uint8_t *)line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1},
	                         .close = close});
}

/* The peer broke the rules: one answer, then the end. */
void
http_server_refuse(struct http_server *s, unsigned status, const char *text)
{
	char line[300];

	if (s->ops->refused)
		s->ops->refused(s, status, s->arg);
	if (s->st == ST_DEAD)
		return;
	set_state(s, ST_ANSWER);
	s->keep = false;
	snprintf(line, sizeof line, "SP-%d %s",
	         status == 413 || status == 414 || status == 431 ? SP_TOO_LARGE : SP_BAD_REQUEST, text);
	http_server_text(s, status, line, true);
}

/* The head is there: what must be answered before the body. False when the session was refused. */
static bool
check_head(struct http_server *s)
{
	const char *host = http1_header_get(s->h, "host"), *expect = http1_header_get(s->h, "expect");
	struct hostport hp;

	s->req.method = http1_method(s->h);
	if (!host || hostport_parse(host, 0, &hp) < 0) {
		http_server_refuse(s, 400, "bad Host header");
		return false;
	}
	memcpy(s->req.host, hp.host, sizeof s->req.host);
	s->req.port = hp.port;
	if (http1_target(s->h)[0] != '/') {
		http_server_refuse(s, 400, "bad request target");
		return false;
	}
	if (http1_upgrade(s->h) && http1_header_get(s->h, "upgrade") && http1_expects_body(s->h)) {
		http_server_refuse(s, 400, "upgrade with a body");
		return false;
	}
	s->keep = http1_keep_alive(s->h);
	if (!expect)
		return true;
	if (strcasecmp(expect, "100-continue") != 0) {
		http_server_refuse(s, 417, "unknown expectation");
		return false;
	}
	s->expects = http1_expects_body(s->h);
	return true;
}

static void
fill_request(struct http_server *s)
{
	const char *length = http1_header_get(s->h, "content-length");
	uint64_t n = 0;

	s->req.method = http1_method(s->h);
	s->req.target = http1_target(s->h);
	s->req.nheaders = http1_headers(s->h, &s->req.headers);
	s->req.follows = http1_expects_body(s->h);
	s->req.length = length && str_u64(length, INT64_MAX, &n) == 0 ? (int64_t)n : s->req.follows ? -1 : 0;
}

static void
deliver(struct http_server *s, bool upgrade)
{
	set_state(s, ST_ANSWER);
	fill_request(s);
	s->req.body = buf_slice(&s->body);
	s->req.upgrade = upgrade;
	s->ops->request(s, &s->req, s->arg);
}

/* The head of a request whose body is collected, unless the owner wants it as a stream. */
static void
begin_body(struct http_server *s)
{
	fill_request(s);
	if (s->ops->streams && s->ops->streams(s, &s->req, s->arg)) {
		s->req.streamed = true;
		s->unread = s->req.follows;
		if (!s->unread) /* HTTP1_DONE follows at once, without a byte of its own */
			set_state(s, ST_BODY);
		return;
	}
	if (s->req.length >= 0 && (uint64_t)s->req.length > s->lim.body_max) {
		http_server_refuse(s, 413, "body too large");
		return;
	}
	set_state(s, ST_BODY);
	http_stream_continue(s);
}

static void
on_event(struct http_server *s, enum http1_event ev)
{
	switch (ev) {
	case HTTP1_MORE:
		break;
	case HTTP1_HEAD:
		if (check_head(s))
			begin_body(s);
		break;
	case HTTP1_BODY:
		if (buf_put_slice(&s->body, http1_piece(s->h)) < 0)
			http_server_refuse(s, 413, "body too large");
		break;
	case HTTP1_UPGRADE: /* with or without a HTTP1_HEAD before it */
		if (s->st == ST_HEAD && check_head(s))
			set_state(s, ST_BODY);
		break;
	case HTTP1_DONE:
		break;
	}
}

static bool
reading(const struct http_server *s)
{
	return s->st == ST_IDLE || s->st == ST_HEAD || s->st == ST_BODY;
}

/* Takes bytes of one request; what is left waits in rest. deliver() comes last: it may free s (http_server_take). */
static void
feed(struct http_server *s, const uint8_t *d, size_t n)
{
	struct reason why = {0};
	enum http1_event ev = HTTP1_MORE;
	size_t used = 0;

	/* Empty lines before a request are the peer's sloppiness (RFC 9112 section 2.2), not a head that has begun. */
	while (s->st == ST_IDLE && n && (*d == '\r' || *d == '\n')) {
		d++;
		n--;
	}
	if (n == 0)
		return;
	if (!s->h && http1_new(HTTP1_SERVER, UINT64_MAX, &s->h) < 0) {
		http_server_dead(s);
		return;
	}
	if (s->st == ST_IDLE)
		set_state(s, ST_HEAD);
	do { /* once more without bytes after a head: the end of a message without a body is an event of its own */
		if (http1_feed(s->h, d, n, &used, &ev, &why) < 0) {
			http_server_refuse(s, http1_error_status(s->h), why.text[0] ? why.text : "malformed request");
			return;
		}
		d += used;
		n -= used;
		on_event(s, ev);
	} while (reading(s) && !s->unread && ev != HTTP1_DONE && ev != HTTP1_UPGRADE && (n || ev != HTTP1_MORE));
	if (!reading(s) || (!s->unread && ev != HTTP1_DONE && ev != HTTP1_UPGRADE))
		return;
	if (n && buf_put(&s->rest, d, n) < 0) {
		http_server_dead(s);
		return;
	}
	deliver(s, ev == HTTP1_UPGRADE);
}

/* Feeds d, then the pipelined requests that wait in rest. Not recursive: an answer given inside request() only sets the
 * state. */
static void
run(struct http_server *s, const uint8_t *d, size_t n)
{
	bool gone = false;

	s->gone = &gone;
	feed(s, d, n);
	while (!gone && s->st == ST_IDLE && buf_len(&s->rest)) {
		struct buf in = s->rest;

		buf_init(&s->rest, in.max);
		feed(s, buf_ptr(&in), buf_len(&in));
		buf_release(&in);
	}
	if (gone)
		return;
	s->gone = NULL;
	if (reading(s))
		conn_resume(s->c);
}

static void
on_opened(struct conn *c, void *arg)
{
	struct http_server *s = arg;

	(void)c;
	set_state(s, ST_IDLE);
	/* The first head's deadline begins with the connection. */
	if (timer_start(s->l, &s->t, s->lim.head_ms, on_timer, s) < 0)
		http_server_dead(s);
	if (s->ops->opened)
		s->ops->opened(s, s->arg);
}

static void
on_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct http_server *s = arg;

	switch (s->st) {
	case ST_IDLE:
	case ST_HEAD:
	case ST_BODY:
		run(s, d, n);
		break;
	case ST_ANSWER:
		if (s->unread && s->flow && !s->feeding && buf_len(&s->rest) == 0) {
			http_stream_feed(s, d, n);
			break;
		}
		/* fall through */
	case ST_FLUSH:
		if (buf_put(&s->rest, d, n) < 0)
			http_server_dead(s);
		else if (buf_len(&s->rest) >= HTTP_REST_MAX)
			conn_pause(c);
		break;
	case ST_LINGER:
		s->lingered += n;
		if (s->lingered > LINGER_BYTES)
			http_server_dead(s);
		break;
	case ST_OPENING:
	case ST_DEAD:
		break;
	}
}

static void
on_drained(struct conn *c, void *arg)
{
	struct http_server *s = arg;

	(void)c;
	if (s->st == ST_ANSWER && s->head_sent && s->ops->drained)
		s->ops->drained(s, s->arg);
	if (s->st != ST_FLUSH)
		return;
	set_state(s, ST_IDLE);
	run(s, NULL, 0);
}

static void
on_eof(struct conn *c, void *arg)
{
	struct http_server *s = arg;

	s->eof = true;
	/* A streamed answer to nobody would hold the service's connection for as long as it has something to say. */
	if (reading(s) || (s->st == ST_ANSWER && (s->unread || s->head_sent)) || s->st == ST_OPENING ||
	    (s->st == ST_LINGER && conn_queued(c) == 0))
		http_server_dead(s);
}

static void
on_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct http_server *s = arg;

	(void)c;
	s->st = ST_DEAD;
	s->ops->closed(s, why, s->arg);
	timer_stop(&s->t);
	timer_stop(&s->send);
	http1_free(s->h);
	buf_release(&s->rest);
	buf_release(&s->body);
	free(s);
}

static const struct conn_ops server_ops = {
    .opened = on_opened, .data = on_data, .drained = on_drained, .eof = on_eof, .closed = on_closed};

int
http_server_new(struct loop *l, int fd, struct tls_ctx *tls, const struct http_limits *lim,
                const struct http_server_ops *ops, void *arg, struct http_server **ret_s)
{
	struct http_server *s = calloc(1, sizeof *s);
	int e;

	if (!s) {
		close(fd);
		return E_NOMEM;
	}
	s->l = l;
	s->ops = ops;
	s->arg = arg;
	s->lim = *lim;
	s->keep = true;
	/* One read of the connection may come after the pause. */
	buf_init(&s->rest, HTTP_REST_MAX + 2 * CONN_READ_SIZE);
	buf_init(&s->body, lim->body_max ? lim->body_max : 1);
	if ((e = conn_new_server(l, fd, tls, &server_ops, s, &s->c)) < 0) {
		free(s);
		return e;
	}
	if (s->st == ST_OPENING)
		set_state(s, ST_OPENING);
	*ret_s = s;
	return 0;
}

struct conn *
http_server_take(struct http_server *s, struct buf *ret_rest, bool *ret_eof)
{
	struct conn *c = s->c;

	conn_pause(c);
	timer_stop(&s->t);
	timer_stop(&s->send);
	*ret_rest = s->rest;
	*ret_eof = s->eof;
	if (s->gone)
		*s->gone = true;
	http1_free(s->h);
	buf_release(&s->body);
	free(s);
	return c;
}

void
http_server_finish(struct http_server *s)
{
	s->finish = true;
	if (s->st == ST_IDLE || s->st == ST_OPENING)
		http_server_dead(s);
}

void
http_server_close(struct http_server *s)
{
	http_server_dead(s);
}

struct conn *
http_server_conn(const struct http_server *s)
{
	return s->c;
}

void *
http_server_arg(const struct http_server *s)
{
	return s->arg;
}

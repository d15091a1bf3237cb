/*
 * session: a user's connection from judge's RELAY to its last byte.
 *
 *   NEW -> MOVING -> OPENING -> RELAYING -> ENDING
 *
 * The connection moves to the thread of the link that was picked, a stream is opened there with the head judge
 * composed, and when the connector says 200 the user gets 101 and relay.c takes over. What only the opening needs
 * (head, bytes the user sent early) is freed then: an idle session holds this struct, its ticket, its TLS state and no
 * buffer. The user's conn outlives everything else: its closed() frees the session. Judge hears of each ticket's end
 * exactly once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/front/ends.h"
#include "edge/front/grant.h"
#include "edge/front/http_head.h"
#include "edge/front/relay.h"
#include "edge/front/tunnel_link.h"
#include "edge/front/user_ws.h"
#include "wire/resume.h"
#include "wire/websocket.h"

enum session_state { S_WAITING /* for a session process's end */, S_NEW, S_MOVING, S_OPENING, S_RELAYING, S_ENDING };

struct opening { /* freed once bytes flow */
	struct grant_head head;
	const char *key;    /* sec-websocket-key, or NULL */
	uint8_t client[16]; /* the connector that holds what this one returns to */
	bool returns;
	bool raw;        /* the stream is raw TCP */
	struct buf rest; /* what the user sent behind its request */
	unsigned tries;
	bool eof;
};

struct session {
	struct list in;            /* in thread->sessions; first */
	struct link_stream stream; /* owner of the connector's stream */
	struct thread *t;
	struct conn *c;
	struct link *link; /* while a stream is open */
	struct relay relay;
	struct loop_timer timer; /* opening, then `until`, then the end */
	struct opening *open;
	struct user_ws *ws; /* the stream is raw TCP: the user's WebSocket ends here; else NULL */
	struct grant grant;
	uint64_t link_id; /* 0: none picked */
	enum session_state state;
	const char *ended; /* who ended first, in order; NULL while nobody has */
	bool told;         /* judge heard of the end */
	bool host;         /* not a user's: a session process on its way to its host (c is NULL while WAITING) */
	bool lost;         /* nobody ended it on purpose: the connector may keep it for a return (wire/resume.h) */
};

static void session_open(struct session *s);
static void session_pick(struct session *s);
static void on_user_eof(struct conn *c, void *arg);

static struct session *
of_stream(struct link_stream *o)
{
	return list_entry(o, struct session, stream);
}

static void
opening_free(struct session *s)
{
	if (!s->open)
		return;
	buf_release(&s->open->rest);
	arena_release(&s->open->head.mem);
	free(s->open);
	s->open = NULL;
}

/* Judge and the counters hear of the end, the stream goes, the ticket is free. Once. */
static void
settle(struct session *s, const char *why)
{
	struct front *f = s->t->f;
	uint64_t up = s->relay.side[RELAY_A].bytes, down = s->relay.side[RELAY_B].bytes;

	timer_stop(&s->timer);
	opening_free(s);
	user_ws_free(s->ws);
	s->ws = NULL;
	if (s->link)
		link_let_go(s->link, &s->stream, s->lost ? H2_CONNECT_ERROR : H2_CANCEL);
	s->link = NULL;
	if (s->link_id)
		registry_unpick(&f->links, s->link_id);
	s->link_id = 0;
	if (s->told)
		return;
	s->told = true;
	if (s->host)
		ends_forget(f, s->grant.ticket);
	log_debug("relay_ended", "ticket", log_num((long long)s->grant.ticket), "why", why, NULL);
	grant_end(&s->grant, s->t, up, down, why);
	if (s->state >= S_RELAYING) {
		uncount(f, C_RELAYS_OPEN);
		count(f, C_BYTES_UP, up);
		count(f, C_BYTES_DOWN, down);
	}
}

/* Ends it all now. closed() of the user's conn follows. */
static void
session_close(struct session *s, const char *why)
{
	settle(s, why);
	s->state = S_ENDING;
	if (s->c) {
		conn_close(s->c);
		return;
	}
	list_remove(&s->in);
	free(s);
}

static void
put_text(struct buf *out, unsigned status, const char *text)
{
	char len[24], date[32];

	snprintf(len, sizeof len, "%zu", strlen(text) + 1);
	http_date(clock_wall(), date);
	http1_put_status(out, status);
	http1_put_header(out, "content-type", "text/plain; charset=utf-8");
	http1_put_header(out, "date", date);
	http1_put_header(out, "content-length", len);
	http1_put_header(out, "connection", "close");
	http1_put_end(out);
	buf_putf(out, "%s\n", text);
}

/* It never became a relay: the user gets an HTTP answer. */
static void
session_refuse(struct session *s, unsigned status, const char *text, const char *why)
{
	struct buf out;

	buf_init(&out, 4096);
	put_text(&out, status, text);
	count(s->t->f, C_ANSWERS_5XX, 1);
	settle(s, why);
	s->state = S_ENDING;
	conn_write(s->c, buf_ptr(&out), buf_len(&out));
	buf_release(&out);
	conn_shutdown(s->c);
	conn_deadline(s->c, FRONT_LEAVE_GRACE_MS * 10);
	conn_resume(s->c); /* what it still sends is thrown away, so that no reset eats our answer */
}

/* The two ends of the relay. */

static int
user_write(void *e, const uint8_t *d, size_t n)
{
	struct session *s = e;

	return s->ws ? user_ws_write(s->ws, d, n) : conn_write(s->c, d, n);
}

static size_t
user_queued(const void *e)
{
	return conn_queued(((const struct session *)e)->c);
}

static void
user_hold(void *e, bool on)
{
	if (on)
		conn_pause(((struct session *)e)->c);
	else
		conn_resume(((struct session *)e)->c);
}

static void
user_finish(void *e)
{
	struct session *s = e;

	if (s->ws)
		user_ws_close(s->ws, 1000);
	conn_shutdown(s->c);
	conn_resume(s->c);
}

static int
stream_write(void *e, const uint8_t *d, size_t n)
{
	struct session *s = e;
	int r;

	if (!s->stream.s)
		return 0; /* the connector has ended in order and takes no more; the user still gets what was queued */
	r = h2stream_write(s->stream.s, d, n);
	if (r == 0)
		link_kick(s->link);
	return r;
}

static size_t
stream_queued(const void *e)
{
	const struct session *s = e;

	return s->stream.s ? h2stream_queued(s->stream.s) : 0;
}

static void
stream_taken(void *e, size_t n)
{
	struct session *s = e;

	if (!s->stream.s)
		return;
	h2stream_consume(s->stream.s, n);
	link_kick(s->link);
}

static void
stream_finish(void *e)
{
	struct session *s = e;

	if (!s->stream.s)
		return;
	h2stream_end(s->stream.s);
	link_kick(s->link);
}

static const struct relay_end user_end = {
    .write = user_write, .queued = user_queued, .hold = user_hold, .finish = user_finish};
static const struct relay_end stream_end = {
    .write = stream_write, .queued = stream_queued, .taken = stream_taken, .finish = stream_finish};

static void
on_timer(void *arg)
{
	struct session *s = arg;

	if (s->state == S_WAITING) {
		session_close(s, "no-session");
	} else if (s->state == S_OPENING) {
		count(s->t->f, C_RELAYS_ORIGIN_FAILED, 1);
		session_refuse(s, 504, "SP-1006 the tunnel's connector did not answer in time", "origin-timeout");
	} else if (s->told || s->relay.side[RELAY_A].ended || s->relay.side[RELAY_B].ended) {
		session_close(s, s->ended ? s->ended : "end-timeout");
	} else {
		count(s->t->f, C_RELAYS_CUT, 1);
		session_close(s, "expired");
	}
}

static void
set_timer(struct session *s, int64_t ms, const char *why)
{
	if (timer_start(s->t->loop, &s->timer, ms, on_timer, s) < 0)
		session_close(s, why);
}

/* The user's side. */

static int
payload(void *arg, const uint8_t *d, size_t n)
{
	return relay_data(&((struct session *)arg)->relay, RELAY_A, d, n);
}

static void
user_bytes(struct session *s, uint8_t *d, size_t n)
{
	int e = s->ws ? user_ws_data(s->ws, d, n, payload, s) : payload(s, d, n);

	if (e > 0)
		on_user_eof(s->c, s);
	else if (e < 0)
		session_close(s, "stream-failed");
}

static void
on_user_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct session *s = arg;

	(void)c;
	if (s->state == S_RELAYING) {
		if (!s->told && !s->relay.side[RELAY_A].ended)
			user_bytes(s, d, n);
	} else if (s->open && buf_put(&s->open->rest, d, n) < 0) {
		session_close(s, "early-data");
	}
}

static void
on_user_drained(struct conn *c, void *arg)
{
	struct session *s = arg;

	(void)c;
	if (s->state == S_RELAYING && !s->told)
		relay_drained(&s->relay, RELAY_A);
}

static void
on_user_eof(struct conn *c, void *arg)
{
	struct session *s = arg;

	(void)c;
	if (s->open)
		s->open->eof = true;
	if (s->state != S_RELAYING || s->told)
		return;
	s->ended = s->ended ? s->ended : "user-ended";
	if (relay_ended(&s->relay, RELAY_A))
		return; /* both ended: the conn closes once flushed */
	set_timer(s, FRONT_HALF_MS, "timer");
}

static void
on_user_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct session *s = arg;
	struct thread *t = s->t;

	s->lost = true;
	settle(s, s->ended ? s->ended : conn_why_str(why));
	t->nusers--;
	if (!s->host) {
		address_leave(t->f, conn_peer_ip(c));
		uncount(t->f, C_USERS_OPEN);
	}
	list_remove(&s->in);
	free(s);
}

static const struct conn_ops user_ops = {
    .data = on_user_data, .drained = on_user_drained, .eof = on_user_eof, .closed = on_user_closed};

/* The connector's side. */

/* What a service adds to its 101 (protocol, extensions, cookies) is for the user too. */
static int
put_switching(struct buf *out, const char *accept, const struct http_head *head)
{
	int e;

	if ((e = http1_put_status(out, 101)) < 0 || (e = http1_put_header(out, "upgrade", "websocket")) < 0 ||
	    (e = http1_put_header(out, "connection", "Upgrade")) < 0 ||
	    (e = http1_put_header(out, "sec-websocket-accept", accept)) < 0)
		return e;
	for (size_t i = 0; i < head->n; i++)
		if (strcasecmp(head->v[i].name, "sec-websocket-accept") != 0 &&
		    (e = http1_put_header(out, head->v[i].name, head->v[i].value)) < 0)
			return e;
	return http1_put_end(out);
}

/* Writes the 101. E_FORMAT: the connector's 200 is not that of a WebSocket (it may come from a server that ignored the
 * upgrade). */
static int
switch_protocols(struct session *s, const struct h2_header *h, size_t n)
{
	const char *accept;
	struct http_head head;
	char expected[29];
	struct buf out;
	int e;

	buf_init(&out, H2_HEADERS_BYTES + 4096);
	if ((e = http_head_read(h, n, &head)) < 0)
		goto out;
	accept = h2_header_find(head.packed.v, head.packed.n, "sec-websocket-accept");
	if (s->open->key)
		ws_accept_value(s->open->key, expected);
	if (s->open->raw && s->open->key) {
		accept = expected;
		head.n = 0; /* nothing of the connector's concerns the user's WebSocket */
		e = user_ws_new(s->t->loop, s->c, &s->ws);
	} else if (!accept || (s->open->key && strcmp(accept, expected) != 0)) {
		e = E_FORMAT;
	}
	if (e == 0)
		e = put_switching(&out, accept, &head);
	if (e == 0)
		e = conn_write(s->c, buf_ptr(&out), buf_len(&out));
out:
	http_head_release(&head);
	buf_release(&out);
	return e;
}

static void
begin_relay(struct session *s)
{
	struct buf rest = s->open->rest;
	bool eof = s->open->eof;
	struct front *f = s->t->f;

	buf_init(&s->open->rest, 1);
	opening_free(s);
	timer_stop(&s->timer);
	s->state = S_RELAYING;
	count(f, C_RELAYS_BEGUN, 1);
	count(f, C_RELAYS_OPEN, 1);
	relay_init(&s->relay, &user_end, s, CONN_MARK, &stream_end, s, H2_OUT_MARK);
	ipc_send(s->t->judge, &fj_ticket_began_def, &(struct fj_ticket_began){.ticket = s->grant.ticket});
	if (s->grant.until) {
		int64_t left = s->grant.until - clock_wall();

		set_timer(s, left > 0 ? left * 1000 : 1, "timer");
	}
	if (buf_len(&rest))
		user_bytes(s, rest.d + rest.r, buf_len(&rest));
	buf_release(&rest);
	if (s->told)
		return;
	if (eof) {
		on_user_eof(s->c, s);
	} else if (!s->relay.side[RELAY_A].held) {
		conn_resume(s->c);
	}
}

static void
on_stream_headers(struct link_stream *o, const struct h2_header *h, size_t n, bool end)
{
	struct session *s = of_stream(o);
	const char *status = h2_header_find(h, n, ":status");
	char text[80], why[32];
	uint64_t code = 0;

	if (s->state != S_OPENING || !s->open)
		return;
	str_u64(status ? status : "", 999, &code);
	if (code == 200 && !end && switch_protocols(s, h, n) == 0) {
		begin_relay(s);
		return;
	}
	count(s->t->f, C_RELAYS_ORIGIN_FAILED, 1);
	snprintf(why, sizeof why, "origin-%u", (unsigned)code);
	if (code == 502)
		session_refuse(s, 502, "SP-1006 the tunnel's connector could not reach its service", why);
	else if (code >= 400 && code < 600) {
		snprintf(text, sizeof text, "SP-1006 the tunnel's connector answered %u", (unsigned)code);
		session_refuse(s, (unsigned)code, text, why);
	} else
		session_refuse(s, 502, "SP-1006 the tunnel's connector did not switch to WebSocket", why);
}

static void
on_stream_data(struct link_stream *o, uint8_t *d, size_t n)
{
	struct session *s = of_stream(o);
	int e;

	if (s->state != S_RELAYING || s->told) {
		h2stream_consume(o->s, n);
		return;
	}
	e = relay_data(&s->relay, RELAY_B, d, n);
	if (e < 0)
		session_close(s, e == E_LIMIT ? "user-queue" : "user-gone");
}

static void
on_stream_end(struct link_stream *o)
{
	struct session *s = of_stream(o);

	if (s->state != S_RELAYING || s->told)
		return;
	s->ended = s->ended ? s->ended : "origin-ended";
	relay_ended(&s->relay, RELAY_B);
	set_timer(s, FRONT_END_MS, "timer");
}

static void
on_stream_drained(struct link_stream *o)
{
	struct session *s = of_stream(o);

	if (s->state == S_RELAYING && !s->told)
		relay_drained(&s->relay, RELAY_B);
}

/* After an orderly end (or a refusal) nothing is lost; else the user must not take what it has for the whole. */
static void
on_stream_closed(struct link_stream *o, uint32_t h2_error)
{
	struct session *s = of_stream(o);
	struct front *f = s->t->f;

	s->link = NULL;
	if (s->link_id)
		registry_unpick(&f->links, s->link_id);
	s->link_id = 0;
	if (s->state == S_OPENING && (h2_error == H2_CONNECT_ERROR || h2_error == H2_REFUSED_STREAM)) {
		/* Its connection died under it, and nothing of the user's has gone out yet: another may serve. */
		timer_stop(&s->timer);
		s->state = S_NEW;
		session_pick(s);
	} else if (s->state == S_OPENING) {
		count(f, C_RELAYS_ORIGIN_FAILED, 1);
		session_refuse(s, 502, "SP-1006 the tunnel's connector went away", "origin-gone");
	} else if (s->state == S_RELAYING && !s->relay.side[RELAY_B].ended) {
		session_close(s, s->ended              ? s->ended
		                 : h2_error == H2_CALM ? "slow-reader"
		                 : h2_error            ? "origin-reset"
		                                       : "origin-gone");
	}
}

static const struct link_stream_ops stream_ops = {.headers = on_stream_headers,
                                                  .data = on_stream_data,
                                                  .end = on_stream_end,
                                                  .drained = on_stream_drained,
                                                  .closed = on_stream_closed};

/* From RELAY to an open stream. */

static void
on_arrived(struct conn *c, void *arg)
{
	struct session *s = arg;
	struct front *f = s->t->f;

	for (unsigned i = 0; i < f->nthreads; i++)
		if (f->threads[i]->loop == conn_loop(c))
			s->t = f->threads[i];
	list_push(&s->t->sessions, &s->in);
	s->t->nusers++;
	s->state = S_NEW;
	if (grant_moved(&s->grant, s->t)) {
		count(f, C_RELAYS_CUT, 1);
		session_close(s, "cut");
	} else {
		session_open(s);
	}
}

static int
session_move(struct session *s, unsigned thread)
{
	struct thread *from = s->t;

	s->state = S_MOVING;
	list_remove(&s->in);
	from->nusers--;
	count(from->f, C_RELAYS_MOVED, 1);
	if (conn_move(s->c, from->f->threads[thread]->loop, on_arrived, s) == 0)
		return 0;
	s->state = S_NEW;
	list_push(&from->sessions, &s->in);
	from->nusers++;
	return E_STATE;
}

static void
no_tunnel(struct session *s, bool busy)
{
	count(s->t->f, C_RELAYS_NO_TUNNEL, 1);
	if (busy)
		session_refuse(s, 503, "SP-1007 the tunnel is busy, try again", "tunnel-busy");
	else
		session_refuse(s, 503, "SP-1005 the tunnel has no live connector", "no-tunnel");
}

static void
session_pick(struct session *s)
{
	struct front *f = s->t->f;
	struct registry_want want = {
	    .tunnel = s->grant.tunnel, .client = s->open->returns ? s->open->client : NULL, .near = s->t->index};
	unsigned thread;
	int e = s->open->tries++ >= FRONT_PICK_TRIES ? E_NOENT : registry_pick(&f->links, &want, &s->link_id, &thread);

	if (e < 0) {
		no_tunnel(s, e == E_AGAIN);
		return;
	}
	if (thread == s->t->index)
		session_open(s);
	else if (session_move(s, thread) < 0)
		session_close(s, "move");
}

static void
session_open(struct session *s)
{
	struct link *l = link_find(s->t, s->link_id);
	int e;

	s->state = S_OPENING;
	e = l ? link_open(l, s->open->head.h, s->open->head.nh, false, &s->stream) : E_NOENT;
	if (e == 0) {
		s->link = l;
		set_timer(s, FRONT_OPEN_MS, "timer");
		return;
	}
	registry_unpick(&s->t->f->links, s->link_id);
	s->link_id = 0;
	s->state = S_NEW;
	if (e == E_AGAIN)
		session_refuse(s, 503, "SP-1007 the tunnel is busy, try again", "tunnel-busy");
	else if (e == E_FORMAT || e == E_LIMIT)
		session_refuse(s, 500, "SP-1008 the edge failed", "bad-head");
	else
		session_pick(s); /* it went while we moved */
}

static void
on_cut(struct grant *g, const char *why)
{
	struct session *s = list_entry(g, struct session, grant);

	if (s->told || s->state == S_MOVING)
		return; /* a moving one finds the mark when it arrives */
	count(s->t->f, C_RELAYS_CUT, 1);
	log_info("cut", "ticket", log_num((long long)g->ticket), "why", why, NULL);
	session_close(s, why);
}

static int
session_fill(struct session *s, const struct fj_answer *a)
{
	struct grant_head *o = &s->open->head;
	const char *back_to;
	int e;

	s->grant.cut = on_cut;
	if ((e = grant_take(&s->grant, s->t, a, s->c ? conn_peer_ip(s->c) : "")) < 0 ||
	    (e = grant_head_take(o, a, "GET")) < 0)
		return e;
	s->open->key = h2_header_find(o->h, o->nh, "sec-websocket-key");
	s->open->raw = a->raw[0] != '\0';
	back_to = h2_header_find(o->h, o->nh, RESUME_CONNECTOR);
	s->open->returns = back_to && uuid_parse(back_to, s->open->client) == 0;
	return 0;
}

void
session_start(struct thread *t, struct http_server *hs, const struct fj_answer *a)
{
	struct session *s = calloc(1, sizeof *s);
	struct opening *o = calloc(1, sizeof *o);
	struct buf rest;
	bool eof;
	struct conn *c = http_server_take(hs, &rest, &eof);
	int e;

	if (!s || !o) {
		free(s);
		free(o);
		buf_release(&rest);
		grant_orphan(t, a, "no-memory");
		address_leave(t->f, conn_peer_ip(c));
		t->nusers--;
		uncount(t->f, C_USERS_OPEN);
		conn_set_ops(c, NULL, NULL);
		conn_close(c);
		return;
	}
	o->rest = rest;
	o->eof = eof;
	arena_init(&o->head.mem, 64u << 10);
	s->t = t;
	s->c = c;
	s->open = o;
	s->stream.ops = &stream_ops;
	list_push(&t->sessions, &s->in);
	conn_set_ops(c, &user_ops, s);
	e = session_fill(s, a);
	if (e == 0) {
		session_pick(s);
		return;
	}
	log_error("bad_answer", "why", err_str(e), NULL);
	session_refuse(s, 500, "SP-1008 the edge failed", "bad-answer");
}

/* --- a session process's way to its host -------------------------------------------------------------------------- */

static void
host_arrived(struct session *s, int fd)
{
	timer_stop(&s->timer);
	if (conn_new_fd(s->t->loop, fd, fd, &user_ops, s, &s->c) < 0) {
		session_close(s, "no-memory");
		return;
	}
	conn_pause(s->c);
	s->t->nusers++;
	s->state = S_NEW;
	session_pick(s);
}

static void
on_pair(struct grant *g, int fd)
{
	struct session *s = list_entry(g, struct session, grant);

	if (s->state == S_WAITING)
		host_arrived(s, fd);
	else
		close(fd);
}

void
session_host_start(struct thread *t, const struct fj_host_stream *m)
{
	struct fj_answer a = {.action = ANSWER_RELAY,
	                      .headers = m->headers,
	                      .tunnel = m->tunnel,
	                      .authority = m->authority,
	                      .path = m->path,
	                      .raw = "",
	                      .ticket = m->ticket,
	                      .until = m->until};
	struct session *s = calloc(1, sizeof *s);
	struct opening *o = calloc(1, sizeof *o);
	int fd, e;

	if (!s || !o) {
		free(s);
		free(o);
		grant_orphan(t, &a, "no-memory");
		return;
	}
	buf_init(&o->rest, FRONT_HOST_EARLY);
	arena_init(&o->head.mem, 64u << 10);
	s->t = t;
	s->open = o;
	s->host = s->grant.session = true;
	s->grant.pair = on_pair;
	s->state = S_WAITING;
	s->stream.ops = &stream_ops;
	list_push(&t->sessions, &s->in);
	if ((e = session_fill(s, &a)) < 0) {
		log_error("bad_answer", "why", err_str(e), NULL);
		session_close(s, "bad-answer");
		return;
	}
	e = ends_want(t, &s->grant, &fd);
	if (e == 0)
		host_arrived(s, fd);
	else if (e != E_AGAIN || timer_start(t->loop, &s->timer, FRONT_PAIR_MS, on_timer, s) < 0)
		session_close(s, "no-memory");
}

void
sessions_announce(struct thread *t)
{
	list_foreach (i, &t->sessions)
		grant_announce(&((struct session *)i)->grant, t,
		               ((struct session *)i)->host ? NULL : ((struct session *)i)->c);
}

void
sessions_stop(struct thread *t)
{
	list_foreach (i, &t->sessions) {
		struct session *s = (struct session *)i;

		s->lost = true;
		session_close(s, "edge-stopped");
	}
}

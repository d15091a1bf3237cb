#include "edge/front/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/front/error_page.h"
#include "edge/front/grant.h"
#include "edge/front/http_head.h"
#include "edge/front/relay.h"
#include "edge/front/tunnel_link.h"

#define H2_CANCEL 8u

struct exchange {
	struct list in; /* in thread->exchanges; first */
	struct link_stream stream;
	struct thread *t;
	struct http_server *hs;
	struct exchange **slot;
	struct link *link; /* while a stream is open */
	uint64_t link_id;  /* 0: none picked */
	struct grant grant;
	struct grant_head *head; /* until the stream is open */
	struct relay relay;
	struct loop_timer timer; /* for the answer's head, then `until` */
	unsigned tries;
	bool moving, begun;
};

static void exchange_open(struct exchange *x);

static struct exchange *
of_stream(struct link_stream *o)
{
	return list_entry(o, struct exchange, stream);
}

static void
head_free(struct exchange *x)
{
	if (!x->head)
		return;
	arena_release(&x->head->mem);
	free(x->head);
	x->head = NULL;
}

/* Everything but the user's connection, and x itself. */
static void
exchange_end(struct exchange *x, const char *why)
{
	struct front *f = x->t->f;
	uint64_t up = x->relay.side[RELAY_A].bytes, down = x->relay.side[RELAY_B].bytes;

	*x->slot = NULL;
	timer_stop(&x->timer);
	head_free(x);
	if (x->link)
		link_let_go(x->link, &x->stream, H2_CANCEL);
	if (x->link_id)
		registry_unpick(&f->links, x->link_id);
	log_debug("http_ended", "ticket", log_num((long long)x->grant.ticket), "why", why, NULL);
	grant_end(&x->grant, x->t, up, down, why);
	if (x->begun) {
		uncount(f, C_HTTP_OPEN);
		count(f, C_BYTES_UP, up);
		count(f, C_BYTES_DOWN, down);
	}
	list_remove(&x->in);
	free(x);
}

/* The service's answer will not come, or not whole. */
static void
exchange_fail(struct exchange *x, unsigned status, const char *text, const char *why)
{
	struct http_server *hs = x->hs;

	count(x->t->f, C_HTTP_FAILED, 1);
	exchange_end(x, why);
	if (http_server_answering(hs))
		http_server_break(hs);
	else
		error_page(hs, status, text, status >= 500);
}

/* --- the two ends, for relay.c */

static int
user_write(void *e, const uint8_t *d, size_t n)
{
	return http_server_write(((struct exchange *)e)->hs, d, n);
}

static size_t
user_queued(const void *e)
{
	return conn_queued(http_server_conn(((const struct exchange *)e)->hs));
}

static void
user_hold(void *e, bool on)
{
	http_server_body(((struct exchange *)e)->hs, !on);
}

/* The end of an answer is exchange.c's own last step: what follows it may be the next request. */
static void
user_finish(void *e)
{
	(void)e;
}

static int
stream_write(void *e, const uint8_t *d, size_t n)
{
	struct exchange *x = e;
	int r = h2stream_write(x->stream.s, d, n);

	if (r == 0)
		link_kick(x->link);
	return r;
}

static size_t
stream_queued(const void *e)
{
	return h2stream_queued(((const struct exchange *)e)->stream.s);
}

static void
stream_taken(void *e, size_t n)
{
	struct exchange *x = e;

	h2stream_consume(x->stream.s, n);
	link_kick(x->link);
}

static void
stream_finish(void *e)
{
	struct exchange *x = e;

	h2stream_end(x->stream.s);
	link_kick(x->link);
}

static const struct relay_end user_end = {
    .write = user_write, .queued = user_queued, .hold = user_hold, .finish = user_finish};
static const struct relay_end stream_end = {
    .write = stream_write, .queued = stream_queued, .taken = stream_taken, .finish = stream_finish};

/* --- time */

static void
on_timer(void *arg)
{
	struct exchange *x = arg;

	if (http_server_answering(x->hs) || (x->grant.until && clock_wall() >= x->grant.until))
		exchange_fail(x, 403, "SP-1205 the session has expired", "expired");
	else if (!x->relay.side[RELAY_A].ended) /* the request is still coming: net/http_server watches that it does */
		timer_start(x->t->loop, &x->timer, FRONT_HTTP_HEAD_MS, on_timer, x);
	else
		exchange_fail(x, 504, "SP-1006 the service did not answer in time", "origin-timeout");
}

static int
until_timer(struct exchange *x)
{
	int64_t left = x->grant.until - clock_wall();

	timer_stop(&x->timer);
	if (!x->grant.until)
		return 0;
	return timer_start(x->t->loop, &x->timer, left > 0 ? left * 1000 : 1, on_timer, x);
}

/* --- the connector's side */

static void
answer_of_connector(struct exchange *x, unsigned status)
{
	char text[80], why[32];

	snprintf(why, sizeof why, "origin-%u", status);
	snprintf(text, sizeof text, "SP-1006 the tunnel's connector answered %u", status);
	if (status == 502)
		snprintf(text, sizeof text, "SP-1006 the tunnel's connector could not reach its service");
	exchange_fail(x, status >= 400 ? status : 502, text, why);
}

static void
stream_headers(struct link_stream *o, const struct h2_header *h, size_t n, bool end)
{
	struct exchange *x = of_stream(o);
	struct http_head head;
	int e = http_head_read(h, n, &head);

	if (e == 0 && head.ours) {
		answer_of_connector(x, head.status);
		goto out;
	}
	if (e == 0)
		e = http_server_head(x->hs,
		                     &(struct http_reply){.status = head.status, .headers = head.v, .nheaders = head.n},
		                     end && head.length < 0 ? 0 : head.length);
	if (e < 0 || until_timer(x) < 0) {
		exchange_fail(x, 502, "SP-1006 the service's answer is malformed", "bad-answer");
	} else if (end) {
		struct http_server *hs = x->hs;

		exchange_end(x, "done");
		http_server_end(hs);
	}
out:
	http_head_release(&head);
}

static void
stream_data(struct link_stream *o, uint8_t *d, size_t n)
{
	struct exchange *x = of_stream(o);

	if (relay_data(&x->relay, RELAY_B, d, n) < 0)
		exchange_fail(x, 502, "SP-1006 the service's answer is malformed", "answer-failed");
}

static void
stream_ended(struct link_stream *o)
{
	struct exchange *x = of_stream(o);
	struct http_server *hs = x->hs;

	if (!http_server_answering(hs)) {
		exchange_fail(x, 502, "SP-1006 the service's answer is malformed", "no-head");
		return;
	}
	relay_ended(&x->relay, RELAY_B);
	exchange_end(x, x->relay.side[RELAY_A].ended ? "done" : "early-answer");
	http_server_end(hs);
}

static void
stream_drained(struct link_stream *o)
{
	relay_drained(&of_stream(o)->relay, RELAY_B);
}

static void
stream_closed(struct link_stream *o, uint32_t h2_error)
{
	struct exchange *x = of_stream(o);

	x->link = NULL; /* the stream is gone already */
	exchange_fail(x, 502, "SP-1006 the tunnel's connector went away", h2_error ? "origin-reset" : "origin-gone");
}

static const struct link_stream_ops stream_ops = {.headers = stream_headers,
                                                  .data = stream_data,
                                                  .end = stream_ended,
                                                  .drained = stream_drained,
                                                  .closed = stream_closed};

/* --- from judge's answer to an open stream */

static void
exchange_pick(struct exchange *x)
{
	struct front *f = x->t->f;
	struct registry_want want = {.tunnel = x->grant.tunnel, .near = x->t->index, .lead = FRONT_HTTP_LEAD};
	unsigned thread;
	int e = x->tries++ >= FRONT_PICK_TRIES ? E_NOENT : registry_pick(&f->links, &want, &x->link_id, &thread);

	if (e == E_AGAIN) {
		exchange_fail(x, 503, "SP-1007 the tunnel is busy, try again", "tunnel-busy");
		return;
	}
	if (e < 0) {
		count(f, C_RELAYS_NO_TUNNEL, 1);
		exchange_fail(x, 503, "SP-1005 the tunnel has no live connector", "no-tunnel");
		return;
	}
	if (thread == x->t->index) {
		exchange_open(x);
		return;
	}
	x->moving = true;
	list_remove(&x->in);
	if (user_move(x->hs, f->threads[thread]) == 0)
		return;
	x->moving = false;
	list_push(&x->t->exchanges, &x->in);
	exchange_fail(x, 503, "SP-1008 the edge failed", "move");
}

void
exchange_arrived(struct exchange *x, struct thread *t)
{
	x->t = t;
	x->moving = false;
	list_push(&t->exchanges, &x->in);
	if (grant_moved(&x->grant, t))
		exchange_fail(x, 403, "SP-1207 access was withdrawn", "cut");
	else
		exchange_open(x);
}

static int
add_length(struct exchange *x, const struct http_request *r)
{
	struct grant_head *o = x->head;
	char text[24];

	if (r->length < 0 || !r->follows)
		return 0;
	snprintf(text, sizeof text, "%lld", (long long)r->length);
	o->h[o->nh] = (struct h2_header){"content-length", arena_str(&o->mem, text)};
	return o->h[o->nh++].value ? 0 : E_NOMEM;
}

static void
exchange_begin(struct exchange *x, bool follows)
{
	struct front *f = x->t->f;

	head_free(x);
	x->begun = true;
	count(f, C_HTTP_BEGUN, 1);
	count(f, C_HTTP_OPEN, 1);
	relay_init(&x->relay, &user_end, x, CONN_MARK, &stream_end, x, H2_OUT_MARK);
	ipc_send(x->t->judge, &fj_ticket_began_def, &(struct fj_ticket_began){.ticket = x->grant.ticket});
	if (timer_start(x->t->loop, &x->timer, FRONT_HTTP_HEAD_MS, on_timer, x) < 0)
		exchange_fail(x, 503, "SP-1008 the edge failed", "timer");
	else if (follows)
		http_server_body(x->hs, true); /* last: the body may come from inside */
	else
		x->relay.side[RELAY_A].ended = x->relay.side[RELAY_B].finished = true;
}

static void
exchange_open(struct exchange *x)
{
	struct link *l = link_find(x->t, x->link_id);
	const struct http_request *r = http_server_request(x->hs);
	int e = l && r ? link_open(l, x->head->h, x->head->nh, !r->follows, &x->stream) : E_NOENT;

	if (e == 0) {
		x->link = l;
		exchange_begin(x, r->follows);
		return;
	}
	registry_unpick(&x->t->f->links, x->link_id);
	x->link_id = 0;
	if (e == E_AGAIN)
		exchange_fail(x, 503, "SP-1007 the tunnel is busy, try again", "tunnel-busy");
	else if (e == E_FORMAT || e == E_LIMIT)
		exchange_fail(x, 431, "SP-1002 the request's head is too large", "bad-head");
	else
		exchange_pick(x); /* it went while we moved */
}

/* Judge's order. While it moves the mark at its ticket is found on arrival. */
static void
on_cut(struct grant *g, const char *why)
{
	struct exchange *x = list_entry(g, struct exchange, grant);

	if (x->moving)
		return;
	count(x->t->f, C_RELAYS_CUT, 1);
	log_info("cut", "ticket", log_num((long long)g->ticket), "why", why, NULL);
	exchange_fail(x, 403, "SP-1207 access was withdrawn", why);
}

void
exchange_start(struct thread *t, struct http_server *hs, const struct fj_answer *a, struct exchange **slot)
{
	const struct http_request *r = http_server_request(hs);
	struct exchange *x = calloc(1, sizeof *x);
	int e = E_STATE;

	if (x)
		x->head = calloc(1, sizeof *x->head);
	if (!x || !x->head) {
		free(x);
		grant_orphan(t, a, "no-memory");
		error_page(hs, 503, "SP-1008 the edge failed", true);
		return;
	}
	arena_init(&x->head->mem, 64u << 10);
	x->t = t;
	x->hs = hs;
	x->slot = slot;
	*slot = x;
	x->stream.ops = &stream_ops;
	x->grant.cut = on_cut;
	list_push(&t->exchanges, &x->in);
	if (r && r->body.n == 0 && (e = grant_take(&x->grant, t, a, conn_peer_ip(http_server_conn(hs)))) == 0 &&
	    (e = grant_head_take(x->head, a, r->method)) == 0)
		e = add_length(x, r);
	if (e == 0) {
		exchange_pick(x);
		return;
	}
	log_error("bad_answer", "why", err_str(e), NULL);
	exchange_fail(x, 500, "SP-1008 the edge failed", "bad-answer");
}

/* --- the user's side */

void
exchange_body(struct exchange *x, uint8_t *d, size_t n)
{
	if (relay_data(&x->relay, RELAY_A, d, n) < 0)
		exchange_fail(x, 502, "SP-1006 the service does not take the request", "stream-failed");
}

void
exchange_body_end(struct exchange *x)
{
	relay_ended(&x->relay, RELAY_A);
}

void
exchange_drained(struct exchange *x)
{
	relay_drained(&x->relay, RELAY_A);
}

void
exchange_gone(struct exchange *x, const char *why)
{
	exchange_end(x, why);
}

void
exchanges_announce(struct thread *t)
{
	list_foreach (i, &t->exchanges)
		grant_announce(&((struct exchange *)i)->grant, t,
		               ((struct exchange *)i)->hs ? http_server_conn(((struct exchange *)i)->hs) : NULL);
}

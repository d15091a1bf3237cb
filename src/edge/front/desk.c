#include "edge/front/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "edge/front/ends.h"
#include "edge/front/relay.h"
#include "wire/http1.h"

enum desk_state { D_WAITING, D_RELAYING, D_ENDING };

struct desk {
	struct list in; /* in thread->desks; first */
	struct thread *t;
	struct conn *user, *proc; /* either is NULL once closed */
	struct grant grant;
	struct relay relay;
	struct loop_timer timer;
	struct buf head, rest; /* the 101; what the user sent behind its request. Until bytes flow */
	enum desk_state state;
	bool told, eof, cut;
};

static const struct conn_ops user_ops, proc_ops;

static void
settle(struct desk *d, const char *why)
{
	struct front *f = d->t->f;
	uint64_t up = d->relay.side[RELAY_A].bytes, down = d->relay.side[RELAY_B].bytes;

	timer_stop(&d->timer);
	if (d->told)
		return;
	d->told = true;
	ends_forget(f, d->grant.ticket);
	buf_release(&d->head);
	buf_release(&d->rest);
	log_debug("desk_ended", "ticket", log_num((long long)d->grant.ticket), "why", why, NULL);
	grant_end(&d->grant, d->t, up, down, why);
	if (d->state == D_RELAYING) {
		uncount(f, C_SESSIONS_OPEN);
		count(f, C_BYTES_UP, up);
		count(f, C_BYTES_DOWN, down);
	}
	d->state = D_ENDING;
}

static void
free_when_alone(struct desk *d)
{
	if (d->user || d->proc)
		return;
	list_remove(&d->in);
	free(d);
}

static void
close_both(struct desk *d, const char *why)
{
	settle(d, why);
	if (d->proc)
		conn_close(d->proc);
	if (d->user)
		conn_close(d->user);
}

static void
refuse(struct desk *d, unsigned status, const char *text, const char *why)
{
	struct buf out;
	char len[24];

	snprintf(len, sizeof len, "%zu", strlen(text));
	buf_init(&out, 1024);
	http1_put_status(&out, status);
	http1_put_header(&out, "content-type", "text/plain; charset=utf-8");
	http1_put_header(&out, "content-length", len);
	http1_put_header(&out, "connection", "close");
	http1_put_end(&out);
	buf_put_str(&out, text);
	count(d->t->f, C_ANSWERS_5XX, 1);
	settle(d, why);
	conn_write(d->user, buf_ptr(&out), buf_len(&out));
	buf_release(&out);
	conn_shutdown(d->user);
	conn_deadline(d->user, FRONT_LEAVE_GRACE_MS * 10);
	conn_resume(d->user);
}

/* --- the two ends: both are connections */

static int
end_write(void *e, const uint8_t *p, size_t n)
{
	struct conn *const *c = e;

	return *c ? conn_write(*c, p, n) : 0;
}

static size_t
end_queued(const void *e)
{
	struct conn *const *c = e;

	return *c ? conn_queued(*c) : 0;
}

static void
end_hold(void *e, bool on)
{
	struct conn *const *c = e;

	if (*c && on)
		conn_pause(*c);
	else if (*c)
		conn_resume(*c);
}

static void
end_finish(void *e)
{
	struct conn *const *c = e;

	if (!*c)
		return;
	conn_shutdown(*c);
	conn_resume(*c);
}

static const struct relay_end an_end = {
    .write = end_write, .queued = end_queued, .hold = end_hold, .finish = end_finish};

static void
on_timer(void *arg)
{
	struct desk *d = arg;

	if (d->state == D_WAITING) {
		refuse(d, 503, "SP-1007 the edge is busy, try again\n", "no-session");
		return;
	}
	bool ending = d->cut || d->relay.side[RELAY_A].ended || d->relay.side[RELAY_B].ended;
	if (!ending)
		count(d->t->f, C_RELAYS_CUT, 1);
	close_both(d, d->cut ? "cut" : ending ? "end-timeout" : "expired");
}

static void
data(struct desk *d, enum relay_from from, const uint8_t *p, size_t n)
{
	if (d->cut && from == RELAY_A)
		return; /* nothing of the user's gets through any more */
	if (d->state == D_RELAYING && relay_data(&d->relay, from, p, n) < 0)
		close_both(d, from == RELAY_A ? "session-gone" : "user-gone");
}

static void
ended(struct desk *d, enum relay_from from)
{
	if (d->state != D_RELAYING || d->cut)
		return; /* cut: its timer goes on */
	if (relay_ended(&d->relay, from))
		settle(d, "ended"); /* the connections close once flushed */
	else if (timer_start(d->t->loop, &d->timer, from == RELAY_A ? FRONT_HALF_MS : FRONT_END_MS, on_timer, d) < 0)
		close_both(d, "timer");
}

static void
on_user_data(struct conn *c, uint8_t *p, size_t n, void *arg)
{
	struct desk *d = arg;

	if (d->state == D_WAITING && buf_put(&d->rest, p, n) < 0)
		close_both(d, "early-data");
	else
		data(d, RELAY_A, p, n);
}

static void
on_proc_data(struct conn *c, uint8_t *p, size_t n, void *arg)
{
	data(arg, RELAY_B, p, n);
}

static void
on_user_drained(struct conn *c, void *arg)
{
	struct desk *d = arg;

	if (d->state == D_RELAYING)
		relay_drained(&d->relay, RELAY_A);
}

static void
on_proc_drained(struct conn *c, void *arg)
{
	struct desk *d = arg;

	if (d->state == D_RELAYING)
		relay_drained(&d->relay, RELAY_B);
}

static void
on_user_eof(struct conn *c, void *arg)
{
	((struct desk *)arg)->eof = true;
	ended(arg, RELAY_A);
}

static void
on_proc_eof(struct conn *c, void *arg)
{
	ended(arg, RELAY_B);
}

static void
on_user_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct desk *d = arg;
	struct thread *t = d->t;

	d->user = NULL;
	settle(d, conn_why_str(why));
	address_leave(t->f, conn_peer_ip(c));
	t->nusers--;
	uncount(t->f, C_USERS_OPEN);
	if (d->proc)
		conn_close(d->proc);
	free_when_alone(d);
}

static void
on_proc_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct desk *d = arg;

	d->proc = NULL;
	if (d->state == D_RELAYING && !d->relay.side[RELAY_B].ended)
		close_both(d, "session-gone");
	free_when_alone(d);
}

static const struct conn_ops user_ops = {
    .data = on_user_data, .drained = on_user_drained, .eof = on_user_eof, .closed = on_user_closed};
static const struct conn_ops proc_ops = {
    .data = on_proc_data, .drained = on_proc_drained, .eof = on_proc_eof, .closed = on_proc_closed};

/* --- from SESSION to the relay */

static void
begin_relay(struct desk *d, int fd)
{
	struct front *f = d->t->f;
	struct buf rest = d->rest;

	timer_stop(&d->timer);
	if (conn_new_fd(d->t->loop, fd, fd, &proc_ops, d, &d->proc) < 0) {
		refuse(d, 503, "SP-1007 the edge is busy, try again\n", "no-memory");
		return;
	}
	d->state = D_RELAYING;
	buf_init(&d->rest, 1);
	count(f, C_SESSIONS_BEGUN, 1);
	count(f, C_SESSIONS_OPEN, 1);
	relay_init(&d->relay, &an_end, &d->user, CONN_MARK, &an_end, &d->proc, CONN_MARK);
	ipc_send(d->t->judge, &fj_ticket_began_def, &(struct fj_ticket_began){.ticket = d->grant.ticket});
	int e = conn_write(d->user, buf_ptr(&d->head), buf_len(&d->head));
	buf_release(&d->head);
	if (e == 0 && buf_len(&rest))
		e = relay_data(&d->relay, RELAY_A, buf_ptr(&rest), buf_len(&rest));
	buf_release(&rest);
	if (e == 0 && d->grant.until) {
		int64_t left = d->grant.until - clock_wall();
		e = timer_start(d->t->loop, &d->timer, left > 0 ? left * 1000 : 1, on_timer, d);
	}
	if (e < 0)
		close_both(d, "no-memory");
	else if (d->eof)
		ended(d, RELAY_A);
	else
		conn_resume(d->user);
}

static void
on_pair(struct grant *g, int fd)
{
	struct desk *d = list_entry(g, struct desk, grant);

	if (d->state == D_WAITING && d->user)
		begin_relay(d, fd);
	else
		close(fd);
}

static void
on_cut(struct grant *g, const char *why)
{
	struct desk *d = list_entry(g, struct desk, grant);

	if (d->told || d->cut)
		return;
	d->cut = true;
	count(d->t->f, C_RELAYS_CUT, 1);
	log_info("cut", "ticket", log_num((long long)g->ticket), "why", why, NULL);
	/* The process has heard it from judge too, and its last words say why: they get a moment. */
	if (d->state == D_WAITING)
		refuse(d, 403, "SP-1707 access was withdrawn\n", why);
	else if (timer_start(d->t->loop, &d->timer, FRONT_CUT_WORDS_MS, on_timer, d) < 0)
		close_both(d, why);
}

static int
fill(struct desk *d, const struct fj_answer *a)
{
	int e;

	d->grant.cut = on_cut;
	d->grant.pair = on_pair;
	d->grant.session = true;
	if ((e = grant_take(&d->grant, d->t, a, conn_peer_ip(d->user))) < 0)
		return e;
	if (a->headers.n % 2 || (e = http1_put_status(&d->head, 101)) < 0)
		return E_FORMAT;
	for (size_t i = 0; i + 1 < a->headers.n && e == 0; i += 2)
		e = http1_put_header(&d->head, a->headers.v[i], a->headers.v[i + 1]);
	return e < 0 ? e : http1_put_end(&d->head);
}

void
desk_start(struct thread *t, struct http_server *hs, const struct fj_answer *a)
{
	struct desk *d = calloc(1, sizeof *d);
	struct buf rest;
	bool eof;
	struct conn *c = http_server_take(hs, &rest, &eof);
	int fd, e;

	if (!d) {
		buf_release(&rest);
		grant_orphan(t, a, "no-memory");
		address_leave(t->f, conn_peer_ip(c));
		t->nusers--;
		uncount(t->f, C_USERS_OPEN);
		conn_set_ops(c, NULL, NULL);
		conn_close(c);
		return;
	}
	d->t = t;
	d->user = c;
	d->rest = rest;
	d->eof = eof;
	buf_init(&d->head, 16u << 10);
	list_push(&t->desks, &d->in);
	conn_set_ops(c, &user_ops, d);
	if ((e = fill(d, a)) < 0) {
		log_error("bad_answer", "why", err_str(e), NULL);
		refuse(d, 500, "SP-1008 the edge failed\n", "bad-answer");
		return;
	}
	e = ends_want(t, &d->grant, &fd);
	if (e == 0)
		begin_relay(d, fd);
	else if (e != E_AGAIN || timer_start(t->loop, &d->timer, FRONT_PAIR_MS, on_timer, d) < 0)
		refuse(d, 503, "SP-1007 the edge is busy, try again\n", "no-memory");
}

void
desks_announce(struct thread *t)
{
	list_foreach (i, &t->desks)
		grant_announce(&((struct desk *)i)->grant, t, ((struct desk *)i)->user);
}

void
desks_stop(struct thread *t)
{
	list_foreach (i, &t->desks)
		close_both((struct desk *)i, "edge-stopped");
}

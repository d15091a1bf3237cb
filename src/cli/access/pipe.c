#include "cli/access/pipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/str.h"
#include "core/clock.h"
#include "crypto/random.h"
#include "net/http_client.h"
#include "wire/resume.h"
#include "wire/websocket.h"

#define OPEN_MS 30000
#define AGAIN_MS 5000     /* one attempt to come back: a host that answers nothing must not use up the grace */
#define DEAD_MS 20000     /* a leg on which nothing arrives is lost */
#define AGAIN_LAST 2000   /* the back-off's ceiling */
#define GONE_MAX 6        /* the edge may have chosen another of the tunnel's connectors */
#define SAY_AFTER_MS 2000 /* a short gap is nobody's business */
#define UP_ROOM (2 * CONN_READ_SIZE) /* one read may still come after a pause */
#define CLOSE_MS 3000                /* for the other side's close frame */
#define LOGIN_PREFIX "/cdn-cgi/access/login"
#define PIPE_BYTES (1 << 20) /* F_SETPIPE_SZ: 10 to 15 % of throughput (relay-prototype.md) */

struct pipe {
	struct loop *loop;
	const struct cli *c;
	const struct app *a;
	const struct pipe_options *o;
	struct tls_ctx *tls;
	struct secret token; /* for the legs after the first */
	struct http_client *http;
	/* resume (docs/protocol/resume.md); NULL: the other end does not know it, one leg is all there is */
	struct resume *r;
	struct resume_in rin;
	struct loop_timer again;
	int64_t lost_at;
	char holder[37]; /* the connector that keeps our session, as it named itself; "" when it did not */
	unsigned attempts,
	    gone;       /* tries since the leg was lost; of those, answered by a connector that has not our session */
	bool eof, said; /* the local side has ended while there was no leg; the gap was told */
	struct conn *ws, *local;
	int rfd, wfd;
	struct ws_in in;
	uint8_t masks[4096]; /* random, used four bytes a frame, then renewed */
	size_t nmask;
	bool close_sent, session;
	enum pipe_result result;
	pipe_done_fn *fn;
	void *arg;
};

static void
pipe_end(struct pipe *p, enum pipe_result r)
{
	if (p->ws) {
		conn_set_ops(p->ws, NULL, NULL);
		conn_close(p->ws);
	}
	if (p->local) {
		conn_set_ops(p->local, NULL, NULL);
		conn_close(p->local);
	}
	if (!p->session && p->rfd >= 0 && r != PIPE_LOGIN) {
		close(p->rfd);
		if (p->wfd != p->rfd)
			close(p->wfd);
	}
	timer_stop(&p->again);
	http_client_cancel(p->http);
	resume_free(p->r);
	secret_release(&p->token);
	p->fn(r, p->arg);
	free(p);
}

static const uint8_t *
next_mask(struct pipe *p)
{
	if (p->nmask < 4) {
		random_bytes(p->masks, sizeof p->masks);
		p->nmask = sizeof p->masks;
	}
	p->nmask -= 4;
	return p->masks + p->nmask;
}

static void
send_control(struct pipe *p, enum ws_op op, const void *d, size_t n)
{
	struct buf b;

	buf_init(&b, 256);
	if (p->ws && ws_put_frame(&b, op, d, n, next_mask(p)) == 0)
		conn_write(p->ws, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
}

static void
send_close(struct pipe *p, uint16_t code)
{
	uint8_t be[2] = {(uint8_t)(code >> 8), (uint8_t)code};

	if (!p->close_sent)
		send_control(p, WS_CLOSE, be, 2);
	p->close_sent = true;
}

/* --- from the local side ---------------------------------------------------------------------------------------------
 */

/* The frame header, and a record's before it, go in front of the bytes (CONN_HEADROOM). */
static int
send_bytes(struct pipe *p, uint8_t *d, size_t n)
{
	const uint8_t *mask = next_mask(p);
	uint8_t head[WS_HEAD_MAX];

	if (p->r) {
		d -= RESUME_HEAD;
		resume_data_head(d, n);
		n += RESUME_HEAD;
	}
	unsigned k = ws_head(head, WS_BINARY, n, mask);
	ws_mask(d, n, mask, 0);
	memcpy(d - k, head, k);
	return conn_write(p->ws, d - k, n + k);
}

static bool
may_send(const struct pipe *p)
{
	return (!p->ws || conn_queued(p->ws) <= PIPE_MARK) && (!p->r || resume_room(p->r) >= UP_ROOM);
}

/* Is there a leg that bytes may go out on? */
static bool
joined(const struct pipe *p)
{
	return p->ws && (!p->r || resume_state(p->r) == RESUME_LIVE || resume_state(p->r) == RESUME_OPENING);
}

static bool leg_lost(struct pipe *p);

static void
local_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct pipe *p = arg;

	if (p->close_sent)
		return;
	if (p->r && resume_sent(p->r, d, n) < 0) {
		pipe_end(p, PIPE_LOST);
		return;
	}
	/* A leg may be found broken by what is written to it, before it says so itself. */
	if (joined(p) && send_bytes(p, d, n) < 0 && !leg_lost(p)) {
		pipe_end(p, PIPE_LOST);
		return;
	}
	if (!may_send(p))
		conn_pause(c);
}

static void
local_drained(struct conn *c, void *arg)
{
	struct pipe *p = arg;

	if (p->ws && conn_queued(c) <= CONN_MARK)
		conn_resume(p->ws);
}

/* ssh closes our standard input when it is done: say so, take what still comes, end. */
static void
local_eof(struct conn *c, void *arg)
{
	struct pipe *p = arg;

	p->eof = true;
	if (!joined(p))
		return; /* what was read shall still arrive */
	send_close(p, 1000);
	conn_deadline(p->ws, CLOSE_MS);
}

static void
local_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct pipe *p = arg;

	p->local = NULL;
	send_close(p, 1000);
	pipe_end(p, p->result);
}

static const struct conn_ops local_ops = {NULL, local_data, local_drained, local_eof, local_closed};

/* --- from the application
 * ------------------------------------------------------------------------------------------------ */

static void
finish_local(struct pipe *p, enum pipe_result r)
{
	p->result = r;
	if (p->ws) {
		conn_set_ops(p->ws, NULL, NULL);
		conn_close(p->ws);
		p->ws = NULL;
	}
	if (!p->local) {
		pipe_end(p, r);
		return;
	}
	conn_pause(p->local); /* what is queued for it still leaves */
	conn_shutdown(p->local);
	conn_deadline(p->local, CLOSE_MS);
	if (!conn_queued(p->local))
		pipe_end(p, r);
}

/* --- one leg lost, another found --------------------------------------------------------------------------------- */

static void leg_start(struct pipe *p, int64_t deadline_ms);

static void
on_again(void *arg)
{
	struct pipe *p = arg;
	int64_t gone = clock_mono_ms() - p->lost_at;

	if (gone >= (int64_t)resume_grace_s(p->r) * 1000) {
		cli_fail(SP_CLIENT_NET, "%s could not be reached again within %us; the session is lost", p->a->name,
		         resume_grace_s(p->r));
		finish_local(p, PIPE_LOST);
		return;
	}
	if (gone >= SAY_AFTER_MS && !p->said) {
		p->said = true;
		cli_note("the connection to %s is interrupted; trying to take it up again", p->a->name);
	}
	leg_start(p, AGAIN_MS);
}

/* At once, then after 100 ms, 200 ms, ... with some disorder, so that an edge that comes back is not overrun. */
static void
leg_again(struct pipe *p)
{
	int64_t ms = p->attempts ? 50 << (p->attempts < 6 ? p->attempts : 6) : 0;
	uint8_t r;

	random_bytes(&r, 1);
	ms = ms > AGAIN_LAST ? AGAIN_LAST : ms;
	p->attempts++;
	if (timer_start(p->loop, &p->again, ms + ms * r / 512, on_again, p) < 0)
		finish_local(p, PIPE_LOST);
}

/* The leg ended without the session having ended. False when that is the end of it. */
static bool
leg_lost(struct pipe *p)
{
	if (!p->r || p->close_sent || resume_lost(p->r) < 0)
		return false;
	if (p->ws) {
		conn_set_ops(p->ws, NULL, NULL);
		conn_close(p->ws);
		p->ws = NULL;
	}
	memset(&p->rin, 0, sizeof p->rin);
	if (!p->lost_at)
		p->lost_at = clock_mono_ms();
	leg_again(p);
	return true;
}

static int
send_records(struct pipe *p, struct buf *b)
{
	struct buf frame;
	int e;

	buf_init(&frame, RESUME_CHUNK + 64);
	e = ws_put_frame(&frame, WS_BINARY, buf_ptr(b), buf_len(b), next_mask(p));
	if (e == 0)
		e = conn_write(p->ws, buf_ptr(&frame), buf_len(&frame));
	buf_release(&frame);
	buf_clear(b);
	return e;
}

/* What the connector does not have yet. */
static int
replay(struct pipe *p)
{
	const uint8_t *d;
	uint64_t at = 0;
	struct buf b;
	size_t n;
	int e = 0;

	buf_init(&b, RESUME_CHUNK + RESUME_HEAD);
	while (e == 0 && (n = resume_unseen(p->r, &at, &d))) {
		uint8_t head[RESUME_HEAD];
		resume_data_head(head, n);
		if ((e = buf_put(&b, head, sizeof head)) == 0 && (e = buf_put(&b, d, n)) == 0)
			e = send_records(p, &b);
	}
	buf_release(&b);
	return e;
}

/* False when p must not be touched any more. */
static bool
on_joined(struct pipe *p)
{
	p->attempts = p->gone = 0;
	p->lost_at = 0;
	if (p->said)
		cli_note("the session with %s goes on", p->a->name);
	p->said = false;
	if (replay(p) < 0) {
		if (!leg_lost(p))
			finish_local(p, PIPE_LOST);
		return false;
	}
	if (p->eof) {
		send_close(p, 1000);
		conn_deadline(p->ws, CLOSE_MS);
	} else if (p->local && may_send(p)) {
		conn_resume(p->local);
	}
	return true;
}

static bool
on_control(struct pipe *p, const struct resume_record *rec)
{
	struct reason why = {0};
	enum resume_event ev;

	if (resume_control(p->r, rec, &ev, &why) < 0) {
		cli_fail(SP_CLIENT_PROTOCOL, "%s: %s", p->a->name, why.text);
		send_close(p, 1002);
		finish_local(p, PIPE_LOST);
		return false;
	}
	if (ev == RESUME_EV_REPLAY)
		return on_joined(p);
	if (ev == RESUME_EV_GONE && ++p->gone < GONE_MAX && leg_lost(p))
		return false;
	if (ev == RESUME_EV_GONE) {
		cli_fail(SP_CLIENT_NET, "%s no longer has the session", p->a->name);
		finish_local(p, PIPE_LOST);
		return false;
	}
	if (ev == RESUME_EV_END) { /* all of it is here: whatever happens to the leg now, nothing is lost */
		send_close(p, 1000);
		finish_local(p, PIPE_OK);
		return false;
	}
	if (ev == RESUME_EV_ROOM && p->local && may_send(p))
		conn_resume(p->local);
	return true;
}

static bool
local_write(struct pipe *p, const uint8_t *d, size_t n)
{
	if (!p->local || conn_write(p->local, d, n) < 0) {
		finish_local(p, PIPE_LOST);
		return false;
	}
	if (conn_queued(p->local) > PIPE_MARK)
		conn_pause(p->ws);
	return true;
}

static bool
on_records(struct pipe *p, uint8_t *d, size_t n)
{
	struct resume_record rec;
	struct buf out;
	size_t used;

	while (n) {
		if (resume_in_feed(&p->rin, d, n, &used, &rec) < 0) {
			cli_fail(SP_CLIENT_PROTOCOL, "%s sent what is no record", p->a->name);
			send_close(p, 1002);
			finish_local(p, PIPE_LOST);
			return false;
		}
		d += used;
		n -= used;
		if (rec.type == RESUME_DATA) {
			if (!local_write(p, rec.p, rec.n))
				return false;
			if (!resume_received(p->r, rec.n))
				continue;
			buf_init(&out, 64);
			if (resume_ack(p->r, &out) == 0)
				(void)send_records(p, &out); /* a leg that is gone says so by itself */
			buf_release(&out);
		} else if (rec.type && !on_control(p, &rec)) {
			return false;
		}
	}
	return true;
}

/* False when the session is over and p must not be touched. */
static bool
on_event(struct pipe *p, const struct ws_event *ev)
{
	switch (ev->kind) {
	case WS_EV_DATA:
		return p->r ? on_records(p, ev->p, ev->n) : local_write(p, ev->p, ev->n);
	case WS_EV_PING:
		send_control(p, WS_PONG, ev->p, ev->n);
		return true;
	case WS_EV_CLOSE:
		send_close(p, 1000);
		finish_local(p, ev->code == 1000 || ev->code == 1001 || ev->code == 1005 ? PIPE_OK : PIPE_LOST);
		return false;
	case WS_EV_PONG:
	case WS_EV_NONE:
		break;
	}
	return true;
}

static void
ws_bytes(struct pipe *p, uint8_t *d, size_t n)
{
	struct reason why = {0};

	while (n) {
		struct ws_event ev = {0};
		uint16_t code = 0;
		size_t used = 0;
		if (ws_in_feed(&p->in, d, n, &used, &ev, &code, &why) < 0) {
			cli_fail(SP_CLIENT_PROTOCOL, "%s: %s", p->a->name, why.text);
			send_close(p, code);
			finish_local(p, PIPE_LOST);
			return;
		}
		d += used;
		n -= used;
		if (!on_event(p, &ev))
			return;
	}
}

static void
ws_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	ws_bytes(arg, d, n);
}

static void
ws_drained(struct conn *c, void *arg)
{
	struct pipe *p = arg;

	if (p->local && conn_queued(c) <= CONN_MARK && may_send(p))
		conn_resume(p->local);
}

static void
ws_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct pipe *p = arg;

	p->ws = NULL;
	if (leg_lost(p))
		return;
	/* A connector ends the stream without a close frame when its service did: that is an ordinary end. */
	finish_local(p, why == CONN_EOF || p->close_sent ? PIPE_OK : PIPE_LOST);
}

static const struct conn_ops ws_ops = {NULL, ws_data, ws_drained, NULL, ws_closed};

/* --- opening
 * --------------------------------------------------------------------------------------------------------------- */

/* Bytes of the new protocol that came with the answer's head. */
static void
take_left(struct pipe *p, struct slice left)
{
	uint8_t *copy = left.n ? malloc(left.n) : NULL;

	if (left.n && !copy) {
		pipe_end(p, PIPE_FAILED);
		return;
	}
	if (left.n) {
		memcpy(copy, left.p, left.n);
		ws_bytes(p, copy, left.n);
	}
	free(copy);
}

static int
begin_resumable(struct pipe *p)
{
	struct box_key eph;
	struct buf out;
	int e;

	buf_init(&out, 256);
	box_key_generate(&eph);
	e = resume_client_new(&eph, &p->r, &out);
	box_key_release(&eph);
	if (e == 0)
		e = send_records(p, &out);
	buf_release(&out);
	return e;
}

static void
begin_session(struct pipe *p, struct conn *ws, struct slice left, bool resumable)
{
	p->session = true;
	p->ws = ws;
	ws_in_init(&p->in, WS_CLIENT);
	(void)fcntl(p->rfd, F_SETPIPE_SZ, PIPE_BYTES);
	(void)fcntl(p->wfd, F_SETPIPE_SZ, PIPE_BYTES);
	conn_set_ops(ws, &ws_ops, p);
	if (conn_new_fd(p->loop, p->rfd, p->wfd, &local_ops, p, &p->local) < 0) {
		cli_fail(SP_CLIENT_NET, "standard input or output cannot be used as a stream");
		pipe_end(p, PIPE_FAILED);
		return;
	}
	if (resumable)
		conn_dead_after(ws, DEAD_MS);
	if (resumable && begin_resumable(p) < 0) {
		cli_fail(SP_CLIENT_NET, "the session could not be begun");
		pipe_end(p, PIPE_FAILED);
		return;
	}
	conn_resume(ws);
	take_left(p, left);
}

/* A new leg of the session: who we are and what we have, before anything else. */
static void
rejoin(struct pipe *p, struct conn *ws, struct slice left)
{
	struct buf out;

	p->ws = ws;
	conn_dead_after(ws, DEAD_MS);
	ws_in_init(&p->in, WS_CLIENT);
	conn_set_ops(ws, &ws_ops, p);
	buf_init(&out, 256);
	int e = resume_back(p->r, &out);
	if (e == 0)
		e = send_records(p, &out);
	buf_release(&out);
	if (e < 0) {
		if (!leg_lost(p))
			finish_local(p, PIPE_LOST);
		return;
	}
	conn_resume(ws);
	take_left(p, left);
}

static enum pipe_result
explain_refusal(const struct pipe *p, const struct http_answer *a)
{
	char text[200];
	size_t n = a->body.n < sizeof text ? a->body.n : sizeof text - 1;
	const char *loc = http_answer_header(a, "location");

	if (a->status == 302 && loc) {
		const char *path = strstr(loc, "://") ? strchr(strstr(loc, "://") + 3, '/') : loc;
		if (path && str_starts(path, LOGIN_PREFIX))
			return PIPE_LOGIN;
	}
	memcpy(text, a->body.p ? a->body.p : (const uint8_t *)"", n);
	text[n] = 0;
	text[strcspn(text, "\r\n")] = 0;
	if (str_starts(text, "SP-"))
		cli_fail(0, "%.7s refused by %s:%s", text, p->a->team.host[0] ? p->a->team.host : p->a->name,
		         text + strcspn(text, " "));
	else
		cli_fail(SP_CLIENT_PROTOCOL, "%s answered with status %u instead of a session", p->a->name, a->status);
	return PIPE_REFUSED;
}

static bool
speaks(const struct http_answer *a, const char *protocol)
{
	const char *v = http_answer_header(a, "sec-websocket-protocol");

	return v && !strcmp(v, protocol);
}

/* A later leg. An edge that is coming up, or a tunnel whose connector is, is asked again; a refusal ends the session.
 */
static void
on_answer_again(struct pipe *p, const struct http_answer *a)
{
	if (a->conn && speaks(a, RESUME_PROTOCOL_BACK)) {
		rejoin(p, a->conn, a->left);
	} else if (a->err < 0 || a->status >= 500) {
		leg_again(p);
	} else {
		enum pipe_result r = a->conn ? PIPE_LOST : explain_refusal(p, a);
		if (r == PIPE_LOGIN)
			cli_fail(SP_REVOKED, "%s: the session ended at the edge, and a new sign-in is needed",
			         p->a->name);
		finish_local(p, PIPE_LOST);
	}
}

static void
on_answer(const struct http_answer *a, void *arg)
{
	struct pipe *p = arg;

	p->http = NULL;
	if (p->session) {
		on_answer_again(p, a);
	} else if (a->err < 0) {
		cli_fail(SP_CLIENT_NET, "cannot reach %s: %s failed: %s", p->a->name, http_step_str(a->step), a->why);
		pipe_end(p, PIPE_FAILED);
	} else if (a->conn) {
		const char *holder = http_answer_header(a, RESUME_CONNECTOR);
		uint8_t uuid[16];
		if (holder && uuid_parse(holder, uuid) == 0)
			uuid_format(uuid, p->holder);
		begin_session(p, a->conn, a->left, speaks(a, RESUME_PROTOCOL));
	} else {
		pipe_end(p, explain_refusal(p, a));
	}
}

static int
ask(struct pipe *p, int64_t deadline_ms)
{
	const struct pipe_options *o = p->o;
	char url[400], *lines[5] = {NULL};
	const char *h[CLI_LIST_MAX + 8];
	size_t n = 0;

	if (p->token.n)
		lines[0] = str_fmt("Cf-Access-Token: %.*s", (int)p->token.n, (const char *)p->token.d);
	lines[1] = o->service_id ? str_fmt("Cf-Access-Client-Id: %s", o->service_id) : NULL;
	lines[2] = o->service_secret ? str_fmt("Cf-Access-Client-Secret: %s", o->service_secret) : NULL;
	lines[3] = o->destination ? str_fmt("Cf-Access-Jump-Destination: %s", o->destination) : NULL;
	lines[4] = p->session && *p->holder ? str_fmt(RESUME_CONNECTOR ": %s", p->holder) : NULL;
	for (int i = 0; i < 5; i++)
		if (lines[i])
			h[n++] = lines[i];
	for (size_t i = 0; i < o->headers.n; i++)
		h[n++] = o->headers.v[i];
	h[n++] = "User-Agent: sallyport/" SALLYPORT_VERSION;
	if (p->session)
		h[n++] = "Sec-WebSocket-Protocol: " RESUME_PROTOCOL_BACK;
	else if (!o->one_leg)
		h[n++] = "Sec-WebSocket-Protocol: " RESUME_PROTOCOL;
	h[n] = NULL;
	snprintf(url, sizeof url, "https://%s/", p->a->name);
	struct http_ask q = {.method = "GET",
	                     .url = url,
	                     .headers = h,
	                     .body_max = 65536,
	                     .deadline_ms = deadline_ms,
	                     .connect_to = p->c->connect_to,
	                     .tls = p->tls,
	                     .websocket = true};
	int r = http_client_start(p->loop, &q, on_answer, p, &p->http);
	for (int i = 0; i < 5; i++) {
		if (lines[i])
			mem_wipe(lines[i], strlen(lines[i]));
		free(lines[i]);
	}
	return r;
}

static void
leg_start(struct pipe *p, int64_t deadline_ms)
{
	if (ask(p, deadline_ms) < 0)
		finish_local(p, PIPE_LOST);
}

int
pipe_start(struct loop *l, const struct cli *c, const struct app *a, const struct pipe_options *o, struct tls_ctx *tls,
           struct slice token, int rfd, int wfd, pipe_done_fn *fn, void *arg, struct pipe **ret_p)
{
	struct pipe *p = calloc(1, sizeof *p);
	int r = p ? 0 : E_NOMEM;

	if (r == 0)
		*p = (struct pipe){.loop = l,
		                   .c = c,
		                   .a = a,
		                   .o = o,
		                   .tls = tls,
		                   .rfd = rfd,
		                   .wfd = wfd,
		                   .fn = fn,
		                   .arg = arg,
		                   .result = PIPE_OK};
	if (r == 0 && token.n)
		r = secret_set(&p->token, token.p, token.n);
	if (r == 0)
		r = ask(p, OPEN_MS);
	if (r < 0 && p) {
		secret_release(&p->token);
		free(p);
	} else if (r == 0 && ret_p) {
		*ret_p = p;
	}
	return r;
}

void
pipe_hangup(struct pipe *p)
{
	send_close(p, 1000); /* else the connector keeps the session for our return */
	pipe_end(p, p->session ? PIPE_OK : PIPE_FAILED);
}

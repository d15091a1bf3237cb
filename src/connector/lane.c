/*
 * lane: a session that outlives what carries it: one connection to the service, and one leg (a stream of some link) at
 * a time (wire/resume.h, docs/protocol/resume.md).
 *
 *   leg    the stream: WebSocket frames, records
 *   lane   the service's connection, what the client has not confirmed, the key
 *
 * A leg that ends without the client's close and without the edge's cut leaves the lane waiting for LANE_GRACE_S; then
 * the service is closed. What a byte costs beyond stream.c: down, one copy into the lane's memory; up, nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "connector/private.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "wire/resume.h"
#include "wire/websocket.h"

#define LANE_GRACE_S 60
#define LANES_WAITING_MAX 1000u /* without a leg: each may hold RESUME_BUFFER_MAX and a connection to the service */
#define UNSEEN_MAX (256u << 20) /* of all lanes; beyond it each keeps no more than UNSEEN_FEW on its way */
#define UNSEEN_FEW (512u << 10)
#define ROOM (2 * CONN_READ_SIZE) /* one read may still come after a pause */
#define PING_MS 54000
#define SILENT_MS 5000 /* a return must say at once which session it is about: nothing else bounds such a leg */
#define LINGER_MS 5000

struct lane;
struct leg {
	struct stream_base base; /* first */
	struct link *l;
	struct h2stream *h2;
	struct lane *lane; /* NULL: a return that has not said which yet, or a leg that was left */
	struct ws_in in;
	struct resume_in records;
	bool back, open;
	bool ended;      /* nothing more goes out */
	bool deaf;       /* nothing more is taken */
	char place[600]; /* application and destination that it was let in for */
	char who[KEYCHAIN_SUBJECT_MAX];
	size_t owed;
	struct buf early;
	char accept[29];
	struct loop_timer ping;
};
struct lane {
	struct connector *k;
	struct dial dial;
	struct conn *origin;
	struct resume *r; /* NULL until HELLO */
	struct leg *leg;
	bool over;                      /* the service has ended; the client may still lack something */
	bool closed;                    /* the client said that it is done */
	size_t counted;                 /* of k->unseen */
	int64_t since;                  /* without a leg */
	char place[600];                /* where it began: a return through another application's door is none */
	char who[KEYCHAIN_SUBJECT_MAX]; /* nor is one with somebody else's token */
	struct loop_timer grace;
};

static const struct stream_ops leg_ops;
static bool leg_bad(struct leg *g, const char *why);

/* --- towards the edge --------------------------------------------------------------------------------------------- */

static void
leg_frame(struct leg *g, enum ws_op op, const void *p, size_t n)
{
	uint8_t head[WS_HEAD_MAX];
	unsigned k = ws_head(head, op, n, NULL);

	if (!g->ended && h2stream_write2(g->h2, head, k, p, n) == 0)
		link_flush_soon(g->l);
}

static void
leg_records(struct leg *g, struct buf *b)
{
	if (buf_len(b))
		leg_frame(g, WS_BINARY, buf_ptr(b), buf_len(b));
	buf_release(b);
}

static void
leg_end(struct leg *g)
{
	if (g->ended)
		return;
	g->ended = true;
	h2stream_end(g->h2);
	link_flush_soon(g->l);
}

static void
leg_close(struct leg *g, uint16_t code)
{
	const uint8_t be[2] = {(uint8_t)(code >> 8), (uint8_t)code};

	leg_frame(g, WS_CLOSE, be, 2);
	leg_end(g);
}

static void
on_ping_time(void *arg)
{
	leg_frame(arg, WS_PING, NULL, 0);
}

static void
on_silent(void *arg)
{
	(void)leg_bad(arg, "a return that says nothing");
}

/* 200: bytes flow from here on. */
static int
leg_open(struct leg *g)
{
	struct buf packed;
	char self[37];

	uuid_format(g->l->k->client_id, self);
	const struct h2_header user[] = {{"Connection", "Upgrade"},
	                                 {"Upgrade", "websocket"},
	                                 {"Sec-WebSocket-Protocol", g->back ? RESUME_PROTOCOL_BACK : RESUME_PROTOCOL},
	                                 {RESUME_CONNECTOR, self},
	                                 {"Sec-Websocket-Accept", g->accept}};
	int e;

	buf_init(&packed, 4096);
	e = h2_headers_pack(&packed, user, sizeof user / sizeof *user);
	const struct h2_header h[] = {{":status", "200"},
	                              {"cf-cloudflared-response-headers", buf_cstr(&packed)},
	                              {"cf-cloudflared-response-meta", "{\"src\":\"origin\"}"}};
	if (e == 0)
		e = h2stream_respond(g->h2, h, 3, false);
	buf_release(&packed);
	if (e < 0)
		return e;
	g->open = true;
	metrics_answered(g->l->k, 101);
	link_flush_soon(g->l);
	return g->back ? timer_start(g->l->k->loop, &g->ping, SILENT_MS, on_silent, g)
	               : timer_repeat(g->l->k->loop, &g->ping, PING_MS, on_ping_time, g);
}

/* --- the lane ------------------------------------------------------------------------------------------------------
 */

static void
count_unseen(struct lane *s)
{
	size_t now = s->r ? RESUME_BUFFER_MAX - resume_room(s->r) : 0;

	s->k->unseen += now - s->counted;
	s->counted = now;
}

static void
lane_free(struct lane *s)
{
	timer_stop(&s->grace);
	if (s->leg)
		s->leg->lane = NULL;
	if (s->origin) {
		conn_set_ops(s->origin, NULL, NULL);
		conn_deadline(s->origin, LINGER_MS);
		conn_shutdown(s->origin);
	}
	if (s->r)
		map_take_n(&s->k->lanes, resume_id(s->r), RESUME_ID_LEN);
	s->k->unseen -= s->counted;
	resume_free(s->r);
	dial_release(&s->dial);
	free(s);
}

/* The service may be read when what it says can go out, or at least be kept. */
static void
pace(struct lane *s)
{
	bool room = s->r && resume_room(s->r) >= ROOM && (s->k->unseen <= UNSEEN_MAX || s->counted <= UNSEEN_FEW);

	if (!s->origin)
		return;
	if (!room || (s->leg && h2stream_queued(s->leg->h2) >= H2_OUT_MARK))
		conn_pause(s->origin);
	else
		conn_resume(s->origin);
}

static void
on_grace(void *arg)
{
	struct lane *s = arg;

	log_info("session_given_up", "seconds", log_num(LANE_GRACE_S), NULL);
	lane_free(s);
}

/* Nothing more can be owed to anybody. */
static bool
lane_done(const struct lane *s)
{
	return s->closed || !s->r || (s->over && resume_room(s->r) == RESUME_BUFFER_MAX);
}

static void
too_many_waiting(struct connector *k)
{
	struct map_iter it = {0};
	struct lane *oldest = NULL;
	size_t n = 0;

	while (map_next(&k->lanes, &it)) {
		struct lane *s = it.value;
		if (s->leg)
			continue;
		n++;
		if (!oldest || s->since < oldest->since)
			oldest = s;
	}
	if (n > LANES_WAITING_MAX)
		lane_free(oldest);
}

/* The leg is gone, or of no more use. */
static void
lane_detach(struct lane *s, bool for_good)
{
	struct leg *g = s->leg;

	s->leg = NULL;
	if (g)
		g->lane = NULL;
	if (for_good || lane_done(s) || resume_lost(s->r) < 0 ||
	    timer_start(s->k->loop, &s->grace, LANE_GRACE_S * 1000, on_grace, s) < 0) {
		lane_free(s);
		return;
	}
	s->since = clock_mono_ms();
	log_info("session_waits", "seconds", log_num(LANE_GRACE_S), NULL);
	pace(s);
	too_many_waiting(s->k);
}

/* All that the service said is on its way. The client's close then ends the session; without it the client may be back.
 */
static void
say_end(struct lane *s)
{
	struct buf b;

	buf_init(&b, 64);
	if (resume_end(s->r, &b) == 0 && s->leg) {
		leg_records(s->leg, &b);
		leg_close(s->leg, 1000);
	} else {
		buf_release(&b);
	}
}

/* --- the service ---------------------------------------------------------------------------------------------------
 */

static bool up_bytes(struct leg *g, uint8_t *d, size_t n);

static void
pay_back(struct leg *g)
{
	if (!g->owed)
		return;
	h2stream_consume(g->h2, g->owed);
	g->owed = 0;
	link_flush_soon(g->l);
}

static void
origin_opened(struct conn *c, void *arg)
{
	struct lane *s = arg;
	struct leg *g = s->leg;

	conn_deadline(c, 0);
	conn_quickack(c, true);
	conn_pause(c); /* until HELLO: what it says cannot be kept before */
	if (!g || leg_open(g) < 0) {
		lane_free(s);
		return;
	}
	if (buf_len(&g->early)) {
		struct buf b = g->early;
		g->early = (struct buf){0};
		(void)up_bytes(g, b.d + b.r, buf_len(&b));
		buf_release(&b);
	}
}

static void
origin_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct lane *s = arg;
	uint8_t head[WS_HEAD_MAX];

	(void)c;
	if (!s->r || resume_sent(s->r, d, n) < 0) {
		log_warn("session_overrun", NULL);
		lane_detach(s, true);
		return;
	}
	count_unseen(s);
	if (s->leg && !s->leg->ended && resume_state(s->r) == RESUME_LIVE) {
		d -= RESUME_HEAD;
		resume_data_head(d, n);
		n += RESUME_HEAD;
		unsigned k = ws_head(head, WS_BINARY, n, NULL);
		memcpy(d - k, head, k); /* CONN_HEADROOM is there for this */
		if (h2stream_write(s->leg->h2, d - k, n + k) < 0) {
			h2stream_reset(s->leg->h2, 2);
			return;
		}
		link_flush_soon(s->leg->l);
	}
	pace(s);
}

static void
origin_drained(struct conn *c, void *arg)
{
	struct lane *s = arg;

	(void)c;
	if (s->leg)
		pay_back(s->leg);
}

static void
lane_refused(struct lane *s, const char *why)
{
	struct leg *g = s->leg;

	dial_log(&s->dial, why);
	if (g && !g->open && !g->ended) {
		g->ended = true;
		stream_answer(g->l, g->h2, 502, "cloudflared");
	}
	lane_free(s);
}

static void
dial_failed(const char *why, void *arg)
{
	((struct lane *)arg)->k->m.failed++;
	lane_refused(arg, why);
}

static void
origin_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct lane *s = arg;
	const char *text = conn_error_text(c);

	s->origin = NULL;
	if (!s->leg ? !s->r : !s->leg->open) {
		lane_refused(s, text && *text ? text : conn_why_str(why));
		return;
	}
	s->over = true;
	if (!s->r) {
		leg_end(s->leg);
		lane_free(s);
		return;
	}
	say_end(s);
	if (!s->leg && lane_done(s))
		lane_free(s);
}

static const struct conn_ops origin_ops = {origin_opened, origin_data, origin_drained, NULL, origin_closed};

/* --- records of the client ------------------------------------------------------------------------------------------
 */

/* Something is wrong with the leg; the session may be fine. False: the leg takes no more. */
static bool
leg_bad(struct leg *g, const char *why)
{
	struct lane *s = g->lane;

	log_warn("resume", "why", why, NULL);
	timer_stop(&g->ping);
	g->deaf = true;
	leg_close(g, 1002);
	if (s)
		lane_detach(s, !s->r);
	return false;
}

static bool
on_hello(struct leg *g, const struct resume_record *rec)
{
	struct lane *s = g->lane;
	uint8_t id[RESUME_ID_LEN];
	struct box_key eph;
	struct buf out;

	if (!s || s->r || g->back)
		return leg_bad(g, "HELLO out of turn");
	random_bytes(id, sizeof id);
	box_key_generate(&eph);
	buf_init(&out, 256);
	int e = resume_connector_new(rec, &eph, id, LANE_GRACE_S, &s->r, &out);
	if (e == 0)
		e = map_put_n(&s->k->lanes, id, sizeof id, s);
	leg_records(g, &out);
	if (e < 0)
		return leg_bad(g, err_str(e));
	if (s->origin)
		pace(s);
	else
		say_end(s); /* it was quick */
	return true;
}

/* Everything that the client lacks, once more. */
static void
replay(struct lane *s)
{
	const uint8_t *d;
	uint64_t at = 0;
	struct buf b;
	size_t n;

	while ((n = resume_unseen(s->r, &at, &d))) {
		uint8_t head[RESUME_HEAD];
		buf_init(&b, RESUME_CHUNK + RESUME_HEAD);
		resume_data_head(head, n);
		if (buf_put(&b, head, sizeof head) == 0)
			(void)buf_put(&b, d, n);
		leg_records(s->leg, &b);
	}
	if (s->over)
		say_end(s);
}

static bool
on_back(struct leg *g, const struct resume_record *rec)
{
	uint8_t id[RESUME_ID_LEN];
	struct reason why = {.text = "no such session"};
	struct lane *s = NULL;
	struct buf out;

	if (g->lane || !g->back)
		return leg_bad(g, "BACK out of turn");
	buf_init(&out, 256);
	if (resume_back_id(rec, id) == 0)
		s = map_get_n(&g->l->k->lanes, id, sizeof id);
	if (s && strcmp(s->place, g->place)) {
		s = NULL;
		str_copy(why.text, sizeof why.text, "begun for another application or destination");
	}
	if (s && strcmp(s->who, g->who)) {
		s = NULL;
		str_copy(why.text, sizeof why.text, "begun by somebody else");
	}
	if (!s || resume_rejoin(s->r, rec, &out, &why) < 0) {
		log_warn("resume_refused", "why", why.text, NULL);
		(void)resume_gone(&out);
		leg_records(g, &out);
		timer_stop(&g->ping);
		g->deaf = true;
		leg_close(g, 1000);
		return false;
	}
	timer_stop(&s->grace);
	if (s->leg) { /* it was given up by the client before we noticed */
		s->leg->lane = NULL;
		s->leg->deaf = true;
		leg_end(s->leg);
	}
	s->leg = g;
	g->lane = s;
	(void)timer_repeat(s->k->loop, &g->ping, PING_MS, on_ping_time, g);
	count_unseen(s);
	log_info("session_resumed", NULL);
	leg_records(g, &out);
	replay(s);
	pace(s);
	return true;
}

static bool
on_record(struct leg *g, const struct resume_record *rec)
{
	struct lane *s = g->lane;
	enum resume_event ev;
	struct reason why = {0};
	struct buf out;

	if (rec->type == RESUME_HELLO)
		return on_hello(g, rec);
	if (rec->type == RESUME_BACK)
		return on_back(g, rec);
	if (!s || !s->r)
		return leg_bad(g, "record before the session began");
	if (rec->type == RESUME_DATA) {
		/* a service that has ended takes no more; the client will hear so */
		if (s->origin && conn_write(s->origin, rec->p, rec->n) < 0)
			return leg_bad(g, "the service's queue is full");
		buf_init(&out, 64);
		if (resume_received(s->r, rec->n))
			(void)resume_ack(s->r, &out);
		leg_records(g, &out);
		return true;
	}
	if (resume_control(s->r, rec, &ev, &why) < 0)
		return leg_bad(g, why.text);
	count_unseen(s);
	if (ev == RESUME_EV_ROOM)
		pace(s);
	return true;
}

static bool
on_records(struct leg *g, uint8_t *d, size_t n)
{
	struct resume_record rec;
	size_t used;

	while (n) {
		if (resume_in_feed(&g->records, d, n, &used, &rec) < 0)
			return leg_bad(g, "not a record");
		d += used;
		n -= used;
		if (rec.type && !on_record(g, &rec))
			return false;
	}
	return true;
}

/* The client's close: it has what it wants. */
static bool
on_close(struct leg *g)
{
	struct lane *s = g->lane;

	g->deaf = true;
	leg_close(g, 1000);
	if (s) {
		s->closed = true;
		lane_detach(s, true);
	}
	return false;
}

static bool
up_bytes(struct leg *g, uint8_t *d, size_t n)
{
	struct reason why = {0};

	while (n && !g->deaf) {
		struct ws_event ev = {0};
		uint16_t code = 0;
		size_t used = 0;
		if (ws_in_feed(&g->in, d, n, &used, &ev, &code, &why) < 0)
			return leg_bad(g, why.text);
		d += used;
		n -= used;
		if (ev.kind == WS_EV_CLOSE)
			return on_close(g);
		if (ev.kind == WS_EV_PING)
			leg_frame(g, WS_PONG, ev.p, ev.n);
		if (ev.kind == WS_EV_DATA && !ev.text && !on_records(g, ev.p, ev.n))
			return false;
	}
	return true;
}

/* --- the stream ----------------------------------------------------------------------------------------------------
 */

static void
leg_data(void *arg, uint8_t *d, size_t n)
{
	struct leg *g = arg;

	if (!g->open) { /* bounded by the stream's window */
		if (buf_put(&g->early, d, n) < 0)
			h2stream_reset(g->h2, 2);
		else
			g->owed += n;
		return;
	}
	(void)up_bytes(g, d, n);
	g->owed += n;
	if (!g->lane || !g->lane->origin || conn_queued(g->lane->origin) <= CONN_MARK)
		pay_back(g);
}

/* The user's connection ended without a word: lost, until it is back. */
static void
leg_over(void *arg)
{
	struct leg *g = arg;

	if (g->lane)
		lane_detach(g->lane, false);
	leg_end(g);
}

static void
leg_drained(void *arg)
{
	struct leg *g = arg;

	if (g->lane)
		pace(g->lane);
}

static void
leg_closed(void *arg, uint32_t error)
{
	struct leg *g = arg;

	timer_stop(&g->ping);
	if (g->lane)
		lane_detach(g->lane, error == H2_CANCEL);
	buf_release(&g->early);
	g->l->k->streams--;
	free(g);
}

static const struct stream_ops leg_ops = {leg_data, leg_over, leg_drained, leg_closed};

bool
lane_request(struct link *l, struct h2stream *h2, const struct h2_header *h, size_t n, const struct ingress_rule *rule,
             const char *who)
{
	const char *asked = stream_header(h, n, "sec-websocket-protocol"),
	           *key = stream_header(h, n, "sec-websocket-key");
	bool back = !strcmp(asked, RESUME_PROTOCOL_BACK);
	struct lane *s = NULL;
	struct leg *g;

	if ((!back && strcmp(asked, RESUME_PROTOCOL)) || !*key)
		return false;
	g = calloc(1, sizeof *g);
	if (!back)
		s = map_len(&l->k->lanes) < LANES_MAX ? calloc(1, sizeof *s) : NULL;
	if (!g || (!back && !s)) {
		free(g);
		free(s);
		stream_answer(l, h2, 502, "cloudflared");
		return true;
	}
	*g = (struct leg){.base = {&leg_ops}, .l = l, .h2 = h2, .back = back, .lane = s};
	buf_init(&g->early, H2_WINDOW_MAX);
	ws_in_init(&g->in, WS_SERVER);
	ws_accept_value(key, g->accept);
	snprintf(g->place, sizeof g->place, "%s %s", stream_header(h, n, ":authority"),
	         stream_header(h, n, "cf-access-jump-destination"));
	str_copy(g->who, sizeof g->who, who);
	h2stream_set_arg(h2, g);
	l->k->streams++;
	if (back) {
		if (leg_open(g) < 0)
			h2stream_reset(h2, 2);
		return true;
	}
	s->k = l->k;
	s->leg = g;
	str_copy(s->place, sizeof s->place, g->place);
	str_copy(s->who, sizeof s->who, g->who);
	dial_prepare(&s->dial, l->k, rule, &origin_ops, &s->origin, dial_failed, s);
	dial_start(&s->dial, h, n);
	return true;
}

void
lanes_release(struct connector *k)
{
	struct map_iter it = {0};

	while (map_next(&k->lanes, &it))
		lane_free(it.value);
	map_release(&k->lanes);
}

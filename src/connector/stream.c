/*
 * stream: one stream of the edge: which service, dial it, and move bytes: WebSocket frames towards the edge (none on a
 * private network stream), a plain byte stream towards the service.
 *
 * What a byte costs here. Down (service -> edge): recv into the thread's buffer, the frame header written in front of
 * it in place, one copy into the stream's queue, one copy into HTTP/2 frames, one sealing, one send a batch. Up: recv,
 * one opening, unmasked in place, one copy into the socket's queue (none when the kernel takes it at once), one send a
 * batch. No allocation a frame.
 */
#include <stdlib.h>
#include <string.h>

#include "connector/private.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "wire/socks.h"
#include "wire/websocket.h"

#define PING_MS 54000  /* as the original: keeps middleboxes from forgetting an idle session (a.6) */
#define LINGER_MS 5000 /* for the last bytes of an ended side */
#define CONFIG_MAX (1u << 20)
#define TOKEN_HEADER "cf-access-jwt-assertion"
#define UPGRADE_HEADER "cf-cloudflared-proxy-connection-upgrade"
#define RAW_HEADER "cf-cloudflared-proxy-src"

enum stream_kind { STREAM_WEBSOCKET, STREAM_CONFIG, STREAM_RAW /* DATA is the bytes of TCP */ };

struct stream {
	struct stream_base base; /* first */
	struct link *l;
	struct h2stream *h2;
	enum stream_kind kind;
	struct dial dial;
	struct conn *origin;
	struct socks_in *socks; /* until the destination is reached */
	struct ws_in in;
	bool open;        /* 200 was sent: bytes flow */
	bool ended;       /* our END_STREAM is queued */
	size_t owed;      /* received, not yet given back to the edge's window */
	struct buf early; /* bytes before the service answered; a configuration's body */
	char accept[29];
	struct loop_timer ping;
};

const char *
stream_header(const struct h2_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(h[i].name, name))
			return h[i].value;
	return "";
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

void
stream_answer(struct link *l, struct h2stream *s, unsigned status, const char *src)
{
	char code[8], meta[40];
	const struct h2_header h[] = {{":status", code},
	                              {"content-length", "0"},
	                              {"cf-cloudflared-response-headers", ""},
	                              {"cf-cloudflared-response-meta", meta}};

	snprintf(code, sizeof code, "%u", status);
	snprintf(meta, sizeof meta, "{\"src\":\"%s\"}", src);
	h2stream_respond(s, h, 4, true);
	metrics_answered(l->k, status);
	link_flush_soon(l);
}

static void
end_now(struct stream *s)
{
	if (!s->ended && s->h2) {
		s->ended = true;
		h2stream_end(s->h2);
		link_flush_soon(s->l);
	}
}

static void send_frame(struct stream *s, enum ws_op op, const void *p, size_t n);

static void
say_socks(struct stream *s, enum socks_code code)
{
	struct buf b;

	buf_init(&b, 64);
	if (socks_reply(&b, code) == 0)
		send_frame(s, WS_BINARY, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
}

static void
fail(struct stream *s, const char *why)
{
	dial_log(&s->dial, why);
	s->l->k->m.failed++;
	if (!s->open && !s->ended) {
		s->ended = true;
		stream_answer(s->l, s->h2, 502, "cloudflared");
	} else {
		if (s->socks && s->socks->state == SOCKS_DONE)
			say_socks(s, s->dial.denied ? SOCKS_DENIED : SOCKS_UNREACHABLE);
		end_now(s);
	}
}

/* --- from the service -----------------------------------------------------------------------------------------------
 */

static void
send_frame(struct stream *s, enum ws_op op, const void *p, size_t n)
{
	uint8_t head[WS_HEAD_MAX];
	unsigned k = ws_head(head, op, n, NULL);

	if (!s->ended && h2stream_write2(s->h2, head, k, p, n) == 0)
		link_flush_soon(s->l);
}

static void
on_ping_time(void *arg)
{
	send_frame(arg, WS_PING, NULL, 0);
}

static void up_bytes(struct stream *s, uint8_t *d, size_t n);

static bool
answer_open(struct stream *s)
{
	struct buf packed;
	const struct h2_header user[] = {
	    {"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-Websocket-Accept", s->accept}};

	buf_init(&packed, 4096);
	if (s->accept[0])
		h2_headers_pack(&packed, user, 3);
	const struct h2_header h[] = {{":status", "200"},
	                              {"cf-cloudflared-response-headers", buf_cstr(&packed)},
	                              {"cf-cloudflared-response-meta", "{\"src\":\"origin\"}"}};
	int r = h2stream_respond(s->h2, h, 3, false);
	buf_release(&packed);
	if (r < 0) {
		h2stream_reset(s->h2, 2);
		return false;
	}
	s->open = true;
	metrics_answered(s->l->k, s->kind == STREAM_RAW ? 200 : 101);
	if (s->kind == STREAM_WEBSOCKET)
		timer_repeat(s->l->k->loop, &s->ping, PING_MS, on_ping_time, s);
	link_flush_soon(s->l);
	return true;
}

static void pay_back(struct stream *s);

/* The destination is reached: from here on it is a session like any other. */
static void
socks_opened(struct stream *s)
{
	say_socks(s, SOCKS_OK);
	free(s->socks);
	s->socks = NULL;
	if (buf_len(&s->early) && conn_write(s->origin, buf_ptr(&s->early), buf_len(&s->early)) < 0)
		end_now(s);
	buf_release(&s->early);
	pay_back(s);
}

static void
origin_opened(struct conn *c, void *arg)
{
	struct stream *s = arg;

	conn_deadline(c, 0);
	conn_quickack(c, true);
	if (s->socks) {
		socks_opened(s);
		return;
	}
	if (!answer_open(s))
		return;
	if (buf_len(&s->early)) {
		struct buf b = s->early;
		s->early = (struct buf){0};
		up_bytes(s, b.d + b.r, buf_len(&b));
		buf_release(&b);
	}
}

static void
origin_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct stream *s = arg;
	uint8_t head[WS_HEAD_MAX];
	unsigned k = s->kind == STREAM_RAW ? 0 : ws_head(head, WS_BINARY, n, NULL);

	if (s->ended)
		return;
	memcpy(d - k, head, k); /* CONN_HEADROOM is there for this */
	if (h2stream_write(s->h2, d - k, n + k) < 0) {
		h2stream_reset(s->h2, 2);
		return;
	}
	if (h2stream_queued(s->h2) >= H2_OUT_MARK)
		conn_pause(c);
	link_flush_soon(s->l);
}

static void
pay_back(struct stream *s)
{
	if (s->owed && s->h2) {
		h2stream_consume(s->h2, s->owed);
		s->owed = 0;
		link_flush_soon(s->l);
	}
}

static void
origin_drained(struct conn *c, void *arg)
{
	pay_back(arg);
}

static void
origin_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct stream *s = arg;
	const char *text = conn_error_text(c);

	s->origin = NULL;
	timer_stop(&s->ping);
	if (!s->open || s->socks)
		fail(s, text && *text ? text : conn_why_str(why));
	else
		end_now(s);
}

static const struct conn_ops origin_ops = {origin_opened, origin_data, origin_drained, NULL, origin_closed};

/* --- from the edge
 * ---------------------------------------------------------------------------------------------------- */

static const struct stream_ops own_ops;

static struct stream *
stream_new(struct link *l, struct h2stream *h2, enum stream_kind kind, size_t early_max)
{
	struct stream *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->base.ops = &own_ops;
	s->l = l;
	s->h2 = h2;
	s->kind = kind;
	buf_init(&s->early, early_max);
	ws_in_init(&s->in, WS_SERVER);
	h2stream_set_arg(h2, s);
	l->k->streams++;
	if (l->k->streams > l->k->m.streams_max)
		l->k->m.streams_max = l->k->streams;
	return s;
}

static void
dial_failed(const char *why, void *arg)
{
	fail(arg, why);
}

static void
begin_websocket(struct link *l, struct h2stream *h2, const struct h2_header *h, size_t n,
                const struct ingress_rule *rule)
{
	struct stream *s = stream_new(l, h2, STREAM_WEBSOCKET, H2_WINDOW_MAX);
	const char *key = stream_header(h, n, "sec-websocket-key");

	if (!s) {
		stream_answer(l, h2, 502, "cloudflared");
		return;
	}
	if (*key)
		ws_accept_value(key, s->accept);
	dial_prepare(&s->dial, l->k, rule, &origin_ops, &s->origin, dial_failed, s);
	if (rule->kind != SERVICE_SOCKS)
		dial_start(&s->dial, h, n);
	else if ((s->socks = calloc(1, sizeof *s->socks)))
		answer_open(s); /* the destination comes inside */
	else
		fail(s, "out of memory");
}

/* Private network: the authority is the destination, an address and a port; a name is not looked up for anybody. */
static void
begin_raw(struct link *l, struct h2stream *h2, const struct h2_header *h, size_t n, const struct ingress_rule *rule)
{
	struct stream *s = stream_new(l, h2, STREAM_RAW, H2_WINDOW_MAX);
	struct hostport to;

	if (!s) {
		stream_answer(l, h2, 502, "cloudflared");
		return;
	}
	dial_prepare(&s->dial, l->k, rule, &origin_ops, &s->origin, dial_failed, s);
	if (hostport_parse(stream_header(h, n, ":authority"), 0, &to) < 0 || !to.is_ip || !to.port)
		fail(s, "the destination is no address with a port");
	else
		dial_to(&s->dial, &to);
}

static void
hello(struct link *l, struct h2stream *h2, const char *method)
{
	static const char page[] = "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>It works</title>\n"
	                           "<h1>It works</h1>\n<p>This page comes from the tunnel's connector itself.</p>\n";
	static const struct h2_header user[] = {{"Content-Type", "text/html; charset=utf-8"},
	                                        {"Cache-Control", "no-store"}};
	struct buf packed;

	buf_init(&packed, 4096);
	h2_headers_pack(&packed, user, 2);
	const struct h2_header h[] = {{":status", "200"},
	                              {"cf-cloudflared-response-headers", buf_cstr(&packed)},
	                              {"cf-cloudflared-response-meta", "{\"src\":\"origin\"}"}};
	int r = h2stream_respond(h2, h, 3, false);
	buf_release(&packed);
	if (r < 0 || (strcmp(method, "HEAD") != 0 && h2stream_write(h2, page, sizeof page - 1) < 0))
		h2stream_reset(h2, 2);
	else
		h2stream_end(h2);
	metrics_answered(l->k, 200);
	link_flush_soon(l);
}

/* One token, or none: of two, who knows which the service reads. */
static bool
admitted(struct link *l, const struct h2_header *h, size_t n, const struct ingress_rule *rule,
         char who[static KEYCHAIN_SUBJECT_MAX])
{
	struct reason why = {0};
	size_t tokens = 0;

	for (size_t i = 0; i < n; i++)
		tokens += !strcmp(h[i].name, TOKEN_HEADER);
	if (access_check(&l->k->access, rule, tokens == 1 ? stream_header(h, n, TOKEN_HEADER) : "", clock_wall(), who,
	                 &why) == 0)
		return true;
	log_warn("stream_refused", "host", stream_header(h, n, ":authority"), "why",
	         tokens > 1 ? "more than one token" : why.text, NULL);
	return false;
}

void
stream_request(struct link *l, struct h2stream *h2, const struct h2_header *h, size_t n, bool end)
{
	const char *upgrade = stream_header(h, n, UPGRADE_HEADER), *path = stream_header(h, n, ":path");
	char bare[2048], who[KEYCHAIN_SUBJECT_MAX];
	size_t k = strcspn(path, "?");

	if (!strcmp(upgrade, "update-configuration")) {
		if (!stream_new(l, h2, STREAM_CONFIG, CONFIG_MAX))
			h2stream_reset(h2, 2);
		return;
	}
	l->k->m.requests++;
	if (strcmp(upgrade, "websocket") != 0 && *stream_header(h, n, RAW_HEADER)) {
		const struct ingress_rule *private = l->k->ingress ? ingress_private(l->k->ingress) : NULL;
		if (!private)
			stream_answer(l, h2, 502, "cloudflared");
		else if (!admitted(l, h, n, private, who))
			stream_answer(l, h2, 403, "cloudflared");
		else
			begin_raw(l, h2, h, n, private);
		return;
	}
	if (!l->k->ingress || k >= sizeof bare) {
		stream_answer(l, h2, l->k->ingress ? 414 : 503, "cloudflared");
		return;
	}
	memcpy(bare, path, k);
	bare[k] = 0;
	const struct ingress_rule *rule = ingress_match(l->k->ingress, stream_header(h, n, ":authority"), bare, NULL);
	if (!rule)
		stream_answer(l, h2, 503, "cloudflared");
	else if (!admitted(l, h, n, rule, who))
		stream_answer(l, h2, 403, "cloudflared");
	else if (rule->kind == SERVICE_STATUS)
		stream_answer(l, h2, rule->status, "origin");
	else if (rule->kind == SERVICE_HTTP)
		origin_request(l, h2, h, n, end, rule, !strcmp(upgrade, "websocket"));
	else if (rule->kind == SERVICE_HELLO)
		hello(l, h2, stream_header(h, n, ":method"));
	else if (strcmp(upgrade, "websocket"))
		stream_answer(l, h2, 502, "cloudflared");
	else if (rule->kind == SERVICE_SOCKS || !lane_request(l, h2, h, n, rule, who))
		begin_websocket(l, h2, h, n, rule);
}

static void
up_close(struct stream *s, uint16_t code)
{
	struct buf b;

	buf_init(&b, 256);
	if (!s->ended && ws_put_close(&b, code == 1005 ? 1000 : code, "", NULL) == 0)
		h2stream_write(s->h2, buf_ptr(&b), buf_len(&b));
	buf_release(&b);
	end_now(s);
	if (s->origin) {
		conn_deadline(s->origin, LINGER_MS);
		conn_shutdown(s->origin);
	}
}

/* The handshake, and what came behind it while the destination is dialled. */
static bool
socks_bytes(struct stream *s, const uint8_t *p, size_t n)
{
	struct reason why = {0};
	struct buf reply;
	size_t used = 0;
	int e = 0;

	while (e == 0 && n && s->socks && s->socks->state != SOCKS_DONE) {
		buf_init(&reply, 64);
		e = socks_in_feed(s->socks, p, n, &used, &reply, &why);
		if (buf_len(&reply))
			send_frame(s, WS_BINARY, buf_ptr(&reply), buf_len(&reply));
		buf_release(&reply);
		p += used;
		n -= used;
		if (e == 0 && s->socks->state == SOCKS_DONE)
			dial_to(&s->dial, &s->socks->to);
	}
	if (e < 0)
		log_warn("socks_refused", "why", why.text, NULL);
	return e == 0 &&
	       (!n || buf_put(&s->early, p, n) == 0); /* bounded by the stream's window: it is not paid back */
}

/* One event of the user's WebSocket; false when the session is over. */
static bool
up_event(struct stream *s, const struct ws_event *ev)
{
	switch (ev->kind) {
	case WS_EV_DATA:
		if (s->socks && !ev->text)
			return socks_bytes(s, ev->p, ev->n);
		return ev->text || (s->origin && conn_write(s->origin, ev->p, ev->n) == 0);
	case WS_EV_PING:
		send_frame(s, WS_PONG, ev->p, ev->n);
		return true;
	case WS_EV_CLOSE:
		up_close(s, ev->code);
		return false;
	case WS_EV_PONG:
	case WS_EV_NONE:
		break;
	}
	return true;
}

static void
up_bytes(struct stream *s, uint8_t *d, size_t n)
{
	struct reason why = {0};

	if (s->kind == STREAM_RAW) {
		if (!s->ended && (!s->origin || conn_write(s->origin, d, n) < 0))
			end_now(s);
		return;
	}
	while (n && !s->ended) {
		struct ws_event ev = {0};
		uint16_t code = 0;
		size_t used = 0;
		if (ws_in_feed(&s->in, d, n, &used, &ev, &code, &why) < 0) {
			log_warn("websocket", "why", why.text, NULL);
			up_close(s, code);
			return;
		}
		d += used;
		n -= used;
		if (!up_event(s, &ev)) {
			end_now(s);
			return;
		}
	}
}

static void
own_data(void *arg, uint8_t *d, size_t n)
{
	struct stream *s = arg;
	struct h2stream *h2 = s->h2;

	if (!s->open) { /* bounded by the stream's window */
		if (buf_put(&s->early, d, n) < 0)
			h2stream_reset(h2, 2);
		else if (s->kind == STREAM_CONFIG)
			h2stream_consume(h2, n);
		else
			s->owed += n;
		return;
	}
	up_bytes(s, d, n);
	s->owed += n;
	bool dialling = s->socks && s->socks->state == SOCKS_DONE;
	if (!dialling && (!s->origin || conn_queued(s->origin) <= CONN_MARK))
		pay_back(s);
}

static void
own_drained(void *arg)
{
	struct stream *s = arg;

	if (s->origin)
		conn_resume(s->origin);
}

static void
end_config(struct stream *s)
{
	static const struct h2_header h[] = {{":status", "200"}, {"content-type", "application/json"}};
	struct buf out;

	buf_init(&out, CONFIG_MAX);
	config_update(s->l->k, buf_slice(&s->early), &out);
	sources_look(s->l->k);
	if (h2stream_respond(s->h2, h, 2, false) == 0)
		h2stream_write(s->h2, buf_ptr(&out), buf_len(&out));
	buf_release(&out);
	end_now(s);
}

/* The edge sends no more: there is no half-close in this protocol (a.6). What is queued for the service still goes. */
static void
own_end(void *arg)
{
	struct stream *s = arg;

	if (s->kind == STREAM_CONFIG) {
		end_config(s);
		return;
	}
	if (s->origin) {
		conn_deadline(s->origin, LINGER_MS);
		conn_shutdown(s->origin);
	}
	if (s->open)
		end_now(s);
}

static void
own_closed(void *arg, uint32_t error)
{
	(void)error;
	struct stream *s = arg;

	timer_stop(&s->ping);
	if (s->origin) {
		conn_set_ops(s->origin, NULL, NULL);
		conn_deadline(s->origin, LINGER_MS);
		conn_close(s->origin);
	}
	dial_release(&s->dial);
	buf_release(&s->early);
	free(s->socks);
	s->l->k->streams--;
	free(s);
}

static const struct stream_ops own_ops = {own_data, own_end, own_drained, own_closed};

/* --- whose stream it is: ours above, or origin.c's -------------------------------------------------------------------
 */

void
stream_data(struct h2stream *h2, uint8_t *d, size_t n)
{
	struct stream_base *b = h2stream_arg(h2);

	if (b)
		b->ops->data(b, d, n);
	else
		h2stream_consume(h2, n);
}

void
stream_end(struct h2stream *h2)
{
	struct stream_base *b = h2stream_arg(h2);

	if (b)
		b->ops->end(b);
}

void
stream_drained(struct h2stream *h2)
{
	struct stream_base *b = h2stream_arg(h2);

	if (b)
		b->ops->drained(b);
}

void
stream_closed(struct h2stream *h2, uint32_t error)
{
	struct stream_base *b = h2stream_arg(h2);

	if (b)
		b->ops->closed(b, error);
}

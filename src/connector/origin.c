/*
 * origin: one request for a service that speaks HTTP: HTTP/1.1 towards the service, the edge's stream on the other side
 * (facts/cloudflared-wire.md a.4, a.5).
 *
 * A connection to the service carries one request, so that no answer can ever be taken for another's. The body streams
 * both ways: what the service has not taken stays charged to the edge's window, what the edge has not taken pauses the
 * service. The answer is parsed strictly; a broken one is a 502 while nothing of it has left, a reset afterwards, never
 * a shorter answer that looks whole. After a 101 bytes go through as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "connector/private.h"
#include "core/log.h"
#include "core/str.h"
#include "wire/http1.h"

#define CONNECT_MS 30000 /* where the rule does not say */
#define LINGER_MS 5000   /* for the last bytes of an ended WebSocket */
#define REQUEST_HEAD_MAX (H2_HEADERS_BYTES + 4096u)
#define PACKED_MAX 60000u /* of the answer's head: more would not fit into an HTTP/2 header */
#define H2_INTERNAL 2u

struct origin {
	struct stream_base base; /* first */
	struct link *l;
	struct h2stream *h2;
	struct conn *c;
	struct resolve *resolve;
	struct ingress *ingress; /* keeps rule alive */
	const struct ingress_rule *rule;
	struct http1 *in;
	struct buf out;  /* the head, and what of the body came before the connection stood: bounded by the window */
	size_t owed;     /* of the body: received, not yet given back to the edge's window */
	uint64_t left;   /* of a body with a length */
	bool chunked;    /* the body has no length */
	bool websocket;  /* asked for */
	bool up_ended;   /* the request is complete */
	bool opened;     /* the service is connected */
	bool head;       /* the answer's head was sent */
	bool raw;        /* 101: bytes, no longer HTTP */
	bool done;       /* the answer is complete, or failed */
	bool close_sent; /* raw: our direction to the service has ended */
};

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* The service's connection is of no more use. Nothing is called for it afterwards. */
static void
drop_service(struct origin *o)
{
	resolve_cancel(o->resolve);
	o->resolve = NULL;
	if (!o->c)
		return;
	conn_set_ops(o->c, NULL, NULL);
	if (o->raw) {
		conn_deadline(o->c, LINGER_MS);
		conn_shutdown(o->c);
	} else {
		conn_close(o->c);
	}
	o->c = NULL;
}

static void
pay_back(struct origin *o)
{
	if (!o->owed)
		return;
	h2stream_consume(o->h2, o->owed);
	o->owed = 0;
	link_flush_soon(o->l);
}

static void
finish(struct origin *o)
{
	o->done = true;
	h2stream_end(o->h2);
	link_flush_soon(o->l);
	drop_service(o);
	pay_back(o);
}

static void
fail(struct origin *o, const char *why)
{
	if (o->done)
		return;
	o->done = true;
	o->l->k->m.failed++;
	log_warn("origin_failed", "to", o->rule->service, "why", why, NULL);
	drop_service(o);
	pay_back(o);
	if (!o->head) {
		stream_answer(o->l, o->h2, 502, "cloudflared");
	} else {
		h2stream_reset(o->h2, H2_INTERNAL);
		link_flush_soon(o->l);
	}
}

/* --- the answer ----------------------------------------------------------------------------------------------------
 */

static int
pack_head(const struct http1 *in, struct buf *packed)
{
	const struct http1_header *v;
	struct h2_header h[HTTP1_HEADERS_MAX];
	size_t n = http1_headers(in, &v);

	for (size_t i = 0; i < n && i < HTTP1_HEADERS_MAX; i++)
		h[i] = (struct h2_header){v[i].name, v[i].value};
	return h2_headers_pack(packed, h, n);
}

static int
send_head(struct origin *o)
{
	const char *length = http1_header_get(o->in, "content-length");
	struct h2_header h[4];
	struct buf packed;
	char code[8];
	size_t n = 0;
	int e;

	/* HTTP/2 has no 101 (a.5) */
	snprintf(code, sizeof code, "%u", o->raw ? 200 : http1_status(o->in));
	buf_init(&packed, PACKED_MAX);
	if ((e = pack_head(o->in, &packed)) < 0)
		goto out;
	h[n++] = (struct h2_header){":status", code};
	h[n++] = (struct h2_header){"cf-cloudflared-response-headers", buf_cstr(&packed)};
	h[n++] = (struct h2_header){"cf-cloudflared-response-meta", "{\"src\":\"origin\"}"};
	if (length && !o->raw && http1_status(o->in) != 204)
		h[n++] = (struct h2_header){"content-length", length};
	e = h[1].value ? h2stream_respond(o->h2, h, n, false) : E_NOMEM;
out:
	buf_release(&packed);
	if (e < 0)
		return e;
	o->head = true;
	metrics_answered(o->l->k, o->raw ? 101 : http1_status(o->in));
	link_flush_soon(o->l);
	return 0;
}

static bool
send_bytes(struct origin *o, const uint8_t *d, size_t n)
{
	if (n && h2stream_write(o->h2, d, n) < 0) {
		fail(o, "the edge does not take the answer");
		return false;
	}
	if (o->c && h2stream_queued(o->h2) >= H2_OUT_MARK)
		conn_pause(o->c);
	link_flush_soon(o->l);
	return true;
}

/* One event of the parser; false when there is nothing more to do with this connection's bytes. */
static bool
on_event(struct origin *o, enum http1_event ev)
{
	struct slice piece;

	switch (ev) {
	case HTTP1_UPGRADE:
		if (!o->websocket) {
			fail(o, "the service switched protocols unasked");
			return false;
		}
		o->raw = true;
		/* fall through */
	case HTTP1_HEAD:
		if (send_head(o) < 0) {
			fail(o, "the answer's head is too large");
			return false;
		}
		return true;
	case HTTP1_BODY:
		piece = http1_piece(o->in);
		return send_bytes(o, piece.p, piece.n);
	case HTTP1_DONE:
		finish(o);
		return false;
	case HTTP1_MORE:
		break;
	}
	return true;
}

static void
service_data(struct conn *c, uint8_t *d, size_t n, void *arg)
{
	struct origin *o = arg;
	struct reason why = {0};
	enum http1_event ev;
	size_t used;

	(void)c;
	do { /* once more without bytes after a head: the end of an answer without a body is an event of its own */
		if (o->raw) {
			send_bytes(o, d, n);
			return;
		}
		if (http1_feed(o->in, d, n, &used, &ev, &why) < 0) {
			fail(o, why.text);
			return;
		}
		d += used;
		n -= used;
		if (!on_event(o, ev))
			return;
	} while (n || ev != HTTP1_MORE);
}

static void
service_drained(struct conn *c, void *arg)
{
	(void)c;
	pay_back(arg);
}

static void
service_closed(struct conn *c, enum conn_why why, void *arg)
{
	struct origin *o = arg;
	const char *text = conn_error_text(c);
	enum http1_event ev;

	o->c = NULL;
	if (o->raw || (why == CONN_EOF && o->head && http1_eof(o->in, &ev) == 0))
		finish(o);
	else
		fail(o, text && *text     ? text
		        : why == CONN_EOF ? "it closed before its answer was complete"
		                          : conn_why_str(why));
}

/* --- the request ---------------------------------------------------------------------------------------------------
 */

static void
put_piece(struct origin *o, const uint8_t *d, size_t n)
{
	char size[24];
	int k = snprintf(size, sizeof size, "%zx\r\n", n);

	if (!o->c || o->close_sent)
		return;
	if (o->raw || !o->chunked) {
		if (conn_write(o->c, d, n) < 0)
			fail(o, "it does not take the request");
	} else if (conn_write(o->c, size, (size_t)k) < 0 || conn_write(o->c, d, n) < 0 ||
	           conn_write(o->c, "\r\n", 2) < 0) {
		fail(o, "it does not take the request");
	}
}

static void
end_request(struct origin *o)
{
	if (!o->opened || !o->c)
		return;
	if (o->raw) { /* no half-close in this protocol (a.6) */
		o->close_sent = true;
		finish(o);
	} else if (o->chunked) {
		conn_write(o->c, "0\r\n\r\n", 5);
	}
}

static void
service_opened(struct conn *c, void *arg)
{
	struct origin *o = arg;
	struct buf out = o->out;
	size_t head = buf_len(&out) - o->owed;

	conn_deadline(c, 0);
	o->out = (struct buf){0};
	o->opened = true;
	if (conn_write(c, buf_ptr(&out), head) < 0)
		fail(o, "it does not take the request");
	else if (o->owed)
		put_piece(o, buf_ptr(&out) + head, o->owed);
	buf_release(&out);
	if (o->done)
		return;
	if (o->up_ended)
		end_request(o);
	if (o->c && conn_queued(o->c) <= CONN_MARK)
		pay_back(o);
}

static const struct conn_ops service_ops = {service_opened, service_data, service_drained, NULL, service_closed};

static void
up_data(void *arg, uint8_t *d, size_t n)
{
	struct origin *o = arg;

	if (o->done) { /* an early answer: the rest of the request goes nowhere */
		h2stream_consume(o->h2, n);
		return;
	}
	o->owed += n;
	if (o->websocket && !o->raw) { /* a service that does not switch would read it as its next request */
		fail(o, "bytes came before it switched protocols");
		return;
	}
	if (!o->chunked && !o->websocket) {
		if (n > o->left) {
			fail(o, "the request is longer than it said");
			return;
		}
		o->left -= n;
	}
	if (!o->opened) {
		if (buf_put(&o->out, d, n) < 0)
			fail(o, "the request came too early");
		return;
	}
	put_piece(o, d, n);
	if (!o->done && (!o->c || conn_queued(o->c) <= CONN_MARK))
		pay_back(o);
}

static void
up_end(void *arg)
{
	struct origin *o = arg;

	if (o->done)
		return;
	o->up_ended = true;
	if (!o->chunked && !o->websocket && o->left)
		fail(o, "the request is shorter than it said");
	else
		end_request(o);
}

static void
up_drained(void *arg)
{
	struct origin *o = arg;

	if (o->c)
		conn_resume(o->c);
}

static void
up_closed(void *arg, uint32_t error)
{
	(void)error;
	struct origin *o = arg;

	o->done = true;
	drop_service(o);
	http1_free(o->in);
	ingress_unref(o->ingress);
	buf_release(&o->out);
	o->l->k->streams--;
	free(o);
}

static const struct stream_ops up_ops = {up_data, up_end, up_drained, up_closed};

/* What belongs to one hop, or is written anew here (RFC 9110 section 7.6.1). */
static bool
not_for_service(const char *name)
{
	static const char *const drop[] = {"connection", "content-length",   "expect",  "host",    "keep-alive",
	                                   "te",         "proxy-connection", "trailer", "upgrade", "transfer-encoding"};

	if (name[0] == ':' || str_starts(name, "cf-cloudflared-"))
		return true;
	for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
		if (!strcmp(name, drop[i]))
			return true;
	return false;
}

static int
put_framing(struct origin *o, const char *length, const char *method)
{
	if (o->websocket)
		return 0;
	if (*length)
		return http1_put_header(&o->out, "Content-Length", length);
	if (o->chunked)
		return http1_put_header(&o->out, "Transfer-Encoding", "chunked");
	if (!strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH"))
		return http1_put_header(&o->out, "Content-Length", "0");
	return 0;
}

static int
put_request(struct origin *o, const struct h2_header *h, size_t n, bool end)
{
	const char *method = stream_header(h, n, ":method"), *length = stream_header(h, n, "content-length");
	const char *host =
	    o->rule->host_header && *o->rule->host_header ? o->rule->host_header : stream_header(h, n, ":authority");
	int e;

	if (!strcmp(method, "CONNECT") || (*length && str_u64(length, UINT64_MAX, &o->left) < 0))
		return E_FORMAT;
	o->chunked = !end && !*length && !o->websocket;
	if ((e = http1_put_request(&o->out, method, stream_header(h, n, ":path"), host)) < 0)
		return e;
	for (size_t i = 0; i < n; i++)
		if (!not_for_service(h[i].name) && (e = http1_put_header(&o->out, h[i].name, h[i].value)) < 0)
			return e;
	if ((e = put_framing(o, length, method)) < 0 ||
	    (e = http1_put_header(&o->out, "Connection", o->websocket ? "Upgrade" : "close")) < 0)
		return e;
	if (o->websocket && (e = http1_put_header(&o->out, "Upgrade", "websocket")) < 0)
		return e;
	if (o->websocket && !*stream_header(h, n, "sec-websocket-version") &&
	    (e = http1_put_header(&o->out, "Sec-WebSocket-Version", "13")) < 0)
		return e;
	return http1_put_end(&o->out);
}

/* --- dialling ------------------------------------------------------------------------------------------------------
 */

static int
tls_for(struct connector *k, const struct ingress_rule *r, struct tls_ctx **ret_c, struct reason *why)
{
	const char *ca = r->ca_pool && *r->ca_pool ? r->ca_pool : NULL;
	struct origin_tls *t;
	int e;

	for (unsigned i = 0; i < k->norigin_tls; i++) {
		t = &k->origin_tls[i];
		if (t->unverified == r->no_tls_verify && !strcmp(t->ca_pool ? t->ca_pool : "", ca ? ca : "")) {
			*ret_c = t->ctx;
			return 0;
		}
	}
	if (k->norigin_tls == ORIGIN_TLS_MAX)
		return reason_set(why, E_LIMIT, SP_CONFIG, "more than %u different caPool files", ORIGIN_TLS_MAX);
	t = &k->origin_tls[k->norigin_tls];
	*t = (struct origin_tls){.unverified = r->no_tls_verify, .ca_pool = ca ? str_dup(ca) : NULL};
	if (ca && !t->ca_pool)
		return reason_set(why, E_NOMEM, SP_INTERNAL, "out of memory");
	e = tls_client_new(ca, false, &t->ctx, why);
	if (e == 0 && (e = tls_client_alpn(t->ctx, "http/1.1")) < 0)
		tls_ctx_unref(t->ctx);
	if (e < 0) {
		free(t->ca_pool);
		return e;
	}
	if (r->no_tls_verify)
		tls_client_unverified(t->ctx);
	k->norigin_tls++;
	*ret_c = t->ctx;
	return 0;
}

void
origin_tls_release(struct connector *k)
{
	while (k->norigin_tls) {
		struct origin_tls *t = &k->origin_tls[--k->norigin_tls];
		tls_ctx_unref(t->ctx);
		free(t->ca_pool);
	}
}

static void
dial(struct origin *o, const void *addr, unsigned len)
{
	const struct ingress_rule *r = o->rule;
	const char *name = r->server_name && *r->server_name ? r->server_name
	                   : *r->target.host                 ? r->target.host
	                                                     : "localhost";
	struct tls_ctx *tls = NULL;
	struct reason why = {0};

	if (r->tls && tls_for(o->l->k, r, &tls, &why) < 0) {
		fail(o, why.text);
		return;
	}
	if (conn_new_client(o->l->k->loop, addr, len, tls, tls ? name : NULL, &service_ops, o, &o->c) < 0) {
		fail(o, "cannot dial");
		return;
	}
	conn_deadline(o->c, r->connect_timeout_ms ? r->connect_timeout_ms : CONNECT_MS);
}

static void
on_resolved(int err, const struct resolved *r, void *arg)
{
	struct origin *o = arg;

	o->resolve = NULL;
	if (err < 0 || !r->n)
		fail(o, "the name does not resolve");
	else
		dial(o, &r->a[0], r->len[0]);
}

static void
reach(struct origin *o)
{
	const struct ingress_rule *r = o->rule;
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (r->unix_path) {
		if (str_copy(un.sun_path, sizeof un.sun_path, r->unix_path) < 0)
			fail(o, "the path of its socket is too long");
		else
			dial(o, &un, sizeof un);
	} else if (resolve_start(o->l->k->loop, r->target.host, r->target.port, NULL, on_resolved, o, &o->resolve) <
	           0) {
		fail(o, "cannot resolve");
	}
}

void
origin_request(struct link *l, struct h2stream *h2, const struct h2_header *h, size_t n, bool end,
               const struct ingress_rule *rule, bool websocket)
{
	struct origin *o = calloc(1, sizeof *o);

	if (!o || http1_new(HTTP1_CLIENT, UINT64_MAX, &o->in) < 0) {
		free(o);
		stream_answer(l, h2, 502, "cloudflared");
		return;
	}
	o->base.ops = &up_ops;
	o->l = l;
	o->h2 = h2;
	o->ingress = ingress_ref(l->k->ingress);
	o->rule = rule;
	o->websocket = websocket;
	o->up_ended = end;
	buf_init_secret(&o->out, REQUEST_HEAD_MAX + H2_WINDOW_MAX);
	h2stream_set_arg(h2, o);
	l->k->streams++;
	if (!strcmp(stream_header(h, n, ":method"), "HEAD"))
		http1_skip_body(o->in);
	if (put_request(o, h, n, end) < 0) {
		o->done = true;
		stream_answer(l, h2, 400, "cloudflared");
	} else {
		reach(o);
	}
}

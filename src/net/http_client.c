#include "net/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "crypto/random.h"
#include "wire/websocket.h"

struct http_client {
	struct loop *loop;
	http_client_fn *fn;
	void *arg;
	struct resolve *resolve;
	struct conn *conn;
	struct http1 *parser;
	struct tls_ctx *tls;
	struct loop_timer deadline;
	struct resolved addrs;
	unsigned next_addr;
	enum http_step step;
	char host[HOST_MAX + 1];
	struct buf request, body;
	bool websocket, head, done;
	char key[25];
	char why[300];
};

const char *
http_step_str(enum http_step s)
{
	static const char *const names[] = {"name resolution", "TCP connection", "TLS handshake", "HTTP exchange"};
	return names[s];
}

const char *
http_answer_header(const struct http_answer *a, const char *name)
{
	for (size_t i = 0; i < a->nh; i++)
		if (!strcmp(a->h[i].name, name))
			return a->h[i].value;
	return NULL;
}

static void
client_free(struct http_client *c)
{
	timer_stop(&c->deadline);
	resolve_cancel(c->resolve);
	if (c->conn) {
		conn_set_ops(c->conn, NULL, NULL);
		conn_close(c->conn);
	}
	http1_free(c->parser);
	tls_ctx_unref(c->tls);
	buf_release(&c->request); /* may hold a token: it was made as a secret */
	buf_release(&c->body);
	free(c);
}

void
http_client_cancel(struct http_client *c)
{
	if (c)
		client_free(c);
}

static void
finish(struct http_client *c, struct http_answer *a)
{
	a->step = c->step;
	if (!a->why)
		a->why = "";
	c->fn(a, c->arg);
	if (a->conn)
		c->conn = NULL; /* handed over, or closed by the callee */
	client_free(c);
}

static void
fail(struct http_client *c, int err, const char *why)
{
	struct http_answer a = {.err = err};

	str_copy_n(c->why, sizeof c->why, why, strnlen(why, sizeof c->why - 1));
	a.why = c->why;
	finish(c, &a);
}

static void
succeed(struct http_client *c, struct slice left)
{
	struct http_answer a = {.status = http1_status(c->parser), .body = buf_slice(&c->body)};
	char want[29];

	a.nh = http1_headers(c->parser, &a.h);
	if (c->websocket && a.status == 101) {
		const char *got = http1_header_get(c->parser, "sec-websocket-accept");
		ws_accept_value(c->key, want);
		if (!got || strcmp(got, want)) {
			fail(c, E_FORMAT, "the WebSocket handshake was answered with a wrong accept value");
			return;
		}
		a.conn = c->conn;
		a.left = left;
	}
	finish(c, &a);
}

/* --- the connection ------------------------------------------------------------------------------------------------
 */

static void
on_opened(struct conn *conn, void *arg)
{
	struct http_client *c = arg;

	c->step = HTTP_STEP_HTTP;
	if (conn_write(conn, buf_ptr(&c->request), buf_len(&c->request)) < 0)
		fail(c, E_LIMIT, "the request is too large");
}

static void
on_data(struct conn *conn, uint8_t *d, size_t n, void *arg)
{
	struct http_client *c = arg;
	struct reason why = {0};

	for (;;) {
		enum http1_event ev = HTTP1_MORE;
		size_t used = 0;
		if (http1_feed(c->parser, d, n, &used, &ev, &why) < 0) {
			fail(c, E_FORMAT, why.text);
			return;
		}
		d += used;
		n -= used;
		if (ev == HTTP1_HEAD)
			c->head = true;
		if (ev == HTTP1_BODY && buf_put_slice(&c->body, http1_piece(c->parser)) < 0) {
			fail(c, E_LIMIT, "the answer is too large");
			return;
		}
		if (ev == HTTP1_DONE || ev == HTTP1_UPGRADE) {
			succeed(c, (struct slice){d, n});
			return;
		}
		if (ev == HTTP1_MORE && !n)
			return;
	}
}

static bool next_address(struct http_client *c);

static void
on_closed(struct conn *conn, enum conn_why why, void *arg)
{
	struct http_client *c = arg;
	const char *text = conn_error_text(conn);
	enum http1_event ev;

	c->conn = NULL;
	if (c->step == HTTP_STEP_TCP && why == CONN_REFUSED && next_address(c))
		return;
	if (why == CONN_TLS)
		c->step = HTTP_STEP_TLS;
	/* An answer without a length ends with the connection; nothing of one is an error. */
	if (c->head && http1_eof(c->parser, &ev) == 0 && ev == HTTP1_DONE) {
		succeed(c, (struct slice){NULL, 0});
		return;
	}
	fail(c, why == CONN_TIMEOUT ? E_TIMEOUT : E_CLOSED, text && *text ? text : conn_why_str(why));
}

static const struct conn_ops ops = {on_opened, on_data, NULL, NULL, on_closed};

static bool
next_address(struct http_client *c)
{
	while (c->next_addr < c->addrs.n) {
		unsigned i = c->next_addr++;
		if (conn_new_client(c->loop, &c->addrs.a[i], c->addrs.len[i], c->tls, c->host, &ops, c, &c->conn) == 0)
			return true;
	}
	return false;
}

static void
on_resolved(int err, const struct resolved *r, void *arg)
{
	struct http_client *c = arg;

	c->resolve = NULL;
	if (err < 0 || !r->n) {
		fail(c, E_NOENT, "the name does not resolve");
		return;
	}
	c->addrs = *r;
	c->step = HTTP_STEP_TCP;
	if (!next_address(c))
		fail(c, E_IO, "cannot connect");
}

static void
on_deadline(void *arg)
{
	fail(arg, E_TIMEOUT, "no answer in time");
}

/* --- the request ----------------------------------------------------------------------------------------------------
 */

static int
put_line(struct buf *out, const char *line)
{
	const char *colon = strchr(line, ':');
	char name[128];

	if (!colon || str_copy_n(name, sizeof name, line, (size_t)(colon - line)) < 0)
		return E_FORMAT;
	return http1_put_header(out, name, colon + 1 + strspn(colon + 1, " "));
}

static int
put_request(struct http_client *c, const struct http_ask *q, const struct url *u)
{
	struct buf *b = &c->request;
	char host[HOST_MAX + 16], len[24], *target = str_fmt("%s%s%s", u->path, *u->query ? "?" : "", u->query);
	int r = target ? 0 : E_NOMEM;

	struct hostport at = u->at;
	if (at.port == 443)
		at.port = 0; /* the scheme's own port is not named */
	hostport_format(&at, host, sizeof host);
	if (r == 0)
		r = http1_put_request(b, q->method, target, host);
	for (const char *const *h = q->headers; r == 0 && h && *h; h++)
		r = put_line(b, *h);
	if (r == 0 && q->websocket) {
		uint8_t rnd[16];
		random_bytes(rnd, sizeof rnd);
		ws_key_make(rnd, c->key);
		r = http1_put_header(b, "Connection", "Upgrade");
		if (r == 0)
			r = http1_put_header(b, "Upgrade", "websocket");
		if (r == 0)
			r = http1_put_header(b, "Sec-WebSocket-Version", "13");
		if (r == 0)
			r = http1_put_header(b, "Sec-WebSocket-Key", c->key);
	} else if (r == 0) {
		r = http1_put_header(b, "Connection", "close");
	}
	if (r == 0 && (q->nbody || !strcmp(q->method, "POST") || !strcmp(q->method, "PUT"))) {
		snprintf(len, sizeof len, "%zu", q->nbody);
		r = http1_put_header(b, "Content-Length", len);
	}
	if (r == 0)
		r = http1_put_end(b);
	if (r == 0 && q->nbody)
		r = buf_put(b, q->body, q->nbody);
	free(target);
	return r;
}

int
http_client_start(struct loop *l, const struct http_ask *q, http_client_fn *fn, void *arg, struct http_client **ret_c)
{
	struct http_client *c = calloc(1, sizeof *c);
	struct url u = {0};
	int r = c ? url_parse(q->url, &u) : E_NOMEM;

	if (r < 0)
		goto out;
	r = E_DENIED; /* a token never leaves over http */
	if (strcmp(u.scheme, "https") && strcmp(u.scheme, "wss"))
		goto out;
	c->loop = l;
	c->fn = fn;
	c->arg = arg;
	c->websocket = q->websocket;
	c->tls = tls_ctx_ref(q->tls);
	buf_init_secret(&c->request, 16u << 20);
	buf_init_secret(&c->body, q->body_max);
	str_copy(c->host, sizeof c->host, u.at.host);
	r = http1_new(HTTP1_CLIENT, q->body_max, &c->parser);
	if (r == 0)
		r = put_request(c, q, &u);
	if (r < 0)
		goto out;
	if (!strcmp(q->method, "HEAD"))
		http1_skip_body(c->parser);
	timer_start(l, &c->deadline, q->deadline_ms, on_deadline, c);
	r = resolve_start(l, u.at.host, u.at.port ? u.at.port : 443, q->connect_to, on_resolved, c, &c->resolve);
	if (r < 0)
		goto out;
	if (ret_c)
		*ret_c = c;
	c = NULL;
out:
	if (c)
		client_free(c);
	url_release(&u);
	return r;
}

/*
 * http_client: one HTTP/1.1 request over one connection (RFC 9112), or the client's half of a WebSocket handshake (RFC
 * 6455 4.1).
 *
 * https only, verified; no redirects are followed; the body is bounded; one deadline covers everything. done() comes
 * exactly once, from the loop (or never after http_client_cancel). After a 101 the connection is handed over: take it
 * with conn_set_ops inside done(), else it is closed. May block: no.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "core/url.h"
#include "io/conn.h"
#include "io/net_listen.h"
#include "wire/http1.h"

enum http_step { HTTP_STEP_NAME, HTTP_STEP_TCP, HTTP_STEP_TLS, HTTP_STEP_HTTP };
const char *http_step_str(enum http_step s); /* "name resolution", "TCP connection", "TLS handshake", "HTTP exchange" */

struct http_ask {
	const char *method, *url; /* https://host[:port]/path?query */
	const char *const
	    *headers; /* "Name: value" lines, NULL ends; may be NULL. Host, Connection, Content-Length are ours */
	const void *body;
	size_t nbody;
	size_t body_max; /* of the answer */
	int64_t deadline_ms;
	const char *connect_to; /* NULL or "ADDR:PORT" */
	struct tls_ctx *tls;
	bool websocket; /* ask for an upgrade; status 101 with a right Sec-WebSocket-Accept hands the connection over */
};

struct http_answer { /* borrowed during done() */
	int err;     /* 0, or E_* with step and why */
	enum http_step step;
	const char *why;
	unsigned status;
	const struct http1_header *h;
	size_t nh;
	struct slice body;
	struct conn *conn; /* after a 101 only */
	struct slice left; /* bytes of the new protocol that came with the head */
};

struct http_client;
typedef void http_client_fn(const struct http_answer *a, void *arg);
int http_client_start(struct loop *l, const struct http_ask *q, http_client_fn *fn, void *arg,
                      struct http_client **ret_c);
void http_client_cancel(struct http_client *c);                                /* NULL is fine */
const char *http_answer_header(const struct http_answer *a, const char *name); /* NULL when absent */

#endif

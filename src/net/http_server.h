/*
 * http_server: one server-side HTTP/1.1 connection: wire/http1 on io/conn (RFC 9112).
 *
 * Keep-alive; pipelined requests are handled strictly one after another; Expect: 100-continue is answered. A request is
 * handed up whole (body bounded by body_max) and the owner answers it now or later by http_server_respond, or takes the
 * connection out by http_server_take. A message that breaks the rules gets its status and the connection ends: never is
 * a byte after an error parsed. After a refused upgrade the connection ends too, because a hasty client may already
 * have sent bytes of the other protocol.
 *
 * Deadlines: handshake, head (from the connection's opening or the head's first byte), body, idle between requests, and
 * the time a peer may take to read an answer. While the owner thinks, the owner's own deadline counts. Owner:
 * http_server_new gives a session that frees itself after closed(), the last call; or by http_server_take, after which
 * no call comes. May block: no.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "core/url.h"
#include "io/conn.h"
#include "wire/http1.h"

#define HTTP_REST_MAX (64u << 10) /* unread bytes held while a request is answered; then reading pauses */

struct http_limits {
	int64_t handshake_ms, head_ms, body_ms, idle_ms, send_ms;
	size_t body_max;
};

struct http_request { /* borrowed until the answer */
	const char *method, *target;
	char host[HOST_MAX + 1]; /* of Host, lower case, without port */
	uint16_t port;           /* of Host; 0 when none was given */
	const struct http1_header *headers;
	size_t nheaders;
	struct slice body;
	bool upgrade; /* Upgrade was asked for: http_server_take may be used */
};

struct http_reply {
	unsigned status;
	const struct http1_header
	    *headers; /* content-length, date, connection and transfer-encoding in here are ignored: they are ours */
	size_t nheaders;
	struct slice body; /* left out for HEAD, 204 and 304 */
	bool close;
};

struct http_server;
struct http_server_ops {
	void (*opened)(struct http_server *s, void *arg); /* handshake done; may be NULL */
	void (*request)(struct http_server *s, const struct http_request *r, void *arg);
	void (*refused)(struct http_server *s, unsigned status,
	                void *arg); /* answered an error by itself; may be NULL */
	void (*closed)(struct http_server *s, enum conn_why why, void *arg);
};

/* Takes fd in every case. tls NULL = plain. limits are copied. */
int http_server_new(struct loop *l, int fd, struct tls_ctx *tls, const struct http_limits *lim,
                    const struct http_server_ops *ops, void *arg, struct http_server **ret_s);
/* Answers the request in hand. A header that cannot be written turns the answer into a bare 500. E_STATE without a
 * request. */
int http_server_respond(struct http_server *s, const struct http_reply *a);
/* One line of text/plain. */
int http_server_text(struct http_server *s, unsigned status, const char *text, bool close);
/* First value of a request header, or NULL. *ret_n (may be NULL) counts its occurrences. */
const char *http_request_header(const struct http_request *r, const char *name, size_t *ret_n);
/* Hands the connection over, paused, with the bytes that came after the request in ret_rest (initialised here). The
   caller sets its ops at once. ret_eof: the peer has already ended its direction. s is freed. */
struct conn *http_server_take(struct http_server *s, struct buf *ret_rest, bool *ret_eof);
/* Ends the session as soon as nothing is being answered (for draining). */
void http_server_finish(struct http_server *s);
void http_server_close(struct http_server *s); /* now; closed() follows */
struct conn *http_server_conn(const struct http_server *s);
void *http_server_arg(const struct http_server *s);

/* Date of RFC 9110 section 5.6.7. */
void http_date(int64_t wall, char out[static 32]);

#endif

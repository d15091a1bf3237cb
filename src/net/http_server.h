/*
 * http_server: one server-side HTTP/1.1 connection: wire/http1 on io/conn (RFC 9112).
 *
 * Keep-alive; pipelined requests are handled strictly one after another; Expect: 100-continue is answered. A request is
 * handed up whole (body bounded by body_max) and the owner answers it now or later by http_server_respond, or takes the
 * connection out by http_server_take. A message that breaks the rules gets its status and the connection ends: never is
 * a byte after an error parsed. After a refused upgrade the connection ends too, because a hasty client may already
 * have sent bytes of the other protocol.
 *
 * A request that the owner takes as a stream (ops->streams) is handed up at its head. http_server_body lets its body
 * come, piece by piece; the answer goes by http_server_head, _write and _end, whose framing is ours: a length, chunks,
 * or the connection's end for HTTP/1.0. The owner holds the body back while it cannot take more and stops writing while
 * conn_queued is over its mark. An answer that cannot be completed is broken off (http_server_break), never ended
 * short. An answer that ends before its request did ends the connection. When the peer goes while a stream is open, or
 * breaks its body's framing, closed() or broken() come. 100 Continue goes out when the body is first asked for.
 *
 * Deadlines: handshake, head (from the connection's opening or the head's first byte), body, idle between requests, and
 * the time a peer may take to read an answer; of a stream, body_ms and send_ms count from the last byte that moved.
 * While the owner thinks, the owner's own deadline counts. Owner: http_server_new gives a session that frees itself
 * after closed(), the last call; or by http_server_take, after which no call comes. May block: no.
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
	bool upgrade;   /* Upgrade was asked for: http_server_take may be used */
	bool streamed;  /* body is empty here: it comes by ops->body */
	bool follows;   /* streamed: there is a body */
	int64_t length; /* streamed: of the body, -1 when it is not known */
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
	/* For streams; all NULL without. */
	bool (*streams)(struct http_server *s, const struct http_request *r, void *arg); /* headers stand */
	void (*body)(struct http_server *s, uint8_t *d, size_t n, void *arg);
	void (*body_end)(struct http_server *s, void *arg);
	void (*drained)(struct http_server *s, void *arg);
	void (*broken)(struct http_server *s, void *arg); /* it is answered: the owner forgets the request */
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
/* The request in hand, or NULL. */
const struct http_request *http_server_request(const struct http_server *s);

/* Streams. Each may be called from ops; http_server_end and _break may hand up the next request at once. */
void http_server_body(struct http_server *s, bool on);
/* body in a is ignored; length of what will be written, -1 when it is not known. E_FORMAT: nothing was sent. */
int http_server_head(struct http_server *s, const struct http_reply *a, int64_t length);
int http_server_write(struct http_server *s, const void *d, size_t n); /* E_RANGE beyond the length */
void http_server_end(struct http_server *s);                           /* short of the length: as _break */
void http_server_break(struct http_server *s);                         /* the peer sees that something is missing */
bool http_server_answering(const struct http_server *s);               /* a head was sent, its end was not */
/* Moves the session to another loop, while the owner has a request and before its body was asked for. Then fn runs
   there. */
int http_server_move(struct http_server *s, struct loop *to, void (*fn)(struct http_server *s, void *arg), void *arg);

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

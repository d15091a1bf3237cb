/* http_server_int: what http_server.c and http_stream.c share; not for others. */
#ifndef NET_HTTP_SERVER_INT_H
#define NET_HTTP_SERVER_INT_H

#include "net/http_server.h"

#define HTTP_OWN_HEADERS 8192u /* head of an answer beyond what the caller brings */

enum http_state {
	ST_OPENING, /* TLS handshake */
	ST_IDLE,    /* between requests */
	ST_HEAD,
	ST_BODY,
	ST_ANSWER, /* the owner has the request */
	ST_FLUSH,  /* answered; the peer reads slowly */
	ST_LINGER, /* last answer given */
	ST_DEAD,   /* conn_close called */
};

/* How the end of a streamed answer's body is told. */
enum framing { FRAME_NONE /* no body: HEAD, 204, 304 */, FRAME_LENGTH, FRAME_CHUNKS, FRAME_CLOSE };

struct http_server {
	struct conn *c;
	struct loop *l;
	struct http1 *h; /* none while idle */
	const struct http_server_ops *ops;
	void *arg;
	struct http_limits lim;
	struct http_request req;
	struct buf rest, body;
	struct loop_timer t;
	size_t lingered;
	enum http_state st;
	bool *gone; /* set while run() works: true once the owner took the connection */
	bool eof, finish, keep;
	/* a stream, in ST_ANSWER */
	bool unread;  /* the body of the request is not complete */
	bool flow;    /* the owner takes it */
	bool feeding; /* inside feed_body */
	bool expects; /* waits for 100 Continue */
	bool moved;   /* bytes of the body came since the timer looked */
	bool head_sent;
	enum framing framing;
	uint64_t left; /* FRAME_LENGTH: to be written */
	struct loop_timer send;
	size_t queued; /* when `send` looked */
	uint64_t written;
	void (*arrived)(struct http_server *s, void *arg);
	void *arrived_arg;
};

/* http_server.c */
void http_server_dead(struct http_server *s); /* closed() follows from the loop */
/* length -1: chunks, or until the connection ends. */
int http_server_put_head(struct buf *out, const struct http_reply *a, bool close, int64_t length, bool chunks);
/* Ready for the next request, or for the end. */
void http_server_answered(struct http_server *s);
/* The peer broke the rules: one answer, then the end. */
void http_server_refuse(struct http_server *s, unsigned status, const char *text);

/* http_stream.c */
void http_stream_feed(struct http_server *s, uint8_t *d, size_t n);
void http_stream_continue(struct http_server *s);

#endif

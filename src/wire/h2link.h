/*
 * h2link: an HTTP/2 session for tunnels, on nghttp2, both roles. Engine: bytes in, bytes out, no I/O, no clock.
 *
 * The edge is the HTTP/2 client on a connection that the connector dialled (facts/cloudflared-wire.md a.3); our
 * connector is the server. Flow control is manual: what data() hands up stays charged to the stream until
 * h2stream_consume; the connection window is given back at once, so that a slow stream never stops the others and
 * memory is bounded by the stream windows (facts/relay-prototype.md 4.6). DATA payloads are at most 16,375 bytes: frame
 * and header are one full TLS record. Stream windows begin at H2_WINDOW and grow by need to H2_WINDOW_MAX. The owner
 * calls h2link_pull after every call that may have made output (or in one deferred flush) until it gives 0 bytes, and
 * again whenever the transport drained. Inside a callback every h2stream_* call is allowed; h2link_pull gives 0 bytes
 * and h2link_feed E_STATE there: flush after the feed. After an error from h2link_feed, h2link_pull may still give a
 * last GOAWAY; then it fails too. A reset stream hears only closed(). Memory: a link without output holds no output
 * buffer (one a thread, about 320 KiB, lent by h2link_pull), a stream with an empty queue holds none either. Interim
 * (1xx) heads and trailers are swallowed. Hostile peers: rapid reset, PING/SETTINGS floods, CONTINUATION, header list
 * over H2_HEADERS_BYTES: h2link_feed gives E_FORMAT or E_LIMIT with a reason; the owner closes. No callback may free
 * the link; closed() is a stream's last.
 */
#ifndef WIRE_H2LINK_H
#define WIRE_H2LINK_H

#include "core/buf.h"
#include "core/err.h"

#define H2_WINDOW (512u << 10)
#define H2_WINDOW_MAX (2u << 20)
#define H2_CONN_WINDOW (8u << 20)
#define H2_UNREAD_MAX (128u << 20) /* of all streams of a link: more, and streams that are not read are reset */
#define H2_UNREAD_FAIR (64u << 10) /* those that hold no more than this are left alone then */
#define H2_HEADERS_BYTES (64u << 10)
#define H2_OUT_MARK \
	(256u << 10) /* h2stream_queued at which writers pause; drained() when it falls to or below a quarter of it */
#define H2_FRAME 16375
/* RFC 9113 section 7: what a stream ends with. closed() says CONNECT_ERROR when the whole link is gone. */
#define H2_REFUSED_STREAM 7u /* the peer did nothing with it: it may be tried elsewhere */
#define H2_CANCEL 8u         /* ended on purpose */
#define H2_CALM 11u          /* its data was not read, and the link held H2_UNREAD_MAX of it */
#define H2_CONNECT_ERROR 10u /* what it was part of was lost */

enum h2_role { H2_EDGE /* HTTP/2 client */, H2_CONNECTOR /* HTTP/2 server */ };
struct h2link;
struct h2stream;
struct h2_header {
	const char *name, *value;
};

struct h2link_ops {
	/* EDGE: the response head. CONNECTOR: a new stream's request head (s is new: set its arg). end = no body
	   follows, and end() will not be called. h is borrowed for the call. */
	void (*headers)(struct h2stream *s, const struct h2_header *h, size_t n, bool end, void *link_arg);
	void (*data)(struct h2stream *s, uint8_t *d, size_t n,
	             void *link_arg);                    /* may be changed in place; call h2stream_consume */
	void (*end)(struct h2stream *s, void *link_arg); /* the peer will send no more on this stream */
	void (*drained)(struct h2stream *s,
	                void *link_arg); /* inside h2link_pull: what is written now still joins this batch */
	void (*closed)(struct h2stream *s, uint32_t h2_error, void *link_arg); /* s is freed after it returns */
	void (*pong)(struct h2link *l, void *link_arg);                        /* answer to h2link_ping */
};

int h2link_new(enum h2_role role, uint32_t max_streams, const struct h2link_ops *ops, void *arg, struct h2link **ret_l);
void h2link_free(struct h2link *l); /* closed() comes for every live stream first */
/* d must be writable memory: data() lends it out. All of it is taken. */
int h2link_feed(struct h2link *l, const uint8_t *d, size_t n, struct reason *why);
/* Up to about 256 KiB of output; borrowed until the next h2link_pull of any link
   on this thread. *ret_n 0 = nothing to send now. */
int h2link_pull(struct h2link *l, const uint8_t **ret_d, size_t *ret_n);
bool h2link_want_write(const struct h2link *l);
int h2link_ping(struct h2link *l); /* also renews the peer's budget of control frames: call it from the owner's timer */
int h2link_goaway(struct h2link *l, uint32_t code);
size_t h2link_streams(const struct h2link *l);
bool h2link_going(const struct h2link *l);    /* a GOAWAY went either way: no new streams */
bool h2link_can_open(const struct h2link *l); /* below the peer's MAX_CONCURRENT_STREAMS and not going away */

int h2stream_open(struct h2link *l, const struct h2_header *h, size_t n, bool end, void *arg,
                  struct h2stream **ret_s);                                              /* EDGE */
int h2stream_respond(struct h2stream *s, const struct h2_header *h, size_t n, bool end); /* CONNECTOR */
int h2stream_write(struct h2stream *s, const void *d,
                   size_t n); /* copied to the stream's queue, which is bounded: E_LIMIT over 4 * H2_OUT_MARK */
/* Writes pre-reserved: room for head bytes in front of body without a copy of its own */
int h2stream_write2(struct h2stream *s, const void *head, size_t nhead, const void *d, size_t n);
void h2stream_end(struct h2stream *s);                  /* END_STREAM after what is queued */
void h2stream_reset(struct h2stream *s, uint32_t code); /* RST_STREAM now */
void h2stream_consume(struct h2stream *s, size_t n);
size_t h2stream_queued(const struct h2stream *s);
void h2stream_set_arg(struct h2stream *s, void *arg);
void *h2stream_arg(const struct h2stream *s);
struct h2link *h2stream_link(const struct h2stream *s);
void *h2link_arg(const struct h2link *l);
uint32_t h2stream_id(const struct h2stream *s);

/* cf-cloudflared-response-headers: b64(name):b64(value);... (a.5). */
int h2_headers_pack(struct buf *out, const struct h2_header *h, size_t n);
#define H2_PACKED_MAX 128
struct h2_packed {
	struct buf store;
	struct h2_header v[H2_PACKED_MAX];
	size_t n;
};
int h2_headers_unpack(const char *s, struct h2_packed *ret_p); /* caller releases store */

#endif

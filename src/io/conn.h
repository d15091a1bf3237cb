/*
 * conn: one byte stream over a non-blocking descriptor, with or without TLS, owned by one loop.
 *
 * Reading: one recv(2) of up to 256 KiB into a buffer shared by the thread; TLS is opened from there by our own BIO;
 * plaintext is handed up in place and is the callback's only until it returns (it may be changed in place).
 * Writing: conn_write appends (TLS: sealed into full 16 KiB records) to the connection's output, which leaves by one
 * send(2) a batch at the end of the iteration. An idle connection holds no relay buffer. The output is bounded by the
 * writer: stop writing when conn_queued() is over your own mark and go on in drained(). Hard limit CONN_OUT_MAX.
 *
 * Life: conn_new_* gives a connection that calls opened() once (after the TLS handshake, or at once for plain), then
 * data()/drained()/eof(), and closed() exactly once as the last call, after which the conn is freed by conn itself.
 * conn_close may be called in any callback; closed() then comes from the loop, not from inside the call.
 * When both directions have ended (eof() came, conn_shutdown is flushed) the connection closes by itself with CONN_EOF.
 * ops may be NULL after conn_set_ops: then nothing is called any more, for close-and-forget.
 * TCP_NODELAY is always set. May block: no.
 */
#ifndef IO_CONN_H
#define IO_CONN_H

#include "io/loop.h"
#include "io/tls.h"

#define CONN_READ_SIZE (256u << 10)
#define CONN_OUT_MAX (8u << 20) /* conn_write beyond this: E_LIMIT; a peer that reads slowly must be paused before */
#define CONN_MARK (256u << 10)  /* drained() is called when the queue falls to or below this after having been above */
#define CONN_HEADROOM 64u       /* that many bytes in front of data()'s d may be overwritten too */

enum conn_why {
	CONN_LOCAL,     /* we closed it */
	CONN_EOF,       /* peer closed in order (FIN; under TLS close_notify) */
	CONN_TRUNCATED, /* FIN without close_notify */
	CONN_RESET,     /* reset or another socket error */
	CONN_REFUSED,   /* connect failed */
	CONN_TLS,       /* handshake or record error; conn_error_text says more */
	CONN_TIMEOUT,   /* the deadline given by conn_deadline passed */
};
const char *conn_why_str(enum conn_why w);

struct conn;
struct conn_ops {
	void (*opened)(struct conn *c, void *arg);
	void (*data)(struct conn *c, uint8_t *d, size_t n, void *arg);
	void (*drained)(struct conn *c, void *arg); /* may be NULL; also each time the queue has emptied */
	void (*eof)(struct conn *c, void *arg);     /* peer will send no more; NULL = close */
	void (*closed)(struct conn *c, enum conn_why why, void *arg); /* last call */
};

/* Takes fd in every case (closes it on failure). tls NULL = plain. A reference of tls is taken. */
int conn_new_server(struct loop *l, int fd, struct tls_ctx *tls, const struct conn_ops *ops, void *arg,
                    struct conn **ret_c);
/* Dials; sni/verify name is `name` (NULL = plain TCP). addr: sockaddr of salen bytes. */
int conn_new_client(struct loop *l, const void *addr, unsigned salen, struct tls_ctx *tls, const char *name,
                    const struct conn_ops *ops, void *arg, struct conn **ret_c);
/* A connected fd (socketpair, pipe ends): rfd and wfd may be equal or differ. Plain. */
int conn_new_fd(struct loop *l, int rfd, int wfd, const struct conn_ops *ops, void *arg, struct conn **ret_c);

void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *arg);
int conn_write(struct conn *c, const void *d, size_t n); /* all or E_LIMIT/E_CLOSED; TLS before opened(): E_STATE */
size_t conn_queued(const struct conn *c);                /* bytes not yet taken by the kernel */
void conn_pause(struct conn *c); /* no more data() until resume; bytes already decrypted may still come once */
void conn_resume(struct conn *c);
bool conn_paused(const struct conn *c);
void conn_shutdown(struct conn *c);             /* flush, then end our direction (close_notify and FIN) */
void conn_close(struct conn *c);                /* flush what the kernel takes at once, then close */
void conn_abort(struct conn *c);                /* RST */
void conn_deadline(struct conn *c, int64_t ms); /* closes with CONN_TIMEOUT after ms unless changed; 0 = none */
void conn_quickack(struct conn *c, bool on);    /* re-arm TCP_QUICKACK after each read (beside sshd: 42 ms a login) */
/* A peer that cannot be reached is gone after about ms (TCP_USER_TIMEOUT, keep-alive), where TCP would wait for many
 * minutes. */
void conn_dead_after(struct conn *c, unsigned ms);

/* Moves a connection to another loop; to be called on its present loop's thread. On the new thread fn(c, arg) runs
   first; no callback of ops happens in between, no byte is lost. */
int conn_move(struct conn *c, struct loop *to, void (*fn)(struct conn *c, void *arg), void *arg);

struct loop *conn_loop(const struct conn *c);
const char *conn_peer(const struct conn *c);    /* "192.0.2.1:4711" or "[2001:db8::1]:4711" */
const char *conn_peer_ip(const struct conn *c); /* address alone; v4-mapped v6 is written as v4 */
/* Whose connection it is, as a trusted peer said. */
void conn_set_peer(struct conn *c, const char *ip, uint16_t port);
const char *conn_sni(const struct conn *c); /* "" if none */
int conn_peer_pem(const struct conn *c,
                  struct buf *out); /* certificate that the TLS peer showed; E_NOENT without one */
/* The client's certificate, and those sent with it, that verified against the authorities of its SNI (tls_clients.h);
   borrowed. E_NOENT: none. It says nothing about any other name than conn_sni. */
int conn_client_der(const struct conn *c, struct slice *ret_der);
const char *conn_error_text(const struct conn *c); /* for logs: why TLS or connect failed */
int conn_fd(const struct conn *c);                 /* for getsockname and the like */
uint64_t conn_bytes_in(const struct conn *c);      /* plaintext */
uint64_t conn_bytes_out(const struct conn *c);

#endif

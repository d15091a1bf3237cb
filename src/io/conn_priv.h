/*
 * conn_priv: the connection between conn.c (bytes, life, the kernel) and conn_tls.c (records); nobody else includes it.
 */
#ifndef IO_CONN_PRIV_H
#define IO_CONN_PRIV_H

#include "io/addr.h"
#include "io/conn.h"
#include "io/outq.h"

struct ssl_st; /* SSL */

#define RECORD_MAX 16384u      /* plaintext of one TLS record */
#define RECORD_EXTRA 64u       /* header, tag and padding, rounded up */
#define OUT_SLACK (256u << 10) /* alerts, key updates, sealing overhead beyond CONN_OUT_MAX */
#define PLAIN_SIZE (CONN_READ_SIZE + 2 * RECORD_MAX)

struct scratch {
	uint8_t in_head[CONN_HEADROOM];
	uint8_t in[CONN_READ_SIZE];
	uint8_t plain_head[CONN_HEADROOM];
	uint8_t plain[PLAIN_SIZE];
};

enum tls_end { END_NONE, END_NOTIFY, END_ERROR }; /* how the records ended, to be told after the data before it */

struct conn {
	struct loop *loop;
	const struct conn_ops *ops;
	void *arg;
	int rfd, wfd; /* equal for sockets; -1 once closed */
	struct loop_watch rwatch, wwatch;
	struct loop_defer flush, pump, life;
	struct loop_timer timer;
	int64_t deadline; /* loop_now() scale; 0 = none */
	struct tls_ctx *tls;
	struct ssl_st *ssl;
	struct outq out;
	const uint8_t *in; /* what the BIO reads now */
	size_t nin;
	uint8_t *spill; /* ciphertext kept between events */
	size_t nspill;
	bool *gone; /* in the frame of the callback that runs now */
	void (*moved)(struct conn *c, void *arg);
	void *moved_arg;
	uint64_t bytes_in, bytes_out;
	char *error;
	enum conn_why why;
	enum tls_end end;
	bool sock, connecting, opened, dead, paused, reading, want_write, above, ended, shut, fin, broken, reset,
	    quickack;
	char ip[ADDR_IP_MAX], peer[ADDR_TEXT_MAX];
};

/* conn.c */
struct scratch *conn_scratch(void); /* this thread's; NULL when out of memory */
void conn_set_error(struct conn *c, const char *text);
void conn_fail(struct conn *c, enum conn_why why);
void conn_update(struct conn *c); /* asks the loop for what we want to hear of now */
void conn_free(struct conn *c);
void conn_arm_flush(struct conn *c);
void conn_arm_pump(struct conn *c);
bool conn_now_open(struct conn *c);
bool conn_peer_ended(struct conn *c);
bool conn_emit_data(struct conn *c, uint8_t *d, size_t n); /* false: hands off, it is gone or dead */

/* conn_tls.c */
int ctls_accept(struct conn *c, struct tls_ctx *tls);
int ctls_connect(struct conn *c, struct tls_ctx *tls, const char *name);
void ctls_input(struct conn *c, const uint8_t *p, size_t n); /* ciphertext; n = 0 starts the handshake */
void ctls_end(struct conn *c); /* reports how the records ended, once the data before it has been handed up */
int ctls_write(struct conn *c, const void *d, size_t n);
void ctls_close_notify(struct conn *c);
void ctls_free(struct conn *c);

#endif

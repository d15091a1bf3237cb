/*
 * pipe: a local byte stream and a WebSocket towards an application, joined (RFC 6455 client).
 *
 * What a byte costs. Up: one read into the thread's buffer, masked there in place, the frame header written in front of
 * it, one sealing, one send a batch. Down: one recv, one opening, one write. No allocation a frame; reads are 256 KiB;
 * each side is paused while the other's queue is over PIPE_MARK.
 */
#ifndef CLI_ACCESS_PIPE_H
#define CLI_ACCESS_PIPE_H

#include "cli/access/app.h"
#include "io/conn.h"

#define PIPE_MARK (1u << 20)

struct pipe_options {
	const char *destination; /* NULL */
	const char *service_id, *service_secret;
	struct cli_list headers;
	bool interactive; /* a listener has no terminal of its own */
};

/* How the opening ended, when no session began. */
enum pipe_result {
	PIPE_OK,      /* a session ran and ended in order */
	PIPE_LOST,    /* a session ran and the connection broke */
	PIPE_LOGIN,   /* 302 to the login page: a (new) token is needed */
	PIPE_REFUSED, /* 403 and the like; printed */
	PIPE_FAILED,  /* network or protocol; printed */
};
typedef void pipe_done_fn(enum pipe_result r, void *arg);

struct pipe;
/* Dials the application with the token (may be empty) and joins it to the local connection. local may be NULL until
 * pipe_attach. Takes local. */
int pipe_start(struct loop *l, const struct cli *c, const struct app *a, const struct pipe_options *o,
               struct tls_ctx *tls, struct slice token, int rfd, int wfd, pipe_done_fn *fn, void *arg,
               struct pipe **ret_p);

#endif

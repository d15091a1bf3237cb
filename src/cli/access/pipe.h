/*
 * pipe: a local byte stream and a WebSocket towards an application, joined (RFC 6455 client).
 *
 * What a byte costs. Up: one read into the thread's buffer, masked there in place, the frame header written in front of
 * it, one sealing, one send a batch. Down: one recv, one opening, one write. No allocation a frame; reads are 256 KiB;
 * each side is paused while the other's queue is over PIPE_MARK. A resumable session adds one copy of what is sent (4
 * bytes a read and a 12-byte record each 512 KiB on the wire), and holds at most RESUME_BUFFER_MAX of it.
 *
 * When the other end knows wire/resume.h, a leg that is lost is replaced by another for as long as the connector keeps
 * the session, without the local side noticing more than a pause.
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
	bool one_leg;     /* do not offer to resume */
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
/* Dials the application with the token (may be empty; copied) and joins it to the local descriptors, which it takes
 * once a session begins. c, a, o and tls stay the caller's and must live until fn. */
int pipe_start(struct loop *l, const struct cli *c, const struct app *a, const struct pipe_options *o,
               struct tls_ctx *tls, struct slice token, int rfd, int wfd, pipe_done_fn *fn, void *arg,
               struct pipe **ret_p);
/* Ends it in order, at once; fn is called. */
void pipe_hangup(struct pipe *p);

#endif

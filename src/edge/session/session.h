/*
 * session: one SSH session that the edge itself takes part in: what the files of this process share. One process a
 * session, one thread, no file and no socket beyond what the parent gave.
 *
 *   main.c           the parent's and judge's channels: start, certificate, verdicts, the end
 *   session_ws.c     a WebSocket over a pair, either role: frames in, frames out, back-pressure
 *   session_host.c   the SSH client toward the host: connect, host key, certificate, authentication
 *   session_chan.c   its channels: shell, exec, subsystem, direct-tcpip
 *   web.c            mode web: the browser terminal's protocol (docs/protocol/terminal.md)
 *   replay.c         the last output, for a browser that comes back
 *   server*.c        mode ssh: SSH server for stock clients
 *
 * U is the user's side, H the host's. A mode is a row of struct mode; it owns U and what it opens on the host, while
 * main owns the process's end: whoever finds that the session is over calls sess_end, once or often; the mode then says
 * goodbye to the user, judge hears why, and the process exits. Only .c files here include libssh. May block: no.
 */
#ifndef EDGE_SESSION_SESSION_H
#define EDGE_SESSION_SESSION_H

#include "core/err.h"
#include "edge/role/role.h"
#include "io/ipc.h"
#include "io/loop.h"
#include "msg/session.h"

#define SESSION_MEMORY (64u << 20) /* RLIMIT_DATA: a peer that makes it grow ends it, not the machine */
#define SESSION_FDS 32u
#define SESSION_GOODBYE_MS 2000 /* for the last words to U */

struct sess;
struct host;

struct mode {
	int (*begin)(struct sess *s); /* se_start is in s, the host is being connected to; < 0: fatal */
	/* U arrived; again when a lost user came back. Takes fd. */
	void (*user)(struct sess *s, int fd, uint64_t ticket);
	/* The host let us in: s->host is ready for channels. */
	void (*ready)(struct sess *s);
	/* It is over: tell the user, flush within SESSION_GOODBYE_MS, then call sess_gone. */
	void (*end)(struct sess *s, int code, const char *text);
	/* Something to tell the user, between. code 0 = a notice. */
	void (*notice)(struct sess *s, int code, const char *text);
	void (*release)(struct sess *s);
};
extern const struct mode mode_web, mode_ssh;

struct sess {
	struct role_run *run;
	struct loop *loop;
	struct ipc *judge; /* NULL once it is gone */
	const struct mode *mode;
	void *m; /* the mode's own */
	struct host *host;
	int host_fd; /* H, until the host takes it; -1 */
	int pump[2],
	    upump[2];  /* socketpairs made before confinement, for libssh as client and as server; -1 once taken */
	int record_fd; /* -1 = none */
	/* se_start, copied */
	enum session_mode kind;
	enum session_audit audit;
	bool record_input;
	char id[33], app[254], destination[301], email[255], user[65], ca[2049], seal_to[2049], host_key_types[513];
	char *extensions; /* of the certificate, separated by spaces */
	int64_t until, idle_s, detached_s;
	uint64_t serial;              /* of the certificate */
	uint64_t bytes_in, bytes_out; /* typed and shown, by the mode */
	bool exited;
	uint32_t exit_status;
	enum { SESS_NEW, SESS_CONNECTING, SESS_READY, SESS_ENDING, SESS_GONE } state;
	int end_code;
	char end_why[SE_TEXT_MAX + 1];
	struct loop_timer lost, goodbye;
	char lost_why[SE_TEXT_MAX + 1];
};

/* The session is over. code 0: in order (the shell ended). text is for the person: what happened and what to do. */
void sess_end(struct sess *s, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sess_gone(struct sess *s); /* the user was told: judge's last message, then exit */
void sess_state(struct sess *s, enum session_state_at at);
/* An event for the audit log; detail is taken (may be NULL). */
struct json_t;
void sess_event(struct sess *s, const char *kind, struct json_t *detail);

#endif

/*
 * ipc: one end of a channel between two of our processes: typed messages over a SOCK_STREAM socketpair, descriptors by
 * SCM_RIGHTS. (OpenBSD imsg and OpenSMTPD mproc are the models.)
 *
 * Frame: u32 length of what follows, u16 type, u16 flags (1 = a descriptor rides along, 2 = reply), u32 id, payload.
 * A table says which message may come from this peer, in which phase, and who handles it; anything else closes the
 * channel. A request carries an id; the reply repeats it; a deadline answers E_TIMEOUT, a lost channel E_CLOSED: the
 * callback comes exactly once. Output is bounded by IPC_OUT_MAX (E_LIMIT: caller refuses its own peer with "busy"). One
 * thread per channel: its loop's. May block: no.
 */
#ifndef IO_IPC_H
#define IO_IPC_H

#include "io/loop.h"
#include "msg/msg.h"

#define IPC_OUT_MAX (16u << 20)
#define IPC_PENDING_MAX 4096u

struct ipc;

enum { IPC_ONCE = 1, IPC_REQUEST = 2 /* the peer awaits ipc_reply */, IPC_FD = 4 /* must carry a descriptor */ };

struct ipc_row {
	const struct msg_def *def;
	unsigned phases; /* bit set of phases in which it is permitted; see ipc_phase */
	unsigned flags;
	/* m is d->size bytes, borrowed. fd is -1 or the handler's to close. id is for ipc_reply. */
	void (*handler)(struct ipc *c, uint32_t id, const void *m, int fd, void *arg);
};

struct ipc_ops {
	const struct ipc_row *rows;
	size_t nrows;
	void (*closed)(struct ipc *c, const char *why, void *arg); /* once; the ipc is freed after it returns */
};

/* Takes fd. name: the peer, for logs; static storage. Phase begins as 1. */
int ipc_new(struct loop *l, int fd, const char *name, const struct ipc_ops *ops, void *arg, struct ipc **ret_c);
/* Flushes what the kernel takes; no closed() callback; pending requests get E_CLOSED before this returns. NULL is fine;
   also inside a handler. Not after closed() has returned. */
void ipc_close(struct ipc *c);
void ipc_phase(struct ipc *c, unsigned phase_bit);
const char *ipc_name(const struct ipc *c);
void *ipc_arg(const struct ipc *c);

int ipc_send(struct ipc *c, const struct msg_def *d, const void *m); /* c may be NULL: E_CLOSED */
int ipc_send_fd(struct ipc *c, const struct msg_def *d, const void *m,
                int fd); /* fd is duplicated into the message; caller keeps its own */

/* When this returns an error, fn will not come. deadline_ms > 0. Reply decodes as reply_def; fn gets err 0 and the
 * struct, or E_TIMEOUT/E_CLOSED/E_FORMAT and NULL. */
typedef void ipc_reply_fn(int err, const void *m, void *arg);
int ipc_request(struct ipc *c, const struct msg_def *d, const void *m, const struct msg_def *reply_def,
                int64_t deadline_ms, ipc_reply_fn *fn, void *arg);
/* Cancels every pending request whose arg is this one: its callback will not come. */
void ipc_forget(struct ipc *c, const void *arg);
int ipc_reply(struct ipc *c, uint32_t id, const struct msg_def *d, const void *m);

/* Sends everything queued, blocking; for the last words of a process and for start-up. */
int ipc_flush(struct ipc *c);

#endif

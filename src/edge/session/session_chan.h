/*
 * session_chan: channels of a host that is ready: session channels (shell, exec, subsystem such as sftp) and
 * direct-tcpip. Requests on a channel are answered in the order they were made; each may be made at once, they wait for
 * each other inside.
 *
 * Bytes: data() gives what the host sent; all of it is taken. host_chan_hold stops that, and SSH's window then stops
 * the host (at most HOST_WINDOW bytes wait here). host_chan_write queues up to CHAN_OUT_MAX and E_LIMIT beyond it; hold
 * your own source while host_chan_queued() > CHAN_OUT_MARK and go on in drained(). Owner: the host frees them with
 * closed(), or host_chan_close. Callbacks may close their own channel. May block: no.
 */
#ifndef EDGE_SESSION_CHAN_H
#define EDGE_SESSION_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAN_OUT_MAX (4u << 20)
#define CHAN_OUT_MARK (256u << 10)
#define CHAN_REQUESTS_MAX 64u /* that wait for each other */

struct host;
struct host_chan;
struct host_chan_ops {
	void (*open)(struct host_chan *c, void *arg);
	void (*data)(struct host_chan *c, bool err, uint8_t *p, size_t n, void *arg);
	void (*drained)(struct host_chan *c, void *arg); /* may be NULL */
	void (*eof)(struct host_chan *c, void *arg);     /* may be NULL */
	void (*exit)(struct host_chan *c, bool by_signal, uint32_t status, const char *signal, bool core,
	             void *arg); /* may be NULL */
	/* Last; the channel is freed after it. opened false: why is the host's refusal. Not after host_chan_close. */
	void (*closed)(struct host_chan *c, bool opened, const char *why, void *arg);
};

int host_chan_session(struct host *h, const struct host_chan_ops *ops, void *arg, struct host_chan **ret_c);
/* from: shown to the server as the originator. */
int host_chan_direct(struct host *h, const char *to, uint16_t port, const char *from, uint16_t from_port,
                     const struct host_chan_ops *ops, void *arg, struct host_chan **ret_c);

/* done: once, with the host's yes or no; NULL = does not matter. Not after the channel's end. */
typedef void host_chan_done(struct host_chan *c, bool ok, void *arg);
int host_chan_pty(struct host_chan *c, const char *term, uint32_t cols, uint32_t rows, host_chan_done *done);
int host_chan_env(struct host_chan *c, const char *name, const char *value, host_chan_done *done);
int host_chan_shell(struct host_chan *c, host_chan_done *done);
int host_chan_exec(struct host_chan *c, const char *command, host_chan_done *done);
int host_chan_subsystem(struct host_chan *c, const char *name, host_chan_done *done); /* "sftp" */
int host_chan_resize(struct host_chan *c, uint32_t cols, uint32_t rows);
int host_chan_signal(struct host_chan *c, const char *name); /* "INT", without SIG */

int host_chan_write(struct host_chan *c, const void *p, size_t n);
size_t host_chan_queued(const struct host_chan *c);
void host_chan_hold(struct host_chan *c, bool on);
void host_chan_eof(struct host_chan *c);   /* after what is queued */
void host_chan_close(struct host_chan *c); /* no callback comes any more; freed */
void *host_chan_arg(const struct host_chan *c);

#endif

/* What session_host.c and session_chan.c share. Only these two include it. */
#ifndef EDGE_SESSION_HOST_INT_H
#define EDGE_SESSION_HOST_INT_H

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "core/buf.h"
#include "core/list.h"
#include "edge/session/session_chan.h"
#include "edge/session/session_host.h"
#include "edge/session/session_ws.h"

enum host_state {
	HOST_DIALLING,   /* front has not answered yet */
	HOST_CONNECTING, /* key exchange */
	HOST_ASKING,     /* the host key is with judge, or the certificate is awaited */
	HOST_AUTH,
	HOST_READY,
	HOST_OVER,
};

struct host {
	struct loop *loop;
	const struct host_ops *ops;
	void *arg;
	enum host_state state;
	struct sws *ws;    /* H */
	struct conn *pump; /* our end of the pair to libssh */
	ssh_session ssh;
	ssh_event event;
	ssh_key key;
	struct loop_watch watch;
	struct loop_defer kick;
	struct loop_timer timer, alive;
	struct list chans;
	size_t nchans;
	int64_t heard;
	bool key_good, certified, driving, dead_chans, freed;
	char *user, *ca, *where, *host_key_types;
};

void host_kick(struct host *h); /* libssh is stepped at the end of this iteration */
/* Steps every channel; from host_drive only. */
void chans_drive(struct host *h);
void chans_lost(struct host *h, const char *why, bool tell);

#endif

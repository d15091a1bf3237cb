/*
 * sallyport-front: what the parent's channel means here. Everything this process may know or open arrives before go();
 * then threads start, the process confines itself and serves. Later: judge's new channel, changed certificates, drain.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/front/ends.h"
#include "edge/front/front.h"
#include "edge/role/role.h"
#include "io/file.h"
#include "io/sandbox.h"

#define DRAIN_LOOK_MS 50

struct program {
	struct front f;
	struct role_run *role;
	int judge_fd[FRONT_THREADS_MAX]; /* came before the threads */
	struct listener metrics[FRONT_LISTENERS_MAX];
	struct loop_timer drain;
	int64_t drain_until;
	unsigned threads, started; /* asked for; pthreads running */
	bool running, stopping;
};

static int
on_start(struct role_run *r, const struct pr_start *m, void *arg)
{
	struct program *p = arg;
	struct front *f = &p->f;
	struct reason why = {0};
	uint64_t seed[2];
	int e;

	if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return E_IO;
	p->role = r;
	p->threads = m->threads;
	f->handshake_ms = m->handshake_ms > 0 ? m->handshake_ms : 10000;
	f->head_ms = m->head_ms > 0 ? m->head_ms : 10000;
	f->body_ms = m->body_ms > 0 ? m->body_ms : 30000;
	f->drain_ms = m->drain_ms;
	str_copy(f->location, sizeof f->location, m->location);
	str_copy(f->team_host, sizeof f->team_host, m->team_host);
	f->proxy_protocol = m->proxy_protocol;
	f->hsts = m->hsts;
	f->proxies.forwarded = strcmp(m->forwarded_header, "forwarded") == 0;
	if (proxies_init(&f->proxies, m->trusted_proxies.v, m->trusted_proxies.n, &why) < 0)
		return role_fatal(r, "%s", why.text);
	registry_init(&f->links);
	tickets_init(&f->tickets, seed[0]);
	pthread_mutex_init(&f->addresses.lock, NULL);
	map_init(&f->addresses.map, (size_t)FRONT_CONNS_THREAD * FRONT_THREADS_MAX, seed[1], free);
	if ((e = certs_init(f)) < 0)
		return e;
	e = thread_new(f, 0, role_loop(r), &f->threads[0]);
	f->nthreads = 1;
	return e;
}

static int
on_listener(struct role_run *r, const struct pr_listener *l, int fd, void *arg)
{
	struct program *p = arg;
	unsigned *n = &p->f.nlisten[l->kind];

	if (*n >= FRONT_LISTENERS_MAX) {
		close(fd);
		return role_fatal(r, "more than %u listeners of a kind", FRONT_LISTENERS_MAX);
	}
	p->f.listen_fd[l->kind][(*n)++] = fd;
	return 0;
}

/* A certificate that cannot be read is no reason to stop serving with the one in use. */
static int
on_file(struct role_run *r, const char *name, int fd, void *arg)
{
	struct program *p = arg;

	(void)r;
	if (certs_file(&p->f, name, fd) < 0)
		log_error("bad_file", "name", name, NULL);
	return 0;
}

static int
on_peer(struct role_run *r, enum role who, unsigned index, int fd, void *arg)
{
	struct program *p = arg;

	(void)r;
	if (who != ROLE_JUDGE || index >= FRONT_THREADS_MAX || (p->running && index >= p->f.nthreads)) {
		close(fd);
		return who == ROLE_JUDGE ? 0 : E_STATE;
	}
	if (p->running) {
		thread_judge(p->f.threads[index], fd);
		return 0;
	}
	if (p->judge_fd[index] >= 0)
		close(p->judge_fd[index]);
	p->judge_fd[index] = fd;
	return 0;
}

/* As many threads as the parent said, else as it made channels for, else one a core. */
static unsigned
thread_count(const struct program *p)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = p->threads;

	if (n == 0)
		while (n < FRONT_THREADS_MAX && p->judge_fd[n] >= 0)
			n++;
	if (n == 0)
		n = cores > 0 ? (unsigned)cores : 1;
	return n > FRONT_THREADS_MAX ? FRONT_THREADS_MAX : n;
}

static int
make_threads(struct program *p)
{
	struct front *f = &p->f;
	unsigned n = thread_count(p);
	int e;

	for (unsigned i = 1; i < n; i++) {
		if ((e = thread_new(f, i, NULL, &f->threads[i])) < 0)
			return e;
		f->nthreads = i + 1;
	}
	for (unsigned i = 0; i < f->nthreads; i++)
		if (p->judge_fd[i] >= 0)
			thread_judge(f->threads[i], p->judge_fd[i]);
	for (unsigned i = 1; i < f->nthreads; i++) {
		if ((e = thread_start(f->threads[i])) < 0)
			return e;
		p->started = i;
	}
	return 0;
}

static int
on_go(struct role_run *r, void *arg)
{
	struct program *p = arg;
	struct front *f = &p->f;

	fd_limit_raise();
	certs_use(f);
	if (make_threads(p) < 0)
		return role_fatal(r, "threads could not be started");
	if (sandbox_enter(SANDBOX_FRONT, &(struct sandbox_limits){0}) < 0)
		return role_fatal(r, "the sandbox could not be entered");
	p->running = true;
	if (ends_init(f) < 0)
		return role_fatal(r, "no timer");
	for (unsigned i = 0; i < f->nlisten[LISTEN_METRICS]; i++)
		if (listener_start(role_loop(r), &p->metrics[i], f->listen_fd[LISTEN_METRICS][i], metrics_accept,
		                   f->threads[0]) < 0)
			return role_fatal(r, "the metrics listener could not be used");
	certs_ask(f);
	log_info("ready", "threads", log_num(f->nthreads), NULL);
	return 0;
}

static int
on_session_pair(struct role_run *r, const struct pr_session_pair *m, int fd, void *arg)
{
	struct program *p = arg;

	(void)r;
	if (p->running)
		ends_give(&p->f, m->ticket, fd);
	else
		close(fd);
	return 0;
}

static void
on_reload(struct role_run *r, void *arg)
{
	struct program *p = arg;

	(void)r;
	certs_use(&p->f);
}

static void
stop(struct program *p)
{
	if (p->stopping)
		return;
	p->stopping = true;
	timer_stop(&p->drain);
	for (unsigned i = 0; i < p->f.nlisten[LISTEN_METRICS]; i++)
		listener_stop(&p->metrics[i]);
	for (unsigned i = p->f.nthreads; i-- > 0;)
		thread_stop(p->f.threads[i]); /* thread 0 last: its loop is role_main's */
}

static void
on_drain_look(void *arg)
{
	struct program *p = arg;

	if (atomic_load(&p->f.counters[C_USERS_OPEN]) == 0 || loop_now(role_loop(p->role)) >= p->drain_until)
		stop(p);
}

static void
on_drain(struct role_run *r, void *arg)
{
	struct program *p = arg;

	if (atomic_exchange(&p->f.draining, true))
		return;
	log_info("drain", "open", log_num((long long)atomic_load(&p->f.counters[C_USERS_OPEN])), NULL);
	p->drain_until = loop_now(role_loop(r)) + p->f.drain_ms;
	for (unsigned i = 0; i < p->f.nthreads; i++)
		thread_drain(p->f.threads[i]);
	if (timer_repeat(role_loop(r), &p->drain, DRAIN_LOOK_MS, on_drain_look, p) < 0)
		stop(p);
}

int
main(void)
{
	static const struct role_ops ops = {.start = on_start,
	                                    .file = on_file,
	                                    .listener = on_listener,
	                                    .peer = on_peer,
	                                    .go = on_go,
	                                    .session_pair = on_session_pair,
	                                    .reload = on_reload,
	                                    .drain = on_drain};
	static struct program p;
	int status;

	for (size_t i = 0; i < FRONT_THREADS_MAX; i++)
		p.judge_fd[i] = -1;
	status = role_main("front", &ops, &p);
	for (unsigned i = 1; i <= p.started; i++) {
		if (!p.stopping)
			thread_stop(p.f.threads[i]); /* the parent is gone */
		thread_join(p.f.threads[i]);
	}
	/* What the loops were still closing, the kernel takes. */
	_exit(status);
}

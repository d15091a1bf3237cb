/*
 * thread: a loop with its listeners and its channel to judge. Judge's orders arrive here; each is a row of a table.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/front/desk.h"
#include "edge/front/exchange.h"
#include "edge/front/front.h"
#include "edge/front/grant.h"
#include "edge/front/tunnel_link.h"

struct fd_post {
	struct thread *t;
	int fd;
};

static void
on_cut(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	const struct fj_cut *cut = m;
	struct thread *t = arg;

	(void)c, (void)id, (void)fd;
	grant_cut(t, cut->ticket, cut->why);
}

static void
on_push(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	const struct fj_push *p = m;

	(void)c, (void)id, (void)fd;
	links_push(arg, p->link, p->tunnel, p->version, p->config);
}

static void
on_unlink(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	const struct fj_unlink *u = m;

	(void)c, (void)id, (void)fd;
	links_unlink(arg, u->link, u->tunnel, u->why);
}

static void
on_probe(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	(void)c, (void)id, (void)fd;
	links_probe(arg, ((const struct fj_probe *)m)->link);
}

static void
on_names_changed(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	struct thread *t = arg;

	(void)c, (void)id, (void)m, (void)fd;
	if (t->index == 0)
		certs_ask(t->f);
}

static void
on_clients(struct ipc *c, uint32_t id, const void *mv, int fd, void *arg)
{
	const struct fj_clients *m = mv;
	struct reason why = {0};
	struct thread *t = arg;

	(void)c, (void)id, (void)fd;
	if (tls_asks_set(&t->f->certs.asks, m->v.v, m->v.n, &why) < 0)
		log_error("client_cas", "why", why.text, NULL);
	else
		log_info("client_cas", "hosts", log_num((long long)(m->v.n / 2)), NULL);
}

static void
on_host_stream(struct ipc *c, uint32_t id, const void *m, int fd, void *arg)
{
	(void)c, (void)id, (void)fd;
	session_host_start(arg, m);
}

static const struct ipc_row judge_rows[] = {
    {&fj_host_stream_def, 1, 0, on_host_stream},
    {&fj_cut_def, 1, 0, on_cut},
    {&fj_push_def, 1, 0, on_push},
    {&fj_unlink_def, 1, 0, on_unlink},
    {&fj_names_changed_def, 1, 0, on_names_changed},
    {&fj_clients_def, 1, 0, on_clients},
    {&fj_probe_def, 1, 0, on_probe},
};

static void
on_judge_closed(struct ipc *c, const char *why, void *arg)
{
	struct thread *t = arg;

	(void)c;
	t->judge = NULL;
	count(t->f, C_JUDGE_LOST, 1);
	if (!atomic_load(&t->f->draining))
		log_warn("judge_lost", "thread", log_num((long long)t->index), "why", why, NULL);
}

static const struct ipc_ops judge_ops = {
    .rows = judge_rows, .nrows = sizeof judge_rows / sizeof *judge_rows, .closed = on_judge_closed};

static void
take_judge(void *arg)
{
	struct fd_post *p = arg;
	struct thread *t = p->t;
	int e;

	ipc_close(t->judge);
	t->judge = NULL;
	e = ipc_new(t->loop, p->fd, "judge", &judge_ops, t, &t->judge);
	free(p);
	if (e < 0) {
		log_error("judge_channel", "why", err_str(e), NULL);
		return;
	}
	links_announce(t);
	sessions_announce(t);
	exchanges_announce(t);
	desks_announce(t);
	if (t->index == 0)
		certs_ask(t->f);
}

void
thread_judge(struct thread *t, int fd)
{
	struct fd_post *p = malloc(sizeof *p);

	if (!p) {
		close(fd);
		return;
	}
	*p = (struct fd_post){t, fd};
	if (loop_post(t->loop, take_judge, p) < 0) {
		close(fd);
		free(p);
	}
}

static void
do_accept(void *arg)
{
	struct thread *t = arg;
	struct front *f = t->f;
	static void (*const fn[2])(int, void *) = {greetings_accept, links_accept};

	if (t->accepting || atomic_load(&f->draining))
		return;
	t->accepting = true;
	for (unsigned k = LISTEN_USERS; k <= LISTEN_TUNNELS; k++)
		for (unsigned i = 0; i < f->nlisten[k]; i++)
			if (listener_start(t->loop, &t->listener[k][i], f->listen_fd[k][i], fn[k], t) < 0)
				log_error("listen", "thread", log_num((long long)t->index), NULL);
}

static void
stop_accepting(struct thread *t)
{
	for (unsigned k = LISTEN_USERS; t->accepting && k <= LISTEN_TUNNELS; k++)
		for (unsigned i = 0; i < t->f->nlisten[k]; i++)
			listener_stop(&t->listener[k][i]);
	t->accepting = false;
}

static void
do_drain(void *arg)
{
	struct thread *t = arg;

	stop_accepting(t);
	greetings_stop(t);
	users_drain(t);
}

static void
do_stop(void *arg)
{
	struct thread *t = arg;

	stop_accepting(t);
	greetings_stop(t);
	users_stop(t);
	sessions_stop(t);
	desks_stop(t);
	links_stop(t);
	ipc_flush(t->judge);
	loop_stop(t->loop);
}

static void
post(struct thread *t, void (*fn)(void *))
{
	if (loop_post(t->loop, fn, t) < 0)
		log_error("post", "thread", log_num((long long)t->index), NULL);
}

void
thread_accept(struct thread *t)
{
	post(t, do_accept);
}

void
thread_drain(struct thread *t)
{
	post(t, do_drain);
}

void
thread_stop(struct thread *t)
{
	post(t, do_stop);
}

int
thread_new(struct front *f, unsigned index, struct loop *l, struct thread **ret_t)
{
	struct thread *t = calloc(1, sizeof *t);
	int e;

	if (!t)
		return E_NOMEM;
	t->f = f;
	t->index = index;
	t->loop = l;
	list_init(&t->users);
	list_init(&t->greetings);
	list_init(&t->sessions);
	list_init(&t->exchanges);
	list_init(&t->desks);
	list_init(&t->links);
	if (!l && (e = loop_new(&t->loop)) < 0) {
		free(t);
		return e;
	}
	*ret_t = t;
	return 0;
}

static void *
thread_main(void *arg)
{
	struct thread *t = arg;

	pthread_barrier_wait(&t->begun);
	loop_run(t->loop);
	return NULL;
}

/* Waits until the thread runs: the calls by which a thread begins are forbidden once the process has confined itself.
 */
int
thread_start(struct thread *t)
{
	if (pthread_barrier_init(&t->begun, NULL, 2) != 0)
		return E_NOMEM;
	if (pthread_create(&t->tid, NULL, thread_main, t) != 0)
		return E_NOMEM;
	pthread_barrier_wait(&t->begun);
	return 0;
}

void
thread_join(struct thread *t)
{
	pthread_join(t->tid, NULL);
}

/*
 * loop: libuv behind io/loop.h.
 *
 * Backend handles live on the heap, because libuv needs them until their close callback while our owners free their
 * memory at once. A handle points to its owner only between start and stop. Timer handles are kept for the next timer,
 * as they hold nothing of the kernel's.
 *
 * Deferred work runs twice an iteration: after polling (check) and before it (prepare: what timers and the first pass
 * armed). What the second pass arms keeps an idle handle running, so that the next poll does not sleep.
 */
#include "io/loop.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/err.h"

#define POST_MAX 65536u /* pending loop_post calls: a thread that stopped answering must not eat the memory */
#define LAST_PASSES 4
#define TIMER_POOL_MAX 4096u /* idle timer handles kept */

struct post {
	void (*fn)(void *arg);
	void *arg;
};

struct posts {
	struct post *v;
	size_t n, cap;
};

struct timer_handle {
	uv_timer_t uv;
	struct loop_timer *owner;
	struct loop *loop;
	struct timer_handle *next; /* in the pool */
	bool repeat;
};

struct watch_handle {
	union {
		uv_handle_t any;
		uv_poll_t poll;
		uv_idle_t idle; /* files and /dev/null, which epoll refuses: always ready */
	} uv;
	struct loop_watch *owner;
	bool always;
};

struct signal_handle {
	uv_signal_t uv;
	struct loop_signal *owner;
};

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_prepare_t before;
	uv_check_t after;
	uv_idle_t busy;
	bool running;
	atomic_bool stop;
	struct list defers;
	bool bulk; /* see loop_bulk */
	struct timer_handle *pool;
	size_t npool;
	pthread_mutex_t lock; /* guards in */
	struct posts in;      /* from any thread */
	struct posts work;    /* being run; storage is swapped with in */
};

static int
uv_err(int r)
{
	if (r == 0)
		return 0;
	errno = -r;
	return r == UV_ENOMEM ? E_NOMEM : E_IO;
}

static void
run_defers(struct loop *l)
{
	struct list now;

	if (list_empty(&l->defers))
		return;
	list_init(&now);
	now.next = l->defers.next;
	now.prev = l->defers.prev;
	now.next->prev = &now;
	now.prev->next = &now;
	list_init(&l->defers);
	while (!list_empty(&now)) {
		struct loop_defer *d = list_entry(now.next, struct loop_defer, link);
		void (*fn)(void *) = d->fn;

		list_remove(&d->link);
		fn(d->arg);
	}
}

static void
on_busy(uv_idle_t *h)
{
	(void)h; /* its being active is the point: the poll does not sleep */
}

static void
on_before(uv_prepare_t *h)
{
	struct loop *l = h->data;

	run_defers(l);
	if (l->bulk)
		sched_yield(); /* after the sends, so that who waits for them can run */
	l->bulk = false;
	if (list_empty(&l->defers))
		uv_idle_stop(&l->busy);
	else
		uv_idle_start(&l->busy, on_busy);
	if (atomic_load(&l->stop))
		uv_stop(&l->uv);
}

static void
on_after(uv_check_t *h)
{
	struct loop *l = h->data;

	run_defers(l);
	if (atomic_load(&l->stop))
		uv_stop(&l->uv);
}

static void
on_wake(uv_async_t *h)
{
	struct loop *l = h->data;
	struct posts got;

	pthread_mutex_lock(&l->lock);
	got = l->in;
	l->in = l->work;
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < got.n; i++)
		got.v[i].fn(got.v[i].arg);
	got.n = 0;
	l->work = got;
}

static pthread_once_t process_once = PTHREAD_ONCE_INIT;

static void
process_init(void)
{
	signal(SIGPIPE, SIG_IGN); /* a peer that leaves is an error code; whoever execs restores the default */
	/* Later versions of libuv hand epoll_ctl to an io_uring made here, and no role may enter one once it is
	 * confined. */
	setenv("UV_USE_IO_URING", "0", 1);
	/* Queues come and go with every batch of a relay: without this the heap's end was moved back and forth by
	 * brk(2), thousands of times a GiB, and its pages were faulted in anew each time. */
	mallopt(M_TRIM_THRESHOLD, 2 << 20);
	mallopt(M_TOP_PAD, 128 << 10);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

int
loop_new(struct loop **ret_l)
{
	struct loop *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return E_NOMEM;
	pthread_once(&process_once, process_init);
	r = uv_loop_init(&l->uv);
	if (r != 0) {
		free(l);
		return uv_err(r);
	}
	list_init(&l->defers);
	pthread_mutex_init(&l->lock, NULL);
	r = uv_async_init(&l->uv, &l->wake, on_wake);
	if (r != 0) {
		uv_loop_close(&l->uv);
		pthread_mutex_destroy(&l->lock);
		free(l);
		return uv_err(r);
	}
	uv_prepare_init(&l->uv, &l->before);
	uv_check_init(&l->uv, &l->after);
	uv_idle_init(&l->uv, &l->busy);
	l->wake.data = l->before.data = l->after.data = l->busy.data = l;
	uv_prepare_start(&l->before, on_before);
	uv_check_start(&l->after, on_after);
	*ret_l = l;
	return 0;
}

static void
on_handle_closed(uv_handle_t *h)
{
	free(h);
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	for (int i = 0; i < LAST_PASSES; i++)
		run_defers(l);
	while (l->pool) {
		struct timer_handle *h = l->pool;

		l->pool = h->next;
		uv_close((uv_handle_t *)&h->uv, on_handle_closed);
	}
	uv_close((uv_handle_t *)&l->wake, NULL);
	uv_close((uv_handle_t *)&l->before, NULL);
	uv_close((uv_handle_t *)&l->after, NULL);
	uv_close((uv_handle_t *)&l->busy, NULL);
	while (uv_run(&l->uv, UV_RUN_NOWAIT) != 0)
		;
	uv_loop_close(&l->uv);
	pthread_mutex_destroy(&l->lock);
	free(l->in.v);
	free(l->work.v);
	free(l);
}

int
loop_run(struct loop *l)
{
	l->running = true;
	uv_run(&l->uv, UV_RUN_DEFAULT);
	for (int i = 0; i < LAST_PASSES; i++)
		run_defers(l); /* what was closed in the last iteration shall be freed */
	l->running = false;
	atomic_store(&l->stop, false);
	return 0;
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	uv_async_send(&l->wake);
}

int64_t
loop_now(const struct loop *l)
{
	return (int64_t)uv_now(&l->uv);
}

void
loop_bulk(struct loop *l)
{
	l->bulk = true;
}

int
loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
	int e = 0;

	pthread_mutex_lock(&l->lock);
	if (l->in.n == POST_MAX) {
		e = E_LIMIT;
	} else if (l->in.n == l->in.cap) {
		size_t cap = l->in.cap ? l->in.cap * 2 : 64;
		struct post *v = realloc(l->in.v, cap * sizeof *v);

		if (v) {
			l->in.v = v;
			l->in.cap = cap;
		} else {
			e = E_NOMEM;
		}
	}
	if (e == 0)
		l->in.v[l->in.n++] = (struct post){fn, arg};
	pthread_mutex_unlock(&l->lock);
	if (e == 0)
		uv_async_send(&l->wake);
	return e;
}

/* Timers. */

static void
timer_park(struct timer_handle *h)
{
	struct loop *l = h->loop;

	uv_timer_stop(&h->uv);
	h->owner = NULL;
	if (l->npool >= TIMER_POOL_MAX) {
		uv_close((uv_handle_t *)&h->uv, on_handle_closed);
		return;
	}
	h->next = l->pool;
	l->pool = h;
	l->npool++;
}

static void
on_timer(uv_timer_t *uv)
{
	struct timer_handle *h = uv->data;
	struct loop_timer *t = h->owner;
	void (*fn)(void *);

	if (!t)
		return;
	fn = t->fn;
	if (!h->repeat) {
		t->fn = NULL;
		t->h = NULL;
		timer_park(h);
	}
	fn(t->arg);
}

static int
timer_set(struct loop *l, struct loop_timer *t, int64_t ms, bool repeat, void (*fn)(void *), void *arg)
{
	struct timer_handle *h;

	if (t->h && t->loop != l)
		timer_stop(t);
	h = t->h;
	if (!h && l->pool) {
		h = l->pool;
		l->pool = h->next;
		l->npool--;
	} else if (!h) {
		h = calloc(1, sizeof *h);
		if (!h)
			return E_NOMEM;
		uv_timer_init(&l->uv, &h->uv);
		h->uv.data = h;
		h->loop = l;
	}
	h->owner = t;
	h->repeat = repeat;
	*t = (struct loop_timer){.loop = l, .fn = fn, .arg = arg, .h = h};
	if (!l->running)
		uv_update_time(&l->uv);
	if (ms < 0)
		ms = 0;
	uv_timer_start(&h->uv, on_timer, (uint64_t)ms, repeat ? (uint64_t)(ms > 0 ? ms : 1) : 0);
	return 0;
}

int
timer_start(struct loop *l, struct loop_timer *t, int64_t ms, void (*fn)(void *), void *arg)
{
	return timer_set(l, t, ms, false, fn, arg);
}

int
timer_repeat(struct loop *l, struct loop_timer *t, int64_t ms, void (*fn)(void *), void *arg)
{
	return timer_set(l, t, ms, true, fn, arg);
}

void
timer_stop(struct loop_timer *t)
{
	struct timer_handle *h = t->h;

	t->fn = NULL;
	t->h = NULL;
	if (h)
		timer_park(h);
}

/* Watches. */

static void
on_always(uv_idle_t *uv)
{
	struct watch_handle *h = uv->data;
	struct loop_watch *w = h->owner;

	if (w && w->events != 0)
		w->fn(w->fd, w->events, w->arg);
}

static int watch_apply(struct watch_handle *h, int events);

static void
on_poll(uv_poll_t *uv, int status, int got)
{
	struct watch_handle *h = uv->data;
	struct loop_watch *w = h->owner;
	int events = 0;

	if (!w)
		return;
	if (status < 0) {
		/* An error on the descriptor. libuv has stopped the handle: start again, we are level-triggered. */
		watch_apply(h, w->events);
		events = LOOP_READ | LOOP_WRITE;
	} else {
		if (got & UV_READABLE)
			events |= LOOP_READ;
		if (got & UV_WRITABLE)
			events |= LOOP_WRITE;
	}
	w->fn(w->fd, events, w->arg);
}

static int
watch_apply(struct watch_handle *h, int events)
{
	int uvev = 0;

	if (h->always)
		return uv_err(events ? uv_idle_start(&h->uv.idle, on_always) : uv_idle_stop(&h->uv.idle));
	if (events == 0)
		return uv_err(uv_poll_stop(&h->uv.poll));
	if (events & LOOP_READ)
		uvev |= UV_READABLE;
	if (events & LOOP_WRITE)
		uvev |= UV_WRITABLE;
	return uv_err(uv_poll_start(&h->uv.poll, uvev, on_poll));
}

int
watch_start(struct loop *l, struct loop_watch *w, int fd, int events, void (*fn)(int, int, void *), void *arg)
{
	struct watch_handle *h;
	int r;

	watch_stop(w);
	h = calloc(1, sizeof *h);
	if (!h)
		return E_NOMEM;
	r = uv_poll_init(&l->uv, &h->uv.poll, fd);
	if (r == UV_EPERM) {
		memset(h, 0, sizeof *h);
		h->always = true;
		r = uv_idle_init(&l->uv, &h->uv.idle);
	}
	if (r != 0) {
		free(h);
		return uv_err(r);
	}
	h->uv.any.data = h;
	h->owner = w;
	*w = (struct loop_watch){.loop = l, .fd = fd, .events = events, .fn = fn, .arg = arg, .h = h};
	r = watch_apply(h, events);
	if (r < 0)
		watch_stop(w);
	return r;
}

int
watch_events(struct loop_watch *w, int events)
{
	if (!w->h)
		return E_STATE;
	if (w->events == events)
		return 0;
	w->events = events;
	return watch_apply(w->h, events);
}

void
watch_stop(struct loop_watch *w)
{
	struct watch_handle *h = w->h;

	w->h = NULL;
	w->fn = NULL;
	w->events = 0;
	if (!h)
		return;
	h->owner = NULL;
	uv_close(&h->uv.any, on_handle_closed);
}

/* Deferred work. */

static bool
defer_armed(const struct loop_defer *d)
{
	return d->link.next && d->link.next != &d->link;
}

void
defer_arm(struct loop *l, struct loop_defer *d, void (*fn)(void *), void *arg)
{
	if (defer_armed(d))
		return;
	d->fn = fn;
	d->arg = arg;
	list_push(&l->defers, &d->link);
}

void
defer_cancel(struct loop_defer *d)
{
	if (defer_armed(d))
		list_remove(&d->link);
}

/* Signals. */

static void
on_signal(uv_signal_t *uv, int signo)
{
	struct signal_handle *h = uv->data;

	if (h->owner)
		h->owner->fn(signo, h->owner->arg);
}

int
signal_start(struct loop *l, struct loop_signal *s, int signo, void (*fn)(int, void *), void *arg)
{
	struct signal_handle *h;
	int r;

	signal_stop(s);
	h = calloc(1, sizeof *h);
	if (!h)
		return E_NOMEM;
	r = uv_signal_init(&l->uv, &h->uv);
	if (r != 0) {
		free(h);
		return uv_err(r);
	}
	h->uv.data = h;
	h->owner = s;
	*s = (struct loop_signal){.h = h, .fn = fn, .arg = arg};
	r = uv_signal_start(&h->uv, on_signal, signo);
	if (r != 0)
		signal_stop(s);
	return uv_err(r);
}

void
signal_stop(struct loop_signal *s)
{
	struct signal_handle *h = s->h;

	s->h = NULL;
	s->fn = NULL;
	if (!h)
		return;
	h->owner = NULL;
	uv_close((uv_handle_t *)&h->uv, on_handle_closed);
}

/*
 * loop: one event loop a thread, on libuv. The only folder that knows libuv is io; only loop.c includes <uv.h>.
 *
 * All objects are embedded by their owner and must be stopped before their memory goes away; stop functions are
 * idempotent, take effect at once (no callback after they return) and are safe inside any callback.
 * Only loop_post and loop_stop may be called from another thread. May block: only loop_run.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/list.h"

struct loop;
int loop_new(struct loop **ret_l); /* also ignores SIGPIPE in this process: before an exec restore the default */
void loop_free(struct loop *l);    /* everything must have been stopped */
int loop_run(struct loop *l);      /* until loop_stop */
void loop_stop(struct loop *l);
int64_t loop_now(const struct loop *l); /* monotonic ms, cached at the start of the iteration */

/* Timers. */
struct loop_timer {
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	void *h; /* backend */
};
int timer_start(struct loop *l, struct loop_timer *t, int64_t ms, void (*fn)(void *),
                void *arg); /* one shot; restarts */
int timer_repeat(struct loop *l, struct loop_timer *t, int64_t ms, void (*fn)(void *), void *arg);
void timer_stop(struct loop_timer *t); /* safe on zeroed */
static inline bool
timer_active(const struct loop_timer *t)
{
	return t->fn != 0;
}

/* Readiness of a descriptor (level-triggered). The watch never closes the fd. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch {
	struct loop *loop;
	int fd, events;
	void (*fn)(int fd, int events, void *arg); /* errors and hang-up arrive as readable and writable */
	void *arg;
	void *h;
};
int watch_start(struct loop *l, struct loop_watch *w, int fd, int events, void (*fn)(int, int, void *), void *arg);
int watch_events(struct loop_watch *w, int events); /* 0 pauses */
void watch_stop(struct loop_watch *w);

/* Work at the end of this iteration, once per arming: batches output so that many small writes become one send. */
struct loop_defer {
	struct list link; /* zeroed or initialised */
	void (*fn)(void *arg);
	void *arg;
};
void defer_arm(struct loop *l, struct loop_defer *d, void (*fn)(void *), void *arg); /* no effect when armed */
void defer_cancel(struct loop_defer *d);

/* Much was moved in this iteration: before it looks for more, the loop lets others have the processor once. On a
   machine whose cores are all busy with the hops of one stream, each hop then finds more at a time: a fifth less CPU a
   GiB, measured. */
void loop_bulk(struct loop *l);

/* Runs fn(arg) on the loop's own thread soon. Callable from any thread. E_LIMIT when 65536 are pending. */
int loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* Signals arrive as callbacks (SIGTERM, SIGHUP, SIGCHLD, SIGINT). */
struct loop_signal {
	void *h;
	void (*fn)(int signo, void *arg);
	void *arg;
};
int signal_start(struct loop *l, struct loop_signal *s, int signo, void (*fn)(int, void *), void *arg);
void signal_stop(struct loop_signal *s);

#endif

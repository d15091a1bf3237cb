#include "edge/front/ends.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/log.h"
#include "crypto/random.h"

struct end {
	int fd;           /* -1: the ticket waits for it */
	struct thread *t; /* that wants it; NULL: it waits for its ticket */
	int64_t at;
};

static void
end_free(void *v)
{
	struct end *e = v;

	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

static void
sweep(void *arg)
{
	struct front *f = arg;
	int64_t now = loop_now(f->threads[0]->loop);
	struct map_iter it = {0};

	pthread_mutex_lock(&f->ends.lock);
	while (map_next(&f->ends.map, &it)) {
		const struct end *e = it.value;
		if (!e->t && now - e->at > FRONT_PAIR_MS)
			end_free(map_take_n(&f->ends.map, it.key, it.nkey));
	}
	pthread_mutex_unlock(&f->ends.lock);
}

int
ends_init(struct front *f)
{
	pthread_mutex_init(&f->ends.lock, NULL);
	map_init(&f->ends.map, FRONT_ENDS, random_u64(), end_free);
	return timer_repeat(f->threads[0]->loop, &f->ends.sweep, FRONT_PAIR_MS / 2, sweep, f);
}

struct arrival {
	struct thread *t;
	uint64_t ticket;
	int fd;
};

static void
on_arrival(void *arg)
{
	struct arrival *a = arg;
	struct grant *g = tickets_get(&a->t->f->tickets, a->ticket, a->t->index);

	if (g && g->pair)
		g->pair(g, a->fd);
	else
		close(a->fd); /* its ticket has ended meanwhile */
	free(a);
}

static int
send_on(struct thread *t, uint64_t ticket, int fd)
{
	struct arrival *a = malloc(sizeof *a);

	if (!a)
		return E_NOMEM;
	*a = (struct arrival){t, ticket, fd};
	int e = loop_post(t->loop, on_arrival, a);
	if (e < 0)
		free(a);
	return e;
}

static int
put(struct front *f, uint64_t ticket, int fd, struct thread *t)
{
	struct end *e = malloc(sizeof *e);

	if (!e)
		return E_NOMEM;
	*e = (struct end){fd, t, t ? 0 : loop_now(f->threads[0]->loop)};
	int r = map_put_n(&f->ends.map, &ticket, sizeof ticket, e);
	if (r < 0)
		free(e);
	return r;
}

void
ends_give(struct front *f, uint64_t ticket, int fd)
{
	struct thread *t = NULL;
	struct end *e;
	int r = 0;

	pthread_mutex_lock(&f->ends.lock);
	e = map_get_n(&f->ends.map, &ticket, sizeof ticket);
	if (!e) {
		r = put(f, ticket, fd, NULL);
	} else if (e->t) {
		t = e->t;
		end_free(map_take_n(&f->ends.map, &ticket, sizeof ticket));
	} else {
		r = E_EXIST;
	}
	pthread_mutex_unlock(&f->ends.lock);
	if (t)
		r = send_on(t, ticket, fd);
	if (r < 0) {
		log_error("session_end", "why", err_str(r), NULL);
		close(fd);
	}
}

int
ends_want(struct thread *t, struct grant *g, int *ret_fd)
{
	struct front *f = t->f;
	struct end *e;
	int r = E_AGAIN;

	pthread_mutex_lock(&f->ends.lock);
	e = map_take_n(&f->ends.map, &g->ticket, sizeof g->ticket);
	if (e && !e->t) {
		*ret_fd = e->fd;
		e->fd = -1;
		r = 0;
	} else if (!e) {
		int p = put(f, g->ticket, -1, t);
		r = p < 0 ? p : E_AGAIN;
	} else {
		r = E_EXIST;
	}
	pthread_mutex_unlock(&f->ends.lock);
	if (e)
		end_free(e);
	return r;
}

void
ends_forget(struct front *f, uint64_t ticket)
{
	pthread_mutex_lock(&f->ends.lock);
	struct end *e = map_get_n(&f->ends.map, &ticket, sizeof ticket);
	if (e)
		end_free(map_take_n(&f->ends.map, &ticket, sizeof ticket));
	pthread_mutex_unlock(&f->ends.lock);
}

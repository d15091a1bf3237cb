#include "edge/front/registry.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "edge/front/limits.h"

struct ticket {
	void *owner;
	unsigned thread;
	bool cut;
};

void
registry_init(struct registry *r)
{
	memset(r, 0, sizeof *r);
	pthread_mutex_init(&r->lock, NULL);
}

void
registry_release(struct registry *r)
{
	pthread_mutex_destroy(&r->lock);
	free(r->v);
	r->v = NULL;
}

static struct registry_link *
find(struct registry *r, uint64_t id)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].id == id)
			return &r->v[i];
	return NULL;
}

static int
grow(struct registry *r)
{
	size_t cap = r->cap ? r->cap * 2 : 16;
	struct registry_link *v;

	if (r->n < r->cap)
		return 0;
	if (r->n >= FRONT_LINKS)
		return E_LIMIT;
	v = realloc(r->v, cap * sizeof *v);
	if (!v)
		return E_NOMEM;
	r->v = v;
	r->cap = cap;
	return 0;
}

int
registry_add(struct registry *r, uint64_t id, const uint8_t tunnel[static 16], const uint8_t client[static 16],
             unsigned thread)
{
	int e;

	pthread_mutex_lock(&r->lock);
	e = find(r, id) ? E_EXIST : grow(r);
	if (e == 0) {
		struct registry_link *l = &r->v[r->n++];

		*l = (struct registry_link){.id = id, .thread = thread};
		memcpy(l->tunnel, tunnel, sizeof l->tunnel);
		memcpy(l->client, client, sizeof l->client);
	}
	pthread_mutex_unlock(&r->lock);
	return e;
}

void
registry_remove(struct registry *r, uint64_t id)
{
	struct registry_link *l;

	pthread_mutex_lock(&r->lock);
	l = find(r, id);
	if (l)
		*l = r->v[--r->n];
	pthread_mutex_unlock(&r->lock);
}

void
registry_leave(struct registry *r, uint64_t id)
{
	struct registry_link *l;

	pthread_mutex_lock(&r->lock);
	l = find(r, id);
	if (l)
		l->leaving = true;
	pthread_mutex_unlock(&r->lock);
}

/* Fewer is better; a connector that is asked for comes before any number. */
static uint64_t
weight(const struct registry_link *l, const struct registry_want *w)
{
	bool wanted = !w->client || memcmp(l->client, w->client, sizeof l->client) == 0;

	return 2 * (uint64_t)l->streams + (l->thread == w->near ? 0 : 2 * (uint64_t)w->lead + 1) +
	       (wanted ? 0 : UINT64_C(1) << 40);
}

int
registry_pick(struct registry *r, const struct registry_want *w, uint64_t *ret_id, unsigned *ret_thread)
{
	struct registry_link *best = NULL;
	uint64_t all = 0;
	bool any = false;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->n; i++) {
		struct registry_link *l = &r->v[i];

		if (memcmp(l->tunnel, w->tunnel, sizeof l->tunnel) != 0)
			continue;
		all += l->streams;
		if (l->leaving)
			continue;
		any = true;
		if (l->streams < FRONT_STREAMS_LINK && (!best || weight(l, w) < weight(best, w)))
			best = l;
	}
	if (all >= FRONT_STREAMS_TUNNEL)
		best = NULL;
	if (best) {
		best->streams++;
		*ret_id = best->id;
		*ret_thread = best->thread;
	}
	pthread_mutex_unlock(&r->lock);
	return best ? 0 : any ? E_AGAIN : E_NOENT;
}

void
registry_unpick(struct registry *r, uint64_t id)
{
	struct registry_link *l;

	pthread_mutex_lock(&r->lock);
	l = find(r, id);
	if (l && l->streams)
		l->streams--;
	pthread_mutex_unlock(&r->lock);
}

size_t
registry_count(struct registry *r)
{
	size_t n;

	pthread_mutex_lock(&r->lock);
	n = r->n;
	pthread_mutex_unlock(&r->lock);
	return n;
}

void
tickets_init(struct tickets *t, uint64_t seed)
{
	pthread_mutex_init(&t->lock, NULL);
	map_init(&t->map, (size_t)FRONT_CONNS_THREAD * FRONT_THREADS_MAX, seed, free);
}

void
tickets_release(struct tickets *t)
{
	map_release(&t->map);
	pthread_mutex_destroy(&t->lock);
}

int
tickets_put(struct tickets *t, uint64_t ticket, unsigned thread, void *owner)
{
	struct ticket *k = calloc(1, sizeof *k);
	int e;

	if (!k)
		return E_NOMEM;
	k->owner = owner;
	k->thread = thread;
	pthread_mutex_lock(&t->lock);
	e = map_put_n(&t->map, &ticket, sizeof ticket, k);
	pthread_mutex_unlock(&t->lock);
	if (e < 0)
		free(k);
	return e;
}

bool
tickets_move(struct tickets *t, uint64_t ticket, unsigned thread)
{
	struct ticket *k;
	bool cut = false;

	pthread_mutex_lock(&t->lock);
	k = map_get_n(&t->map, &ticket, sizeof ticket);
	if (k) {
		k->thread = thread;
		cut = k->cut;
	}
	pthread_mutex_unlock(&t->lock);
	return cut;
}

void
tickets_del(struct tickets *t, uint64_t ticket)
{
	pthread_mutex_lock(&t->lock);
	free(map_take_n(&t->map, &ticket, sizeof ticket));
	pthread_mutex_unlock(&t->lock);
}

int
tickets_cut(struct tickets *t, uint64_t ticket, unsigned *ret_thread)
{
	struct ticket *k;

	pthread_mutex_lock(&t->lock);
	k = map_get_n(&t->map, &ticket, sizeof ticket);
	if (k) {
		k->cut = true;
		*ret_thread = k->thread;
	}
	pthread_mutex_unlock(&t->lock);
	return k ? 0 : E_NOENT;
}

void *
tickets_get(struct tickets *t, uint64_t ticket, unsigned thread)
{
	struct ticket *k;
	void *s = NULL;

	pthread_mutex_lock(&t->lock);
	k = map_get_n(&t->map, &ticket, sizeof ticket);
	if (k && k->thread == thread)
		s = k->owner;
	pthread_mutex_unlock(&t->lock);
	return s;
}

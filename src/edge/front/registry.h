/*
 * registry: which live tunnel connection is on which thread; and which thread owns which ticket.
 *
 * The only state that the threads share besides counters; one mutex each, held for a few look-ups. Pointers stored here
 * are dereferenced on the owning thread only. May block: on the mutex.
 */
#ifndef FRONT_REGISTRY_H
#define FRONT_REGISTRY_H

#include <pthread.h>

#include "core/map.h"

struct registry_link {
	uint64_t id;
	uint8_t tunnel[16], client[16];
	unsigned thread;
	unsigned streams;
	bool leaving;
};
struct registry {
	pthread_mutex_t lock;
	struct registry_link *v;
	size_t n, cap;
};

void registry_init(struct registry *r);
void registry_release(struct registry *r);
int registry_add(struct registry *r, uint64_t id, const uint8_t tunnel[static 16], const uint8_t client[static 16],
                 unsigned thread); /* E_LIMIT over FRONT_LINKS */
void registry_remove(struct registry *r, uint64_t id);
void registry_leave(struct registry *r, uint64_t id); /* no new streams */
struct registry_want {
	const uint8_t *tunnel; /* 16 bytes */
	const uint8_t *client; /* 16 bytes or NULL: a link of this connector, while it has one; else any */
	unsigned near, lead;   /* a link on thread `near` counts `lead` fewer and wins among equals */
};
/* The live link with the fewest streams; counts one stream on it. E_NOENT: there is none; E_AGAIN: its links or the
   tunnel are full. */
int registry_pick(struct registry *r, const struct registry_want *w, uint64_t *ret_id, unsigned *ret_thread);
void registry_unpick(struct registry *r, uint64_t id);
size_t registry_count(struct registry *r);

struct tickets {
	pthread_mutex_t lock;
	struct map map;
};
void tickets_init(struct tickets *t, uint64_t seed);
void tickets_release(struct tickets *t);
int tickets_put(struct tickets *t, uint64_t ticket, unsigned thread, void *owner); /* E_EXIST */
/* The owner arrived on a thread. True when it was cut on the way. */
bool tickets_move(struct tickets *t, uint64_t ticket, unsigned thread);
void tickets_del(struct tickets *t, uint64_t ticket);
/* Marks the ticket cut and tells its thread. E_NOENT. */
int tickets_cut(struct tickets *t, uint64_t ticket, unsigned *ret_thread);
/* The owner, if the ticket is on this thread; else NULL. */
void *tickets_get(struct tickets *t, uint64_t ticket, unsigned thread);

#endif

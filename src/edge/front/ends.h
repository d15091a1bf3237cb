/*
 * ends: descriptors of session processes on their way from the parent (thread 0) to the tickets that want them. Either
 * may come first; each waits FRONT_PAIR_MS for the other at most. What the process behind an end sends is opaque bytes
 * to front: it is relayed, never read. Shared by the threads (mutex). May block: on the mutex.
 */
#ifndef FRONT_ENDS_H
#define FRONT_ENDS_H

#include "edge/front/grant.h"

int ends_init(struct front *f);
void ends_give(struct front *f, uint64_t ticket, int fd); /* on thread 0; takes fd */
/* The end that waits (ret_fd is the caller's), or E_AGAIN: g->pair is called on g's thread when it comes. g must stay
   on its thread until then; when it ends first, ends_forget. */
int ends_want(struct thread *t, struct grant *g, int *ret_fd);
void ends_forget(struct front *f, uint64_t ticket);

#endif

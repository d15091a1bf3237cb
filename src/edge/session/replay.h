/*
 * replay: the last bytes of a stream, by their offset in it. Engine: no I/O.
 *
 * Grows by doubling up to the size given at init, then the oldest bytes go. Owner: embeds it; replay_release wipes,
 * since what was shown may be secret. May block: no.
 */
#ifndef EDGE_SESSION_REPLAY_H
#define EDGE_SESSION_REPLAY_H

#include <stddef.h>
#include <stdint.h>

struct replay {
	uint8_t *d;
	size_t cap, max;
	size_t have;  /* bytes kept */
	uint64_t end; /* offset behind the last byte */
};
void replay_init(struct replay *r, size_t max); /* max: a power of two */
void replay_release(struct replay *r);
int replay_put(struct replay *r, const void *p,
               size_t n); /* E_NOMEM: nothing is kept of it, the offset moves all the same */
/* Offset of the oldest byte that is kept. */
static inline uint64_t
replay_begin(const struct replay *r)
{
	return r->end - r->have;
}
/* A run of bytes from offset at (begin <= at <= end) that lie together; 0 at the end. */
size_t replay_at(const struct replay *r, uint64_t at, const uint8_t **ret_p);

#endif

/*
 * h2queue: bytes waiting for a stream's DATA frames, in chunks that are freed as they empty. An empty queue holds no
 * memory.
 *
 * Owner: whoever embeds it calls h2queue_clear. Bounded by its user. May block: no.
 */
#ifndef WIRE_H2QUEUE_H
#define WIRE_H2QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct h2_chunk;
struct h2_queue { /* zeroed = empty */
	struct h2_chunk *head, *tail;
	size_t n;
};

/* Both pieces, in this order, or nothing at all (E_NOMEM). */
int h2queue_put(struct h2_queue *q, const void *head, size_t nhead, const void *d, size_t n);
size_t h2queue_take(struct h2_queue *q, uint8_t *out, size_t n); /* up to n bytes; how many */
void h2queue_clear(struct h2_queue *q);

#endif

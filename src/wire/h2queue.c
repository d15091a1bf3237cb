#include "wire/h2queue.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define CHUNK_MIN 2032u  /* with its head a 2 KiB allocation: a key stroke's frame */
#define CHUNK_MAX 65520u /* below malloc's mmap threshold */

struct h2_chunk {
	struct h2_chunk *next;
	uint32_t r, w, cap;
	uint8_t d[];
};

/* Appends fresh chunks with room for n bytes in all; *ret_first is the first of them. */
static int
grow(struct h2_queue *q, size_t n, struct h2_chunk **ret_first)
{
	struct h2_chunk *first = NULL, **at = &first, *last = q->tail;
	while (n > 0) {
		size_t cap = n < CHUNK_MIN ? CHUNK_MIN : n > CHUNK_MAX ? CHUNK_MAX : n;
		struct h2_chunk *c = malloc(sizeof *c + cap);
		if (!c) {
			while (first) {
				c = first->next;
				free(first);
				first = c;
			}
			return E_NOMEM;
		}
		c->next = NULL;
		c->r = c->w = 0;
		c->cap = (uint32_t)cap;
		*at = last = c;
		at = &c->next;
		n -= cap < n ? cap : n;
	}
	if (first) {
		if (q->tail)
			q->tail->next = first;
		else
			q->head = first;
		q->tail = last;
	}
	*ret_first = first;
	return 0;
}

/* Copies into c and those behind it; gives the chunk where the next byte belongs. */
static struct h2_chunk *
fill(struct h2_chunk *c, const uint8_t *d, size_t n)
{
	while (n > 0) {
		size_t k = c->cap - c->w;
		if (k == 0) {
			c = c->next;
			continue;
		}
		if (k > n)
			k = n;
		memcpy(c->d + c->w, d, k);
		c->w += (uint32_t)k;
		d += k;
		n -= k;
	}
	return c;
}

int
h2queue_put(struct h2_queue *q, const void *head, size_t nhead, const void *d, size_t n)
{
	struct h2_chunk *c = q->tail, *fresh = NULL;
	size_t spare = c ? c->cap - c->w : 0, all = nhead + n;
	if (all > spare) {
		int r = grow(q, all - spare, &fresh);
		if (r < 0)
			return r;
	}
	if (!c)
		c = fresh;
	if (nhead > 0)
		c = fill(c, head, nhead);
	if (n > 0)
		fill(c, d, n);
	q->n += all;
	return 0;
}

size_t
h2queue_take(struct h2_queue *q, uint8_t *out, size_t n)
{
	size_t got = 0;
	while (got < n && q->head) {
		struct h2_chunk *c = q->head;
		size_t k = c->w - c->r;
		if (k > n - got)
			k = n - got;
		memcpy(out + got, c->d + c->r, k);
		c->r += (uint32_t)k;
		got += k;
		if (c->r == c->w) {
			q->head = c->next;
			if (!q->head)
				q->tail = NULL;
			free(c);
		}
	}
	q->n -= got;
	return got;
}

void
h2queue_clear(struct h2_queue *q)
{
	while (q->head) {
		struct h2_chunk *c = q->head;
		q->head = c->next;
		free(c);
	}
	q->tail = NULL;
	q->n = 0;
}

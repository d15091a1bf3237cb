#include "edge/session/replay.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/secret.h"

#define FIRST 8192u

void
replay_init(struct replay *r, size_t max)
{
	*r = (struct replay){.max = max};
}

void
replay_release(struct replay *r)
{
	if (r->d)
		mem_wipe(r->d, r->cap);
	free(r->d);
	r->d = NULL;
	r->cap = r->have = 0;
}

/* The byte at offset o is at o mod cap. */
static void
place(uint8_t *d, size_t cap, uint64_t at, const uint8_t *p, size_t n)
{
	size_t i = (size_t)(at & (cap - 1)), first = n < cap - i ? n : cap - i;

	memcpy(d + i, p, first);
	memcpy(d, p + first, n - first);
}

static int
grow(struct replay *r, size_t want)
{
	size_t cap = r->cap ? r->cap : FIRST;
	const uint8_t *p = NULL;
	uint8_t *d;

	while (cap < want && cap < r->max)
		cap *= 2;
	if (cap > r->max)
		cap = r->max;
	if (cap == r->cap)
		return 0;
	if (!(d = malloc(cap)))
		return E_NOMEM;
	for (uint64_t at = replay_begin(r); at < r->end;) {
		size_t n = replay_at(r, at, &p);
		place(d, cap, at, p, n);
		at += n;
	}
	if (r->d)
		mem_wipe(r->d, r->cap);
	free(r->d);
	r->d = d;
	r->cap = cap;
	return 0;
}

int
replay_put(struct replay *r, const void *p, size_t n)
{
	const uint8_t *b = p;
	size_t keep = n;

	if (grow(r, r->have + n < n ? n : r->have + n) < 0 && !r->cap) {
		r->end += n;
		r->have = 0;
		return E_NOMEM;
	}
	if (keep > r->cap) {
		b += n - r->cap;
		keep = r->cap;
	}
	r->end += n;
	place(r->d, r->cap, r->end - keep, b, keep);
	r->have = r->have + n > r->cap ? r->cap : r->have + n;
	return 0;
}

size_t
replay_at(const struct replay *r, uint64_t at, const uint8_t **ret_p)
{
	if (at < replay_begin(r) || at >= r->end)
		return 0;
	size_t i = (size_t)(at & (r->cap - 1)), left = (size_t)(r->end - at);

	*ret_p = r->d + i;
	return left < r->cap - i ? left : r->cap - i;
}

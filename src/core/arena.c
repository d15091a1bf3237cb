#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096
#define ALIGN alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	alignas(max_align_t) unsigned char d[];
};

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

static struct arena_block *
block_new(size_t n)
{
	size_t cap = n < BLOCK - sizeof(struct arena_block) ? BLOCK - sizeof(struct arena_block) : n;
	struct arena_block *b = calloc(1, sizeof *b + cap);

	if (b)
		b->cap = cap;
	return b;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->head;
	void *p = NULL;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
	if (n > a->max - a->used)
		return NULL;
	if (!b || n > b->cap - b->used) {
		b = block_new(n);
		if (!b)
			return NULL;
		if (a->head && n > BLOCK / 2) { /* a large one goes behind, so that the open block stays in use */
			b->next = a->head->next;
			a->head->next = b;
		} else {
			b->next = a->head;
			a->head = b;
		}
	}
	p = b->d + b->used;
	b->used += n;
	a->used += n;
	return p;
}

char *
arena_strn(struct arena *a, const void *p, size_t n)
{
	char *s = n < SIZE_MAX / 2 ? arena_alloc(a, n + 1) : NULL;

	if (s && n)
		memcpy(s, p, n);
	return s;
}

char *
arena_str(struct arena *a, const char *s)
{
	return s ? arena_strn(a, s, strlen(s)) : NULL;
}

void
arena_release(struct arena *a)
{
	struct arena_block *b = a->head;

	while (b) {
		struct arena_block *next = b->next;
		free(b);
		b = next;
	}
	a->head = NULL;
	a->used = 0;
}

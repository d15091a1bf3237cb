/*
 * secret: bytes that must not be printed, compared early-out, or left behind.
 *
 * Fixed-capacity, embedded, wiped by release. Copies are explicit. May block: no.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include "core/buf.h"

#define SECRET_MAX 4096

struct secret {
	uint8_t *d; /* heap, own allocation, excluded from core dumps where the kernel can */
	size_t n;
};

int secret_set(struct secret *s, const void *p, size_t n); /* copies; frees what was there; E_LIMIT over SECRET_MAX */
int secret_set_str(struct secret *s, const char *p);
void secret_release(struct secret *s); /* wipes; safe on zeroed */
static inline struct slice
secret_slice(const struct secret *s)
{
	return (struct slice){s->d, s->n};
}

void mem_wipe(void *p, size_t n);                       /* not optimised away */
bool mem_eq_ct(const void *a, const void *b, size_t n); /* constant time */
bool secret_eq(struct slice a, struct slice b);         /* constant time in content; length is public */

#endif

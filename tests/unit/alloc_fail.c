#include "alloc_fail.h"

#include <stddef.h>

static long left = -1;
static bool hit;

void
alloc_fail_at(long n)
{
	left = n;
	hit = false;
}

bool
alloc_fail_hit(void)
{
	left = -1;
	return hit;
}

static bool
fails(void)
{
	if (left < 0 || left-- > 0)
		return false;
	hit = true;
	return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

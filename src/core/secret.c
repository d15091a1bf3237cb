#include "core/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/err.h"

/* Each secret has pages of its own: MADV_DONTDUMP works on whole pages only. */
static size_t
pages_for(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

int
secret_set(struct secret *s, const void *p, size_t n)
{
	uint8_t *d = NULL;
	size_t len = pages_for(n ? n : 1);

	if (n > SECRET_MAX)
		return E_LIMIT;
	d = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (d == MAP_FAILED)
		return E_NOMEM;
	(void)madvise(d, len, MADV_DONTDUMP);
	if (n)
		memcpy(d, p, n); /* before release: p may point into s */
	secret_release(s);
	s->d = d;
	s->n = n;
	return 0;
}

int
secret_set_str(struct secret *s, const char *p)
{
	return secret_set(s, p, strlen(p));
}

void
secret_release(struct secret *s)
{
	if (s->d) {
		mem_wipe(s->d, s->n);
		munmap(s->d, pages_for(s->n ? s->n : 1));
	}
	s->d = NULL;
	s->n = 0;
}

void
mem_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

bool
mem_eq_ct(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < n; i++)
		diff = (uint8_t)(diff | (x[i] ^ y[i]));
	return diff == 0;
}

bool
secret_eq(struct slice a, struct slice b)
{
	return a.n == b.n && mem_eq_ct(a.p, b.p, a.n);
}

#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/secret.h"

#define BUF_MIN 64

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max < BUF_MAX ? max : BUF_MAX};
}

void
buf_init_secret(struct buf *b, size_t max)
{
	buf_init(b, max);
	b->wipe = true;
}

void
buf_view(struct buf *b, const void *p, size_t n)
{
	/* The const is dropped here only: nothing below writes to a view. */
	*b = (struct buf){.d = (uint8_t *)(uintptr_t)p, .w = n, .cap = n, .view = true};
}

static void
storage_free(struct buf *b)
{
	if (b->view)
		return;
	if (b->wipe && b->d)
		mem_wipe(b->d, b->cap);
	free(b->d);
}

void
buf_release(struct buf *b)
{
	size_t max = b->max;
	bool wipe = b->wipe;

	storage_free(b);
	*b = (struct buf){.max = max, .wipe = wipe};
}

void
buf_clear(struct buf *b)
{
	if (b->wipe && b->d && !b->view)
		mem_wipe(b->d, b->cap);
	b->r = b->w = 0;
}

size_t
buf_room(const struct buf *b)
{
	return b->view ? 0 : b->max - buf_len(b);
}

static void
compact(struct buf *b)
{
	size_t len = buf_len(b);

	if (b->r && len)
		memmove(b->d, b->d + b->r, len);
	b->r = 0;
	b->w = len;
}

static int
storage_grow(struct buf *b, size_t need, size_t ceiling)
{
	size_t len = buf_len(b), cap = b->cap < BUF_MIN ? BUF_MIN : b->cap;
	uint8_t *d = NULL;

	while (cap < need)
		cap *= 2; /* need <= BUF_MAX + 1: cannot overflow */
	if (cap > ceiling)
		cap = ceiling;
	d = malloc(cap);
	if (!d)
		return E_NOMEM;
	if (len)
		memcpy(d, b->d + b->r, len);
	storage_free(b);
	b->d = d;
	b->cap = cap;
	b->r = 0;
	b->w = len;
	return 0;
}

/*
 * Makes n bytes of content plus slack uncounted ones writable behind the end. slack is 1 for the NUL of text, which may
 * stand beyond max. Content is moved to the front only when that frees more than it copies, or when there is no other
 * way, so that a queue drained in small steps stays linear.
 */
static int
make_room(struct buf *b, size_t n, size_t slack)
{
	size_t len = buf_len(b), need = 0;

	if (b->view)
		return E_STATE;
	if (n > b->max - len)
		return E_LIMIT;
	need = len + n + slack;
	if (b->r == b->w)
		b->r = b->w = 0;
	if (need == 0 || (b->d && need <= b->cap - b->r))
		return 0;
	if (need <= b->cap && (b->r >= len || b->cap >= b->max)) {
		compact(b);
		return 0;
	}
	return storage_grow(b, need > b->cap ? need : b->cap + 1, b->max + 1);
}

int
buf_reserve(struct buf *b, size_t n, uint8_t **ret_p)
{
	int e = make_room(b, n, 1);

	if (e)
		return e;
	*ret_p = b->d + b->w;
	return 0;
}

void
buf_commit(struct buf *b, size_t n)
{
	if (n <= b->cap - b->w)
		b->w += n;
}

int
buf_skip(struct buf *b, size_t n)
{
	if (n > buf_len(b))
		return E_TRUNC;
	b->r += n;
	return 0;
}

int
buf_put(struct buf *b, const void *p, size_t n)
{
	int e = make_room(b, n, 0);

	if (e)
		return e;
	if (n)
		memcpy(b->d + b->w, p, n);
	b->w += n;
	return 0;
}

int
buf_put_slice(struct buf *b, struct slice s)
{
	return buf_put(b, s.p, s.n);
}

int
buf_put_str(struct buf *b, const char *s)
{
	return buf_put(b, s, s ? strlen(s) : 0);
}

int
buf_putf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n = 0, e = 0;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return E_FORMAT;
	e = make_room(b, (size_t)n, 1);
	if (e)
		return e;
	va_start(ap, fmt);
	vsnprintf((char *)b->d + b->w, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->w += (size_t)n;
	return 0;
}

static int
put_be(struct buf *b, uint64_t v, size_t n)
{
	uint8_t d[8];

	for (size_t i = n; i-- > 0; v >>= 8)
		d[i] = (uint8_t)v;
	return buf_put(b, d, n);
}

static int
put_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t d[8];

	for (size_t i = 0; i < n; i++, v >>= 8)
		d[i] = (uint8_t)v;
	return buf_put(b, d, n);
}

int
buf_put_u8(struct buf *b, uint8_t v)
{
	return put_be(b, v, 1);
}

int
buf_put_u16(struct buf *b, uint16_t v)
{
	return put_be(b, v, 2);
}

int
buf_put_u32(struct buf *b, uint32_t v)
{
	return put_be(b, v, 4);
}

int
buf_put_u64(struct buf *b, uint64_t v)
{
	return put_be(b, v, 8);
}

int
buf_put_le16(struct buf *b, uint16_t v)
{
	return put_le(b, v, 2);
}

int
buf_put_le32(struct buf *b, uint32_t v)
{
	return put_le(b, v, 4);
}

int
buf_put_le64(struct buf *b, uint64_t v)
{
	return put_le(b, v, 8);
}

int
buf_get(struct buf *b, size_t n, struct slice *ret_s)
{
	if (n > buf_len(b))
		return E_TRUNC;
	*ret_s = (struct slice){buf_ptr(b), n};
	b->r += n;
	return 0;
}

static int
get_be(struct buf *b, size_t n, uint64_t *ret_v)
{
	struct slice s = {0};
	uint64_t v = 0;
	int e = buf_get(b, n, &s);

	if (e)
		return e;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | s.p[i];
	*ret_v = v;
	return 0;
}

static int
get_le(struct buf *b, size_t n, uint64_t *ret_v)
{
	struct slice s = {0};
	uint64_t v = 0;
	int e = buf_get(b, n, &s);

	if (e)
		return e;
	for (size_t i = n; i-- > 0;)
		v = v << 8 | s.p[i];
	*ret_v = v;
	return 0;
}

/* clang-format off */
#define GETTER(name, type, from)                \
	int                                     \
	name(struct buf *b, type *ret_v)        \
	{                                       \
		uint64_t v = 0;                 \
		int e = from(b, sizeof(type), &v); \
		if (!e)                         \
			*ret_v = (type)v;       \
		return e;                       \
	}
/* clang-format on */
GETTER(buf_get_u8, uint8_t, get_be)
GETTER(buf_get_u16, uint16_t, get_be)
GETTER(buf_get_u32, uint32_t, get_be)
GETTER(buf_get_u64, uint64_t, get_be)
GETTER(buf_get_le16, uint16_t, get_le)
GETTER(buf_get_le32, uint32_t, get_le)
GETTER(buf_get_le64, uint64_t, get_le)

const char *
buf_cstr(struct buf *b)
{
	if (make_room(b, 0, 1))
		return NULL;
	b->d[b->w] = '\0';
	return (const char *)b->d + b->r;
}

char *
buf_take_str(struct buf *b)
{
	char *s = NULL;

	if (b->view || b->wipe || b->r) { /* a copy; storage of a secret buf must be wiped by its own size */
		size_t n = buf_len(b);
		s = malloc(n + 1);
		if (s) {
			memcpy(s, buf_ptr(b), n);
			s[n] = '\0';
		}
	} else if (buf_cstr(b)) {
		s = (char *)b->d;
		b->d = NULL;
		b->cap = b->r = b->w = 0;
	}
	buf_release(b);
	return s;
}

bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
slice_eq_str(struct slice a, const char *s)
{
	return s && slice_eq(a, slice_str(s));
}

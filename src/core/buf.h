/*
 * buf: the one growable byte buffer, and the only way integers leave or enter the wire.
 *
 * A buf is a queue: put_* append at the end, get_* take from the front. It grows by need up to the maximum
 * given at init and never beyond (E_LIMIT). buf_view wraps foreign memory for reading; put_* on it fail.
 * Owner: whoever embeds it calls buf_release, which wipes when asked to at init. get_* write ret_x on success
 * only and take nothing on failure. Numbers are big-endian unless the name says le. May block: no.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes; never freed through this. p may be NULL when n is 0. */
struct slice {
	const uint8_t *p;
	size_t n;
};

struct buf {
	uint8_t *d;  /* storage */
	size_t r, w; /* unread bytes are d[r..w) */
	size_t cap;  /* allocated size of d */
	size_t max;  /* never hold more than this */
	bool wipe;   /* zero storage before it is freed or moved */
	bool view;   /* d is foreign */
};

#define BUF_MAX ((size_t)1 << 30) /* hard ceiling of any buf */

void buf_init(struct buf *b, size_t max);
void buf_init_secret(struct buf *b, size_t max); /* wiped on growth and release */
void buf_view(struct buf *b, const void *p, size_t n);
void buf_release(struct buf *b); /* safe on a zeroed struct; leaves it reusable with the same max */
void buf_clear(struct buf *b);   /* forget content, keep storage */

static inline const uint8_t *
buf_ptr(const struct buf *b)
{
	return b->d ? b->d + b->r : (const uint8_t *)"";
}
static inline size_t
buf_len(const struct buf *b)
{
	return b->w - b->r;
}
static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){buf_ptr(b), b->w - b->r};
}
size_t buf_room(const struct buf *b); /* how many bytes may still be appended */

/* Makes n writable bytes at the end and gives their address; then buf_commit(b, used<=n). */
int buf_reserve(struct buf *b, size_t n, uint8_t **ret_p);
void buf_commit(struct buf *b, size_t n);
int buf_skip(struct buf *b, size_t n); /* E_TRUNC if fewer are there */

int buf_put(struct buf *b, const void *p, size_t n);
int buf_put_slice(struct buf *b, struct slice s);
int buf_put_str(struct buf *b, const char *s); /* without the NUL */
int buf_putf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_put_u8(struct buf *b, uint8_t v);
int buf_put_u16(struct buf *b, uint16_t v);
int buf_put_u32(struct buf *b, uint32_t v);
int buf_put_u64(struct buf *b, uint64_t v);
int buf_put_le16(struct buf *b, uint16_t v);
int buf_put_le32(struct buf *b, uint32_t v);
int buf_put_le64(struct buf *b, uint64_t v);

int buf_get(struct buf *b, size_t n, struct slice *ret_s); /* borrowed until the next put or release */
int buf_get_u8(struct buf *b, uint8_t *ret_v);
int buf_get_u16(struct buf *b, uint16_t *ret_v);
int buf_get_u32(struct buf *b, uint32_t *ret_v);
int buf_get_u64(struct buf *b, uint64_t *ret_v);
int buf_get_le16(struct buf *b, uint16_t *ret_v);
int buf_get_le32(struct buf *b, uint32_t *ret_v);
int buf_get_le64(struct buf *b, uint64_t *ret_v);

/* Terminates the content with a NUL that is not counted and gives it as text; NULL when out of memory.
   Borrowed until the next put. A view has no room for it: NULL. Embedded NULs are the caller's to check. */
const char *buf_cstr(struct buf *b);
/* Content as a fresh malloc'ed NUL-terminated string; the buf is released. NULL when out of memory. */
char *buf_take_str(struct buf *b);

static inline struct slice
slice_str(const char *s)
{
	size_t n = 0;
	while (s && s[n])
		n++;
	return (struct slice){(const uint8_t *)s, n};
}
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_str(struct slice a, const char *s);

#endif

#include "msg/msg.h"

#include <string.h>

#include "core/err.h"

/* --- encode: what breaks a maximum is our own fault, and never leaves -----------------------------------------------
 */

static int
put_str(struct buf *out, const char *s, uint64_t max)
{
	size_t n = s ? strlen(s) : 0;
	int e = 0;

	if (n > max || n >= MSG_BYTES_MAX)
		return E_LIMIT;
	if ((e = buf_put_u32(out, (uint32_t)n + 1)))
		return e;
	return buf_put(out, s ? s : "", n + 1);
}

static int
put_data(struct buf *out, struct slice s, uint64_t max)
{
	int e = 0;

	if (s.n > max || s.n > MSG_BYTES_MAX)
		return E_LIMIT;
	if ((e = buf_put_u32(out, (uint32_t)s.n)))
		return e;
	return buf_put_slice(out, s);
}

static int
put_strs(struct buf *out, struct strs list, uint64_t max)
{
	int e = 0;

	if (list.n > MSG_STRS_MAX)
		return E_LIMIT;
	e = buf_put_u32(out, (uint32_t)list.n);
	for (size_t i = 0; i < list.n && !e; i++)
		e = put_str(out, list.v[i], max);
	return e;
}

/* I64 may be negative: its maximum bounds the magnitude. */
static bool
i64_fits(int64_t v, uint64_t max)
{
	return (v < 0 ? -(uint64_t)v : (uint64_t)v) <= max;
}

static int
put_field(const struct msg_field *f, const void *at, struct buf *out)
{
	switch (f->kind) {
	case MSG_BOOL:
		return buf_put_u8(out, *(const bool *)at);
	case MSG_U32:
		return *(const uint32_t *)at > f->max ? E_LIMIT : buf_put_u32(out, *(const uint32_t *)at);
	case MSG_U64:
		return *(const uint64_t *)at > f->max ? E_LIMIT : buf_put_u64(out, *(const uint64_t *)at);
	case MSG_I64:
		return !i64_fits(*(const int64_t *)at, f->max) ? E_LIMIT
		                                               : buf_put_u64(out, (uint64_t) * (const int64_t *)at);
	case MSG_STR:
		return put_str(out, *(const char *const *)at, f->max);
	case MSG_DATA:
	case MSG_SECRET:
		return put_data(out, *(const struct slice *)at, f->max);
	case MSG_STRS:
		return put_strs(out, *(const struct strs *)at, f->max);
	}
	return E_FORMAT;
}

int
msg_encode(const struct msg_def *d, const void *m, struct buf *out)
{
	size_t before = buf_len(out);
	int e = 0;

	for (size_t i = 0; i < d->nf && !e; i++)
		e = put_field(&d->f[i], (const char *)m + d->f[i].off, out);
	if (!e && buf_len(out) - before > MSG_BYTES_MAX)
		e = E_LIMIT;
	if (e)
		out->w = out->r + before; /* all or nothing */
	return e;
}

/* --- decode: the sender is not trusted ------------------------------------------------------------------------------
 */

static int
get_str(struct buf *in, uint64_t max, const char **ret_s)
{
	struct slice s = {0};
	uint32_t n = 0;

	if (buf_get_u32(in, &n) || n == 0 || n - 1 > max || buf_get(in, n, &s))
		return E_FORMAT;
	if (memchr(s.p, '\0', n) != s.p + n - 1) /* exactly one NUL, at the end */
		return E_FORMAT;
	*ret_s = (const char *)s.p;
	return 0;
}

static int
get_data(struct buf *in, uint64_t max, struct slice *ret_s)
{
	uint32_t n = 0;

	if (buf_get_u32(in, &n) || n > max || buf_get(in, n, ret_s))
		return E_FORMAT;
	return 0;
}

static int
get_strs(struct buf *in, uint64_t max, struct arena *a, struct strs *ret_list)
{
	struct strs list = {0};
	uint32_t n = 0;

	if (buf_get_u32(in, &n) || n > MSG_STRS_MAX || n > buf_len(in) / 5) /* an element has 5 bytes at least */
		return E_FORMAT;
	if (n && !(list.v = arena_alloc(a, n * sizeof *list.v)))
		return E_NOMEM;
	for (; list.n < n; list.n++)
		if (get_str(in, max, &list.v[list.n]))
			return E_FORMAT;
	*ret_list = list;
	return 0;
}

static int
get_bool(struct buf *in, bool *ret_v)
{
	uint8_t v = 0;

	if (buf_get_u8(in, &v) || v > 1)
		return E_FORMAT;
	*ret_v = v;
	return 0;
}

static int
get_number(struct buf *in, const struct msg_field *f, void *at)
{
	uint64_t v = 0;
	uint32_t u = 0;

	if (f->kind == MSG_U32) {
		if (buf_get_u32(in, &u) || u > f->max)
			return E_FORMAT;
		*(uint32_t *)at = u;
		return 0;
	}
	if (buf_get_u64(in, &v))
		return E_FORMAT;
	if (f->kind == MSG_I64 ? !i64_fits((int64_t)v, f->max) : v > f->max)
		return E_FORMAT;
	memcpy(at, &v, sizeof v); /* int64_t has the representation of uint64_t */
	return 0;
}

static int
get_field(struct buf *in, const struct msg_field *f, struct arena *a, void *at)
{
	switch (f->kind) {
	case MSG_BOOL:
		return get_bool(in, at);
	case MSG_U32:
	case MSG_U64:
	case MSG_I64:
		return get_number(in, f, at);
	case MSG_STR:
		return get_str(in, f->max, at);
	case MSG_DATA:
	case MSG_SECRET:
		return get_data(in, f->max, at);
	case MSG_STRS:
		return get_strs(in, f->max, a, at);
	}
	return E_FORMAT;
}

int
msg_decode(const struct msg_def *d, struct slice wire, struct arena *a, void *ret_m)
{
	struct buf in;
	int e = 0;

	if (wire.n > MSG_BYTES_MAX)
		return E_FORMAT;
	buf_view(&in, wire.p, wire.n);
	memset(ret_m, 0, d->size);
	for (size_t i = 0; i < d->nf && !e; i++)
		e = get_field(&in, &d->f[i], a, (char *)ret_m + d->f[i].off);
	if (!e && buf_len(&in))
		e = E_FORMAT;
	if (e)
		memset(ret_m, 0, d->size); /* nobody acts on half a message */
	return e;
}

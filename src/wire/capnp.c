#include "wire/capnp.h"

#include <string.h>

static uint64_t
le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* --- frames */

int
capnp_frame_size(const uint8_t *p, size_t n, size_t max, size_t *ret_size)
{
	*ret_size = 8;
	if (n < 4)
		return E_TRUNC;
	uint64_t nseg = le(p, 4) + 1;
	if (nseg > CAPNP_SEGMENTS)
		return E_LIMIT;
	size_t head = (4 + 4 * (size_t)nseg + 7) & ~(size_t)7, size = head;
	*ret_size = head;
	if (n < head)
		return E_TRUNC;
	for (size_t i = 0; i < nseg; i++)
		size += (size_t)le(p + 4 + 4 * i, 4) * 8;
	if (size > max)
		return E_LIMIT;
	*ret_size = size;
	return 0;
}

/* --- pointers */

enum target_kind { T_NULL, T_STRUCT, T_LIST, T_CAP };

struct target { /* a pointer after far pointers were followed */
	enum target_kind kind;
	uint32_t seg;
	uint32_t at; /* word */
	uint16_t nd, np;
	uint8_t esize;
	uint32_t n; /* elements; words of a composite; index of a capability */
};

static bool
inside(const struct capnp_msg *m, uint32_t seg, int64_t at, uint64_t words)
{
	return seg < m->nseg && at >= 0 && words <= m->words[seg] && (uint64_t)at <= m->words[seg] - words;
}

static uint64_t
word_at(const struct capnp_msg *m, uint32_t seg, uint32_t at)
{
	return le(m->seg[seg] + (size_t)at * 8, 8);
}

static uint64_t
list_words(uint8_t esize, uint32_t n)
{
	static const uint8_t bits[8] = {0, 1, 8, 16, 32, 64, 64, 64};
	return ((uint64_t)n * bits[esize] + 63) / 64;
}

/* w: a struct or list pointer (or tag) whose content begins at word at of seg. Bounds and budget. */
static int
settle(struct capnp_msg *m, uint64_t w, uint32_t seg, int64_t at, struct target *ret_t)
{
	struct target t = {.seg = seg};
	uint64_t words;
	if ((w & 3) == 0) {
		t.kind = T_STRUCT;
		t.nd = (uint16_t)(w >> 32);
		t.np = (uint16_t)(w >> 48);
		words = (uint64_t)t.nd + t.np;
		if (words == 0)
			at = 0; /* the empty struct may point anywhere: offset -1 by habit */
	} else if ((w & 3) == 1) {
		t.kind = T_LIST;
		t.esize = (uint8_t)(w >> 32 & 7);
		t.n = (uint32_t)(w >> 35);
		words = list_words(t.esize, t.n) + (t.esize == 7);
	} else {
		return E_FORMAT;
	}
	if (!inside(m, seg, at, words))
		return E_FORMAT;
	m->budget -= (int64_t)words + 1;
	if (m->budget < 0)
		return E_LIMIT;
	t.at = (uint32_t)at;
	*ret_t = t;
	return 0;
}

static int64_t
offset_of(uint64_t w)
{
	return (int32_t)(uint32_t)w >> 2;
}

static int
follow_far(struct capnp_msg *m, uint64_t w, struct target *ret_t)
{
	uint32_t seg = (uint32_t)(w >> 32), at = (uint32_t)w >> 3;
	bool two = w & 4;
	if (!inside(m, seg, at, two ? 2 : 1))
		return E_FORMAT;
	uint64_t pad = word_at(m, seg, at);
	if (!two) {
		if ((pad & 3) >= 2)
			return E_FORMAT;
		return settle(m, pad, seg, (int64_t)at + 1 + offset_of(pad), ret_t);
	}
	uint64_t tag = word_at(m, seg, at + 1);
	if ((pad & 7) != 2 || (tag & 3) >= 2 || offset_of(tag) != 0)
		return E_FORMAT;
	return settle(m, tag, (uint32_t)(pad >> 32), (uint32_t)pad >> 3, ret_t);
}

static int
follow(struct capnp_msg *m, uint32_t seg, uint32_t at, struct target *ret_t)
{
	uint64_t w = word_at(m, seg, at);
	*ret_t = (struct target){.kind = T_NULL};
	if (w == 0)
		return 0;
	if ((w & 3) == 2)
		return follow_far(m, w, ret_t);
	if ((w & 3) == 3) {
		if ((uint32_t)w != 3)
			return E_FORMAT;
		ret_t->kind = T_CAP;
		ret_t->n = (uint32_t)(w >> 32);
		return 0;
	}
	return settle(m, w, seg, (int64_t)at + 1 + offset_of(w), ret_t);
}

static int
follow_field(const struct capnp_struct *s, unsigned i, struct target *ret_t)
{
	*ret_t = (struct target){.kind = T_NULL};
	return i < s->np ? follow(s->m, s->seg, s->ptrs + i, ret_t) : 0;
}

static struct capnp_struct
view(struct capnp_msg *m, uint32_t seg, uint32_t at, uint16_t nd, uint16_t np, unsigned depth)
{
	return (struct capnp_struct){m, m->seg[seg] + (size_t)at * 8, seg, at + nd, nd, np, depth};
}

int
capnp_open(struct capnp_msg *m, const uint8_t *p, size_t n, struct capnp_struct *ret_root)
{
	size_t size;
	struct target t;
	memset(m, 0, sizeof *m);
	if (capnp_frame_size(p, n, n, &size) < 0 || size != n)
		return E_FORMAT;
	m->nseg = (uint32_t)le(p, 4) + 1;
	const uint8_t *at = p + ((4 + 4 * (size_t)m->nseg + 7) & ~(size_t)7);
	for (uint32_t i = 0; i < m->nseg; i++) {
		m->words[i] = (uint32_t)le(p + 4 + 4 * (size_t)i, 4);
		m->seg[i] = at;
		at += (size_t)m->words[i] * 8;
	}
	m->budget = (int64_t)(n / 8) * 4 + 64;
	if (m->words[0] == 0)
		return E_FORMAT;
	int r = follow(m, 0, 0, &t);
	if (r < 0)
		return r;
	if (t.kind != T_STRUCT)
		return E_FORMAT;
	*ret_root = view(m, t.seg, t.at, t.nd, t.np, 1);
	return 0;
}

/* --- fields */

static uint64_t
number(const struct capnp_struct *s, unsigned byte, unsigned n)
{
	return byte + n <= s->nd * 8u ? le(s->data + byte, n) : 0;
}

uint8_t
capnp_u8(const struct capnp_struct *s, unsigned byte)
{
	return (uint8_t)number(s, byte, 1);
}

uint16_t
capnp_u16(const struct capnp_struct *s, unsigned byte)
{
	return (uint16_t)number(s, byte, 2);
}

uint32_t
capnp_u32(const struct capnp_struct *s, unsigned byte)
{
	return (uint32_t)number(s, byte, 4);
}

uint64_t
capnp_u64(const struct capnp_struct *s, unsigned byte)
{
	return number(s, byte, 8);
}

bool
capnp_bit(const struct capnp_struct *s, unsigned bit)
{
	return number(s, bit / 8, 1) >> (bit % 8) & 1;
}

bool
capnp_has(const struct capnp_struct *s, unsigned i)
{
	return i < s->np && word_at(s->m, s->seg, s->ptrs + i) != 0;
}

int
capnp_get_struct(const struct capnp_struct *s, unsigned i, struct capnp_struct *ret_s)
{
	struct target t;
	int r = follow_field(s, i, &t);
	if (r < 0)
		return r;
	if (t.kind != T_STRUCT && t.kind != T_NULL)
		return E_FORMAT;
	if (s->depth >= CAPNP_DEPTH)
		return E_LIMIT;
	if (t.kind == T_NULL)
		*ret_s = (struct capnp_struct){.m = s->m, .depth = s->depth + 1};
	else
		*ret_s = view(s->m, t.seg, t.at, t.nd, t.np, s->depth + 1);
	return 0;
}

int
capnp_get_data(const struct capnp_struct *s, unsigned i, struct slice *ret_d)
{
	struct target t;
	int r = follow_field(s, i, &t);
	if (r < 0)
		return r;
	if (t.kind == T_NULL) {
		*ret_d = (struct slice){NULL, 0};
		return 0;
	}
	if (t.kind != T_LIST || t.esize != 2)
		return E_FORMAT;
	*ret_d = (struct slice){s->m->seg[t.seg] + (size_t)t.at * 8, t.n};
	return 0;
}

int
capnp_get_text(const struct capnp_struct *s, unsigned i, const char **ret_t)
{
	struct slice d;
	int r = capnp_get_data(s, i, &d);
	if (r < 0)
		return r;
	if (d.n == 0) {
		*ret_t = "";
		return 0;
	}
	if (memchr(d.p, 0, d.n) != d.p + d.n - 1)
		return E_FORMAT;
	*ret_t = (const char *)d.p;
	return 0;
}

int
capnp_get_cap(const struct capnp_struct *s, unsigned i, uint32_t *ret_index)
{
	struct target t;
	int r = follow_field(s, i, &t);
	if (r < 0)
		return r;
	if (t.kind != T_CAP)
		return t.kind == T_NULL ? E_NOENT : E_FORMAT;
	*ret_index = t.n;
	return 0;
}

int
capnp_get_structs(const struct capnp_struct *s, unsigned i, struct capnp_list *ret_l)
{
	struct target t;
	int r = follow_field(s, i, &t);
	*ret_l = (struct capnp_list){0};
	if (r < 0 || t.kind == T_NULL)
		return r;
	if (t.kind != T_LIST || t.esize != 7)
		return E_FORMAT;
	uint64_t tag = word_at(s->m, t.seg, t.at);
	uint32_t n = (uint32_t)tag >> 2;
	uint16_t nd = (uint16_t)(tag >> 32), np = (uint16_t)(tag >> 48);
	uint32_t step = (uint32_t)nd + np;
	if ((tag & 3) != 0 || n > INT32_MAX || (uint64_t)n * step > t.n)
		return E_FORMAT;
	if (step == 0 && (s->m->budget -= n) < 0) /* elements without size cost too */
		return E_LIMIT;
	ret_l->first = view(s->m, t.seg, t.at + 1, nd, np, s->depth + 1);
	ret_l->n = n;
	ret_l->step = step;
	return 0;
}

int
capnp_get_texts(const struct capnp_struct *s, unsigned i, struct capnp_list *ret_l)
{
	struct target t;
	int r = follow_field(s, i, &t);
	*ret_l = (struct capnp_list){0};
	if (r < 0 || t.kind == T_NULL)
		return r;
	if (t.kind != T_LIST || t.esize != 6 || t.n > UINT16_MAX)
		return E_FORMAT;
	ret_l->ptrs = view(s->m, t.seg, t.at, 0, (uint16_t)t.n, s->depth + 1);
	ret_l->n = t.n;
	return 0;
}

struct capnp_struct
capnp_at(const struct capnp_list *l, uint32_t k)
{
	struct capnp_struct s = l->first;
	if (k >= l->n)
		return (struct capnp_struct){.m = s.m};
	s.data += (size_t)k * l->step * 8;
	s.ptrs += k * l->step;
	return s;
}

int
capnp_text_at(const struct capnp_list *l, uint32_t k, const char **ret_t)
{
	return capnp_get_text(&l->ptrs, k, ret_t);
}

/* --- building */

static uint32_t
words_of(struct capnp_out *o, size_t bytes)
{
	uint8_t *p;
	uint32_t at = (uint32_t)(buf_len(&o->b) / 8);
	size_t n = (bytes + 7) & ~(size_t)7;
	if (o->err == 0)
		o->err = buf_reserve(&o->b, n, &p);
	if (o->err == 0) {
		memset(p, 0, n);
		buf_commit(&o->b, n);
	}
	return at;
}

void
capnp_set(struct capnp_out *o, uint32_t word, unsigned byte, uint64_t v, unsigned bytes)
{
	size_t at = (size_t)word * 8 + byte;
	if (o->err < 0)
		return;
	for (unsigned i = 0; i < bytes; i++)
		o->b.d[o->b.r + at + i] = (uint8_t)(v >> (8 * i));
}

static void
point(struct capnp_out *o, uint32_t ptr, uint32_t at, uint32_t low, uint32_t high)
{
	uint32_t offset = (at - ptr - 1) << 2; /* wraps for -1 as the encoding wants it */
	capnp_set(o, ptr, 0, (uint64_t)high << 32 | (offset | low), 8);
}

void
capnp_begin(struct capnp_out *o, size_t max, uint16_t nd, uint16_t np)
{
	o->err = 0;
	buf_init_secret(&o->b, max);
	words_of(o, 8);
	capnp_new_struct(o, 0, nd, np);
}

uint32_t
capnp_new_struct(struct capnp_out *o, uint32_t ptr, uint16_t nd, uint16_t np)
{
	uint32_t at = nd + np > 0 ? words_of(o, ((size_t)nd + np) * 8) : ptr;
	point(o, ptr, at, 0, (uint32_t)np << 16 | nd);
	return at;
}

uint32_t
capnp_new_structs(struct capnp_out *o, uint32_t ptr, uint32_t n, uint16_t nd, uint16_t np)
{
	uint32_t words = n * ((uint32_t)nd + np), at = words_of(o, ((size_t)words + 1) * 8);
	point(o, ptr, at, 1, words << 3 | 7);
	capnp_set(o, at, 0, (uint64_t)((uint32_t)np << 16 | nd) << 32 | n << 2, 8);
	return at + 1;
}

uint32_t
capnp_new_pointers(struct capnp_out *o, uint32_t ptr, uint32_t n)
{
	uint32_t at = words_of(o, (size_t)n * 8);
	point(o, ptr, at, 1, n << 3 | 6);
	return at;
}

static void
put_bytes(struct capnp_out *o, uint32_t ptr, const void *p, size_t n, size_t counted)
{
	if (counted > UINT32_MAX >> 3) {
		o->err = o->err ? o->err : E_LIMIT;
		return;
	}
	uint32_t at = words_of(o, counted);
	point(o, ptr, at, 1, (uint32_t)counted << 3 | 2);
	if (o->err == 0 && n > 0)
		memcpy(o->b.d + o->b.r + (size_t)at * 8, p, n);
}

void
capnp_put_data(struct capnp_out *o, uint32_t ptr, const void *p, size_t n)
{
	if (n > 0)
		put_bytes(o, ptr, p, n, n);
}

void
capnp_put_text(struct capnp_out *o, uint32_t ptr, const char *s)
{
	size_t n = strlen(s);
	if (n > 0)
		put_bytes(o, ptr, s, n, n + 1);
}

void
capnp_put_cap(struct capnp_out *o, uint32_t ptr, uint32_t index)
{
	capnp_set(o, ptr, 0, (uint64_t)index << 32 | 3, 8);
}

int
capnp_finish(struct capnp_out *o, struct buf *out)
{
	int r = o->err;
	if (r == 0 && buf_room(out) < 8 + buf_len(&o->b))
		r = E_LIMIT;
	if (r == 0 && (r = buf_put_le32(out, 0)) == 0 && (r = buf_put_le32(out, (uint32_t)(buf_len(&o->b) / 8))) == 0)
		r = buf_put_slice(out, buf_slice(&o->b));
	buf_release(&o->b);
	return r;
}

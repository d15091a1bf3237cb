#include "ssh/sshwire.h"

#include <string.h>

#include "core/err.h"
#include "core/str.h"

int
sshwire_put_string(struct buf *b, const void *p, size_t n)
{
	if (n > UINT32_MAX)
		return E_LIMIT;
	if (buf_room(b) < n + 4)
		return E_LIMIT;
	int e = buf_put_u32(b, (uint32_t)n);
	return e ? e : buf_put(b, p, n);
}

int
sshwire_put_slice(struct buf *b, struct slice s)
{
	return sshwire_put_string(b, s.p, s.n);
}

int
sshwire_put_cstr(struct buf *b, const char *s)
{
	return sshwire_put_string(b, s, strlen(s));
}

int
sshwire_put_mpint(struct buf *b, struct slice m)
{
	while (m.n && m.p[0] == 0) {
		m.p++;
		m.n--;
	}
	bool sign = m.n && (m.p[0] & 0x80);
	if (m.n >= UINT32_MAX)
		return E_LIMIT;
	int e = buf_put_u32(b, (uint32_t)(m.n + sign));
	if (!e && sign)
		e = buf_put_u8(b, 0);
	return e ? e : buf_put(b, m.p, m.n);
}

int
sshwire_get_string(struct buf *b, size_t max, struct slice *ret_s)
{
	struct buf at = *b; /* a borrowed look: nothing is taken on failure */
	uint32_t n;
	int e = buf_get_u32(&at, &n);
	if (e)
		return e;
	if (n > max)
		return E_LIMIT;
	e = buf_get(&at, n, ret_s);
	if (e)
		return e;
	b->r = at.r;
	return 0;
}

int
sshwire_get_cstr(struct buf *b, char *out, size_t size)
{
	struct buf at = *b;
	struct slice s;
	int e = sshwire_get_string(&at, size - 1, &s);
	if (!e)
		e = str_copy_n(out, size, s.p, s.n);
	if (!e)
		b->r = at.r;
	return e;
}

int
sshwire_get_mpint(struct buf *b, size_t max, struct slice *ret_m)
{
	struct buf at = *b;
	struct slice s;
	int e = sshwire_get_string(&at, max + 1, &s);
	if (e)
		return e;
	if (s.n && (s.p[0] & 0x80))
		return E_FORMAT;
	if (s.n && s.p[0] == 0) {
		if (s.n == 1 || !(s.p[1] & 0x80))
			return E_FORMAT;
		s.p++;
		s.n--;
	}
	if (s.n > max)
		return E_LIMIT;
	b->r = at.r;
	*ret_m = s;
	return 0;
}

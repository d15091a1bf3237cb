#include "core/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define NEAREST_MAX 64 /* longer names are not compared: edit distance is quadratic */

int
str_copy_n(char *dst, size_t size, const void *src, size_t n)
{
	if (size)
		dst[0] = '\0';
	if (n >= size)
		return E_LIMIT;
	if (n && memchr(src, '\0', n))
		return E_FORMAT;
	if (n)
		memcpy(dst, src, n);
	dst[n] = '\0';
	return 0;
}

int
str_copy(char *dst, size_t size, const char *src)
{
	return str_copy_n(dst, size, src, strlen(src));
}

char *
str_dup_n(const void *p, size_t n)
{
	char *s = n < BUF_MAX ? malloc(n + 1) : NULL;

	if (!s)
		return NULL;
	if (n)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

char *
str_dup(const char *s)
{
	return s ? str_dup_n(s, strlen(s)) : NULL;
}

char *
str_fmt(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n = 0;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !(s = malloc((size_t)n + 1)))
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

void
str_lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + ('a' - 'A'));
}

int
str_u64(const char *s, uint64_t max, uint64_t *ret_v)
{
	uint64_t v = 0;

	if (!*s)
		return E_FORMAT;
	for (const char *p = s; *p; p++)
		if (*p < '0' || *p > '9')
			return E_FORMAT;
	for (; *s; s++) {
		uint64_t digit = (uint64_t)(*s - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return E_RANGE;
		v = v * 10 + digit;
	}
	if (v > max)
		return E_RANGE;
	*ret_v = v;
	return 0;
}

/* Edits from a to b: a letter more, less, another, or two neighbours swapped. na and nb are at most NEAREST_MAX. */
static size_t
edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][NEAREST_MAX + 1]; /* the row before the last, the last, this one */

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[na % 3][nb];
}

const char *
str_nearest(const char *s, const char *const *names)
{
	const char *best = NULL;
	size_t n = strlen(s),
	       best_d = n < 6 ? 2 : 4; /* nearer than this: one slip in a short word, three in a long one */

	if (n == 0 || n > NEAREST_MAX)
		return NULL;
	for (; *names; names++) {
		size_t m = strlen(*names), d = 0;
		if (m > NEAREST_MAX)
			continue;
		d = edit_distance(s, n, *names, m);
		if (d < best_d && d < m) {
			best_d = d;
			best = *names;
		}
	}
	return best;
}

void
uuid_format(const uint8_t u[static 16], char out[static 37])
{
	static const char digits[] = "0123456789abcdef";
	size_t o = 0;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[o++] = '-';
		out[o++] = digits[u[i] >> 4];
		out[o++] = digits[u[i] & 15];
	}
	out[o] = '\0';
}

int
uuid_parse(const char *s, uint8_t ret_u[static 16])
{
	static const uint8_t group[] = {8, 4, 4, 4, 12};
	struct buf b;
	int e = E_FORMAT;

	buf_init(&b, 16);
	for (size_t g = 0; g < sizeof group; g++) {
		for (size_t i = 0; i < group[g]; i++)
			if (!s[i] || (s[i] >= 'A' && s[i] <= 'F')) /* one spelling each */
				goto out;
		if (hex_decode(&b, s, group[g]))
			goto out;
		s += group[g];
		if (*s++ != (g == 4 ? '\0' : '-'))
			goto out;
	}
	memcpy(ret_u, buf_ptr(&b), 16);
	e = 0;
out:
	buf_release(&b);
	return e;
}

void
uuid_v4_bits(uint8_t u[static 16])
{
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
}

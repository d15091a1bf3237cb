/* The binary-to-text codecs of str.h. */
#include <string.h>

#include "core/err.h"
#include "core/str.h"

static const char alphabet_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool
is_url(enum b64_kind k)
{
	return k == B64_URL || k == B64_URL_PAD;
}

static bool
is_padded(enum b64_kind k)
{
	return k == B64_STD || k == B64_URL_PAD;
}

static size_t
b64_length(enum b64_kind k, size_t n)
{
	return is_padded(k) ? (n + 2) / 3 * 4 : n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

/* Writes b64_length(k, n) characters. */
static void
b64_write(char *o, enum b64_kind k, const uint8_t *p, size_t n)
{
	const char *alphabet = is_url(k) ? alphabet_url : alphabet_std;

	for (; n > 0; p += 3) {
		size_t take = n < 3 ? n : 3;
		uint32_t v = (uint32_t)p[0] << 16 | (take > 1 ? (uint32_t)p[1] << 8 : 0) | (take > 2 ? p[2] : 0);
		for (size_t i = 0; i <= take; i++)
			*o++ = alphabet[v >> (18 - 6 * i) & 63];
		for (size_t i = take; i < 3 && is_padded(k); i++)
			*o++ = '=';
		n -= take;
	}
}

int
b64_encode(struct buf *out, enum b64_kind k, const void *p, size_t n)
{
	uint8_t *o = NULL;
	int e = 0;

	if (n > BUF_MAX / 2)
		return E_LIMIT;
	e = buf_reserve(out, b64_length(k, n), &o);
	if (e)
		return e;
	b64_write((char *)o, k, p, n);
	buf_commit(out, b64_length(k, n));
	return 0;
}

int
b64_encode_str(char *out, size_t size, enum b64_kind k, const void *p, size_t n)
{
	if (size)
		out[0] = '\0';
	if (n > BUF_MAX / 2 || b64_length(k, n) >= size)
		return E_LIMIT;
	b64_write(out, k, p, n);
	out[b64_length(k, n)] = '\0';
	return 0;
}

/* 0..63, or 64 for a character outside the alphabet. Table-free arithmetic would hide the rule; inputs are public text.
 */
static unsigned
b64_value(enum b64_kind k, char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	if (c == (is_url(k) ? '-' : '+'))
		return 62;
	if (c == (is_url(k) ? '_' : '/'))
		return 63;
	return 64;
}

/* Takes the padding off: *n becomes the number of data characters. */
static int
b64_unpad(enum b64_kind k, const char *s, size_t *n)
{
	size_t pads = 0;

	if (!is_padded(k))
		return *n % 4 == 1 ? E_FORMAT : 0;
	if (*n % 4)
		return E_FORMAT;
	while (pads < 2 && pads < *n && s[*n - 1 - pads] == '=')
		pads++;
	*n -= pads;
	return 0;
}

int
b64_decode(struct buf *out, enum b64_kind k, const char *s, size_t n)
{
	uint8_t *o = NULL;
	size_t done = 0;
	uint32_t acc = 0;
	unsigned bits = 0;
	int e = b64_unpad(k, s, &n);

	if (e)
		return e;
	e = buf_reserve(out, n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0), &o);
	if (e)
		return e;
	for (size_t i = 0; i < n; i++) {
		unsigned v = b64_value(k, s[i]);
		if (v > 63)
			return E_FORMAT;
		acc = (acc << 6 | v) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			o[done++] = (uint8_t)(acc >> bits);
		}
	}
	if (acc & ((1u << bits) - 1)) /* two texts would mean the same bytes */
		return E_FORMAT;
	buf_commit(out, done);
	return 0;
}

static void
hex_write(char *o, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*o++ = digits[p[i] >> 4];
		*o++ = digits[p[i] & 15];
	}
}

int
hex_encode(struct buf *out, const void *p, size_t n)
{
	uint8_t *o = NULL;
	int e = n > BUF_MAX / 2 ? E_LIMIT : buf_reserve(out, 2 * n, &o);

	if (e)
		return e;
	hex_write((char *)o, p, n);
	buf_commit(out, 2 * n);
	return 0;
}

int
hex_encode_str(char *out, size_t size, const void *p, size_t n)
{
	if (size)
		out[0] = '\0';
	if (n > BUF_MAX / 2 || 2 * n >= size)
		return E_LIMIT;
	hex_write(out, p, n);
	out[2 * n] = '\0';
	return 0;
}

static unsigned
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

int
hex_decode(struct buf *out, const char *s, size_t n)
{
	uint8_t *o = NULL;
	int e = n % 2 ? E_FORMAT : buf_reserve(out, n / 2, &o);

	if (e)
		return e;
	for (size_t i = 0; i < n; i += 2) {
		unsigned hi = hex_value(s[i]), lo = hex_value(s[i + 1]);
		if (hi > 15 || lo > 15)
			return E_FORMAT;
		*o++ = (uint8_t)(hi << 4 | lo);
	}
	buf_commit(out, n / 2);
	return 0;
}

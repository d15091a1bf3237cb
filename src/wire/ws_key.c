/* The handshake values of RFC 6455 section 4. SHA-1 stands here, and only here, because nothing rests on its strength.
 */
#include <string.h>

#include "core/str.h"
#include "wire/websocket.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static uint32_t
rol(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static void
sha1_block(uint32_t h[static 5], const uint8_t *d)
{
	static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
	uint32_t w[80], a = h[0], b = h[1], c = h[2], e = h[3], f = h[4];
	for (unsigned i = 0; i < 16; i++)
		w[i] = (uint32_t)d[4 * i] << 24 | (uint32_t)d[4 * i + 1] << 16 | (uint32_t)d[4 * i + 2] << 8 |
		       d[4 * i + 3];
	for (unsigned i = 16; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t g = i < 20 ? (b & c) | (~b & e) : i < 40 || i >= 60 ? b ^ c ^ e : (b & c) | (b & e) | (c & e);
		uint32_t t = rol(a, 5) + g + f + k[i / 20] + w[i];
		f = e;
		e = c;
		c = rol(b, 30);
		b = a;
		a = t;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += e;
	h[4] += f;
}

/* Of at most 119 bytes: two blocks. */
static void
sha1_short(const void *p, size_t n, uint8_t out[static 20])
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t d[128] = {0};
	size_t end = n < 56 ? 64 : 128;
	memcpy(d, p, n);
	d[n] = 0x80;
	d[end - 2] = (uint8_t)(n * 8 >> 8);
	d[end - 1] = (uint8_t)(n * 8);
	for (size_t at = 0; at < end; at += 64)
		sha1_block(h, d + at);
	for (unsigned i = 0; i < 20; i++)
		out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void
ws_accept_value(const char *key, char out[static 29])
{
	uint8_t text[24 + sizeof GUID], sum[20];
	size_t n = strnlen(key, 24); /* ws_key_ok said 24 */
	memcpy(text, key, n);
	memcpy(text + n, GUID, sizeof GUID - 1);
	sha1_short(text, n + sizeof GUID - 1, sum);
	b64_encode_str(out, 29, B64_STD, sum, sizeof sum);
}

bool
ws_key_ok(const char *key)
{
	struct buf b;
	buf_init(&b, 64);
	bool ok = strlen(key) == 24 && b64_decode(&b, B64_STD, key, 24) == 0 && buf_len(&b) == 16;
	buf_release(&b);
	return ok;
}

void
ws_key_make(const uint8_t rnd[static 16], char out[static 25])
{
	b64_encode_str(out, 25, B64_STD, rnd, 16);
}

/* Checks of single values. */
#include "core/str.h"
#include "core/url.h"
#include "model/model.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool
is_hex_lower(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool
model_is_id(const char *s)
{
	if (strlen(s) != MODEL_ID_LEN)
		return false;
	for (size_t i = 0; i < MODEL_ID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !is_hex_lower(s[i]))
			return false;
	}
	return true;
}

bool
model_text_clean(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

bool
model_is_aud(const char *s)
{
	if (strlen(s) != MODEL_AUD_LEN)
		return false;
	for (; *s; s++)
		if (!is_hex_lower(*s))
			return false;
	return true;
}

static bool
is_atext(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+/=?^_`{|}~-", c));
}

int
model_email(const char *s, char out[static 255])
{
	const char *at = strchr(s, '@');
	size_t n = strlen(s), nlocal = at ? (size_t)(at - s) : 0;
	char host[HOST_MAX + 1];

	if (!at || n > 254 || nlocal < 1 || nlocal > 64 || s[0] == '.' || at[-1] == '.')
		return E_FORMAT;
	for (size_t i = 0; i < nlocal; i++)
		if (!is_atext(s[i]) && !(s[i] == '.' && s[i + 1] != '.'))
			return E_FORMAT;
	if (host_parse(at + 1, strlen(at + 1), host) != 0)
		return E_FORMAT;
	memcpy(out, s, n + 1);
	str_lower(out);
	return E_OK;
}

int
model_domain(const char *s, char out[static 254])
{
	char plain[254];
	const char *star = strchr(s, '*'), *dot = strchr(s, '.');
	size_t n = strlen(s);

	if (n > 253)
		return E_FORMAT;
	if (!star)
		return host_parse(s, n, out);
	if (strchr(star + 1, '*') || !dot || star > dot)
		return E_FORMAT;
	memcpy(plain, s, n + 1);
	plain[star - s] = 'x'; /* what the star could stand for must be a host name */
	if (host_parse(plain, n, out) != 0)
		return E_FORMAT;
	out[star - s] = '*';
	return E_OK;
}

static bool
is_v4_mapped(const uint8_t a[static 16])
{
	static const uint8_t head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a, head, sizeof head) == 0;
}

int
model_addr(const char *s, uint8_t ret_addr[static 16])
{
	uint8_t a[16] = {0};

	if (inet_pton(AF_INET, s, a + 12) == 1)
		a[10] = a[11] = 0xff;
	else if (inet_pton(AF_INET6, s, a) != 1)
		return E_FORMAT;
	memcpy(ret_addr, a, 16);
	return E_OK;
}

static bool
bits_match(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

int
model_cidr(const char *s, uint8_t ret_addr[static 16], unsigned *ret_bits)
{
	char host[64];
	uint8_t a[16], masked[16] = {0};
	const char *slash = strchr(s, '/');
	uint64_t bits;
	bool v4;

	if (str_copy_n(host, sizeof host, s, slash ? (size_t)(slash - s) : strlen(s)) != 0 || model_addr(host, a) != 0)
		return E_FORMAT;
	v4 = strchr(host, ':') == NULL;
	bits = v4 ? 32 : 128;
	if (slash && (str_u64(slash + 1, bits, &bits) != 0 || (slash[1] == '0' && slash[2])))
		return E_FORMAT;
	if (v4)
		bits += 96;
	for (unsigned i = 0; i < bits; i++)
		masked[i / 8] |= (uint8_t)(a[i / 8] & (0x80 >> (i % 8)));
	if (memcmp(masked, a, 16) != 0)
		return E_RANGE;
	memcpy(ret_addr, a, 16);
	*ret_bits = (unsigned)bits;
	return E_OK;
}

bool
model_cidr_has(const uint8_t net[static 16], unsigned bits, const uint8_t addr[static 16])
{
	/* A short IPv6 prefix such as ::/0 speaks of IPv6 clients only, though IPv4 is mapped below it. */
	if (bits < 96 && is_v4_mapped(addr))
		return false;
	return bits_match(net, addr, bits);
}

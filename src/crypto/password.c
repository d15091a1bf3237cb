#include "crypto/password.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/secret.h"
#include "core/str.h"
#include "core/url.h"
#include "crypto/crypto_int.h"
#include "crypto/hash.h"

#define ARGON_KIB_MAX (256u * 1024u) /* a stored hash must not make the signer run out of memory */
#define ARGON_KIB_MIN 8u
#define ARGON_PASSES_MAX 10u
#define ARGON_LANES_MAX 4u

int
password_hash(struct slice password, char out[static PASSWORD_HASH_MAX])
{
	char text[crypto_pwhash_STRBYTES];
	sodium_ready();
	if (password.n > PASSWORD_MAX)
		return E_LIMIT;
	if (crypto_pwhash_str_alg(text, password.n ? (const char *)password.p : "", password.n,
	                          crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
	                          crypto_pwhash_ALG_ARGON2ID13))
		return E_NOMEM;
	return str_copy(out, PASSWORD_HASH_MAX, text);
}

/* "<key>=<number><end>" within lo..hi; moves *s behind end. */
static bool
param(const char **s, const char *key, char end, uint64_t lo, uint64_t hi)
{
	size_t nk = strlen(key);
	uint64_t v = 0;
	const char *p = *s;
	if (strncmp(p, key, nk) != 0)
		return false;
	p += nk;
	if (*p < '1' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > hi)
			return false;
	}
	if (v < lo || *p != end)
		return false;
	*s = p + 1;
	return true;
}

static bool
b64_run(const char *s, size_t n, size_t min)
{
	if (n < min)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') ||
		      s[i] == '+' || s[i] == '/'))
			return false;
	return true;
}

int
password_derive(struct slice passphrase, const uint8_t salt[static 16], uint8_t out[static 32])
{
	if (passphrase.n > PASSWORD_MAX)
		return E_LIMIT;
	if (sodium_init() < 0 || crypto_pwhash(out, 32, passphrase.n ? (const char *)passphrase.p : "", passphrase.n,
	                                       salt, crypto_pwhash_OPSLIMIT_MODERATE, crypto_pwhash_MEMLIMIT_MODERATE,
	                                       crypto_pwhash_ALG_ARGON2ID13))
		return E_NOMEM;
	return 0;
}

bool
password_hash_ok(const char *hash)
{
	static const char prefix[] = "$argon2id$v=19$";
	const char *s = hash, *dollar;
	if (strlen(hash) >= PASSWORD_HASH_MAX || strncmp(s, prefix, sizeof prefix - 1) != 0)
		return false;
	s += sizeof prefix - 1;
	if (!param(&s, "m=", ',', ARGON_KIB_MIN, ARGON_KIB_MAX) || !param(&s, "t=", ',', 1, ARGON_PASSES_MAX) ||
	    !param(&s, "p=", '$', 1, ARGON_LANES_MAX))
		return false;
	dollar = strchr(s, '$');
	/* at least 8 bytes of salt and 16 of hash */
	return dollar && b64_run(s, (size_t)(dollar - s), 11) && b64_run(dollar + 1, strlen(dollar + 1), 22);
}

int
password_verify(const char *hash, struct slice password)
{
	char text[crypto_pwhash_STRBYTES] = {0};
	sodium_ready();
	if (!password_hash_ok(hash) || str_copy(text, sizeof text, hash))
		return E_FORMAT;
	if (password.n > PASSWORD_MAX)
		return E_CRYPTO;
	int bad = crypto_pwhash_str_verify(text, password.n ? (const char *)password.p : "", password.n);
	mem_wipe(text, sizeof text);
	return bad ? E_CRYPTO : 0;
}

void
totp_code(struct slice secret, uint64_t step, char out[static 7])
{
	uint8_t msg[8], mac[20];
	for (int i = 7; i >= 0; i--, step >>= 8)
		msg[i] = (uint8_t)step;
	hmac_sha1(secret, (struct slice){msg, sizeof msg}, mac);
	size_t at = mac[19] & 15;
	uint32_t v = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 |
	             (uint32_t)mac[at + 3];
	v %= 1000000;
	for (int i = 5; i >= 0; i--, v /= 10)
		out[i] = (char)('0' + v % 10);
	out[6] = 0;
	mem_wipe(mac, sizeof mac);
}

int
totp_verify(struct slice secret, const char *code, size_t ncode, int64_t now, uint64_t last_step, uint64_t *ret_step)
{
	char want[7];
	uint64_t step, hit = 0;
	bool found = false;
	if (ncode != 6 || now < TOTP_STEP || !secret.n)
		return E_CRYPTO;
	step = (uint64_t)now / TOTP_STEP;
	/* all three are computed whichever matches: time tells nothing */
	for (uint64_t s = step - 1; s <= step + 1; s++) {
		totp_code(secret, s, want);
		if (mem_eq_ct(want, code, 6) && s > last_step && !found) {
			found = true;
			hit = s;
		}
	}
	mem_wipe(want, sizeof want);
	if (!found)
		return E_CRYPTO;
	*ret_step = hit;
	return 0;
}

int
totp_uri(const char *issuer, const char *account, struct slice secret, struct buf *out)
{
	int e = buf_put_str(out, "otpauth://totp/");
	if (!e)
		e = url_escape(out, issuer);
	if (!e)
		e = buf_put_u8(out, ':');
	if (!e)
		e = url_escape(out, account);
	if (!e)
		e = buf_put_str(out, "?secret=");
	if (!e)
		e = base32_encode(out, secret.p, secret.n);
	if (!e)
		e = buf_put_str(out, "&issuer=");
	if (!e)
		e = url_escape(out, issuer);
	return e;
}

int
base32_encode(struct buf *out, const void *p, size_t n)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	const uint8_t *d = p;
	uint32_t acc = 0;
	unsigned bits = 0;
	int e = 0;
	for (size_t i = 0; i < n && !e; i++) {
		acc = (acc << 8 | d[i]) & 0xfff;
		for (bits += 8; bits >= 5 && !e; bits -= 5)
			e = buf_put_u8(out, (uint8_t)abc[acc >> (bits - 5) & 31]);
	}
	if (!e && bits)
		e = buf_put_u8(out, (uint8_t)abc[acc << (5 - bits) & 31]);
	return e;
}

static int
base32_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

int
base32_decode(struct buf *out, const char *s, size_t n)
{
	size_t len = n;
	uint32_t acc = 0;
	unsigned bits = 0;
	while (len && s[len - 1] == '=')
		len--;
	/* 1, 3 and 6 digits end no byte; padding, when there is any, fills to 8 exactly */
	if (len % 8 == 1 || len % 8 == 3 || len % 8 == 6)
		return E_FORMAT;
	if (len != n && (n % 8 != 0 || n - len > 6))
		return E_FORMAT;
	for (size_t i = 0; i < len; i++) {
		int v = base32_digit(s[i]);
		if (v < 0)
			return E_FORMAT;
		acc = (acc << 5 | (uint32_t)v) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			int e = buf_put_u8(out, (uint8_t)(acc >> bits));
			if (e)
				return e;
		}
	}
	return acc & ((1u << bits) - 1) ? E_FORMAT : 0;
}

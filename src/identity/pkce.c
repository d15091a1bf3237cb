#include "identity/pkce.h"

#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/password.h"

/* SHA-256 of three texts with a NUL between them. */
static void
hash3(const char *a, const char *b, const char *c, uint8_t out[static SHA256_LEN])
{
	struct sha256_state s;
	sha256_init(&s);
	sha256_update(&s, a, strlen(a) + 1);
	sha256_update(&s, b, strlen(b) + 1);
	sha256_update(&s, c, strlen(c));
	sha256_final(&s, out);
}

void
pkce_verifier(const uint8_t random[static 32], char out[static PKCE_TEXT])
{
	(void)b64_encode_str(out, PKCE_TEXT, B64_URL, random, 32);
}

void
pkce_challenge(const char *verifier, char out[static PKCE_TEXT])
{
	uint8_t h[SHA256_LEN];
	sha256(verifier, strlen(verifier), h);
	(void)b64_encode_str(out, PKCE_TEXT, B64_URL, h, sizeof h);
}

void
login_nonce(const char *salt, const char *cnf, char out[static PKCE_TEXT])
{
	uint8_t h[SHA256_LEN];
	hash3("sallyport-nonce", salt, cnf, h);
	(void)b64_encode_str(out, PKCE_TEXT, B64_URL, h, sizeof h);
}

void
identity_uuid(const char *iss, const char *sub, char out[static 37])
{
	uint8_t h[SHA256_LEN];
	hash3("sallyport-identity", iss, sub, h);
	h[6] = (uint8_t)((h[6] & 0x0f) | 0x80); /* version 8: made by the vendor's own rule (RFC 9562) */
	h[8] = (uint8_t)((h[8] & 0x3f) | 0x80);
	uuid_format(h, out);
}

void
login_code(const uint8_t key[static 32], char out[static 10])
{
	uint8_t h[SHA256_LEN];
	struct buf b;
	struct slice text;
	sha256(key, 32, h);
	buf_init(&b, 64);
	memset(out, '-', 9);
	out[9] = 0;
	if (base32_encode(&b, h, 5) == 0 && buf_get(&b, 8, &text) == 0) {
		memcpy(out, text.p, 4);
		memcpy(out + 5, text.p + 4, 4);
	}
	buf_release(&b);
}

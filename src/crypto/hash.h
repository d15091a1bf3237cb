/*
 * hash: SHA-1 (for RFC 6238 only, inside crypto), SHA-256, SHA-384, SHA-512, HMAC-SHA-256 (FIPS 180-4, RFC 2104).
 *
 * One-shot functions cannot fail: a hash that the library refuses to compute aborts the process. May block: no.
 */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include "core/buf.h"

#define SHA256_LEN 32
#define SHA384_LEN 48
#define SHA512_LEN 64

void sha256(const void *p, size_t n, uint8_t out[static SHA256_LEN]);
void sha384(const void *p, size_t n, uint8_t out[static SHA384_LEN]);
void sha512(const void *p, size_t n, uint8_t out[static SHA512_LEN]);
void hmac_sha256(struct slice key, struct slice msg, uint8_t out[static SHA256_LEN]);
void hmac_sha1(struct slice key, struct slice msg, uint8_t out[static 20]);

/* Piecewise SHA-256. init, then any number of updates, then final (which releases). release alone drops it. */
struct sha256_state {
	void *ctx; /* EVP_MD_CTX */
};
void sha256_init(struct sha256_state *s);
void sha256_update(struct sha256_state *s, const void *p, size_t n);
void sha256_final(struct sha256_state *s, uint8_t out[static SHA256_LEN]);
void sha256_release(struct sha256_state *s); /* safe on zeroed and after final */

/* SHA-256 as 64 hex digits and NUL. */
void sha256_hex(const void *p, size_t n, char out[static 65]);

#endif

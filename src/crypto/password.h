/*
 * password: argon2id verifiers (RFC 9106, text form "$argon2id$v=19$..."), TOTP (RFC 6238: SHA-1, 6 digits, 30 s),
 * base32 (RFC 4648).
 *
 * argon2id with libsodium's interactive limits: 64 MiB and about 0.1 s a call; the caller limits attempts.
 * May block: password_* burn CPU; the others no.
 */
#ifndef CRYPTO_PASSWORD_H
#define CRYPTO_PASSWORD_H

#include "core/buf.h"

#define PASSWORD_HASH_MAX 128 /* with NUL */
#define PASSWORD_MAX 1024     /* bytes of a password */
#define TOTP_STEP 30
#define TOTP_SECRET_LEN 20

int password_hash(struct slice password, char out[static PASSWORD_HASH_MAX]); /* E_LIMIT, E_NOMEM */
/* 0 = matches, E_CRYPTO = does not, E_FORMAT = hash is not argon2id text or asks for more than 256 MiB or 10 passes. */
int password_verify(const char *hash, struct slice password);
bool password_hash_ok(const char *hash); /* may be stored: form and cost as above */
/* A key from a passphrase: argon2id, 256 MiB, about a second. For once at a start, not for sign-ins. E_LIMIT, E_NOMEM.
 */
int password_derive(struct slice passphrase, const uint8_t salt[static 16], uint8_t out[static 32]);

/* The 6-digit code of one step (step = wall seconds / TOTP_STEP). */
void totp_code(struct slice secret, uint64_t step, char out[static 7]);
/* Checks steps now-1, now, now+1, ignoring those <= last_step (replay). ret_step = the matched one: store it.
   E_CRYPTO when none matches or code is not six digits (spaces are not removed). */
int totp_verify(struct slice secret, const char *code, size_t ncode, int64_t now, uint64_t last_step,
                uint64_t *ret_step);
/* "otpauth://totp/ISSUER:ACCOUNT?secret=..&issuer=.." with escapes. */
int totp_uri(const char *issuer, const char *account, struct slice secret, struct buf *out);

int base32_encode(struct buf *out, const void *p, size_t n); /* upper case, no padding */
/* Either case; optional correct '=' padding; non-zero trailing bits and anything else are E_FORMAT. */
int base32_decode(struct buf *out, const char *s, size_t n);

#endif

/*
 * seal: secrets at rest (XSalsa20-Poly1305 secretbox) and the transfer box of cloudflared (NaCl crypto_box: Curve25519,
 * XSalsa20-Poly1305), with libsodium. Randomness comes from crypto/random.
 *
 * Both forms are nonce (24 bytes) || tag and ciphertext, so every sealed value is SEAL_OVERHEAD longer than the plain
 * one. Opening yields E_CRYPTO for anything changed. May block: no.
 */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "core/buf.h"
#include "core/secret.h"

#define SEAL_KEY_LEN 32
#define SEAL_NONCE_LEN 24
#define SEAL_OVERHEAD 40

int seal(const uint8_t key[static SEAL_KEY_LEN], struct slice plain, struct buf *out); /* appends */
int seal_open(const uint8_t key[static SEAL_KEY_LEN], struct slice sealed,
              struct buf *out); /* out should be a secret buf */

struct box_key {
	uint8_t pub[32];
	uint8_t sec[32]; /* wipe with box_key_release */
};
void box_key_generate(struct box_key *ret_k);
void box_key_release(struct box_key *k);
/* What the two keys agree on (crypto_box_beforenm): input of a key derivation. E_CRYPTO for a public key of small
 * order. */
int box_shared(const struct box_key *mine, const uint8_t their_pub[static 32], uint8_t out[static 32]);
int box(const struct box_key *mine, const uint8_t their_pub[static 32], struct slice plain, struct buf *out);
int box_open(const struct box_key *mine, const uint8_t their_pub[static 32], struct slice boxed, struct buf *out);

#endif

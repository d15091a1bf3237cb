/*
 * sign: asymmetric keys and signatures: Ed25519 (RFC 8032), ECDSA P-256/384/521 (FIPS 186-4), RSA PKCS#1 v1.5 (RFC
 * 8017).
 *
 * A struct key is a private or a public key; it caches the library's contexts, so one key is used by one thread at a
 * time and sign and verify take it non-const. Public keys are checked when they are made: points on the curve, RSA
 * 2048..8192 bits, odd modulus, odd exponent 3 <= e < 2^32. What a caller gets is therefore usable. Signatures here are
 * in JOSE form: r||s of fixed length for ECDSA (RFC 7518 section 3.4), plain bytes for the others; ssh/sshkey makes the
 * SSH forms. Errors: E_CRYPTO (does not verify, or key material is bad), E_FORMAT, E_LIMIT, E_NOMEM. May block: no.
 */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H

#include "core/buf.h"
#include "core/secret.h"

#define KEY_RSA_BITS_MIN 2048u
#define KEY_RSA_BITS_MAX 8192u /* larger ones cost the verifier too much (security.md 70) */
#define KEY_SIG_MAX 1024u

enum key_kind { KEY_ED25519 = 1, KEY_P256, KEY_P384, KEY_P521, KEY_RSA };
enum sig_alg { SIG_RS256 = 1, SIG_RS512, SIG_ES256, SIG_ES384, SIG_ES512, SIG_EDDSA };

struct key;

int key_generate(enum key_kind kind, unsigned rsa_bits, struct key **ret_k); /* rsa_bits: 2048, 3072 or 4096; else 0 */
/* "ed25519", "ecdsa-p256", "rsa-2048", "rsa-3072", "rsa-4096" as JS_CA_CREATE names them. */
int key_generate_named(const char *name, struct key **ret_k); /* E_NOENT for another name */
void key_free(struct key *k);                                 /* wipes private parts; NULL is fine */

enum key_kind key_kind(const struct key *k);
unsigned key_bits(const struct key *k);
bool key_is_private(const struct key *k);
bool key_fits(const struct key *k, enum sig_alg a); /* may this key make or check such a signature */

/* Private keys: PKCS#8 DER (unencrypted; for sealing), and the 32-byte seed of Ed25519. */
int key_export_private(const struct key *k, struct secret *ret_der);
int key_import_private(struct slice der, struct key **ret_k);
int key_export_seed(const struct key *k, struct secret *ret_seed); /* Ed25519 only */
int key_import_seed(struct slice seed, struct key **ret_k);

/* Public keys. Numbers are big-endian, leading zeros permitted on input and absent on output. */
int key_from_ed25519(struct slice pub32, struct key **ret_k);
int key_from_ec_point(enum key_kind kind, struct slice point, struct key **ret_k); /* 0x04 || x || y */
int key_from_ec_xy(enum key_kind kind, struct slice x, struct slice y,
                   struct key **ret_k); /* full-length coordinates */
int key_from_rsa(struct slice n, struct slice e, struct key **ret_k);
int key_from_spki(struct slice der, struct key **ret_k);
int key_spki(const struct key *k, struct buf *out);
int key_public_raw(const struct key *k, struct buf *out); /* Ed25519: 32 bytes; EC: 0x04||x||y */
int key_public_rsa(const struct key *k, struct buf *out_n, struct buf *out_e);
int key_kid(const struct key *k, char out[static 65]); /* hex SHA-256 of the SPKI */

int key_sign(struct key *k, enum sig_alg a, struct slice msg, struct buf *out);    /* appends */
int key_verify(struct key *k, enum sig_alg a, struct slice msg, struct slice sig); /* 0, or E_CRYPTO */

#endif

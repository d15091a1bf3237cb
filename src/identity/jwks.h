/*
 * jwks: sets of public token keys (RFC 7517, RFC 7518 section 6, RFC 8037).
 *
 * A provider's document: RSA 2048..8192, EC P-256, OKP Ed25519 are kept; entries of other kinds, "use":"enc", or an alg
 * that does not belong to the key are skipped; symmetric keys never enter. The same kid on two kept keys is E_FORMAT.
 * Limits: JWKS_BYTES_MAX, JWKS_KEYS_MAX. The set owns its keys: jwks_release. May block: no.
 */
#ifndef IDENTITY_JWKS_H
#define IDENTITY_JWKS_H

#include "core/json.h"
#include "crypto/sign.h"

#define JWKS_BYTES_MAX (256u << 10)
#define JWKS_KEYS_MAX 100
#define JWK_KID_MAX 255

struct jwk {
	char kid[JWK_KID_MAX + 1]; /* "" = none */
	enum sig_alg alg;          /* from the key's own type */
	struct key *key;           /* owned */
};
struct jwks {
	struct jwk *v;
	size_t n;
};

int jwks_parse(const void *p, size_t n, struct jwks *ret_set);
int jwks_add(struct jwks *set, const char *kid, struct key *key); /* takes key, also on failure; kid NULL = key_kid */
void jwks_release(struct jwks *set);                              /* safe on zeroed */
struct jwk *jwks_find(const struct jwks *set, const char *kid);   /* exact; NULL when absent */

/* One public key as a JWK object / the set as {"keys":[...]}; new reference, NULL when out of memory. Only public
 * parts. */
json_t *jwk_to_json(const struct jwk *k);
json_t *jwks_to_json(const struct jwks *set);

#endif

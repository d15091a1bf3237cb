/*
 * jwt: compact JWS with a JSON claims object (RFC 7515, RFC 7519), made and verified strictly.
 *
 * Refused before any signature is looked at: more than JWT_MAX bytes, not exactly two dots, base64url with padding or
 * stray bits, duplicate JSON keys, a header with crit, b64, zip, enc, jwk, jku, x5u or x5c semantics asked for by crit,
 * alg that is not in the allowed list. The key is chosen by exact kid (or is the only key of the set when the token has
 * none and JWT_KID is not asked), and the algorithm is the key's own: the header's alg must merely agree. Claims are
 * not judged here beyond being an object. Errors carry SP_TOKEN. May block: no.
 */
#ifndef IDENTITY_JWT_H
#define IDENTITY_JWT_H

#include "core/err.h"
#include "identity/jwks.h"

#define JWT_MAX 16384

/* Bits of allowed: */
#define JWT_RS256 1u
#define JWT_ES256 2u
#define JWT_EDDSA 4u
#define JWT_KID 16u /* the token must name its key */
#define JWT_ANY (JWT_RS256 | JWT_ES256 | JWT_EDDSA)

/* typ JWT, alg by the key, kid as given. Appends. */
int jwt_sign(struct key *key, const char *kid, const json_t *claims, struct buf *out);

/* E_NOENT: no such kid in the set (the caller may refresh the set, bounded); E_CRYPTO: signature; E_FORMAT, E_LIMIT,
   E_DENIED: the form. ret_claims: new reference. */
int jwt_verify(const char *token, size_t n, const struct jwks *set, unsigned allowed, json_t **ret_claims,
               struct reason *r);
/* Claims without verification: for the client, which cannot verify and only wants to know exp. Never for a decision. */
int jwt_peek(const char *token, size_t n, json_t **ret_claims);

/* "RS256" -> JWT_RS256; 0 when unknown. For the algs list of a provider record. */
unsigned jwt_alg_bit(const char *name);

#endif

/*
 * keychain: the token keys that a connector trusts, and what it believes because of them (docs/protocol/keys.md).
 *
 * It begins with pins: the issuer and its keys as they were when the tunnel's credentials were made. From then on a key
 * is believed only because one that is believed already signed its announcement; the same announcement says when the
 * one before stops counting for tokens (it still counts for that announcement, so the chain can be walked again after a
 * restart). Statements are JWS of the types "keys" and "config" with audiences of their own: neither they nor a token
 * can be taken for one another. KEYCHAIN_MAX bounds the keys: a chain only ever comes from the signer, but a bound
 * costs nothing. Reasons carry SP_TOKEN*. May block: no.
 */
#ifndef IDENTITY_KEYCHAIN_H
#define IDENTITY_KEYCHAIN_H

#include "identity/token.h"

#define KEYCHAIN_MAX 96
#define KEYCHAIN_ISS_MAX 300
#define KEYCHAIN_CHAIN_MAX 64 /* announcements that one message or file may hold */
#define STATEMENT_MAX 4096    /* bytes of an announcement or a seal */

struct keychain {
	char iss[KEYCHAIN_ISS_MAX + 1];
	struct jwks keys;
	int64_t until[KEYCHAIN_MAX]; /* of keys.v[i]: end of its tokens; 0 = none known */
};

/* {"iss", "keys":[JWK]}: for credentials and tunnel tokens. NULL: out of memory. */
json_t *keychain_pins(const char *iss, const struct jwks *keys);
int keychain_init(struct keychain *k, const json_t *pins); /* E_FORMAT, E_LIMIT; nothing is kept then */
void keychain_release(struct keychain *k);                 /* safe on zeroed */

/* 1: a new key is trusted; 0: known already; E_DENIED, E_FORMAT, E_CRYPTO, E_NOENT (signer not trusted), E_LIMIT. */
int keychain_announce(struct keychain *k, const char *jws, struct reason *r);
/* An app token (of a person or a service token) of one of the audiences; naud 0 = of any application. subject: sub, or
   the service token's client id behind "service:". */
#define KEYCHAIN_SUBJECT_MAX 300
int keychain_admit(const struct keychain *k, const char *token, const char *const *aud, size_t naud, int64_t now,
                   char ret_subject[static KEYCHAIN_SUBJECT_MAX], struct reason *r);
/* A configuration that the signer sealed for this tunnel. */
int keychain_config(const struct keychain *k, const char *seal, const char *tunnel, int64_t version,
                    const json_t *config, int64_t now, struct reason *r);

/* --- the signer's side ------------------------------------------------------------------------------------------- */
/* by says: next is a key of iss, and mine signs no tokens after until. Appends. */
int announcement_sign(struct key *by, const char *kid, const char *iss, const struct jwk *next, int64_t now,
                      int64_t until, struct buf *out);
/* digest: config_digest of what is sealed. */
int config_seal(struct key *by, const char *kid, const char *iss, const char *tunnel, int64_t version,
                const char *digest, int64_t now, struct buf *out);
int config_digest(const json_t *config, char out[static 65]); /* SHA-256 of its compact form with sorted keys, hex */

#endif

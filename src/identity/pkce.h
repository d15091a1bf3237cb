/*
 * pkce: the small derivations of a login: PKCE (RFC 7636), the nonce that commits to a key, the identity's UUID.
 *
 * Pure functions of their arguments; out sizes include the NUL. May block: no.
 */
#ifndef IDENTITY_PKCE_H
#define IDENTITY_PKCE_H

#include "core/buf.h"

#define PKCE_TEXT 44 /* b64url of 32 bytes without padding, and NUL */

void pkce_verifier(const uint8_t random[static 32], char out[static PKCE_TEXT]);
void pkce_challenge(const char *verifier, char out[static PKCE_TEXT]); /* S256 */
/* b64url(sha256("sallyport-nonce" 0 salt 0 cnf)); cnf may be "" */
void login_nonce(const char *salt, const char *cnf, char out[static PKCE_TEXT]);
/* First 16 bytes of sha256("sallyport-identity" 0 iss 0 sub) as a version 8 UUID. */
void identity_uuid(const char *iss, const char *sub, char out[static 37]);
/* First 8 characters of base32(sha256(key)) as "XXXX-XXXX": the code of a client login. key: 32 bytes. */
void login_code(const uint8_t key[static 32], char out[static 10]);

#endif

/*
 * token: our own tokens: org (who is signed in), app (may use one application), api (administration), and service: an
 * app token of a service token instead of a person. Its claims say "type":"app", "sub":"" and common_name = client id
 * (facts/access.md 3.5); a reader who asks for TOKEN_APP never gets one, nor the reverse.
 *
 * RS256 with kid; iss = https://<team host>[:port]. token_mint writes what a struct token says, token_open verifies a
 * text and fills one. Reasons: SP_TOKEN (form, signature, issuer, type), SP_TOKEN_EXPIRED (exp, nbf, iat with
 * TOKEN_LEEWAY), SP_TOKEN_AUDIENCE; for TOKEN_API every refusal but expiry is SP_API_TOKEN. An opened token owns its
 * JSON, into which all texts point: token_release. For minting, texts are the caller's and absent ones NULL. Absent
 * texts of an opened token are "". May block: no.
 */
#ifndef IDENTITY_TOKEN_H
#define IDENTITY_TOKEN_H

#include "identity/jwt.h"

#define TOKEN_LEEWAY 30
#define TOKEN_LIST_MAX 256 /* groups or amr or scopes of a token */
#define TOKEN_TTL_MAX 31536000

enum token_type { TOKEN_ORG, TOKEN_APP, TOKEN_API, TOKEN_SERVICE };

struct token_list {
	const char *v[TOKEN_LIST_MAX];
	size_t n;
};

struct token {
	enum token_type type;
	const char *iss;
	const char *aud; /* the single audience: issuer, app aud, or issuer + "/api" */
	const char *sub; /* identity UUID, or "api:<name>" */
	int64_t iat, nbf, exp;
	/* org and app */
	const char *email;
	const char *idp_id, *idp_type;
	const char *idp_iss, *idp_sub;
	const char *session; /* claim identity_nonce */
	/* org */
	struct token_list amr, groups;
	/* app */
	const char *country, *policy_id;
	const char *cnf; /* b64url SHA-256 of the SSH key blob; "" or NULL = none */
	/* api */
	struct token_list scopes; /* identity/scope.h */
	const char *jti;          /* of service tokens too: what their certificates are known by */
	/* service */
	const char *common_name; /* client id */
	int64_t secret_version;  /* of the secret that it was minted for */

	json_t *json; /* owned after token_open; NULL for minting */
};

int token_mint(struct key *key, const char *kid, const struct token *t, struct buf *out);
/* aud NULL is permitted for TOKEN_ORG and TOKEN_API: it follows from iss. */
/* What a text claims to be, unverified: only to choose the type to open it as. */
bool token_claims_service(const char *text);
int token_open(enum token_type type, const char *text, const struct jwks *set, const char *iss, const char *aud,
               int64_t now, struct token *ret_t, struct reason *r);
void token_release(struct token *t); /* safe on zeroed */
bool token_has_scope(const struct token *t, const char *scope);

#endif

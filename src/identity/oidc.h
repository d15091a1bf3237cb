/*
 * oidc: the relying party of OpenID Connect Core 1.0 (code flow, PKCE S256, refresh), Discovery 1.0, RFC 9207 (iss
 * parameter), Back-Channel Logout 1.0. No I/O.
 *
 * Endpoints must be https unless the issuer's host is loopback or under .localhost. Everything from a provider is
 * bounded: OIDC_DOC_MAX, OIDC_GROUPS_MAX. Refusals carry SP_LOGIN_PROVIDER (documents), SP_ID_TOKEN, SP_EMAIL. May
 * block: no.
 */
#ifndef IDENTITY_OIDC_H
#define IDENTITY_OIDC_H

#include "identity/email.h"
#include "identity/jwt.h"
#include "identity/pkce.h"

#define OIDC_DOC_MAX (64u << 10)
#define OIDC_URL_MAX 2048
#define OIDC_GROUPS_MAX 256
#define OIDC_GROUP_MAX 255
#define OIDC_AMR_MAX 16
#define OIDC_SUB_MAX 255

struct oidc_provider {
	char *issuer, *authorization, *token, *jwks;
	char *userinfo, *end_session; /* NULL when absent */
	bool iss_parameter;           /* RFC 9207 advertised: callback without iss is refused */
	bool offline;                 /* scope offline_access advertised */
	unsigned algs;                /* JWT_* bits that the provider advertises and we know */
};
/* issuer: as configured; must equal the document's, byte for byte. */
int oidc_discovery_parse(const void *p, size_t n, const char *issuer, struct oidc_provider *ret_p, struct reason *r);
void oidc_provider_release(struct oidc_provider *p);
/* issuer + "/.well-known/openid-configuration" */
int oidc_discovery_url(const char *issuer, struct buf *out);
/* An https URL without user-info, fragment or control bytes; http only when the host is loopback or .localhost. */
bool oidc_url_ok(const char *url);

struct oidc_request {
	const char *authorization; /* endpoint */
	const char *client_id, *redirect_uri;
	const char *scopes; /* space separated; "openid" is added when missing */
	const char *state, *nonce, *challenge;
	const char *prompt, *login_hint; /* NULL = none */
	const char *hosted_domain;       /* Google: which accounts to offer; NULL = any */
	const char *access_type;         /* NULL = none; "offline" is how Google is asked for a refresh token */
	int64_t max_age;                 /* seconds; 0 = not sent */
};
int oidc_request_url(const struct oidc_request *q, struct buf *out);

/* The callback's iss parameter (NULL when absent) against the provider that the login began with. */
int oidc_callback_check(const struct oidc_provider *p, const char *iss, struct reason *r);

struct oidc_tokens {
	char *id_token, *access_token, *refresh_token; /* access and refresh NULL when absent; wiped on release */
	int64_t expires_in;
};
int oidc_tokens_parse(const void *p, size_t n, struct oidc_tokens *ret_t, struct reason *r);
void oidc_tokens_release(struct oidc_tokens *t);

struct oidc_check {
	const char *issuer, *client_id;
	const char *nonce; /* required */
	int64_t now;
	unsigned algs;           /* JWT_* bits; 0 = JWT_ANY */
	const char *email_claim; /* NULL = "email" */
	/* provider record says: this issuer's addresses are verified though it says nothing about it. "Not verified" is
	   believed all the same. */
	bool trust_email;
	const char *const *trust_domains; /* trust_email reaches these alone; none = any */
	size_t ntrust_domains;
	const char *issuer_alias;  /* another spelling of the issuer that counts as it; NULL = none */
	const char *hosted_domain; /* claim hd must be it; NULL = not looked at */
	int64_t max_age;           /* seconds since auth_time, which must be there; 0 = any */
	/* Set for the ID token of a refresh (Core 12.2): it must be of this subject; nonce may be absent, and when the
	   token has one it must be `nonce`. max_age is of sign-ins and not asked again. */
	const char *subject;
};
struct oidc_identity {
	const char *sub, *email_raw, *name; /* "" when absent */
	const char *sid;                    /* the provider's session, for its logout; "" when absent or too long */
	char email[EMAIL_MAX + 1];          /* key form; always there on success */
	const char *amr[OIDC_AMR_MAX];
	size_t namr;
	const char *groups[OIDC_GROUPS_MAX];
	size_t ngroups;
	bool groups_overage; /* groups claim was absent by overage, nested or too long: treat as no groups */
	int64_t iat, exp, auth_time;
	json_t *claims; /* owned */
};
/* userinfo: "" or NULL, or the JSON of the userinfo endpoint, whose sub must match; its claims fill what the ID token
   lacks. ret_need_keys is set (with E_NOENT) when the token's kid is not in the set. */
int oidc_id_token_check(const char *token, const struct jwks *set, const struct oidc_check *c, const char *userinfo,
                        struct oidc_identity *ret_i, bool *ret_need_keys, struct reason *r);
/* The claim checks alone, for a verified claims object (new reference kept). */
int oidc_claims_check(json_t *claims, const struct oidc_check *c, const char *userinfo, struct oidc_identity *ret_i,
                      struct reason *r);
/* What userinfo alone says of c->subject, fetched again with its own access token: sub must be there and match. */
int oidc_userinfo_check(const char *userinfo, const struct oidc_check *c, struct oidc_identity *ret_i,
                        struct reason *r);
void oidc_identity_release(struct oidc_identity *i);

/* Logout tokens (Back-Channel Logout 1.0 section 2.6). Of the check issuer, client_id, now and algs are used. That a
   jti comes once is the caller's to see to, until OIDC_LOGOUT_AGE_MAX after iat. */
#define OIDC_LOGOUT_AGE_MAX 300
#define OIDC_JTI_MAX 255
struct oidc_logout {
	const char *sub, *sid, *jti; /* sub or sid may be "", not both */
	int64_t iat;
	json_t *claims; /* owned */
};
int oidc_logout_check(json_t *claims, const struct oidc_check *c, struct oidc_logout *ret_l, struct reason *r);
int oidc_logout_token_check(const char *token, const struct jwks *set, const struct oidc_check *c,
                            struct oidc_logout *ret_l, bool *ret_need_keys, struct reason *r);
void oidc_logout_release(struct oidc_logout *l);

#endif

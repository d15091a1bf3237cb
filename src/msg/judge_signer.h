/*
 * judge -> signer: one request of fixed fields and the evidence it rests on; never bytes to sign. The signer believes
 * nothing that judge says about who somebody is: it verifies the evidence itself and keeps its own limits and journal.
 *
 * Every reply begins with code (0 = done, else an sp_code) and why (for log and administrator, not for the peer).
 * Times are the signer's own clock. Tokens are compact JWS; admin_token is an API token of the signer's own making
 * whose scopes it checks.
 */
#ifndef MSG_JUDGE_SIGNER_H
#define MSG_JUDGE_SIGNER_H

#include "msg/msg.h"

/* the tool never settles on a layout for field lists */
/* clang-format off */

#define JS_TOKEN_MAX 16384
#define JS_CLAIMS_MAX 65536
#define JS_RESULT(F, S) F(S, U32, code, 9999) F(S, STR, why, 256)

#define JS_EMPTY(F, S)
MSG_DECLARE(js_ping, JS_EMPTY)
#define JS_PONG(F, S) \
	JS_RESULT(F, S) F(S, U32, cas, 1000000) F(S, U32, accounts, 10000000) F(S, U64, certificates, UINT64_MAX)
MSG_DECLARE(js_pong, JS_PONG)

/* Public keys: {"keys": JWKs of org and app tokens, newest first, "public_cert", "public_certs", "api_keys": JWKs of keys
   that are over but for the API tokens they once signed, "announcements": each key's by the one before, oldest first}.
   From the answer on, the newest key signs. */
MSG_DECLARE(js_jwks, JS_EMPTY)
/* signer -> judge, no request: the set has changed; ask again. */
MSG_DECLARE(sj_keys_changed, JS_EMPTY)
/* A statement that this is what judge wants the tunnel's connectors to run: it binds front, which carries it, not judge.
   sha256: identity/keychain.h, config_digest. -> js_text */
#define JS_CONFIG_SEAL(F, S) F(S, STR, tunnel, 36) F(S, U32, version, INT32_MAX) F(S, STR, sha256, 64)
MSG_DECLARE(js_config_seal, JS_CONFIG_SEAL)
/* Rotation of the token keys. Changing needs an API token of scope write. */
MSG_DECLARE(js_keys_get, JS_EMPTY)
#define JS_KEYS_PUT(F, S) F(S, STR, admin_token, JS_TOKEN_MAX) F(S, U32, interval_days, 365)
MSG_DECLARE(js_keys_put, JS_KEYS_PUT)
#define JS_KEYS_ROTATE(F, S) F(S, STR, admin_token, JS_TOKEN_MAX)
MSG_DECLARE(js_keys_rotate, JS_KEYS_ROTATE)
#define JS_KEYS_ARE(F, S)                                                                                     \
	JS_RESULT(F, S)                                                                                       \
	F(S, U32, interval_days, 365) F(S, I64, last, INT64_MAX) F(S, I64, next, INT64_MAX) F(S, STR, kid, 64)
MSG_DECLARE(js_keys_are, JS_KEYS_ARE)
#define JS_TEXT(F, S) JS_RESULT(F, S) F(S, STR, text, 262144)
MSG_DECLARE(js_text, JS_TEXT) /* reply with one text */

/* --- evidence in, org token out ---------------------------------------------------------------------------------- */
/* Local account: e-mail and password, and the TOTP code when the account has one. */
#define JS_LOGIN_LOCAL(F, S)                                \
	F(S, STR, idp, 36)                                  \
	F(S, STR, email, 254)                               \
	F(S, SECRET, password, 1024)                        \
	F(S, SECRET, code, 16)                              \
	F(S, STR, session, 64) /* becomes identity_nonce */ \
	    F(S, I64, ttl, 2678400) F(S, STR, client_ip, 64)
MSG_DECLARE(js_login_local, JS_LOGIN_LOCAL)
/* ID token of an OIDC provider. nonce must equal b64url(sha256("sallyport-nonce" 0 salt 0 cnf)). */
#define JS_LOGIN_OIDC(F, S)                                                                                 \
	F(S, STR, idp, 36)                                                                                  \
	F(S, STR, id_token, JS_TOKEN_MAX)                                                                   \
	F(S, STR, salt, 64)                                                                                 \
	F(S, STR, cnf, 64)                                                                                  \
	F(S, STR, userinfo, JS_CLAIMS_MAX) /* "" or claims fetched with the access token; sub must match */ \
	F(S, STR, session, 64) F(S, I64, ttl, 2678400)
MSG_DECLARE(js_login_oidc, JS_LOGIN_OIDC)
/* Asks a policy's outside judge about whoever the org token names: the signer signs the question and verifies the
   answer. code: no answer that counts; else yes says which. */
#define JS_EVALUATE(F, S) F(S, STR, org_token, JS_TOKEN_MAX) F(S, STR, evaluate_url, 2048) F(S, STR, keys_url, 2048)
MSG_DECLARE(js_evaluate, JS_EVALUATE)
#define JS_EVALUATED(F, S) JS_RESULT(F, S) F(S, BOOL, yes, 1)
MSG_DECLARE(js_evaluated, JS_EVALUATED)
/* One-time code by mail. begin: the signer makes a code for this address and browser and has fetch mail it when `mail`
   says so (a policy could let it in); the answer is the same either way. check: once, in that browser. browser: SHA-256
   of its CF_Session cookie, hex. */
#define JS_PIN_BEGIN(F, S) \
	F(S, STR, idp, 36) F(S, STR, email, 254) F(S, STR, browser, 64) F(S, STR, client_ip, 64) F(S, BOOL, mail, 1)
MSG_DECLARE(js_pin_begin, JS_PIN_BEGIN) /* -> js_done */
#define JS_PIN_CHECK(F, S)                            \
	F(S, STR, idp, 36)                            \
	F(S, STR, email, 254)                         \
	F(S, STR, browser, 64)                        \
	F(S, SECRET, pin, 64)                         \
	F(S, STR, client_ip, 64) F(S, STR, session, 64) F(S, I64, ttl, 2678400)
MSG_DECLARE(js_pin_check, JS_PIN_CHECK) /* -> js_login_done */
/* What fetch brought to the signer about this login (GitHub has no ID token); same salt and cnf. */
#define JS_LOGIN_FACTS(F, S) \
	F(S, STR, idp, 36) F(S, STR, salt, 64) F(S, STR, cnf, 64) F(S, STR, session, 64) F(S, I64, ttl, 2678400)
MSG_DECLARE(js_login_facts, JS_LOGIN_FACTS)
#define JS_LOGIN_DONE(F, S)                                                                           \
	JS_RESULT(F, S)                                                                               \
	F(S, BOOL, need_keys, 1) /* OIDC: kid unknown; have fetch bring the JWKS and ask once more */ \
	F(S, BOOL, need_code, 1) /* local: password right, TOTP code missing */                       \
	F(S, STR, org_token, JS_TOKEN_MAX)                                                            \
	F(S, STR, sub, 36) /* identity UUID, stable per (issuer, subject) */                          \
	F(S, STR, iss, 300)                                                                           \
	F(S, STR, subject, 255)                                                                       \
	F(S, STR, email, 254)                                                                         \
	F(S, STR, name, 254)                                                                          \
	F(S, STRS, amr, 64) F(S, STRS, groups, 256)                                                   \
	    F(S, BOOL, groups_unknown, 1)    /* the provider said more than could be taken */         \
	    F(S, STR, claims, JS_CLAIMS_MAX) /* JSON of the verified claims, for OIDC claim rules */ \
	    F(S, STR, sid, 255)              /* OIDC: the provider's session */
MSG_DECLARE(js_login_done, JS_LOGIN_DONE)
/* What a provider says of a sign-in when it is asked again: the ID token of a refresh, userinfo, or both. It must be of
   this subject, and a nonce in it must be that of the sign-in. handle: under which fetch asked, and brought groups that
   come beside ID tokens. -> js_login_done without org_token. */
#define JS_RECHECK(F, S)                                                                               \
	F(S, STR, idp, 36) F(S, STR, subject, 255) F(S, STR, nonce, 64) F(S, STR, handle, 32)          \
	F(S, STR, id_token, JS_TOKEN_MAX) /* "" = userinfo alone */ F(S, STR, userinfo, JS_CLAIMS_MAX)
MSG_DECLARE(js_recheck, JS_RECHECK)
/* Logout token of OIDC back-channel logout. Accepted once. */
#define JS_LOGOUT_OIDC(F, S) F(S, STR, idp, 36) F(S, STR, logout_token, JS_TOKEN_MAX)
MSG_DECLARE(js_logout_oidc, JS_LOGOUT_OIDC)
#define JS_LOGOUT_IS(F, S)                                                                          \
	JS_RESULT(F, S)                                                                             \
	F(S, BOOL, need_keys, 1) F(S, STR, sub, 255) F(S, STR, sid, 255) F(S, STR, jti, 255)
MSG_DECLARE(js_logout_is, JS_LOGOUT_IS)

/* App token on the evidence of an org token. cnf: b64url sha256 of the SSH public key blob, "" = none. */
#define JS_APP_TOKEN(F, S)                 \
	F(S, STR, org_token, JS_TOKEN_MAX) \
	F(S, STR, aud, 64) F(S, STR, cnf, 64) F(S, STR, country, 2) F(S, STR, policy_id, 36) F(S, I64, ttl, 2678400)
MSG_DECLARE(js_app_token, JS_APP_TOKEN)

/* --- service tokens ----------------------------------------------------------------------------------------------- */
/* Makes the secret of a client id that has none, or the next one when version is higher than the one that stands (the
   one before then lives until prev_until, 0 = no longer); else only sets expires (0 = never) and enabled. Scope write.
   The secret is in the answer when one was made, and nowhere else ever. */
#define JS_SERVICE_PUT(F, S)                 \
	F(S, STR, admin_token, JS_TOKEN_MAX) \
	F(S, STR, client_id, 48)             \
	F(S, U32, version, INT32_MAX)        \
	F(S, I64, prev_until, INT64_MAX) F(S, I64, expires, INT64_MAX) F(S, BOOL, enabled, 1)
MSG_DECLARE(js_service_put, JS_SERVICE_PUT)
#define JS_SERVICE_IS(F, S) JS_RESULT(F, S) F(S, SECRET, secret, 128) F(S, U32, version, INT32_MAX)
MSG_DECLARE(js_service_is, JS_SERVICE_IS)
#define JS_SERVICE_DELETE(F, S) F(S, STR, admin_token, JS_TOKEN_MAX) F(S, STR, client_id, 48)
MSG_DECLARE(js_service_delete, JS_SERVICE_DELETE)
/* Evidence: the secret. aud "" = only say whether it is right; else an app token of the service token too. */
#define JS_SERVICE_TOKEN(F, S)    \
	F(S, STR, client_id, 48)  \
	F(S, SECRET, secret, 128) \
	F(S, STR, aud, 64) F(S, STR, cnf, 64) F(S, STR, country, 2) F(S, STR, policy_id, 36) F(S, I64, ttl, 2678400)
MSG_DECLARE(js_service_token, JS_SERVICE_TOKEN)
#define JS_SERVICE_OK(F, S)                                                         \
	JS_RESULT(F, S)                                                             \
	F(S, U32, version, INT32_MAX) /* of the secret that was shown */            \
	F(S, STR, token, JS_TOKEN_MAX) F(S, I64, token_expires, INT64_MAX)
MSG_DECLARE(js_service_ok, JS_SERVICE_OK)

/* --- certificates ----------------------------------------------------------------------------------------------- */
/* kind: ed25519 | ecdsa-p256 | rsa-3072. One CA per application (aud). */
#define JS_CA_CREATE(F, S) F(S, STR, aud, 64) F(S, STR, kind, 16) F(S, STR, comment, 128)
MSG_DECLARE(js_ca_create, JS_CA_CREATE) /* an existing one is returned as it is */
#define JS_CA_GET(F, S) F(S, STR, aud, 64)
MSG_DECLARE(js_ca_get, JS_CA_GET) /* code SP_NO_CA when there is none */
#define JS_CA_DELETE(F, S) F(S, STR, aud, 64) F(S, STR, admin_token, JS_TOKEN_MAX)
MSG_DECLARE(js_ca_delete, JS_CA_DELETE)
#define JS_CA_IS(F, S) JS_RESULT(F, S) F(S, STR, id, 48) F(S, STR, public_key, 2048) F(S, I64, created, INT64_MAX)
MSG_DECLARE(js_ca_is, JS_CA_IS)

#define JS_CERT_SIGN(F, S)                                                               \
	F(S, STR, app_token, JS_TOKEN_MAX)                                               \
	F(S, STR, aud, 64)                                                               \
	F(S, STR, public_key, 16384)                                                     \
	F(S, STR, principal, 64) /* the Unix user asked for; "" = the e-mail's prefix (people only) */ \
	F(S, I64, ttl, 3600)     /* seconds; signer's own ceiling is one hour */         \
	F(S, STRS, extensions, 64) F(S, STRS, source_address, 64)                        \
	F(S, STR, edge_session, 32) /* a session process of the edge asks, for a key of its own: the id of its \
	                               session (32 hex); the token may then name no key. "" = the user's client asks */
MSG_DECLARE(js_cert_sign, JS_CERT_SIGN)
#define JS_CERT_IS(F, S)                                         \
	JS_RESULT(F, S)                                          \
	F(S, STR, certificate, 32768) /* one line, no newline */ \
	F(S, STR, principal, 64)                                 \
	F(S, STR, key_id, 512)                                   \
	F(S, STR, fingerprint, 64)                               \
	F(S, U64, serial, UINT64_MAX) F(S, I64, valid_after, INT64_MAX) F(S, I64, valid_before, INT64_MAX) \
	F(S, STR, stream_token, JS_TOKEN_MAX) /* edge_session: what the connector is shown instead of app_token: the same, \
	                                         for the session's key */
MSG_DECLARE(js_cert_is, JS_CERT_IS)

/* Who owns which Unix name. The signer keeps the table: it is what it signs by. text = JSON array of
   {name, owners: [{iss, sub, email}]}. */
MSG_DECLARE(js_principals, JS_EMPTY) /* -> js_text */
#define JS_PRINCIPAL_BIND(F, S)                                                                           \
	F(S, STR, admin_token, JS_TOKEN_MAX) F(S, STR, name, 64) F(S, STR, email, 254) F(S, STR, idp, 36) \
	    F(S, STR, client_id, 48) /* of a service token, instead of email and idp */
MSG_DECLARE(js_principal_bind, JS_PRINCIPAL_BIND) /* scope principals:write; the only way to a reserved name */
#define JS_PRINCIPAL_RELEASE(F, S) F(S, STR, admin_token, JS_TOKEN_MAX) F(S, STR, name, 64)
MSG_DECLARE(js_principal_release, JS_PRINCIPAL_RELEASE)

/* --- providers, accounts, API tokens ------------------------------------------------------------------------------ */
/* record: JSON {id, name, type, issuer, client_id, client_secret, scopes, domains, email_claim, algs, endpoints...}.
   Secrets are kept sealed by signer and handed to fetch; judge must forget them. Scope idp:write. */
#define JS_PROVIDER_PUT(F, S) F(S, STR, admin_token, JS_TOKEN_MAX) F(S, STR, id, 36) F(S, SECRET, record, 65536)
MSG_DECLARE(js_provider_put, JS_PROVIDER_PUT)
#define JS_PROVIDER_DELETE(F, S) F(S, STR, admin_token, JS_TOKEN_MAX) F(S, STR, id, 36)
MSG_DECLARE(js_provider_delete, JS_PROVIDER_DELETE)
/* Either password or hash (argon2id "$argon2id$..."), both empty = unchanged. totp: base32 secret, "" = unchanged, "-"
 * = none. */
#define JS_ACCOUNT_PUT(F, S)                 \
	F(S, STR, admin_token, JS_TOKEN_MAX) \
	F(S, STR, idp, 36)                   \
	F(S, STR, email, 254)                \
	F(S, SECRET, password, 1024) F(S, SECRET, hash, 256) F(S, SECRET, totp, 128) F(S, STRS, groups, 256)
MSG_DECLARE(js_account_put, JS_ACCOUNT_PUT)
#define JS_ACCOUNT_DELETE(F, S) F(S, STR, admin_token, JS_TOKEN_MAX) F(S, STR, idp, 36) F(S, STR, email, 254)
MSG_DECLARE(js_account_delete, JS_ACCOUNT_DELETE)
MSG_DECLARE(js_done, JS_RESULT)

/* init's one-time link (24 h): begin shows e-mail and a fresh TOTP secret, finish sets both. */
#define JS_SETUP_BEGIN(F, S) F(S, SECRET, code, 128)
MSG_DECLARE(js_setup_begin, JS_SETUP_BEGIN)
#define JS_SETUP_IS(F, S) JS_RESULT(F, S) F(S, STR, email, 254) F(S, STR, idp, 36) F(S, SECRET, totp, 128)
MSG_DECLARE(js_setup_is, JS_SETUP_IS)
#define JS_SETUP_FINISH(F, S) F(S, SECRET, code, 128) F(S, SECRET, password, 1024) F(S, SECRET, totp_code, 16)
MSG_DECLARE(js_setup_finish, JS_SETUP_FINISH) /* -> js_setup_done: judge binds the admin role to (iss, subject) */
#define JS_SETUP_DONE(F, S) \
	JS_RESULT(F, S) F(S, STR, email, 254) F(S, STR, idp, 36) F(S, STR, iss, 300) F(S, STR, subject, 255)
MSG_DECLARE(js_setup_done, JS_SETUP_DONE)

/* Scopes: identity/scope.h; admin_token needs tokens:write. The new token never has more, nor lives longer, than it. */
#define JS_API_MINT(F, S) \
	F(S, STR, admin_token, JS_TOKEN_MAX) F(S, STR, name, 128) F(S, STRS, scopes, 64) F(S, I64, ttl, 31536000)
MSG_DECLARE(js_api_mint, JS_API_MINT) /* -> js_text: the token */
MSG_DECLARE(js_api_tokens, JS_EMPTY)  /* -> js_text: [{id, name, scopes, iat, exp, by}]; no secrets */
/* Scope tokens:write. From then on the signer itself takes no such token. */
#define JS_API_REVOKE(F, S) F(S, STR, admin_token, JS_TOKEN_MAX) F(S, STR, jti, 36)
MSG_DECLARE(js_api_revoke, JS_API_REVOKE)
/* For a cert.pem (`tunnel login`). Judge says who is an administrator, the signer only who is signed in; therefore the
   scopes are fixed to tunnels:read and tunnels:write, which open nothing at the signer. -> js_text: the token */
#define JS_TUNNEL_TOKEN(F, S) F(S, STR, org_token, JS_TOKEN_MAX) F(S, STR, name, 128)
MSG_DECLARE(js_tunnel_token, JS_TUNNEL_TOKEN)

/* --- the edge's TLS --------------------------------------------------------------------------------------------- */
#define JS_LEAF(F, S) F(S, DATA, spki, 1024) F(S, STRS, names, 253)
MSG_DECLARE(js_leaf, JS_LEAF) /* -> js_text: PEM chain, leaf first, 30 days */

/* clang-format on */

#endif

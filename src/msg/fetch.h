/*
 * judge -> fetch and signer <-> fetch. Addresses and secrets come from provider records, and those come from the signer
 * alone: judge names a provider and a kind, never a URL or a secret. JWKS documents go straight to the signer, so that
 * judge cannot forge one.
 */
#ifndef MSG_FETCH_H
#define MSG_FETCH_H

#include "msg/msg.h"

/* the tool never settles on a layout for field lists */
/* clang-format off */

/* TOKEN with keep_until: what the provider may be asked with again is kept until then, under the handle that the answer
   names ("" = there is nothing to ask with). REFRESH: asks with what the handle names; answers with the ID token alone;
   with {} and status 204 when nobody was asked, since there is an access token only: then USERINFO is all that can be.
   USERINFO: code SP_NOT_FOUND when the provider has none. */
enum fetch_kind { FETCH_DISCOVERY, FETCH_TOKEN, FETCH_USERINFO, FETCH_JWKS, FETCH_REFRESH };
#define JH_FETCH(F, S)                                    \
	F(S, U32, kind, FETCH_REFRESH)                    \
	F(S, STR, provider, 36)                           \
	F(S, STR, code, 4096)                             \
	F(S, STR, verifier, 128)                          \
	F(S, STR, redirect_uri, 512)          /* TOKEN */ \
	    F(S, SECRET, access_token, 16384) /* USERINFO */ \
	    F(S, STR, handle, 32)             /* REFRESH, and USERINFO without access_token */ \
	    F(S, I64, keep_until, INT64_MAX)  /* TOKEN, REFRESH: wall-clock seconds; 0 = do not keep, as it was */
MSG_DECLARE(jh_fetch, JH_FETCH)
/* body: bounded, JSON checked to parse; refresh_token and client secrets taken out. DISCOVERY: {issuer,
   authorization_endpoint, ...}. JWKS: body empty, the keys went to the signer. code 0 = an answer with a 2xx status
   came. */
/* gone: the provider said that this sign-in is over (invalid_grant, userinfo 401); spent: only that the access token
   is, of a sign-in that has no refresh token; lost: it refused a refresh token whose last use had no answer, so that it
   may have been used up. What was kept is forgotten in all three. */
#define JH_FETCHED(F, S)                                                                                         \
	F(S, U32, code, 9999) F(S, STR, why, 256) F(S, U32, status, 599) F(S, STR, body, 262144)                 \
	F(S, STR, handle, 32) F(S, BOOL, gone, 1) F(S, BOOL, spent, 1) F(S, BOOL, lost, 1)
MSG_DECLARE(jh_fetched, JH_FETCHED)
#define JH_EMPTY(F, S)
MSG_DECLARE(jh_ping, JH_EMPTY)
MSG_DECLARE(jh_pong, JH_EMPTY)
#define JH_FORGET(F, S) F(S, STR, handle, 32)
MSG_DECLARE(jh_forget, JH_FORGET) /* the session is over; unknown handles are ignored */
/* Somebody asks for access: one approver is written to. Text, sender and team host are fetch's. Nobody waits for it. */
#define JH_ASKED(F, S)                                                                                     \
	F(S, STR, to, 254) F(S, STR, who, 254) F(S, STR, app, 254) F(S, STR, request, 36) F(S, U32, port, 65535)
MSG_DECLARE(jh_asked, JH_ASKED)

/* signer -> fetch: one provider record (JSON, with its secret), or its removal when record is empty. All are sent when
 * a channel opens. */
#define SF_PROVIDER(F, S) F(S, STR, id, 36) F(S, SECRET, record, 65536)
MSG_DECLARE(sf_provider, SF_PROVIDER)
/* signer -> fetch, first on a channel: the key under which fetch seals what it keeps, derived from the node key. */
#define SF_KEY(F, S) F(S, SECRET, key, 32)
MSG_DECLARE(sf_key, SF_KEY)
/* fetch -> signer: JWKS as fetched over verified TLS from the jwks_uri of the provider's own discovery document. */
#define SF_JWKS(F, S) F(S, STR, provider, 36) F(S, STR, issuer, 300) F(S, STR, jwks, 262144)
MSG_DECLARE(sf_jwks, SF_JWKS) /* request: answered by sf_jwks_taken once the keys are in use */
#define SF_TAKEN(F, S) F(S, U32, keys, 1000)
MSG_DECLARE(sf_jwks_taken, SF_TAKEN)

/* fetch -> signer: what the provider's API says about somebody (identity/facts.h), bound to the login by its nonce (for
   GitHub the PKCE verifier, which is computed like one). Asked with the access token that fetch alone holds. */
#define SF_FACTS(F, S) F(S, STR, provider, 36) F(S, STR, nonce, 64) F(S, STR, facts, 131072)
MSG_DECLARE(sf_facts, SF_FACTS)
/* signer -> fetch: POST body (JSON) to evaluate_url, GET keys_url; both at origins that sallyportd.yml lists. */
#define SF_EVALUATE(F, S) F(S, STR, evaluate_url, 2048) F(S, STR, keys_url, 2048) F(S, STR, body, 65536)
MSG_DECLARE(sf_evaluate, SF_EVALUATE)
#define SF_EVALUATED(F, S) F(S, U32, code, 9999) F(S, STR, why, 256) F(S, STR, answer, 65536) F(S, STR, keys, 262144)
MSG_DECLARE(sf_evaluated, SF_EVALUATED)
/* signer -> fetch: send this one-time code; text and sender are fetch's. Nobody waits for it. */
#define SF_MAIL(F, S) F(S, STR, to, 254) F(S, SECRET, pin, 16)
MSG_DECLARE(sf_mail, SF_MAIL)
#define SF_TAKEN_FACTS(F, S) F(S, BOOL, taken, 1)
MSG_DECLARE(sf_taken_facts, SF_TAKEN_FACTS)

/* clang-format on */

#endif

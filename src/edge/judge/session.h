/*
 * session: who is signed in. All live sessions stand in memory and in the store; a revocation is on disk before
 * anything is told so.
 *
 * A session is known to tokens by its id (identity_nonce). It lives as long as the longest of its tokens. May block:
 * session_create, session_save and the revoke functions, on the store.
 */
#ifndef JUDGE_SESSION_H
#define JUDGE_SESSION_H

#include "edge/judge/judge.h"
#include "edge/judge/snapshot.h"
#include "identity/token.h"
#include "msg/judge_signer.h"

#define SESSIONS_MAX 200000u /* live sign-ins; beyond it sign-in says busy */
#define PERSONS_MAX 1000000u

/* Seconds that a sign-in lasts: the organisation's session_duration. */
int64_t session_ttl(const struct judge *j);
void session_new_id(char out[static 33]);
int persons_reload(struct judge *j, struct reason *why);            /* who another process barred since, or met */
int sessions_load(struct judge *j, struct reason *why);             /* persons too */
struct session *session_get(const struct judge *j, const char *id); /* live or not; NULL when unknown */
int session_save(struct judge *j, const struct session *s);
/* From the signer's own statement about who it was. ret_s is borrowed from the map. Code SP_DISABLED, SP_BUSY,
 * SP_INTERNAL or 0. */
struct session_new {
	const char *id, *ip, *user_agent;
	const char *recheck, *nonce; /* of a sign-in outside: what it can be asked for again by; NULL = none */
};
int session_create(struct judge *j, const struct session_new *n, const struct js_login_done *who, const struct idp *idp,
                   struct session **ret_s);
/* Its provider was asked again and said yes; m: what it says of the person now, NULL = no more than that. True when
   groups or claims are others than before. */
bool session_confirmed(struct judge *j, struct session *s, const struct js_login_done *m);
/* It cannot be asked for any more: written down, so that a restart does not make it good again. */
void session_unasked(struct judge *j, struct session *s);
/* It has entered an application with a token that lives until exp. */
int session_entered(struct judge *j, struct session *s, const char *app, int64_t exp);

/* What the outside judges of an application said, in place of what they said before. */
int session_heard(struct judge *j, struct session *s, const char *app, const char *const *yes, size_t nyes,
                  const char *const *no, size_t nno);
/* Does it still stand: neither revoked nor over, its person not barred, its provider there, and app (NULL: none in
   particular) not revoked for it. 0 or an sp_code with why filled. s NULL: unknown here. */
int session_standing(const struct judge *j, const struct session *s, const char *app, struct reason *why);
/* Tokens, verified against the signer's keys, and their session alive. Code 0 or an sp_code with why filled; on 0 the
   token is the caller's to release, *ret_s is borrowed. */
int session_of_org(struct judge *j, const char *text, struct token *ret_t, struct session **ret_s, struct reason *why);
int session_of_app(struct judge *j, const char *text, const struct app_view *a, struct token *ret_t,
                   struct session **ret_s, struct reason *why);
/* The same for a connection that was let in earlier: the token may have expired since, its session may not. */
int session_of_live(struct judge *j, const char *text, const struct app_view *a, struct token *ret_t,
                    struct session **ret_s, struct reason *why);
/* Which application an app token claims to be for: unverified, only to look the audience up. "" when none. */
void token_claimed_aud(const char *text, char out[static 65]);

/* Each revokes durably, then cuts what is live. ret_n: sessions concerned. */
int revoke_session(struct judge *j, struct session *s, const char *why);
int revoke_email(struct judge *j, const char *email, const char *why, size_t *ret_n);
int revoke_app(struct judge *j, const char *app, const char *why, size_t *ret_n);
int person_disable(struct judge *j, const char *email, bool disabled);
bool person_barred(const struct judge *j, const char *sub, const char *email);
void persons_sweep(struct judge *j);  /* who stayed away for as long as configured */
void sessions_sweep(struct judge *j); /* forgets those whose last token expired */

#endif

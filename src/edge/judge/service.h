/*
 * service: programs that show a service token instead of signing in.
 *
 * Strict: who shows credentials is judged by them alone. Not authentic: 401. Authentic, but let in by no service-auth
 * or bypass policy: 403. No cookie is set and none is looked at. The signer compares the secret; that "this secret is
 * version N of this client id" never changes, so it may be remembered here; whether version N still counts is asked of
 * the snapshot each time. May block: service_seen_note at most once a minute a token, on the store.
 */
#ifndef JUDGE_SERVICE_H
#define JUDGE_SERVICE_H

#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "identity/token.h"

#define PROOFS_MAX 8192u    /* remembered proofs: guesses are never among them */
#define PROOF_SEC 600       /* then the signer is asked again */
#define SERVICE_TTL_MIN 60  /* of an app token: an application of "this request only" still has one to show */
#define SERVICE_SEEN_SEC 60 /* last_seen_at is written down at most this often */

/* Does the request show credentials of a service token, well-formed or not? */
bool service_shown(struct req *r);
/* Judges such a request and answers it. */
void service_request(struct req *r);
/* POST /cdn-cgi/access/service_token?cnf=: an app token for these credentials, bound to a key when cnf names one. */
void service_exchange(struct req *r);
/* --- service.c */
/* Takes up what a relayed connection was let in with: its record in s->service_tokens and the version, of the assertion
   that it carries. Code 0 or an sp_code. */
int service_of_live(const struct judge *j, const char *assertion, const char *aud, const struct service_token **ret_t,
                    int64_t *ret_version);
/* then(r, code, why). service_prove: r->service_version says which secret it was. service_mint: r->service_jwt is an
   app token for a, bound to cnf ("" = no key). */
typedef void service_then_fn(struct req *r, int code, const char *why);
void service_prove(struct req *r, const char *client_id, const char *secret, service_then_fn *then);
void service_mint(struct req *r, const struct app_view *a, const struct policy_verdict *v, const char *cnf,
                  service_then_fn *then);
/* May r->service_label, with the secret of r->service_version, use r->app? Asked of what is configured now, to which r
   is brought; so again after each wait. 0, SP_SERVICE_TOKEN (401) or a code of the verdict (403). */
int service_decide(struct req *r, struct policy_verdict *ret_v, struct reason *why);
void service_proofs_drop(struct judge *j);
int64_t service_seen_at(const struct judge *j, const char *id); /* 0 = never */
int service_seen_load(struct judge *j, struct reason *why);

#endif

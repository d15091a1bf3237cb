/*
 * recheck: sign-ins are confirmed by their provider again and again, so that who is removed there is out here.
 *
 * When is the engine's (identity/recheck.h); this is who asks whom. fetch asks with what it keeps under the session's
 * handle, the signer verifies the answer as evidence, and what it says of groups and claims takes the place of what was
 * known: a verdict that changes cuts. "No" ends every session of that subject at that provider. May block: on the
 * store, when an answer changed something or a session ends.
 */
#ifndef JUDGE_RECHECK_H
#define JUDGE_RECHECK_H

#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/session.h"

#define RECHECK_FLIGHTS_MAX 64u   /* questions at once: fetch has 256 places, and sign-ins need theirs */
#define RECHECK_PROVIDER_MAX 16u  /* of those, at one provider: a slow one must not hold up the others */
#define RECHECK_ADMIT_SPARE 16u   /* above RECHECK_PROVIDER_MAX, for somebody who waits */
#define RECHECK_WAITING_MAX 4096u /* requests that wait for an answer; beyond it: the edge is busy */
#define RECHECK_HOLD_SEC 4        /* clients wait 7 to 10 s for a certificate */
#define RECHECK_HELD (-1)

/* Before a certificate, a token or a connection. 0: go on; an sp_code: refuse; RECHECK_HELD: the request waits for the
   provider's answer and `again` is called with it, once, later or before this returns: touch it no more. `again` is the
   handler itself, from its beginning; the second time it is not held. r->session must name s. */
int recheck_gate(struct req *r, struct session *s, void (*again)(struct req *r));
/* A connection of the session began or ended: live ones are asked for by the clock. */
void recheck_ticket(struct judge *j, const char *session, bool began);
/* The session is over: fetch forgets what it kept. Clears s->recheck. */
void recheck_forget(struct judge *j, struct session *s);
void recheck_drop(struct judge *j, const char *session); /* it is no longer known */
void rechecks_tick(struct judge *j);                     /* every second */
void rechecks_release(struct judge *j);
/* Ends every session of this subject at this provider, durably, and audits each. sid "" = whatever the provider's
   session; else those of that one, and those without. sub "" = whoever. ret_n may be NULL. */
int recheck_end_sessions(struct judge *j, const char *idp, const char *sub, const char *sid, const char *why,
                         size_t *ret_n);

#endif

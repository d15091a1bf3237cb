/*
 * approval: temporary access: a policy with approval_required lets somebody in once others have said so, for a time.
 *
 * A request is about one session and one application. What is granted is written into the session, where
 * snapshot_verdict finds it on every path; the request keeps who asked, why and who said what. It is void when its
 * session ends, its application goes or its policy becomes another. Audited before it takes effect. May block: what
 * changes a request, on the store.
 */
#ifndef JUDGE_APPROVAL_H
#define JUDGE_APPROVAL_H

#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/session.h"

#define REQUESTS_MAX 5000u      /* kept at all: signed-in people must not eat the memory with asking */
#define REQUESTS_PERSON_MAX 20u /* kept of one person: nor keep the approvers busy */
#define REQUEST_PENDING_SEC 86400
#define REQUEST_KEEP_SEC 86400   /* after its end; the audit log keeps it for good */
#define APPROVERS_MAILED_MAX 50u /* for one request */
#define APPROVAL_MAX_SEC 86400
#define APPROVAL_DEFAULT_SEC 3600

int requests_load(struct judge *j, struct reason *why);
void requests_tick(struct judge *j); /* every second: what is over ends, with what lives on it */
struct access_request *request_get(const struct judge *j, const char *id);
/* The last one of this session for this application. */
struct access_request *request_of(const struct judge *j, const char *session, const char *app);
/* 0 or an sp_code. transfer: of the client that waits, "" = none. */
int request_new(struct req *r, const struct session *s, const struct app_view *a, const struct policy *p,
                const char *reason, const char *transfer, struct access_request **ret_q);
/* Another client of the same session waits for the same thing. */
void request_waits(struct judge *j, struct access_request *q, const char *transfer);
/* The policy that it is about, as it stands; NULL: it stands no more. */
const struct policy *request_policy(const struct judge *j, const struct access_request *q,
                                    const struct app_view **ret_a);

/* Who says yes or no: somebody signed in, or (session NULL) the API token of the request. */
/* May this person decide? 0, or an sp_code with why in words for them. */
int request_may_decide(const struct judge *j, const struct access_request *q, const struct session *s,
                       const char **ret_why);
/* How many approvals are missing, over all groups. */
size_t request_missing(const struct judge *j, const struct policy *p, const struct access_request *q);
/* One more says yes, for so long at most; grants once all have. The API's word is enough alone. Code 0, SP_CONFLICT
 * (decided already, or said so before) or another. */
int request_yes(struct req *r, struct access_request *q, const struct session *s, int64_t seconds);
/* Refused, or what was granted is taken back. */
int request_no(struct req *r, struct access_request *q, const struct session *s);
/* For the record of an entry: reason, approvers, period; new reference, NULL = there is none. */
json_t *approval_details(const struct judge *j, const char *session, const char *app);

#endif

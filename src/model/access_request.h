/*
 * access_request: somebody asks to use an application whose policy wants an approval, and what became of it.
 *
 * What was granted stands with the session too (model/session.h), where every verdict finds it; this is who asked, why,
 * and who said what. States go one way, by request_go only. Contract of the functions: model/model.h.
 */
#ifndef MODEL_ACCESS_REQUEST_H
#define MODEL_ACCESS_REQUEST_H

#include "model/model.h"

/* words: pending granted refused expired */
enum request_state { REQUEST_PENDING, REQUEST_GRANTED, REQUEST_REFUSED, REQUEST_EXPIRED };
const char *request_state_str(int s);

#define REQUEST_APPROVALS_MAX 100

struct request_approval {
	char *email;     /* of the approver; for a call of the API, who its token is of */
	char *sub;       /* identity; NULL for a call of the API */
	char *person;    /* who that is; the same for all that somebody signs in by */
	int64_t seconds; /* the period that was chosen */
	int64_t at;
};

struct access_request {
	char *id;           /* unguessable */
	char *app, *policy; /* ids */
	char *print;        /* of the policy as it stood: what is changed must be asked for again */
	char *session, *person, *sub, *email, *ip;
	char *prompt, *reason;
	char *transfer; /* key of the client that waits; NULL = none */
	int state;      /* enum request_state */
	struct request_approval *approvals;
	size_t napprovals;
	char *refused_by; /* also who took a grant back */
	int64_t created_at, decided_at;
	int64_t until;   /* of a grant */
	int64_t seconds; /* the shortest period that an approver chose; 0 = none yet */
};
int access_request_from_json(const json_t *j, bool text_scalars, struct access_request **ret_q,
                             struct model_error *err);
json_t *access_request_to_json(const struct access_request *q, enum model_form form);
void access_request_free(struct access_request *q);

/* E_STATE: from where it stands there is no way there. */
int request_go(struct access_request *q, enum request_state to, int64_t now);
/* Somebody's word, counted once a person: E_EXIST. E_LIMIT when there are too many. sub and person NULL: the API. */
int request_approve(struct access_request *q, const char *email, const char *sub, const char *person, int64_t seconds,
                    int64_t now);
/* Is this the person who asks, under whatever identity? */
bool request_is_own(const struct access_request *q, const char *email, const char *sub, const char *person);

#endif

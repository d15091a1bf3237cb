/*
 * session: one sign-in (org session); its id is the tokens' identity_nonce. What policies ask about the identity is
 * kept here as it was at sign-in. Contract of the functions: model/model.h.
 */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include "model/model.h"

struct session {
	char *id;            /* identity_nonce; opaque, 1..64 of [A-Za-z0-9_-] */
	char *person;        /* person id */
	char *sub;           /* identity UUID */
	char *iss, *subject; /* the provider's */
	char *email, *idp, *idp_type;
	struct texts amr, groups;
	json_t *claims;      /* NULL if none */
	bool groups_unknown; /* groups or claims were more than could be taken */
	/* what external evaluation said when it last entered an application: "<app id> <evaluate_url>" */
	struct texts said_yes, said_no;
	/* what was approved for a time: "<app id> <until> <print of the policy>", one row an application */
	struct texts approved;
	/* asking the provider again: fetch's name for what it asks with (NULL: nothing), when the provider last said
	   yes, its session, and the nonce of the sign-in */
	char *recheck;
	int64_t checked_at, checked_saved; /* checked_saved: what the store knows of it; not written */
	char *sid, *nonce;
	char *ip, *country, *user_agent;
	struct texts apps; /* ids of the applications it entered */
	int64_t created_at, expires_at, last_seen;
	int64_t revoked_at; /* 0 = live */
	char *revoked_why;
	struct texts revoked_apps; /* ids of applications whose tokens of this session are dead */
};
int session_from_json(const json_t *j, bool text_scalars, struct session **ret_s, struct model_error *err);
json_t *session_to_json(const struct session *s, enum model_form form); /* MODEL_API: without claims */
void session_free(struct session *s);
bool session_live(const struct session *s, int64_t now);
/* Until when it may use the application by an approval of the policy that print stands for (wall seconds); 0 = not. */
int64_t session_approved_until(const struct session *s, const char *app, const char *print);
/* In place of what was approved for the application before. until 0: it is taken back. */
int session_approve(struct session *s, const char *app, const char *print, int64_t until);

#endif

/*
 * person: who signs in: one or more identities (issuer, subject) with the last verified e-mail of each. A person is
 * found by identity, never by e-mail. Contract of the functions: model/model.h.
 */
#ifndef MODEL_PERSON_H
#define MODEL_PERSON_H

#include "model/model.h"

struct identity {
	char *sub;           /* identity UUID: the token's sub */
	char *iss, *subject; /* the provider's */
	char *idp;           /* provider id */
	char *email, *name;
	struct texts amr, groups; /* of the last sign-in */
	json_t *claims;           /* of the last sign-in; NULL if none */
	int64_t last_login;
};
struct person {
	char *id;           /* UUID */
	char *email;        /* of the latest sign-in; for display */
	bool disabled;      /* bars sign-in */
	int64_t revoked_at; /* tokens issued up to then are dead; 0 = never */
	int64_t created_at, updated_at;
	struct identity *identities;
	size_t nidentities;
};
#define PERSON_IDENTITIES_MAX 32
int person_from_json(const json_t *j, bool text_scalars, struct person **ret_p, struct model_error *err);
json_t *person_to_json(const struct person *p, enum model_form form);
void person_free(struct person *p);
struct identity *person_identity(const struct person *p, const char *sub); /* borrowed; NULL when there is none */
/* Finds or appends the identity; E_LIMIT over PERSON_IDENTITIES_MAX. ret_i is borrowed until the next add. */
int person_identity_add(struct person *p, const char *sub, struct identity **ret_i);

#endif

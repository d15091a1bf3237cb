/*
 * service_token: a program's way in: an id that it shows with a secret. The secret is the signer's; here stands who it
 * is, how long it lasts and which version of its secret counts. Contract of the functions: model/model.h.
 */
#ifndef MODEL_SERVICE_TOKEN_H
#define MODEL_SERVICE_TOKEN_H

#include "model/model.h"

#define SERVICE_CLIENT_ID_LEN 39                            /* 32 hexadecimal digits and ".access" */
#define SERVICE_DURATION_DEFAULT_MS (8760LL * 3600 * 1000)  /* a year */
#define SERVICE_DURATION_MAX_MS (10LL * 8760 * 3600 * 1000) /* what a duration can say at all */
#define SERVICE_GRACE_MAX_SEC (366LL * 86400)               /* of a secret that was rotated away */

struct service_token {
	char *id, *name;
	char *client_id;     /* NULL until the edge gives one */
	int64_t duration_ms; /* 0 = "forever"; default a year */
	int64_t expires_at;  /* wall seconds; 0 = never */
	bool enabled;        /* default true */
	int64_t version;     /* client_secret_version, from 1 on */
	int64_t prev_until;  /* previous_client_secret_expires_at; 0 = that secret is dead */
	int64_t created_at, updated_at;
};
int service_token_from_json(const json_t *j, bool text_scalars, struct service_token **ret_t, struct model_error *err);
json_t *service_token_to_json(const struct service_token *t, enum model_form form);
void service_token_free(struct service_token *t);
bool service_client_id_ok(const char *s);
/* When a token of this duration that begins now ends; 0 = never. */
int64_t service_token_end(int64_t duration_ms, int64_t now);
/* 0, or why not (SP_SERVICE_TOKEN): deleted (NULL), disabled, expired, or the secret of this version is no more. */
int service_token_standing(const struct service_token *t, int64_t version, int64_t now, struct reason *why);
/* When what was let in with the secret of this version must end at the latest; 0 = no such time. */
int64_t service_token_until(const struct service_token *t, int64_t version);

#endif

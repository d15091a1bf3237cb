/*
 * organization: what holds for the whole team: one record, or none (then the defaults). Contract of the functions:
 * model/model.h. What the original offers and we do not is refused when it is asked for, and taken when it says no.
 */
#ifndef MODEL_ORGANIZATION_H
#define MODEL_ORGANIZATION_H

#include "model/model.h"

#define ORG_SESSION_DEFAULT_MS (24LL * 3600 * 1000)
#define ORG_SESSION_MAX_MS (730LL * 3600 * 1000) /* a month, as applications */
#define ORG_SEAT_MIN_MS (730LL * 3600 * 1000)

struct organization {
	char *name, *auth_domain;    /* auth_domain: the team host, which is not for the API to set */
	int64_t session_duration_ms; /* of a sign-in (org token); default 24h */
	json_t *login_design;        /* texts under the original's five names; NULL = none */
	json_t *custom_pages;        /* ids; NULL = none */
	bool is_ui_read_only;        /* the dashboard changes nothing; the API does */
	char *ui_read_only_toggle_reason;
	bool auto_redirect_to_identity; /* the launcher: straight to the one provider */
	int64_t seat_expiration_ms;     /* 0 = never */
	int64_t created_at, updated_at;
};
int organization_from_json(const json_t *j, bool text_scalars, struct organization **ret_o, struct model_error *err);
json_t *organization_to_json(const struct organization *o, enum model_form form);
void organization_free(struct organization *o);

#endif

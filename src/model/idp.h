/*
 * idp: an identity provider. Secrets (client_secret, passwords, hashes, TOTP) pass through on their way to the signer
 * and are never written by idp_to_json in either form: the signer alone keeps them. idp_provider_record gives what
 * js_provider_put carries. Contract of the functions: model/model.h.
 */
#ifndef MODEL_IDP_H
#define MODEL_IDP_H

#include "core/secret.h"
#include "model/model.h"

/* words: local onetimepin oidc okta google github */
enum idp_type { IDP_LOCAL, IDP_ONETIMEPIN, IDP_OIDC, IDP_OKTA, IDP_GOOGLE, IDP_GITHUB };
const char *idp_type_str(int t);

struct idp_user {
	char *email;
	struct secret password, password_hash, totp; /* empty = unchanged */
	struct texts groups;
};
/* "config" of the API. The issuer of an okta or google provider follows from its type and account. */
struct idp_config {
	char *client_id;
	struct secret client_secret;
	char *issuer;                           /* ours: enough for everything else, by discovery */
	char *auth_url, *token_url, *certs_url; /* the API's own; overrides of discovery */
	char *okta_account, *authorization_server_id, *apps_domain;
	char *email_claim_name, *prompt;
	struct texts scopes, claims;
	bool pkce_enabled;
};
struct idp {
	char *id, *name;
	int type; /* enum idp_type */
	struct idp_config config;
	struct texts domains;   /* authoritative for these e-mail domains */
	struct idp_user *users; /* IDP_LOCAL */
	size_t nusers;
	int64_t created_at, updated_at;
};
int idp_from_json(const json_t *j, bool text_scalars, struct idp **ret_i, struct model_error *err);
json_t *idp_to_json(const struct idp *i, enum model_form form); /* users as {email, groups} */
void idp_free(struct idp *i);
/* {id, name, type, issuer, client_id, client_secret, scopes, claims, domains, email_claim, auth_url, token_url,
 * certs_url}: secret, wipe it. */
int idp_provider_record(const struct idp *i, struct buf *out);

/* "admins" of the apply file: a role bound to a provider's e-mail until its subject is known. */
enum admin_role { ADMIN_ADMIN, ADMIN_AUDITOR, ADMIN_READ_ONLY }; /* words admin auditor read-only */
struct admin {
	char *id, *email, *idp; /* idp: name or id */
	int role;
	char *sub; /* pinned at first sign-in; NULL until then */
};
int admin_from_json(const json_t *j, bool text_scalars, struct admin **ret_a, struct model_error *err);
json_t *admin_to_json(const struct admin *a, enum model_form form);
void admin_free(struct admin *a);

#endif

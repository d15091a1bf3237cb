/*
 * idp: an identity provider. Secrets (client_secret, passwords, hashes, TOTP) pass through on their way to the signer
 * and are never written by idp_to_json in either form: the signer alone keeps them. idp_provider_record gives what
 * js_provider_put carries. Contract of the functions: model/model.h.
 */
#ifndef MODEL_IDP_H
#define MODEL_IDP_H

#include "core/secret.h"
#include "model/model.h"

/* words: local onetimepin oidc okta google github google-apps azureAD. Those from IDP_OIDC on are outside. */
enum idp_type {
	IDP_LOCAL,
	IDP_ONETIMEPIN,
	IDP_OIDC,
	IDP_OKTA,
	IDP_GOOGLE,
	IDP_GITHUB,
	IDP_GOOGLE_APPS,
	IDP_AZURE,
};
const char *idp_type_str(int t);

struct idp_user {
	char *email;
	struct secret password, password_hash, totp; /* empty = unchanged */
	struct texts groups;
};
/* "config" of the API. The issuer of any but a generic provider follows from its type and account; so do the addresses
   that groups are asked from. Ours: issuer, trust_email, groups_url, github_url. */
struct idp_config {
	char *client_id;
	struct secret client_secret;
	char *issuer;                           /* ours: enough for everything else, by discovery */
	char *auth_url, *token_url, *certs_url; /* the API's own; overrides of discovery */
	char *okta_account, *authorization_server_id, *apps_domain, *directory_id;
	struct secret api_token; /* okta: lists groups where the claim ends at 100 */
	char *groups_url;        /* instead of the type's own */
	char *github_url;        /* an Enterprise server */
	char *email_claim_name, *prompt;
	struct texts scopes, claims;
	bool pkce_enabled;
	bool support_groups; /* azureAD, google-apps: ask the directory for groups */
	bool trust_email;    /* addresses without email_verified count; with domains: only in those */
	/* ours, in milliseconds. recheck: how old the provider's last word may be before it is asked again, 0 = "off".
	   recheck_grace: since its last good answer, while it gives none. max_age: 0 = none. */
	int64_t recheck_ms, recheck_grace_ms, max_age_ms;
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
 * certs_url, apps_domain, trust_email, groups_url, api_token}: secret, wipe it. */
int idp_provider_record(const struct idp *i, struct buf *out);
/* The issuer that its ID tokens name, "" for those that have none. Heap, or NULL. */
char *idp_issuer(const struct idp *i);
/* What is asked for when the configuration names no scopes. */
const char *idp_default_scopes(const struct idp *i);

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

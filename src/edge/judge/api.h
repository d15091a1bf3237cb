/*
 * api: the handlers under /client/v4, one file an object. Who asks was checked by admin_auth before any of them runs.
 *
 * Objects are read from the request's snapshot; changes go through change.h. May block: those that change something, on
 * the store.
 */
#ifndef JUDGE_API_H
#define JUDGE_API_H

#include "edge/judge/change.h"
#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/snapshot.h"

/* --- api_common.c */
const struct app_view *api_app(struct req *r); /* of the path's :id; NULL: the refusal has been sent */
/* Body of the request as an object; new reference; NULL: the refusal has been sent. */
json_t *api_body(struct req *r);
void api_invalid(struct req *r, const struct model_error *err);
/* Writes an application whole: gives policies their ids, checks, stores. Takes doc. Errors in c->err. */
int app_write(struct change *c, json_t *doc, int64_t expected);
/* A new application that says nothing about policies gets one that allows the default groups, if there are any. */
void app_default_policy(const struct snapshot *s, json_t *doc);
json_t *app_json(const struct app_view *a); /* API form */
/* The version of the object that is answered: what If-Match is compared with. */
void api_etag(struct req *r, int64_t version);
/* For what is told to the signer before the store: If-Match now. False: the refusal has been sent. */
bool api_match(struct req *r, int64_t version);
json_t *person_json(struct req *r, const struct person *p);
/* The stored form with id, aud and times; new reference. */
json_t *now_json(void);
bool list_filter(struct req *r, const char *name, const char *id); /* ?name=, ?uuid=, ?search= (part of the name) */

void api_token_verify(struct req *r);
void api_tokens_groups(struct req *r); /* the scopes there are */
void api_tokens_list(struct req *r);
void api_tokens_create(struct req *r);
void api_tokens_get(struct req *r);
void api_tokens_delete(struct req *r);
void api_user_get(struct req *r); /* who asks: the token */
void api_accounts_list(struct req *r);
void api_accounts_get(struct req *r);
void api_zones_list(struct req *r);
void api_zones_get(struct req *r);
void api_permissions(struct req *r); /* the route table with its scopes */
void api_org_get(struct req *r);
void api_org_put(struct req *r);
void api_apps_settings(struct req *r);
void api_apps_list(struct req *r);
void api_apps_create(struct req *r);
void api_apps_get(struct req *r);
void api_apps_update(struct req *r);
void api_apps_delete(struct req *r);
void api_apps_revoke(struct req *r);
void api_policies_list(struct req *r);
void api_policies_create(struct req *r);
void api_policies_get(struct req *r);
void api_policies_update(struct req *r);
void api_policies_delete(struct req *r);
void api_policies_make_reusable(struct req *r);
void api_reusable_list(struct req *r);
void api_reusable_create(struct req *r);
void api_reusable_get(struct req *r);
void api_reusable_update(struct req *r);
void api_reusable_delete(struct req *r);
void api_ca_list(struct req *r);
void api_ca_get(struct req *r);
void api_ca_create(struct req *r);
void api_ca_delete(struct req *r);
void api_groups_list(struct req *r);
void api_groups_create(struct req *r);
void api_groups_get(struct req *r);
void api_groups_update(struct req *r);
void api_groups_delete(struct req *r);
void api_lists_list(struct req *r);
void api_lists_create(struct req *r);
void api_lists_get(struct req *r);
void api_lists_items(struct req *r);
void api_lists_update(struct req *r);
void api_lists_patch(struct req *r);
void api_lists_delete(struct req *r);
void api_idps_list(struct req *r);
void api_idps_create(struct req *r);
void api_idps_get(struct req *r);
void api_idps_update(struct req *r);
void api_idps_delete(struct req *r);
void api_idps_test(struct req *r);
void api_keys_get(struct req *r);
void api_keys_put(struct req *r);
void api_keys_rotate(struct req *r);
void api_certificates_list(struct req *r);
void api_certificates_create(struct req *r);
void api_certificates_get(struct req *r);
void api_certificates_update(struct req *r);
void api_certificates_delete(struct req *r);
void api_certificates_settings(struct req *r);
void api_certificates_settings_put(struct req *r);
/* Checks the PEM, says fingerprint and end. */
int client_ca_complete(struct client_ca *c, struct model_error *err);
void api_requests_list(struct req *r);
void api_requests_approve(struct req *r);
void api_requests_deny(struct req *r);
void api_service_tokens_list(struct req *r);
void api_service_tokens_create(struct req *r);
void api_service_tokens_get(struct req *r);
void api_service_tokens_update(struct req *r);
void api_service_tokens_delete(struct req *r);
void api_service_tokens_refresh(struct req *r);
void api_service_tokens_rotate(struct req *r);
/* Gives a new one what the edge decides: id, client id, first version, times. */
int service_token_name(struct service_token *t);
void api_users_list(struct req *r);
void api_users_get(struct req *r);
void api_users_sessions(struct req *r);
void api_users_session(struct req *r);
void api_users_failed(struct req *r);
void api_users_identity(struct req *r);
void api_user_checks(struct req *r);
void api_users_revoke(struct req *r);
void api_users_disable(struct req *r);
void api_users_enable(struct req *r);
void api_access_log(struct req *r);
void api_tunnels_list(struct req *r);
void api_tunnels_create(struct req *r);
void api_tunnels_get(struct req *r);
void api_tunnels_update(struct req *r);
void api_tunnels_delete(struct req *r);
void api_tunnels_connector(struct req *r);
void api_tunnels_connections(struct req *r);
void api_tunnels_cleanup(struct req *r);
void api_tunnels_token(struct req *r);
void api_tunnels_config_get(struct req *r);
void api_tunnels_config_put(struct req *r);
void api_routes_put(struct req *r);
void api_routes_list(struct req *r);
void api_apply(struct req *r);
void api_explain(struct req *r);
void api_principals_list(struct req *r);
void api_principals_bind(struct req *r);
void api_principals_release(struct req *r);
void api_sessions_list(struct req *r);
void api_sessions_revoke(struct req *r);
void api_host_keys_list(struct req *r);
void api_host_keys_delete(struct req *r);
void api_ssh_sessions_list(struct req *r);
void api_ssh_sessions_end(struct req *r);
void api_audit(struct req *r);
void api_status(struct req *r);

/* Requests that follow the audit log are answered when there is something new, or after their wait. */
void audit_followers_wake(struct judge *j);

/* --- api_idps.c: what a provider's record and its accounts need of the signer, one after the other, after the commit.
 */
struct signer_work;
struct signer_work *signer_work_new(void);
/* Takes idp: its id, record, secrets and users. users false: the record alone. */
int signer_work_add(struct signer_work *w, struct idp *idp, bool record, bool users);
/* A service token whose secret the signer makes unless it has one, after all else. Copies what it needs. */
int signer_work_add_service(struct signer_work *w, const struct service_token *t);
/* Once it has run: adds "secrets" that were made, and warnings about those that were not, to the result. */
void signer_work_told(struct req *r, json_t *result);
bool signer_work_empty(const struct signer_work *w);
/* then(r, code, why): 0, or the first refusal. Takes w. */
void signer_work_run(struct req *r, struct signer_work *w, void (*then)(struct req *r, int code, const char *why));
void signer_work_free(struct signer_work *w);

#endif

#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "edge/judge/admin_auth.h"
#include "edge/judge/api.h"
#include "edge/judge/client_cert.h"
#include "edge/judge/http.h"
#include "edge/judge/judge.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/service.h"
#include "edge/judge/snapshot.h"
#include "edge/judge/ssh_session.h"
#include "identity/scope.h"

#define A "/cdn-cgi/access/"
#define ACCOUNT "/client/v4/accounts/:account/"
#define APPS ACCOUNT "access/apps"
#define TUNNELS ACCOUNT "cfd_tunnel"
#define OURS ACCOUNT "sallyport/"
#define ZONES "/client/v4/zones/"
#define BOTH (ROUTE_TEAM | ROUTE_APP)
/* API rows. R and W: access/..., under accounts and zones alike; other parts say which they are. */
#define R (ROUTE_TEAM | ROUTE_READ | ROUTE_ZONE)
#define W (ROUTE_TEAM | ROUTE_WRITE | ROUTE_ZONE)
#define PR(part) (R | ROUTE_PART(SCOPE_##part))
#define PW(part) (W | ROUTE_PART(SCOPE_##part))
#define ANY (R | ROUTE_ANY)

static const struct http_route routes[] = {
    /* signing in */
    {"GET", A "login/:host", ROUTE_TEAM, login_get},
    {"POST", A "login/:host", ROUTE_TEAM | ROUTE_FORM, login_post},
    {"POST", A "purpose", ROUTE_TEAM | ROUTE_FORM, purpose_post},
    {"POST", A "request", ROUTE_TEAM | ROUTE_FORM, approval_post},
    {"GET", A "approve/:id", ROUTE_TEAM, approve_get},
    {"POST", A "approve/:id", ROUTE_TEAM | ROUTE_FORM, approve_post},
    {"GET", A "callback", ROUTE_TEAM, login_callback},
    {"GET", A "test/:idp", ROUTE_TEAM, test_get},
    {"POST", A "backchannel-logout/:idp", ROUTE_TEAM | ROUTE_FORM | ROUTE_JSON, backchannel_logout},
    {"GET", A "authorized", ROUTE_APP, authorized_get},
    {"GET", A "chain", ROUTE_APP, chain_get},
    {"GET", A "cli", ROUTE_APP, cli_app_get},
    {"GET", A "cli", ROUTE_TEAM, cli_get},
    {"POST", A "cli", ROUTE_TEAM | ROUTE_FORM, cli_post},
    {"GET", A "tunnel-login", ROUTE_TEAM, tunnel_login_get},
    {"POST", A "tunnel-login", ROUTE_TEAM | ROUTE_FORM, tunnel_login_post},
    {"GET", A "transfer/:key", ROUTE_TEAM, transfer_get},
    {"POST", A "cert_sign", ROUTE_TEAM | ROUTE_JSON, cert_issue},
    {"POST", A "service_token", ROUTE_APP | ROUTE_JSON, service_exchange},
    {"GET", A "logout", BOTH, logout_get},
    {"POST", A "logout", ROUTE_APP, logout_post},
    {"GET", A "get-identity", BOTH | ROUTE_JSON, identity_get},
    {"GET", A "terminal", ROUTE_APP | ROUTE_JSON, terminal_get},
    {"GET", A "certs", BOTH | ROUTE_JSON, certs_get},
    {"GET", A "style.css", BOTH, style_get},
    {"GET", A "icon.svg", BOTH, icon_get},
    {"GET", A "logo", BOTH, logo_get},
    {"GET", A "logo/:app", ROUTE_TEAM, logo_app_get},
    {"GET", A "setup/:code", ROUTE_TEAM, setup_get},
    {"POST", A "setup/:code", ROUTE_TEAM | ROUTE_FORM, setup_post},
    {"GET", "/", ROUTE_TEAM, launcher_get},
    /* API: objects */
    {"GET", "/client/v4/user/tokens/verify", ANY, api_token_verify},
    {"GET", "/client/v4/user/tokens/permission_groups", ANY, api_tokens_groups},
    {"GET", "/client/v4/user/tokens", PR(TOKENS), api_tokens_list},
    {"POST", "/client/v4/user/tokens", PW(TOKENS), api_tokens_create},
    {"GET", "/client/v4/user/tokens/:id", PR(TOKENS), api_tokens_get},
    {"DELETE", "/client/v4/user/tokens/:id", PW(TOKENS), api_tokens_delete},
    {"GET", "/client/v4/user", ANY, api_user_get},
    {"GET", "/client/v4/accounts", ANY, api_accounts_list},
    {"GET", "/client/v4/accounts/:account", ANY, api_accounts_get},
    {"GET", "/client/v4/zones", ANY, api_zones_list},
    {"GET", "/client/v4/zones/:zone", ANY, api_zones_get},
    {"GET", APPS, R, api_apps_list},
    {"POST", APPS, W, api_apps_create},
    {"GET", APPS "/ca", R, api_ca_list},
    {"GET", APPS "/:id", R, api_apps_get},
    {"PUT", APPS "/:id", W, api_apps_update},
    {"DELETE", APPS "/:id", W, api_apps_delete},
    {"POST", APPS "/:id/revoke_tokens", W, api_apps_revoke},
    {"PUT", APPS "/:id/settings", W, api_apps_settings},
    {"PATCH", APPS "/:id/settings", W, api_apps_settings},
    {"GET", APPS "/:id/user_policy_checks", PR(USERS), api_user_checks},
    {"GET", APPS "/:id/policies", R, api_policies_list},
    {"POST", APPS "/:id/policies", W, api_policies_create},
    {"GET", APPS "/:id/policies/:policy", R, api_policies_get},
    {"PUT", APPS "/:id/policies/:policy", W, api_policies_update},
    {"DELETE", APPS "/:id/policies/:policy", W, api_policies_delete},
    {"PUT", APPS "/:id/policies/:policy/make_reusable", W, api_policies_make_reusable},
    {"GET", ACCOUNT "access/policies", R, api_reusable_list},
    {"POST", ACCOUNT "access/policies", W, api_reusable_create},
    {"GET", ACCOUNT "access/policies/:id", R, api_reusable_get},
    {"PUT", ACCOUNT "access/policies/:id", W, api_reusable_update},
    {"DELETE", ACCOUNT "access/policies/:id", W, api_reusable_delete},
    {"GET", APPS "/:id/ca", R, api_ca_get},
    {"POST", APPS "/:id/ca", W, api_ca_create},
    {"DELETE", APPS "/:id/ca", W, api_ca_delete},
    {"GET", ACCOUNT "access/groups", R, api_groups_list},
    {"POST", ACCOUNT "access/groups", W, api_groups_create},
    {"GET", ACCOUNT "access/groups/:id", R, api_groups_get},
    {"PUT", ACCOUNT "access/groups/:id", W, api_groups_update},
    {"DELETE", ACCOUNT "access/groups/:id", W, api_groups_delete},
    {"GET", ACCOUNT "gateway/lists", R, api_lists_list},
    {"POST", ACCOUNT "gateway/lists", W, api_lists_create},
    {"GET", ACCOUNT "gateway/lists/:id", R, api_lists_get},
    {"PUT", ACCOUNT "gateway/lists/:id", W, api_lists_update},
    {"PATCH", ACCOUNT "gateway/lists/:id", W, api_lists_patch},
    {"DELETE", ACCOUNT "gateway/lists/:id", W, api_lists_delete},
    {"GET", ACCOUNT "gateway/lists/:id/items", R, api_lists_items},
    {"GET", ACCOUNT "access/identity_providers", PR(IDP), api_idps_list},
    {"POST", ACCOUNT "access/identity_providers", PW(IDP), api_idps_create},
    {"GET", ACCOUNT "access/identity_providers/:id", PR(IDP), api_idps_get},
    {"PUT", ACCOUNT "access/identity_providers/:id", PW(IDP), api_idps_update},
    {"DELETE", ACCOUNT "access/identity_providers/:id", PW(IDP), api_idps_delete},
    {"POST", OURS "identity_providers/:id/test", PW(IDP), api_idps_test},
    {"GET", ACCOUNT "access/service_tokens", R, api_service_tokens_list},
    {"GET", ACCOUNT "access/keys", R, api_keys_get},
    {"PUT", ACCOUNT "access/keys", W, api_keys_put},
    {"POST", ACCOUNT "access/keys/rotate", W, api_keys_rotate},
    {"POST", ACCOUNT "access/service_tokens", W, api_service_tokens_create},
    {"GET", ACCOUNT "access/service_tokens/:id", R, api_service_tokens_get},
    {"PUT", ACCOUNT "access/service_tokens/:id", W, api_service_tokens_update},
    {"DELETE", ACCOUNT "access/service_tokens/:id", W, api_service_tokens_delete},
    {"POST", ACCOUNT "access/service_tokens/:id/refresh", W, api_service_tokens_refresh},
    {"POST", ACCOUNT "access/service_tokens/:id/rotate", W, api_service_tokens_rotate},
    {"GET", ACCOUNT "access/certificates", R, api_certificates_list},
    {"POST", ACCOUNT "access/certificates", W, api_certificates_create},
    {"GET", ACCOUNT "access/certificates/settings", R, api_certificates_settings},
    {"PUT", ACCOUNT "access/certificates/settings", W, api_certificates_settings_put},
    {"GET", ACCOUNT "access/certificates/:id", R, api_certificates_get},
    {"PUT", ACCOUNT "access/certificates/:id", W, api_certificates_update},
    {"DELETE", ACCOUNT "access/certificates/:id", W, api_certificates_delete},
    {"GET", ACCOUNT "access/users", PR(USERS), api_users_list},
    {"GET", ACCOUNT "access/users/:id", PR(USERS), api_users_get},
    {"GET", ACCOUNT "access/users/:id/active_sessions", PR(USERS), api_users_sessions},
    {"GET", ACCOUNT "access/users/:id/active_sessions/:nonce", PR(USERS), api_users_session},
    {"GET", ACCOUNT "access/users/:id/failed_logins", PR(USERS), api_users_failed},
    {"GET", ACCOUNT "access/users/:id/last_seen_identity", PR(USERS), api_users_identity},
    {"GET", ACCOUNT "access/organizations", R, api_org_get},
    {"POST", ACCOUNT "access/organizations", W, api_org_put},
    {"PUT", ACCOUNT "access/organizations", W, api_org_put},
    {"PATCH", ACCOUNT "access/organizations", W, api_org_put},
    {"POST", ACCOUNT "access/organizations/revoke_user", PW(USERS), api_users_revoke},
    {"GET", ACCOUNT "access/logs/access_requests", PR(AUDIT), api_access_log},
    /* API: tunnels */
    {"GET", TUNNELS, PR(TUNNELS), api_tunnels_list},
    {"POST", TUNNELS, PW(TUNNELS), api_tunnels_create},
    {"GET", TUNNELS "/:id", PR(TUNNELS), api_tunnels_get},
    {"PATCH", TUNNELS "/:id", PW(TUNNELS), api_tunnels_update},
    {"DELETE", TUNNELS "/:id", PW(TUNNELS), api_tunnels_delete},
    {"GET", TUNNELS "/:id/connections", PR(TUNNELS), api_tunnels_connections},
    {"DELETE", TUNNELS "/:id/connections", PW(TUNNELS), api_tunnels_cleanup},
    {"GET", TUNNELS "/:id/connectors/:connector", PR(TUNNELS), api_tunnels_connector},
    {"GET", TUNNELS "/:id/token", PW(TUNNELS), api_tunnels_token},
    {"GET", TUNNELS "/:id/configurations", PR(TUNNELS), api_tunnels_config_get},
    {"PUT", TUNNELS "/:id/configurations", PW(TUNNELS), api_tunnels_config_put},
    {"PUT", "/client/v4/zones/:zone/tunnels/:id/routes", PW(TUNNELS), api_routes_put},
    {"GET", OURS "routes", PR(TUNNELS), api_routes_list},
    /* API: ours */
    {"POST", OURS "apply", W | ROUTE_ALL, api_apply},
    {"GET", OURS "explain", R, api_explain},
    {"GET", OURS "principals", PR(PRINCIPALS), api_principals_list},
    {"POST", OURS "principals", PW(PRINCIPALS), api_principals_bind},
    {"DELETE", OURS "principals/:name", PW(PRINCIPALS), api_principals_release},
    {"GET", OURS "requests", R, api_requests_list},
    {"POST", OURS "requests/:id/approve", W, api_requests_approve},
    {"POST", OURS "requests/:id/deny", W, api_requests_deny},
    {"GET", OURS "sessions", PR(USERS), api_sessions_list},
    {"DELETE", OURS "sessions/:id", PW(USERS), api_sessions_revoke},
    {"GET", OURS "ssh_sessions", PR(USERS), api_ssh_sessions_list},
    {"DELETE", OURS "ssh_sessions/:id", PW(USERS), api_ssh_sessions_end},
    {"GET", OURS "host_keys", R, api_host_keys_list},
    {"DELETE", OURS "host_keys/:id", W, api_host_keys_delete},
    {"GET", OURS "audit", PR(AUDIT), api_audit},
    {"POST", OURS "users/:email/disable", PW(USERS), api_users_disable},
    {"POST", OURS "users/:email/enable", PW(USERS), api_users_enable},
    {"GET", OURS "permissions", ANY, api_permissions},
    {"GET", OURS "status", ANY, api_status},
};

/* Captures are percent-decoded once, here; "%2f" becomes a character of the name and never a separator. */
static int
take_segments(struct req *r, const struct slice seg[ROUTE_SEGS], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf b;
		buf_init(&b, 8192);
		int e = url_unescape(&b, (const char *)seg[i].p, seg[i].n, false);
		if (e == 0 && !(r->seg[i] = arena_strn(&r->arena, buf_ptr(&b), buf_len(&b))))
			e = E_NOMEM;
		buf_release(&b);
		if (e < 0)
			return e;
	}
	return 0;
}

/* zones/{zone}/access/... as accounts/{zone}/access/...; which of the two it was, account_fits sees in r->path. */
static const char *
account_form(struct req *r)
{
	static const char access[] = "/access/";
	const char *rest = str_starts(r->path, ZONES) ? r->path + strlen(ZONES) : NULL,
	           *slash = rest ? strchr(rest, '/') : NULL;

	return slash && str_starts(slash, access) ? req_fmt(r, "/client/v4/accounts/%s", rest) : NULL;
}

static bool
matches(const struct http_route *t, const char *path, const char *as_account, struct slice seg[ROUTE_SEGS],
        size_t *ret_n)
{
	return route_match(t->path, path, seg, ret_n) ||
	       (as_account && (t->flags & ROUTE_ZONE) && route_match(t->path, as_account, seg, ret_n));
}

static const struct http_route *
find(struct req *r, unsigned host_kind, bool *ret_other_method)
{
	const char *method = r->head ? "GET" : r->method, *as_account = account_form(r);
	struct slice seg[ROUTE_SEGS];
	size_t n;

	*ret_other_method = false;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		const struct http_route *t = &routes[i];
		if (!(t->flags & host_kind) || !matches(t, r->path, as_account, seg, &n))
			continue;
		if (strcmp(t->method, method)) {
			*ret_other_method = true;
			continue;
		}
		return take_segments(r, seg, n) == 0 ? t : NULL;
	}
	return NULL;
}

const char *
route_scope(unsigned flags)
{
	bool write = (flags & ROUTE_WRITE) != 0;

	if (flags & ROUTE_ANY)
		return NULL;
	if (flags & ROUTE_ALL)
		return write ? "write" : "read";
	return scope_of((enum scope_part)(flags >> ROUTE_PART_SHIFT), write);
}

bool
route_at(size_t i, const struct http_route **ret_t)
{
	for (size_t k = 0; k < sizeof routes / sizeof *routes; k++)
		if ((routes[k].flags & ROUTE_API) && i-- == 0) {
			*ret_t = &routes[k];
			return true;
		}
	return false;
}

/* A form of ours, sent from a page of ours: browsers say so, and a page elsewhere cannot make them say it. Programs say
   nothing. "" stands for a header that came twice. */
static bool
origin_is_ours(struct req *r)
{
	const char *o = req_header(r, "origin"), *site = req_header(r, "sec-fetch-site");

	if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return false;
	return !o || !strcmp(o, req_origin_of(r, r->host));
}

static void
run(struct req *r, const struct http_route *t)
{
	r->json = (t->flags & ROUTE_JSON) != 0;
	r->envelope = (t->flags & ROUTE_API) != 0;
	if (query_parse(r->query_text, strlen(r->query_text), &r->query) < 0) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	if (t->flags & ROUTE_FORM) {
		r->form_ok = query_parse((const char *)r->body.p, r->body.n, &r->form) == 0;
		if (!r->form_ok || !origin_is_ours(r)) {
			reply_refuse(r, r->form_ok ? SP_LOGIN_STATE : SP_BAD_REQUEST);
			return;
		}
	}
	if (r->envelope && !admin_auth(r, route_scope(t->flags)))
		return;
	t->handler(r);
}

/* Which application is asked for; otherwise the refusal has been sent. The edge's own paths belong to all of a host. */
static bool
app_of(struct req *r)
{
	int e;

	if (str_starts(r->path, "/cdn-cgi/")) {
		r->app = snapshot_app_of_host(r->snap, r->host, NULL);
		e = r->app ? 0 : E_NOENT;
	} else {
		e = snapshot_app_find(r->snap, r->host, r->path, &r->app);
	}
	if (e == E_FORMAT)
		judge_deny(r, NULL, SP_BAD_REQUEST, "a path with several readings on a host with applications by path");
	else if (e < 0)
		judge_deny(r, NULL, SP_UNKNOWN_HOST, "no application of that host name and path");
	return e == 0;
}

void
route_dispatch(struct req *r)
{
	struct judge *j = r->j;
	bool team = !strcmp(r->host, j->team_host), other_method;

	if (!team && req_is(r, "GET") && page_file(r)) /* pages that say "no such host" are pages too */
		return;
	if (!team && !app_of(r))
		return;
	r->who.elsewhere = team;
	if (!team)
		client_cert_judge(r);
	const struct http_route *t = find(r, team ? ROUTE_TEAM : ROUTE_APP, &other_method);
	if (t) {
		run(r, t);
		return;
	}
	r->envelope = str_starts(r->path, "/client/v4/");
	r->json = !strcmp(r->path, A "cert_sign"); /* clients decode whatever comes (facts/access.md 5.2) */
	if (other_method)
		reply_refuse(r, SP_METHOD);
	else if (team || str_starts(r->path, "/cdn-cgi/"))
		reply_refuse(r, SP_NOT_FOUND);
	else
		app_request(r);
}

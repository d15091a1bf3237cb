/* What tools ask before anything else: whose token is this, which account, which zone, what may it do. There is one of
 * each here. */
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/judge/api.h"

void
api_token_verify(struct req *r)
{
	json_t *scopes = json_array();

	for (size_t i = 0; i < r->api_scopes.n; i++)
		json_array_append_new(scopes, json_string(r->api_scopes.v[i]));
	reply_result(r, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "id", r->api_jti, "name", r->api_name, "status",
	                          "active", "account_id", r->j->account, "zone_id", r->j->zone, "scopes", scopes));
}

void
api_user_get(struct req *r)
{
	reply_result(r, json_pack("{s:s, s:s, s:b, s:b}", "id", r->api_jti, "email", r->j->admin_email,
	                          "two_factor_authentication_enabled", 0, "suspended", 0));
}

static json_t *
account_json(const struct judge *j)
{
	return json_pack("{s:s, s:s, s:s, s:{}}", "id", j->account, "name", j->team_host, "type", "standard",
	                 "settings");
}

static json_t *
zone_json(const struct judge *j)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:{s:s, s:s}, s:[]}", "id", j->zone, "name", j->team_host, "status",
	                 "active", "paused", 0, "type", "full", "account", "id", j->account, "name", j->team_host,
	                 "name_servers");
}

void
api_accounts_list(struct req *r)
{
	json_t *all = json_array();
	const char *name = req_param(r, "name");

	if (!*name || !strcmp(name, r->j->team_host))
		json_array_append_new(all, account_json(r->j));
	reply_list(r, all);
}

void
api_accounts_get(struct req *r)
{
	reply_result(r, account_json(r->j));
}

/* Every host name belongs to the one zone: who looks for the zone of "ssh.example.com" by its name finds it. */
void
api_zones_list(struct req *r)
{
	json_t *all = json_array();
	const char *account = req_param(r, "account.id");

	if (!*account || !strcmp(account, r->j->account))
		json_array_append_new(all, zone_json(r->j));
	reply_list(r, all);
}

void
api_zones_get(struct req *r)
{
	reply_result(r, zone_json(r->j));
}

void
api_permissions(struct req *r)
{
	json_t *all = json_array();
	const struct http_route *t;

	for (size_t i = 0; route_at(i, &t); i++) {
		const char *scope = route_scope(t->flags);
		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:b}", "method", t->method, "path", t->path,
		                                     "scope", scope ? scope : "any", "zone",
		                                     (t->flags & ROUTE_ZONE) && strstr(t->path, "/access/") != NULL));
	}
	reply_result(r, all);
}

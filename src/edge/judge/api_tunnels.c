/* Tunnels and the host names that lead to them: what `tunnel create|list|info|token|delete|cleanup|route dns` asks for.
 */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "identity/keychain.h"
#include "edge/judge/api.h"
#include "edge/judge/config_check.h"
#include "edge/judge/ticket.h"
#include "edge/judge/tunnel_link.h"

static const struct tunnel *
find(struct req *r, int64_t *ret_version)
{
	for (size_t i = 0; i < r->snap->ntunnels; i++)
		if (!strcmp(r->snap->tunnels[i]->id, r->seg[1])) {
			if (ret_version)
				*ret_version = r->snap->tunnel_versions[i];
			return r->snap->tunnels[i];
		}
	reply_refuse_text(r, SP_NOT_FOUND, "no such tunnel");
	return NULL;
}

static json_t *
time_or_null(int64_t t)
{
	char at[24];

	if (!t)
		return json_null();
	time_format(t, at);
	return json_string(at);
}

static json_t *
conn_json(const struct tunnel_link *l, const char *location)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:s}", "id", l->conn_id, "uuid", l->conn_id, "client_id",
	                 l->client_id, "client_version", l->version, "colo_name", location, "is_pending_reconnect", 0,
	                 "opened_at", time_or_null(l->opened_at), "origin_ip",
	                 *l->origin_ip ? l->origin_ip : l->address);
}

static json_t *
tunnel_json(struct judge *j, const struct tunnel *t)
{
	json_t *o = tunnel_to_json(t, MODEL_API), *conns = json_array();
	const struct tunnel_live *live = map_get(&j->tunnels, t->id);
	struct map_iter it = {0};

	while (map_next(&j->links, &it))
		if (!strcmp(((const struct tunnel_link *)it.value)->tunnel, t->id))
			json_array_append_new(conns, conn_json(it.value, j->location));
	json_t *config = snapshot_tunnel_config(j->snap, t);
	json_object_set_new(o, "account_tag", json_string(t->account_tag ? t->account_tag : j->account));
	json_object_set_new(o, "connections", conns);
	json_object_set_new(o, "status", json_string(tunnel_status(j, t->id)));
	json_object_set_new(o, "tun_type", json_string("cfd_tunnel"));
	json_object_set_new(o, "remote_config", json_boolean(config != NULL));
	json_object_set_new(o, "config_src", json_string(config || t->remote ? "cloudflare" : "local"));
	json_object_set_new(o, "metadata", json_object());
	json_object_set_new(o, "created_at", time_or_null(t->created_at));
	json_object_set_new(o, "deleted_at", time_or_null(t->deleted_at));
	json_object_set_new(o, "conns_active_at", time_or_null(live && live->links ? live->active_at : 0));
	json_object_set_new(o, "conns_inactive_at", time_or_null(live && !live->links ? live->inactive_at : 0));
	json_decref(config);
	return o;
}

static bool
wanted(struct req *r, const struct tunnel *t)
{
	const char *prefix = req_param(r, "name_prefix"), *not_prefix = req_param(r, "exclude_prefix"),
	           *status = req_param(r, "status"), *deleted = req_param(r, "is_deleted");

	if (!*prefix)
		prefix = req_param(r, "include_prefix");
	return list_filter(r, t->name, t->id) && (!*prefix || str_starts(t->name, prefix)) &&
	       (!*not_prefix || !str_starts(t->name, not_prefix)) &&
	       (!*status || !strcmp(status, tunnel_status(r->j, t->id))) &&
	       (!*deleted || !strcmp(deleted, t->deleted_at ? "true" : "false"));
}

void
api_tunnels_list(struct req *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->snap->ntunnels; i++)
		if (wanted(r, r->snap->tunnels[i]))
			json_array_append_new(all, tunnel_json(r->j, r->snap->tunnels[i]));
	reply_list(r, all);
}

void
api_tunnels_get(struct req *r)
{
	int64_t version;
	const struct tunnel *t = find(r, &version);

	if (!t)
		return;
	api_etag(r, version);
	reply_result(r, tunnel_json(r->j, t));
}

static const char *
token_text(struct req *r, const struct tunnel *t)
{
	struct buf b;
	const char *s = "";

	json_t *keys = keychain_pins(r->j->issuer, &r->j->jwks);
	buf_init_secret(&b, TUNNEL_TOKEN_MAX + 1);
	if (tunnel_token(t, keys, &b) == 0 && buf_cstr(&b))
		s = req_fmt(r, "%s", buf_cstr(&b));
	buf_release(&b);
	json_decref(keys);
	return s;
}

/* The secret is in the answer to whoever made it, as the original gives it. */
static void
add_credentials(struct req *r, json_t *o, const struct tunnel *t)
{
	char secret[64];

	b64_encode_str(secret, sizeof secret, B64_STD, t->secret.d, t->secret.n);
	json_object_set_new(o, "credentials_file",
	                    json_pack("{s:s, s:s, s:s, s:o, s:s}", "AccountTag", r->j->account, "TunnelID", t->id,
	                              "TunnelName", t->name, "TokenKeys", keychain_pins(r->j->issuer, &r->j->jwks),
	                              "TunnelSecret", secret));
	json_object_set_new(o, "token", json_string(token_text(r, t)));
	mem_wipe(secret, sizeof secret);
}

static json_t *
config_json(struct req *r, const struct snapshot *snap, const struct tunnel *t)
{
	json_t *config = NULL;
	const struct tunnel_live *live = map_get(&r->j->tunnels, t->id);
	json_t *pushed = snapshot_tunnel_config(snap, t);

	if (!pushed && live && live->local_config)
		json_load_strict(live->local_config, strlen(live->local_config), LINK_CONFIG_MAX, &config);
	const char *source = pushed ? "cloudflare" : "local";
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:o}", "account_id", r->j->account, "tunnel_id", t->id, "version",
	                 (json_int_t)tunnel_version(t), "source", source, "created_at", time_or_null(t->created_at),
	                 "config",
	                 pushed   ? pushed
	                 : config ? config
	                          : json_null());
}

/* Writes j as tunnel; on success the answer is made from the new snapshot. */
static void
write(struct req *r, json_t *j, const char *id, int64_t version, const char *action)
{
	struct change c;
	struct tunnel *t = NULL;
	int e = change_begin(&c, r);

	if (e == 0)
		e = tunnel_from_json(j, false, &t, &c.err);
	json_decref(j);
	if (e == 0) {
		change_note(&c, "tunnel", t->name, action, NULL);
		e = change_put(&c, "tunnel", id, version, tunnel_to_json(t, MODEL_STORE));
	}
	tunnel_free(t);
	if (e == 0)
		e = change_commit(&c);
	if (e < 0) {
		if (e == E_EXIST)
			c.code = SP_CONFLICT;
		change_refuse(&c, e);
		return;
	}
	change_abort(&c);
	json_t *o = NULL;
	for (size_t i = 0; i < r->j->snap->ntunnels; i++) {
		const struct tunnel *now = r->j->snap->tunnels[i];
		if (strcmp(now->id, id))
			continue;
		o = !strcmp(action, "configure") ? config_json(r, r->j->snap, now) : tunnel_json(r->j, now);
		if (version == STORE_NEW)
			add_credentials(r, o, now);
	}
	reply_result(r, o);
}

void
api_tunnels_create(struct req *r)
{
	json_t *j = api_body(r);
	char id[37], secret[64];
	uint8_t raw[TUNNEL_SECRET_LEN];

	if (!j)
		return;
	uuid_new(id);
	if (!json_is_string(json_object_get(j, "tunnel_secret"))) {
		random_bytes(raw, sizeof raw);
		b64_encode_str(secret, sizeof secret, B64_STD, raw, sizeof raw);
		json_object_set_new(j, "tunnel_secret", json_string(secret));
		mem_wipe(raw, sizeof raw);
		mem_wipe(secret, sizeof secret);
	}
	json_object_set_new(j, "id", json_string(id));
	json_object_set_new(j, "account_tag", json_string(r->j->account));
	json_object_set_new(j, "created_at", now_json());
	write(r, j, req_fmt(r, "%s", id), STORE_NEW, "create");
}

void
api_tunnels_update(struct req *r)
{
	int64_t version;
	const struct tunnel *t = find(r, &version);
	json_t *j = t ? api_body(r) : NULL, *doc;

	if (!j)
		return;
	doc = tunnel_to_json(t, MODEL_STORE);
	const char *const may[] = {"name", "tunnel_secret"};
	for (size_t i = 0; i < 2; i++)
		if (json_object_get(j, may[i]))
			json_object_set(doc, may[i], json_object_get(j, may[i]));
	json_decref(j);
	write(r, doc, t->id, version, "update");
}

/* The application whose own record names this tunnel. One that is led here by a route alone is no hindrance: the route
   goes with the tunnel. */
static const struct app *
user_of(const struct req *r, const struct tunnel *t)
{
	for (size_t i = 0; i < r->snap->napps; i++) {
		const struct app *a = r->snap->views[i].app;
		if (a->tunnel && (!strcmp(a->tunnel, t->id) || !strcmp(a->tunnel, t->name)))
			return a;
	}
	return NULL;
}

void
api_tunnels_delete(struct req *r)
{
	int64_t version;
	const struct tunnel *t = find(r, &version);
	struct change c;

	if (!t)
		return;
	bool cascade = !strcmp(req_param(r, "cascade"), "true");
	const struct app *user = user_of(r, t);
	if (t->deleted_at || (tunnel_is_live(r->j, t->id) && !cascade) || user) {
		reply_refuse_text(
		    r, SP_CONFLICT,
		    t->deleted_at ? "The tunnel is deleted."
		    : user        ? req_fmt(r, "Application %s uses this tunnel: give it another first.", user->name)
		                  : "The tunnel has active connections: clean them up first.");
		return;
	}
	json_t *doc = tunnel_to_json(t, MODEL_STORE);
	json_object_set_new(doc, "deleted_at", now_json());
	json_object_del(doc, "tunnel_secret"); /* no connector may come back with it */
	int e = change_begin(&c, r);
	change_note(&c, "tunnel", t->name, "delete", NULL);
	if (e == 0)
		e = change_put(&c, "tunnel", t->id, version, doc);
	else
		json_decref(doc);
	for (size_t i = 0; e == 0 && i < r->snap->nroutes; i++)
		if (!strcmp(r->snap->routes[i]->tunnel_id, t->id))
			e = change_delete(&c, "route", r->snap->routes[i]->hostname);
	if (change_finish(&c, e) < 0)
		return;
	tunnel_unlink(r->j, t->id, "", "tunnel deleted");
	tickets_cut(r->j, TICKET_TUNNEL, t->id, "tunnel deleted");
	json_t *o = tunnel_json(r->j, t);
	json_object_set_new(o, "deleted_at", now_json());
	reply_result(r, o);
}

/* One element a connector, its connections inside. */
static json_t *
connectors_json(struct req *r, const struct tunnel *t)
{
	json_t *all = json_array(), *by = json_object();
	struct map_iter it = {0};

	while (map_next(&r->j->links, &it)) {
		const struct tunnel_link *l = it.value;
		if (strcmp(l->tunnel, t->id))
			continue;
		json_t *c = json_object_get(by, l->client_id);
		if (!c) {
			c = json_pack("{s:s, s:s, s:s, s:o, s:O, s:I, s:[]}", "id", l->client_id, "version", l->version,
			              "arch", l->arch, "run_at", time_or_null(l->opened_at), "features", l->features,
			              "config_version", (json_int_t)l->config_version, "conns");
			json_object_set_new(by, l->client_id, c);
			json_array_append(all, c);
		}
		json_array_append_new(json_object_get(c, "conns"), conn_json(l, r->j->location));
	}
	json_decref(by);
	return all;
}

void
api_tunnels_connections(struct req *r)
{
	const struct tunnel *t = find(r, NULL);

	if (t)
		reply_list(r, connectors_json(r, t));
}

void
api_tunnels_connector(struct req *r)
{
	const struct tunnel *t = find(r, NULL);
	json_t *all, *c, *found = NULL;
	size_t i;

	if (!t)
		return;
	all = connectors_json(r, t);
	json_array_foreach(all, i, c)
	{
		if (!strcmp(json_str_or(c, "id", ""), r->seg[2]))
			found = json_incref(c);
	}
	json_decref(all);
	if (found)
		reply_result(r, found);
	else
		reply_refuse_text(r, SP_NOT_FOUND, "no such connector");
}

void
api_tunnels_cleanup(struct req *r)
{
	const struct tunnel *t = find(r, NULL);

	if (!t)
		return;
	tunnel_unlink(r->j, t->id, req_param(r, "client_id"), "cleaned up");
	reply_result(r, json_object());
}

void
api_tunnels_token(struct req *r)
{
	const struct tunnel *t = find(r, NULL);

	if (!t)
		return;
	if (t->deleted_at) {
		reply_refuse_text(r, SP_NOT_FOUND, "The tunnel is deleted.");
		return;
	}
	judge_audit(r->j, r,
	            &(struct audit_note){.kind = EVENT_SECRET_READ, .subject = t->name, .why = "tunnel token"});
	reply_result(r, json_string(token_text(r, t)));
}

void
api_tunnels_config_get(struct req *r)
{
	const struct tunnel *t = find(r, NULL);

	if (t)
		reply_result(r, config_json(r, r->snap, t));
}

void
api_tunnels_config_put(struct req *r)
{
	int64_t version;
	const struct tunnel *t = find(r, &version);
	json_t *j = t ? api_body(r) : NULL, *config, *doc;
	struct model_error err = {0};

	if (!j)
		return;
	if (json_get_object(j, "config", &config) < 0 || config_check(config, &err) < 0) {
		model_error_prefix(&err, "/config");
		json_decref(j);
		api_invalid(r, &err);
		return;
	}
	doc = tunnel_to_json(t, MODEL_STORE);
	json_object_set(doc, "config", config);
	json_object_set_new(doc, "config_src", json_string("cloudflare"));
	json_decref(j);
	write(r, doc, t->id, version, "configure");
}

/* --- host names
 * -------------------------------------------------------------------------------------------------------------- */

static json_t *
route_json(const char *host, const struct tunnel *t, const char *by, int64_t created)
{
	char cname[64];
	snprintf(cname, sizeof cname, "%s.cfargotunnel.com", t->id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "hostname", host, "tunnel_id", t->id, "tunnel", t->name,
	                 "cname", cname, "by", by, "created_at", time_or_null(created));
}

/* A host that an application has under several paths is one route. */
static void
routes_of_app(const struct app_view *v, json_t *all)
{
	const struct app *a = v->app;

	for (size_t i = 0; a->tunnel && v->tunnel && i < a->nsites; i++) {
		bool before = false;
		for (size_t k = 0; k < i; k++)
			before |= !strcmp(a->sites[k].host, a->sites[i].host);
		if (!before)
			json_array_append_new(all,
			                      route_json(a->sites[i].host, v->tunnel, "application", a->created_at));
	}
}

void
api_routes_list(struct req *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->snap->napps; i++)
		routes_of_app(&r->snap->views[i], all);
	for (size_t i = 0; i < r->snap->nroutes; i++) {
		const struct tunnel *t = snapshot_tunnel(r->snap, r->snap->routes[i]->tunnel_id);
		if (t)
			json_array_append_new(
			    all, route_json(r->snap->routes[i]->hostname, t, "route", r->snap->routes[i]->created_at));
	}
	reply_list(r, all);
}

/* What leads there now: an application's own tunnel, else a route. */
static const struct tunnel *
leads_to(struct req *r, const char *host, const struct app_view **ret_app)
{
	*ret_app = NULL;
	for (size_t i = 0; i < r->snap->napps; i++)
		for (size_t k = 0; r->snap->apps[i]->tunnel && k < r->snap->apps[i]->nsites; k++)
			if (!strcmp(r->snap->apps[i]->sites[k].host, host)) {
				*ret_app = &r->snap->views[i];
				return r->snap->views[i].tunnel;
			}
	for (size_t i = 0; i < r->snap->nroutes; i++)
		if (!strcmp(r->snap->routes[i]->hostname, host))
			return snapshot_tunnel(r->snap, r->snap->routes[i]->tunnel_id);
	return NULL;
}

static int
route_write(struct change *c, const struct app_view *a, const char *host, const struct tunnel *t)
{
	if (a) {
		json_t *doc = app_to_json(a->app, MODEL_STORE);
		json_object_set_new(doc, "tunnel", json_string(t->id));
		return app_write(c, doc, a->version);
	}
	struct route one = {.hostname = (char *)(uintptr_t)host, .tunnel_id = t->id, .created_at = judge_now()};
	return change_put(c, "route", host, STORE_ANY, route_to_json(&one, MODEL_STORE));
}

void
api_routes_put(struct req *r)
{
	const struct tunnel *t = find(r, NULL);
	json_t *j = t ? api_body(r) : NULL;
	const struct app_view *a;
	struct change c;
	char host[254];

	if (!j)
		return;
	bool dns = !strcmp(json_str_or(j, "type", "dns"), "dns"),
	     overwrite = json_bool_or(j, "overwrite_existing", false);
	int bad = model_domain(json_str_or(j, "user_hostname", ""), host);
	json_decref(j);
	bool edge = bad == 0 && host_is_edge(host, r->j->team_host);
	if (!dns || bad < 0 || edge || t->deleted_at) {
		reply_refuse_text(r, SP_BAD_REQUEST,
		                  edge  ? "This name is the edge's own."
		                  : dns ? "user_hostname must be a host name."
		                        : "Only routes of type dns are here.");
		return;
	}
	const struct tunnel *was = leads_to(r, host, &a);
	if (was == t || (was && !overwrite)) {
		if (was == t)
			reply_result(r,
			             json_pack("{s:s, s:s, s:s}", "cname", "unchanged", "name", host, "dns_tag", ""));
		else
			reply_refuse_text(r, SP_CONFLICT,
			                  "The host name leads to another tunnel; --overwrite-dns changes that.");
		return;
	}
	int e = change_begin(&c, r);
	change_note(&c, "route", host, was ? "update" : "create", NULL);
	if (e == 0)
		e = route_write(&c, a, host, t);
	if (change_finish(&c, e) < 0)
		return;
	reply_result(r, json_pack("{s:s, s:s, s:s}", "cname", was ? "updated" : "new", "name", host, "dns_tag", ""));
}

/* Applications and their policies. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/session.h"

void
api_apps_list(struct req *r)
{
	json_t *all = json_array();
	const char *domain = req_param(r, "domain");

	for (size_t i = 0; i < r->snap->napps; i++)
		if (list_filter(r, r->snap->apps[i]->name, r->snap->apps[i]->id) &&
		    (!*domain || !strcmp(domain, r->snap->apps[i]->domain)))
			json_array_append_new(all, app_json(&r->snap->views[i]));
	reply_list(r, all);
}

void
api_apps_get(struct req *r)
{
	const struct app_view *a = api_app(r);
	if (!a)
		return;
	api_etag(r, a->version);
	reply_result(r, app_json(a));
}

/* Answers with the application as it now stands. */
static void
finish(struct req *r, struct change *c, int e, const char *id, unsigned status)
{
	c->own = id;
	if (e == 0)
		e = change_commit(c);
	if (e < 0) {
		change_refuse(c, e);
		return;
	}
	change_abort(c);
	const struct app_view *a = snapshot_app_by_id(r->j->snap, id);
	reply_result_status(r, status, a ? app_json(a) : NULL);
}

/* SDKs echo read-only members back; they are not an application's to set. */
static void
drop_echo(json_t *j)
{
	static const char *const echo[] = {"id", "uid", "aud", "created_at", "updated_at"};
	for (size_t i = 0; i < sizeof echo / sizeof *echo; i++)
		json_object_del(j, echo[i]);
}

void
api_apps_create(struct req *r)
{
	json_t *j = api_body(r);
	struct change c;
	char id[37], aud[65];

	if (!j)
		return;
	drop_echo(j);
	uuid_new(id);
	judge_random_hex(aud, 32);
	json_object_set_new(j, "id", json_string(id));
	json_object_set_new(j, "aud", json_string(aud));
	json_object_set_new(j, "created_at", now_json());
	json_object_set_new(j, "updated_at", now_json());
	app_default_policy(r->snap, j);
	int e = change_begin(&c, r);
	change_note(&c, "app", json_str_or(j, "name", ""), "create", NULL);
	if (e == 0)
		e = app_write(&c, j, STORE_NEW);
	else
		json_decref(j);
	finish(r, &c, e, id, 201);
}

void
api_apps_update(struct req *r)
{
	const struct app_view *a = api_app(r);
	json_t *j = a ? api_body(r) : NULL, *old;
	struct change c;

	if (!j)
		return;
	drop_echo(j);
	old = app_to_json(a->app, MODEL_STORE);
	const char *const keep[] = {"id", "aud", "created_at"};
	for (size_t i = 0; i < 3; i++)
		json_object_set(j, keep[i], json_object_get(old, keep[i]));
	if (!json_object_get(j, "policies"))
		json_object_set(j, "policies", json_object_get(old, "policies"));
	json_object_set_new(j, "updated_at", now_json());
	json_decref(old);
	int e = change_begin(&c, r);
	change_note(&c, "app", a->app->name, "update", NULL);
	if (e == 0)
		e = app_write(&c, j, a->version);
	else
		json_decref(j);
	finish(r, &c, e, a->app->id, 200);
}

/* The two members that have a route of their own; PUT and PATCH alike leave the others as they are. */
void
api_apps_settings(struct req *r)
{
	static const char *const members[] = {"allow_iframe", "skip_interstitial", NULL};
	const struct app_view *a = api_app(r);
	json_t *j = a ? api_body(r) : NULL, *doc, *v;
	struct change c;
	const char *key;

	if (!j)
		return;
	doc = app_to_json(a->app, MODEL_STORE);
	json_object_foreach(j, key, v)
	{
		const char *near = str_nearest(key, members);
		if (strcmp(key, members[0]) && strcmp(key, members[1])) {
			reply_refuse_at(r, SP_BAD_REQUEST,
			                req_fmt(r, "unknown field \"%.60s\"%s%s", key, near ? "; did you mean " : "",
			                        near ? near : ""),
			                req_fmt(r, "/%.60s", key));
			json_decref(doc);
			json_decref(j);
			return;
		}
		json_object_set(doc, key, v);
	}
	json_decref(j);
	json_object_set_new(doc, "updated_at", now_json());
	int e = change_begin(&c, r);
	change_note(&c, "app", a->app->name, "update", NULL);
	if (e == 0)
		e = app_write(&c, doc, a->version);
	else
		json_decref(doc);
	finish(r, &c, e, a->app->id, 200);
}

void
api_apps_delete(struct req *r)
{
	const struct app_view *a = api_app(r);
	struct change c;

	if (!a)
		return;
	int e = change_begin(&c, r);
	change_note(&c, "app", a->app->name, "delete", NULL);
	if (e == 0)
		e = change_delete(&c, "app", a->app->id);
	if (change_finish(&c, e) < 0)
		return;
	reply_result_status(r, 202, json_pack("{s:s}", "id", a->app->id));
}

void
api_apps_revoke(struct req *r)
{
	const struct app_view *a = api_app(r);
	size_t n;

	if (!a)
		return;
	r->app = a;
	int e = revoke_app(r->j, a->app->id, "application's tokens revoked", &n);
	judge_audit(r->j, r,
	            &(struct audit_note){
	                .kind = EVENT_SESSION_REVOKED, .subject = a->app->domain, .why = "tokens of the application"});
	if (e < 0)
		reply_refuse_text(
		    r, SP_STORE,
		    "The sessions are refused from now on, but this could not be written to disk. Ask again.");
	else
		reply_result(r, json_pack("{s:I}", "sessions", (json_int_t)n));
}

/* --- policies ------------------------------------------------------------------------------------------------------
 */

static size_t
policy_index(struct req *r, const struct app_view *a)
{
	for (size_t i = 0; i < a->app->npolicies; i++)
		if (!strcmp(policy_real(a->app->policies[i])->id, r->seg[2]))
			return i;
	reply_refuse_text(r, SP_NOT_FOUND, "no such policy");
	return SIZE_MAX;
}

void
api_policies_list(struct req *r)
{
	const struct app_view *a = api_app(r);
	json_t *all;

	if (!a)
		return;
	all = json_array();
	for (size_t i = 0; i < a->app->npolicies; i++)
		json_array_append_new(all, policy_to_json(a->app->policies[i], MODEL_API));
	reply_list(r, all);
}

void
api_policies_get(struct req *r)
{
	const struct app_view *a = api_app(r);
	size_t i = a ? policy_index(r, a) : SIZE_MAX;

	if (i != SIZE_MAX)
		reply_result(r, policy_to_json(a->app->policies[i], MODEL_API));
}

/* The application's document with its policies edited, committed; answers with the policy called id, or with {"id"}
 * when it is gone. */
static void
policies_commit(struct req *r, const struct app_view *a, json_t *doc, const char *action, const char *id,
                unsigned status)
{
	struct change c;
	int e = change_begin(&c, r);

	json_object_set_new(doc, "updated_at", now_json());
	c.own = a->app->id;
	c.own_policy = id;
	change_note(&c, "policy", req_fmt(r, "%s of %s", id, a->app->name), action, NULL);
	if (e == 0)
		e = app_write(&c, doc, a->version);
	else
		json_decref(doc);
	if (change_finish(&c, e) < 0)
		return;
	a = snapshot_app_by_id(r->j->snap, a->app->id);
	for (size_t i = 0; a && i < a->app->npolicies; i++)
		if (!strcmp(policy_real(a->app->policies[i])->id, id)) {
			reply_result_status(r, status, policy_to_json(a->app->policies[i], MODEL_API));
			return;
		}
	reply_result_status(r, status, json_pack("{s:s}", "id", id));
}

/* Read by itself first, so that an error points into the body that was sent. Takes p when it is refused. */
static bool
policy_body_ok(struct req *r, json_t *p)
{
	struct model_error err = {0};
	struct policy *one = NULL;
	int e = policy_entry_from_json(p, false, &one, &err);

	policy_free(one);
	if (e == 0)
		return true;
	json_decref(p);
	if (e == E_FORMAT)
		api_invalid(r, &err);
	else
		reply_refuse(r, SP_INTERNAL);
	return false;
}

void
api_policies_create(struct req *r)
{
	const struct app_view *a = api_app(r);
	json_t *p = a ? api_body(r) : NULL, *doc, *list;
	char id[37];

	if (!p || !policy_body_ok(r, p))
		return;
	if (policy_json_is_ref(p)) { /* {id}: a reusable one is put to use here */
		str_copy(id, sizeof id, json_str_or(p, "id", ""));
	} else {
		uuid_new(id);
		json_object_set_new(p, "id", json_string(id));
		json_object_set_new(p, "created_at", now_json());
	}
	if (!json_object_get(p, "precedence"))
		json_object_set_new(p, "precedence", json_integer((json_int_t)a->app->npolicies + 1));
	doc = app_to_json(a->app, MODEL_STORE);
	if (!(list = json_object_get(doc, "policies"))) {
		json_object_set_new(doc, "policies", json_array());
		list = json_object_get(doc, "policies");
	}
	/* Put first, so that among equals the new one takes the place it asked for. */
	json_array_insert_new(list, 0, p);
	policies_commit(r, a, doc, "create", req_fmt(r, "%s", id), 201);
}

void
api_policies_update(struct req *r)
{
	const struct app_view *a = api_app(r);
	size_t i = a ? policy_index(r, a) : SIZE_MAX;
	json_t *p, *doc, *old;

	if (i == SIZE_MAX)
		return;
	if (a->app->policies[i]->ref) {
		reply_refuse_text(r, SP_CONFLICT,
		                  "This policy is reusable and others may use it: change it under access/policies.");
		return;
	}
	if (!(p = api_body(r)) || !policy_body_ok(r, p))
		return;
	doc = app_to_json(a->app, MODEL_STORE);
	old = json_array_get(json_object_get(doc, "policies"), i);
	json_object_set_new(p, "id", json_string(a->app->policies[i]->id));
	json_object_set(p, "created_at", json_object_get(old, "created_at"));
	if (!json_object_get(p, "precedence"))
		json_object_set(p, "precedence", json_object_get(old, "precedence"));
	json_object_set_new(p, "updated_at", now_json());
	json_array_set_new(json_object_get(doc, "policies"), i, p);
	policies_commit(r, a, doc, "update", a->app->policies[i]->id, 200);
}

void
api_policies_delete(struct req *r)
{
	const struct app_view *a = api_app(r);
	size_t i = a ? policy_index(r, a) : SIZE_MAX;
	json_t *doc;

	if (i == SIZE_MAX)
		return;
	doc = app_to_json(a->app, MODEL_STORE);
	json_array_remove(json_object_get(doc, "policies"), i);
	policies_commit(r, a, doc, "delete", policy_real(a->app->policies[i])->id, 202);
}

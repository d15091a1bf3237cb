#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/config_check.h"

const struct app_view *
api_app(struct req *r)
{
	const struct app_view *a = snapshot_app_by_id(r->snap, r->seg[1]);

	if (!a)
		reply_refuse_text(r, SP_NOT_FOUND, "no such application");
	return a;
}

json_t *
api_body(struct req *r)
{
	json_t *j = NULL;

	if (req_json(r, &j) < 0 || !json_is_object(j)) {
		json_decref(j);
		reply_refuse_text(r, SP_BAD_REQUEST,
		                  req_fmt(r, "The body must be one JSON object: %s.", req_json_why(r)));
		return NULL;
	}
	return j;
}

void
api_invalid(struct req *r, const struct model_error *err)
{
	reply_refuse_at(r, SP_BAD_REQUEST, err->text, err->pointer);
}

json_t *
now_json(void)
{
	char at[24];
	time_format(judge_now(), at);
	return json_string(at);
}

void
api_etag(struct req *r, int64_t version)
{
	reply_header(r, "etag", req_fmt(r, "\"%lld\"", (long long)version));
}

bool
api_match(struct req *r, int64_t version)
{
	const char *want = req_header(r, "if-match"), *have = req_fmt(r, "\"%lld\"", (long long)version);

	if (!want || !strcmp(want, "*") || !strcmp(want, have))
		return true;
	reply_refuse_text(r, SP_CONFLICT, req_fmt(r, "If-Match says %.40s, the object is at version %s.", want, have));
	return false;
}

bool
list_filter(struct req *r, const char *name, const char *id)
{
	const char *n = req_param(r, "name"), *u = req_param(r, "uuid"), *part = req_param(r, "search");
	return (!*n || !strcmp(n, name)) && (!*u || !strcmp(u, id)) && (!*part || strcasestr(name, part));
}

json_t *
app_json(const struct app_view *a)
{
	json_t *j = app_to_json(a->app, MODEL_API);

	json_object_set_new(j, "uid", json_string(a->app->id));
	json_t *all = json_array();
	for (size_t i = 0; i < a->app->nsites; i++)
		json_array_append_new(all, json_sprintf("%s%s", a->app->sites[i].host, a->app->sites[i].path));
	json_object_set_new(j, "self_hosted_domains", all);
	return j;
}

static void
policies_named(json_t *doc)
{
	size_t i;
	json_t *p, *list = json_object_get(doc, "policies");

	json_array_foreach(list, i, p)
	{
		char id[37];
		if (!json_is_object(p) || policy_json_is_ref(p) || json_is_string(json_object_get(p, "id")))
			continue;
		uuid_new(id);
		json_object_set_new(p, "id", json_string(id));
		json_object_set_new(p, "created_at", now_json());
	}
}

void
app_default_policy(const struct snapshot *s, json_t *doc)
{
	json_t *include = json_array();

	for (size_t i = 0; !json_object_get(doc, "policies") && i < s->ngroups; i++)
		if (s->groups[i]->is_default)
			json_array_append_new(include, json_pack("{s:{s:s}}", "group", "id", s->groups[i]->id));
	if (json_array_size(include))
		json_object_set_new(
		    doc, "policies",
		    json_pack("[{s:s, s:s, s:O}]", "name", "default groups", "decision", "allow", "include", include));
	json_decref(include);
}

int
app_write(struct change *c, json_t *doc, int64_t expected)
{
	struct app *a = NULL;

	policies_named(doc);
	int e = app_from_json(doc, false, &a, &c->err);
	json_decref(doc);
	if (e < 0)
		return e;
	if ((e = app_fit_check(a, c->j->team_host, &c->err)) == 0)
		e = change_put(c, "app", a->id, expected, app_to_json(a, MODEL_STORE));
	app_free(a);
	return e;
}

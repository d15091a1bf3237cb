/* Reusable policies: stored once, named by applications. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/config_check.h"

static const struct policy *
find(struct req *r, int64_t *ret_version)
{
	for (size_t i = 0; i < r->snap->npolicies; i++)
		if (!strcmp(r->snap->policies[i]->id, r->seg[1])) {
			*ret_version = r->snap->policy_versions[i];
			return r->snap->policies[i];
		}
	reply_refuse_text(r, SP_NOT_FOUND, "no such reusable policy");
	return NULL;
}

/* How many applications name it; the names of the first few in text. */
static size_t
users_of(const struct snapshot *s, const struct policy *p, struct buf *names)
{
	size_t n = 0;

	for (size_t i = 0; i < s->napps; i++)
		for (size_t k = 0; k < s->apps[i]->npolicies; k++) {
			if (s->apps[i]->policies[k]->target != p)
				continue;
			if (names && n < 5)
				buf_putf(names, "%s%s", n ? ", " : "", s->apps[i]->name);
			n++;
			break;
		}
	return n;
}

static json_t *
shown(const struct snapshot *s, const struct policy *p)
{
	json_t *o = policy_to_json(p, MODEL_API);

	json_object_del(o, "precedence"); /* each application has its own */
	json_object_set_new(o, "reusable", json_true());
	json_object_set_new(o, "app_count", json_integer((json_int_t)users_of(s, p, NULL)));
	return o;
}

void
api_reusable_list(struct req *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->snap->npolicies; i++)
		if (list_filter(r, r->snap->policies[i]->name, r->snap->policies[i]->id))
			json_array_append_new(all, shown(r->snap, r->snap->policies[i]));
	reply_list(r, all);
}

void
api_reusable_get(struct req *r)
{
	int64_t version;
	const struct policy *p = find(r, &version);
	if (p)
		reply_result(r, shown(r->snap, p));
}

static const struct policy *
now_there(const struct snapshot *s, const char *id)
{
	for (size_t i = 0; i < s->npolicies; i++)
		if (!strcmp(s->policies[i]->id, id))
			return s->policies[i];
	return NULL;
}

/* Takes j. */
static int
put(struct change *c, json_t *j, const char *id, const char *created, int64_t version)
{
	struct policy *p = NULL;
	int e;

	json_object_del(j, "precedence");
	json_object_set_new(j, "id", json_string(id));
	json_object_set_new(j, "reusable", json_true());
	json_object_set_new(j, "created_at", created ? json_string(created) : now_json());
	json_object_set_new(j, "updated_at", now_json());
	e = policy_from_json(j, false, &p, &c->err);
	json_decref(j);
	if (e == 0)
		e = policy_fit_check(p, &c->err);
	if (e == 0) {
		change_note(c, "policy", p->name, version == STORE_NEW ? "create" : "update", NULL);
		e = change_put(c, "policy", id, version, policy_to_json(p, MODEL_STORE));
	}
	policy_free(p);
	return e;
}

static void
finish(struct req *r, struct change *c, int e, const char *id, unsigned status)
{
	if (e == 0)
		e = change_commit(c);
	if (e < 0) {
		change_refuse(c, e);
		return;
	}
	change_abort(c);
	const struct policy *p = now_there(r->j->snap, id);
	reply_result_status(r, status, p ? shown(r->j->snap, p) : NULL);
}

void
api_reusable_create(struct req *r)
{
	json_t *j = api_body(r);
	struct change c;
	char id[37];

	if (!j)
		return;
	uuid_new(id);
	int e = change_begin(&c, r);
	if (e == 0)
		e = put(&c, j, id, NULL, STORE_NEW);
	else
		json_decref(j);
	finish(r, &c, e, id, 201);
}

void
api_reusable_update(struct req *r)
{
	int64_t version;
	const struct policy *p = find(r, &version);
	json_t *j = p ? api_body(r) : NULL, *old;
	struct change c;

	if (!j)
		return;
	old = policy_to_json(p, MODEL_STORE);
	const char *created = req_fmt(r, "%s", json_str_or(old, "created_at", ""));
	json_decref(old);
	int e = change_begin(&c, r);
	if (e == 0)
		e = put(&c, j, p->id, *created ? created : NULL, version);
	else
		json_decref(j);
	finish(r, &c, e, p->id, 200);
}

static bool
refused_in_use(struct req *r, const struct policy *p)
{
	struct buf names;
	size_t n;

	buf_init(&names, 4096);
	n = users_of(r->snap, p, &names);
	const char *who = req_fmt(r, "%s%s", buf_cstr(&names) ? buf_cstr(&names) : "", n > 5 ? ", ..." : "");
	buf_release(&names);
	if (n)
		reply_refuse_text(r, SP_CONFLICT,
		                  req_fmt(r,
		                          "Policy \"%s\" is used by %zu application%s (%s): take it out of them first.",
		                          p->name, n, n == 1 ? "" : "s", who));
	return n > 0;
}

void
api_reusable_delete(struct req *r)
{
	int64_t version;
	const struct policy *p = find(r, &version);
	struct change c;

	if (!p || refused_in_use(r, p))
		return;
	int e = change_begin(&c, r);
	change_note(&c, "policy", p->name, "delete", NULL);
	if (e == 0)
		e = change_delete(&c, "policy", p->id);
	if (change_finish(&c, e) < 0)
		return;
	reply_result_status(r, 202, json_pack("{s:s}", "id", p->id));
}

/* An application's own policy becomes a reusable one under the same id, and the application names it. */
void
api_policies_make_reusable(struct req *r)
{
	const struct app_view *a = api_app(r);
	const struct policy *p = NULL;
	struct change c;
	size_t at = 0;

	if (!a)
		return;
	for (size_t i = 0; !p && i < a->app->npolicies; i++)
		if (!strcmp(policy_real(a->app->policies[i])->id, r->seg[2])) {
			p = a->app->policies[i];
			at = i;
		}
	if (!p || p->ref) {
		reply_refuse_text(r, p ? SP_CONFLICT : SP_NOT_FOUND,
		                  p ? "This policy is reusable already." : "no such policy");
		return;
	}
	json_t *was = policy_to_json(p, MODEL_STORE), *doc = app_to_json(a->app, MODEL_STORE);
	const char *created = req_fmt(r, "%s", json_str_or(was, "created_at", ""));
	json_array_set_new(json_object_get(doc, "policies"), at,
	                   json_pack("{s:s, s:I}", "id", p->id, "precedence", (json_int_t)p->precedence));
	json_object_set_new(doc, "updated_at", now_json());
	int e = change_begin(&c, r);
	if (e == 0)
		e = put(&c, json_incref(was), p->id, *created ? created : NULL, STORE_NEW);
	if (e == 0)
		e = app_write(&c, json_incref(doc), a->version);
	json_decref(was);
	json_decref(doc);
	finish(r, &c, e, p->id, 200);
}

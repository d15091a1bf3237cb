#include "edge/judge/change.h"

#include "edge/judge/policy_try.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"

#define RECORDS_TEXT_MAX (512u << 10) /* of AUDIT_LINE_MAX */

void
uuid_new(char out[static 37])
{
	uint8_t u[16];
	random_bytes(u, sizeof u);
	uuid_v4_bits(u);
	uuid_format(u, out);
}

int
change_begin(struct change *c, struct req *r)
{
	*c =
	    (struct change){.j = r->j, .r = r, .list = json_array(), .touched = json_object(), .records = json_array()};
	int e = c->list ? judge_audit_settle(r->j) : E_NOMEM; /* one open intent at a time */

	if (e == 0)
		e = store_begin(r->j->store, &c->why);
	c->open = e == 0;
	return e;
}

/* What two documents of a kind must not share. A deleted tunnel gives its name free. */
static size_t
keys_of(const char *kind, const json_t *doc, struct store_key keys[4])
{
	size_t n = 0;
	const char *name = json_str_or(doc, "name", NULL), *domain = json_str_or(doc, "domain", NULL);
	bool app = !strcmp(kind, "app"), deleted = json_object_get(doc, "deleted_at") != NULL;

	if (name)
		keys[n++] = (struct store_key){deleted ? "old_name" : "name", name, !app && !deleted};
	if (app && domain)
		keys[n++] = (struct store_key){"domain", domain, true};
	return n;
}

static void
redact(json_t *j)
{
	const char *key;
	json_t *v;
	size_t i;
	void *next;

	json_array_foreach(j, i, v)
	{
		redact(v);
	}
	json_object_foreach_safe(j, next, key, v)
	{
		bool secret = strstr(key, "secret") || strstr(key, "password") || strstr(key, "hash") ||
		              !strcmp(key, "totp") || !strcmp(key, "api_token");
		if (secret && json_is_string(v))
			json_object_set_new(j, key, json_string("***"));
		else
			redact(v);
	}
}

static json_t *
shown(const char *text)
{
	json_t *j = NULL;

	if (!text || json_load_strict(text, strlen(text), STORE_DOC_MAX, &j) < 0)
		return json_null();
	redact(j);
	return j;
}

/* If-Match speaks of the object that the request is about: the first that it touches. */
static int
match(struct change *c, int64_t version)
{
	const char *want = c->r ? req_header(c->r, "if-match") : NULL;
	char have[32];

	snprintf(have, sizeof have, "\"%lld\"", (long long)version);
	if (c->begun || !want || !strcmp(want, "*") || !strcmp(want, have))
		return 0;
	c->code = SP_CONFLICT;
	return reason_set(&c->why, E_CONFLICT, SP_CONFLICT, "If-Match says %.40s, the object is at version %s.", want,
	                  have);
}

/* What stands there now, for the audit chain; text NULL: it goes. */
static int
remember(struct change *c, const char *kind, const char *id, const char *text)
{
	struct store_doc was = {0};
	struct reason why = {0};
	int e = store_get(c->j->store, kind, id, &was, &why);

	if (e == E_NOENT)
		was = (struct store_doc){0};
	else if (e < 0)
		return e;
	e = match(c, was.version);
	c->begun = true;
	if (e == 0)
		json_array_append_new(c->records, json_pack("{s:s, s:s, s:o, s:o}", "kind", kind, "id", id, "before",
		                                            shown(was.json), "after", shown(text)));
	store_doc_release(&was);
	return e;
}

int
change_put(struct change *c, const char *kind, const char *id, int64_t expected, json_t *doc)
{
	struct store_key keys[4];
	char *text = doc ? json_dump_str(doc) : NULL;
	size_t n = doc ? keys_of(kind, doc, keys) : 0;
	char about[96];
	snprintf(about, sizeof about, "%.40s %.50s", kind, id);
	json_object_set_new(c->touched, about, json_true());
	int e = text ? remember(c, kind, id, text) : E_NOMEM;

	if (e == 0)
		e = store_put(c->j->store, kind, id, expected, text, keys, n, NULL, &c->why);
	free(text);
	json_decref(doc);
	return e;
}

int
change_delete(struct change *c, const char *kind, const char *id)
{
	int e = remember(c, kind, id, NULL);

	c->deletes = true;
	return e < 0 ? e : store_delete(c->j->store, kind, id, STORE_ANY, &c->why);
}

void
change_note(struct change *c, const char *kind, const char *name, const char *action, json_t *fields)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "kind", kind, "name", name, "action", action);
	if (o && fields)
		json_object_set(o, "fields", fields);
	json_decref(fields);
	json_array_append_new(c->list, o);
}

static int
remember_intent(struct change *c, uint64_t seq)
{
	char text[64];
	snprintf(text, sizeof text, "{\"intent\":%llu}", (unsigned long long)seq);
	return store_put(c->j->store, "meta", "change", STORE_ANY, text, NULL, 0, NULL, &c->why);
}

static void
name_app(struct change *c, const struct app *a)
{
	unsigned long p;

	c->apps_of_pointer = str_dup(a->id);
	if (sscanf(c->err.pointer, "/apps/%*u/policies/%lu", &p) == 1 && p < a->npolicies && a->policies[p]->id)
		str_copy(c->policy_of_pointer, sizeof c->policy_of_pointer, a->policies[p]->id);
}

/* err's pointer speaks of the candidate's arrays; apply wants to know which of its own objects that was. */
static void
name_culprit(struct change *c, struct snapshot *s)
{
	unsigned long n;

	if (s && sscanf(c->err.pointer, "/apps/%lu", &n) == 1 && n < s->napps)
		name_app(c, s->apps[n]);
	else if (s && sscanf(c->err.pointer, "/groups/%lu", &n) == 1 && n < s->ngroups)
		c->apps_of_pointer = str_dup(s->groups[n]->id);
	else if (s && sscanf(c->err.pointer, "/policies/%lu", &n) == 1 && n < s->npolicies)
		c->apps_of_pointer = str_dup(s->policies[n]->id);
}

/* A connector takes a configuration only under a higher version than its last (facts/cloudflared-wire.md a.9). */
static int
versions_raise(struct change *c, const struct snapshot *s, bool *ret_any)
{
	int e = 0;

	*ret_any = false;
	for (size_t i = 0; e == 0 && i < s->ntunnels; i++) {
		const struct tunnel *t = s->tunnels[i], *was = snapshot_tunnel(c->j->snap, t->id);
		if (t->deleted_at)
			continue;
		json_t *now = snapshot_tunnel_config(s, t),
		       *before = was ? snapshot_tunnel_config(c->j->snap, was) : NULL;
		if (now && (!before || !json_equal(now, before))) {
			json_t *doc = tunnel_to_json(t, MODEL_STORE);
			json_object_set_new(doc, "config_version", json_integer(t->config_version + 1));
			e = change_put(c, "tunnel", t->id, s->tunnel_versions[i], doc);
			*ret_any = true;
		}
		json_decref(now);
		json_decref(before);
	}
	return e;
}

static void
warning_take(void *arg, const char *text)
{
	json_array_append_new(arg, json_string(text));
}

static bool
touched(const struct change *c, const char *kind, const char *id)
{
	char about[96];

	snprintf(about, sizeof about, "%.40s %.50s", kind, id);
	return json_object_get(c->touched, about) != NULL;
}

/* About what this change writes; what others left standing is not this administrator's matter now. */
static void
warnings_collect(struct change *c, const struct snapshot *s)
{
	json_decref(c->warnings);
	c->warnings = json_array();
	for (size_t i = 0; i < s->ngroups; i++)
		if (touched(c, "group", s->groups[i]->id))
			policy_warn_group(s->set, i, warning_take, c->warnings);
	for (size_t i = 0; i < s->npolicies; i++)
		if (touched(c, "policy", s->policies[i]->id))
			policy_warn_reusable(s->set, i, warning_take, c->warnings);
	for (size_t i = 0; i < s->napps; i++)
		if (touched(c, "app", s->apps[i]->id))
			policy_warn_app(s->set, i, warning_take, c->warnings);
	for (size_t i = 0; i < s->nidps; i++)
		if (s->idps[i]->type >= IDP_OIDC && !s->idps[i]->config.recheck_ms && touched(c, "idp", s->idps[i]->id))
			json_array_append_new(c->warnings,
			                      json_sprintf("identity provider \"%.100s\": with recheck: off whoever is "
			                                   "removed there keeps access here until the session ends",
			                                   s->idps[i]->name));
}

/* A file must hold all tests. A single change must not break one, unless it is said that it may; what was broken before
   is not its fault. What the edge changes by itself (a first sign-in) is never kept back. */
static int
tests_check(struct change *c, const struct snapshot *s)
{
	struct model_error broken = {0};
	int e = tests_hold(s, NULL, &c->err);

	if (e == 0 || c->tested)
		return e;
	json_array_append_new(c->warnings, json_string(c->err.text));
	if (!c->r->api_name || !strcmp(req_param(c->r, "ignore_tests"), "true") ||
	    tests_hold(s, c->j->snap, &broken) == 0)
		return 0;
	return model_fail(&c->err, "", "%.250s; ?ignore_tests=true does it all the same", broken.text);
}

int
change_check(struct change *c, struct snapshot **ret_s)
{
	struct snapshot *s = NULL, *loose = NULL;
	bool raised = false;
	int e = snapshot_build(c->j, false, &s, &c->err);

	if (e == 0)
		e = versions_raise(c, s, &raised);
	if (e == 0 && raised) {
		snapshot_drop(s);
		s = NULL;
		e = snapshot_build(c->j, false, &s, &c->err);
	}
	if (e == 0) {
		warnings_collect(c, s);
		if ((e = tests_check(c, s)) < 0) {
			snapshot_drop(s);
			return e;
		}
		*ret_s = s;
		return 0;
	}
	snapshot_drop(s);
	if (e == E_FORMAT && snapshot_build(c->j, true, &loose, &(struct model_error){0}) == 0)
		name_culprit(c, loose);
	snapshot_drop(loose);
	return e;
}

/* An apply of thousands of objects has its changes in the chain, but not every object twice. */
static void
add_records(const struct change *c, json_t *details)
{
	char *text = json_dump_str(c->records);

	if (text && strlen(text) <= RECORDS_TEXT_MAX)
		json_object_set(details, "records", c->records);
	else
		json_object_set_new(details, "records_left_out", json_integer((json_int_t)json_array_size(c->records)));
	free(text);
}

int
change_commit(struct change *c)
{
	struct judge *j = c->j;
	struct snapshot *s = NULL;
	uint64_t seq = 0;
	json_t *details = NULL;
	int e = change_check(c, &s);

	if (e < 0)
		return e;
	details = json_pack("{s:O}", "changes", c->list);
	add_records(c, details);
	if ((e = judge_audit_now(j, c->r, &(struct audit_note){.kind = EVENT_CHANGE_INTENT, .details = details},
	                         &seq)) < 0)
		goto out;
	if ((e = remember_intent(c, seq)) == 0)
		e = store_commit(j->store, &c->why);
	else
		store_rollback(j->store);
	c->open = false;
	if (e == E_UNSURE)
		j->unsure_seq = seq;
	else
		judge_audit(j, c->r,
		            &(struct audit_note){.kind = e ? EVENT_CHANGE_FAILED : EVENT_CHANGE_DONE,
		                                 .intent = seq,
		                                 .why = c->why.text});
	if (e == 0) {
		json_decref(c->r->warnings);
		c->r->warnings = json_incref(c->warnings);
		snapshot_swap(j, s);
		s = NULL;
	}
out:
	json_decref(details);
	snapshot_drop(s);
	return e;
}

void
change_abort(struct change *c)
{
	if (c->open)
		store_rollback(c->j->store);
	c->open = false;
	json_decref(c->list);
	json_decref(c->touched);
	json_decref(c->records);
	c->records = NULL;
	json_decref(c->warnings);
	c->touched = c->warnings = NULL;
	free(c->apps_of_pointer);
	c->list = NULL;
	c->apps_of_pointer = NULL;
}

/* "/apps/3/name" -> "/name" */
static const char *
past_index(const char *pointer)
{
	const char *second = *pointer ? strchr(pointer + 1, '/') : NULL;

	return second ? second + 1 + strcspn(second + 1, "/") : pointer;
}

/* Where in the request's own body it stands. */
static const char *
pointer_in_body(const struct change *c)
{
	const char *at = c->err.pointer;

	if (!c->own || !c->apps_of_pointer || strcmp(c->own, c->apps_of_pointer))
		return at;
	at = past_index(at);
	return c->own_policy && !strcmp(c->own_policy, c->policy_of_pointer) ? past_index(at) : at;
}

/* A call that only deletes and leaves somebody's rule without what it names: who that is. NULL: it is something else.
 */
static const char *
in_use_by(const struct change *c)
{
	const struct snapshot *s = c->j->snap;
	const char *id = c->apps_of_pointer;
	const struct app_view *a = id ? snapshot_app_by_id(s, id) : NULL;

	if (!c->deletes || !id || !c->r || !req_is(c->r, "DELETE"))
		return NULL;
	if (a)
		return req_fmt(c->r, "application \"%.100s\"", a->app->name);
	for (size_t i = 0; i < s->ngroups; i++)
		if (!strcmp(s->groups[i]->id, id))
			return req_fmt(c->r, "group \"%.100s\"", s->groups[i]->name);
	for (size_t i = 0; i < s->npolicies; i++)
		if (!strcmp(s->policies[i]->id, id))
			return req_fmt(c->r, "policy \"%.100s\"", s->policies[i]->name);
	return NULL;
}

void
change_refuse(struct change *c, int e)
{
	struct req *r = c->r;
	const char *user = e == E_FORMAT ? in_use_by(c) : NULL;
	const char *why = user ? req_fmt(r, "in use by %s", user)
	                       : req_fmt(r, "%s", e == E_FORMAT ? c->err.text : c->why.text),
	           *at = user ? "" : req_fmt(r, "%s", pointer_in_body(c));
	int code = c->code                                      ? c->code
	           : e == E_CONFLICT || e == E_EXIST            ? SP_CONFLICT
	           : e == E_NOENT                               ? SP_NOT_FOUND
	           : user                                       ? SP_CONFLICT
	           : e == E_FORMAT                              ? SP_APPLY
	           : e == E_IO || e == E_AGAIN || e == E_UNSURE ? SP_STORE
	                                                        : SP_INTERNAL;

	change_abort(c);
	if (code == SP_INTERNAL || code == SP_STORE)
		log_error("change", "why", why, "error", err_str(e), NULL);
	reply_refuse_at(r, code, code == SP_INTERNAL ? "" : why, *at ? at : NULL);
}

int
change_finish(struct change *c, int e)
{
	if (e == 0)
		e = change_commit(c);
	if (e < 0)
		change_refuse(c, e);
	else
		change_abort(c);
	return e;
}

/*
 * apply: POST .../sallyport/apply. One row a section; each object is read by its model (every scalar a text), overlaid
 * on what stands, compared, and written inside one change. Passwords and client secrets go to the signer afterwards and
 * are forgotten.
 */
#include "edge/judge/apply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/random.h"
#include "edge/judge/admin_auth.h"
#include "edge/judge/api.h"
#include "edge/judge/config_check.h"
#include "edge/judge/policy_try.h"

#define IDPS_NAMED_MAX 64 /* among which the nearest name is looked for */

struct apply {
	struct change c;
	struct req *r;
	struct signer_work *work;
	json_t *checked; /* accounts whose password was given again */
	json_t *warnings;
	json_t *pointers; /* id -> where in the document */
	const json_t *doc;
	const char *section;
	size_t index;
	bool dry;
};

struct section {
	const char *name;
	int (*one)(struct apply *x, const json_t *given);
};

/* --- what is common to all kinds
 * ---------------------------------------------------------------------------------------------- */

/* Writes the overlaid object when it differs; notes what changed. old NULL: new. Takes merged. */
static int
settle(struct apply *x, const char *kind, const char *what, const char *name, const json_t *old, int64_t version,
       json_t *merged, bool *ret_changed)
{
	json_t *fields = old ? apply_diff(old, merged) : NULL;
	bool changed = !old || json_array_size(fields) > 0;
	const char *id = req_fmt(x->r, "%s", json_str_or(merged, "id", ""));
	char at[64];
	int e = 0;

	*ret_changed = changed;
	snprintf(at, sizeof at, "/%s/%zu", x->section, x->index);
	json_object_set_new(x->pointers, id, json_string(at));
	if (changed) {
		if (strcmp(kind, "tunnel") && strcmp(kind, "admin")) /* these records carry no such time */
			json_object_set_new(merged, "updated_at", now_json());
		change_note(&x->c, what, name, old ? "update" : "create", json_incref(fields));
		e = !strcmp(kind, "app") ? app_write(&x->c, json_incref(merged), old ? version : STORE_NEW)
		                         : change_put(&x->c, kind, id, old ? version : STORE_NEW, json_incref(merged));
	}
	json_decref(fields);
	json_decref(merged);
	return e;
}

/* "write" opens the document, not what has a scope of its own. */
static int
need(struct apply *x, const char *scope, const char *what)
{
	if (admin_may(x->r, scope))
		return 0;
	x->c.code = SP_API_SCOPE;
	return reason_set(&x->c.why, E_DENIED, SP_API_SCOPE, "%s is needed to change %s.", scope, what);
}

static json_t *
with_identity(json_t *fresh)
{
	char id[37];

	uuid_new(id);
	json_object_set_new(fresh, "id", json_string(id));
	json_object_set_new(fresh, "created_at", now_json());
	return fresh;
}

/* --- identity providers
 * ---------------------------------------------------------------------------------------------------------- */

/* The users that the document names are added to those that stand; an account is deleted by the API alone. */
static json_t *
users_union(const json_t *old, const json_t *fresh)
{
	json_t *out = json_array(), *u, *f;
	size_t i, k;

	json_array_foreach((json_t *)(uintptr_t)old, i, u)
	{
		json_t *take = u;
		json_array_foreach((json_t *)(uintptr_t)fresh, k,
		                   f) if (!strcmp(json_str_or(f, "email", ""), json_str_or(u, "email", ""))) take = f;
		json_array_append(out, take);
	}
	json_array_foreach((json_t *)(uintptr_t)fresh, k, f)
	{
		bool known = false;
		json_array_foreach(out, i, u) known |=
		    !strcmp(json_str_or(f, "email", ""), json_str_or(u, "email", ""));
		if (!known)
			json_array_append(out, f);
	}
	return out;
}

static void
note_users(struct apply *x, const struct idp *fresh, const json_t *old)
{
	json_t *users = json_object_get(old, "users"), *u;

	for (size_t k = 0; k < fresh->nusers; k++) {
		size_t i;
		bool known = false;
		json_array_foreach(users, i, u) known |= !strcmp(json_str_or(u, "email", ""), fresh->users[k].email);
		if (!known)
			change_note(&x->c, "user", fresh->users[k].email, "create", NULL);
		else if (fresh->users[k].password.n)
			json_array_append_new(x->checked,
			                      json_pack("{s:s, s:s, s:s}", "kind", "user", "name",
			                                fresh->users[k].email, "action", "password checked"));
	}
}

static int
idp_work(struct apply *x, const json_t *merged, struct idp *fresh, bool changed)
{
	struct idp *i = NULL;
	struct idp_config *given = &fresh->config;
	bool secret = given->client_secret.n > 0 || given->api_token.n > 0;
	int e = idp_from_json(merged, false, &i, &x->c.err);

	if (e < 0)
		return e;
	if (!changed && !secret && !fresh->nusers) {
		idp_free(i);
		return 0;
	}
	if ((e = need(x, "idp:write", "identity providers and their accounts")) < 0) {
		idp_free(i);
		return e;
	}
	if (given->client_secret.n)
		e = secret_set(&i->config.client_secret, given->client_secret.d, given->client_secret.n);
	if (e == 0 && given->api_token.n)
		e = secret_set(&i->config.api_token, given->api_token.d, given->api_token.n);
	/* The accounts in question are those of the document, with what it says about them. */
	struct idp_user *users = i->users;
	size_t n = i->nusers;
	i->users = fresh->users;
	i->nusers = fresh->nusers;
	fresh->users = users;
	fresh->nusers = n;
	if (e < 0) {
		idp_free(i);
		return e;
	}
	return signer_work_add(x->work, i, changed || secret, true);
}

/* An account of which the document says no groups keeps those it has. */
static json_t *
with_groups(const json_t *given, const struct idp *was)
{
	json_t *out = json_deep_copy((json_t *)(uintptr_t)given), *u;
	size_t i;

	json_array_foreach(json_object_get(out, "users"), i, u)
	{
		for (size_t k = 0; was && k < was->nusers; k++)
			if (json_is_object(u) && !json_object_get(u, "groups") &&
			    !strcasecmp(json_str_or(u, "email", ""), was->users[k].email))
				json_object_set_new(u, "groups", texts_to_json(&was->users[k].groups));
	}
	return out;
}

static int
idp_one(struct apply *x, const json_t *said)
{
	struct snapshot *s = x->r->j->snap;
	struct idp *fresh = NULL;
	const struct idp *was = NULL;
	json_t *given, *old = NULL, *merged, *now, *users;
	int64_t version = STORE_NEW;
	bool changed;

	for (size_t i = 0; !was && i < s->nidps; i++)
		if (!strcmp(s->idps[i]->name, json_str_or(said, "name", ""))) {
			was = s->idps[i];
			version = s->idp_versions[i];
		}
	given = with_groups(said, was);
	int e = given ? idp_from_json(given, true, &fresh, &x->c.err) : E_NOMEM;
	if (e == 0)
		e = idp_users_check(fresh, &x->c.err);
	if (e < 0) {
		json_decref(given);
		idp_free(fresh);
		return e;
	}
	if (was)
		old = idp_to_json(was, MODEL_STORE);
	now = idp_to_json(fresh, MODEL_STORE);
	if (old) {
		users = users_union(json_object_get(old, "users"), json_object_get(now, "users"));
		if (json_object_get(now, "users") && json_object_get(given, "users"))
			json_object_set(now, "users", users);
		json_decref(users);
		merged = apply_merge(old, now, given);
	} else {
		merged = with_identity(json_incref(now));
	}
	json_decref(now);
	json_t *keep = json_incref(merged);
	note_users(x, fresh, old);
	e = settle(x, "idp", "identity_provider", fresh->name, old, version, merged, &changed);
	if (e == 0)
		e = idp_work(x, keep, fresh, changed);
	json_decref(keep);
	json_decref(old);
	json_decref(given);
	idp_free(fresh);
	return e;
}

/* --- admins
 * ------------------------------------------------------------------------------------------------------------------------
 */

/* The provider may stand in the same document. */
static int
admin_idp(struct apply *x, const char *ref)
{
	const char *names[IDPS_NAMED_MAX + 1] = {NULL}, *near;
	const struct snapshot *s = x->r->j->snap;
	const json_t *list = json_object_get(x->doc, "identity_providers"), *one;
	size_t i, n = 0;

	if (snapshot_idp(s, ref))
		return 0;
	json_array_foreach((json_t *)(uintptr_t)list, i, one)
	{
		const char *name = json_str_or(one, "name", "");
		if (!strcmp(name, ref))
			return 0;
		if (n < IDPS_NAMED_MAX)
			names[n++] = name;
	}
	for (i = 0; i < s->nidps && n < IDPS_NAMED_MAX; i++)
		names[n++] = s->idps[i]->name;
	near = str_nearest(ref, names);
	return model_fail(&x->c.err, "/idp", "there is no identity provider \"%.60s\"%s%.60s%s", ref,
	                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int
admin_one(struct apply *x, const json_t *given)
{
	struct snapshot *s = x->r->j->snap;
	struct admin *fresh = NULL;
	json_t *old = NULL, *now;
	int64_t version = STORE_NEW;
	bool changed;
	int e = admin_from_json(given, true, &fresh, &x->c.err);

	if (e < 0 || (e = admin_idp(x, fresh->idp)) < 0) {
		admin_free(fresh);
		return e;
	}
	for (size_t i = 0; !old && i < s->nadmins; i++)
		if (!strcmp(s->admins[i]->email, fresh->email) && !strcmp(s->admins[i]->idp, fresh->idp)) {
			old = admin_to_json(s->admins[i], MODEL_STORE);
			version = s->admin_versions[i];
		}
	now = admin_to_json(fresh, MODEL_STORE);
	if (old) {
		json_t *m = apply_merge(old, now, given);
		json_decref(now);
		now = m;
	} else {
		char id[37];
		uuid_new(id);
		json_object_set_new(now, "id", json_string(id));
	}
	const char *name = req_fmt(x->r, "%s", fresh->email);
	const char *id = req_fmt(x->r, "%s", json_str_or(now, "id", ""));
	json_t *fields = old ? apply_diff(old, now) : NULL;
	changed = !old || json_array_size(fields) > 0;
	/* What makes administrators must not be had by less than what makes tokens. */
	if (changed && (e = need(x, "tokens:write", "who administers")) == 0) {
		change_note(&x->c, "admin", name, old ? "update" : "create", json_incref(fields));
		e = change_put(&x->c, "admin", id, old ? version : STORE_NEW, json_incref(now));
	}
	json_decref(fields);
	json_decref(now);
	json_decref(old);
	admin_free(fresh);
	return e;
}

/* --- groups
 * --------------------------------------------------------------------------------------------------------------------------
 */

static int
group_one(struct apply *x, const json_t *given)
{
	struct snapshot *s = x->r->j->snap;
	struct group *fresh = NULL;
	json_t *old = NULL, *now, *merged;
	int64_t version = STORE_NEW;
	bool changed;
	int e = group_from_json(given, true, &fresh, &x->c.err);

	if (e < 0)
		return e;
	for (size_t i = 0; !old && i < s->ngroups; i++)
		if (!strcmp(s->groups[i]->name, fresh->name)) {
			old = group_to_json(s->groups[i], MODEL_STORE);
			version = s->group_versions[i];
		}
	now = group_to_json(fresh, MODEL_STORE);
	merged = old ? apply_merge(old, now, given) : with_identity(json_incref(now));
	e = settle(x, "group", "group", fresh->name, old, version, merged, &changed);
	json_decref(now);
	json_decref(old);
	group_free(fresh);
	return e;
}

/* --- lists
 * ---------------------------------------------------------------------------------------------------------------------------
 */

/* What the document does not say of an item that stands is kept. */
static void
items_keep(json_t *now, const json_t *old)
{
	static const char *const keep[] = {"created_at", "description"};
	json_t *before = json_object(), *one, *was;
	size_t i;

	json_array_foreach(json_object_get(old, "items"), i, one)
	    json_object_set(before, json_str_or(one, "value", ""), one);
	json_array_foreach(json_object_get(now, "items"), i, one)
	{
		was = json_object_get(before, json_str_or(one, "value", ""));
		for (size_t n = 0; n < 2; n++)
			if (json_object_get(was, keep[n]) && !json_object_get(one, keep[n]))
				json_object_set(one, keep[n], json_object_get(was, keep[n]));
	}
	json_decref(before);
}

static int
list_one(struct apply *x, const json_t *given)
{
	struct snapshot *s = x->r->j->snap;
	struct access_list *fresh = NULL;
	json_t *old = NULL, *now, *merged;
	int64_t version = STORE_NEW;
	bool changed;
	int e = access_list_from_json(given, true, &fresh, &x->c.err);

	if (e < 0)
		return e;
	for (size_t i = 0; !old && i < s->nlists; i++)
		if (!strcmp(s->lists[i]->name, fresh->name)) {
			old = access_list_to_json(s->lists[i], MODEL_STORE);
			version = s->access_list_versions[i];
		}
	now = access_list_to_json(fresh, MODEL_STORE);
	items_keep(now, old);
	merged = old ? apply_merge(old, now, given) : with_identity(json_incref(now));
	e = settle(x, "list", "list", fresh->name, old, version, merged, &changed);
	json_decref(now);
	json_decref(old);
	access_list_free(fresh);
	return e;
}

/* --- reusable policies
 * ---------------------------------------------------------------------------------------------------------------
 */

static int
policy_one(struct apply *x, const json_t *given)
{
	struct snapshot *s = x->r->j->snap;
	struct policy *fresh = NULL;
	json_t *old = NULL, *now, *merged;
	int64_t version = STORE_NEW;
	bool changed;
	int e = policy_from_json(given, true, &fresh, &x->c.err);

	if (e == 0)
		e = policy_fit_check(fresh, &x->c.err);
	if (e < 0) {
		policy_free(fresh);
		return e;
	}
	fresh->reusable = true;
	for (size_t i = 0; !old && i < s->npolicies; i++)
		if (!strcmp(s->policies[i]->name, fresh->name)) {
			old = policy_to_json(s->policies[i], MODEL_STORE);
			version = s->policy_versions[i];
		}
	now = policy_to_json(fresh, MODEL_STORE);
	merged = old ? apply_merge(old, now, given) : with_identity(json_incref(now));
	e = settle(x, "policy", "policy", fresh->name, old, version, merged, &changed);
	json_decref(now);
	json_decref(old);
	policy_free(fresh);
	return e;
}

/* --- tunnels
 * ---------------------------------------------------------------------------------------------------------------------------
 */

static int
tunnel_one(struct apply *x, const json_t *given)
{
	struct tunnel *fresh = NULL;
	const struct tunnel *old;
	uint8_t raw[TUNNEL_SECRET_LEN];
	json_t *now;
	bool changed;
	int e = tunnel_from_json(given, true, &fresh, &x->c.err);

	if (e < 0)
		return e;
	old = snapshot_tunnel(x->r->j->snap, fresh->name);
	if (old) /* a name is all that the document can say about it */
		goto out;
	free(fresh->account_tag);
	fresh->account_tag = str_dup(x->r->j->account);
	random_bytes(raw, sizeof raw);
	if (!fresh->secret.n)
		e = secret_set(&fresh->secret, raw, sizeof raw);
	mem_wipe(raw, sizeof raw);
	if (e < 0)
		goto out;
	now = with_identity(tunnel_to_json(fresh, MODEL_STORE));
	e = settle(x, "tunnel", "tunnel", fresh->name, NULL, STORE_NEW, now, &changed);
out:
	tunnel_free(fresh);
	return e;
}

/* --- service tokens
 * --------------------------------------------------------------------------------------------------------------------
 */

static int
service_token_one(struct apply *x, const json_t *given)
{
	static const char *const known[] = {"name", "duration", "enabled", NULL};
	struct snapshot *s = x->r->j->snap;
	struct service_token *fresh = NULL, *whole = NULL;
	const struct service_token *was = NULL;
	json_t *old = NULL, *now, *merged = NULL, *v;
	int64_t version = STORE_NEW;
	const char *key;
	bool changed;
	int e = service_token_from_json(given, true, &fresh, &x->c.err);

	json_object_foreach((json_t *)(uintptr_t)given, key, v)
	{
		if (e == 0 && strcmp(key, known[0]) && strcmp(key, known[1]) && strcmp(key, known[2]))
			e = model_fail(&x->c.err, "",
			               "\"%.60s\" is the edge's to say; expected name, duration, enabled", key);
	}
	if (e < 0)
		goto out;
	for (size_t i = 0; !was && i < s->nservice_tokens; i++)
		if (!strcmp(s->service_tokens[i]->name, fresh->name)) {
			was = s->service_tokens[i];
			version = s->service_token_versions[i];
		}
	if (!was && (e = service_token_name(fresh)) < 0)
		goto out;
	now = service_token_to_json(fresh, MODEL_STORE);
	old = was ? service_token_to_json(was, MODEL_STORE) : NULL;
	merged = old ? apply_merge(old, now, given) : json_incref(now);
	json_decref(now);
	if ((e = service_token_from_json(merged, false, &whole, &x->c.err)) < 0)
		goto out;
	if (was && whole->duration_ms != was->duration_ms) {
		whole->expires_at = service_token_end(whole->duration_ms, judge_now());
		json_decref(merged);
		merged = service_token_to_json(whole, MODEL_STORE);
	}
	if ((e = signer_work_add_service(x->work, whole)) == 0)
		e = settle(x, "service_token", "service_token", whole->name, old, version, json_incref(merged),
		           &changed);
out:
	json_decref(merged);
	json_decref(old);
	service_token_free(whole);
	service_token_free(fresh);
	return e;
}

/* --- authorities of client certificates
 * ----------------------------------------------------------------------------------------------------------------------
 */

static int
certificate_one(struct apply *x, const json_t *given)
{
	struct snapshot *s = x->r->j->snap;
	struct client_ca *fresh = NULL;
	json_t *old = NULL, *now, *merged;
	int64_t version = STORE_NEW;
	bool changed;
	int e = client_ca_from_json(given, true, &fresh, &x->c.err);

	if (e == 0)
		e = client_ca_complete(fresh, &x->c.err);
	if (e < 0)
		goto out;
	for (size_t i = 0; !old && i < s->nclient_cas; i++)
		if (!strcmp(s->client_cas[i]->name, fresh->name)) {
			old = client_ca_to_json(s->client_cas[i], MODEL_STORE);
			version = s->client_ca_versions[i];
		}
	now = client_ca_to_json(fresh, MODEL_STORE);
	merged = old ? apply_merge(old, now, given) : with_identity(json_incref(now));
	json_object_set(merged, "fingerprint", json_object_get(now, "fingerprint"));
	json_object_set(merged, "expires_on", json_object_get(now, "expires_on"));
	json_decref(now);
	e = settle(x, "certificate", "certificate", fresh->name, old, version, merged, &changed);
out:
	json_decref(old);
	client_ca_free(fresh);
	return e;
}

/* --- applications
 * ------------------------------------------------------------------------------------------------------------------------
 */

/* A policy is the same one while its name is. */
static void
policies_keep_ids(json_t *now, const json_t *old)
{
	static const char *const keep[] = {"id", "created_at", "updated_at"};
	json_t *p, *o;
	size_t i, k;

	json_array_foreach(json_object_get(now, "policies"), i, p)
	    json_array_foreach(json_object_get(old, "policies"), k, o)
	{
		if (strcmp(json_str_or(p, "name", ""), json_str_or(o, "name", "")) || json_object_get(p, "id") ||
		    policy_json_is_ref(p) || policy_json_is_ref(o))
			continue;
		for (size_t n = 0; n < 3; n++)
			if (json_object_get(o, keep[n]))
				json_object_set(p, keep[n], json_object_get(o, keep[n]));
	}
}

static const struct app_view *
app_standing(const struct snapshot *s, const struct app *fresh)
{
	for (size_t i = 0; i < s->napps; i++)
		if (!strcmp(s->apps[i]->domain, fresh->domain))
			return &s->views[i];
	for (size_t i = 0; i < s->napps; i++)
		if (!strcmp(s->apps[i]->name, fresh->name))
			return &s->views[i];
	return NULL;
}

static int
app_one(struct apply *x, const json_t *given)
{
	struct app *fresh = NULL;
	const struct app_view *was;
	json_t *old = NULL, *now, *merged;
	bool changed;
	char aud[65];
	int e = app_from_json(given, true, &fresh, &x->c.err);

	if (e == 0)
		e = app_fit_check(fresh, x->r->j->team_host, &x->c.err);
	if (e < 0)
		goto out;
	was = app_standing(x->r->j->snap, fresh);
	now = app_to_json(fresh, MODEL_STORE);
	if (was) {
		old = app_to_json(was->app, MODEL_STORE);
		policies_keep_ids(now, old);
		merged = apply_merge(old, now, given);
	} else {
		merged = with_identity(json_incref(now));
		judge_random_hex(aud, 32);
		json_object_set_new(merged, "aud", json_string(aud));
		if (!json_object_get(given, "policies")) {
			json_object_del(merged, "policies");
			app_default_policy(x->r->j->snap, merged);
		}
	}
	json_decref(now);
	if (!json_array_size(json_object_get(merged, "policies")))
		json_array_append_new(
		    x->warnings,
		    json_string(req_fmt(x->r, "application %s has no policy: nobody gets in", fresh->name)));
	e = settle(x, "app", "app", fresh->name, old, was ? was->version : STORE_NEW, merged, &changed);
out:
	json_decref(old);
	app_free(fresh);
	return e;
}

/* In this order: applications refer to the others. */
static const struct section sections[] = {
    {"identity_providers", idp_one},
    {"admins", admin_one},
    {"lists", list_one},
    {"service_tokens", service_token_one},
    {"certificates", certificate_one},
    {"groups", group_one},
    {"policies", policy_one},
    {"tunnels", tunnel_one},
    {"apps", app_one},
};

/* --- the whole
 * ----------------------------------------------------------------------------------------------------------------------------
 */

static int
all(struct apply *x, const json_t *doc)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof sections / sizeof *sections; i++) {
		json_t *list = json_object_get(doc, sections[i].name), *one;
		x->section = sections[i].name;
		json_array_foreach(list, x->index, one)
		{
			if ((e = sections[i].one(x, one)) == E_FORMAT)
				model_error_prefix(&x->c.err, "/%s/%zu", x->section, x->index);
			if (e < 0)
				break;
		}
	}
	return e;
}

/* A compile error names an object of the store; if the document has it, that is the place to show. */
static void
place_error(struct apply *x)
{
	const char *id = x->c.apps_of_pointer, *at = id ? json_str_or(x->pointers, id, NULL) : NULL;
	const char *rest = x->c.err.pointer;
	char to[256];

	if (!at)
		return;
	for (int slashes = 0; *rest; rest++)
		if (*rest == '/' && ++slashes == 3)
			break;
	snprintf(to, sizeof to, "%.100s%.150s", at, rest);
	str_copy(x->c.err.pointer, sizeof x->c.err.pointer, to);
}

static void
release(struct apply *x)
{
	change_abort(&x->c);
	json_decref(x->checked);
	json_decref(x->warnings);
	json_decref(x->pointers);
	signer_work_free(x->work);
	x->checked = x->warnings = x->pointers = NULL;
	x->work = NULL;
}

static json_t *
result(const struct apply *x)
{
	return json_pack("{s:O, s:O, s:O}", "changes", x->c.list, "warnings", x->warnings, "checked", x->checked);
}

static void
signed_off(struct req *r, int code, const char *why)
{
	json_t *out = (json_t *)(uintptr_t)r->dest;

	if (code) {
		json_decref(out);
		reply_refuse_text(
		    r, code,
		    req_fmt(r, "Everything but accounts and provider secrets was applied; apply again. %s", why));
	} else {
		signer_work_told(r, out);
		reply_result(r, out);
	}
}

static void
finish(struct apply *x)
{
	struct req *r = x->r;
	struct signer_work *work = x->work;
	int e = 0;

	if (!signer_work_empty(work) && !r->j->signer) {
		release(x);
		reply_refuse(r, SP_SIGNER_DOWN);
		return;
	}
	if (json_array_size(x->c.list))
		e = change_commit(&x->c);
	if (e < 0) {
		place_error(x);
		json_decref(x->checked);
		json_decref(x->warnings);
		json_decref(x->pointers);
		signer_work_free(work);
		change_refuse(&x->c, e);
		return;
	}
	if (x->c.warnings)
		json_array_extend(x->warnings, x->c.warnings);
	r->dest = result(x);
	x->work = NULL;
	release(x);
	signer_work_run(r, work, signed_off);
}

void
api_apply(struct req *r)
{
	struct apply x = {.r = r, .dry = *req_param(r, "dry_run") && strcmp(req_param(r, "dry_run"), "0")};
	json_t *body = api_body(r), *doc;
	int e;

	if (!body)
		return;
	if (!(doc = json_object_get(body, "document")))
		doc = body;
	x.doc = doc;
	x.checked = json_array();
	x.warnings = json_array();
	x.pointers = json_object();
	x.work = signer_work_new();
	e = change_begin(&x.c, r);
	if (e == 0)
		e = x.work ? apply_shape(doc, &x.c.err) : E_NOMEM;
	x.c.tested = true;
	if (e == 0)
		e = all(&x, doc);
	if (e == 0 && json_object_get(doc, "tests"))
		e = tests_replace(&x.c, json_object_get(doc, "tests"));
	if (e == 0 && !json_array_size(x.c.list) && json_object_get(doc, "tests"))
		e = tests_hold(r->j->snap, NULL, &x.c.err); /* nothing to commit, but the file asks */
	json_decref(body);
	if (e == 0 && x.dry) {
		struct snapshot *s = NULL;
		if ((e = change_check(&x.c, &s)) == 0) {
			json_array_extend(x.warnings, x.c.warnings);
			json_t *out = result(&x);
			json_object_set_new(out, "access", gains_and_losses(r->j, r->j->snap, s));
			snapshot_drop(s);
			release(&x);
			reply_result(r, out);
			return;
		}
		place_error(&x);
	}
	if (e < 0) {
		signer_work_free(x.work);
		json_decref(x.checked);
		json_decref(x.warnings);
		json_decref(x.pointers);
		change_refuse(&x.c, e);
		return;
	}
	finish(&x);
}

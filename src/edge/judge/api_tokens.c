/* API tokens: made and known by the signer, listed here with their last use, revoked in both places. A permission group
 * of the original is a scope of ours. */
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/api_standing.h"
#include "identity/scope.h"
#include "msg/judge_signer.h"

#define TTL_DEFAULT (365LL * 86400)
#define SCOPES_MAX 32

static json_t *
time_json(int64_t t)
{
	char at[24];

	if (!t)
		return json_null();
	time_format(t, at);
	return json_string(at);
}

static json_t *
groups_json(const json_t *scopes)
{
	json_t *all = json_array(), *s;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)scopes, i, s)
	{
		json_array_append_new(all, json_pack("{s:O, s:O}", "id", s, "name", s));
	}
	return all;
}

/* rec: the signer's record. */
static json_t *
token_json(struct req *r, const json_t *rec)
{
	const char *id = json_str_or(rec, "id", ""),
	           *resource = req_fmt(r, "com.cloudflare.api.account.%s", r->j->account);
	const json_t *scopes = json_object_get(rec, "scopes");
	int64_t exp = json_i64_or(rec, "exp", 0);
	const char *status = exp && exp <= judge_now() ? "expired" : "active";
	json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "id", id, "name", json_str_or(rec, "name", ""), "status", status,
	                      "created_by", json_str_or(rec, "by", ""));

	json_object_set_new(o, "issued_on", time_json(json_i64_or(rec, "iat", 0)));
	json_object_set_new(o, "modified_on", time_json(json_i64_or(rec, "iat", 0)));
	json_object_set_new(o, "expires_on", time_json(exp));
	json_object_set_new(o, "last_used_on", time_json(api_last_used(r->j, id)));
	json_object_set_new(o, "scopes", scopes ? json_deep_copy(scopes) : json_array());
	json_object_set_new(o, "policies",
	                    json_pack("[{s:s, s:s, s:o, s:{s:s}}]", "id", id, "effect", "allow", "permission_groups",
	                              groups_json(scopes), "resources", resource, "*"));
	return o;
}

/* The signer's list, or NULL when the refusal has been sent. */
static json_t *
records(struct req *r, int err, const struct js_text *m)
{
	int code = signer_code(err, m ? m->code : 0);
	json_t *all = NULL;

	if (!code && json_load_strict(m->text, strlen(m->text), 262144, &all) < 0)
		code = SP_INTERNAL;
	if (code)
		reply_refuse_text(r, code, m ? m->why : "");
	return all;
}

static void
listed(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	json_t *all = records(r, err, msg), *rec, *out;
	size_t i;

	if (!all)
		return;
	out = json_array();
	json_array_foreach(all, i, rec)
	{
		if (list_filter(r, json_str_or(rec, "name", ""), json_str_or(rec, "id", "")) &&
		    !api_revoked(r->j, json_str_or(rec, "id", "")))
			json_array_append_new(out, token_json(r, rec));
	}
	json_decref(all);
	reply_list(r, out);
}

void
api_tokens_list(struct req *r)
{
	struct js_api_tokens m = {0};
	signer_ask(r->j, &js_api_tokens_def, &m, &js_text_def, listed, r);
}

static json_t *
record_of(const json_t *all, const char *id)
{
	json_t *rec;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)all, i, rec)
	{
		if (!strcmp(json_str_or(rec, "id", ""), id))
			return rec;
	}
	return NULL;
}

static void
found(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	json_t *all = records(r, err, msg), *rec;

	if (!all)
		return;
	rec = record_of(all, r->seg[0]);
	if (rec && !api_revoked(r->j, r->seg[0]))
		reply_result(r, token_json(r, rec));
	else
		reply_refuse_text(r, SP_NOT_FOUND, "no such API token");
	json_decref(all);
}

void
api_tokens_get(struct req *r)
{
	struct js_api_tokens m = {0};
	signer_ask(r->j, &js_api_tokens_def, &m, &js_text_def, found, r);
}

/* --- making one ----------------------------------------------------------------------------------------------------
 */

struct order {
	const char *name, *scopes[SCOPES_MAX];
	size_t n;
	int64_t ttl;
	const char *bad, *at; /* what is wrong with it */
};

static void
add_scope(struct req *r, struct order *o, const json_t *v)
{
	const char *s = json_string_value(v), *near = s ? str_nearest(s, scope_names) : NULL;

	if (!s || !scope_known(s))
		o->bad = req_fmt(r, "found the scope \"%.40s\"%s%s", s ? s : "",
		                 near ? "; did you mean " : ", expected one such as access:read", near ? near : "");
	else if (o->n == SCOPES_MAX)
		o->bad = "Too many scopes.";
	else
		o->scopes[o->n++] = req_fmt(r, "%s", s);
}

/* The original's form: policies that allow permission groups on resources. */
static void
take_policy(struct req *r, struct order *o, const json_t *p)
{
	const json_t *groups = json_object_get(p, "permission_groups"), *g;
	const char *key;
	json_t *v;
	size_t i;

	if (strcmp(json_str_or(p, "effect", ""), "allow"))
		o->bad = "effect must be allow: a token has the scopes that it is given, and no others.";
	json_object_foreach(json_object_get(p, "resources"), key, v)
	{
		if (!strstr(key, r->j->account) && !strstr(key, r->j->zone) && !str_ends(key, ".*") && strcmp(key, "*"))
			o->bad = "resources name another account or zone than this edge's.";
	}
	json_array_foreach((json_t *)(uintptr_t)groups, i, g)
	{
		add_scope(r, o, json_object_get(g, "id") ? json_object_get(g, "id") : json_object_get(g, "name"));
	}
}

static void
take_expiry(struct order *o, const json_t *j)
{
	const char *s = json_str_or(j, "expires_on", NULL);
	int64_t at;

	o->ttl = TTL_DEFAULT;
	if (!s)
		return;
	o->ttl = time_parse(s, &at) == 0 ? at - judge_now() : 0;
	if (o->ttl < 1 || o->ttl > TTL_DEFAULT) {
		o->bad = "expires_on must be a time such as 2027-01-31T00:00:00Z, at most a year ahead.";
		o->at = "/expires_on";
	}
}

static void
read_order(struct req *r, const json_t *j, struct order *o)
{
	static const char *const known[] = {"name",       "policies",  "scopes", "expires_on",
	                                    "not_before", "condition", NULL};
	const char *key, *near;
	json_t *v;
	size_t i;

	o->name = req_fmt(r, "%s", json_str_or(j, "name", ""));
	o->at = "/scopes";
	json_array_foreach(json_object_get(j, "scopes"), i, v)
	{
		add_scope(r, o, v);
	}
	json_array_foreach(json_object_get(j, "policies"), i, v)
	{
		take_policy(r, o, v);
	}
	if (!o->n && !o->bad)
		o->bad = "scopes is needed: a list such as [\"access:read\"].";
	if (!o->bad)
		take_expiry(o, j);
	json_object_foreach((json_t *)(uintptr_t)j, key, v)
	{
		bool ok = false, offered = strcmp(key, "condition") && strcmp(key, "not_before");
		for (i = 0; known[i]; i++)
			ok |= !strcmp(known[i], key);
		if (ok && (offered || json_is_null(v)))
			continue;
		near = ok ? NULL : str_nearest(key, known);
		o->bad = ok ? req_fmt(r, "%s is not offered here; leave it out.", key)
		            : req_fmt(r, "unknown field \"%.60s\"%s%s", key, near ? "; did you mean " : "",
		                      near ? near : "");
		o->at = req_fmt(r, "/%.60s", key);
	}
}

static void
minted(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_text *m = msg;
	const struct order *o = r->ctx;
	struct token t = {0};
	struct reason why = {0};
	int code = signer_code(err, m ? m->code : 0);

	if (!code && token_open(TOKEN_API, m->text, &r->j->jwks_api, r->j->issuer, NULL, judge_now(), &t, &why) < 0)
		code = SP_INTERNAL;
	if (code) {
		reply_refuse_text(r, code, m ? m->why : "");
		return;
	}
	json_t *scopes = json_array();
	for (size_t i = 0; i < t.scopes.n; i++)
		json_array_append_new(scopes, json_string(t.scopes.v[i]));
	json_t *rec = json_pack("{s:s, s:s, s:o, s:I, s:I, s:s}", "id", t.jti, "name", o->name, "scopes", scopes, "iat",
	                        (json_int_t)t.iat, "exp", (json_int_t)t.exp, "by", r->api_name);
	json_t *details = json_pack("{s:[{s:s, s:s, s:s, s:O}]}", "changes", "kind", "api_token", "name", o->name,
	                            "action", "create", "after", rec);
	judge_audit(r->j, r, &(struct audit_note){.kind = EVENT_CHANGE_DONE, .subject = o->name, .details = details});
	json_t *out = token_json(r, rec);
	json_object_set_new(out, "value", json_string(m->text));
	json_decref(details);
	json_decref(rec);
	token_release(&t);
	reply_result(r, out);
}

void
api_tokens_create(struct req *r)
{
	json_t *j = api_body(r);
	struct order *o = j ? arena_alloc(&r->arena, sizeof *o) : NULL;

	if (!j)
		return;
	if (!o) {
		json_decref(j);
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	*o = (struct order){0};
	read_order(r, j, o);
	json_decref(j);
	if (o->bad) {
		reply_refuse_at(r, SP_BAD_REQUEST, o->bad, o->at);
		return;
	}
	r->ctx = o;
	struct js_api_mint m = {
	    .admin_token = r->api_token, .name = o->name, .scopes = {o->scopes, o->n}, .ttl = o->ttl};
	signer_ask(r->j, &js_api_mint_def, &m, &js_text_def, minted, r);
}

/* --- ending one ----------------------------------------------------------------------------------------------------
 */

static void
revoked(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code && code != SP_NOT_FOUND)
		reply_refuse_text(r, code, "It opens nothing any more, but the signer could not be told. Ask again.");
	else
		reply_result(r, json_pack("{s:s}", "id", r->seg[0]));
}

/* Here first, durably, then at the signer: whoever asks again after a failure finishes what was begun. */
static void
revoke_known(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct js_api_revoke m = {.admin_token = r->api_token, .jti = r->seg[0]};
	json_t *all = records(r, err, msg), *rec;

	if (!all)
		return;
	if (!(rec = record_of(all, r->seg[0]))) {
		json_decref(all);
		reply_refuse_text(r, SP_NOT_FOUND, "no such API token");
		return;
	}
	json_t *details = json_pack("{s:[{s:s, s:s, s:s, s:O}]}", "changes", "kind", "api_token", "name",
	                            json_str_or(rec, "name", ""), "action", "delete", "before", rec);
	int64_t exp = json_i64_or(rec, "exp", 0);
	int e = api_revoke(r->j, r->seg[0], exp);
	judge_audit(r->j, r,
	            &(struct audit_note){.kind = EVENT_CHANGE_DONE,
	                                 .subject = req_fmt(r, "%s", json_str_or(rec, "name", "")),
	                                 .details = details});
	json_decref(details);
	json_decref(all);
	if (e < 0)
		reply_refuse_text(r, SP_INTERNAL,
		                  "It is refused from now on, but this could not be written to disk. Ask again.");
	else
		signer_ask(r->j, &js_api_revoke_def, &m, &js_done_def, revoked, r);
}

void
api_tokens_delete(struct req *r)
{
	struct js_api_tokens m = {0};

	if (strlen(r->seg[0]) != MODEL_ID_LEN)
		reply_refuse_text(r, SP_NOT_FOUND, "no such API token");
	else
		signer_ask(r->j, &js_api_tokens_def, &m, &js_text_def, revoke_known, r);
}

void
api_tokens_groups(struct req *r)
{
	json_t *all = json_array();

	for (size_t i = 0; scope_names[i]; i++)
		json_array_append_new(all, json_pack("{s:s, s:s, s:[s]}", "id", scope_names[i], "name", scope_names[i],
		                                     "scopes", "com.cloudflare.api.account"));
	reply_list(r, all);
}

/*
 * Service tokens. The secret is made by the signer and passes through here once, into the answer.
 *
 * Ending one (disable, delete, expire) or turning to the next version of its secret is committed first, then told to
 * the signer: what judge refuses needs no signer. A new one is the other way round: without a secret there is nothing
 * to keep.
 */
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/service.h"
#include "msg/judge_signer.h"

#define KIND "service_token"

struct service_work {
	struct service_token *t; /* as it will stand; the request's (release) */
	int64_t expected;
	const char *action;
	unsigned status;
	char secret[129];
};

static json_t *
shown(struct req *r, const struct service_token *t)
{
	json_t *j = service_token_to_json(t, MODEL_API);
	int64_t seen = service_seen_at(r->j, t->id);
	char at[24];

	if (j && seen) {
		time_format(seen, at);
		json_object_set_new(j, "last_seen_at", json_string(at));
	}
	return j;
}

static const struct service_token *
find(struct req *r, int64_t *ret_version)
{
	for (size_t i = 0; i < r->snap->nservice_tokens; i++)
		if (!strcmp(r->snap->service_tokens[i]->id, r->seg[1])) {
			*ret_version = r->snap->service_token_versions[i];
			return r->snap->service_tokens[i];
		}
	reply_refuse_text(r, SP_NOT_FOUND, "no such service token");
	return NULL;
}

void
api_service_tokens_list(struct req *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->snap->nservice_tokens; i++)
		if (list_filter(r, r->snap->service_tokens[i]->name, r->snap->service_tokens[i]->id))
			json_array_append_new(all, shown(r, r->snap->service_tokens[i]));
	reply_list(r, all);
}

void
api_service_tokens_get(struct req *r)
{
	int64_t version;
	const struct service_token *t = find(r, &version);

	if (t)
		reply_result(r, shown(r, t));
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static void
release(struct req *r)
{
	struct service_work *x = r->ctx;

	service_token_free(x->t);
	mem_wipe(x->secret, sizeof x->secret);
}

static void
answer(struct req *r)
{
	struct service_work *x = r->ctx;
	json_t *j = shown(r, x->t);

	if (j && *x->secret)
		json_object_set_new(j, "client_secret", json_string(x->secret));
	reply_result_status(r, x->status, j);
}

static int
commit(struct req *r, struct change *c)
{
	struct service_work *x = r->ctx;
	int e = change_begin(c, r);

	change_note(c, KIND, x->t->name, x->action, json_pack("{s:s}", "client_id", x->t->client_id));
	if (e == 0)
		e = change_put(c, KIND, x->t->id, x->expected, service_token_to_json(x->t, MODEL_STORE));
	if (e == 0)
		e = change_commit(c);
	return e;
}

static void
ask(struct req *r, ipc_reply_fn *fn)
{
	const struct service_work *x = r->ctx;
	struct js_service_put m = {.admin_token = r->api_token,
	                           .client_id = x->t->client_id,
	                           .version = (uint32_t)x->t->version,
	                           .prev_until = x->t->prev_until,
	                           .expires = x->t->expires_at,
	                           .enabled = x->t->enabled};

	signer_ask(r->j, &js_service_put_def, &m, &js_service_is_def, fn, r);
}

static void
told(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct service_work *x = r->ctx;
	const struct js_service_is *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code) {
		reply_refuse_text(
		    r, code,
		    req_fmt(r, "The change stands, but the signer was not told: try again. %s", m ? m->why : ""));
		return;
	}
	str_copy_n(x->secret, sizeof x->secret, m->secret.p, m->secret.n);
	answer(r);
}

static void
made(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct service_work *x = r->ctx;
	const struct js_service_is *m = msg;
	int code = signer_code(err, m ? m->code : 0);
	struct change c;

	if (code) {
		reply_refuse_text(r, code, m ? m->why : "");
		return;
	}
	str_copy_n(x->secret, sizeof x->secret, m->secret.p, m->secret.n);
	int e = commit(r, &c);
	if (e < 0) {
		change_refuse(&c, e); /* the signer's record of a client id that nobody knows lets nobody in */
		return;
	}
	change_abort(&c);
	answer(r);
}

static void
write(struct req *r)
{
	struct service_work *x = r->ctx;
	struct change c;

	r->done = release;
	if (x->expected == STORE_NEW) {
		ask(r, made);
		return;
	}
	int e = commit(r, &c);
	if (e < 0) {
		change_refuse(&c, e);
		return;
	}
	change_abort(&c);
	ask(r, told);
}

/* Takes t; NULL: the refusal has been sent. */
static struct service_work *
work(struct req *r, struct service_token *t, int64_t expected, const char *action)
{
	struct service_work *x = arena_alloc(&r->arena, sizeof *x);

	if (!x) {
		service_token_free(t);
		reply_refuse(r, SP_INTERNAL);
		return NULL;
	}
	*x = (struct service_work){.t = t, .expected = expected, .action = action};
	x->status = expected == STORE_NEW ? 201 : 200;
	r->ctx = x;
	return x;
}

int
service_token_name(struct service_token *t)
{
	char id[37], hex[33];

	uuid_new(id);
	judge_random_hex(hex, 16);
	t->id = str_dup(id);
	t->client_id = str_fmt("%s.access", hex);
	t->version = 1;
	t->prev_until = 0;
	t->created_at = t->updated_at = judge_now();
	t->expires_at = service_token_end(t->duration_ms, t->created_at);
	return t->id && t->client_id ? 0 : E_NOMEM;
}

/* What a caller may not choose. */
static void
drop_ours(json_t *j)
{
	static const char *const ours[] = {"id", "client_id", "created_at", "updated_at", "expires_at"};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		json_object_del(j, ours[i]);
}

void
api_service_tokens_create(struct req *r)
{
	struct model_error err = {0};
	struct service_token *t = NULL;
	json_t *j = api_body(r);

	if (!j)
		return;
	drop_ours(j);
	int e = service_token_from_json(j, false, &t, &err);
	json_decref(j);
	if (e == E_FORMAT) {
		api_invalid(r, &err);
		return;
	}
	if (e == 0)
		e = service_token_name(t);
	if (e < 0) {
		service_token_free(t);
		reply_refuse(r, SP_INTERNAL);
	} else if (work(r, t, STORE_NEW, "create")) {
		write(r);
	}
}

/* A rotation says until when the secret before still counts: not at all, or a time within a year. */
static int
grace_check(const struct service_token *t, struct model_error *err)
{
	int64_t now = judge_now();

	if (t->prev_until > now + SERVICE_GRACE_MAX_SEC)
		return model_fail(err, "/previous_client_secret_expires_at",
		                  "found a time more than a year away, expected an earlier one");
	return 0;
}

/* Overlays what was given on what stands. A version one higher is a rotation; without a time the secret before dies at
   once. */
static int
overlay(const struct service_token *old, json_t *given, struct service_token **ret_t, struct model_error *err)
{
	json_t *doc = service_token_to_json(old, MODEL_STORE);
	struct service_token *t = NULL;
	bool grace = json_is_string(json_object_get(given, "previous_client_secret_expires_at"));
	int e;

	drop_ours(given);
	json_object_update(doc, given);
	e = service_token_from_json(doc, false, &t, err);
	json_decref(doc);
	if (e < 0)
		return e;
	if (t->version != old->version && t->version != old->version + 1)
		e = model_fail(err, "/client_secret_version", "found %lld, expected %lld, or %lld to rotate",
		               (long long)t->version, (long long)old->version, (long long)old->version + 1);
	else if (t->version != old->version && !grace)
		t->prev_until = 0;
	else if (t->version == old->version && t->prev_until > old->prev_until)
		t->prev_until = old->prev_until; /* never made longer */
	if (e == 0)
		e = grace_check(t, err);
	if (t->duration_ms != old->duration_ms)
		t->expires_at = service_token_end(t->duration_ms, judge_now());
	t->updated_at = judge_now();
	if (e < 0)
		service_token_free(t);
	else
		*ret_t = t;
	return e;
}

/* Takes given. */
static void
update(struct req *r, const struct service_token *old, int64_t version, json_t *given, const char *action)
{
	struct model_error err = {0};
	struct service_token *t = NULL;
	int e = overlay(old, given, &t, &err);

	json_decref(given);
	if (e == E_FORMAT)
		api_invalid(r, &err);
	else if (e < 0)
		reply_refuse(r, SP_INTERNAL);
	else if (work(r, t, version, action))
		write(r);
}

void
api_service_tokens_update(struct req *r)
{
	int64_t version;
	const struct service_token *t = find(r, &version);
	json_t *j = t ? api_body(r) : NULL;

	if (j)
		update(r, t, version, j, "update");
}

/* Another full duration from now on. */
void
api_service_tokens_refresh(struct req *r)
{
	int64_t version;
	const struct service_token *t = find(r, &version);
	struct service_token *now = NULL;
	struct model_error err = {0};
	json_t *none = t ? json_object() : NULL;

	if (!t)
		return;
	int e = none ? overlay(t, none, &now, &err) : E_NOMEM;
	json_decref(none);
	if (e < 0) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	now->expires_at = service_token_end(now->duration_ms, judge_now());
	if (work(r, now, version, "refresh"))
		write(r);
}

void
api_service_tokens_rotate(struct req *r)
{
	int64_t version;
	const struct service_token *t = find(r, &version);
	json_t *j = t ? (r->body.n ? api_body(r) : json_object()) : NULL, *until;
	const char *key;

	if (!j)
		return;
	json_object_foreach(j, key, until)
	{
		if (!strcmp(key, "previous_client_secret_expires_at"))
			continue;
		reply_refuse_at(r, SP_BAD_REQUEST, "expected previous_client_secret_expires_at and nothing else",
		                req_fmt(r, "/%.60s", key));
		json_decref(j);
		return;
	}
	json_object_set_new(j, "client_secret_version", json_integer(t->version + 1));
	update(r, t, version, j, "rotate");
}

static void
forgotten(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code && code != SP_NOT_FOUND)
		log_warn("service_left_in_signer", "client_id", r->service_label, "why", m ? m->why : "", NULL);
	reply_result(r, json_pack("{s:s}", "id", r->seg[1]));
}

void
api_service_tokens_delete(struct req *r)
{
	int64_t version;
	const struct service_token *t = find(r, &version);
	struct change c;

	if (!t)
		return;
	int e = change_begin(&c, r);
	change_note(&c, KIND, t->name, "delete", json_pack("{s:s}", "client_id", t->client_id));
	if (e == 0)
		e = change_delete(&c, KIND, t->id);
	if (change_finish(&c, e) < 0)
		return;
	r->service_label = t->client_id; /* of r->snap */
	struct js_service_delete m = {.admin_token = r->api_token, .client_id = t->client_id};
	signer_ask(r->j, &js_service_delete_def, &m, &js_done_def, forgotten, r);
}

/* Identity providers. Their secrets and accounts pass through to the signer, which checks the administrator's token by
 * itself. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/api.h"
#include "msg/fetch.h"
#include "msg/judge_signer.h"

/* --- work for the signer
 * ------------------------------------------------------------------------------------------------ */

#define WORK_MAX 1000

struct work_item {
	struct idp *idp; /* NULL: a service token */
	bool record, users;
	struct js_service_put service; /* texts are w's */
	char client_id[48], name[MODEL_NAME_MAX + 1];
};
struct signer_work {
	struct work_item v[WORK_MAX];
	size_t n, at, user;
	json_t *secrets, *warnings; /* NULL = none */
	void (*then)(struct req *r, int code, const char *why);
};

struct signer_work *
signer_work_new(void)
{
	return calloc(1, sizeof(struct signer_work));
}

int
signer_work_add(struct signer_work *w, struct idp *idp, bool record, bool users)
{
	if (w->n == WORK_MAX) {
		idp_free(idp);
		return E_LIMIT;
	}
	w->v[w->n++] = (struct work_item){idp, record, users};
	return 0;
}

bool
signer_work_empty(const struct signer_work *w)
{
	return !w->n;
}

void
signer_work_free(struct signer_work *w)
{
	for (size_t i = 0; w && i < w->n; i++)
		idp_free(w->v[i].idp);
	if (w) {
		json_decref(w->secrets);
		json_decref(w->warnings);
	}
	free(w);
}

int
signer_work_add_service(struct signer_work *w, const struct service_token *t)
{
	if (w->n == WORK_MAX)
		return E_LIMIT;
	struct work_item *i = &w->v[w->n++];
	str_copy(i->client_id, sizeof i->client_id, t->client_id);
	str_copy(i->name, sizeof i->name, t->name);
	i->service = (struct js_service_put){.version = (uint32_t)t->version,
	                                     .prev_until = t->prev_until,
	                                     .expires = t->expires_at,
	                                     .enabled = t->enabled};
	return 0;
}

void
signer_work_told(struct req *r, json_t *result)
{
	const struct signer_work *w = r->held;

	if (w && w->secrets)
		json_object_set(result, "secrets", w->secrets);
	if (w && w->warnings)
		json_array_extend(json_object_get(result, "warnings"), w->warnings);
}

static void work_step(struct req *r);

static void
work_release(struct req *r)
{
	signer_work_free(r->held);
	r->held = NULL;
}

static void
work_done(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct signer_work *w = r->held;
	const struct js_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code)
		w->then(r, code, m ? m->why : "the signer is down");
	else
		work_step(r);
}

static void
put_record(struct req *r, const struct idp *idp)
{
	struct buf b;
	int e;

	buf_init_secret(&b, 65536);
	if ((e = idp_provider_record(idp, &b)) == 0) {
		struct js_provider_put m = {.admin_token = r->api_token, .id = idp->id, .record = buf_slice(&b)};
		signer_ask(r->j, &js_provider_put_def, &m, &js_done_def, work_done, r);
	}
	buf_release(&b);
	if (e < 0)
		((struct signer_work *)r->held)->then(r, SP_INTERNAL, err_str(e));
}

static void
put_account(struct req *r, const struct idp *idp, const struct idp_user *u)
{
	struct js_account_put m = {.admin_token = r->api_token,
	                           .idp = idp->id,
	                           .email = u->email,
	                           .password = secret_slice(&u->password),
	                           .hash = secret_slice(&u->password_hash),
	                           .totp = secret_slice(&u->totp),
	                           .groups = {(const char **)u->groups.v, u->groups.n}};
	signer_ask(r->j, &js_account_put_def, &m, &js_done_def, work_done, r);
}

/* One that fails takes no other's secret with it: the document is applied again, and makes what is missing. */
static void
service_made(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct signer_work *w = r->held;
	const struct work_item *i = &w->v[w->at];
	const struct js_service_is *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code) {
		if (!w->warnings)
			w->warnings = json_array();
		json_array_append_new(
		    w->warnings, json_string(req_fmt(r, "service token %s has no secret yet, apply again: SP-%d %s",
		                                     i->name, code, m ? m->why : "")));
	} else if (m->secret.n) {
		if (!w->secrets)
			w->secrets = json_array();
		json_array_append_new(w->secrets, json_pack("{s:s, s:s, s:s, s:s%}", "kind", "service_token", "name",
		                                            i->name, "client_id", i->client_id, "client_secret",
		                                            (const char *)m->secret.p, m->secret.n));
	}
	w->at++;
	work_step(r);
}

static void
put_service(struct req *r, struct work_item *i)
{
	i->service.admin_token = r->api_token;
	i->service.client_id = i->client_id;
	signer_ask(r->j, &js_service_put_def, &i->service, &js_service_is_def, service_made, r);
}

static void
work_step(struct req *r)
{
	struct signer_work *w = r->held;

	while (w->at < w->n) {
		struct work_item *i = &w->v[w->at];
		if (!i->idp) {
			put_service(r, i);
			return;
		}
		if (i->record) {
			i->record = false;
			put_record(r, i->idp);
			return;
		}
		if (i->users && w->user < i->idp->nusers) {
			put_account(r, i->idp, &i->idp->users[w->user++]);
			return;
		}
		w->at++;
		w->user = 0;
	}
	w->then(r, 0, "");
}

void
signer_work_run(struct req *r, struct signer_work *w, void (*then)(struct req *, int, const char *))
{
	w->then = then;
	r->held = w;
	r->done = work_release;
	work_step(r);
}

/* --- the API
 * ---------------------------------------------------------------------------------------------------------------- */

static json_t *
idp_json(struct req *r, const struct idp *i)
{
	json_t *j = idp_to_json(i, MODEL_API), *config = json_object_get(j, "config");

	if (!config) {
		json_object_set_new(j, "config", json_object());
		config = json_object_get(j, "config");
	}
	json_object_set_new(config, "redirect_url",
	                    json_string(req_fmt(r, "%s/cdn-cgi/access/callback", r->j->issuer)));
	if (i->type >= IDP_OIDC)
		json_object_set_new(
		    config, "backchannel_logout_url",
		    json_string(req_fmt(r, "%s/cdn-cgi/access/backchannel-logout/%s", r->j->issuer, i->id)));
	return j;
}

static const struct idp *
find(struct req *r, int64_t *ret_version)
{
	for (size_t i = 0; i < r->snap->nidps; i++)
		if (!strcmp(r->snap->idps[i]->id, r->seg[1])) {
			*ret_version = r->snap->idp_versions[i];
			return r->snap->idps[i];
		}
	reply_refuse_text(r, SP_NOT_FOUND, "no such identity provider");
	return NULL;
}

void
api_idps_list(struct req *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->snap->nidps; i++)
		if (list_filter(r, r->snap->idps[i]->name, r->snap->idps[i]->id))
			json_array_append_new(all, idp_json(r, r->snap->idps[i]));
	reply_list(r, all);
}

void
api_idps_get(struct req *r)
{
	int64_t version;
	const struct idp *i = find(r, &version);
	if (!i)
		return;
	api_etag(r, version);
	reply_result(r, idp_json(r, i));
}

struct idp_ctx {
	json_t *doc; /* as it will be stored: without secrets */
	char id[37];
	int64_t version;
};

static void
stored(struct req *r, int code, const char *why)
{
	const struct idp_ctx *x = r->dest;
	struct change c;

	if (code) {
		json_decref(x->doc);
		reply_refuse_text(r, code, why);
		return;
	}
	int e = change_begin(&c, r);
	change_note(&c, "identity_provider", json_str_or(x->doc, "name", ""),
	            x->version == STORE_NEW ? "create" : "update", NULL);
	if (e == 0)
		e = change_put(&c, "idp", x->id, x->version, x->doc);
	else
		json_decref(x->doc);
	if (change_finish(&c, e) < 0)
		return;
	map_del(&r->j->discoveries, x->id);
	const struct idp *i = snapshot_idp(r->j->snap, x->id);
	reply_result_status(r, x->version == STORE_NEW ? 201 : 200, i ? idp_json(r, i) : NULL);
}

static void
write(struct req *r, json_t *j, const char *id, const struct idp *old, int64_t version)
{
	struct model_error err = {0};
	struct idp *i = NULL;
	struct idp_ctx *x = arena_alloc(&r->arena, sizeof *x);
	struct signer_work *w = signer_work_new();

	json_object_set_new(j, "id", json_string(id));
	json_object_set_new(j, "updated_at", now_json());
	if (!old)
		json_object_set_new(j, "created_at", now_json());
	int e = x && w ? idp_from_json(j, false, &i, &err) : E_NOMEM;
	json_decref(j);
	if (e < 0) {
		signer_work_free(w);
		if (e == E_FORMAT)
			api_invalid(r, &err);
		else
			reply_refuse(r, SP_INTERNAL);
		return;
	}
	*x = (struct idp_ctx){.doc = idp_to_json(i, MODEL_STORE), .version = version};
	str_copy(x->id, sizeof x->id, id);
	r->dest = x;
	signer_work_add(w, i, true, true);
	signer_work_run(r, w, stored);
}

void
api_idps_create(struct req *r)
{
	json_t *j = api_body(r);
	char id[37];

	uuid_new(id);
	if (j)
		write(r, j, id, NULL, STORE_NEW);
}

void
api_idps_update(struct req *r)
{
	int64_t version;
	const struct idp *i = find(r, &version);
	json_t *j = i && api_match(r, version) ? api_body(r) : NULL;

	if (!j)
		return;
	if (!json_object_get(j, "users") && i->type == IDP_LOCAL) {
		json_t *old = idp_to_json(i, MODEL_STORE);
		if (json_object_get(old, "users"))
			json_object_set(j, "users", json_object_get(old, "users"));
		json_decref(old);
	}
	write(r, j, i->id, i, version);
}

/* The store first: what an application still refers to does not compile, and then nothing is lost. */
static void
deleted(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code && code != SP_NOT_FOUND)
		log_warn("provider_left_in_signer", "provider", r->seg[1], "why", m ? m->why : "", NULL);
	map_del(&r->j->discoveries, r->seg[1]);
	reply_result_status(r, 202, json_pack("{s:s}", "id", r->seg[1]));
}

void
api_idps_delete(struct req *r)
{
	int64_t version;
	const struct idp *i = find(r, &version);
	struct change c;

	if (!i)
		return;
	int e = change_begin(&c, r);
	change_note(&c, "identity_provider", i->name, "delete", NULL);
	if (e == 0)
		e = change_delete(&c, "idp", i->id);
	if (change_finish(&c, e) < 0)
		return;
	struct js_provider_delete m = {.admin_token = r->api_token, .id = i->id};
	signer_ask(r->j, &js_provider_delete_def, &m, &js_done_def, deleted, r);
}

/* --- trying one ----------------------------------------------------------------------------------------------------
 */

struct try_ctx {
	json_t *steps;
	const struct idp *idp; /* of the request's snapshot */
};

static void
try_release(struct req *r)
{
	json_decref(((struct try_ctx *)r->held)->steps);
}

/* What the edge can find out alone; who somebody is only a sign-in tells, for which there is a page. */
static void
try_answer(struct req *r)
{
	struct try_ctx *x = r->held;
	bool ok = true;
	json_t *v;
	size_t i;

	json_array_foreach(x->steps, i, v) ok &= json_is_true(json_object_get(v, "success"));
	reply_result(r, json_pack("{s:s, s:s, s:b, s:O, s:s}", "id", x->idp->id, "name", x->idp->name, "success", ok,
	                          "steps", x->steps, "test_url",
	                          req_fmt(r, "%s/cdn-cgi/access/test/%s", r->j->issuer, x->idp->id)));
}

static bool
try_note(struct req *r, const char *step, int err, const struct jh_fetched *m)
{
	struct try_ctx *x = r->held;
	bool ok = !err && !m->code;

	json_array_append_new(x->steps, json_pack("{s:s, s:b, s:s}", "step", step, "success", ok, "why",
	                                          err  ? "fetch is down"
	                                          : ok ? ""
	                                               : m->why));
	return ok;
}

static void
try_keys(int err, const void *msg, void *arg)
{
	try_note(arg, "keys", err, msg);
	try_answer(arg);
}

static void
try_discovery(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct jh_fetch m = {.kind = FETCH_JWKS, .provider = ((struct try_ctx *)r->held)->idp->id};

	if (try_note(r, "discovery", err, msg))
		fetch_ask(r->j, &jh_fetch_def, &m, &jh_fetched_def, try_keys, r);
	else
		try_answer(r);
}

void
api_idps_test(struct req *r)
{
	int64_t version;
	const struct idp *i = find(r, &version);
	struct try_ctx *x = i ? arena_alloc(&r->arena, sizeof *x) : NULL;

	if (!i)
		return;
	if (!x || !(x->steps = json_array())) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	x->idp = i;
	r->held = x;
	r->done = try_release;
	struct jh_fetch m = {.kind = FETCH_DISCOVERY, .provider = i->id};
	if (i->type == IDP_LOCAL || i->type == IDP_ONETIMEPIN || i->type == IDP_GITHUB)
		try_answer(r);
	else
		fetch_ask(r->j, &jh_fetch_def, &m, &jh_fetched_def, try_discovery, r);
}

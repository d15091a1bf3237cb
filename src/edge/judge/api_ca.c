/* An application's SSH certificate authority: made and kept by the signer; only its public key comes here. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/api.h"
#include "msg/judge_signer.h"

static json_t *
ca_json(const struct app_view *a, const struct js_ca_is *m)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "id", m->id, "aud", a->app->aud, "app", a->app->domain, "public_key",
	                 m->public_key);
}

static void
answered(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_ca_is *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code == SP_NO_CA)
		reply_refuse_text(r, SP_NOT_FOUND, "the application has no certificate authority");
	else if (code)
		reply_refuse_text(r, code, m ? m->why : "");
	else
		reply_result(r, ca_json(r->app, m));
}

static void
created(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_ca_is *m = msg;

	if (!signer_code(err, m ? m->code : 0))
		judge_audit(r->j, r,
		            &(struct audit_note){
		                .kind = EVENT_CA_CREATED, .subject = r->app->app->domain, .why = m->public_key});
	answered(err, msg, arg);
}

void
api_ca_get(struct req *r)
{
	struct js_ca_get m = {0};

	if (!(r->app = api_app(r)))
		return;
	m.aud = r->app->app->aud;
	signer_ask(r->j, &js_ca_get_def, &m, &js_ca_is_def, answered, r);
}

void
api_ca_create(struct req *r)
{
	const char *kind = *req_param(r, "type") ? req_param(r, "type") : "ed25519";
	struct js_ca_create m = {.kind = kind};

	if (strcmp(kind, "ed25519") && strcmp(kind, "ecdsa-p256") && strcmp(kind, "rsa-3072")) {
		reply_refuse_text(r, SP_BAD_REQUEST, "type is ed25519, ecdsa-p256 or rsa-3072");
		return;
	}
	if (!(r->app = api_app(r)))
		return;
	m.aud = r->app->app->aud;
	m.comment = req_fmt(r, "sallyport-ca@%s", r->j->team_host);
	if (strlen(m.comment) > 128)
		m.comment = "sallyport-ca";
	signer_ask(r->j, &js_ca_create_def, &m, &js_ca_is_def, created, r);
}

static void
deleted(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code) {
		reply_refuse_text(r, code == SP_NO_CA ? SP_NOT_FOUND : code, m ? m->why : "");
		return;
	}
	judge_audit(r->j, r, &(struct audit_note){.kind = EVENT_CA_DELETED, .subject = r->app->app->domain});
	reply_result(r, json_pack("{s:s}", "id", r->app->app->id));
}

void
api_ca_delete(struct req *r)
{
	struct js_ca_delete m = {.admin_token = r->api_token};

	if (!(r->app = api_app(r)))
		return;
	m.aud = r->app->app->aud;
	signer_ask(r->j, &js_ca_delete_def, &m, &js_done_def, deleted, r);
}

/* --- all of them, asked for one after the other
 * ------------------------------------------------------------------------ */

struct walk {
	size_t next;
	json_t *all;
};

static void step(struct req *r);

static void
walk_end(struct req *r)
{
	json_decref(((struct walk *)r->held)->all);
}

static void
one(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct walk *w = r->held;
	const struct js_ca_is *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (!code)
		json_array_append_new(w->all, ca_json(&r->snap->views[w->next], m));
	w->next++;
	if (code && code != SP_NO_CA)
		reply_refuse_text(r, code, m ? m->why : "");
	else
		step(r);
}

static void
step(struct req *r)
{
	struct walk *w = r->held;
	struct js_ca_get m = {0};

	if (w->next >= r->snap->napps) {
		reply_list(r, json_incref(w->all));
		return;
	}
	m.aud = r->snap->apps[w->next]->aud;
	signer_ask(r->j, &js_ca_get_def, &m, &js_ca_is_def, one, r);
}

void
api_ca_list(struct req *r)
{
	struct walk *w = arena_alloc(&r->arena, sizeof *w);

	if (!w) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	w->all = json_array();
	r->held = w;
	r->done = walk_end;
	step(r);
}

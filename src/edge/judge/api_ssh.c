/* SSH sessions that the edge takes part in, and the keys of hosts that they met first. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/judge/api.h"
#include "edge/judge/host_key.h"
#include "edge/judge/ssh_session.h"

/* --- host keys ---------------------------------------------------------------------------------------------------- */

static void
app_named(struct req *r, json_t *o, const char *app)
{
	const struct app_view *a = snapshot_app_by_id(r->snap, app);

	json_object_set_new(o, "app_name", json_string(a ? a->app->name : ""));
	json_object_set_new(o, "app_domain", json_string(a ? a->app->domain : ""));
}

struct listing {
	struct req *r;
	json_t *all;
};

static int
list_one(void *arg, const struct store_doc *d)
{
	struct listing *l = arg;
	json_t *doc = NULL;

	if (json_load_strict(d->json, strlen(d->json), STORE_DOC_MAX, &doc) < 0)
		return 0;
	const char *app = req_fmt(l->r, "%s", json_str_or(doc, "app", ""));
	if (!*req_param(l->r, "app") || !strcmp(req_param(l->r, "app"), app)) {
		app_named(l->r, doc, app);
		json_array_append(l->all, doc);
	}
	json_decref(doc);
	return 0;
}

void
api_host_keys_list(struct req *r)
{
	struct listing l = {r, json_array()};
	struct reason why = {0};

	if (store_list(r->j->store, HOST_KEY_KIND, "", 0, list_one, &l, &why) < 0) {
		json_decref(l.all);
		reply_refuse_text(r, SP_STORE, why.text);
		return;
	}
	reply_list(r, l.all);
}

/* The next session to that host pins whatever key it shows. */
void
api_host_keys_delete(struct req *r)
{
	struct store_doc d = {0};
	struct reason why = {0};
	json_t *doc = NULL;
	int e = model_is_id(r->seg[1]) ? store_get(r->j->store, HOST_KEY_KIND, r->seg[1], &d, &why) : E_NOENT;

	if (e == 0)
		e = json_load_strict(d.json, strlen(d.json), STORE_DOC_MAX, &doc);
	if (e == 0) {
		const char *app = json_str_or(doc, "app", "");
		e = judge_audit_now(r->j, r,
		                    &(struct audit_note){.kind = EVENT_HOST_KEY_RELEASED,
		                                         .subject = json_str_or(doc, "fingerprint", ""),
		                                         .app = app,
		                                         .details = doc},
		                    NULL);
		if (e == 0)
			e = store_delete(r->j->store, HOST_KEY_KIND, r->seg[1], STORE_ANY, &why);
	}
	json_decref(doc);
	store_doc_release(&d);
	if (e == E_NOENT)
		reply_refuse_text(r, SP_NOT_FOUND, "no such host key; GET .../host_keys lists them");
	else if (e < 0)
		reply_refuse_text(r, SP_STORE, why.text);
	else
		reply_result(r, json_pack("{s:s}", "id", r->seg[1]));
}

/* --- sessions ----------------------------------------------------------------------------------------------------- */

static json_t *
shown(struct req *r, const struct ssh_session *x)
{
	char since[24], until[24];

	time_format(x->began_at ? x->began_at : x->made_at, since);
	time_format(x->until, until);
	json_t *o = json_pack(
	    "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "id", x->id, "email", x->email, "idp",
	    x->idp, "user", x->user, "destination", x->destination, "ip", x->ip, "country", x->country, "state",
	    x->ended || x->kill_at ? "ending"
	    : !x->begun            ? "connecting"
	    : x->detached          ? "detached"
	                           : "attached",
	    "mode", x->mode == SESSION_WEB ? "web" : "ssh", "since", since, "bytes_in",
	    (json_int_t)(x->bytes_in & INT64_MAX), "bytes_out", (json_int_t)(x->bytes_out & INT64_MAX));
	if (o) {
		json_object_set_new(o, "app", json_string(x->app));
		json_object_set_new(o, "session", json_string(x->session));
		json_object_set_new(o, "until", x->until ? json_string(until) : json_null());
		app_named(r, o, x->app);
	}
	return o;
}

void
api_ssh_sessions_list(struct req *r)
{
	const char *email = req_param(r, "email"), *app = req_param(r, "app");
	struct map_iter it = {0};
	json_t *all = json_array();

	while (map_next(&r->j->ssh_sessions, &it)) {
		const struct ssh_session *x = it.value;
		if ((!*email || !strcmp(email, x->email)) && (!*app || !strcmp(app, x->app)))
			json_array_append_new(all, shown(r, x));
	}
	reply_list(r, all);
}

void
api_ssh_sessions_end(struct req *r)
{
	struct ssh_session *x = ssh_session_get(r->j, r->seg[1]);

	if (!x) {
		reply_refuse_text(r, SP_NOT_FOUND, "no such SSH session");
		return;
	}
	judge_audit(r->j, r,
	            &(struct audit_note){.kind = EVENT_SESSION_REVOKED,
	                                 .subject = x->email,
	                                 .app = x->app,
	                                 .session = x->session,
	                                 .why = x->id});
	ssh_session_end(x, SP_SESSION_CUT, "An administrator ended this session.");
	reply_result(r, json_pack("{s:s}", "id", r->seg[1]));
}

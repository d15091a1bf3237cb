/*
 * The browser terminal's door, on an application's own host: GET says what there is (which Unix users this person may
 * be), a WebSocket opens a session or comes back to one. docs/protocol/terminal.md.
 *
 * The cookie is the only proof taken here, so the Origin must be the application's own: a page of another site could
 * otherwise open a shell with this browser's cookie.
 */
#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/recheck.h"
#include "edge/judge/ssh_session.h"
#include "edge/judge/tunnel_link.h"
#include "ssh/sshcert.h"

#define USERS_MAX 64u

/* What the deciding policy lets this person be called; lower case, as the signer makes it. */
static size_t
users_of(struct req *r, const struct policy *p, const char *email, const char *v[USERS_MAX])
{
	const struct texts *t = p && p->usernames.n ? &p->usernames : &r->app->app->ssh.usernames;
	size_t n = 0;

	for (size_t i = 0; i < t->n && n < USERS_MAX; i++) {
		char *name = strcmp(t->v[i], "{email_prefix}") ? req_fmt(r, "%s", t->v[i])
		                                               : req_fmt(r, "%.*s", (int)strcspn(email, "@"), email);
		str_lower(name);
		v[n++] = name;
	}
	return n;
}

static void
describe(struct req *r, const struct session *s, const struct policy *p)
{
	const char *v[USERS_MAX];
	size_t n = users_of(r, p, s->email, v);
	const struct app *a = r->app->app;
	json_t *users = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(users, json_string(v[i]));
	reply_json(r, 200,
	           json_pack("{s:s, s:s, s:s, s:o, s:b, s:s}", "email", s->email, "app", a->name ? a->name : a->domain,
	                     "host", r->host, "users", users, "bastion", a->service && !strcmp(a->service, "bastion"),
	                     "default_destination", a->default_destination ? a->default_destination : ""));
}

struct door {
	const char *token, *user, *asked, *destination, *session;
};

static void
on_ca(int err, const void *mv, void *arg)
{
	const struct js_ca_is *m = mv;
	struct req *r = arg;
	const struct door *d = r->ctx;
	struct session *s = session_get(r->j, d->session);
	struct ssh_session *x;
	int code = signer_code(err, m ? m->code : 0);

	if (!code && (!s || session_standing(r->j, s, r->app->app->id, NULL)))
		code = SP_REVOKED;
	if (!code) {
		struct ssh_session_want w = {.mode = SESSION_WEB,
		                             .destination = d->destination,
		                             .asked = d->asked,
		                             .user = d->user,
		                             .token = d->token,
		                             .ca = m->public_key};
		code = ssh_session_new(r, s, &w, &x);
	}
	if (code) {
		judge_deny(r, s ? s->email : NULL, code, m && *m->why ? m->why : sp_text(code));
		return;
	}
	r->j->n.allowed++;
	ssh_session_start(r, x);
}

/* Same person, same sign-in, same application: else it does not exist. */
static int
may_come_back(struct req *r, const struct session *s, const char *id, struct ssh_session **ret_x)
{
	struct ssh_session *x = strlen(id) == 32 ? ssh_session_get(r->j, id) : NULL;

	if (!x || strcmp(x->session, s->id) || strcmp(x->app, r->app->app->id) || x->mode != SESSION_WEB || x->ended ||
	    x->kill_at)
		return SP_SESSION_GONE;
	*ret_x = x;
	return 0;
}

static void
come_back(struct req *r, const struct session *s, const char *id)
{
	struct ssh_session *x;
	struct ticket *t;
	int code = may_come_back(r, s, id, &x);

	if (!code)
		code = ticket_new(r->j, r, s, r->app, x->destination, &t);
	if (code) {
		reply_refuse(r, code);
		return;
	}
	ssh_session_attach(r, x, t);
}

/* 0 and where it leads and as whom, or an sp_code. */
static int
may_open(struct req *r, const struct session *s, const struct policy *p, char destination[static 300],
         const char **ret_name)
{
	const char *asked = req_param(r, "destination"), *v[USERS_MAX];
	int code = ws_destination(r->app->app, *asked ? asked : NULL, destination);

	if (!code)
		code = cert_principal(r->app->app, p, s->email, req_param(r, "user"), ret_name);
	if (!code && !r->app->tunnel)
		code = SP_NO_ROUTE;
	if (!code && !tunnel_is_live(r->j, r->app->tunnel->id))
		code = SP_TUNNEL_DOWN;
	return !code && !users_of(r, p, s->email, v) ? SP_PRINCIPAL : code;
}

/* Why a WebSocket was refused, which no page can see. It was audited then. */
static void
explain(struct req *r, const struct session *s, const struct policy *p)
{
	const char *id = req_param(r, "session"), *name;
	struct ssh_session *x;
	char destination[300];
	int code = *id ? may_come_back(r, s, id, &x) : may_open(r, s, p, destination, &name);

	if (code)
		reply_refuse(r, code);
	else
		describe(r, s, p);
}

static void
open_new(struct req *r, const struct session *s, const struct policy *p, const char *token)
{
	const char *asked = req_param(r, "user"), *name, *v[USERS_MAX];
	struct door *d = arena_alloc(&r->arena, sizeof *d);
	char destination[300];
	int code = d ? may_open(r, s, p, destination, &name) : SP_INTERNAL;

	if (code) {
		judge_deny(r, s->email, code, sp_text(code));
		return;
	}
	users_of(r, p, s->email, v);
	*d = (struct door){.token = req_fmt(r, "%s", token),
	                   .asked = req_fmt(r, "%s", name),
	                   .user = *asked ? req_fmt(r, "%s", asked) : v[0],
	                   .destination = req_fmt(r, "%s", destination),
	                   .session = req_fmt(r, "%s", s->id)};
	str_lower((char *)(uintptr_t)d->user);
	r->ctx = d;
	struct js_ca_get m = {.aud = r->app->app->aud};
	signer_ask(r->j, &js_ca_get_def, &m, &js_ca_is_def, on_ca, r);
}

/* 0, RECHECK_HELD, or an sp_code that has been answered. */
static int
who_is_it(struct req *r, struct session **ret_s, const char **ret_token)
{
	struct token t = {0};
	struct reason why = {0};
	int code, e = req_cookie(r, "CF_Authorization", ret_token);
	const char *origin = req_header(r, "origin");

	if (r->websocket && (!origin || strcmp(origin, req_origin_of(r, r->host)))) {
		judge_deny(r, NULL, SP_LOGIN_STATE, "terminal from another origin");
		return SP_LOGIN_STATE;
	}
	if (e < 0) {
		reply_refuse(r, e == E_NOENT ? SP_LOGIN_NEEDED : SP_BAD_REQUEST);
		return SP_LOGIN_NEEDED;
	}
	code = session_of_app(r->j, *ret_token, r->app, &t, ret_s, &why);
	if (!code && t.cnf && *t.cnf) { /* no browser has one: it was shown to a connector, or taken from a client */
		code = SP_TOKEN;
		reason_set(&why, E_DENIED, code, "the token is for a key, not for a browser");
	} else if (!code && !app_binding_ok(r, *ret_token)) {
		code = SP_TOKEN;
		reason_set(&why, E_DENIED, code, "the binding cookie is missing or belongs to another token");
	}
	token_release(&t);
	if (code) {
		judge_deny(r, NULL, code, why.text);
		return code;
	}
	str_copy(r->session, sizeof r->session, (*ret_s)->id);
	code = recheck_gate(r, *ret_s, terminal_get);
	if (code && code != RECHECK_HELD)
		judge_deny(r, (*ret_s)->email, code, "the provider did not confirm the sign-in");
	return code;
}

void
terminal_get(struct req *r)
{
	struct session *s = NULL;
	const char *token = "";
	struct reason why = {0};
	struct policy_verdict v = {0};

	if (r->app->app->type != APP_SSH || http_is(r->app->app)) {
		reply_refuse(r, SP_NOT_FOUND);
		return;
	}
	if (who_is_it(r, &s, &token))
		return;
	struct asker who = req_asker(r, s);
	snapshot_verdict(r->snap, r->app, &who, &v);
	if (!policy_passes(&v)) {
		policy_verdict_reason(r->app->policy, &v, &why);
		judge_deny(r, s->email, v.code ? v.code : SP_POLICY_DENY, why.text);
		return;
	}
	r->access_until = v.approved_until;
	const struct policy *p = snapshot_policy(r->snap, r->app, &v);
	if (!r->websocket && *req_param(r, "check"))
		explain(r, s, p);
	else if (!r->websocket)
		describe(r, s, p);
	else if (*req_param(r, "session"))
		come_back(r, s, req_param(r, "session"));
	else
		open_new(r, s, p, token);
}

/* A client waits on somebody's desk: the signed-in user confirms, with a code that both show, before any token leaves.
 */
#include <string.h>

#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/recheck.h"
#include "identity/pkce.h"

/* On the application's host: the way to the team host, with everything the client said. */
void
cli_app_get(struct req *r)
{
	reply_redirect(r, req_fmt(r, "%s/cdn-cgi/access/cli?%s%sapp=%s", req_team_origin(r), r->query_text,
	                          *r->query_text ? "&" : "", r->host));
}

struct cli {
	const struct app_view *a;
	const char *key;
	uint8_t pub[32];
	struct session *s;
	const char *org;
	struct policy_verdict v;
};

static void
to_login(struct req *r, const struct cli *c)
{
	struct login_dest d = {.team = true};

	if (str_copy(d.host, sizeof d.host, req_param(r, "app")) < 0 ||
	    str_copy(d.redirect, sizeof d.redirect, r->target) < 0 ||
	    str_copy(d.cnf, sizeof d.cnf, req_param(r, "cnf")) < 0) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	str_copy(d.aud, sizeof d.aud, c->a->app->aud);
	reply_redirect(r, req_fmt(r, "%s%s", req_team_origin(r), login_link(r, &d, NULL)));
}

/* True when the caller may go on; otherwise the answer has been given, to the waiting client too where it is final. */
static bool
admit(struct req *r, struct cli *c, void (*again)(struct req *))
{
	struct reason why = {0};
	struct asker who;
	const char *app = req_param(r, "app");

	c->key = req_param(r, "token");
	c->a = snapshot_app_of_host(r->snap, app, req_param(r, "aud"));
	if (!c->a || transfer_key_check(c->key, c->pub) < 0) {
		bool known = snapshot_app_of_host(r->snap, app, NULL) != NULL;
		reply_refuse(r, known ? SP_BAD_REQUEST : SP_UNKNOWN_HOST);
		return false;
	}
	if (!(c->s = login_session(r, c->a, &c->org))) {
		to_login(r, c);
		return false;
	}
	r->app = c->a;
	str_copy(r->session, sizeof r->session, c->s->id);
	int code = recheck_gate(r, c->s, again);
	if (code == RECHECK_HELD)
		return false;
	if (code == SP_RECHECK || code == SP_BUSY) {
		transfer_refuse(r->j, c->key, code, sp_text(code));
		judge_deny(r, c->s->email, code, "the provider gave no answer");
		return false;
	}
	if (code) {
		to_login(r, c);
		return false;
	}
	who = req_asker(r, c->s);
	who.could = true;
	snapshot_verdict(r->snap, c->a, &who, &c->v);
	policy_verdict_reason(c->a->policy, &c->v, &why);
	if (c->v.outcome == POLICY_LOGIN) {
		to_login(r, c);
		return false;
	}
	if (c->v.code == SP_APPROVAL) { /* the client goes on waiting */
		approval_page(r, c->s, c->a, &c->v, r->target);
		return false;
	}
	if (!policy_passes(&c->v)) {
		transfer_refuse(r->j, c->key, c->v.code, sp_text(c->v.code));
		judge_deny(r, c->s->email, c->v.code, why.text);
		return false;
	}
	return !purpose_asked(r, c->s, c->a, &c->v, r->target);
}

static const char *
purpose(struct req *r, const struct cli *c)
{
	return req_fmt(r, "cli %s %s", c->s->id, c->key);
}

static void
confirm(struct req *r, struct session *s, const char *org)
{
	struct cli c = {0};
	char code[10];

	if (!admit(r, &c, cli_get))
		return;
	login_code(c.pub, code);
	const char *cookie = csrf_cookie(r);
	page_cli_confirm(r, req_param(r, "app"),
	                 &(struct client_asks){.email = c.s->email,
	                                       .from = transfer_from(r->j, c.key),
	                                       .code = code,
	                                       .csrf = csrf_token(r, cookie, purpose(r, &c))});
}

/* What policies ask outside is asked before the page: the answers stand with the session when the button comes. */
void
cli_get(struct req *r)
{
	const struct app_view *a = snapshot_app_of_host(r->snap, req_param(r, "app"), req_param(r, "aud"));
	const char *org = NULL;
	struct session *s = a ? login_session(r, a, &org) : NULL;

	if (s)
		login_evaluate(r, s, org, a, confirm);
	else
		confirm(r, NULL, NULL);
}

static void
token_came(struct req *r, int code, const char *token)
{
	const struct cli *c = r->dest;

	if (code) {
		transfer_refuse(r->j, c->key, code, sp_text(code));
		judge_deny(r, NULL, code, "no application token");
		return;
	}
	json_t *o = json_pack("{s:s}", "app_token", token);
	if (!strcmp(req_param(r, "send_org_token"), "true"))
		json_object_set_new(o, "org_token", json_string(c->org));
	int e = transfer_fill(r->j, c->key, o);
	json_decref(o);
	if (e < 0)
		reply_refuse(r, e == E_EXIST ? SP_LOGIN_STATE : SP_BUSY);
	else
		page_note(r, 200, T_DONE, T_DONE_CLIENT, NULL, 0);
}

void
cli_post(struct req *r)
{
	struct cli *c = arena_alloc(&r->arena, sizeof *c);

	if (!c) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	if (!admit(r, c, cli_post))
		return;
	if (!csrf_ok(r, purpose(r, c), req_field(r, "csrf"))) {
		judge_deny(r, c->s->email, SP_LOGIN_STATE, "confirmation of another page");
		return;
	}
	r->dest = c;
	r->j->n.allowed++;
	purpose_audit(r, c->s, c->a, &c->v, "client login");
	login_app_token(r, c->s, c->org, c->a, req_param(r, "cnf"), &c->v, token_came);
}

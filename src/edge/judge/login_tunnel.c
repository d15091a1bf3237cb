/* `sallyport tunnel login`: an administrator lets a client manage the tunnels. The client waits as for any login
 * (transfer.c); what it gets is an API token for tunnels alone, fresh, named after who confirmed. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/recheck.h"
#include "identity/token.h"

struct client {
	const char *key, *org;
	uint8_t pub[32];
	struct session *s;
};

static const char *
purpose(struct req *r, const struct client *c)
{
	return req_fmt(r, "tunnel-login %s %s", c->s->id, c->key);
}

static void
to_login(struct req *r)
{
	reply_redirect(
	    r, req_fmt(r, "/cdn-cgi/access/login/%s?redirect_url=%s", r->j->team_host, req_escape(r, r->target)));
}

static void
refuse(struct req *r, const struct client *c, int code, const char *why)
{
	transfer_refuse(r->j, c->key, code, sp_text(code));
	judge_deny(r, c->s->email, code, why);
}

static bool
may(const struct req *r, const struct session *s)
{
	const struct admin *a = login_admin(r, s);
	return a && a->role == ADMIN_ADMIN;
}

/* True when an administrator asks; otherwise the answer has been given, to the waiting client too where it is final. */
static bool
admit(struct req *r, struct client *c, void (*again)(struct req *))
{
	c->key = req_param(r, "token");
	if (transfer_key_check(c->key, c->pub) < 0) {
		reply_refuse(r, SP_BAD_REQUEST);
		return false;
	}
	if (!(c->s = login_session(r, NULL, &c->org))) {
		to_login(r);
		return false;
	}
	str_copy(r->session, sizeof r->session, c->s->id);
	int code = recheck_gate(r, c->s, again);
	if (code == RECHECK_HELD)
		return false;
	if (code == SP_RECHECK || code == SP_BUSY) {
		refuse(r, c, code, "the provider gave no answer");
		return false;
	}
	if (code) {
		to_login(r);
		return false;
	}
	if (!may(r, c->s)) {
		refuse(r, c, SP_POLICY_DENY, "tunnel login is for administrators with the role admin");
		return false;
	}
	return true;
}

void
tunnel_login_get(struct req *r)
{
	struct client c = {0};
	char code[10];

	if (!admit(r, &c, tunnel_login_get))
		return;
	login_code(c.pub, code);
	const char *cookie = csrf_cookie(r);
	page_tunnel_confirm(r, &(struct client_asks){.email = c.s->email,
	                                             .from = transfer_from(r->j, c.key),
	                                             .code = code,
	                                             .csrf = csrf_token(r, cookie, purpose(r, &c))});
}

static void
token_came(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_text *m = msg;
	const struct client *c = r->dest;
	struct token t = {0};
	struct reason why = {0};
	uint64_t seq;
	int code = signer_code(err, m ? m->code : 0);

	if (!code && token_open(TOKEN_API, m->text, &r->j->jwks_api, r->j->issuer, NULL, judge_now(), &t, &why) < 0)
		code = SP_INTERNAL;
	/* the session or the role may have ended meanwhile */
	struct client now = {.key = c->key};
	if (!code && (!(now.s = login_session(r, NULL, &now.org)) || !may(r, now.s)))
		code = SP_POLICY_DENY;
	if (code) {
		token_release(&t);
		transfer_refuse(r->j, c->key, code, sp_text(code));
		judge_deny(r, NULL, code, "no token for the tunnels");
		return;
	}
	json_t *details = json_pack("{s:[{s:s, s:s, s:s, s:{s:s, s:I}}]}", "changes", "kind", "api_token", "name",
	                            t.sub, "action", "create", "after", "id", t.jti, "exp", (json_int_t)t.exp);
	int e = judge_audit_now(r->j, r,
	                        &(struct audit_note){.kind = EVENT_CHANGE_DONE,
	                                             .actor = now.s->email,
	                                             .session = now.s->id,
	                                             .subject = t.sub,
	                                             .details = details},
	                        &seq);
	json_decref(details);
	json_t *o = json_pack("{s:s, s:s, s:s}", "api_token", m->text, "account", r->j->account, "zone", r->j->zone);
	if (e == 0)
		e = transfer_fill(r->j, c->key, o);
	json_decref(o);
	token_release(&t);
	if (e < 0)
		reply_refuse(r, e == E_EXIST ? SP_LOGIN_STATE : SP_BUSY);
	else
		page_note(r, 200, T_DONE, T_DONE_TUNNELS, NULL, 0);
}

void
tunnel_login_post(struct req *r)
{
	struct client *c = arena_alloc(&r->arena, sizeof *c);

	if (!c) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	*c = (struct client){0};
	if (!admit(r, c, tunnel_login_post))
		return;
	if (!csrf_ok(r, purpose(r, c), req_field(r, "csrf"))) {
		judge_deny(r, c->s->email, SP_LOGIN_STATE, "confirmation of another page");
		return;
	}
	if (!*transfer_from(r->j, c->key)) { /* nobody to give it to: no token is made that nobody knows of */
		judge_deny(r, c->s->email, SP_LOGIN_STATE, "no client waits for this confirmation");
		return;
	}
	r->dest = c;
	struct js_tunnel_token m = {.org_token = c->org, .name = req_fmt(r, "cert.pem of %.100s", c->s->email)};
	signer_ask(r->j, &js_tunnel_token_def, &m, &js_text_def, token_came, r);
}

/* Everything on an application's host that is not ours: a token, a verdict, and then what stands behind it. */
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/recheck.h"
#include "edge/judge/service.h"

/* Cf-Access-Token is the client's way, the cookie the browser's. Cf-Access-Jwt-Assertion is what the edge says to
   connectors, and is not believed from anybody. */
static int
token_of(struct req *r, const char **ret_text, bool *ret_cookie)
{
	const char *h = req_header(r, "cf-access-token");

	*ret_cookie = false;
	if (h) {
		*ret_text = h;
		return *h ? 0 : E_FORMAT; /* twice */
	}
	*ret_cookie = true;
	return req_cookie(r, "CF_Authorization", ret_text);
}

/* A page of another site can open a WebSocket with this browser's cookie; its Origin gives it away (security.md 3.3,
 * 45). */
static bool
origin_fits(struct req *r, bool by_cookie)
{
	const char *o = req_header(r, "origin");
	return !by_cookie || !r->websocket || (o && !strcmp(o, req_origin_of(r, r->host)));
}

static void
turn_away(struct req *r, int code, const char *why)
{
	if (code) {
		reply_header(r, "cf-access-error", req_fmt(r, "SP-%d", code));
		r->j->n.denied++;
		judge_audit(
		    r->j, r,
		    &(struct audit_note){.kind = EVENT_ACCESS_DENIED, .subject = r->host, .code = code, .why = why});
		log_info("token_refused", "app", r->host, "ip", r->client_ip, "code", log_num(code), "why", why, NULL);
	}
	if ((req_is(r, "GET") || r->head) && !req_header(r, "x-requested-with"))
		login_redirect(r);
	else
		reply_refuse(r, code ? code : SP_LOGIN_NEEDED);
}

void
app_admitted(struct req *r, struct session *s, const char *token)
{
	if (http_is(r->app->app))
		http_admit(r, s, token);
	else if (r->websocket)
		ws_admit(r, s, token);
	else if (r->app->app->type == APP_SSH && s)
		terminal_page(r);
	else
		page_ssh(r);
}

/* Programs do not follow a redirect to a login page: an application with service-auth policies may say so. */
static bool
wants_401(const struct app *a)
{
	bool service = false;

	for (size_t i = 0; i < a->npolicies; i++)
		service |= policy_real(a->policies[i])->decision == DECISION_NON_IDENTITY;
	return service && a->service_auth_401_redirect;
}

/* Nobody is signed in: perhaps nobody needs to be. */
static void
anonymous(struct req *r)
{
	struct reason why = {0};
	struct asker who = req_asker(r, NULL);
	struct policy_verdict v = {0};

	snapshot_verdict(r->snap, r->app, &who, &v);
	if (policy_passes(&v)) { /* bypass, or service auth by address, country, ... */
		app_admitted(r, NULL, "");
	} else if (v.code != SP_NO_POLICY && wants_401(r->app->app)) {
		reply_refuse(r, SP_LOGIN_NEEDED);
	} else if (v.outcome == POLICY_DENIED) { /* whoever they are: no sign-in page for them */
		policy_verdict_reason(r->app->policy, &v, &why);
		reply_header(r, "cf-access-aud", r->app->app->aud); /* how clients know us without a redirect */
		reply_header(r, "cf-access-domain", r->app->app->domain);
		judge_deny(r, NULL, v.code ? v.code : SP_POLICY_DENY, why.text);
	} else {
		turn_away(r, 0, NULL);
	}
}

void
app_request(struct req *r)
{
	struct token t = {0};
	struct session *s = NULL;
	struct reason why = {0};
	struct policy_verdict v = {0};
	const char *text = NULL;
	bool by_cookie;

	enum preflight pre = app_preflight(r);
	if (pre == PREFLIGHT_ANSWERED)
		return;
	if (pre == PREFLIGHT_BYPASS) { /* it carries nothing that could be judged; the origin answers */
		app_admitted(r, NULL, "");
		return;
	}
	if (service_shown(r)) { /* then by that alone: no cookie, no other token */
		service_request(r);
		return;
	}
	int e = token_of(r, &text, &by_cookie);
	if (e == E_NOENT) {
		anonymous(r);
		return;
	}
	if (e < 0 || !origin_fits(r, by_cookie)) {
		judge_deny(r, NULL, e < 0 ? SP_BAD_REQUEST : SP_LOGIN_STATE,
		           e < 0 ? "two tokens" : "WebSocket from another origin");
		return;
	}
	int code = session_of_app(r->j, text, r->app, &t, &s, &why);
	if (code) {
		turn_away(r, code, why.text);
		return;
	}
	token_release(&t);
	if (!app_binding_ok(r, text)) {
		turn_away(r, SP_TOKEN, "the binding cookie is missing or belongs to another token");
		return;
	}
	str_copy(r->session, sizeof r->session, s->id);
	if ((code = recheck_gate(r, s, app_request)) == RECHECK_HELD)
		return;
	if (code == SP_RECHECK || code == SP_BUSY) {
		judge_deny(r, s->email, code, "the provider gave no answer");
		return;
	}
	if (code) {
		turn_away(r, code, "the provider did not confirm the sign-in");
		return;
	}
	struct asker who = req_asker(r, s);
	snapshot_verdict(r->snap, r->app, &who, &v);
	if (!policy_passes(&v)) {
		policy_verdict_reason(r->app->policy, &v, &why);
		if (v.code == SP_APPROVAL) /* the way to ask for it is the login page */
			turn_away(r, v.code, why.text);
		else
			judge_deny(r, s->email, v.code ? v.code : SP_POLICY_DENY, why.text);
		return;
	}
	r->access_until = v.approved_until;
	app_admitted(r, s, text);
}

/* The two sides of temporary access: who asks waits on a page that shows the approvers' link; who opens that link, and
 * is named in the policy, says yes for a time, or no. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "edge/judge/approval.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/recheck.h"

#define AGAIN_SEC 5
#define A "/cdn-cgi/access/"

static const struct {
	const char *value, *text;
	int64_t seconds;
} periods[] = {{"1h", "1 hour", 3600}, {"4h", "4 hours", 14400}, {"8h", "8 hours", 28800}, {"24h", "24 hours", 86400}};
#define NPERIODS (sizeof periods / sizeof *periods)

/* --- who asks ---------------------------------------------------------------------------------------------------- */

static const char *
ask_seal(struct req *r, const struct session *s, const struct app_view *a)
{
	return req_fmt(r, "request %s %s", s->id, a->app->id);
}

static void
form(struct req *r, const struct session *s, const struct app_view *a, const struct policy *p, const char *next,
     const char *said, const char *failed)
{
	const char *csrf = csrf_token(r, csrf_cookie(r), ask_seal(r, s, a));
	struct buf b;

	page_begin(&b, "Ask for access");
	page_text(&b, "<p class=\"dim\">to reach <strong>", a->app->name, "</strong></p>\n");
	if (said)
		page_text(&b, "<p class=\"bad\" role=\"alert\">", said, "</p>\n");
	page_text(&b, "<p>Somebody must approve this first, for a time. You are ", s->email, ".</p>\n");
	if (failed)
		page_text(&b, "<p class=\"bad\" role=\"alert\">", failed, "</p>\n");
	page_text(&b, "<form method=\"post\" action=\"",
	          req_fmt(r, A "request?kid=%s&next=%s", a->app->aud, req_escape(r, next)), "\">\n");
	page_text(&b, "<input type=\"hidden\" name=\"csrf\" value=\"", csrf, "\">\n");
	page_text(&b, "<label for=\"purpose\">", purpose_prompt(p), "</label>");
	page_text(&b,
	          "<input id=\"purpose\" name=\"purpose\" maxlength=\"1000\" autocomplete=\"off\" required autofocus "
	          "value=\"",
	          req_field(r, "purpose"), "\">\n");
	buf_put_str(&b, "<button type=\"submit\">Ask</button>\n</form>\n"
	                "<p class=\"dim\">The approvers read your answer, and it is recorded.</p>\n");
	page_end(&b);
	reply_html(r, failed ? 400 : said ? 403 : 200, &b);
}

static const char *
approve_link(struct req *r, const struct access_request *q)
{
	return req_fmt(r, "%s" A "approve/%s", req_team_origin(r), q->id);
}

static void
waiting(struct req *r, const struct app_view *a, const struct policy *p, const struct access_request *q)
{
	size_t missing = request_missing(r->j, p, q);
	struct buf b;

	page_begin_again(&b, "Waiting for approval", AGAIN_SEC);
	page_text(&b, "<p class=\"dim\">to reach <strong>", a->app->name, "</strong></p>\n");
	buf_put_str(&b, "<p>Pass this link on to somebody who may approve:</p>\n");
	page_text(&b, "<p><code id=\"link\">", approve_link(r, q), "</code></p>\n");
	page_text(&b, "<dl><dt>Why</dt><dd>", q->reason, "</dd>\n");
	page_text(&b, "<dt>Approvals</dt><dd>", req_fmt(r, "%zu here, %zu missing", q->napprovals, missing),
	          "</dd></dl>\n");
	buf_put_str(&b, q->transfer ? "<p class=\"dim\">The client waits too. Leave this page open: it looks again by "
	                              "itself, and asks you to let the client in.</p>\n"
	                            : "<p class=\"dim\">Leave this page open: it looks again by itself, and goes on "
	                              "once it is approved.</p>\n");
	page_end(&b);
	reply_html(r, 200, &b);
}

/* The client that waits behind this way, if one does. */
static void
client_of(const char *next, char ret_key[static 65])
{
	struct login_dest d = {0};

	ret_key[0] = '\0';
	if (str_copy(d.redirect, sizeof d.redirect, next) == 0)
		login_dest_transfer(&d, ret_key);
}

/* A request of a policy that was changed is none; a new one may be made at once. */
static bool
waits_for(struct req *r, const struct access_request *q, const struct policy *p)
{
	return q->state == REQUEST_PENDING && !strcmp(q->policy, p->id) && request_policy(r->j, q, NULL);
}

void
approval_page(struct req *r, const struct session *s, const struct app_view *a, const struct policy_verdict *v,
              const char *next)
{
	const struct policy *p = snapshot_policy(r->snap, a, v);
	struct access_request *q = request_of(r->j, s->id, a->app->id);
	char key[65];

	if (!p) {
		judge_deny(r, s->email, SP_POLICY_DENY, "no policy to ask for");
		return;
	}
	if (q && waits_for(r, q, p)) {
		client_of(next, key);
		request_waits(r->j, q, key);
		waiting(r, a, p, q);
		return;
	}
	const char *said = q && q->state == REQUEST_REFUSED   ? "Your request was refused."
	                   : q && q->state == REQUEST_EXPIRED ? "Your request, or the access it gave, is over."
	                                                      : NULL;
	form(r, s, a, p, next, said, NULL);
}

void
approval_post(struct req *r)
{
	const struct app_view *a = snapshot_app_by_aud(r->snap, req_param(r, "kid"));
	const char *next = req_param(r, "next"), *text = req_field(r, "purpose"), *org, *wrong = purpose_wrong(text);
	struct session *s = a ? login_session(r, a, &org) : NULL;
	struct policy_verdict v = {0};
	struct access_request *q = NULL;
	char key[65];
	int code = 0;

	if (!s || !url_is_local_path(next)) {
		reply_refuse(r, s ? SP_BAD_REQUEST : SP_LOGIN_STATE);
		return;
	}
	r->app = a;
	str_copy(r->session, sizeof r->session, s->id);
	if (!csrf_ok(r, ask_seal(r, s, a), req_field(r, "csrf"))) {
		judge_deny(r, s->email, SP_LOGIN_STATE, "request of another page");
		return;
	}
	struct asker who = req_asker(r, s);
	who.could = true;
	snapshot_verdict(r->snap, a, &who, &v);
	const struct policy *p = v.code == SP_APPROVAL ? snapshot_policy(r->snap, a, &v) : NULL;
	if (p && wrong) {
		form(r, s, a, p, next, NULL, wrong);
		return;
	}
	client_of(next, key);
	q = request_of(r->j, s->id, a->app->id);
	if (p && !(q && waits_for(r, q, p)))
		code = request_new(r, s, a, p, text, key, &q);
	if (code)
		judge_deny(r, s->email, code, "the request could not be taken");
	else /* whatever the verdict says there */
		reply_redirect(r, req_fmt(r, "%s%s", req_team_origin(r), next));
}

/* --- who decides ------------------------------------------------------------------------------------------------- */

static const char *
decide_seal(struct req *r, const struct session *s, const struct access_request *q)
{
	return req_fmt(r, "approve %s %s", s->id, q->id);
}

/* The request, and the session of somebody who may decide about it; else the answer has been given. */
static struct access_request *
decider(struct req *r, struct session **ret_s, void (*again)(struct req *))
{
	const char *org, *why;
	struct session *s = login_session(r, NULL, &org);

	if (!s) {
		reply_redirect(r, req_fmt(r, A "login/%s?redirect_url=%s", r->j->team_host, req_escape(r, r->path)));
		return NULL;
	}
	str_copy(r->session, sizeof r->session, s->id);
	int code = recheck_gate(r, s, again);
	if (code == RECHECK_HELD)
		return NULL;
	if (code) {
		judge_deny(r, s->email, code, "the provider did not confirm the sign-in");
		return NULL;
	}
	struct access_request *q = request_get(r->j, r->seg[0]);
	r->app = q ? snapshot_app_by_id(r->snap, q->app) : NULL;
	if (!r->app) {
		reply_refuse(r, SP_NOT_FOUND);
		return NULL;
	}
	if ((code = request_may_decide(r->j, q, s, &why))) {
		r->j->n.denied++;
		judge_audit(r->j, r,
		            &(struct audit_note){.kind = EVENT_ACCESS_DENIED,
		                                 .actor = s->email,
		                                 .subject = q->email,
		                                 .code = code,
		                                 .why = req_fmt(r, "may not decide about request %s: %s", q->id, why)});
		page_refuse(r, 403, code, why);
		return NULL;
	}
	*ret_s = s;
	return q;
}

static void
put_about(struct req *r, struct buf *b, const struct access_request *q)
{
	char at[24];

	time_format(q->created_at, at);
	page_text(b, "<dl><dt>Who</dt><dd><strong>", q->email, "</strong></dd>\n");
	page_text(b, "<dt>What</dt><dd>", r->app->app->name, "");
	page_text(b, " (", r->app->app->domain, ")</dd>\n");
	page_text(b, "<dt>Why</dt><dd>", q->reason, "</dd>\n");
	page_text(b, "<dt>From</dt><dd>", q->ip, "</dd>\n");
	page_text(b, "<dt>Asked</dt><dd>", at, "</dd></dl>\n");
}

static void
put_form(struct req *r, struct buf *b, const struct session *s, const struct access_request *q)
{
	const char *csrf = csrf_token(r, csrf_cookie(r), decide_seal(r, s, q));

	page_text(b, "<form method=\"post\" action=\"", req_fmt(r, A "approve/%s", q->id), "\">\n");
	page_text(b, "<input type=\"hidden\" name=\"csrf\" value=\"", csrf, "\">\n");
	buf_put_str(b, "<label for=\"period\">For at most</label><select id=\"period\" name=\"period\">\n");
	for (size_t i = 0; i < NPERIODS; i++)
		buf_putf(b, "<option value=\"%s\">%s</option>\n", periods[i].value, periods[i].text);
	buf_put_str(b, "</select>\n<button type=\"submit\" name=\"decision\" value=\"approve\">Approve</button>\n"
	               "<button class=\"quiet\" type=\"submit\" name=\"decision\" value=\"refuse\">Refuse</button>\n"
	               "</form>\n");
}

static bool
has_said(const struct access_request *q, const struct session *s)
{
	for (size_t i = 0; i < q->napprovals; i++)
		if (q->approvals[i].person && !strcmp(q->approvals[i].person, s->person))
			return true;
	return false;
}

static const char *
standing(struct req *r, const struct access_request *q, const struct session *s)
{
	char at[24];

	time_format(q->until, at);
	switch ((enum request_state)q->state) {
	case REQUEST_GRANTED:
		return req_fmt(r, "Approved: access is open until %s.", at);
	case REQUEST_REFUSED:
		return "This request was refused.";
	case REQUEST_EXPIRED:
		return "This request is over.";
	case REQUEST_PENDING:
		break;
	}
	return has_said(q, s) ? "You approved this. Others must approve too." : NULL;
}

static void
show(struct req *r, const struct session *s, const struct access_request *q, unsigned status, const char *failed)
{
	const char *what = standing(r, q, s);
	struct buf b;

	page_begin(&b, what ? "Access request" : "Approve this access?");
	if (failed)
		page_text(&b, "<p class=\"bad\" role=\"alert\">", failed, "</p>\n");
	if (what)
		page_text(&b, "<p>", what, "</p>\n");
	put_about(r, &b, q);
	if (!what)
		put_form(r, &b, s, q);
	page_text(&b, "<p class=\"dim\">You are ", s->email, ". What you decide is recorded.</p>\n");
	page_end(&b);
	reply_html(r, status, &b);
}

void
approve_get(struct req *r)
{
	struct session *s = NULL;
	struct access_request *q = decider(r, &s, approve_get);

	if (q)
		show(r, s, q, 200, NULL);
}

static int64_t
period_of(const char *value)
{
	for (size_t i = 0; i < NPERIODS; i++)
		if (!strcmp(periods[i].value, value))
			return periods[i].seconds;
	return 0;
}

void
approve_post(struct req *r)
{
	struct session *s = NULL;
	struct access_request *q = decider(r, &s, approve_post);
	const char *decision = req_field(r, "decision");
	int64_t seconds = period_of(req_field(r, "period"));
	bool yes = !strcmp(decision, "approve");

	if (!q)
		return;
	if (!csrf_ok(r, decide_seal(r, s, q), req_field(r, "csrf"))) {
		judge_deny(r, s->email, SP_LOGIN_STATE, "decision of another page");
		return;
	}
	if (yes ? !seconds : strcmp(decision, "refuse") != 0) {
		show(r, s, q, 400, "Choose one of the periods.");
		return;
	}
	if (q->state != REQUEST_PENDING) { /* decided meanwhile, or the form was sent twice */
		show(r, s, q, 200, NULL);
		return;
	}
	int code = yes ? request_yes(r, q, s, seconds) : request_no(r, q, s);
	if (code && code != SP_CONFLICT)
		judge_deny(r, s->email, code, "the decision could not be taken");
	else
		show(r, s, q, 200, NULL);
}

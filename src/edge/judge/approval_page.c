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
	const char *value;
	enum text text;
	int64_t seconds;
} periods[] = {{"1h", T_HOURS_1, 3600}, {"4h", T_HOURS_4, 14400}, {"8h", T_HOURS_8, 28800}, {"24h", T_HOURS_24, 86400}};
#define NPERIODS (sizeof periods / sizeof *periods)

/* --- who asks ---------------------------------------------------------------------------------------------------- */

static const char *
ask_seal(struct req *r, const struct session *s, const struct app_view *a)
{
	return req_fmt(r, "request %s %s", s->id, a->app->id);
}

static void
form(struct req *r, const struct session *s, const struct app_view *a, const struct policy *p, const char *next,
     enum text said, const struct page_failed *failed)
{
	const char *csrf = csrf_token(r, csrf_cookie(r), ask_seal(r, s, a));
	struct buf b;

	page_begin(r, &b, T_ASK_TITLE);
	page_say(r, &b, "p class=\"dim\"", T_TO_REACH, a->app->name);
	if (said)
		page_alert(r, &b, page_words(r, said), 0);
	page_say(r, &b, "p", T_ASK_TEXT, s->email);
	if (failed)
		page_alert(r, &b, failed->words, failed->code);
	page_form(&b, req_fmt(r, A "request?kid=%s&next=%s", a->app->aud, req_escape(r, next)), csrf);
	purpose_input(r, &b, p);
	page_button(r, &b, T_ASK_BUTTON);
	buf_put_str(&b, "</form>\n");
	page_say(r, &b, "p class=\"dim\"", T_ASK_RECORDED);
	page_end(r, &b);
	reply_html(r, failed && !failed->code ? 400 : failed || said ? 403 : 200, &b);
}

static const char *
approve_link(struct req *r, const struct access_request *q)
{
	return req_fmt(r, "%s" A "approve/%s", req_team_origin(r), q->id);
}

static void
waiting(struct req *r, const struct app_view *a, const struct policy *p, const struct access_request *q,
        const char *next)
{
	size_t missing = request_missing(r->j, p, q);
	const char *count[] = {req_fmt(r, "%zu", q->napprovals), req_fmt(r, "%zu", missing)};
	bool still = !strcmp(req_param(r, "still"), "1");
	struct buf b;

	/* A page that changes under a reader is hard for some: they can stop it (WCAG 2.2.1). */
	if (!still)
		reply_header(r, "refresh", req_fmt(r, "%d", AGAIN_SEC));
	page_begin(r, &b, T_WAIT_TITLE);
	page_say(r, &b, "p class=\"dim\"", T_TO_REACH, a->app->name);
	page_say(r, &b, "p", T_WAIT_LINK);
	page_text(&b, "<p><code id=\"link\">", approve_link(r, q), "</code></p>\n<dl>\n");
	page_fact(r, &b, T_WAIT_WHY, q->reason);
	page_say(r, &b, "dt", T_WAIT_APPROVALS);
	buf_put_str(&b, "<dd>");
	text_html(&b, page_words(r, T_WAIT_COUNT), count, 2);
	buf_put_str(&b, "</dd></dl>\n");
	if (!still)
		page_say(r, &b, "p class=\"dim\"", q->transfer ? T_WAIT_CLIENT : T_WAIT_PAGE);
	page_link_button(r, &b, "button quiet", still ? r->target : req_fmt(r, "%s&still=1", next),
	                 still ? T_WAIT_AGAIN : T_WAIT_STOP);
	page_end(r, &b);
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
		waiting(r, a, p, q, next);
		return;
	}
	enum text said = q && q->state == REQUEST_REFUSED   ? T_ASK_REFUSED
	                 : q && q->state == REQUEST_EXPIRED ? T_ASK_OVER
	                                                    : 0;
	form(r, s, a, p, next, said, NULL);
}

void
approval_post(struct req *r)
{
	const struct app_view *a = snapshot_app_by_aud(r->snap, req_param(r, "kid"));
	const char *next = req_param(r, "next"), *text = req_field(r, "purpose"), *org;
	int wrong = purpose_wrong(text);
	struct session *s = a ? login_session(r, a, &org) : NULL;
	struct policy_verdict v = {0};
	struct access_request *q = NULL;
	char key[65];
	int code = 0;

	if (!url_is_local_path(next)) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	if (!s) {
		purpose_ended(r, text, next);
		return;
	}
	r->app = a;
	str_copy(r->session, sizeof r->session, s->id);
	bool fresh = csrf_ok(r, ask_seal(r, s, a), req_field(r, "csrf"));
	struct asker who = req_asker(r, s);
	who.could = true;
	snapshot_verdict(r->snap, a, &who, &v);
	const struct policy *p = v.code == SP_APPROVAL ? snapshot_policy(r->snap, a, &v) : NULL;
	if (!fresh) { /* nothing is taken from it but what was typed */
		struct page_failed f = {page_words(r, T_FORM_STALE), SP_LOGIN_STATE};
		judge_refused(r, s->email, SP_LOGIN_STATE, "request of another page");
		if (p)
			form(r, s, a, p, next, 0, &f);
		else
			reply_refuse(r, SP_LOGIN_STATE);
		return;
	}
	if (p && wrong) {
		form(r, s, a, p, next, 0, &(struct page_failed){page_words(r, (enum text)wrong), 0});
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
	buf_put_str(b, "<dl>\n");
	page_fact(r, b, T_APPROVE_WHO, q->email);
	page_fact(r, b, T_APPROVE_WHAT, req_fmt(r, "%s (%s)", r->app->app->name, r->app->app->domain));
	page_fact(r, b, T_WAIT_WHY, q->reason);
	page_fact(r, b, T_APPROVE_FROM, q->ip);
	page_fact(r, b, T_APPROVE_ASKED, at);
	buf_put_str(b, "</dl>\n");
}

static void
put_form(struct req *r, struct buf *b, const struct session *s, const struct access_request *q)
{
	const char *csrf = csrf_token(r, csrf_cookie(r), decide_seal(r, s, q));

	page_form(b, req_fmt(r, A "approve/%s", q->id), csrf);
	page_say(r, b, "label for=\"period\"", T_APPROVE_PERIOD);
	buf_put_str(b, "<select id=\"period\" name=\"period\">\n");
	for (size_t i = 0; i < NPERIODS; i++)
		page_say(r, b, req_fmt(r, "option value=\"%s\"", periods[i].value), periods[i].text);
	buf_put_str(b, "</select>\n");
	page_say(r, b, "button type=\"submit\" name=\"decision\" value=\"approve\"", T_APPROVE_YES);
	page_say(r, b, "button class=\"quiet danger\" type=\"submit\" name=\"decision\" value=\"refuse\"",
	         T_APPROVE_NO);
	buf_put_str(b, "</form>\n");
}

static bool
has_said(const struct access_request *q, const struct session *s)
{
	for (size_t i = 0; i < q->napprovals; i++)
		if (q->approvals[i].person && !strcmp(q->approvals[i].person, s->person))
			return true;
	return false;
}

static enum text
standing(const struct access_request *q, const struct session *s)
{
	switch ((enum request_state)q->state) {
	case REQUEST_GRANTED:
		return T_APPROVE_GRANTED;
	case REQUEST_REFUSED:
		return T_APPROVE_REFUSED;
	case REQUEST_EXPIRED:
		return T_APPROVE_OVER;
	case REQUEST_PENDING:
		break;
	}
	return has_said(q, s) ? T_APPROVE_OTHERS : 0;
}

static void
show(struct req *r, const struct session *s, const struct access_request *q, unsigned status, enum text failed)
{
	enum text what = standing(q, s);
	char until[24];
	struct buf b;

	time_format(q->until, until);
	page_begin(r, &b, what ? T_APPROVE_SEEN : T_APPROVE_TITLE);
	if (failed)
		page_alert(r, &b, page_words(r, failed), 0);
	if (what)
		page_say(r, &b, "p", what, until);
	put_about(r, &b, q);
	if (!what)
		put_form(r, &b, s, q);
	page_say(r, &b, "p class=\"dim\"", T_APPROVE_YOU, s->email);
	page_end(r, &b);
	reply_html(r, status, &b);
}

void
approve_get(struct req *r)
{
	struct session *s = NULL;
	struct access_request *q = decider(r, &s, approve_get);

	if (q)
		show(r, s, q, 200, 0);
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
		show(r, s, q, 400, T_APPROVE_CHOOSE);
		return;
	}
	if (q->state != REQUEST_PENDING) { /* decided meanwhile, or the form was sent twice */
		show(r, s, q, 200, 0);
		return;
	}
	int code = yes ? request_yes(r, q, s, seconds) : request_no(r, q, s);
	if (code && code != SP_CONFLICT)
		judge_deny(r, s->email, code, "the decision could not be taken");
	else
		show(r, s, q, 200, 0);
}

/* Why do you need this? A policy may ask once for each new token of an application; the answer goes to the audit log.
 * What was answered waits here, in memory, for the token that it is for: after a restart it is asked again. */
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "edge/judge/approval.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/snapshot.h"

#define PURPOSES_MAX 10000u /* signed-in people who answer and never go on must not eat the memory */
#define PURPOSE_SEC 600
#define PURPOSE_TEXT_MAX 1000 /* characters; in bytes four times that */

struct purpose {
	int64_t until;
	char text[];
};

static const char *
key_of(struct req *r, const struct session *s, const struct app_view *a)
{
	return req_fmt(r, "%s %s", s->id, a->app->id);
}

static bool
given(struct req *r, const struct session *s, const struct app_view *a)
{
	const struct purpose *p = map_get(&r->j->purposes, key_of(r, s, a));
	return p && judge_now() < p->until;
}

void
purpose_used(struct req *r, const struct session *s, const struct app_view *a)
{
	map_del(&r->j->purposes, key_of(r, s, a));
}

static void
expire(struct judge *j)
{
	struct map_iter it = {0};
	int64_t now = judge_now();

	while (map_next(&j->purposes, &it))
		if (now >= ((struct purpose *)it.value)->until)
			map_del(&j->purposes, it.key);
}

const char *
purpose_prompt(struct req *r, const struct policy *p)
{
	const char *s = p->purpose_justification_prompt;
	return s && *s ? s : page_words(r, T_WHY_PROMPT);
}

static const char *
seal_of(struct req *r, const struct session *s, const struct app_view *a)
{
	return req_fmt(r, "purpose %s %s", s->id, a->app->id);
}

void
purpose_input(struct req *r, struct buf *b, const struct policy *p)
{
	page_text(b, "<label for=\"purpose\">", purpose_prompt(r, p), "</label>");
	page_text(b,
	          "<input id=\"purpose\" name=\"purpose\" maxlength=\"1000\" autocomplete=\"off\" required autofocus "
	          "value=\"",
	          req_field(r, "purpose"), "\">\n");
}

void
purpose_ended(struct req *r, const char *text, const char *next)
{
	struct buf b;

	page_begin(r, &b, T_ENDED_TITLE);
	page_alert(r, &b, text_code(0, SP_LOGIN_NEEDED, NULL), SP_LOGIN_NEEDED);
	page_say(r, &b, "p", T_ENDED_TEXT);
	page_text(&b, "<p class=\"said\">", text, "</p>\n");
	page_link_button(r, &b, "button", next, T_ENDED_BUTTON);
	page_end(r, &b);
	reply_html(r, sp_status(SP_LOGIN_NEEDED), &b);
}

static void
page(struct req *r, const struct session *s, const struct app_view *a, const struct policy *p, const char *next,
     const struct page_failed *failed)
{
	const char *csrf = csrf_token(r, csrf_cookie(r), seal_of(r, s, a));
	struct buf b;

	page_begin(r, &b, T_WHY_TITLE);
	page_say(r, &b, "p class=\"dim\"", T_TO_REACH, a->app->name);
	if (failed)
		page_alert(r, &b, failed->words, failed->code);
	page_form(&b, req_fmt(r, "/cdn-cgi/access/purpose?kid=%s&next=%s", a->app->aud, req_escape(r, next)), csrf);
	purpose_input(r, &b, p);
	page_button(r, &b, T_WHY_BUTTON);
	buf_put_str(&b, "</form>\n");
	page_say(r, &b, "p class=\"dim\"", T_WHY_RECORDED);
	page_end(r, &b);
	reply_html(r, !failed ? 200 : failed->code ? sp_status(failed->code) : 400, &b);
}

bool
purpose_asked(struct req *r, const struct session *s, const struct app_view *a, const struct policy_verdict *v,
              const char *next)
{
	const struct policy *p = snapshot_policy(r->snap, a, v);

	/* who was approved gave the reason with the request */
	if (!p || !p->purpose_justification_required || p->approval_required || given(r, s, a))
		return false;
	page(r, s, a, p, next, NULL);
	return true;
}

/* Characters, not bytes; 0 when there is nothing but blanks, or what is no text. */
static size_t
text_length(const char *s)
{
	size_t n = 0;
	bool ink = false;

	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return 0;
		ink |= *s != ' ';
		n += ((unsigned char)*s & 0xc0) != 0x80;
	}
	return ink ? n : 0;
}

int
purpose_wrong(const char *text)
{
	size_t n = text_length(text);

	return n == 0 ? T_WHY_EMPTY : n > PURPOSE_TEXT_MAX ? T_WHY_LONG : 0;
}

void
purpose_audit(struct req *r, const struct session *s, const struct app_view *a, const struct policy_verdict *v,
              const char *why)
{
	const struct policy *p = snapshot_policy(r->snap, a, v);
	const struct purpose *given = map_get(&r->j->purposes, key_of(r, s, a));
	json_t *d = v->approved_until ? approval_details(r->j, s->id, a->app->id)
	            : p && given      ? json_pack("{s:s, s:s}", "purpose_justification_prompt", purpose_prompt(r, p),
	                                          "purpose_justification_response", given->text)
	                              : NULL;

	judge_audit(r->j, r,
	            &(struct audit_note){
	                .kind = EVENT_ACCESS_ALLOWED, .actor = s->email, .session = s->id, .why = why, .details = d});
	json_decref(d);
}

static int
remember(struct req *r, const struct session *s, const struct app_view *a, const char *text)
{
	size_t size = strlen(text) + 1;
	struct purpose *p = calloc(1, sizeof *p + size);

	expire(r->j);
	if (!p)
		return E_NOMEM;
	memcpy(p->text, text, size);
	p->until = judge_now() + PURPOSE_SEC;
	int e = map_set(&r->j->purposes, key_of(r, s, a), p);
	if (e < 0)
		free(p);
	return e;
}

void
purpose_post(struct req *r)
{
	const struct app_view *a = snapshot_app_by_aud(r->snap, req_param(r, "kid"));
	const char *next = req_param(r, "next"), *text = req_field(r, "purpose"), *org;
	struct session *s = a ? login_session(r, a, &org) : NULL;
	struct policy_verdict v = {0};

	if (!url_is_local_path(next)) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	if (!s) {
		purpose_ended(r, text, next);
		return;
	}
	bool fresh = csrf_ok(r, seal_of(r, s, a), req_field(r, "csrf"));
	struct asker who = req_asker(r, s);
	snapshot_verdict(r->snap, a, &who, &v);
	const struct policy *p = snapshot_policy(r->snap, a, &v);
	int wrong = purpose_wrong(text);
	if (!fresh) { /* of another browser, too old, or from elsewhere: nothing is taken from it but what was typed */
		struct page_failed f = {page_words(r, T_FORM_STALE), SP_LOGIN_STATE};
		judge_refused(r, s->email, SP_LOGIN_STATE, "purpose of another page");
		if (p && p->purpose_justification_required)
			page(r, s, a, p, next, &f);
		else
			reply_refuse(r, SP_LOGIN_STATE);
		return;
	}
	if (p && p->purpose_justification_required && wrong) {
		page(r, s, a, p, next, &(struct page_failed){page_words(r, (enum text)wrong), 0});
		return;
	}
	if (wrong) { /* nobody asked */
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	r->app = a;
	str_copy(r->session, sizeof r->session, s->id);
	json_t *d = json_pack("{s:s, s:s}", "purpose_justification_prompt", p ? purpose_prompt(r, p) : "",
	                      "purpose_justification_response", text);
	judge_audit(
	    r->j, r,
	    &(struct audit_note){.kind = EVENT_PURPOSE_GIVEN, .actor = s->email, .subject = r->host, .details = d});
	json_decref(d);
	if (!d || remember(r, s, a, text) < 0)
		reply_refuse(r, SP_BUSY);
	else
		reply_redirect(r, req_fmt(r, "%s%s", req_team_origin(r), next));
}

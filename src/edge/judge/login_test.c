/* Trying a provider: an administrator signs in there and is shown what came back, or at which step it failed and why.
 * Nobody is signed in by it: no session, no cookie, no token leaves. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"

/* Only those with a role: what providers say about people is not for everybody who can sign in. */
static bool
is_admin(struct req *r)
{
	const char *org;
	const struct session *s = login_session(r, NULL, &org);

	return s && login_admin(r, s);
}

const struct admin *
login_admin(const struct req *r, const struct session *s)
{
	for (size_t i = 0; i < r->snap->nadmins; i++) {
		const struct admin *a = r->snap->admins[i];
		const struct idp *p = snapshot_idp(r->snap, a->idp);
		if (a->sub && !strcmp(a->sub, s->subject) && p && !strcmp(p->id, s->idp))
			return a;
	}
	return NULL;
}

void
test_get(struct req *r)
{
	const struct idp *idp = snapshot_idp(r->snap, r->seg[0]);
	struct login_dest d = {.team = true, .test = true};
	const char *org;

	if (!login_session(r, NULL, &org)) {
		reply_redirect(r, req_fmt(r, "/cdn-cgi/access/login/%s?redirect_url=%s", r->j->team_host,
		                          req_escape(r, r->target)));
		return;
	}
	if (!is_admin(r)) {
		judge_deny(r, NULL, SP_POLICY_DENY, "trying a provider is for administrators");
		return;
	}
	if (!idp || strcmp(idp->id, r->seg[0]) != 0) {
		reply_refuse(r, SP_NOT_FOUND);
		return;
	}
	if (idp->type == IDP_LOCAL || idp->type == IDP_ONETIMEPIN) {
		page_note(r, 200, T_TEST_NOTHING, T_TEST_OURS, NULL, 0);
		return;
	}
	str_copy(d.host, sizeof d.host, r->j->team_host);
	str_copy(d.redirect, sizeof d.redirect, "/");
	login_oidc_start(r, &d, idp);
}

static void
row(struct req *r, struct buf *b, enum text name, const char *value)
{
	page_text(b, "<tr><th scope=\"row\">", page_words(r, name), "</th>");
	page_text(b, "<td>", *value ? value : page_words(r, T_TEST_NONE), "</td></tr>\n");
}

static const char *
joined(struct req *r, const struct strs *v)
{
	const char *s = "";

	for (size_t i = 0; i < v->n; i++)
		s = i ? req_fmt(r, "%s, %s", s, v->v[i]) : v->v[i];
	return s;
}

void
login_test_done(struct req *r, const struct js_login_done *m, const struct idp *idp)
{
	struct buf b;

	if (!is_admin(r)) { /* the session may have ended meanwhile */
		judge_deny(r, NULL, SP_POLICY_DENY, "trying a provider is for administrators");
		return;
	}
	page_begin(r, &b, T_TEST_WORKS);
	page_say(r, &b, "p", T_TEST_SAYS, idp->name);
	buf_put_str(&b, "<table id=\"identity\">\n");
	row(r, &b, T_TEST_EMAIL, m->email);
	row(r, &b, T_TEST_NAME, m->name);
	row(r, &b, T_TEST_ISSUER, m->iss);
	row(r, &b, T_TEST_SUBJECT, m->subject);
	row(r, &b, T_TEST_METHODS, joined(r, &m->amr));
	row(r, &b, T_TEST_GROUPS, m->groups_unknown ? page_words(r, T_TEST_UNKNOWN) : joined(r, &m->groups));
	row(r, &b, T_TEST_CLAIMS, m->claims);
	buf_put_str(&b, "</table>\n");
	page_end(r, &b);
	reply_html(r, 200, &b);
}

void
login_test_failed(struct req *r, const struct idp *idp, const struct login_dest *d, int code, const char *why)
{
	struct buf b;

	if (!is_admin(r)) {
		reply_refuse(r, code);
		return;
	}
	page_begin(r, &b, T_TEST_FAILS);
	page_say(r, &b, "p", T_TEST_STEP, idp ? idp->name : page_words(r, T_TEST_PROVIDER));
	page_text(&b, "<p><strong id=\"step\">", d->step ? d->step : page_words(r, T_TEST_SIGNING_IN),
	          "</strong></p>\n");
	page_text(&b, "<p class=\"bad\" id=\"why\" role=\"alert\">", why && *why ? why : sp_text(code), "</p>\n");
	page_text(&b, "<p class=\"dim\">SP-", req_fmt(r, "%d", code), "</p>\n");
	page_end(r, &b);
	reply_html(r, sp_status(code), &b);
}

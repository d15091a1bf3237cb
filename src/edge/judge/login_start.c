#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/hash.h"
#include "edge/judge/change.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/recheck.h"

/* By its audience; without one by where the user is to come back to. */
static const struct app_view *
dest_app(struct req *r, const char *host, const char *redirect)
{
	const struct app_view *a = NULL;

	if (!*req_param(r, "kid") && url_is_local_path(redirect))
		a = snapshot_app_by_host(r->snap, host, req_fmt(r, "%.*s", (int)strcspn(redirect, "?#"), redirect));
	return a ? a : snapshot_app_of_host(r->snap, host, req_param(r, "kid"));
}

int
login_dest_parse(struct req *r, struct login_dest *ret_d, const struct app_view **ret_a)
{
	struct login_dest d = {0};
	const struct app_view *a = NULL;
	const char *redirect = req_param(r, "redirect_url");

	if (host_parse(r->seg[0], strlen(r->seg[0]), d.host) < 0)
		return SP_UNKNOWN_HOST;
	if (strcmp(d.host, r->j->team_host)) {
		if (!(a = dest_app(r, d.host, redirect)))
			return snapshot_app_of_host(r->snap, d.host, NULL) ? SP_BAD_REQUEST : SP_UNKNOWN_HOST;
		str_copy(d.aud, sizeof d.aud, a->app->aud);
	} else {
		d.team = true;
	}
	/* Anything that is not a plain path of ours leads to the front page instead (security.md 3.2, 31 and 32). */
	if (!url_is_local_path(redirect) || str_copy(d.redirect, sizeof d.redirect, redirect) < 0)
		str_copy(d.redirect, sizeof d.redirect, "/");
	if (!strcmp(req_param(r, "team"), "1"))
		d.team = true;
	if (str_copy(d.state, sizeof d.state, req_param(r, "state")) < 0 ||
	    str_copy(d.cnf, sizeof d.cnf, req_param(r, "cnf")) < 0)
		return SP_BAD_REQUEST;
	*ret_d = d;
	*ret_a = a;
	return 0;
}

const char *
login_link(struct req *r, const struct login_dest *d, const char *idp)
{
	struct buf b;

	buf_init(&b, 32768);
	buf_putf(&b, "/cdn-cgi/access/login/%s?kid=%s&redirect_url=%s", d->host, d->aud, req_escape(r, d->redirect));
	if (*d->state)
		buf_putf(&b, "&state=%s", req_escape(r, d->state));
	if (d->team)
		buf_put_str(&b, "&team=1");
	if (*d->cnf)
		buf_putf(&b, "&cnf=%s", req_escape(r, d->cnf));
	if (idp)
		buf_putf(&b, "&idp=%s", idp);
	const char *s = buf_cstr(&b);
	s = req_fmt(r, "%s", s ? s : "");
	buf_release(&b);
	return s;
}

/* By name, so that the page is the same each time. */
static void
choice_put(const struct idp *v[CHOICES_MAX], size_t n, const struct idp *p)
{
	for (; n && strcasecmp(v[n - 1]->name, p->name) > 0; n--)
		v[n] = v[n - 1];
	v[n] = p;
}

/* The built-in provider, the one that init made, stands last, and on an application only when it is named or when
   there is no other. */
size_t
login_choices(struct req *r, const struct app_view *a, const struct idp *v[CHOICES_MAX])
{
	size_t n = 0, nidps = 0;
	const struct idp *built_in = NULL;
	bool named = false;

	if (a)
		policy_app_idps(a->policy, &nidps);
	named = nidps > 0;
	for (size_t i = 0; i < r->snap->nidps; i++) {
		const struct idp *p = r->snap->idps[i];
		if (a && !policy_app_idp_allowed(a->policy, p->id))
			continue;
		if (!strcmp(p->id, r->j->local_idp))
			built_in = p;
		else if (n < CHOICES_MAX)
			choice_put(v, n++, p);
	}
	if (built_in && n < CHOICES_MAX && (!a || named || n == 0))
		v[n++] = built_in;
	return n;
}

struct session *
login_session(struct req *r, const struct app_view *a, const char **ret_org)
{
	struct token t = {0};
	struct session *s = NULL;
	struct reason why = {0};
	const char *text;

	if (req_cookie(r, "CF_Authorization", &text) < 0 || session_of_org(r->j, text, &t, &s, &why) != 0)
		return NULL;
	token_release(&t);
	if (a && texts_has(&s->revoked_apps, a->app->id))
		return NULL;
	*ret_org = text;
	return s;
}

static void
begin(struct req *r, const struct login_dest *d, const struct idp *idp)
{
	if (idp->type == IDP_LOCAL)
		login_local_page(r, d, idp, 200, NULL);
	else if (idp->type == IDP_ONETIMEPIN)
		login_pin_page(r, d, idp, 200, NULL);
	else
		login_oidc_start(r, d, idp);
}

static void
offer(struct req *r, const struct login_dest *d, const struct app_view *a)
{
	const struct idp *v[CHOICES_MAX];
	struct page_choice choice[CHOICES_MAX];
	size_t n = login_choices(r, a, v);
	const char *wanted = req_param(r, "idp");

	for (size_t i = 0; i < n; i++) {
		if (*wanted && !strcmp(v[i]->id, wanted)) {
			begin(r, d, v[i]);
			return;
		}
		choice[i] = (struct page_choice){v[i]->name, login_link(r, d, v[i]->id)};
	}
	if (n == 0 || *wanted)
		reply_refuse_text(r, n ? SP_BAD_REQUEST : SP_LOGIN_PROVIDER,
		                  "No login method is configured for this application.");
	else if (n == 1)
		begin(r, d, v[0]);
	else
		page_login_choose(r, d->host, choice, n);
}

void
login_get(struct req *r)
{
	struct login_dest d;
	const struct app_view *a = NULL;
	const char *org = NULL;
	int code = login_dest_parse(r, &d, &a);

	if (code) {
		reply_refuse(r, code);
		return;
	}
	if (a) {
		reply_header(r, "cf-access-domain", a->app->domain);
		reply_header(r, "cf-access-aud", a->app->aud);
	}
	struct session *s = login_session(r, a, &org);
	if (s && !*req_param(r, "idp")) {
		str_copy(r->session, sizeof r->session, s->id);
		if ((code = recheck_gate(r, s, login_get)) == RECHECK_HELD)
			return;
		if (code == SP_RECHECK || code == SP_BUSY) {
			judge_deny(r, s->email, code, "the provider gave no answer");
			return;
		}
		if (!code) {
			login_continue(r, s, org, &d);
			return;
		} /* else: a new sign-in */
	}
	if (r->head) { /* how clients learn an application's audience */
		reply_text(r, 200, "");
		return;
	}
	if (a) {
		struct asker who = req_asker(r, NULL);
		struct policy_verdict v = {0};
		snapshot_verdict_pre(r->snap, a, &who, &v);
		if (v.outcome == POLICY_DENIED) {
			login_refused(r, NULL, NULL, &d, v.code, "nobody is let in from there");
			return;
		}
	}
	offer(r, &d, a);
}

/* --- the application token -------------------------------------------------------------------------------------- */

struct app_token_ctx {
	char session[40];
	const struct app_view *a; /* of the request's snapshot */
	int64_t ttl;
	void (*then)(struct req *r, int code, const char *token);
};

static void
app_token_done(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct app_token_ctx *c = r->ctx;
	const struct js_text *m = msg;
	int code = signer_code(err, m ? m->code : 0);
	struct session *s = session_get(r->j, c->session);

	if (!code && (!s || s->revoked_at || texts_has(&s->revoked_apps, c->a->app->id)))
		code = SP_REVOKED; /* revoked while the signer worked */
	if (!code && session_entered(r->j, s, c->a->app->id, judge_now() + c->ttl) < 0)
		code = SP_STORE;
	if (code && m && *m->why)
		log_warn("app_token", "code", log_num(code), "why", m->why, NULL);
	c->then(r, code, code ? NULL : m->text);
}

void
login_app_token(struct req *r, struct session *s, const char *org_token, const struct app_view *a, const char *cnf,
                const struct policy_verdict *v, void (*then)(struct req *, int, const char *))
{
	struct app_token_ctx *c = arena_alloc(&r->arena, sizeof *c);

	if (!c) {
		then(r, SP_INTERNAL, NULL);
		return;
	}
	c->a = a;
	c->then = then;
	c->ttl = v->session_ms / 1000;
	if (c->ttl < 60) /* "only this request": long enough to be carried back */
		c->ttl = v->session_ms > 1000 ? v->session_ms / 1000 : 60;
	int64_t left = v->approved_until ? v->approved_until - judge_now() : c->ttl;
	if (left < c->ttl)
		c->ttl = left;
	str_copy(c->session, sizeof c->session, s->id);
	purpose_used(r, s, a);
	r->ctx = c;
	/* Before the signer makes it: a revoke of the application's tokens in between must find this session. */
	if (session_entered(r->j, s, a->app->id, 0) < 0) {
		then(r, SP_STORE, NULL);
		return;
	}
	struct js_app_token m = {.org_token = org_token,
	                         .aud = a->app->aud,
	                         .cnf = cnf,
	                         .country = r->who.country ? r->who.country : "",
	                         .policy_id = v->policy_id,
	                         .ttl = c->ttl};
	signer_ask(r->j, &js_app_token_def, &m, &js_text_def, app_token_done, r);
}

static void
back_to_app(struct req *r, int code, const char *token)
{
	const struct login_dest *d = r->dest;
	const struct app_token_ctx *c = r->ctx;
	const char *once = NULL;

	if (code || code_new(r, d->host, token, judge_now() + c->ttl, &once) < 0) {
		judge_deny(r, NULL, code ? code : SP_STORE, code ? "no application token" : "the store took no code");
		return;
	}
	const char *to = req_fmt(r, "%s/cdn-cgi/access/authorized?nonce=%s&state=%s&redirect_url=%s",
	                         req_origin_of(r, d->host), once, req_escape(r, d->state), req_escape(r, d->redirect));
	reply_redirect(r, to);
}

/* All that its policies ask outside has been asked. */
static void
continue_asked(struct req *r, struct session *s, const char *org_token)
{
	const struct app_view *a = r->app;
	struct policy_verdict v = {0};
	struct reason why = {0};
	struct asker who = req_asker(r, s);
	who.could = true;

	snapshot_verdict(r->snap, a, &who, &v);
	policy_verdict_reason(a->policy, &v, &why);
	if (v.code == SP_APPROVAL) {
		approval_page(r, s, a, &v, login_link(r, r->dest, NULL));
		return;
	}
	if (!policy_passes(&v)) {
		judge_deny(r, s->email, v.code, why.text);
		return;
	}
	if (purpose_asked(r, s, a, &v, login_link(r, r->dest, NULL)))
		return;
	r->j->n.allowed++;
	purpose_audit(r, s, a, &v, why.text);
	login_app_token(r, s, org_token, a, "", &v, back_to_app);
}

void
login_continue(struct req *r, struct session *s, const char *org_token, const struct login_dest *d)
{
	const struct app_view *a = d->team ? NULL : snapshot_app_of_host(r->snap, d->host, d->aud);
	struct policy_verdict v = {0};

	str_copy(r->session, sizeof r->session, s->id);
	if (d->team || !a) {
		reply_redirect(r, req_fmt(r, "%s%s", req_team_origin(r), d->redirect));
		return;
	}
	struct asker who = req_asker(r, s);
	who.could = true;
	snapshot_verdict(r->snap, a, &who, &v);
	r->app = a;
	if (v.outcome == POLICY_LOGIN) {
		/* Signed in, but by a provider that the application does not admit. */
		offer(r, d, a);
		return;
	}
	struct login_dest *keep = arena_alloc(&r->arena, sizeof *keep);
	if (!keep) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	*keep = *d;
	r->dest = keep;
	login_evaluate(r, s, org_token, a, continue_asked);
}

/* --- after the signer's answer ---------------------------------------------------------------------------------- */

/* A role that was given to an address belongs, from its first sign-in on, to that provider's subject. */
static void
admin_pin(struct req *r, const struct js_login_done *m, const struct idp *idp)
{
	for (size_t i = 0; i < r->snap->nadmins; i++) {
		const struct admin *a = r->snap->admins[i];
		struct change c;
		if (a->sub || strcmp(a->email, m->email) || snapshot_idp(r->snap, a->idp) != idp)
			continue;
		json_t *doc = admin_to_json(a, MODEL_STORE);
		int e = change_begin(&c, r);
		json_object_set_new(doc, "sub", json_string(m->subject));
		change_note(&c, "admin", a->email, "update", json_pack("[s]", "sub"));
		if (e == 0)
			e = change_put(&c, "admin", a->id, r->snap->admin_versions[i], doc);
		else
			json_decref(doc);
		if (e == 0)
			e = change_commit(&c);
		if (e < 0)
			log_error("admin_not_pinned", "email", a->email, "why", c.why.text, NULL);
		change_abort(&c);
	}
}

void
login_vouched(struct req *r, const struct js_login_done *m, struct session_new n, const struct idp *idp,
              const struct login_dest *d)
{
	struct session *s = NULL;

	if (d->test) {
		login_test_done(r, m, idp);
		return;
	}
	n.ip = r->client_ip;
	n.user_agent = req_header(r, "user-agent");
	int code = session_create(r->j, &n, m, idp, &s);

	if (code) {
		login_refused(r, m->email, idp, d, code, "no session");
		return;
	}
	r->j->n.logins++;
	admin_pin(r, m, idp);
	judge_audit(
	    r->j, r,
	    &(struct audit_note){
	        .kind = EVENT_LOGIN, .actor = s->email, .subject = d->host, .session = s->id, .why = idp->name});
	reply_cookie(r, "CF_Authorization", req_fmt(r, "%s", m->org_token), judge_now() + session_ttl(r->j));
	reply_cookie(r, "CF_Session", "", 0);
	r->browser_over = true;
	login_continue(r, s, req_fmt(r, "%s", m->org_token), d);
}

void
login_refused(struct req *r, const char *email, const struct idp *idp, const struct login_dest *d, int code,
              const char *why)
{
	char key[65];

	if (d->test) {
		login_test_failed(r, idp, d, code, why);
		return;
	}
	r->j->n.logins_refused++;
	log_warn("login_refused", "email", email ? email : "", "ip", r->client_ip, "code", log_num(code), "why", why,
	         NULL);
	judge_audit(r->j, r,
	            &(struct audit_note){
	                .kind = EVENT_LOGIN_REFUSED, .actor = email, .subject = d->host, .code = code, .why = why});
	login_dest_transfer(d, key);
	if (*key && code != SP_LOGIN_FAILED)
		transfer_refuse(r->j, key, code, sp_text(code));
	if (idp && idp->type == IDP_LOCAL && (code == SP_LOGIN_FAILED || code == SP_LOGIN_RATE))
		login_local_page(r, d, idp, sp_status(code), &(struct page_failed){text_code(0, code, NULL), code});
	else if (idp && idp->type == IDP_ONETIMEPIN && code == SP_LOGIN_FAILED)
		login_pin_page(r, d, idp, sp_status(code), &(struct page_failed){page_words(r, T_PIN_WRONG), code});
	else
		reply_refuse(r, code);
}

/* An application's request without a usable token. The browser gets a mark of its own, so that nobody else's sign-in
   can be put under it (authorized.c). */
void
login_redirect(struct req *r)
{
	login_redirect_to(r, r->target);
}

void
login_redirect_to(struct req *r, const char *target)
{
	char fresh[33], hash[65];
	const char *mark;

	if (req_cookie(r, "CF_AppSession", &mark) < 0 || strlen(mark) != 32) {
		judge_random_hex(fresh, 16);
		mark = req_fmt(r, "%s", fresh);
		reply_cookie(r, "CF_AppSession", mark, judge_now() + session_ttl(r->j));
	}
	sha256_hex(mark, strlen(mark), hash);
	reply_header(r, "cf-access-aud", r->app->app->aud);
	reply_header(r, "cf-access-domain", r->app->app->domain);
	reply_redirect(r, req_fmt(r, "%s/cdn-cgi/access/login/%s?kid=%s&redirect_url=%s&state=%s", req_team_origin(r),
	                          r->host, r->app->app->aud, req_escape(r, target), hash));
}

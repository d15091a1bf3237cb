/* Signing in with a one-time code by mail. judge decides whether a mail may go out; the code itself it never sees. */
#include <string.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "identity/email.h"

struct pin_ctx {
	struct login_dest d;
	char session[33], email[EMAIL_MAX + 1], browser[65];
	const struct idp *idp; /* of the request's snapshot */
};

static void
show(struct req *r, const struct login_dest *d, const struct idp *idp, unsigned status, const char *email,
     const struct page_failed *failed)
{
	const char *cookie = csrf_cookie(r), *link = login_link(r, d, idp->id);

	page_pin_form(r, status, d->host, link, csrf_token(r, cookie, login_purpose(r, d)), email, link, failed);
}

void
login_pin_page(struct req *r, const struct login_dest *d, const struct idp *idp, unsigned status,
               const struct page_failed *failed)
{
	char email[EMAIL_MAX + 1];
	const char *s = req_field(r, "email");
	bool known = *req_field(r, "code") && email_parse(s, strlen(s), email) == 0;

	show(r, d, idp, status, known ? email : NULL, failed);
}

/* Would somebody of this address, signed in this way, get through? Nobody else is written to, so that the page cannot
   be made to send mail to the world. */
static bool
passes(struct req *r, const struct app_view *a, const struct idp *idp, const char *email)
{
	char otp[] = "otp", *amr[] = {otp};
	struct session s = {.email = (char *)(uintptr_t)email,
	                    .idp = idp->id,
	                    .idp_type = (char *)(uintptr_t)idp_type_str(idp->type),
	                    .amr = {amr, 1}};
	struct policy_external ask[POLICY_EXTERNAL_MAX];
	const char *said[POLICY_EXTERNAL_MAX];
	struct asker who = r->who;
	struct policy_verdict v = {0};

	/* nobody is asked yet: a yes may come */
	who.nexternal = policy_app_external(a->policy, ask, POLICY_EXTERNAL_MAX);
	for (size_t i = 0; i < who.nexternal; i++)
		said[i] = ask[i].evaluate_url;
	who.external = said;
	who.session = &s;
	who.unapproved = true;
	snapshot_verdict(r->snap, a, &who, &v);
	return policy_passes(&v);
}

static bool
may_be_mailed(struct req *r, const struct app_view *a, const struct idp *idp, const char *email)
{
	if (a)
		return passes(r, a, idp, email);
	for (size_t i = 0; i < r->snap->nadmins; i++)
		if (!strcmp(r->snap->admins[i]->email, email) && snapshot_idp(r->snap, r->snap->admins[i]->idp) == idp)
			return true;
	for (size_t i = 0; i < r->snap->napps; i++)
		if (passes(r, &r->snap->views[i], idp, email))
			return true;
	return false;
}

static void
began(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct pin_ctx *c = r->ctx;
	const struct js_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code)
		login_refused(r, c->email, c->idp, &c->d, code, m ? m->why : "no answer from the signer");
	else
		show(r, &c->d, c->idp, 200, c->email, NULL);
}

static void
checked(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct pin_ctx *c = r->ctx;
	const struct js_login_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code)
		login_refused(r, c->email, c->idp, &c->d, code, m ? m->why : "no answer from the signer");
	else
		login_vouched(r, m, (struct session_new){.id = c->session}, c->idp, &c->d);
}

static void
ask_begin(struct req *r, const struct pin_ctx *c, const struct app_view *a)
{
	struct js_pin_begin m = {.idp = c->idp->id,
	                         .email = c->email,
	                         .browser = c->browser,
	                         .client_ip = r->client_ip,
	                         .mail = may_be_mailed(r, a, c->idp, c->email)};
	signer_ask(r->j, &js_pin_begin_def, &m, &js_done_def, began, r);
}

static void
ask_check(struct req *r, struct pin_ctx *c, const char *code)
{
	session_new_id(c->session);
	struct js_pin_check m = {.idp = c->idp->id,
	                         .email = c->email,
	                         .browser = c->browser,
	                         .pin = slice_str(code),
	                         .client_ip = r->client_ip,
	                         .session = c->session,
	                         .ttl = session_ttl(r->j)};
	signer_ask(r->j, &js_pin_check_def, &m, &js_login_done_def, checked, r);
}

void
login_pin_post(struct req *r, const struct login_dest *d, const struct app_view *a, const struct idp *idp)
{
	struct pin_ctx *c = arena_alloc(&r->arena, sizeof *c);
	const char *email = req_field(r, "email"), *code = req_field(r, "code"), *cookie = NULL;

	if (!c || req_cookie(r, "CF_Session", &cookie) < 0) { /* csrf_ok has seen the cookie */
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	c->d = *d;
	c->idp = idp;
	r->ctx = c;
	if (email_parse(email, strlen(email), c->email) < 0 || strlen(code) > 64) {
		show(r, d, idp, sp_status(SP_EMAIL), NULL,
		     &(struct page_failed){page_words(r, T_EMAIL_WRONG), SP_EMAIL});
		return;
	}
	sha256_hex(cookie, strlen(cookie), c->browser);
	if (*code)
		ask_check(r, c, code);
	else
		ask_begin(r, c, a);
}

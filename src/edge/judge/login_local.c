/* Signing in with the built-in provider: the password goes to the signer and nowhere else. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "identity/email.h"

struct local_ctx {
	struct login_dest d;
	char session[33], email[EMAIL_MAX + 1];
	const struct idp *idp; /* of the request's snapshot */
};

const char *
login_purpose(struct req *r, const struct login_dest *d)
{
	return req_fmt(r, "login %s", d->host);
}

void
login_local_page(struct req *r, const struct login_dest *d, const struct idp *idp, unsigned status,
                 const struct page_failed *failed)
{
	const char *cookie = csrf_cookie(r);
	page_login_form(r, status, d->host, login_link(r, d, idp->id), csrf_token(r, cookie, login_purpose(r, d)),
	                failed);
}

static void
answered(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct local_ctx *c = r->ctx;
	const struct js_login_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (m && m->need_code) {
		judge_audit(r->j, r,
		            &(struct audit_note){.kind = EVENT_LOGIN_REFUSED,
		                                 .actor = c->email,
		                                 .subject = c->d.host,
		                                 .code = SP_LOGIN_FAILED,
		                                 .why = "code missing"});
		login_local_page(r, &c->d, c->idp, sp_status(SP_LOGIN_FAILED),
		                 &(struct page_failed){page_words(r, T_CODE_NEEDED), SP_LOGIN_FAILED});
	} else if (code) {
		login_refused(r, c->email, c->idp, &c->d, code, m ? m->why : "no answer from the signer");
	} else {
		login_vouched(r, m, (struct session_new){.id = c->session}, c->idp, &c->d);
	}
}

static const struct idp *
chosen(struct req *r, const struct app_view *a)
{
	const struct idp *v[CHOICES_MAX];
	size_t n = login_choices(r, a, v);

	for (size_t i = 0; i < n; i++)
		if ((v[i]->type == IDP_LOCAL || v[i]->type == IDP_ONETIMEPIN) && !strcmp(v[i]->id, req_param(r, "idp")))
			return v[i];
	return NULL;
}

/* A form of another browser, too old, or sent again after it worked: a fresh one, with the address that was typed. What
   came is not tried. */
static void
stale(struct req *r, const struct login_dest *d, const struct idp *idp)
{
	struct page_failed f = {page_words(r, T_FORM_STALE), SP_LOGIN_STATE};

	judge_refused(r, NULL, SP_LOGIN_STATE, "sign-in form");
	if (idp->type == IDP_LOCAL)
		login_local_page(r, d, idp, sp_status(SP_LOGIN_STATE), &f);
	else
		login_pin_page(r, d, idp, sp_status(SP_LOGIN_STATE), &f);
}

void
login_post(struct req *r)
{
	struct local_ctx *c = arena_alloc(&r->arena, sizeof *c);
	const struct app_view *a = NULL;
	int code = c ? login_dest_parse(r, &c->d, &a) : SP_INTERNAL;

	if (!code && !(c->idp = chosen(r, a)))
		code = SP_BAD_REQUEST;
	if (code) {
		judge_deny(r, NULL, code, "sign-in form");
		return;
	}
	if (!csrf_ok(r, login_purpose(r, &c->d), req_field(r, "csrf"))) {
		stale(r, &c->d, c->idp);
		return;
	}
	if (c->idp->type == IDP_ONETIMEPIN) {
		login_pin_post(r, &c->d, a, c->idp);
		return;
	}
	r->ctx = c;
	const char *email = req_field(r, "email"), *password = req_field(r, "password"), *otp = req_field(r, "code");
	if (email_parse(email, strlen(email), c->email) < 0 || strlen(password) > 1024 || strlen(otp) > 16) {
		login_refused(r, NULL, c->idp, &c->d, SP_LOGIN_FAILED, "malformed field");
		return;
	}
	session_new_id(c->session);
	struct js_login_local m = {.idp = c->idp->id,
	                           .email = c->email,
	                           .password = slice_str(password),
	                           .code = slice_str(otp),
	                           .session = c->session,
	                           .ttl = session_ttl(r->j),
	                           .client_ip = r->client_ip};
	signer_ask(r->j, &js_login_local_def, &m, &js_login_done_def, answered, r);
}

/* init's one-time link: the first administrator sets a password and takes a TOTP secret. The code alone is the
 * evidence. */
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "crypto/password.h"
#include "edge/judge/change.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "identity/pkce.h"
#include "msg/judge_signer.h"

struct setup_ctx {
	bool failed;
	unsigned status;
};

static void
show(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct setup_ctx *c = r->ctx;
	const struct js_setup_is *m = msg;
	int code = signer_code(err, m ? m->code : 0);
	struct buf uri, raw;

	if (code) {
		judge_deny(r, NULL, code, m ? m->why : "no answer from the signer");
		return;
	}
	buf_init(&uri, 4096);
	buf_init_secret(&raw, 256);
	const char *totp = arena_strn(&r->arena, m->totp.p, m->totp.n);
	if (totp && base32_decode(&raw, totp, strlen(totp)) == 0)
		totp_uri(req_fmt(r, "Sallyport %s", r->j->team_host), m->email, buf_slice(&raw), &uri);
	const char *text = buf_cstr(&uri);
	page_setup(r, c->status, m->email, totp ? totp : "", text ? text : "", c->failed);
	buf_release(&uri);
	buf_release(&raw);
}

static void
ask(struct req *r, unsigned status, bool failed)
{
	struct js_setup_begin m = {.code = slice_str(r->seg[0])};
	struct setup_ctx *c = arena_alloc(&r->arena, sizeof *c);

	if (!c || strlen(r->seg[0]) > 128) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	*c = (struct setup_ctx){.failed = failed, .status = status};
	r->ctx = c;
	signer_ask(r->j, &js_setup_begin_def, &m, &js_setup_is_def, show, r);
}

void
setup_get(struct req *r)
{
	if (r->head) /* mail scanners and previews must not use anything up */
		reply_text(r, 200, "");
	else
		ask(r, 200, false);
}

/* The role goes to (issuer, subject), never to an address. */
static void
bind_admin(struct req *r, const struct js_setup_done *m)
{
	struct change c;
	char id[37];
	const struct snapshot *s = r->j->snap;
	int64_t version = STORE_NEW;

	identity_uuid(m->iss, m->subject, id); /* the same person again: the same row */
	for (size_t i = 0; i < s->nadmins; i++)
		if (!strcmp(s->admins[i]->id, id))
			version = s->admin_versions[i];
	int e = change_begin(&c, r);
	change_note(&c, "admin", m->email, "create", NULL);
	if (e == 0)
		e = change_put(&c, "admin", id, version,
		               json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", id, "email", m->email, "idp", m->idp,
		                         "role", "admin", "sub", m->subject));
	if (e == 0)
		e = change_commit(&c);
	if (e < 0)
		log_error("admin_not_bound", "email", m->email, "why", c.why.text[0] ? c.why.text : c.err.text, NULL);
	change_abort(&c);
}

static void
finished(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	const struct js_setup_done *m = msg;
	int code = signer_code(err, m ? m->code : 0);

	if (code == SP_LOGIN_FAILED || code == SP_BAD_REQUEST) {
		ask(r, 403, true);
	} else if (code) {
		judge_deny(r, NULL, code, m ? m->why : "no answer from the signer");
	} else {
		judge_audit(r->j, r,
		            &(struct audit_note){
		                .kind = EVENT_LOGIN, .actor = m->email, .why = "account set up by one-time link"});
		bind_admin(r, m);
		page_note(r, 200, T_SETUP_DONE, T_SETUP_NEXT, "/", T_SIGN_IN);
	}
}

void
setup_post(struct req *r)
{
	const char *password = req_field(r, "password"), *code = req_field(r, "code");

	if (strlen(r->seg[0]) > 128 || strlen(password) > 1024 || strlen(code) > 16) {
		reply_refuse(r, SP_BAD_REQUEST);
		return;
	}
	struct js_setup_finish m = {
	    .code = slice_str(r->seg[0]), .password = slice_str(password), .totp_code = slice_str(code)};
	signer_ask(r->j, &js_setup_finish_def, &m, &js_setup_done_def, finished, r);
}

/* OpenID Connect Back-Channel Logout 1.0: the provider itself posts that somebody signed out. Nobody is signed in here;
   the token is the proof, and the signer judges it. */
#include <string.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/recheck.h"
#include "identity/oidc.h"
#include "msg/fetch.h"

#define KEYS_EVERY_SEC 60 /* keys are fetched for unknown logout tokens this seldom: anybody can post one */

struct logout_ctx {
	const char *idp, *token;
	bool keys_tried;
};

static void
answer(struct req *r, unsigned status, const char *error)
{
	if (status == 200)
		reply_text(r, 200, "");
	else
		reply_json(r, status,
		           json_pack("{s:s, s:s}", "error", status == 400 ? "invalid_request" : "server_error",
		                     "error_description", error));
}

static void
refuse(struct req *r, int code, const char *why)
{
	const struct logout_ctx *c = r->ctx;
	bool ours = code == SP_SIGNER_DOWN || code == SP_INTERNAL || code == SP_BUSY;

	log_warn("logout_token_refused", "idp", c->idp, "ip", r->client_ip, "code", log_num(code), "why", why, NULL);
	judge_audit(r->j, r,
	            &(struct audit_note){
	                .kind = EVENT_ACCESS_DENIED, .subject = "back-channel logout", .code = code, .why = why});
	answer(r, ours ? 503 : 400, why);
}

/* The row outlives a signer that was restarted: a token is taken once even then. */
static int
once(struct req *r, const struct js_logout_is *m)
{
	const struct logout_ctx *c = r->ctx;
	struct reason why = {0};
	int64_t now = judge_now();

	return store_once_put(r->j->store, "logout", req_fmt(r, "%s %s", c->idp, m->jti), "", 0,
	                      now + 2 * OIDC_LOGOUT_AGE_MAX, now, &why);
}

static void ask(struct req *r);

static void
keys_came(int err, const void *msg, void *arg)
{
	(void)err;
	(void)msg;
	ask(arg);
}

static bool
keys_allowed(struct req *r, struct logout_ctx *c)
{
	int64_t now = judge_now(), last = (intptr_t)map_get(&r->j->logout_keys, c->idp);

	if (c->keys_tried || (last && now - last < KEYS_EVERY_SEC) ||
	    map_set(&r->j->logout_keys, c->idp, (void *)(intptr_t)now) < 0)
		return false;
	c->keys_tried = true;
	return true;
}

static void
checked(int err, const void *msg, void *arg)
{
	struct req *r = arg;
	struct logout_ctx *c = r->ctx;
	const struct js_logout_is *m = msg;
	int code = signer_code(err, m ? m->code : 0), e;
	size_t n = 0;

	if (m && m->need_keys && keys_allowed(r, c)) {
		struct jh_fetch f = {.kind = FETCH_JWKS, .provider = c->idp};
		fetch_ask(r->j, &jh_fetch_def, &f, &jh_fetched_def, keys_came, r);
		return;
	}
	if (code) {
		refuse(r, code, m && *m->why ? m->why : "no answer from the signer");
		return;
	}
	if ((e = once(r, m)) < 0) {
		refuse(r, e == E_EXIST ? SP_ID_TOKEN : SP_INTERNAL,
		       e == E_EXIST ? "logout token was used already" : "the store could not be written");
		return;
	}
	e = recheck_end_sessions(r->j, c->idp, m->sub, m->sid, "signed out at the provider", &n);
	log_info("backchannel_logout", "idp", c->idp, "sessions", log_num((long long)n), NULL);
	answer(r, e < 0 ? 503 : 200, "a session could not be ended durably");
}

static void
ask(struct req *r)
{
	const struct logout_ctx *c = r->ctx;
	struct js_logout_oidc m = {.idp = c->idp, .logout_token = c->token};

	signer_ask(r->j, &js_logout_oidc_def, &m, &js_logout_is_def, checked, r);
}

void
backchannel_logout(struct req *r)
{
	struct logout_ctx *c = arena_alloc(&r->arena, sizeof *c);
	const struct idp *idp = NULL;

	if (!c) {
		reply_refuse(r, SP_INTERNAL);
		return;
	}
	for (size_t i = 0; i < r->snap->nidps; i++)
		if (!strcmp(r->snap->idps[i]->id, r->seg[0]))
			idp = r->snap->idps[i];
	c->token = req_field(r, "logout_token");
	c->idp = idp ? idp->id : "";
	r->ctx = c;
	if (!idp || idp->type < IDP_OIDC || !*c->token || strlen(c->token) > JS_TOKEN_MAX)
		refuse(r, SP_BAD_REQUEST, idp ? "no logout_token" : "no such identity provider");
	else
		ask(r);
}

/* Signing out (a link to a confirmation, never a form), who am I, and the public keys. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/page.h"
#include "edge/judge/snapshot.h"

/* Whose cookie this is, on the team host or an application. */
static struct session *
whoever(struct req *r, int *ret_code)
{
	struct token t = {0};
	struct session *s = NULL;
	struct reason why = {0};
	const char *text = NULL;

	if (req_cookie(r, "CF_Authorization", &text) < 0)
		text = r->app ? req_header(r, "cf-access-token") : NULL;
	if (!text || !*text) {
		*ret_code = SP_LOGIN_NEEDED;
		return NULL;
	}
	*ret_code =
	    r->app ? session_of_app(r->j, text, r->app, &t, &s, &why) : session_of_org(r->j, text, &t, &s, &why);
	if (*ret_code)
		return NULL;
	token_release(&t);
	if (r->app && !app_binding_ok(r, text)) {
		*ret_code = SP_TOKEN;
		return NULL;
	}
	return s;
}

/* The claims that the provider's record names, as they were verified at sign-in. */
static json_t *
custom_claims(const struct req *r, const struct session *s)
{
	const struct idp *p = snapshot_idp(r->snap, s->idp);
	json_t *o = json_object();

	for (size_t i = 0; p && s->claims && i < p->config.claims.n; i++)
		json_object_set(o, p->config.claims.v[i], json_object_get(s->claims, p->config.claims.v[i]));
	return o;
}

void
logout_get(struct req *r)
{
	int code;
	struct session *s = whoever(r, &code);

	if (!s) {
		app_cookies_clear(r);
		page_note(r, 200, T_LOGOUT_DONE, T_LOGOUT_NONE, "/", T_SIGN_IN);
		return;
	}
	const char *purpose = req_fmt(r, "logout %s", s->id);
	if (strcmp(req_param(r, "confirm"), "1")) {
		const char *cookie = csrf_cookie(r);
		page_logout(r, req_fmt(r, "/cdn-cgi/access/logout?confirm=1&csrf=%s", csrf_token(r, cookie, purpose)));
		return;
	}
	if (!csrf_ok(r, purpose, req_param(r, "csrf"))) {
		judge_deny(r, s->email, SP_LOGIN_STATE, "confirmation of another page");
		return;
	}
	str_copy(r->session, sizeof r->session, s->id);
	int e = revoke_session(r->j, s, "signed out");
	judge_audit(r->j, r, &(struct audit_note){.kind = EVENT_LOGOUT, .actor = s->email, .session = s->id});
	app_cookies_clear(r);
	if (e < 0)
		reply_refuse(r, SP_INTERNAL);
	else
		page_note(r, 200, T_LOGOUT_DONE, T_LOGOUT_OVER, "/", T_SIGN_IN_AGAIN);
}

/* A client signs out with the token in a header of its own, which no foreign page can send: no confirmation is needed.
 */
void
logout_post(struct req *r)
{
	const char *text = req_header(r, "cf-access-token");
	struct reason why = {0};
	struct session *s = NULL;
	struct token t = {0};
	int code = text && *text ? session_of_app(r->j, text, r->app, &t, &s, &why) : SP_LOGIN_NEEDED;

	if (code) {
		judge_deny(r, NULL, code, why.text);
		return;
	}
	token_release(&t);
	str_copy(r->session, sizeof r->session, s->id);
	judge_audit(r->j, r, &(struct audit_note){.kind = EVENT_LOGOUT, .actor = s->email, .session = s->id});
	if (revoke_session(r->j, s, "signed out") < 0)
		reply_refuse(r, SP_INTERNAL);
	else
		reply_text(r, 200, "signed out\n");
}

void
identity_get(struct req *r)
{
	int code;
	struct session *s = whoever(r, &code);

	if (!s) {
		reply_refuse(r, code);
		return;
	}
	const struct person *p = map_get(&r->j->persons, s->person);
	const char *name = p && p->nidentities && p->identities[0].name ? p->identities[0].name : "";
	json_t *o = json_pack("{s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:{s:s}}", "email", s->email,
	                      "name", name, "idp", "id", s->idp, "type", s->idp_type ? s->idp_type : "", "user_uuid",
	                      s->sub, "account_id", r->j->account, "iat", (json_int_t)s->created_at, "ip",
	                      s->ip ? s->ip : "", "auth_status", "NONE", "groups", texts_to_json(&s->groups), "amr",
	                      texts_to_json(&s->amr), "geo", "country", r->who.country ? r->who.country : "");
	/* What devices would say: there are none here, and scripts of the original look for the names. */
	json_t *more =
	    json_pack("{s:{}, s:{}, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:i, s:o}", "devicePosture", "device_sessions",
	              "common_name", "", "service_token_id", "", "gateway_account_id", "", "device_id", "", "is_warp",
	              0, "is_gateway", 0, "service_token_status", 0, "version", 2, "custom", custom_claims(r, s));
	json_object_update_missing(o, more);
	json_decref(more);
	reply_json(r, 200, o);
}

void
certs_get(struct req *r)
{
	if (!r->j->jwks_text)
		reply_refuse(r, SP_SIGNER_DOWN);
	else
		reply_bytes(r, 200, "application/json", r->j->jwks_text, strlen(r->j->jwks_text));
}

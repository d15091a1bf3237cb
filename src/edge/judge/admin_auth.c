#include "edge/judge/admin_auth.h"

#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "core/str.h"
#include "edge/judge/api_standing.h"
#include "edge/judge/judge.h"
#include "identity/scope.h"

static bool
refuse(struct req *r, int code, const char *why)
{
	log_warn("api_refused", "ip", r->client_ip, "path", r->path, "why", why, NULL);
	judge_audit(r->j, r,
	            &(struct audit_note){.kind = EVENT_ACCESS_DENIED, .subject = r->path, .code = code, .why = why});
	reply_refuse_text(r, code, why);
	return false;
}

static bool
account_fits(const struct req *r)
{
	if (str_starts(r->path, "/client/v4/accounts/"))
		return !strcmp(r->seg[0], r->j->account);
	if (str_starts(r->path, "/client/v4/zones/"))
		return !strcmp(r->seg[0], r->j->zone);
	return true;
}

static void
keep(struct req *r, const char *text, const struct token *t)
{
	const char **v = arena_alloc(&r->arena, (t->scopes.n + 1) * sizeof *v);

	r->api_name = req_fmt(r, "%s", t->sub);
	r->api_jti = req_fmt(r, "%s", t->jti);
	r->api_token = text;
	r->api_scopes = (struct strs){v, v ? t->scopes.n : 0};
	for (size_t i = 0; i < r->api_scopes.n; i++)
		v[i] = req_fmt(r, "%s", t->scopes.v[i]);
}

bool
admin_may(const struct req *r, const char *scope)
{
	struct token_list have = {.n = r->api_scopes.n};

	if (have.n > TOKEN_LIST_MAX)
		return false;
	memcpy(have.v, r->api_scopes.v, have.n * sizeof *have.v);
	return scope_covers(&have, scope);
}

bool
admin_auth(struct req *r, const char *scope)
{
	struct token t = {0};
	struct reason why = {0};
	const char *h = req_header(r, "authorization");

	if (!r->j->jwks.n)
		return refuse(r, SP_SIGNER_DOWN, "the signer's keys are not here yet");
	if (!h || strncasecmp(h, "bearer ", 7))
		return refuse(r, SP_API_TOKEN, "no bearer token");
	h += 7;
	h += strspn(h, " ");
	if (token_open(TOKEN_API, h, &r->j->jwks_api, r->j->issuer, NULL, judge_now(), &t, &why) < 0)
		return refuse(r, why.code ? why.code : SP_API_TOKEN, why.text);
	keep(r, h, &t);
	int64_t exp = t.exp;
	token_release(&t);
	if (api_revoked(r->j, r->api_jti))
		return refuse(r, SP_API_TOKEN, "the API token was revoked");
	api_used(r->j, r->api_jti, exp);
	if (scope && !admin_may(r, scope))
		return refuse(r, SP_API_SCOPE, req_fmt(r, "%s is needed.", scope));
	return account_fits(r) || refuse(r, SP_NOT_FOUND, "no such account");
}

/* A request that shows a service token: what it shows, whether that counts, and what it gets. */
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/str.h"
#include "edge/judge/login.h"
#include "edge/judge/service.h"
#include "identity/pkce.h"

#define SHOWN_JSON_MAX 1024
#define SECRET_TEXT_MAX 128
#define ID_HEADER "cf-access-client-id"
#define SECRET_HEADER "cf-access-client-secret"

/* The application may have both parts in one header, as JSON. A value of that header that is no JSON object is the
   origin's business, such as "Authorization: Basic ...". */
static const char *
one_header(struct req *r)
{
	const char *name = r->app ? r->app->app->read_service_tokens_from_header : NULL, *v;
	char lower[256];

	if (!name || str_copy(lower, sizeof lower, name) < 0)
		return NULL;
	str_lower(lower);
	v = req_header(r, lower);
	if (v && *v) {
		v += strspn(v, " \t");
		return *v == '{' ? v : NULL;
	}
	return v; /* "" = twice */
}

bool
service_shown(struct req *r)
{
	return req_header(r, ID_HEADER) || req_header(r, SECRET_HEADER) || one_header(r);
}

/* {"cf-access-client-id": "...", "cf-access-client-secret": "..."}, nothing else. */
static int
parse_json(struct req *r, const char *text, const char **ret_id, const char **ret_secret)
{
	const char *id = NULL, *secret = NULL, *key;
	json_t *j = NULL, *v;
	int e = strlen(text) <= SHOWN_JSON_MAX ? json_load_strict(text, strlen(text), SHOWN_JSON_MAX, &j) : E_LIMIT;

	json_object_foreach(j, key, v)
	{
		const char **at = !strcasecmp(key, ID_HEADER) ? &id : !strcasecmp(key, SECRET_HEADER) ? &secret : NULL;
		if (!at || *at || !json_is_string(v))
			e = E_FORMAT;
		else
			*at = req_fmt(r, "%s", json_string_value(v));
	}
	json_decref(j);
	if (e < 0 || !id || !secret)
		return E_FORMAT;
	*ret_id = id;
	*ret_secret = secret;
	return 0;
}

/* Exactly one id with one secret, in one of the two ways. */
static int
shown(struct req *r, const char **ret_id, const char **ret_secret)
{
	const char *id = req_header(r, ID_HEADER), *secret = req_header(r, SECRET_HEADER), *both = one_header(r);

	if (both && !id && !secret) {
		if (parse_json(r, both, &id, &secret) < 0)
			return E_FORMAT;
	} else if (both || !id || !secret) {
		return E_FORMAT;
	}
	if (!service_client_id_ok(id) || !*secret || strlen(secret) > SECRET_TEXT_MAX)
		return E_FORMAT;
	*ret_id = id;
	*ret_secret = secret;
	return 0;
}

/* Who guesses could else fill the audit log: only a known id is written down, and not beyond the signer's limit. */
static void
refuse(struct req *r, int code, const char *why)
{
	if (code != SP_LOGIN_RATE && r->service_label && snapshot_service_token(r->j->snap, r->service_label)) {
		judge_deny(r, r->service_label, code, why);
		return;
	}
	r->j->n.denied++;
	log_warn("denied", "app", r->host, "ip", r->client_ip, "code", log_num(code), "why", why, "request", r->rid,
	         NULL);
	reply_refuse(r, code);
}

/* Reads what is shown and has it proved; then goes on. */
static void
begin(struct req *r, service_then_fn *then)
{
	const char *id, *secret;

	if (shown(r, &id, &secret) < 0) {
		refuse(r, SP_SERVICE_TOKEN, "half a service token, two, or one of another form");
		return;
	}
	r->service_label = id;
	if (!snapshot_service_token(r->snap, id))
		refuse(r, SP_SERVICE_TOKEN, "no service token has this client id");
	else
		service_prove(r, id, secret, then);
}

/* --- a request for the application ------------------------------------------------------------------------------- */

static void
enter(struct req *r, int code, const char *text)
{
	struct policy_verdict v = {0};
	struct reason why = {0};

	if (code) {
		refuse(r, code, text);
		return;
	}
	/* The token was minted while others worked: what it rests on may have gone. */
	if ((code = service_decide(r, &v, &why)))
		refuse(r, code, why.text);
	else
		app_admitted(r, NULL, r->service_jwt);
}

static void
proved(struct req *r, int code, const char *text)
{
	struct policy_verdict v = {0};
	struct reason why = {0};

	if (!code && !(code = service_decide(r, &v, &why)))
		service_mint(r, r->app, &v, "", enter);
	else
		refuse(r, code, *why.text ? why.text : text);
}

void
service_request(struct req *r)
{
	begin(r, proved);
}

/* --- an app token bound to a key --------------------------------------------------------------------------------- */

static void
exchanged(struct req *r, int code, const char *text)
{
	struct policy_verdict v = {0};
	struct reason why = {0};
	char at[24];

	if (code || (code = service_decide(r, &v, &why))) {
		refuse(r, code, *why.text ? why.text : text);
		return;
	}
	judge_audit(r->j, r,
	            &(struct audit_note){.kind = EVENT_LOGIN, .actor = r->service_label, .why = "service token"});
	time_format(r->service_jwt_exp, at);
	reply_json(r, 200,
	           json_pack("{s:s, s:s, s:s, s:s}", "app_token", r->service_jwt, "expires_at", at, "aud",
	                     r->app->app->aud, "team", req_team_origin(r)));
}

static void
exchange_proved(struct req *r, int code, const char *text)
{
	struct policy_verdict v = {0};
	struct reason why = {0};

	if (!code && !(code = service_decide(r, &v, &why)))
		service_mint(r, r->app, &v, req_param(r, "cnf"), exchanged);
	else
		refuse(r, code, *why.text ? why.text : text);
}

void
service_exchange(struct req *r)
{
	const char *cnf = req_param(r, "cnf");

	if (*cnf && strlen(cnf) != PKCE_TEXT - 1)
		refuse(r, SP_BAD_REQUEST, "cnf is not a SHA-256");
	else
		begin(r, exchange_proved);
}

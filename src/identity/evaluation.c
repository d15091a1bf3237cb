#include "identity/evaluation.h"

#include <string.h>

#define LEEWAY 30

static json_t *
list(const struct token_list *l)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < l->n; i++)
		json_array_append_new(a, json_string(l->v[i]));
	return a;
}

json_t *
evaluation_claims(const struct token *org, const char *iss, const char *evaluate_url, const char *nonce, int64_t now)
{
	return json_pack("{s:s, s:[s], s:I, s:I, s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}, s:o, s:o}}", "iss", iss, "aud",
	                 evaluate_url, "iat", (json_int_t)now, "exp", (json_int_t)now + EVALUATION_TTL, "nonce", nonce,
	                 "identity", "email", org->email, "user_uuid", org->sub, "id", org->idp_sub, "idp", "id",
	                 org->idp_id, "type", org->idp_type, "groups", list(&org->groups), "amr", list(&org->amr));
}

static int
refuse(struct reason *r, const char *why)
{
	return reason_set(r, E_DENIED, SP_POLICY_DENY, "evaluation: %s", why);
}

int
evaluation_read(const json_t *claims, const char *nonce, int64_t now, bool *ret_yes, struct reason *r)
{
	const char *theirs;
	int64_t exp, nbf = 0;
	bool yes;

	if (!json_is_object(claims) || !*nonce || json_get_str(claims, "nonce", &theirs) < 0 ||
	    strcmp(theirs, nonce) != 0)
		return refuse(r, "the answer's nonce is not that of our request");
	if (json_get_i64(claims, "exp", &exp) < 0)
		return refuse(r, "the answer has no exp");
	int e = json_get_i64(claims, "nbf", &nbf);
	if ((e < 0 && e != E_NOENT) || nbf > now + LEEWAY)
		return refuse(r, "the answer is from the future");
	if (exp <= now - LEEWAY)
		return refuse(r, "the answer has expired");
	if (exp > now + EVALUATION_LIFE)
		return refuse(r, "the answer lives too long");
	if (json_get_bool(claims, "success", &yes) < 0)
		return refuse(r, "the answer does not say success: true or false");
	*ret_yes = yes;
	return 0;
}

int
evaluation_check(const char *answer, size_t n, const char *keys, const char *nonce, int64_t now, bool *ret_yes,
                 struct reason *r)
{
	struct reason why = {0};
	struct jwks set = {0};
	json_t *o = NULL, *claims = NULL;
	const char *token;
	int e;

	if (json_load_strict(answer, n, EVALUATION_ANSWER_MAX, &o) < 0 || !json_is_object(o) ||
	    json_get_str(o, "token", &token) < 0)
		e = refuse(r, "the answer is not {\"token\": ...}");
	else if (jwks_parse(keys, strlen(keys), &set) < 0)
		e = refuse(r, "keys_url gives no key set");
	else if (jwt_verify(token, strlen(token), &set, JWT_RS256, &claims, &why) < 0)
		e = reason_set(r, E_DENIED, SP_POLICY_DENY, "evaluation: %s", why.text);
	else
		e = evaluation_read(claims, nonce, now, ret_yes, r);
	json_decref(claims);
	json_decref(o);
	jwks_release(&set);
	return e;
}

#include "identity/token.h"

#include <stddef.h>
#include <string.h>

#include "core/str.h"

#define TIME_LIMIT ((int64_t)1 << 40) /* far beyond any date, far below overflow */

static const char *const type_names[] = {
    [TOKEN_ORG] = "org", [TOKEN_APP] = "app", [TOKEN_API] = "api", [TOKEN_SERVICE] = "app"};

#define T_ORG 1u
#define T_APP 2u
#define T_API 4u
#define T_SVC 8u
#define T_ANY (T_ORG | T_APP | T_API | T_SVC)
#define T_SIGNED_IN (T_ORG | T_APP)

/* Text claims: in which types they occur, and in which they must. */
static const struct text_row {
	const char *claim;
	size_t off;
	unsigned in, must;
} texts[] = {
    {"iss", offsetof(struct token, iss), T_ANY, T_ANY},
    {"sub", offsetof(struct token, sub), T_ANY, T_ANY & ~T_SVC}, /* a service's is there and empty */
    {"email", offsetof(struct token, email), T_ORG | T_APP, T_ORG | T_APP},
    {"idp_iss", offsetof(struct token, idp_iss), T_ORG | T_APP, T_ORG | T_APP},
    {"idp_sub", offsetof(struct token, idp_sub), T_ORG | T_APP, T_ORG | T_APP},
    {"identity_nonce", offsetof(struct token, session), T_ORG | T_APP, T_ORG | T_APP},
    {"country", offsetof(struct token, country), T_APP | T_SVC, 0},
    {"policy_id", offsetof(struct token, policy_id), T_APP | T_SVC, 0},
    {"cnf", offsetof(struct token, cnf), T_APP | T_SVC, 0},
    {"jti", offsetof(struct token, jti), T_API | T_SVC, T_API | T_SVC},
    {"common_name", offsetof(struct token, common_name), T_SVC, T_SVC},
};
static const struct list_row {
	const char *claim;
	size_t off;
	unsigned in;
} lists[] = {
    {"amr", offsetof(struct token, amr), T_ORG},
    {"groups", offsetof(struct token, groups), T_ORG},
    {"scopes", offsetof(struct token, scopes), T_API},
};
#define NTEXTS (sizeof texts / sizeof *texts)
#define NLISTS (sizeof lists / sizeof *lists)

static int
set_text(json_t *o, const char *claim, const char *v)
{
	return v && *v && json_object_set_new(o, claim, json_string(v)) ? E_FORMAT : 0;
}

static int
set_list(json_t *o, const char *claim, const struct token_list *l)
{
	json_t *a = json_array();
	if (!a || l->n > TOKEN_LIST_MAX) {
		json_decref(a);
		return a ? E_LIMIT : E_NOMEM;
	}
	for (size_t i = 0; i < l->n; i++)
		if (json_array_append_new(a, json_string(l->v[i]))) {
			json_decref(a);
			return E_FORMAT;
		}
	return json_object_set_new(o, claim, a) ? E_NOMEM : 0;
}

static int
fill_claims(const struct token *t, json_t *o)
{
	unsigned bit = 1u << t->type;
	int e = 0;
	for (size_t i = 0; i < NTEXTS && !e; i++)
		if (texts[i].in & bit) {
			const char *const *at = (const char *const *)(const void *)((const char *)t + texts[i].off);
			if ((texts[i].must & bit) && (!*at || !**at))
				return E_STATE;
			e = set_text(o, texts[i].claim, *at);
		}
	for (size_t i = 0; i < NLISTS && !e; i++)
		if (lists[i].in & bit)
			e = set_list(o, lists[i].claim, (const void *)((const char *)t + lists[i].off));
	if (e)
		return e;
	if (t->type == TOKEN_SERVICE && (json_object_set_new(o, "sub", json_string("")) ||
	                                 json_object_set_new(o, "secret_version", json_integer(t->secret_version))))
		return E_FORMAT;
	if ((bit & T_SIGNED_IN) && json_object_set_new(o, "idp",
	                                               json_pack("{ssss}", "id", t->idp_id ? t->idp_id : "", "type",
	                                                         t->idp_type ? t->idp_type : "")))
		return E_FORMAT;
	if (json_object_set_new(o, "type", json_string(type_names[t->type])) ||
	    json_object_set_new(o, "aud", json_pack("[s]", t->aud)) ||
	    json_object_set_new(o, "iat", json_integer(t->iat)) ||
	    json_object_set_new(o, "nbf", json_integer(t->nbf ? t->nbf : t->iat)) ||
	    json_object_set_new(o, "exp", json_integer(t->exp)))
		return E_FORMAT;
	return 0;
}

int
token_mint(struct key *key, const char *kid, const struct token *t, struct buf *out)
{
	json_t *o = NULL;
	int e;
	if (!t->aud || !*t->aud || t->iat <= 0 || t->exp <= t->iat || t->exp - t->iat > TOKEN_TTL_MAX)
		return E_RANGE;
	o = json_object();
	if (!o)
		return E_NOMEM;
	e = fill_claims(t, o);
	if (!e)
		e = jwt_sign(key, kid, o, out);
	json_decref(o);
	return e;
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

static int
form(struct reason *r, const char *what)
{
	return reason_set(r, E_FORMAT, SP_TOKEN, "token claim %s is missing or malformed", what);
}

static int
read_list(const json_t *o, const char *claim, struct token_list *l, struct reason *r)
{
	json_t *a = NULL, *v;
	size_t i;
	int e = json_get_array(o, claim, &a);
	if (e == E_NOENT)
		return 0;
	if (e || json_array_size(a) > TOKEN_LIST_MAX)
		return form(r, claim);
	json_array_foreach(a, i, v)
	{
		if (!json_is_string(v))
			return form(r, claim);
		l->v[l->n++] = json_string_value(v);
	}
	return 0;
}

static int
read_texts(const json_t *o, struct token *t, struct reason *r)
{
	unsigned bit = 1u << t->type;
	for (size_t i = 0; i < NTEXTS; i++) {
		const char **at = (const char **)(void *)((char *)t + texts[i].off);
		*at = "";
		if (!(texts[i].in & bit))
			continue;
		int e = json_get_str(o, texts[i].claim, at);
		if ((e && e != E_NOENT) || ((texts[i].must & bit) && (e || !**at)))
			return form(r, texts[i].claim);
	}
	for (size_t i = 0; i < NLISTS; i++)
		if (lists[i].in & bit) {
			int e = read_list(o, lists[i].claim, (void *)((char *)t + lists[i].off), r);
			if (e)
				return e;
		}
	t->idp_id = t->idp_type = "";
	if (t->type == TOKEN_SERVICE &&
	    (t->sub[0] || json_get_i64(o, "secret_version", &t->secret_version) || t->secret_version < 1))
		return form(r, t->sub[0] ? "sub" : "secret_version");
	if (bit & T_SIGNED_IN) {
		json_t *idp = NULL;
		if (json_get_object(o, "idp", &idp))
			return form(r, "idp");
		t->idp_id = json_str_or(idp, "id", "");
		t->idp_type = json_str_or(idp, "type", "");
	}
	return 0;
}

/* Our own tokens carry exactly one audience; one that lists ours among others was not minted for us alone. */
static int
read_audience(const json_t *o, const char *aud, struct token *t, struct reason *r)
{
	json_t *a = NULL;
	if (json_get_array(o, "aud", &a) || json_array_size(a) != 1 || !json_is_string(json_array_get(a, 0)))
		return reason_set(r, E_DENIED, SP_TOKEN_AUDIENCE, "token has not exactly one audience");
	t->aud = json_string_value(json_array_get(a, 0));
	if (strcmp(t->aud, aud) != 0)
		return reason_set(r, E_DENIED, SP_TOKEN_AUDIENCE, "token is for another audience");
	return 0;
}

static int
read_times(const json_t *o, int64_t now, struct token *t, struct reason *r)
{
	if (json_get_i64(o, "exp", &t->exp) || t->exp <= 0 || t->exp > TIME_LIMIT)
		return form(r, "exp");
	if (json_get_i64(o, "iat", &t->iat) || t->iat <= 0 || t->iat > TIME_LIMIT)
		return form(r, "iat");
	if (json_get_i64(o, "nbf", &t->nbf) || t->nbf <= 0 || t->nbf > TIME_LIMIT)
		return form(r, "nbf");
	if (t->exp <= t->iat || t->exp - t->iat > TOKEN_TTL_MAX)
		return form(r, "exp");
	if (now > t->exp + TOKEN_LEEWAY)
		return reason_set(r, E_EXPIRED, SP_TOKEN_EXPIRED, "token expired %lld s ago",
		                  (long long)(now - t->exp));
	if (now < t->nbf - TOKEN_LEEWAY || now < t->iat - TOKEN_LEEWAY)
		return reason_set(r, E_EXPIRED, SP_TOKEN_EXPIRED, "token is not valid yet");
	return 0;
}

static int
read_claims(const json_t *o, const char *iss, const char *aud, int64_t now, struct token *t, struct reason *r)
{
	char own[512];
	const char *type;
	if (json_get_str(o, "type", &type) || strcmp(type, type_names[t->type]) != 0)
		return reason_set(r, E_DENIED, SP_TOKEN, "token is not of type %s", type_names[t->type]);
	int e = read_texts(o, t, r);
	if (e)
		return e;
	if (strcmp(t->iss, iss) != 0)
		return reason_set(r, E_DENIED, SP_TOKEN, "token is of another issuer");
	if (!aud) {
		if (str_copy(own, sizeof own, iss) || strlen(iss) + sizeof "/api" > sizeof own)
			return E_LIMIT;
		if (t->type == TOKEN_API)
			memcpy(own + strlen(iss), "/api", sizeof "/api");
		aud = own;
	}
	e = read_audience(o, aud, t, r);
	return e ? e : read_times(o, now, t, r);
}

bool
token_claims_service(const char *text)
{
	json_t *o = NULL;
	bool yes = jwt_peek(text, strlen(text), &o) == 0 && json_object_get(o, "common_name");

	json_decref(o);
	return yes;
}

int
token_open(enum token_type type, const char *text, const struct jwks *set, const char *iss, const char *aud,
           int64_t now, struct token *ret_t, struct reason *r)
{
	struct reason why = {0};
	struct token t = {.type = type};
	json_t *o = NULL;
	if ((type == TOKEN_APP || type == TOKEN_SERVICE) && !aud)
		return reason_set(r, E_STATE, SP_TOKEN_AUDIENCE, "no audience to check against");
	int e = jwt_verify(text, strlen(text), set, JWT_RS256 | JWT_KID, &o, &why);
	if (!e)
		e = read_claims(o, iss, aud, now, &t, &why);
	if (!e && type == TOKEN_API && !str_starts(t.sub, "api:"))
		e = form(&why, "sub");
	if (e) {
		json_decref(o);
		int code = type == TOKEN_API && why.code != SP_TOKEN_EXPIRED ? SP_API_TOKEN : why.code;
		return reason_set(r, e, code, "%s", why.text);
	}
	t.json = o;
	*ret_t = t;
	return 0;
}

void
token_release(struct token *t)
{
	json_decref(t->json);
	memset(t, 0, sizeof *t);
}

bool
token_has_scope(const struct token *t, const char *scope)
{
	for (size_t i = 0; i < t->scopes.n; i++)
		if (!strcmp(t->scopes.v[i], scope))
			return true;
	return false;
}

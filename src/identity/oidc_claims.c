/* oidc: judging an ID token (OpenID Connect Core 1.0 section 3.1.3.7) and reading who somebody is. */
#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "identity/oidc.h"

#define LEEWAY 60
#define AGE_MAX 86400 /* an ID token older than a day is no sign-in of now */
#define TIME_LIMIT ((int64_t)1 << 40)
#define NAME_MAX_BYTES 254

static int
refuse(struct reason *r, int e, const char *why)
{
	return reason_set(r, e, SP_ID_TOKEN, "ID token refused: %s", why);
}

/* For us, from the one we asked. */
static int
check_parties(const json_t *o, const struct oidc_check *c, struct reason *r)
{
	const char *iss, *azp = NULL;
	json_t *aud = json_object_get(o, "aud"), *v;
	size_t i;
	bool ours = false;
	if (json_get_str(o, "iss", &iss))
		return refuse(r, E_DENIED, "it names no issuer");
	if (strcmp(iss, c->issuer) != 0 && (!c->issuer_alias || strcmp(iss, c->issuer_alias) != 0))
		return reason_set(r, E_DENIED, SP_ID_TOKEN,
		                  "ID token refused: its issuer is \"%.120s\", expected \"%.120s\"", iss, c->issuer);
	if (json_is_string(aud))
		ours = !strcmp(json_string_value(aud), c->client_id);
	json_array_foreach(aud, i, v) if (json_is_string(v) && !strcmp(json_string_value(v), c->client_id)) ours = true;
	if (!ours)
		return refuse(r, E_DENIED, "audience is not our client id");
	int e = json_get_str(o, "azp", &azp);
	if (e == E_FORMAT || (!e && strcmp(azp, c->client_id) != 0) || (e && json_array_size(aud) > 1))
		return refuse(r, E_DENIED, "it was issued to another client");
	return 0;
}

static int
check_login(const json_t *o, const struct oidc_check *c, struct reason *r)
{
	const char *nonce;
	if (c->hosted_domain && strcasecmp(json_str_or(o, "hd", ""), c->hosted_domain) != 0)
		return refuse(r, E_DENIED, "the account is not of the configured hosted domain (claim hd)");
	int e = json_get_str(o, "nonce", &nonce);
	if (e == E_NOENT && c->subject)
		return 0;
	if (!c->nonce || !*c->nonce || e || strcmp(nonce, c->nonce) != 0)
		return refuse(r, E_DENIED, "nonce is missing or not that of this login");
	return 0;
}

static int
get_time(const json_t *o, const char *name, int64_t *ret_t)
{
	int e = json_get_i64(o, name, ret_t);
	if (!e && (*ret_t < 0 || *ret_t > TIME_LIMIT))
		e = E_FORMAT;
	return e;
}

static int
check_times(const json_t *o, const struct oidc_check *c, struct oidc_identity *id, struct reason *r)
{
	int64_t nbf = 0;
	if (get_time(o, "exp", &id->exp) || get_time(o, "iat", &id->iat))
		return refuse(r, E_FORMAT, "exp or iat is missing or not an integer");
	int e = get_time(o, "nbf", &nbf);
	if (e && e != E_NOENT)
		return refuse(r, E_FORMAT, "nbf is not an integer");
	if (c->now >= id->exp + LEEWAY)
		return refuse(r, E_EXPIRED, "it has expired");
	if (id->iat > c->now + LEEWAY || nbf > c->now + LEEWAY)
		return refuse(r, E_EXPIRED, "it is from the future");
	if (c->now - id->iat > AGE_MAX)
		return refuse(r, E_EXPIRED, "it is older than a day");
	e = get_time(o, "auth_time", &id->auth_time);
	if (e && e != E_NOENT)
		return refuse(r, E_FORMAT, "auth_time is not an integer");
	if (c->max_age <= 0 || c->subject)
		return 0;
	if (e)
		return refuse(r, E_DENIED, "auth_time is missing though max_age was asked for");
	if (c->now - id->auth_time > c->max_age + LEEWAY)
		return refuse(r, E_EXPIRED, "the provider saw the user longer ago than max_age");
	return 0;
}

static bool
printable(const char *s, size_t max)
{
	size_t n = strlen(s);
	for (const char *p = s; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return false;
	return n && n <= max;
}

static int
read_sub(const json_t *o, const struct oidc_check *c, struct oidc_identity *id, struct reason *r)
{
	if (json_get_str(o, "sub", &id->sub) || !printable(id->sub, OIDC_SUB_MAX))
		return refuse(r, E_FORMAT, "subject is missing, too long or not printable ASCII");
	if (c->subject && strcmp(id->sub, c->subject) != 0)
		return refuse(r, E_DENIED, "it is of another subject");
	return 0;
}

static bool
email_trusted(const struct oidc_check *c, const char *email)
{
	const char *at = strrchr(email, '@');

	if (!c->trust_email || !at || !c->ntrust_domains)
		return c->trust_email;
	for (size_t i = 0; i < c->ntrust_domains; i++)
		if (!strcasecmp(c->trust_domains[i], at + 1))
			return true;
	return false;
}

/* Address and its being verified must come from one source: an unverified address of one and the "verified" of the
 * other prove nothing. */
static int
read_email(const json_t *token, const json_t *info, const struct oidc_check *c, struct oidc_identity *id,
           struct reason *r)
{
	const char *claim = c->email_claim ? c->email_claim : "email";
	const char *a = NULL, *b = NULL;
	int ea = json_get_str(token, claim, &a), eb = info ? json_get_str(info, claim, &b) : E_NOENT;
	if (ea == E_FORMAT || eb == E_FORMAT)
		return reason_set(r, E_FORMAT, SP_EMAIL, "claim %s is not a text", claim);
	if (!a && !b)
		return reason_set(r, E_DENIED, SP_EMAIL, "provider gave no claim %s", claim);
	id->email_raw = a ? a : b;
	const json_t *said = json_object_get(token, "email_verified");
	bool verified = a && json_is_true(said);
	if (b && (!a || (!said && !strcmp(a, b))) && (!said || json_is_true(said)))
		verified = json_is_true(json_object_get(info, "email_verified"));
	if (email_parse(id->email_raw, strlen(id->email_raw), id->email))
		return reason_set(r, E_DENIED, SP_EMAIL, "address is not of the form that is accepted");
	bool silent = !said && !(info && json_object_get(info, "email_verified"));
	if (!verified && !(silent && email_trusted(c, id->email)))
		return reason_set(r, E_DENIED, SP_EMAIL, "provider does not say that the address is verified");
	return 0;
}

/* Control characters and the marks that turn the direction of text (U+202A-202E, U+2066-2069) have no place in a name.
 */
static bool
name_ok(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	if (strlen(s) > NAME_MAX_BYTES)
		return false;
	for (; *p; p++) {
		if (*p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
			return false;
		if (p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae)
			return false;
		if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)
			return false;
	}
	return true;
}

static bool
group_ok(const json_t *v)
{
	const char *s = json_string_value(v);
	if (!s || !*s || json_string_length(v) > OIDC_GROUP_MAX)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* All or nothing: part of a list could hide the group that a rule excludes. */
static void
read_groups(const json_t *o, struct oidc_identity *id)
{
	json_t *g = json_object_get(o, "groups"), *v;
	size_t i;
	if (json_object_get(json_object_get(o, "_claim_names"), "groups"))
		id->groups_overage = true;
	if (!g || json_is_null(g))
		return;
	if (json_is_string(g) && group_ok(g)) {
		id->groups[id->ngroups++] = json_string_value(g);
		return;
	}
	if (!json_is_array(g) || json_array_size(g) > OIDC_GROUPS_MAX) {
		id->groups_overage = true;
		return;
	}
	json_array_foreach(g, i, v)
	{
		if (!group_ok(v)) {
			id->groups_overage = true;
			id->ngroups = 0;
			return;
		}
		id->groups[id->ngroups++] = json_string_value(v);
	}
}

static void
read_amr(const json_t *o, struct oidc_identity *id)
{
	json_t *a = json_object_get(o, "amr"), *v;
	size_t i;
	json_array_foreach(a, i, v) if (id->namr < OIDC_AMR_MAX && group_ok(v)) id->amr[id->namr++] =
	    json_string_value(v);
}

static int
load_userinfo(const char *text, const char *sub, json_t **ret_o, struct reason *r)
{
	json_t *o = NULL;
	const char *theirs;
	int e = json_load_strict(text, strlen(text), OIDC_DOC_MAX, &o);
	if (!e && (!json_is_object(o) || json_get_str(o, "sub", &theirs) || strcmp(theirs, sub) != 0))
		e = E_DENIED;
	if (e) {
		json_decref(o);
		return refuse(r, e, "userinfo is malformed or of another subject");
	}
	*ret_o = o;
	return 0;
}

/* Who it is, of claims whose origin was checked. */
static int
read_identity(json_t *claims, const struct oidc_check *c, const char *userinfo, struct oidc_identity *ret_i,
              struct reason *r)
{
	struct oidc_identity id = *ret_i;
	json_t *info = NULL, *all = NULL;
	int e = read_sub(claims, c, &id, r);
	if (!e && userinfo && *userinfo)
		e = load_userinfo(userinfo, id.sub, &info, r);
	if (e)
		goto out;
	e = read_email(claims, info, c, &id, r);
	if (e)
		goto out;
	/* one object that owns every text: values are shared by reference, so what was read above stays alive in it */
	all = json_copy(claims);
	if (!all || (info && json_object_update_missing(all, info))) {
		e = E_NOMEM;
		goto out;
	}
	if (id.email_raw != json_str_or(all, c->email_claim ? c->email_claim : "email", "")) {
		e = refuse(r, E_FORMAT, "ambiguous address");
		goto out;
	}
	id.name = json_str_or(all, "name", "");
	if (!name_ok(id.name))
		id.name = "";
	id.sid = json_str_or(all, "sid", "");
	if (!printable(id.sid, OIDC_SUB_MAX))
		id.sid = "";
	read_groups(all, &id);
	read_amr(all, &id);
	id.claims = all;
	all = NULL;
	*ret_i = id;
out:
	json_decref(all);
	json_decref(info);
	return e;
}

int
oidc_claims_check(json_t *claims, const struct oidc_check *c, const char *userinfo, struct oidc_identity *ret_i,
                  struct reason *r)
{
	struct oidc_identity id = {.email_raw = "", .name = ""};
	int e = json_is_object(claims) ? check_parties(claims, c, r) : refuse(r, E_FORMAT, "not an object");
	if (!e)
		e = check_login(claims, c, r);
	if (!e)
		e = check_times(claims, c, &id, r);
	if (!e)
		e = read_identity(claims, c, userinfo, &id, r);
	if (!e)
		*ret_i = id;
	return e;
}

int
oidc_userinfo_check(const char *userinfo, const struct oidc_check *c, struct oidc_identity *ret_i, struct reason *r)
{
	struct oidc_identity id = {.email_raw = "", .name = ""};
	json_t *o = NULL;
	if (!c->subject || !*c->subject)
		return refuse(r, E_STATE, "userinfo alone proves no sign-in");
	int e = load_userinfo(userinfo, c->subject, &o, r);
	if (!e)
		e = read_identity(o, c, NULL, &id, r);
	json_decref(o);
	if (!e)
		*ret_i = id;
	return e;
}

int
oidc_id_token_check(const char *token, const struct jwks *set, const struct oidc_check *c, const char *userinfo,
                    struct oidc_identity *ret_i, bool *ret_need_keys, struct reason *r)
{
	struct reason why = {0};
	json_t *claims = NULL;
	int e = jwt_verify(token, strlen(token), set, c->algs ? c->algs : JWT_ANY, &claims, &why);
	if (e) {
		if (ret_need_keys)
			*ret_need_keys = e == E_NOENT;
		return reason_set(r, e, SP_ID_TOKEN, "%s", why.text);
	}
	e = oidc_claims_check(claims, c, userinfo, ret_i, r);
	json_decref(claims);
	return e;
}

void
oidc_identity_release(struct oidc_identity *i)
{
	json_decref(i->claims);
	memset(i, 0, sizeof *i);
}

/* --- logout tokens ----------------------------------------------------------------------------------------------- */

static int
read_session(const json_t *o, struct oidc_logout *l, struct reason *r)
{
	int es = json_get_str(o, "sub", &l->sub), ei = json_get_str(o, "sid", &l->sid);
	if ((es && es != E_NOENT) || (ei && ei != E_NOENT) || (es && ei))
		return refuse(r, E_FORMAT, "a logout names sub, sid or both");
	if ((!es && !printable(l->sub, OIDC_SUB_MAX)) || (!ei && !printable(l->sid, OIDC_SUB_MAX)))
		return refuse(r, E_FORMAT, "sub or sid is empty, too long or not printable ASCII");
	if (es)
		l->sub = "";
	if (ei)
		l->sid = "";
	if (json_get_str(o, "jti", &l->jti) || !printable(l->jti, OIDC_JTI_MAX))
		return refuse(r, E_FORMAT, "a logout token has a jti");
	return 0;
}

int
oidc_logout_check(json_t *claims, const struct oidc_check *c, struct oidc_logout *ret_l, struct reason *r)
{
	static const char event[] = "http://schemas.openid.net/event/backchannel-logout";
	struct oidc_logout l = {0};
	int64_t exp = 0;
	int e = json_is_object(claims) ? check_parties(claims, c, r) : refuse(r, E_FORMAT, "not an object");
	if (e)
		return e;
	if (!json_is_object(json_object_get(json_object_get(claims, "events"), event)))
		return refuse(r, E_DENIED, "it is no logout token: the event is missing");
	if (json_object_get(claims, "nonce"))
		return refuse(r, E_DENIED, "a logout token has no nonce");
	if (get_time(claims, "iat", &l.iat))
		return refuse(r, E_FORMAT, "iat is missing or not an integer");
	e = get_time(claims, "exp", &exp);
	if (e && e != E_NOENT)
		return refuse(r, E_FORMAT, "exp is not an integer");
	if (l.iat > c->now + LEEWAY)
		return refuse(r, E_EXPIRED, "it is from the future");
	if ((!e && c->now >= exp + LEEWAY) || c->now - l.iat > OIDC_LOGOUT_AGE_MAX)
		return refuse(r, E_EXPIRED, "it has expired");
	if ((e = read_session(claims, &l, r)))
		return e;
	l.claims = json_incref(claims);
	*ret_l = l;
	return 0;
}

int
oidc_logout_token_check(const char *token, const struct jwks *set, const struct oidc_check *c,
                        struct oidc_logout *ret_l, bool *ret_need_keys, struct reason *r)
{
	struct reason why = {0};
	json_t *claims = NULL;
	int e = jwt_verify(token, strlen(token), set, c->algs ? c->algs : JWT_ANY, &claims, &why);
	if (e) {
		*ret_need_keys = e == E_NOENT;
		return reason_set(r, e, SP_ID_TOKEN, "%s", why.text);
	}
	e = oidc_logout_check(claims, c, ret_l, r);
	json_decref(claims);
	return e;
}

void
oidc_logout_release(struct oidc_logout *l)
{
	json_decref(l->claims);
	memset(l, 0, sizeof *l);
}

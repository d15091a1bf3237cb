/* oidc: what a provider publishes and answers: discovery, token response, the URL that we send people to. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/secret.h"
#include "core/str.h"
#include "core/url.h"
#include "identity/oidc.h"

static bool
host_is_loopback(const struct hostport *at)
{
	if (at->is_ip)
		return at->is_v6 ? !strcmp(at->host, "::1") : str_starts(at->host, "127.");
	return host_is_localhost(at->host);
}

static int
url_load(const char *text, struct url *ret_u)
{
	struct url u = {0};
	size_t n = strlen(text);
	if (!n || n > OIDC_URL_MAX || strchr(text, '#'))
		return E_FORMAT;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
			return E_FORMAT;
	int e = url_parse(text, &u);
	if (e)
		return e;
	if (strcmp(u.scheme, "https") != 0 && (strcmp(u.scheme, "http") != 0 || !host_is_loopback(&u.at))) {
		url_release(&u);
		return E_FORMAT;
	}
	*ret_u = u;
	return 0;
}

bool
oidc_url_ok(const char *url)
{
	struct url u = {0};
	if (url_load(url, &u))
		return false;
	url_release(&u);
	return true;
}

/* An endpoint may live on another host than its issuer, but a public issuer may not point us at loopback or at bare
 * addresses. */
static bool
endpoint_ok(const char *endpoint, const struct url *issuer)
{
	struct url u = {0};
	if (url_load(endpoint, &u))
		return false;
	bool special = u.at.is_ip || host_is_loopback(&u.at);
	bool ok = !special || !strcmp(u.at.host, issuer->at.host) || host_is_loopback(&issuer->at);
	if (u.at.is_ip && !host_is_loopback(&u.at) && strcmp(u.at.host, issuer->at.host) != 0)
		ok = false;
	url_release(&u);
	return ok;
}

static bool
array_has(const json_t *a, const char *s)
{
	size_t i;
	json_t *v;
	json_array_foreach(a, i, v) if (json_is_string(v) && !strcmp(json_string_value(v), s)) return true;
	return false;
}

static int
refuse(struct reason *r, const char *why)
{
	return reason_set(r, E_FORMAT, SP_LOGIN_PROVIDER, "discovery document refused: %s", why);
}

static int
take_endpoints(const json_t *doc, const struct url *issuer, struct oidc_provider *p, struct reason *r)
{
	const struct {
		const char *name;
		char **to;
		bool must;
	} rows[] = {
	    {"authorization_endpoint", &p->authorization, true},
	    {"token_endpoint", &p->token, true},
	    {"jwks_uri", &p->jwks, true},
	    {"userinfo_endpoint", &p->userinfo, false},
	    {"end_session_endpoint", &p->end_session, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *s = NULL;
		int e = json_get_str(doc, rows[i].name, &s);
		if (e == E_NOENT && !rows[i].must)
			continue;
		if (e || !endpoint_ok(s, issuer))
			return reason_set(
			    r, E_FORMAT, SP_LOGIN_PROVIDER,
			    "discovery document refused: %s is missing, not https, or at an address of its own",
			    rows[i].name);
		*rows[i].to = str_dup(s);
		if (!*rows[i].to)
			return E_NOMEM;
	}
	return 0;
}

static int
take_abilities(const json_t *doc, struct oidc_provider *p, struct reason *r)
{
	json_t *a = NULL, *v;
	size_t i;
	if (json_get_array(doc, "response_types_supported", &a) || !array_has(a, "code"))
		return refuse(r, "the code flow is not offered");
	/* absent: said by many that do support it; PKCE is sent in any case */
	int e = json_get_array(doc, "code_challenge_methods_supported", &a);
	if (e == E_FORMAT || (!e && !array_has(a, "S256")))
		return refuse(r, "PKCE with S256 is not offered");
	e = json_get_array(doc, "id_token_signing_alg_values_supported", &a);
	if (e == E_FORMAT)
		return refuse(r, "signing algorithms are not a list");
	if (e)
		p->algs = JWT_RS256;
	else
		json_array_foreach(a, i, v) if (json_is_string(v)) p->algs |= jwt_alg_bit(json_string_value(v));
	if (!p->algs)
		return refuse(r, "ID tokens are signed by none of RS256, ES256, EdDSA");
	p->offline = json_get_array(doc, "scopes_supported", &a) == 0 && array_has(a, "offline_access");
	p->iss_parameter = json_bool_or(doc, "authorization_response_iss_parameter_supported", false);
	return 0;
}

int
oidc_discovery_parse(const void *p, size_t n, const char *issuer, struct oidc_provider *ret_p, struct reason *r)
{
	struct oidc_provider prov = {0};
	struct url iss = {0};
	json_t *doc = NULL;
	const char *s = NULL;
	int e;
	if (url_load(issuer, &iss) || *iss.query) {
		e = reason_set(r, E_FORMAT, SP_LOGIN_PROVIDER, "issuer is not an https URL");
		goto out;
	}
	e = json_load_strict(p, n, OIDC_DOC_MAX, &doc);
	if (e || !json_is_object(doc)) {
		e = refuse(r, "not a JSON object");
		goto out;
	}
	if (json_get_str(doc, "issuer", &s) || strcmp(s, issuer) != 0) {
		e = refuse(r, "its issuer is not the configured one");
		goto out;
	}
	prov.issuer = str_dup(issuer);
	e = prov.issuer ? take_endpoints(doc, &iss, &prov, r) : E_NOMEM;
	if (!e)
		e = take_abilities(doc, &prov, r);
	if (!e) {
		*ret_p = prov;
		prov = (struct oidc_provider){0};
	}
out:
	oidc_provider_release(&prov);
	json_decref(doc);
	url_release(&iss);
	return e;
}

void
oidc_provider_release(struct oidc_provider *p)
{
	free(p->issuer);
	free(p->authorization);
	free(p->token);
	free(p->jwks);
	free(p->userinfo);
	free(p->end_session);
	*p = (struct oidc_provider){0};
}

int
oidc_discovery_url(const char *issuer, struct buf *out)
{
	size_t n = strlen(issuer);
	if (!oidc_url_ok(issuer) || strchr(issuer, '?'))
		return E_FORMAT;
	while (n && issuer[n - 1] == '/')
		n--;
	int e = buf_put(out, issuer, n);
	return e ? e : buf_put_str(out, "/.well-known/openid-configuration");
}

static int
put_param(struct buf *out, char sep, const char *name, const char *value)
{
	int e = buf_putf(out, "%c%s=", sep, name);
	return e ? e : url_escape(out, value);
}

/* "openid" is a word of the list. */
static bool
has_openid(const char *scopes)
{
	for (const char *p = scopes; *p;) {
		size_t n = strcspn(p, " ");
		if (n == 6 && !strncmp(p, "openid", 6))
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

int
oidc_request_url(const struct oidc_request *q, struct buf *out)
{
	const char *scopes = q->scopes ? q->scopes : "";
	char *all = NULL, max_age[24];
	int e;
	snprintf(max_age, sizeof max_age, "%" PRId64, q->max_age);
	if (!oidc_url_ok(q->authorization) || !*q->state || !*q->nonce || !*q->challenge)
		return E_FORMAT;
	all = has_openid(scopes) ? str_dup(scopes) : str_fmt("openid%s%s", *scopes ? " " : "", scopes);
	if (!all)
		return E_NOMEM;
	const struct {
		const char *name, *value;
	} rows[] = {
	    {"client_id", q->client_id},
	    {"redirect_uri", q->redirect_uri},
	    {"scope", all},
	    {"state", q->state},
	    {"nonce", q->nonce},
	    {"code_challenge", q->challenge},
	    {"code_challenge_method", "S256"},
	    {"prompt", q->prompt},
	    {"login_hint", q->login_hint},
	    {"hd", q->hosted_domain},
	    {"access_type", q->access_type},
	    {"max_age", q->max_age > 0 ? max_age : NULL},
	};
	e = buf_put_str(out, q->authorization);
	if (!e)
		e = put_param(out, strchr(q->authorization, '?') ? '&' : '?', "response_type", "code");
	for (size_t i = 0; i < sizeof rows / sizeof *rows && !e; i++)
		if (rows[i].value)
			e = put_param(out, '&', rows[i].name, rows[i].value);
	free(all);
	return e;
}

int
oidc_callback_check(const struct oidc_provider *p, const char *iss, struct reason *r)
{
	if (iss && strcmp(iss, p->issuer) != 0)
		return reason_set(r, E_DENIED, SP_LOGIN_STATE, "the answer is of another issuer");
	if (!iss && p->iss_parameter)
		return reason_set(r, E_DENIED, SP_LOGIN_STATE,
		                  "the answer does not name its issuer though the provider says it does");
	return 0;
}

static int
take_token(const json_t *o, const char *name, char **to, bool must)
{
	const char *s = NULL;
	int e = json_get_str(o, name, &s);
	if (e == E_NOENT && !must)
		return 0;
	if (e || !*s || strlen(s) > JWT_MAX)
		return E_FORMAT;
	*to = str_dup(s);
	return *to ? 0 : E_NOMEM;
}

int
oidc_tokens_parse(const void *p, size_t n, struct oidc_tokens *ret_t, struct reason *r)
{
	struct oidc_tokens t = {0};
	json_t *o = NULL;
	const char *err = NULL, *type = NULL;
	int e = json_load_strict(p, n, OIDC_DOC_MAX, &o);
	if (e || !json_is_object(o)) {
		e = reason_set(r, E_FORMAT, SP_LOGIN_PROVIDER, "token response is not a JSON object");
		goto out;
	}
	if (!json_get_str(o, "error", &err)) {
		e = reason_set(r, E_DENIED, SP_LOGIN_PROVIDER, "provider refused the code: %.64s", err);
		goto out;
	}
	e = json_get_str(o, "token_type", &type);
	if (e == E_FORMAT || (!e && strcasecmp(type, "Bearer") != 0)) {
		e = reason_set(r, E_FORMAT, SP_LOGIN_PROVIDER, "token response is not of type Bearer");
		goto out;
	}
	e = take_token(o, "id_token", &t.id_token, true);
	if (!e)
		e = take_token(o, "access_token", &t.access_token, false);
	if (!e)
		e = take_token(o, "refresh_token", &t.refresh_token, false);
	if (e) {
		e = reason_set(r, e == E_NOMEM ? e : E_FORMAT, SP_LOGIN_PROVIDER,
		               "token response lacks an ID token, or a token is malformed");
		goto out;
	}
	t.expires_in = json_i64_or(o, "expires_in", 0);
	*ret_t = t;
	t = (struct oidc_tokens){0};
out:
	oidc_tokens_release(&t);
	json_decref(o);
	return e;
}

static void
wipe_free(char *s)
{
	if (s)
		mem_wipe(s, strlen(s));
	free(s);
}

void
oidc_tokens_release(struct oidc_tokens *t)
{
	wipe_free(t->id_token);
	wipe_free(t->access_token);
	wipe_free(t->refresh_token);
	*t = (struct oidc_tokens){0};
}

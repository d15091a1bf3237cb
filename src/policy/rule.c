#include "policy/rule.h"

#include "core/str.h"
#include "core/url.h"

#include <stdio.h>
#include <string.h>

const struct selector_row selector_rows[SELECTORS] = {
    [SEL_EMAIL] = {"email", SF_IDENTITY},
    [SEL_EMAIL_DOMAIN] = {"email_domain", SF_IDENTITY},
    [SEL_EVERYONE] = {"everyone", 0},
    [SEL_IP] = {"ip", 0},
    [SEL_GEO] = {"geo", 0},
    [SEL_GROUP] = {"group", 0}, /* as its contents */
    [SEL_LOGIN_METHOD] = {"login_method", SF_IDENTITY},
    [SEL_AUTH_METHOD] = {"auth_method", SF_IDENTITY},
    [SEL_OIDC] = {"oidc", SF_IDENTITY},
    [SEL_OKTA] = {"okta", SF_IDENTITY},
    [SEL_GSUITE] = {"gsuite", SF_IDENTITY},
    [SEL_GITHUB] = {"github_organization", SF_IDENTITY},
    [SEL_AZURE] = {"azure_ad", SF_IDENTITY},
    [SEL_SAML] = {"saml", SF_IDENTITY},
    [SEL_EMAIL_LIST] = {"email_list", SF_IDENTITY},
    [SEL_IP_LIST] = {"ip_list", 0},
    [SEL_SERVICE_TOKEN] = {"service_token", SF_SERVICE},
    [SEL_ANY_SERVICE_TOKEN] = {"any_valid_service_token", SF_SERVICE},
    [SEL_LINKED_APP_TOKEN] = {"linked_app_token", SF_SERVICE},
    [SEL_CERTIFICATE] = {"certificate", 0},
    [SEL_COMMON_NAME] = {"common_name", 0},
    [SEL_EXTERNAL_EVALUATION] = {"external_evaluation", SF_IDENTITY},
    [SEL_AUTH_CONTEXT] = {"auth_context", SF_IDENTITY | SF_UNAVAILABLE},
    [SEL_DEVICE_POSTURE] = {"device_posture", SF_UNAVAILABLE},
    [SEL_RISK_SCORE] = {"user_risk_score", SF_IDENTITY | SF_UNAVAILABLE},
    [SEL_ACCOUNT_MEMBER] = {"cloudflare_account_member", SF_IDENTITY | SF_UNAVAILABLE},
};

/* What a member of a selector's map is checked to be and where it goes. */
enum param_kind { PK_TEXT, PK_EMAIL, PK_DOMAIN, PK_CIDR, PK_COUNTRY, PK_URL, PK_ANY };
#define PF_REQUIRED 1u
#define PF_EITHER 2u /* exactly one of those so marked must be there */
struct param {
	const char *name;
	enum param_kind kind;
	size_t offset; /* of a const char * in struct rule; unused by PK_ANY */
	unsigned flags;
};

#define PARAMS_MAX 4
#define AT(m) offsetof(struct rule, m)
#define IDP                                                 \
	{                                                   \
		"identity_provider_id", PK_TEXT, AT(idp), 0 \
	}
static const struct param rule_params[SELECTORS][PARAMS_MAX] = {
    [SEL_EMAIL] = {{"email", PK_EMAIL, AT(text), PF_REQUIRED}},
    [SEL_EMAIL_DOMAIN] = {{"domain", PK_DOMAIN, AT(text), PF_REQUIRED}},
    [SEL_IP] = {{"ip", PK_CIDR, AT(text), PF_REQUIRED}},
    [SEL_GEO] = {{"country_code", PK_COUNTRY, AT(text), PF_REQUIRED}},
    [SEL_GROUP] = {{"id", PK_TEXT, AT(text), PF_EITHER}, {"name", PK_TEXT, AT(text), PF_EITHER}},
    [SEL_LOGIN_METHOD] = {{"id", PK_TEXT, AT(text), PF_EITHER}, {"name", PK_TEXT, AT(text), PF_EITHER}},
    [SEL_AUTH_METHOD] = {{"auth_method", PK_TEXT, AT(text), PF_REQUIRED}},
    [SEL_OIDC] = {{"claim_name", PK_TEXT, AT(claim), PF_REQUIRED},
                  {"claim_value", PK_TEXT, AT(text), PF_REQUIRED},
                  IDP},
    [SEL_OKTA] = {{"name", PK_TEXT, AT(text), PF_REQUIRED}, IDP},
    [SEL_GSUITE] = {{"email", PK_EMAIL, AT(text), PF_REQUIRED}, IDP},
    [SEL_GITHUB] = {{"name", PK_TEXT, AT(text), PF_REQUIRED}, {"team", PK_TEXT, AT(team), 0}, IDP},
    [SEL_AZURE] = {{"id", PK_TEXT, AT(text), PF_REQUIRED}, IDP},
    [SEL_SERVICE_TOKEN] = {{"token_id", PK_TEXT, AT(text), PF_EITHER}, {"name", PK_TEXT, AT(text), PF_EITHER}},
    [SEL_EMAIL_LIST] = {{"id", PK_TEXT, AT(text), PF_EITHER}, {"name", PK_TEXT, AT(text), PF_EITHER}},
    [SEL_IP_LIST] = {{"id", PK_TEXT, AT(text), PF_EITHER}, {"name", PK_TEXT, AT(text), PF_EITHER}},
    [SEL_SAML] = {{"attribute_name", PK_TEXT, AT(claim), PF_REQUIRED},
                  {"attribute_value", PK_TEXT, AT(text), PF_REQUIRED},
                  IDP},
    [SEL_AUTH_CONTEXT] = {{"id", PK_TEXT, AT(text), PF_REQUIRED}, {"ac_id", PK_TEXT, AT(claim), 0}, IDP},
    [SEL_LINKED_APP_TOKEN] = {{"app_uid", PK_TEXT, AT(text), PF_REQUIRED}},
    [SEL_COMMON_NAME] = {{"common_name", PK_TEXT, AT(text), PF_REQUIRED}},
    [SEL_EXTERNAL_EVALUATION] = {{"evaluate_url", PK_URL, AT(text), PF_REQUIRED},
                                 {"keys_url", PK_URL, AT(claim), PF_REQUIRED}},
    [SEL_DEVICE_POSTURE] = {{"integration_uid", PK_TEXT, AT(text), PF_REQUIRED}},
    [SEL_RISK_SCORE] = {{"user_risk_score", PK_ANY, 0, PF_REQUIRED}},
    [SEL_ACCOUNT_MEMBER] = {{"account_id", PK_TEXT, AT(text), 0}},
};
#undef AT
#undef IDP

static int
put(struct rule *r, size_t offset, struct arena *a, const char *s)
{
	const char *copy = arena_str(a, s);

	if (!copy)
		return E_NOMEM;
	memcpy((char *)r + offset, &copy, sizeof copy);
	return E_OK;
}

static int
country_code(const char *s, char out[static 3])
{
	if (strlen(s) != 2)
		return E_FORMAT;
	for (int i = 0; i < 2; i++) {
		char c = s[i];
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (c < 'A' || c > 'Z')
			return E_FORMAT;
		out[i] = c;
	}
	out[2] = '\0';
	return E_OK;
}

/* Claims about a person leave by it, and its answer opens doors: never in the clear, but on this machine. */
static bool
is_https(const char *s)
{
	struct url u = {0};
	bool ok = strlen(s) <= 2047 && url_parse(s, &u) == 0 &&
	          (strcmp(u.scheme, "https") == 0 || (strcmp(u.scheme, "http") == 0 && host_is_localhost(u.at.host)));

	url_release(&u);
	return ok;
}

/* Checks the value and gives the text to keep: s itself, or scratch. NULL: refused, *ret_want says what was expected.
 */
static const char *
param_value(const struct param *p, const char *s, struct rule *r, char scratch[static 256], const char **ret_want)
{
	unsigned bits;

	switch (p->kind) {
	case PK_EMAIL:
		*ret_want = "an e-mail address such as jdoe@example.com";
		return model_email(s, scratch) == 0 ? scratch : NULL;
	case PK_DOMAIN:
		*ret_want = "a mail domain such as example.com, without @";
		return host_parse(s, strlen(s), scratch) == 0 ? scratch : NULL;
	case PK_CIDR:
		*ret_want = "a network such as 203.0.113.0/24, no bits set below the prefix";
		if (model_cidr(s, r->net, &bits) != 0)
			return NULL;
		r->bits = (uint8_t)bits;
		return s;
	case PK_COUNTRY:
		*ret_want = "a country code of two letters such as PT";
		return country_code(s, scratch) == 0 ? scratch : NULL;
	case PK_URL:
		*ret_want = "a URL such as https://evaluate.example.com/";
		return is_https(s) ? s : NULL;
	case PK_TEXT:
	case PK_ANY:
	default:
		*ret_want = "a text of 1 to 1024 bytes on one line";
		if (!s[0] || strlen(s) > 1024)
			return NULL;
		for (const char *c = s; *c; c++)
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				return NULL;
		return s;
	}
}

static int
param_read(const struct param *p, const json_t *v, struct arena *a, struct rule *r, struct model_error *err)
{
	const char *s = json_string_value(v), *want = "a text", *keep;
	char scratch[256];

	if (p->kind == PK_ANY)
		return E_OK;
	if (!s)
		return model_fail(err, "", "found no text, expected a text");
	keep = param_value(p, s, r, scratch, &want);
	if (!keep)
		return model_fail(err, "", "found \"%.60s\", expected %s", s, want);
	return put(r, p->offset, a, keep);
}

static const struct param *
param_find(enum selector sel, const char *name)
{
	for (size_t i = 0; i < PARAMS_MAX && rule_params[sel][i].name; i++)
		if (strcmp(rule_params[sel][i].name, name) == 0)
			return &rule_params[sel][i];
	return NULL;
}

static int
fail_param(enum selector sel, const char *key, struct model_error *err)
{
	const char *names[PARAMS_MAX + 1] = {0}, *near;

	for (size_t i = 0; i < PARAMS_MAX && rule_params[sel][i].name; i++)
		names[i] = rule_params[sel][i].name;
	near = str_nearest(key, names);
	if (!near)
		near = names[0];
	return model_fail(err, "", "found unknown field \"%.60s\" of %s%s%s", key, selector_rows[sel].name,
	                  near ? ", expected " : ", expected {}", near ? near : "");
}

static int
params_complete(const json_t *v, enum selector sel, struct model_error *err)
{
	unsigned either = 0, given = 0;

	for (size_t i = 0; i < PARAMS_MAX && rule_params[sel][i].name; i++) {
		const struct param *p = &rule_params[sel][i];
		json_t *got = json_object_get(v, p->name);
		bool there = got && !json_is_null(got);

		if ((p->flags & PF_REQUIRED) && !there)
			return model_fail(err, "", "%s lacks the field \"%s\"", selector_rows[sel].name, p->name);
		if (p->flags & PF_EITHER) {
			either++;
			given += there;
		}
	}
	if (either && given != 1)
		return model_fail(err, "", "%s needs either %s or name", selector_rows[sel].name,
		                  rule_params[sel][0].name);
	return E_OK;
}

static int
selector_find(const char *key, enum selector *ret_sel, struct model_error *err)
{
	const char *names[SELECTORS + 1], *near;

	for (int i = 0; i < SELECTORS; i++) {
		if (strcmp(selector_rows[i].name, key) == 0) {
			*ret_sel = (enum selector)i;
			return E_OK;
		}
		names[i] = selector_rows[i].name;
	}
	names[SELECTORS] = NULL;
	near = str_nearest(key, names);
	return model_fail(err, "", "found unknown rule \"%.60s\"%s%s%s", key, near ? "; did you mean " : "",
	                  near ? near : "",
	                  near ? "?" : ", expected one such as email, email_domain, group or everyone");
}

int
rule_parse(const json_t *j, struct arena *a, struct rule *ret_r, struct model_error *err)
{
	struct rule r = {0};
	const char *key;
	json_t *v, *o;
	int ret;

	if (!json_is_object(j) || json_object_size(j) != 1)
		return model_fail(err, "", "expected a map of one rule such as {email: {email: jdoe@example.com}}");
	key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)j));
	o = json_object_get(j, key);
	ret = selector_find(key, &r.sel, err);
	if (ret != E_OK)
		return ret;
	if (!json_is_object(o)) {
		ret = model_fail(err, "", "expected a map such as {%s: {...}}", key);
		goto prefix;
	}
	json_object_foreach(o, key, v)
	{
		const struct param *p = param_find(r.sel, key);

		if (!p) {
			ret = fail_param(r.sel, key, err);
			goto prefix;
		}
		ret = json_is_null(v) ? E_OK : param_read(p, v, a, &r, err);
		if (ret != E_OK) {
			model_error_prefix(err, "/%s", p->name);
			goto prefix;
		}
	}
	ret = params_complete(o, r.sel, err);
	if (ret != E_OK)
		goto prefix;
	r.ntext = r.text ? (uint32_t)strlen(r.text) : 0;
	*ret_r = r;
	return E_OK;
prefix:
	model_error_prefix(err, "/%s", selector_rows[r.sel].name);
	return ret;
}

const char *
rule_describe(const struct rule *r, char *out, size_t n)
{
	const char *name = selector_rows[r->sel].name;

	switch (r->sel) {
	case SEL_OIDC:
	case SEL_SAML:
		snprintf(out, n, "%s %s = \"%s\"", name, r->claim, r->text);
		break;
	case SEL_GITHUB:
		snprintf(out, n, "%s \"%s\"%s%s%s", name, r->text, r->team ? " team \"" : "", r->team ? r->team : "",
		         r->team ? "\"" : "");
		break;
	default:
		snprintf(out, n, "%s%s%s%s", name, r->text ? " \"" : "", r->text ? r->text : "", r->text ? "\"" : "");
		break;
	}
	return out;
}

#include "model/idp.h"

#include "core/clock.h"
#include "core/str.h"
#include "core/url.h"

#include <stdlib.h>
#include <string.h>

#define IDP_USERS_MAX 100000
#define RECHECK_MS 900000
#define RECHECK_GRACE_MS 3600000
#define RECHECK_MIN_MS 1000
#define RECHECK_MAX_MS 86400000
#define MAX_AGE_MAX_MS 2678400000

static const char *const idp_type_words[] = {"local",  "onetimepin",  "oidc",    "okta", "google",
                                             "github", "google-apps", "azureAD", NULL};

const char *
idp_type_str(int t)
{
	return t >= 0 && t <= IDP_AZURE ? idp_type_words[t] : "?";
}

/* --- users of a local provider --------------------------------------------------------------------------------------
 */

#define AT(m) offsetof(struct idp_user, m)
static const struct model_field user_fields[] = {
    {"email", MT_EMAIL, AT(email), MF_REQUIRED},     {"password", MT_SECRET, AT(password)},
    {"password_hash", MT_SECRET, AT(password_hash)}, {"totp", MT_SECRET, AT(totp)},
    {"groups", MT_STRS, AT(groups), MF_EMPTY},       {0},
};
#undef AT
static const struct model_table user_table = {"user", user_fields};

static void
users_release(void *rec)
{
	struct idp *i = rec;

	for (size_t k = 0; k < i->nusers; k++)
		model_release(&user_table, &i->users[k]);
	free(i->users);
	i->users = NULL;
	i->nusers = 0;
}

static int
users_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct idp *i = rec;
	size_t n = json_array_size(v);
	int ret;

	if (!json_is_array(v))
		return model_fail(err, "", "expected a list of users such as {email: jdoe@example.com, password: ...}");
	if (n > IDP_USERS_MAX)
		return model_fail(err, "", "found %zu users, expected at most %d", n, IDP_USERS_MAX);
	users_release(i);
	i->users = calloc(n ? n : 1, sizeof *i->users);
	if (!i->users)
		return E_NOMEM;
	for (size_t k = 0; k < n; k++) {
		struct idp_user *u = &i->users[i->nusers++];

		ret = model_read(&user_table, json_array_get(v, k), text_scalars, u, err);
		if (ret == E_OK && u->password.n && u->password_hash.n)
			ret = model_fail(err, "", "found both password and password_hash, expected one of them");
		if (ret != E_OK) {
			model_error_prefix(err, "/%zu", k);
			return ret;
		}
	}
	return E_OK;
}

/* Secrets stay out in every form: the signer keeps them. */
static json_t *
users_write(const void *rec, enum model_form form)
{
	const struct idp *i = rec;
	json_t *list;

	if (i->type != IDP_LOCAL)
		return NULL;
	list = json_array();
	for (size_t k = 0; list && k < i->nusers; k++) {
		if (json_array_append_new(list, model_write(&user_table, &i->users[k], MODEL_API)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* --- config ---------------------------------------------------------------------------------------------------------
 */

static int
recheck_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct idp_config *c = rec;
	const char *s = json_string_value(v);
	int64_t ms;

	if (s && strcmp(s, "off") == 0)
		ms = 0;
	else if (!s || duration_parse(s, &ms) != 0 || ms < RECHECK_MIN_MS || ms > RECHECK_MAX_MS)
		return model_fail(err, "", "found %.60s%s%s, expected off or a duration from 1s to 24h such as 15m",
		                  s ? "\"" : "no text", s ? s : "", s ? "\"" : "");
	c->recheck_ms = ms;
	return E_OK;
}

static json_t *
recheck_write(const void *rec, enum model_form form)
{
	const struct idp_config *c = rec;
	char text[32] = "off";

	if (c->recheck_ms)
		duration_format(c->recheck_ms, text, sizeof text);
	return json_string(text);
}

#define AT(m) offsetof(struct idp_config, m)
static const struct model_field config_fields[] = {
    {"client_id", MT_TEXT, AT(client_id)},
    {"client_secret", MT_SECRET, AT(client_secret)},
    {"issuer", MT_TEXT, AT(issuer)},
    {"auth_url", MT_TEXT, AT(auth_url)},
    {"token_url", MT_TEXT, AT(token_url)},
    {"certs_url", MT_TEXT, AT(certs_url)},
    {"okta_account", MT_TEXT, AT(okta_account)},
    {"authorization_server_id", MT_TEXT, AT(authorization_server_id)},
    {"apps_domain", MT_HOST, AT(apps_domain)},
    {"directory_id", MT_ID, AT(directory_id)},
    {"support_groups", MT_BOOL, AT(support_groups)},
    {"conditional_access_enabled", MT_BOOL, .flags = MF_IGNORE},
    {"api_token", MT_SECRET, AT(api_token)},
    {"groups_url", MT_TEXT, AT(groups_url)},
    {"github_url", MT_TEXT, AT(github_url)},
    {"trust_email", MT_BOOL, AT(trust_email)},
    {"email_claim_name", MT_TEXT, AT(email_claim_name)},
    {"prompt", MT_TEXT, AT(prompt)},
    {"max_age", MT_DURATION, AT(max_age_ms), .min = 1000, .max = MAX_AGE_MAX_MS},
    {"recheck", MT_CUSTOM, .read = recheck_read, .write = recheck_write},
    {"recheck_grace", MT_DURATION, AT(recheck_grace_ms), .min = 1000, .max = RECHECK_MAX_MS},
    {"scopes", MT_STRS, AT(scopes)},
    {"claims", MT_STRS, AT(claims)},
    {"pkce_enabled", MT_BOOL, AT(pkce_enabled), MF_EMPTY},
    {"redirect_url", MT_TEXT, .flags = MF_IGNORE},
    {"backchannel_logout_url", MT_TEXT, .flags = MF_IGNORE},
    {0},
};
#undef AT
static const struct model_table config_table = {"identity provider's config", config_fields};

static int
config_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	return model_read(&config_table, v, text_scalars, &((struct idp *)rec)->config, err);
}

static json_t *
config_write(const void *rec, enum model_form form)
{
	const struct idp *i = rec;

	if (i->type == IDP_LOCAL || i->type == IDP_ONETIMEPIN)
		return json_object();
	return model_write(&config_table, &i->config, MODEL_API);
}

static void
config_release(void *rec)
{
	model_release(&config_table, &((struct idp *)rec)->config);
}

/* --- the provider ---------------------------------------------------------------------------------------------------
 */

#define AT(m) offsetof(struct idp, m)
static const struct model_field idp_fields[] = {
    {"id", MT_ID, AT(id)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {"type", MT_ENUM, AT(type), MF_REQUIRED, .words = idp_type_words},
    {"config", MT_CUSTOM, .read = config_read, .write = config_write, .release = config_release},
    {"domains", MT_STRS, AT(domains), MF_EMPTY},
    {"users", MT_CUSTOM, .read = users_read, .write = users_write, .release = users_release},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {"read_only", MT_BOOL, .flags = MF_IGNORE},
    {"scim_config", MT_JSON, .flags = MF_IGNORE},
    {0},
};
#undef AT
static const struct model_table idp_table = {"identity provider", idp_fields};

static int
url_check(const char *field, const char *s, struct model_error *err)
{
	char pointer[64];
	struct url u = {0};
	bool ok = !s;

	if (s && url_parse(s, &u) == 0)
		ok = strcmp(u.scheme, "https") == 0 ||
		     (strcmp(u.scheme, "http") == 0 && (host_is_localhost(u.at.host) || u.at.is_ip));
	url_release(&u);
	if (ok)
		return E_OK;
	snprintf(pointer, sizeof pointer, "/config/%s", field);
	return model_fail(err, pointer, "found \"%.60s\", expected a URL such as https://idp.example.com", s);
}

/* OpenID Connect Core 3.1.2.1. "none" would never let anybody sign in. */
static int
prompt_check(const char *prompt, struct model_error *err)
{
	static const char *const words[] = {"login", "consent", "select_account"};
	size_t n;

	for (const char *p = prompt; p && *p; p += n + strspn(p + n, " ")) {
		bool known = false;

		n = strcspn(p, " ");
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			known |= strlen(words[i]) == n && strncmp(words[i], p, n) == 0;
		if (!known)
			return model_fail(err, "/config/prompt",
			                  "found \"%.60s\", expected words of login, consent, select_account", prompt);
	}
	return E_OK;
}

static int
idp_check(struct idp *i, struct model_error *err)
{
	const struct idp_config *c = &i->config;
	char host[HOST_MAX + 1];
	const struct {
		int type;
		bool there;
		const char *example;
	} must[] = {{IDP_OIDC, c->auth_url && c->token_url && c->certs_url, "issuer: https://idp.example.com"},
	            {IDP_OKTA, c->okta_account != NULL, "okta_account: https://x.okta.com"},
	            {IDP_AZURE, c->directory_id != NULL, "directory_id: 00000000-0000-0000-0000-000000000000"}};
	const struct {
		const char *name, *url;
	} urls[] = {{"issuer", c->issuer},        {"auth_url", c->auth_url},         {"token_url", c->token_url},
	            {"certs_url", c->certs_url},  {"okta_account", c->okta_account}, {"groups_url", c->groups_url},
	            {"github_url", c->github_url}};

	for (size_t k = 0; k < sizeof urls / sizeof *urls; k++)
		if (url_check(urls[k].name, urls[k].url, err) != 0)
			return E_FORMAT;
	if (prompt_check(c->prompt, err) != 0)
		return E_FORMAT;
	if (i->type >= IDP_OIDC && !c->client_id)
		return model_fail(err, "/config", "a provider of type %s lacks config: {client_id: ...}",
		                  idp_type_str(i->type));
	for (size_t k = 0; k < sizeof must / sizeof *must; k++)
		if (i->type == must[k].type && !c->issuer && !must[k].there)
			return model_fail(err, "/config", "a provider of type %s lacks config: {%s}",
			                  idp_type_str(i->type), must[k].example);
	if (i->type == IDP_GOOGLE_APPS && !c->apps_domain)
		return model_fail(err, "/config",
		                  "a provider of type google-apps lacks config: {apps_domain: example.com}");
	if (i->type != IDP_LOCAL && i->nusers)
		return model_fail(err, "/users", "found users under type %s, expected them under type local",
		                  idp_type_str(i->type));
	for (size_t k = 0; k < i->domains.n; k++) {
		if (host_parse(i->domains.v[k], strlen(i->domains.v[k]), host) != 0) {
			model_fail(err, "", "found \"%.60s\", expected a mail domain such as example.com",
			           i->domains.v[k]);
			model_error_prefix(err, "/domains/%zu", k);
			return E_FORMAT;
		}
		str_lower(i->domains.v[k]);
	}
	return E_OK;
}

int
idp_from_json(const json_t *j, bool text_scalars, struct idp **ret_i, struct model_error *err)
{
	struct idp *i = calloc(1, sizeof *i);
	int ret;

	if (!i)
		return E_NOMEM;
	i->config.pkce_enabled = true;
	i->config.recheck_ms = RECHECK_MS;
	i->config.recheck_grace_ms = RECHECK_GRACE_MS;
	i->config.max_age_ms = -1; /* absent */
	ret = model_read(&idp_table, j, text_scalars, i, err);
	if (ret == E_OK)
		ret = idp_check(i, err);
	if (ret != E_OK) {
		idp_free(i);
		return ret;
	}
	*ret_i = i;
	return E_OK;
}

json_t *
idp_to_json(const struct idp *i, enum model_form form)
{
	return model_write(&idp_table, i, form);
}

void
idp_free(struct idp *i)
{
	if (!i)
		return;
	model_release(&idp_table, i);
	free(i);
}

/* scheme://host[:port] of a URL that idp_check has seen. Heap, or NULL. */
static char *
origin_of(const char *s)
{
	const char *host = strstr(s, "://"), *end;

	if (!host)
		return str_dup("");
	end = host + 3 + strcspn(host + 3, "/?");
	return str_dup_n(s, (size_t)(end - s));
}

/* Length without the slashes that people leave at the end. */
static size_t
untailed(const char *s)
{
	size_t n = strlen(s);

	while (n && s[n - 1] == '/')
		n--;
	return n;
}

static char *
trimmed(const char *s)
{
	return str_dup_n(s, untailed(s));
}

/* A generic provider with addresses and no issuer: the origin of its sign-in page. Where its ID tokens name another
   one they are refused, and the refusal says which. */
char *
idp_issuer(const struct idp *i)
{
	const struct idp_config *c = &i->config;
	char *account = NULL, *out = NULL;

	if (c->issuer)
		return str_dup(c->issuer);
	switch (i->type) {
	case IDP_OIDC:
		return origin_of(c->auth_url);
	case IDP_GOOGLE:
	case IDP_GOOGLE_APPS:
		return str_dup("https://accounts.google.com");
	case IDP_AZURE:
		return str_fmt("https://login.microsoftonline.com/%s/v2.0", c->directory_id);
	case IDP_GITHUB:
		return c->github_url ? trimmed(c->github_url) : str_dup("https://github.com");
	case IDP_OKTA:
		if (!(account = trimmed(c->okta_account)))
			return NULL;
		out = c->authorization_server_id ? str_fmt("%s/oauth2/%s", account, c->authorization_server_id)
		                                 : str_dup(account);
		free(account);
		return out;
	default:
		return str_dup("");
	}
}

const char *
idp_default_scopes(const struct idp *i)
{
	switch (i->type) {
	case IDP_OKTA: /* a custom authorization server refuses scopes that it does not know */
		return i->config.authorization_server_id ? "openid email profile" : "openid email profile groups";
	case IDP_GOOGLE_APPS:
		return i->config.support_groups
		           ? "openid email profile https://www.googleapis.com/auth/admin.directory.group.readonly"
		           : "openid email profile";
	case IDP_AZURE:
		return i->config.support_groups ? "openid email profile User.Read" : "openid email profile";
	case IDP_GITHUB:
		return "read:user user:email read:org";
	default:
		return "openid email profile";
	}
}

/* Where the groups of somebody are asked from, "" = nowhere. Heap, or NULL. */
static char *
groups_url(const struct idp *i)
{
	const struct idp_config *c = &i->config;

	if ((i->type == IDP_GOOGLE_APPS || i->type == IDP_AZURE) && !c->support_groups)
		return str_dup("");
	if (c->groups_url)
		return trimmed(c->groups_url);
	switch (i->type) {
	case IDP_OKTA:
		return c->okta_account ? str_fmt("%.*s/api/v1/users", (int)untailed(c->okta_account), c->okta_account)
		                       : str_dup("");
	case IDP_GOOGLE_APPS:
		return str_dup("https://admin.googleapis.com/admin/directory/v1/groups");
	case IDP_AZURE:
		return str_dup("https://graph.microsoft.com/v1.0/me/transitiveMemberOf/microsoft.graph.group");
	default:
		return str_dup("");
	}
}

/* Only what is set: absent is what the signer keeps from before. */
static int
put_secret(json_t *o, const char *key, const struct secret *s)
{
	if (!s->d)
		return 0;
	return json_object_set_new(o, key, json_stringn((const char *)s->d, s->n)) == 0 ? 0 : E_NOMEM;
}

int
idp_provider_record(const struct idp *i, struct buf *out)
{
	const struct idp_config *c = &i->config;
	char *issuer = idp_issuer(i), *groups = groups_url(i);
	json_t *o = NULL;
	int ret = E_NOMEM;

	if (!issuer || !groups)
		goto out;
	o = json_pack("{ss* ss ss ss ss* so so so ss* ss* ss* ss* ss* ss* ss sb}", "id", i->id, "name", i->name, "type",
	              idp_type_str(i->type), "issuer", issuer, "client_id", c->client_id, "scopes",
	              texts_to_json(&c->scopes), "claims", texts_to_json(&c->claims), "domains",
	              texts_to_json(&i->domains), "email_claim", c->email_claim_name, "auth_url", c->auth_url,
	              "token_url", c->token_url, "certs_url", c->certs_url, "apps_domain", c->apps_domain, "prompt",
	              c->prompt, "groups_url", groups, "trust_email",
	              c->trust_email || (i->type == IDP_AZURE && i->domains.n > 0));
	if (!o)
		goto out;
	if (c->max_age_ms > 0 && json_object_set_new(o, "max_age", json_integer(c->max_age_ms / 1000)) != 0)
		goto out;
	if ((ret = put_secret(o, "client_secret", &c->client_secret)) == 0 &&
	    (ret = put_secret(o, "api_token", &c->api_token)) == 0)
		ret = json_dump(o, out);
out:
	json_decref(o);
	free(issuer);
	free(groups);
	return ret;
}

/* --- administrators -------------------------------------------------------------------------------------------------
 */

static const char *const role_words[] = {"admin", "auditor", "read-only", NULL};

#define AT(m) offsetof(struct admin, m)
static const struct model_field admin_fields[] = {
    {"id", MT_ID, AT(id)},
    {"email", MT_EMAIL, AT(email), MF_REQUIRED},
    {"idp", MT_NAME, AT(idp), MF_REQUIRED},
    {"role", MT_ENUM, AT(role), MF_REQUIRED, .words = role_words},
    {"sub", MT_TEXT, AT(sub)},
    {0},
};
#undef AT
static const struct model_table admin_table = {"admin", admin_fields};

int
admin_from_json(const json_t *j, bool text_scalars, struct admin **ret_a, struct model_error *err)
{
	struct admin *a = calloc(1, sizeof *a);
	int ret;

	if (!a)
		return E_NOMEM;
	ret = model_read(&admin_table, j, text_scalars, a, err);
	if (ret != E_OK) {
		admin_free(a);
		return ret;
	}
	*ret_a = a;
	return E_OK;
}

json_t *
admin_to_json(const struct admin *a, enum model_form form)
{
	return model_write(&admin_table, a, form);
}

void
admin_free(struct admin *a)
{
	if (!a)
		return;
	model_release(&admin_table, a);
	free(a);
}

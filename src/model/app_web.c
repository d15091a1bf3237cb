#include "model/app_web.h"

#include "core/str.h"
#include "core/url.h"
#include "model/picture.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const app_same_site_words[] = {"none", "lax", "strict", NULL};

const char *
same_site_str(int s)
{
	static const char *const words[] = {"None", "Lax", "Strict"};

	return s >= 0 && s <= SAME_SITE_STRICT ? words[s] : "None";
}

/* --- destinations ---------------------------------------------------------------------------------------------------
 */

struct destination {
	char *type, *uri;
};
static const struct model_field destination_fields[] = {
    {"type", MT_TEXT, offsetof(struct destination, type), MF_REQUIRED},
    {"uri", MT_TEXT, offsetof(struct destination, uri)},
    {0},
};
static const struct model_table destination_table = {"destination", destination_fields};

static int
destination_map(struct app *a, const json_t *v, bool text_scalars, struct model_error *err)
{
	const char *type = json_string_value(json_object_get(v, "type"));
	struct destination d = {0};
	int ret;

	if (type && strcmp(type, "private") == 0)
		return model_fail(err, "/type",
		                  "private destinations need the original's device agent and are not "
		                  "offered here; use a bastion service and list host:port texts");
	ret = model_read(&destination_table, v, text_scalars, &d, err);
	if (ret == E_OK && strcmp(d.type, "public") != 0)
		ret = model_fail(err, "/type", "found \"%.60s\", expected public", d.type);
	if (ret == E_OK && !d.uri)
		ret = model_fail(err, "", "destination lacks the field \"uri\"");
	if (ret == E_OK)
		ret = texts_add(&a->public_domains, d.uri);
	model_release(&destination_table, &d);
	return ret;
}

int
app_destinations_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct app *a = rec;
	size_t n = json_array_size(v);
	int ret = E_OK;

	if (!json_is_array(v))
		return model_fail(err, "",
		                  "expected a list such as [{type: public, uri: app.example.com}], or of "
		                  "host:port texts for a bastion");
	if (n > MODEL_LIST_MAX)
		return model_fail(err, "", "found a list of %zu, expected at most %d", n, MODEL_LIST_MAX);
	app_destinations_release(rec);
	for (size_t i = 0; ret == E_OK && i < n; i++) {
		const json_t *one = json_array_get(v, i);
		const char *s = json_string_value(one);

		if (json_is_object(one))
			ret = destination_map(a, one, text_scalars, err);
		else if (!s || !s[0] || strlen(s) > MODEL_TEXT_MAX || !model_text_clean(s))
			ret = model_fail(err, "", "expected one line of text such as 10.0.0.0/8:22");
		else
			ret = texts_add(&a->destinations, s);
		if (ret != E_OK)
			model_error_prefix(err, "/%zu", i);
	}
	return ret;
}

json_t *
app_destinations_write(const void *rec, enum model_form form)
{
	const struct app *a = rec;
	json_t *list;

	if (a->destinations.n + a->public_domains.n == 0)
		return NULL;
	list = texts_to_json(&a->destinations);
	for (size_t i = 0; list && i < a->public_domains.n; i++) {
		if (json_array_append_new(list,
		                          json_pack("{ss ss}", "type", "public", "uri", a->public_domains.v[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

void
app_destinations_release(void *rec)
{
	struct app *a = rec;

	texts_release(&a->destinations);
	texts_release(&a->public_domains);
}

/* --- sites ----------------------------------------------------------------------------------------------------------
 */

void
app_sites_release(struct app *a)
{
	for (size_t i = 0; i < a->nsites; i++)
		site_release(&a->sites[i]);
	free(a->sites);
	a->sites = NULL;
	a->nsites = 0;
}

const char *
app_site_member(const struct app *a, size_t i)
{
	return i == 0 ? "/domain" : a->public_domains.n ? "/destinations" : "/self_hosted_domains";
}

/* One more, unless it is there already. */
static int
site_add(struct app *a, const char *text, struct model_error *err)
{
	struct site s = {0};
	int ret = site_parse(text, &s, err);

	if (ret != E_OK)
		return ret;
	for (size_t i = 0; i < a->nsites; i++) {
		if (strcmp(a->sites[i].host, s.host) == 0 && strcmp(a->sites[i].path, s.path) == 0) {
			site_release(&s);
			return E_OK;
		}
	}
	a->sites[a->nsites++] = s;
	return E_OK;
}

/* The normal form of the first site is what the record shows as its domain. */
static int
domain_set(struct app *a)
{
	const size_t nh = strlen(a->sites[0].host), np = strlen(a->sites[0].path);
	char *text = malloc(nh + np + 1);

	if (!text)
		return E_NOMEM;
	memcpy(text, a->sites[0].host, nh);
	memcpy(text + nh, a->sites[0].path, np + 1);
	free(a->domain);
	a->domain = text;
	return E_OK;
}

int
app_sites_make(struct app *a, struct model_error *err)
{
	const struct texts *more = a->public_domains.n ? &a->public_domains : &a->self_hosted_domains;
	int ret = E_OK;

	if (!a->domain && more->n == 0)
		return model_fail(err, "", "application lacks the field \"domain\"");
	if (more->n >= APP_SITES_MAX)
		return model_fail(err, a->public_domains.n ? "/destinations" : "/self_hosted_domains",
		                  "found %zu domains, expected fewer than %d", more->n, APP_SITES_MAX);
	a->sites = calloc(more->n + 1, sizeof *a->sites);
	if (!a->sites)
		return E_NOMEM;
	if (a->domain) {
		ret = site_add(a, a->domain, err);
		if (ret != E_OK)
			model_error_prefix(err, "/domain");
	}
	for (size_t i = 0; ret == E_OK && i < more->n; i++) {
		ret = site_add(a, more->v[i], err);
		if (ret != E_OK && a->public_domains.n)
			model_error_prefix(err, "/destinations");
		else if (ret != E_OK)
			model_error_prefix(err, "/self_hosted_domains/%zu", i);
	}
	return ret == E_OK ? domain_set(a) : ret;
}

/* --- cors_headers ---------------------------------------------------------------------------------------------------
 */

#define AT(m) offsetof(struct app_cors, m)
static const struct model_field cors_fields[] = {
    {"allowed_methods", MT_STRS, AT(allowed_methods)},
    {"allowed_origins", MT_STRS, AT(allowed_origins)},
    {"allowed_headers", MT_STRS, AT(allowed_headers)},
    {"allow_all_methods", MT_BOOL, AT(allow_all_methods)},
    {"allow_all_origins", MT_BOOL, AT(allow_all_origins)},
    {"allow_all_headers", MT_BOOL, AT(allow_all_headers)},
    {"allow_credentials", MT_BOOL, AT(allow_credentials)},
    {"max_age", MT_INT, AT(max_age), .min = -1, .max = 86400},
    {0},
};
#undef AT
static const struct model_table cors_table = {"cors_headers", cors_fields};

static bool
is_token(const char *s)
{
	static const char chars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return s[0] && strlen(s) <= 64 && s[strspn(s, chars)] == '\0';
}

static bool
is_web_url(const char *s, bool https_only)
{
	struct url u = {0};
	bool ok = strlen(s) <= 2048 && url_parse(s, &u) == 0 &&
	          (strcmp(u.scheme, "https") == 0 || (!https_only && strcmp(u.scheme, "http") == 0));

	url_release(&u);
	return ok;
}

/* "https://host[:port]": what a browser sends as Origin. */
static bool
is_origin(const char *s)
{
	const char *host = strstr(s, "://");

	return host && is_web_url(s, false) && !strpbrk(host + 3, "/?#@");
}

static int
tokens_check(const struct texts *t, const char *member, const char *like, struct model_error *err)
{
	for (size_t i = 0; i < t->n; i++) {
		if (is_token(t->v[i]))
			continue;
		model_fail(err, "", "found \"%.60s\", expected one such as %s", t->v[i], like);
		model_error_prefix(err, "/%s/%zu", member, i);
		return E_FORMAT;
	}
	return E_OK;
}

static int
cors_check(const struct app_cors *c, struct model_error *err)
{
	int ret = tokens_check(&c->allowed_methods, "allowed_methods", "GET", err);

	if (ret == E_OK)
		ret = tokens_check(&c->allowed_headers, "allowed_headers", "Content-Type", err);
	for (size_t i = 0; ret == E_OK && i < c->allowed_origins.n; i++) {
		if (is_origin(c->allowed_origins.v[i]))
			continue;
		ret = model_fail(err, "", "found \"%.60s\", expected an origin such as https://example.com",
		                 c->allowed_origins.v[i]);
		model_error_prefix(err, "/allowed_origins/%zu", i);
	}
	if (ret == E_OK && c->allow_credentials && c->allow_all_origins)
		ret = model_fail(err, "/allow_credentials",
		                 "found true with allow_all_origins: any web site could act as the user; list origins");
	return ret;
}

int
app_cors_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct app *a = rec;
	int ret;

	app_cors_release(rec);
	a->cors = (struct app_cors){.set = true, .max_age = -1};
	ret = model_read(&cors_table, v, text_scalars, &a->cors, err);
	return ret == E_OK ? cors_check(&a->cors, err) : ret;
}

json_t *
app_cors_write(const void *rec, enum model_form form)
{
	const struct app *a = rec;

	return a->cors.set ? model_write(&cors_table, &a->cors, form) : NULL;
}

void
app_cors_release(void *rec)
{
	struct app *a = rec;

	model_release(&cors_table, &a->cors);
	a->cors = (struct app_cors){0};
}

/* --- the whole ------------------------------------------------------------------------------------------------------
 */

static int
url_check(const char *at, const char *s, bool https_only, struct model_error *err)
{
	if (!s || is_web_url(s, https_only))
		return E_OK;
	return model_fail(err, at, "found \"%.60s\", expected a URL such as https://example.com/denied", s);
}

/* These steer the request itself; a secret read from them would be somebody else's. */
static int
token_header_check(const char *name, struct model_error *err)
{
	static const char *const bad[] = {
	    "host", "cookie", "connection", "upgrade", "content-length", "transfer-encoding", "origin", "accept", NULL};

	if (!name)
		return E_OK;
	for (size_t i = 0; bad[i]; i++)
		if (strcasecmp(bad[i], name) == 0)
			return model_fail(err, "/read_service_tokens_from_header",
			                  "found \"%.60s\", which has a meaning of its own; expected a name such as "
			                  "Authorization",
			                  name);
	if (!is_token(name))
		return model_fail(err, "/read_service_tokens_from_header",
		                  "found \"%.60s\", expected a header's name such as Authorization", name);
	return E_OK;
}

static int
logo_check(const char *s, struct model_error *err)
{
	if (s && picture_good(s))
		return E_OK;
	return url_check("/logo_url", s, true, err);
}

int
app_web_check(const struct app *a, struct model_error *err)
{
	int ret = url_check("/custom_deny_url", a->custom_deny_url, true, err);

	if (ret == E_OK)
		ret = url_check("/custom_non_identity_deny_url", a->custom_non_identity_deny_url, true, err);
	if (ret == E_OK)
		ret = logo_check(a->logo_url, err);
	if (ret == E_OK)
		ret = token_header_check(a->read_service_tokens_from_header, err);
	for (size_t i = 0; ret == E_OK && i < a->custom_pages.n; i++) {
		if (model_is_id(a->custom_pages.v[i]))
			continue;
		ret = model_fail(err, "", "found \"%.60s\", expected the id (UUID) of a page", a->custom_pages.v[i]);
		model_error_prefix(err, "/custom_pages/%zu", i);
	}
	if (ret == E_OK && a->options_preflight_bypass && a->cors.set)
		ret = model_fail(err, "/options_preflight_bypass",
		                 "found true with cors_headers; either the edge answers preflights or the origin does");
	return ret;
}

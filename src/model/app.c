#include "model/app.h"

#include "core/str.h"
#include "model/app_web.h"
#include "model/picture.h"

#include <stdlib.h>
#include <string.h>

static const char *const app_type_words[] = {"ssh", "self_hosted", NULL};

const char *
app_type_str(int t)
{
	return t >= 0 && t <= APP_SELF_HOSTED ? app_type_words[t] : "?";
}

/* --- ssh: a map of its own ------------------------------------------------------------------------------------------
 */

static int
texts_of(struct texts *at, const json_t *v, struct model_error *err)
{
	static const struct model_field one[] = {{"v", MT_STRS, 0}, {0}};
	static const struct model_table table = {"list", one};
	json_t *wrap = json_pack("{sO}", "v", (json_t *)(uintptr_t)v);
	int ret;

	if (!wrap)
		return E_NOMEM;
	ret = model_read(&table, wrap, false, at, err);
	json_decref(wrap);
	if (ret != E_OK && err && str_starts(err->pointer, "/v"))
		memmove(err->pointer, err->pointer + 2, strlen(err->pointer) - 1);
	return ret;
}

/* off | auto | list of networks */
static int
source_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct app_ssh *s = rec;
	uint8_t net[16];
	unsigned bits;
	int ret;

	if (json_is_string(v) && strcmp(json_string_value(v), "off") == 0) {
		s->source_mode = SOURCE_OFF;
		return E_OK;
	}
	if (json_is_string(v) && strcmp(json_string_value(v), "auto") == 0) {
		s->source_mode = SOURCE_AUTO;
		return E_OK;
	}
	if (!json_is_array(v) || json_array_size(v) == 0)
		return model_fail(err, "", "expected off, auto or a list of networks such as [10.0.0.0/8]");
	ret = texts_of(&s->source_address, v, err);
	for (size_t i = 0; ret == E_OK && i < s->source_address.n; i++) {
		if (model_cidr(s->source_address.v[i], net, &bits) != 0) {
			ret = model_fail(err, "", "found \"%.60s\", expected a network such as 10.0.0.0/8",
			                 s->source_address.v[i]);
			model_error_prefix(err, "/%zu", i);
		}
	}
	if (ret == E_OK)
		s->source_mode = SOURCE_LIST;
	return ret;
}

static json_t *
source_write(const void *rec, enum model_form form)
{
	const struct app_ssh *s = rec;

	if (s->source_mode == SOURCE_LIST)
		return texts_to_json(&s->source_address);
	return json_string(s->source_mode == SOURCE_AUTO ? "auto" : "off");
}

static void
source_release(void *rec)
{
	texts_release(&((struct app_ssh *)rec)->source_address);
}

/* first-seen | required | list of public keys or @cert-authority lines */
static int
host_keys_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct app_ssh *s = rec;
	int ret;

	if (json_is_string(v) && strcmp(json_string_value(v), "first-seen") == 0) {
		s->host_keys_mode = HOST_KEYS_FIRST_SEEN;
		return E_OK;
	}
	if (json_is_string(v) && strcmp(json_string_value(v), "required") == 0) {
		s->host_keys_mode = HOST_KEYS_REQUIRED;
		return E_OK;
	}
	if (!json_is_array(v) || json_array_size(v) == 0)
		return model_fail(err, "", "expected first-seen, required or a list of public key lines");
	ret = texts_of(&s->host_keys, v, err);
	if (ret == E_OK)
		s->host_keys_mode = HOST_KEYS_LIST;
	return ret;
}

static json_t *
host_keys_write(const void *rec, enum model_form form)
{
	const struct app_ssh *s = rec;

	if (s->host_keys_mode == HOST_KEYS_LIST)
		return texts_to_json(&s->host_keys);
	return json_string(s->host_keys_mode == HOST_KEYS_REQUIRED ? "required" : "first-seen");
}

static void
host_keys_release(void *rec)
{
	texts_release(&((struct app_ssh *)rec)->host_keys);
}

static int
audit_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	const char *s = json_string_value(v);

	if (s && strcmp(s, "off") == 0)
		return E_OK;
	if (s && (strcmp(s, "record") == 0 || strcmp(s, "commands") == 0))
		return model_fail(err, "", "audit: %s arrives with the Audit work; use off", s);
	return model_fail(err, "", "found \"%.60s\", expected off", s ? s : "something that is not a text");
}

static json_t *
audit_write(const void *rec, enum model_form form)
{
	return json_string("off");
}

#define AT(m) offsetof(struct app_ssh, m)
static const struct model_field ssh_fields[] = {
    {"certificate_ttl", MT_DURATION, AT(certificate_ttl_ms), .min = 1000, .max = APP_CERT_TTL_MAX_MS},
    {"extensions", MT_STRS, AT(extensions), MF_EMPTY},
    {"source_address", MT_CUSTOM, .read = source_read, .write = source_write, .release = source_release},
    {"usernames", MT_STRS, AT(usernames), MF_EMPTY},
    {"host_keys", MT_CUSTOM, .read = host_keys_read, .write = host_keys_write, .release = host_keys_release},
    {"audit", MT_CUSTOM, .read = audit_read, .write = audit_write},
    {0},
};
#undef AT
static const struct model_table ssh_table = {"ssh", ssh_fields};

static const char *const extension_words[] = {"permit-pty",
                                              "permit-port-forwarding",
                                              "permit-user-rc",
                                              "permit-X11-forwarding",
                                              "permit-agent-forwarding",
                                              "no-touch-required",
                                              NULL};

static int
ssh_defaults(struct app_ssh *s)
{
	int ret = E_OK;

	s->certificate_ttl_ms = APP_CERT_TTL_DEFAULT_MS;
	for (size_t i = 0; ret == E_OK && i < 3; i++)
		ret = texts_add(&s->extensions, extension_words[i]);
	return ret == E_OK ? texts_add(&s->usernames, "{email_prefix}") : ret;
}

static int
ssh_check(const struct app_ssh *s, struct model_error *err)
{
	for (size_t i = 0; i < s->extensions.n; i++) {
		bool known = false;
		const char *near;

		for (size_t k = 0; extension_words[k]; k++)
			known |= strcmp(extension_words[k], s->extensions.v[i]) == 0;
		if (known)
			continue;
		near = str_nearest(s->extensions.v[i], extension_words);
		model_fail(err, "", "found \"%.60s\", expected an extension such as permit-pty%s%s", s->extensions.v[i],
		           near ? "; did you mean " : "", near ? near : "");
		model_error_prefix(err, "/extensions/%zu", i);
		return E_FORMAT;
	}
	if (s->usernames.n == 0)
		return model_fail(err, "/usernames", "found an empty list, expected names such as {email_prefix}");
	return E_OK;
}

static int
ssh_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct app *a = rec;
	int ret = model_read(&ssh_table, v, text_scalars, &a->ssh, err);

	return ret == E_OK ? ssh_check(&a->ssh, err) : ret;
}

static json_t *
ssh_write(const void *rec, enum model_form form)
{
	return model_write(&ssh_table, &((const struct app *)rec)->ssh, form);
}

static void
ssh_release(void *rec)
{
	model_release(&ssh_table, &((struct app *)rec)->ssh);
}

/* --- policies -------------------------------------------------------------------------------------------------------
 */

static void
policies_release(void *rec)
{
	struct app *a = rec;

	for (size_t i = 0; i < a->npolicies; i++)
		policy_free(a->policies[i]);
	free(a->policies);
	a->policies = NULL;
	a->npolicies = 0;
}

static int
policies_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct app *a = rec;
	size_t n = json_array_size(v);
	int ret;

	if (!json_is_array(v))
		return model_fail(err, "", "expected a list of policies");
	if (n > APP_POLICIES_MAX)
		return model_fail(err, "", "found %zu policies, expected at most %d", n, APP_POLICIES_MAX);
	policies_release(a);
	a->policies = calloc(n ? n : 1, sizeof *a->policies);
	if (!a->policies)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		ret = policy_entry_from_json(json_array_get(v, i), text_scalars, &a->policies[i], err);
		if (ret != E_OK) {
			model_error_prefix(err, "/%zu", i);
			return ret;
		}
		a->policies[i]->listed = i;
		a->npolicies++;
	}
	return E_OK;
}

static json_t *
policies_write(const void *rec, enum model_form form)
{
	const struct app *a = rec;
	json_t *list = json_array();

	for (size_t i = 0; list && i < a->npolicies; i++) {
		if (json_array_append_new(list, policy_to_json(a->policies[i], form)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

void
app_sort_policies(struct app *a)
{
	for (size_t i = 0; i < a->npolicies; i++)
		if (a->policies[i]->precedence == 0)
			a->policies[i]->precedence = (int64_t)i + 1;
	for (size_t i = 1; i < a->npolicies; i++) { /* insertion keeps equals as given */
		struct policy *p = a->policies[i];
		size_t k = i;

		for (; k > 0 && a->policies[k - 1]->precedence > p->precedence; k--)
			a->policies[k] = a->policies[k - 1];
		a->policies[k] = p;
	}
	for (size_t i = 0; i < a->npolicies; i++)
		a->policies[i]->precedence = (int64_t)i + 1;
}

/* --- the application ------------------------------------------------------------------------------------------------
 */

#define AT(m) offsetof(struct app, m)
static const struct model_field app_fields[] = {
    {"id", MT_ID, AT(id)},
    {"uid", MT_ID, .flags = MF_IGNORE},
    {"aud", MT_AUD, AT(aud)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {"domain", MT_TEXT, AT(domain)},
    {"type", MT_ENUM, AT(type), .words = app_type_words},
    {"session_duration", MT_DURATION, AT(session_duration_ms), .min = 0, .max = APP_SESSION_MAX_MS},
    {"tunnel", MT_TEXT, AT(tunnel)},
    {"service", MT_TEXT, AT(service)},
    {"default_destination", MT_TEXT, AT(default_destination)},
    {"self_hosted_domains", MT_STRS, AT(self_hosted_domains)},
    {"destinations", MT_CUSTOM, .read = app_destinations_read, .write = app_destinations_write,
     .release = app_destinations_release},
    {"allowed_idps", MT_STRS, AT(allowed_idps), MF_EMPTY},
    {"auto_redirect_to_identity", MT_BOOL, AT(auto_redirect_to_identity), MF_EMPTY},
    {"app_launcher_visible", MT_BOOL, AT(app_launcher_visible), MF_EMPTY},
    {"ssh", MT_CUSTOM, .read = ssh_read, .write = ssh_write, .release = ssh_release},
    {"policies", MT_CUSTOM, .read = policies_read, .write = policies_write, .release = policies_release},
    {"custom_deny_message", MT_TEXT, AT(custom_deny_message), MF_LINES},
    {"custom_deny_url", MT_TEXT, AT(custom_deny_url)},
    {"custom_non_identity_deny_url", MT_TEXT, AT(custom_non_identity_deny_url)},
    {"enable_binding_cookie", MT_BOOL, AT(enable_binding_cookie), MF_EMPTY},
    {"http_only_cookie_attribute", MT_BOOL, AT(http_only_cookie_attribute), MF_EMPTY},
    {"same_site_cookie_attribute", MT_ENUM, AT(same_site_cookie_attribute), .words = app_same_site_words},
    {"path_cookie_attribute", MT_BOOL, AT(path_cookie_attribute), MF_EMPTY},
    {"service_auth_401_redirect", MT_BOOL, AT(service_auth_401_redirect), MF_EMPTY},
    {"read_service_tokens_from_header", MT_TEXT, AT(read_service_tokens_from_header)},
    {"skip_interstitial", MT_BOOL, AT(skip_interstitial), MF_EMPTY},
    {"options_preflight_bypass", MT_BOOL, AT(options_preflight_bypass), MF_EMPTY},
    {"cors_headers", MT_CUSTOM, .read = app_cors_read, .write = app_cors_write, .release = app_cors_release},
    {"logo_url", MT_TEXT, AT(logo_url), .max = PICTURE_MAX},
    {"tags", MT_STRS, AT(tags)},
    {"custom_pages", MT_STRS, AT(custom_pages)},
    {"allow_authenticate_via_warp", MT_CUSTOM, .read = model_read_false},
    {"allow_iframe", MT_CUSTOM, .read = model_read_false},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {0},
};
#undef AT
static const struct model_table app_table = {"application", app_fields};

static int
app_check(const struct app *a, struct model_error *err)
{
	if (a->auto_redirect_to_identity && a->allowed_idps.n != 1)
		return model_fail(err, "/auto_redirect_to_identity",
		                  "found true with %zu allowed_idps, expected exactly one provider there",
		                  a->allowed_idps.n);
	if (a->enable_binding_cookie && (a->type == APP_SSH || (a->service && str_starts(a->service, "ssh://"))))
		return model_fail(
		    err, "/enable_binding_cookie",
		    "found true for ssh, expected false: clients other than browsers keep no such cookie");
	if (a->tunnel && !a->tunnel[0])
		return model_fail(err, "/tunnel", "found an empty text, expected the name of a tunnel");
	return app_web_check(a, err);
}

int
app_from_json(const json_t *j, bool text_scalars, struct app **ret_a, struct model_error *err)
{
	struct app *a = calloc(1, sizeof *a);
	int ret;

	if (!a)
		return E_NOMEM;
	a->type = APP_SELF_HOSTED;
	a->session_duration_ms = APP_SESSION_DEFAULT_MS;
	a->app_launcher_visible = true;
	a->http_only_cookie_attribute = true;
	ret = ssh_defaults(&a->ssh);
	if (ret == E_OK)
		ret = model_read(&app_table, j, text_scalars, a, err);
	if (ret == E_OK)
		ret = app_sites_make(a, err);
	if (ret == E_OK)
		ret = app_check(a, err);
	if (ret != E_OK) {
		app_free(a);
		return ret;
	}
	app_sort_policies(a);
	*ret_a = a;
	return E_OK;
}

json_t *
app_to_json(const struct app *a, enum model_form form)
{
	json_t *o = model_write(&app_table, a, form);

	if (o && form == MODEL_API && a->id && json_object_set_new(o, "uid", json_string(a->id)) != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

bool
app_is_private(const struct app *a)
{
	return a->service && !strcmp(a->service, "warp-routing");
}

void
app_free(struct app *a)
{
	if (!a)
		return;
	app_sites_release(a);
	model_release(&app_table, a);
	free(a);
}

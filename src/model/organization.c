#include "model/organization.h"

#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "model/picture.h"

static const char *const design_names[] = {"background_color", "text_color",  "logo_path",
                                           "header_text",      "footer_text", NULL};
static const char *const page_names[] = {"forbidden", "identity_denied", NULL};

static bool
is_colour(const char *s)
{
	size_t n = strlen(s);
	return (n == 4 || n == 7) && s[0] == '#' && strspn(s + 1, "0123456789abcdefABCDEF") == n - 1;
}

static int
check_value(const char *key, const char *s, struct model_error *err)
{
	if (s && !*s)
		return E_OK; /* not set */
	if (s && !strcmp(key, "logo_path") &&
	    (picture_good(s) || (!strncmp(s, "https://", 8) && strlen(s) <= MODEL_TEXT_MAX)))
		return E_OK;
	if (s && !strcmp(key, "logo_path"))
		return model_fail(err, "",
		                  "found \"%.60s\", expected a picture as \"data:image/png;base64,...\" (png, svg+xml, "
		                  "jpeg, gif or webp) of at most %u characters, or an https URL",
		                  s, PICTURE_MAX);
	if (s && str_ends(key, "_color") && !is_colour(s))
		return model_fail(err, "", "found \"%.60s\", expected a colour such as #1a5fc2", s);
	if (!s || strlen(s) > MODEL_TEXT_MAX)
		return model_fail(err, "", "expected a text of at most %d bytes", MODEL_TEXT_MAX);
	return E_OK;
}

/* A map of texts under known names. */
static int
check_texts(const json_t *o, const char *at, const char *const *names, struct model_error *err)
{
	const char *key, *near;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		bool known = false;
		for (size_t i = 0; names[i]; i++)
			known |= !strcmp(names[i], key);
		near = known ? NULL : str_nearest(key, names);
		if (!known) {
			model_fail(err, at, "unknown field \"%.60s\"%s%s", key, near ? "; did you mean " : "",
			           near ? near : "");
			return E_FORMAT;
		}
		if (!json_is_null(v) && check_value(key, json_string_value(v), err) != E_OK) {
			model_error_prefix(err, "%s/%s", at, key);
			return E_FORMAT;
		}
	}
	return E_OK;
}

static int
read_true(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	if (json_is_true(v))
		return E_OK;
	return model_fail(err, "", "expected true: a request that no application matches is always refused here");
}

static json_t *
write_true(const void *rec, enum model_form form)
{
	return form == MODEL_API ? json_true() : NULL;
}

/* Not offered: false, empty, or not there. */
static int
read_none(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	const char *s = json_string_value(v);

	if (json_is_false(v) || (json_is_array(v) && !json_array_size(v)) || (s && (!*s || !strcmp(s, "0s"))))
		return E_OK;
	return model_fail(err, "", "this is not offered here; leave it out");
}

#define AT(m) offsetof(struct organization, m)
static const struct model_field organization_fields[] = {
    {"name", MT_NAME, AT(name)},
    {"auth_domain", MT_TEXT, AT(auth_domain)},
    {"session_duration", MT_DURATION, AT(session_duration_ms), .min = 1000, .max = ORG_SESSION_MAX_MS},
    {"login_design", MT_JSON, AT(login_design)},
    {"custom_pages", MT_JSON, AT(custom_pages)},
    {"is_ui_read_only", MT_BOOL, AT(is_ui_read_only), MF_EMPTY},
    {"ui_read_only_toggle_reason", MT_TEXT, AT(ui_read_only_toggle_reason)},
    {"auto_redirect_to_identity", MT_BOOL, AT(auto_redirect_to_identity), MF_EMPTY},
    {"user_seat_expiration_inactive_time", MT_DURATION, AT(seat_expiration_ms), .min = ORG_SEAT_MIN_MS,
     .max = INT64_MAX / 2},
    {"deny_unmatched_requests", MT_CUSTOM, .read = read_true, .write = write_true},
    {"deny_unmatched_requests_exempted_zone_names", MT_CUSTOM, .read = read_none},
    {"allow_authenticate_via_warp", MT_CUSTOM, .read = read_none},
    {"warp_auth_session_duration", MT_CUSTOM, .read = read_none},
    {"warp_auth_non_browser_401", MT_CUSTOM, .read = read_none},
    {"mfa_required_for_all_apps", MT_CUSTOM, .read = read_none},
    {"strict_service_token_auth", MT_CUSTOM, .read = read_none},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {0},
};
#undef AT
static const struct model_table organization_table = {"organization", organization_fields};

int
organization_from_json(const json_t *j, bool text_scalars, struct organization **ret_o, struct model_error *err)
{
	struct organization *o = calloc(1, sizeof *o);
	int ret;

	if (!o)
		return E_NOMEM;
	o->session_duration_ms = ORG_SESSION_DEFAULT_MS;
	ret = model_read(&organization_table, j, text_scalars, o, err);
	if (ret == E_OK && o->login_design)
		ret = check_texts(o->login_design, "/login_design", design_names, err);
	if (ret == E_OK && o->custom_pages)
		ret = check_texts(o->custom_pages, "/custom_pages", page_names, err);
	if (ret != E_OK) {
		organization_free(o);
		return ret;
	}
	*ret_o = o;
	return E_OK;
}

json_t *
organization_to_json(const struct organization *o, enum model_form form)
{
	json_t *j = model_write(&organization_table, o, form);

	if (j && !o->seat_expiration_ms)
		json_object_del(j, "user_seat_expiration_inactive_time");
	return j;
}

void
organization_free(struct organization *o)
{
	if (!o)
		return;
	model_release(&organization_table, o);
	free(o);
}

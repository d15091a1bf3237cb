/* The part of apply that is pure: shape, overlay, difference. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/apply.h"

#define SECTION_MAX 10000

/* Two entries about one object: which of them is meant would be a guess. Applications are known by their domain. */
static int
twice_in(const json_t *list, const char *key, const char *also, const char *at, struct model_error *err)
{
	json_t *seen = json_object(), *one;
	char name[512], what[64];
	size_t i;
	int e = seen ? 0 : E_NOMEM;

	json_array_foreach((json_t *)(uintptr_t)list, i, one)
	{
		const char *a = json_str_or(one, key, ""), *b = also ? json_str_or(one, also, "") : "";
		if (e < 0 || !*a || snprintf(name, sizeof name, "%s\n%s", a, b) >= (int)sizeof name)
			continue;
		if (strcmp(key, "name"))
			str_lower(name); /* hosts and addresses */
		if (json_object_get(seen, name)) {
			snprintf(what, sizeof what, "%.40s/%zu", at, i);
			e = model_fail(err, what, "found %s \"%.60s\" twice, expected it once", key, a);
		}
		json_object_set_new(seen, name, json_true());
	}
	json_decref(seen);
	return e;
}

static int
twice(const json_t *doc, struct model_error *err)
{
	static const struct {
		const char *section, *key, *also;
	} rows[] = {{"identity_providers", "name", NULL}, {"admins", "email", "idp"},     {"lists", "name", NULL},
	            {"service_tokens", "name", NULL},     {"certificates", "name", NULL}, {"groups", "name", NULL},
	            {"policies", "name", NULL},           {"tunnels", "name", NULL},      {"apps", "domain", NULL}};
	char at[64];
	json_t *idp;
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < sizeof rows / sizeof *rows; i++) {
		snprintf(at, sizeof at, "/%s", rows[i].section);
		e = twice_in(json_object_get(doc, rows[i].section), rows[i].key, rows[i].also, at, err);
	}
	json_array_foreach(json_object_get(doc, "identity_providers"), i, idp)
	{
		snprintf(at, sizeof at, "/identity_providers/%zu/users", i);
		if (e == 0)
			e = twice_in(json_object_get(idp, "users"), "email", NULL, at, err);
	}
	return e;
}

int
apply_shape(const json_t *doc, struct model_error *err)
{
	static const char *const sections[] = {"identity_providers",
	                                       "admins",
	                                       "lists",
	                                       "service_tokens",
	                                       "certificates",
	                                       "groups",
	                                       "policies",
	                                       "tunnels",
	                                       "apps",
	                                       "tests",
	                                       NULL};
	const char *key;
	json_t *v, *one;
	size_t i;
	char at[64];

	if (!json_is_object(doc))
		return model_fail(err, "", "found no object, expected one with members such as \"apps\"");
	json_object_foreach((json_t *)(uintptr_t)doc, key, v)
	{
		size_t k = 0;
		while (sections[k] && strcmp(sections[k], key))
			k++;
		snprintf(at, sizeof at, "/%.40s", key);
		if (!sections[k]) {
			const char *near = str_nearest(key, sections);
			return model_fail(
			    err, at, "unknown key \"%.80s\"; %s%s%s", key,
			    near ? "did you mean \""
			         : "expected identity_providers, admins, lists, service_tokens, certificates, groups, "
			           "policies, tunnels, apps or tests",
			    near ? near : "", near ? "\"?" : "");
		}
		if (!json_is_array(v) || json_array_size(v) > SECTION_MAX)
			return model_fail(err, at, "expected a list");
		json_array_foreach(v, i, one)
		{
			snprintf(at, sizeof at, "/%.40s/%zu", key, i);
			if (!json_is_object(one))
				return model_fail(err, at, "expected a map such as {name: ...}");
		}
	}
	return twice(doc, err);
}

json_t *
apply_merge(const json_t *old, const json_t *fresh, const json_t *given)
{
	json_t *out = json_copy((json_t *)(uintptr_t)old), *g;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)given, key, g)
	{
		json_t *o = json_object_get(old, key), *f = json_object_get(fresh, key);
		if (!f)
			json_object_del(out, key);
		else if (json_is_object(o) && json_is_object(f) && json_is_object(g))
			json_object_set_new(out, key, apply_merge(o, f, g));
		else
			json_object_set(out, key, f);
	}
	return out;
}

static bool
ours(const char *key)
{
	static const char *const own[] = {"id", "aud", "created_at", "updated_at", "sub"};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!strcmp(own[i], key))
			return true;
	return false;
}

json_t *
apply_diff(const json_t *old, const json_t *now)
{
	json_t *out = json_array(), *v;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)now, key,
	                    v) if (!ours(key) && !json_equal(v, json_object_get(old, key)))
	    json_array_append_new(out, json_string(key));
	json_object_foreach((json_t *)(uintptr_t)old, key, v) if (!ours(key) && !json_object_get(now, key))
	    json_array_append_new(out, json_string(key));
	return out;
}

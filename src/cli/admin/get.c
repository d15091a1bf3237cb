/* get: the objects of the edge, a table for people and JSON for scripts. One row a kind, one column an entry of the
 * row. */
#include <stdlib.h>
#include <string.h>

#include "cli/admin/admin.h"
#include "core/str.h"

#define COLUMNS_MAX 7

struct column {
	const char *title, *key; /* key: "a.b" looks inside; "a|b" takes the first that is there; "#a" counts */
};
static const struct kind {
	const char *name, *path, *empty;
	struct column col[COLUMNS_MAX];
} kinds[] = {
    {"apps",
     "/accounts/%A/access/apps",
     "There is no application yet. Write one into a file and run 'sallyport admin apply FILE.yml'.",
     {{"DOMAIN", "domain"},
      {"NAME", "name"},
      {"TYPE", "type"},
      {"TUNNEL", "tunnel"},
      {"SERVICE", "service"},
      {"POLICIES", "#policies"},
      {"AUD", "aud"}}},
    {"policies",
     "/accounts/%A/access/apps",
     "There is no policy yet, so nobody is let in anywhere. Policies stand under apps in 'sallyport admin apply "
     "FILE.yml'.",
     {{"APP", "app"},
      {"#", "precedence"},
      {"NAME", "name"},
      {"DECISION", "decision"},
      {"INCLUDE", "#include"},
      {"REQUIRE", "#require"},
      {"EXCLUDE", "#exclude"}}},
    {"groups",
     "/accounts/%A/access/groups",
     "There is no group yet. 'groups:' in 'sallyport admin apply FILE.yml' makes one.",
     {{"NAME", "name"}, {"INCLUDE", "#include"}, {"REQUIRE", "#require"}, {"EXCLUDE", "#exclude"}, {"ID", "id"}}},
    {"lists",
     "/accounts/%A/gateway/lists",
     "There is no list yet. 'lists:' in 'sallyport admin apply FILE.yml' makes one.",
     {{"NAME", "name"}, {"TYPE", "type"}, {"ITEMS", "count"}, {"ID", "id"}}},
    {"idps",
     "/accounts/%A/access/identity_providers",
     "There is no identity provider, so nobody can sign in. 'identity_providers:' in 'sallyport admin apply FILE.yml' "
     "makes one.",
     {{"NAME", "name"}, {"TYPE", "type"}, {"ACCOUNTS", "#users"}, {"ISSUER", "config.issuer"}, {"ID", "id"}}},
    {"users",
     "/accounts/%A/access/users",
     "Nobody has signed in yet. 'sallyport access login https://APP' does.",
     {{"EMAIL", "email"},
      {"IDP", "idp"},
      {"STATE", "state"},
      {"SESSIONS", "sessions"},
      {"LAST SIGN-IN", "last_successful_login"},
      {"ID", "id"}}},
    {"service-tokens",
     "/accounts/%A/access/service_tokens",
     "There is no service token. 'service_tokens:' in 'sallyport admin apply FILE.yml' makes one.",
     {{"NAME", "name"},
      {"CLIENT ID", "client_id"},
      {"ENABLED", "enabled"},
      {"EXPIRES", "expires_at"},
      {"LAST SEEN", "last_seen_at"},
      {"ID", "id"}}},
    {"tokens",
     "/user/tokens",
     "There is no API token.",
     {{"NAME", "name"},
      {"STATUS", "status"},
      {"SCOPES", "#scopes"},
      {"CREATED BY", "created_by"},
      {"EXPIRES", "expires_on"},
      {"LAST USED", "last_used_on"},
      {"ID", "id"}}},
    {"tunnels",
     "/accounts/%A/cfd_tunnel?is_deleted=false",
     "There is no tunnel yet. 'sallyport tunnel create NAME' makes one.",
     {{"NAME", "name"}, {"STATUS", "status"}, {"CREATED", "created_at"}, {"ID", "id"}}},
    {"routes",
     "/accounts/%A/sallyport/routes",
     "There is no route yet. 'tunnel:' of an application makes one, or 'sallyport tunnel route dns TUNNEL HOSTNAME'.",
     {{"HOSTNAME", "hostname"}, {"TUNNEL", "tunnel|tunnel_name|tunnel_id"}, {"CREATED", "created_at"}}},
    {"sessions",
     "/accounts/%A/sallyport/sessions?live=true",
     "Nobody is signed in. 'sallyport admin log' shows who was.",
     {{"SESSION", "id"},
      {"EMAIL", "email"},
      {"IDP", "idp_name|idp_type|idp"},
      {"IP", "ip"},
      {"SINCE", "created_at"},
      {"EXPIRES", "expires_at"}}},
    {"ssh-sessions",
     "/accounts/%A/sallyport/ssh_sessions",
     "Nobody has a session that the edge itself takes part in (browser terminals).",
     {{"SSH SESSION", "id"},
      {"EMAIL", "email"},
      {"APP", "app_domain|app"},
      {"USER", "user"},
      {"STATE", "state"},
      {"IP", "ip"},
      {"SINCE", "since"}}},
    {"host-keys",
     "/accounts/%A/sallyport/host_keys",
     "No host key is pinned yet: the first browser session to a host pins the key that it shows.",
     {{"APP", "app_domain|app"},
      {"DESTINATION", "destination"},
      {"FINGERPRINT", "fingerprint"},
      {"FIRST SEEN", "first_seen"},
      {"BY", "by"},
      {"ID", "id"}}},
    {"requests",
     "/accounts/%A/sallyport/requests",
     "Nobody asks for access. Policies with approval_required make people ask.",
     {{"STATE", "state"},
      {"WHO", "email"},
      {"APP", "app_domain|app"},
      {"WHY", "reason"},
      {"APPROVALS", "#approvals"},
      {"UNTIL", "until"},
      {"ID", "id"}}},
    {"cas",
     "/accounts/%A/access/apps/ca",
     "There is no certificate authority yet. 'sallyport admin ca HOST' makes the one of an application.",
     {{"APP", "app"}, {"AUD", "aud"}, {"PUBLIC KEY", "public_key"}}},
    {"principals",
     "/accounts/%A/sallyport/principals",
     "No Unix name has an owner yet: the first certificate takes the name before the @, or 'sallyport admin principals "
     "bind NAME --email E --idp NAME' gives one.",
     {{"NAME", "name"}, {"EMAIL", "email"}, {"ISSUER", "iss"}, {"SIGNED IN", "signed_in"}}},
};
#define NKINDS (sizeof kinds / sizeof *kinds)

/* --- cells ------------------------------------------------------------------------------------------------------- */

static const json_t *
look(const json_t *o, const char *path, size_t n)
{
	char key[64];
	const char *dot = memchr(path, '.', n);

	str_copy_n(key, sizeof key, path, dot ? (size_t)(dot - path) : n);
	const json_t *v = json_object_get(o, key);
	return dot ? look(v, dot + 1, n - (size_t)(dot + 1 - path)) : v;
}

static void
cell_text(const json_t *v, char *out, size_t size)
{
	if (json_is_string(v)) {
		const char *s = json_string_value(v);
		str_copy_n(out, size, s, strnlen(s, size - 1));
	} else if (json_is_integer(v)) {
		snprintf(out, size, "%lld", (long long)json_integer_value(v));
	} else if (json_is_boolean(v)) {
		str_copy(out, size, json_is_true(v) ? "yes" : "no");
	} else {
		str_copy(out, size, "-");
	}
	if (!*out)
		str_copy(out, size, "-");
}

static void
cell(const json_t *row, const char *key, char *out, size_t size)
{
	if (*key == '#') {
		snprintf(out, size, "%zu", json_array_size(json_object_get(row, key + 1)));
		return;
	}
	const json_t *v = NULL;
	for (const char *p = key; *p && (!v || json_is_null(v));) {
		size_t n = strcspn(p, "|");
		v = look(row, p, n);
		p += n + (p[n] == '|');
	}
	cell_text(v, out, size);
}

static void
print_table(const struct kind *k, const json_t *rows)
{
	size_t width[COLUMNS_MAX] = {0}, i, n = 0;
	const json_t *row;
	char text[1024];

	while (n < COLUMNS_MAX && k->col[n].title)
		width[n] = strlen(k->col[n].title), n++;
	json_array_foreach(rows, i, row)
	{
		for (size_t x = 0; x < n; x++) {
			cell(row, k->col[x].key, text, sizeof text);
			if (strlen(text) > width[x])
				width[x] = strlen(text);
		}
	}
	for (size_t x = 0; x < n; x++)
		printf("%-*s%s", x + 1 < n ? (int)width[x] : 0, k->col[x].title, x + 1 < n ? "  " : "\n");
	json_array_foreach(rows, i, row)
	{
		for (size_t x = 0; x < n; x++) {
			cell(row, k->col[x].key, text, sizeof text);
			admin_say(stdout, "%-*s%s", x + 1 < n ? (int)width[x] : 0, text, x + 1 < n ? "  " : "\n");
		}
	}
}

/* --- rows that the API nests otherwise ------------------------------------------------------------------------------
 */

static json_t *
policies_of(const json_t *apps)
{
	json_t *all = json_array(), *p;
	const json_t *app;
	size_t i, k;

	json_array_foreach(apps, i, app)
	{
		json_array_foreach(json_object_get(app, "policies"), k, p)
		{
			json_object_set(p, "app", json_object_get(app, "domain"));
			json_array_append(all, p);
		}
	}
	return all;
}

static json_t *
owners_of(const json_t *names)
{
	json_t *all = json_array(), *o;
	const json_t *name;
	size_t i, k;

	json_array_foreach(names, i, name)
	{
		if (!json_is_array(json_object_get(name, "owners"))) {
			json_array_append_new(all, json_incref((json_t *)(uintptr_t)name));
			continue;
		}
		json_array_foreach(json_object_get(name, "owners"), k, o)
		{
			json_object_set(o, "name", json_object_get(name, "name"));
			json_object_set_new(o, "signed_in", json_boolean(*json_str_or(o, "sub", "")));
			json_array_append(all, o);
		}
	}
	return all;
}

static int
name_cas(const struct cli *c, const struct cli_api *a, json_t *cas)
{
	json_t *apps = NULL, *ca, *app;
	size_t i, k;
	int r = admin_list(c, a, "/accounts/%A/access/apps", &apps);

	json_array_foreach(cas, i, ca)
	{
		json_array_foreach(apps, k, app) if (!strcmp(json_str_or(app, "aud", "?"), json_str_or(ca, "aud", "")))
		    json_object_set(ca, "app", json_object_get(app, "domain"));
	}
	json_decref(apps);
	return r;
}

static int
reshape(const struct cli *c, const struct cli_api *a, const char *kind, json_t **rows)
{
	json_t *old = *rows, *u;
	size_t i;
	int r = 0;

	if (!strcmp(kind, "policies")) {
		*rows = policies_of(old);
		json_decref(old);
	} else if (!strcmp(kind, "principals") && !c->json) {
		*rows = owners_of(old);
		json_decref(old);
	} else if (!strcmp(kind, "cas")) {
		r = name_cas(c, a, old);
	} else if (!strcmp(kind, "users") && !c->json) {
		json_array_foreach(old, i, u) json_object_set_new(
		    u, "state", json_string(json_bool_or(u, "disabled", false) ? "disabled" : "active"));
	}
	return *rows ? r : E_NOMEM;
}

int
admin_show(struct cli *c, const char *name)
{
	const char *names[NKINDS + 1] = {NULL};
	const struct kind *k = NULL;
	struct cli_api a = {0};
	json_t *rows = NULL;

	for (size_t i = 0; i < NKINDS; i++) {
		names[i] = kinds[i].name;
		if (!strcmp(kinds[i].name, name))
			k = &kinds[i];
	}
	if (!k) {
		const char *near = str_nearest(name, names);
		return cli_fail(SP_CLIENT_USAGE, "get: found \"%s\", expected %s%s%s", name, near ? "\"" : "",
		                near ? near
		                     : "apps, policies, groups, idps, users, service-tokens, tunnels, routes, "
		                       "sessions or cas",
		                near ? "\"" : ""),
		       2;
	}
	int r = cli_api_open(c, &a);
	if (r == 0)
		r = admin_list(c, &a, k->path, &rows);
	if (r == 0)
		r = reshape(c, &a, k->name, &rows);
	if (r == 0 && c->json)
		admin_print_json(rows);
	else if (r == 0 && !json_array_size(rows))
		puts(k->empty);
	else if (r == 0)
		print_table(k, rows);
	json_decref(rows);
	cli_api_release(&a);
	return r == 0 ? 0 : 1;
}

int
admin_get(struct cli *c, struct admin_options *o, const struct cli_list *pos)
{
	if (pos->n != 1)
		return admin_usage("get "
		                   "apps|policies|groups|lists|idps|users|service-tokens|tunnels|routes|sessions|ssh-"
		                   "sessions|host-keys|requests|cas [-o "
		                   "json]");
	return admin_show(c, pos->v[0]);
}

/* What the edge pushes to a connector: the services of the applications that its tunnel leads to. */
#include <stdlib.h>
#include <string.h>

#include "edge/judge/snapshot.h"

#define PRIVATE_TAGS_MAX 64u /* as many as a connector takes; a token of a later one is refused there */

/* A site's path as the regular expression that connectors understand (RE2, POSIX ERE), anchored like the site. */
static json_t *
path_expression(const char *path)
{
	char out[2 * SITE_PATH_MAX + 16];
	size_t n = 0;

	out[n++] = '^';
	for (const char *p = path; *p && n + 8 < sizeof out; p++) {
		if (*p == '*') {
			out[n++] = '.';
			out[n++] = '*';
			continue;
		}
		if (strchr(".^$+?()[]{}|", *p))
			out[n++] = '\\';
		out[n++] = *p;
	}
	out[n] = '\0';
	return path[strlen(path) - 1] == '*' ? json_string(out) : json_sprintf("%s(/|$)", out);
}

/* Could a policy let somebody in who has no token: everybody, or whoever shows a certificate? */
static bool
tokenless(const struct app *a)
{
	for (size_t i = 0; i < a->npolicies; i++) {
		const struct policy *p = policy_real(a->policies[i]);
		json_t *rule;
		size_t k;
		if (p->decision == DECISION_BYPASS)
			return true;
		if (p->decision != DECISION_NON_IDENTITY)
			continue;
		json_array_foreach(p->include, k, rule)
		{
			if (!json_object_get(rule, "service_token") &&
			    !json_object_get(rule, "any_valid_service_token"))
				return true;
		}
	}
	return false;
}

/* Whose tokens the connector shall ask for. "required" stays false: a stock connector would look for keys elsewhere;
   ours asks by its own option (cli/tunnel), unless "bypass" says that there may be none. */
static json_t *
access_of(const struct app *a)
{
	json_t *o = json_pack("{s:b, s:[s]}", "required", 0, "audTag", a->aud);

	if (o && tokenless(a))
		json_object_set_new(o, "bypass", json_true());
	return o;
}

static json_t *
rule_of_site(const struct app *a, const struct site *site)
{
	json_t *rule = json_pack("{s:s, s:s}", "hostname", site->host, "service", a->service);

	if (rule && site->path[0])
		json_object_set_new(rule, "path", path_expression(site->path));
	json_t *o = json_object();
	json_object_set_new(rule, "originRequest", o);
	if (a->aud)
		json_object_set_new(o, "access", access_of(a));
	if (strcmp(a->service, "bastion"))
		return rule;
	if (a->default_destination)
		json_object_set_new(o, "defaultDestination", json_string(a->default_destination));
	json_object_set_new(o, "destinations", texts_to_json(&a->destinations));
	return rule;
}

struct served {
	const struct site *site;
	const struct app *app;
};

static int
by_site(const void *pa, const void *pb)
{
	return site_order(((const struct served *)pa)->site, ((const struct served *)pb)->site);
}

static bool
served_by_rule(const struct snapshot *s, size_t i, const struct tunnel *t)
{
	return s->views[i].tunnel == t && s->apps[i]->service && !app_is_private(s->apps[i]);
}

/* A connector takes the first rule that fits, so the most specific site comes first, as the edge itself chooses. */
static void
services_add(const struct snapshot *s, const struct tunnel *t, json_t *rules)
{
	struct served *v;
	size_t n = 0, w = 0;

	for (size_t i = 0; i < s->napps; i++)
		if (served_by_rule(s, i, t))
			n += s->apps[i]->nsites;
	v = n ? calloc(n, sizeof *v) : NULL;
	if (!v)
		return;
	for (size_t i = 0; i < s->napps; i++)
		for (size_t k = 0; served_by_rule(s, i, t) && k < s->apps[i]->nsites; k++)
			v[w++] = (struct served){&s->apps[i]->sites[k], s->apps[i]};
	qsort(v, n, sizeof *v, by_site);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rules, rule_of_site(v[i].app, v[i].site));
	free(v);
}

/* What the private network applications of the tunnel lead to, all together: the stream names no application, so the
   connector can ask for a token of one of them, and for a destination of one of them, and the edge for both of the
   same. NULL: there are none. */
static json_t *
private_add(const struct snapshot *s, const struct tunnel *t)
{
	json_t *to = NULL, *tags = json_array();

	for (size_t i = 0; i < s->napps; i++) {
		const struct app *a = s->apps[i];
		if (s->views[i].tunnel != t || !app_is_private(a))
			continue;
		if (!to)
			to = json_array();
		if (a->default_destination)
			json_array_append_new(to, json_string(a->default_destination));
		for (size_t k = 0; k < a->destinations.n; k++)
			json_array_append_new(to, json_string(a->destinations.v[k]));
		if (a->aud && json_array_size(tags) < PRIVATE_TAGS_MAX)
			json_array_append_new(tags, json_string(a->aud));
	}
	json_t *out = to ? json_pack("{s:b, s:O, s:{s:b, s:O}}", "enabled", 1, "destinations", to, "access", "required",
	                             0, "audTag", tags)
	                 : NULL;
	json_decref(to);
	json_decref(tags);
	return out;
}

/* Applications' services first; then what was set by PUT configurations; last the catch-all. */
json_t *
snapshot_tunnel_config(const struct snapshot *s, const struct tunnel *t)
{
	json_t *rules = json_array(), *own = t->config ? json_object_get(t->config, "ingress") : NULL;
	size_t n = json_array_size(own);

	services_add(s, t, rules);
	json_t *private = private_add(s, t);
	if (!json_array_size(rules) && !n && !private) {
		json_decref(rules);
		return NULL;
	}
	if (n)
		json_array_extend(rules, own);
	else
		json_array_append_new(rules, json_pack("{s:s}", "service", "http_status:404"));
	json_t *out = t->config && n ? json_copy(t->config) : json_object();
	json_object_set_new(out, "ingress", rules);
	if (private)
		json_object_set_new(out, "warp-routing", private);
	return out;
}

/* Finding an application in a snapshot, and what can be asked about it. */
#include "policy/set.h"

#include <string.h>

size_t
policy_set_count(const struct policy_set *set)
{
	return set->napps;
}

const struct policy_app *
policy_set_at(const struct policy_set *set, size_t i)
{
	return i < set->napps ? &set->apps[i] : NULL;
}

size_t
policy_app_index(const struct policy_app *a)
{
	return (size_t)(a - a->set->apps);
}

/* The best site of run that has host and path (NULL: whatever the path), if it is better than what was found before. */
static void
run_search(const struct site_run *run, const char *host, const char *path, const struct set_site **best,
           bool *ret_paths)
{
	for (size_t i = 0; run && i < run->n; i++) {
		const struct set_site *s = &run->v[i];

		if (!site_host_has(s->at.host, host))
			continue;
		*ret_paths |= s->at.path[0] != '\0';
		if (path && !site_path_has(s->at.path, path))
			continue;
		if (!*best || s->rank < (*best)->rank)
			*best = s;
	}
}

static const struct set_site *
search(const struct policy_set *set, const char *host, const char *path, bool *ret_paths)
{
	const struct set_site *best = NULL;

	*ret_paths = false;
	run_search(map_get(&set->by_host, host), host, path, &best, ret_paths);
	for (const char *dot = strchr(host, '.'); dot; dot = strchr(dot + 1, '.'))
		run_search(map_get(&set->by_tail, dot + 1), host, path, &best, ret_paths);
	return best;
}

int
policy_set_find(const struct policy_set *set, const char *host, const char *path, const struct policy_app **ret_app)
{
	char plain[SITE_PLAIN_MAX + 1];
	const struct set_site *best;
	bool paths;

	best = search(set, host, NULL, &paths);
	if (best && paths) {
		if (site_path_plain(path, plain) != 0)
			return E_FORMAT;
		best = search(set, host, plain, &paths);
	}
	if (!best)
		return E_NOENT;
	*ret_app = best->app;
	return E_OK;
}

const struct policy_app *
policy_set_by_host(const struct policy_set *set, const char *host)
{
	const struct policy_app *a = NULL;

	return policy_set_find(set, host, "/", &a) == E_OK ? a : NULL;
}

const struct policy_app *
policy_set_any_by_host(const struct policy_set *set, const char *host)
{
	const struct policy_app *whole = policy_set_by_host(set, host);
	const struct set_site *best;
	bool paths;

	if (whole)
		return whole;
	best = search(set, host, NULL, &paths);
	return best ? best->app : NULL;
}

bool
policy_app_has_host(const struct policy_app *a, const char *host)
{
	for (size_t i = 0; i < a->nsites; i++)
		if (site_host_has(a->sites[i].host, host))
			return true;
	return false;
}

const struct policy_app *
policy_set_by_id(const struct policy_set *set, const char *id)
{
	return map_get(&set->by_id, id);
}

const struct policy_app *
policy_set_by_aud(const struct policy_set *set, const char *aud)
{
	return map_get(&set->by_aud, aud);
}

const struct policy_app *
policy_set_by_name(const struct policy_set *set, const char *name)
{
	return map_get(&set->by_name, name);
}

const char *
policy_app_id(const struct policy_app *a)
{
	return a->id;
}

const char *
policy_app_aud(const struct policy_app *a)
{
	return a->aud;
}

const char *
policy_app_name(const struct policy_app *a)
{
	return a->name;
}

const char *
policy_app_domain(const struct policy_app *a)
{
	return a->domain;
}

const char *
policy_app_broken(const struct policy_app *a)
{
	return a->broken;
}

int64_t
policy_app_session_ms(const struct policy_app *a)
{
	return a->session_ms;
}

const char *const *
policy_app_idps(const struct policy_app *a, size_t *ret_n)
{
	*ret_n = a->nidps;
	return (const char *const *)a->idps;
}

bool
policy_app_idp_allowed(const struct policy_app *a, const char *idp_id)
{
	if (a->nidps == 0)
		return true;
	for (size_t i = 0; idp_id && i < a->nidps; i++)
		if (strcmp(a->idps[i], idp_id) == 0)
			return true;
	return false;
}

bool
policy_app_has_non_identity(const struct policy_app *a)
{
	return a->nfirst > 0;
}

struct external {
	const struct policy_set *set;
	struct policy_external *v;
	size_t n, max;
};

static void external_of(struct external *x, const struct ruleset *rs);

static void
external_of_rules(struct external *x, const struct rules *rules)
{
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->v[i];
		bool known = false;
		if (r->sel == SEL_GROUP)
			external_of(x, &x->set->groups[r->group].rs);
		if (r->sel != SEL_EXTERNAL_EVALUATION)
			continue;
		for (size_t k = 0; k < x->n; k++)
			known |= strcmp(x->v[k].evaluate_url, r->text) == 0;
		if (!known && x->n < x->max)
			x->v[x->n++] = (struct policy_external){r->text, r->claim};
	}
}

/* Groups do not go in circles: compile has seen to it. */
static void
external_of(struct external *x, const struct ruleset *rs)
{
	external_of_rules(x, &rs->include);
	external_of_rules(x, &rs->require);
	external_of_rules(x, &rs->exclude);
}

size_t
policy_app_external(const struct policy_app *a, struct policy_external *v, size_t max)
{
	struct external x = {.set = a->set, .v = v, .max = max};

	for (size_t i = 0; !a->broken && i < a->npolicies; i++)
		external_of(&x, &a->policies[i].rs);
	return x.n;
}

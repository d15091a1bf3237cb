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

/* pattern: one '*' in its first label, standing for any part of that label. */
static bool
wild_match(const char *pattern, const char *host)
{
	const char *star = strchr(pattern, '*'), *pdot = strchr(pattern, '.'), *hdot = strchr(host, '.');
	size_t head = (size_t)(star - pattern), tail = (size_t)(pdot - star - 1), label;

	if (!hdot || strcmp(pdot, hdot) != 0)
		return false;
	label = (size_t)(hdot - host);
	return label >= head + tail && memcmp(pattern, host, head) == 0 && memcmp(star + 1, hdot - tail, tail) == 0;
}

const struct policy_app *
policy_set_by_host(const struct policy_set *set, const char *host)
{
	const struct policy_app *a;

	if (strchr(host, '*')) /* a pattern's own key is not a host name */
		return NULL;
	a = map_get(&set->by_host, host);
	for (size_t i = 0; !a && i < set->nwild; i++)
		if (wild_match(set->wild[i]->domain, host))
			a = set->wild[i];
	return a;
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

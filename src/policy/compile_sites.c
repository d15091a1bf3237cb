#include "policy/compiler.h"

#include <stdlib.h>
#include <string.h>

/* --- sites ----------------------------------------------------------------------------------------------------------
 */

static int
by_order(const void *pa, const void *pb)
{
	const struct set_site *a = pa, *b = pb;
	int c = site_order(&a->at, &b->at);

	return c != 0 ? c : a->app < b->app ? -1 : a->app > b->app;
}

/* The key under which a site is looked for: its host, or what follows the last label with a star. */
static const char *
site_key(const struct site *s)
{
	const char *star = strrchr(s->host, '*');

	return star ? strchr(star, '.') + 1 : s->host;
}

static int
by_key(const void *pa, const void *pb)
{
	const struct set_site *a = pa, *b = pb;
	const bool wa = strchr(a->at.host, '*') != NULL, wb = strchr(b->at.host, '*') != NULL;
	int c;

	if (wa != wb)
		return wa ? 1 : -1;
	c = strcmp(site_key(&a->at), site_key(&b->at));
	return c != 0 ? c : a->rank < b->rank ? -1 : a->rank > b->rank;
}

static int
fail_site(struct compiler *c, const struct set_site *a, const struct set_site *b, struct model_error *err)
{
	const struct policy_app *app = b->app;
	const char *member = "/domain";

	for (size_t i = 0; i < app->nsites; i++)
		if (app->sites[i].host == b->at.host)
			member = app_site_member(c->src->apps[policy_app_index(app)], i);
	model_fail(err, member, "two applications have the domain \"%.60s%.60s\": \"%.60s\" and \"%.60s\"", b->at.host,
	           b->at.path, a->app->name, app->name);
	model_error_prefix(err, "/apps/%zu", policy_app_index(app));
	return E_FORMAT;
}

/* The later of two applications that claim one site loses it, and in a strict compile the whole set is refused. */
static int
sites_unique(struct compiler *c, struct model_error *err)
{
	struct policy_set *set = c->set;
	struct model_error local = {{0}};
	size_t w = 0;
	int ret;

	for (size_t i = 0; i < set->nsites; i++) {
		struct set_site *s = &set->sites[i];

		if (w == 0 || site_order(&set->sites[w - 1].at, &s->at) != 0) {
			set->sites[w++] = *s;
			continue;
		}
		fail_site(c, &set->sites[w - 1], s, &local);
		if (err)
			*err = local;
		if (!c->src->keep_broken)
			return E_FORMAT;
		s->app->npolicies = s->app->nfirst = s->app->nidps = 0;
		ret = compile_broken_text(c, &local, &s->app->broken);
		if (ret != E_OK)
			return ret;
	}
	set->nsites = w;
	return E_OK;
}

static int
runs_make(struct compiler *c)
{
	struct policy_set *set = c->set;
	int ret = E_OK;

	for (size_t i = 0, end; ret == E_OK && i < set->nsites; i = end) {
		const char *key = site_key(&set->sites[i].at);
		const bool wild = strchr(set->sites[i].at.host, '*') != NULL;
		struct site_run *run = arena_alloc(&set->mem, sizeof *run);

		if (!run)
			return E_NOMEM;
		for (end = i + 1; end < set->nsites; end++)
			if ((strchr(set->sites[end].at.host, '*') != NULL) != wild ||
			    strcmp(site_key(&set->sites[end].at), key) != 0)
				break;
		*run = (struct site_run){&set->sites[i], end - i};
		ret = map_put(wild ? &set->by_tail : &set->by_host, key, run);
	}
	return ret;
}

int
compile_sites(struct compiler *c, struct model_error *err)
{
	struct policy_set *set = c->set;
	size_t n = 0, w = 0;
	int ret;

	for (size_t i = 0; i < set->napps; i++)
		n += set->apps[i].nsites;
	set->sites = arena_alloc(&set->mem, (n ? n : 1) * sizeof *set->sites);
	if (!set->sites)
		return E_NOMEM;
	for (size_t i = 0; i < set->napps; i++)
		for (size_t k = 0; k < set->apps[i].nsites; k++)
			set->sites[w++] = (struct set_site){.at = set->apps[i].sites[k], .app = &set->apps[i]};
	set->nsites = n;
	qsort(set->sites, n, sizeof *set->sites, by_order);
	ret = sites_unique(c, err);
	if (ret != E_OK)
		return ret;
	for (size_t i = 0; i < set->nsites; i++)
		set->sites[i].rank = i;
	qsort(set->sites, set->nsites, sizeof *set->sites, by_key);
	return runs_make(c);
}

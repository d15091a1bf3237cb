#include "policy/compile.h"

#include "core/str.h"
#include "policy/compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- rule sets ------------------------------------------------------------------------------------------------------
 */

static int
email_order(const void *pa, const void *pb)
{
	const struct email_key *a = pa, *b = pb;

	return a->hash != b->hash ? (a->hash < b->hash ? -1 : 1) : strcmp(a->text, b->text);
}

static int
rules_index(struct compiler *c, struct rules *r)
{
	struct email_key *emails = arena_alloc(&c->set->mem, (r->n ? r->n : 1) * sizeof *emails);
	const struct rule **rest = arena_alloc(&c->set->mem, (r->n ? r->n : 1) * sizeof *rest);

	if (!emails || !rest)
		return E_NOMEM;
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->v[i].sel == SEL_EMAIL)
			emails[r->nemails++] = (struct email_key){email_hash(r->v[i].text), r->v[i].text};
		else
			rest[r->nrest++] = &r->v[i];
	}
	qsort(emails, r->nemails, sizeof *emails, email_order);
	r->emails = emails;
	r->rest = rest;
	return E_OK;
}

static int
rules_compile(struct compiler *c, const char *list, const json_t *j, struct rules *ret, struct model_error *err)
{
	size_t n = json_array_size(j);
	struct rule *v;
	int e;

	if (n > POLICY_RULES_MAX)
		return model_fail(err, "", "found %zu rules under %s, expected at most %d", n, list, POLICY_RULES_MAX);
	v = arena_alloc(&c->set->mem, (n ? n : 1) * sizeof *v);
	if (!v)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		e = rule_parse(json_array_get(j, i), &c->set->mem, &v[i], err);
		if (e == E_OK) {
			e = compile_rule(c, &v[i], err);
			if (e != E_OK)
				model_error_prefix(err, "/%s", selector_rows[v[i].sel].name);
		}
		if (e != E_OK) {
			model_error_prefix(err, "/%s/%zu", list, i);
			return e;
		}
	}
	*ret = (struct rules){.v = v, .n = (uint32_t)n};
	return rules_index(c, ret);
}

static int
ruleset_compile(struct compiler *c, const json_t *include, const json_t *require, const json_t *exclude,
                struct ruleset *ret, struct model_error *err)
{
	int e;

	if (json_array_size(include) == 0)
		return model_fail(err, "/include", "found no rule, expected at least one such as {everyone: {}}");
	e = rules_compile(c, "include", include, &ret->include, err);
	if (e == E_OK)
		e = rules_compile(c, "require", require, &ret->require, err);
	if (e == E_OK)
		e = rules_compile(c, "exclude", exclude, &ret->exclude, err);
	return e;
}

static const struct rules *
ruleset_list(const struct ruleset *rs, int i)
{
	return i == 0 ? &rs->include : i == 1 ? &rs->require : &rs->exclude;
}
static const char *const list_names[3] = {"include", "require", "exclude"};

/* Rules that a verdict may look at, and whether any asks about a person. All groups below are walked already. */
static uint64_t
ruleset_steps(const struct policy_set *set, const struct ruleset *rs, bool *ret_identity, const char **ret_broken)
{
	uint64_t steps = 0;

	for (int l = 0; l < 3; l++) {
		const struct rules *rules = ruleset_list(rs, l);
		for (uint32_t i = 0; i < rules->n; i++) {
			const struct rule *r = &rules->v[i];
			steps++;
			if (selector_rows[r->sel].flags & SF_IDENTITY)
				*ret_identity = true;
			if (r->sel != SEL_GROUP)
				continue;
			steps += set->groups[r->group].steps;
			*ret_identity |= set->groups[r->group].identity;
			if (set->groups[r->group].broken)
				*ret_broken = set->groups[r->group].broken;
		}
	}
	return steps;
}

/* --- groups ---------------------------------------------------------------------------------------------------------
 */

static int
fail_cycle(struct compiler *c, size_t at, struct model_error *err)
{
	char text[240];
	size_t w = 0, i = 0;

	while (i < c->npath && c->path[i] != at)
		i++;
	for (; i < c->npath && w < sizeof text; i++)
		w += (size_t)snprintf(text + w, sizeof text - w, "%.40s -> ", c->set->groups[c->path[i]].name);
	if (w < sizeof text)
		snprintf(text + w, sizeof text - w, "%.40s", c->set->groups[at].name);
	return model_fail(err, "", "groups include themselves: %s", text);
}

/* Depth-first: finds cycles, computes depth and steps. */
static int
group_walk(struct compiler *c, size_t at, struct model_error *err)
{
	struct set_group *g = &c->set->groups[at];
	int ret;

	if (g->color == GROUP_BLACK)
		return E_OK;
	if (g->color == GROUP_GREY)
		return fail_cycle(c, at, err);
	if (c->npath >= POLICY_GROUP_DEPTH_MAX)
		return model_fail(err, "", "groups are nested more than %d deep at \"%.60s\"", POLICY_GROUP_DEPTH_MAX,
		                  g->name);
	g->color = GROUP_GREY;
	c->path[c->npath++] = at;
	g->depth = 1;
	for (int l = 0; l < 3; l++) {
		const struct rules *rules = ruleset_list(&g->rs, l);
		for (uint32_t i = 0; i < rules->n; i++) {
			const struct set_group *sub;

			if (rules->v[i].sel != SEL_GROUP)
				continue;
			ret = group_walk(c, rules->v[i].group, err);
			if (ret != E_OK)
				return ret;
			sub = &c->set->groups[rules->v[i].group];
			if (sub->depth + 1 > g->depth)
				g->depth = sub->depth + 1;
		}
	}
	if (g->depth > POLICY_GROUP_DEPTH_MAX)
		return model_fail(err, "", "groups are nested more than %d deep at \"%.60s\"", POLICY_GROUP_DEPTH_MAX,
		                  g->name);
	g->steps = ruleset_steps(c->set, &g->rs, &g->identity, &g->broken);
	if (g->steps > POLICY_EVAL_STEPS_MAX)
		return model_fail(err, "", "group \"%.60s\" stands for more than %d rules with the groups in it",
		                  g->name, POLICY_EVAL_STEPS_MAX);
	c->npath--;
	g->color = GROUP_BLACK;
	return E_OK;
}

/* In a snapshot that keeps what is broken, an object's error becomes its text. */
int
compile_broken_text(struct compiler *c, const struct model_error *err, const char **ret)
{
	char text[600];

	model_error_format(err, text, sizeof text);
	*ret = arena_str(&c->set->mem, text);
	return *ret ? E_OK : E_NOMEM;
}

static int
group_broken(struct compiler *c, struct set_group *g, const struct model_error *err)
{
	g->rs = (struct ruleset){0};
	g->color = GROUP_BLACK;
	g->depth = 1;
	return compile_broken_text(c, err, &g->broken);
}

static int
groups_name(struct compiler *c)
{
	const struct policy_source *s = c->src;
	int ret = E_OK;

	c->set->groups = arena_alloc(&c->set->mem, (s->ngroups ? s->ngroups : 1) * sizeof *c->set->groups);
	if (!c->set->groups)
		return E_NOMEM;
	c->set->ngroups = s->ngroups;
	for (size_t i = 0; ret == E_OK && i < s->ngroups; i++) {
		struct set_group *g = &c->set->groups[i];

		g->id = compile_keep(c, s->groups[i]->id);
		g->name = compile_keep(c, s->groups[i]->name);
		if (!g->id || !g->name)
			return E_NOMEM;
		if (g->id[0])
			ret = compile_name(&c->group_ids, g->id, g);
		if (ret == E_OK)
			ret = compile_name(&c->group_names, g->name, g);
	}
	return ret;
}

static int
groups_compile(struct compiler *c, struct model_error *err)
{
	const struct policy_source *s = c->src;
	struct model_error local = {{0}};
	int ret = groups_name(c);

	for (size_t i = 0; ret == E_OK && i < s->ngroups; i++) {
		const struct group *g = s->groups[i];

		ret = ruleset_compile(c, g->include, g->require, g->exclude, &c->set->groups[i].rs, &local);
		if (ret == E_OK)
			continue;
		model_error_prefix(&local, "/groups/%zu", i);
		if (ret == E_FORMAT && s->keep_broken)
			ret = group_broken(c, &c->set->groups[i], &local);
	}
	for (size_t i = 0; ret == E_OK && i < s->ngroups; i++) {
		c->npath = 0;
		ret = group_walk(c, i, &local);
		if (ret == E_OK)
			continue;
		model_error_prefix(&local, "/groups/%zu", i);
		if (ret == E_FORMAT && s->keep_broken) { /* all that led there: their answer would be a guess */
			ret = E_OK;
			for (size_t k = 0; ret == E_OK && k < c->npath; k++)
				ret = group_broken(c, &c->set->groups[c->path[k]], &local);
		}
	}
	if (ret != E_OK && err)
		*err = local;
	return ret;
}

static int
idps_name(struct compiler *c)
{
	int ret = E_OK;

	for (size_t i = 0; ret == E_OK && i < c->src->nidps; i++) {
		const struct idp *p = c->src->idps[i];

		if (p->id)
			ret = compile_name(&c->idp_ids, p->id, (void *)(uintptr_t)p);
		if (ret == E_OK && p->id && p->name)
			ret = compile_name(&c->idp_names, p->name, (void *)(uintptr_t)p);
	}
	return ret;
}

static int
lists_compile(struct compiler *c)
{
	const struct policy_source *s = c->src;
	int ret = E_OK;

	c->set->lists = arena_alloc(&c->set->mem, (s->nlists ? s->nlists : 1) * sizeof *c->set->lists);
	if (!c->set->lists)
		return E_NOMEM;
	for (size_t i = 0; ret == E_OK && i < s->nlists; i++) {
		struct set_list *l = &c->set->lists[c->set->nlists++];

		l->id = compile_keep(c, s->lists[i]->id);
		l->name = compile_keep(c, s->lists[i]->name);
		if (!l->id || !l->name)
			return E_NOMEM;
		ret = members_init(&l->items, s->lists[i], &c->set->mem);
		if (ret == E_OK && l->id[0])
			ret = compile_name(&c->list_ids, l->id, l);
		if (ret == E_OK)
			ret = compile_name(&c->list_names, l->name, l);
	}
	return ret;
}

/* What rules refer to by id or name without anything of it being compiled. */
static int
others_name(struct compiler *c)
{
	const struct policy_source *s = c->src;
	int ret = E_OK;

	for (size_t i = 0; ret == E_OK && s->service_tokens && i < s->nservice_tokens; i++) {
		ret = compile_name(&c->token_ids, s->service_tokens[i].id, (void *)(uintptr_t)&s->service_tokens[i]);
		if (ret == E_OK)
			ret = compile_name(&c->token_names, s->service_tokens[i].name,
			                   (void *)(uintptr_t)&s->service_tokens[i]);
	}
	for (size_t i = 0; ret == E_OK && i < s->napps; i++) {
		if (!s->apps[i]->id)
			continue;
		ret = compile_name(&c->app_ids, s->apps[i]->id, (void *)(uintptr_t)s->apps[i]);
		if (ret == E_OK)
			ret = compile_name(&c->app_names, s->apps[i]->name, (void *)(uintptr_t)s->apps[i]);
	}
	return ret;
}

/* --- applications ---------------------------------------------------------------------------------------------------
 */

static bool
is_first_phase(int decision)
{
	return decision == DECISION_BYPASS || decision == DECISION_NON_IDENTITY;
}

static int
fail_identity(struct compiler *c, const struct ruleset *rs, int decision, struct model_error *err)
{
	char what[128];

	for (int l = 0; l < 3; l++) {
		const struct rules *rules = ruleset_list(rs, l);
		for (uint32_t i = 0; i < rules->n; i++) {
			const struct rule *r = &rules->v[i];
			if (!(selector_rows[r->sel].flags & SF_IDENTITY) &&
			    !(r->sel == SEL_GROUP && c->set->groups[r->group].identity))
				continue;
			model_fail(
			    err, "",
			    "%s asks who the user is, but a %s policy is looked at before anybody signs in; use allow",
			    rule_describe(r, what, sizeof what), decision_str(decision));
			model_error_prefix(err, "/%s/%u", list_names[l], i);
			return E_FORMAT;
		}
	}
	return E_OK;
}

static int
policy_compile(struct compiler *c, const struct policy *p, int64_t app_ms, struct set_policy *ret, uint64_t *steps,
               struct model_error *err)
{
	const char *broken = NULL;
	bool identity = false;
	int e;

	ret->id = compile_keep(c, p->id);
	ret->name = compile_keep(c, p->name);
	if (!ret->id || !ret->name)
		return E_NOMEM;
	ret->decision = p->decision;
	ret->approval = p->approval_required;
	ret->session_ms = p->session_duration_ms >= 0 ? p->session_duration_ms : app_ms;
	e = ruleset_compile(c, p->include, p->require, p->exclude, &ret->rs, err);
	if (e != E_OK)
		return e;
	*steps += ruleset_steps(c->set, &ret->rs, &identity, &broken);
	if (broken)
		return model_fail(err, "", "uses a group that cannot be used: %.200s", broken);
	if (identity && is_first_phase(p->decision))
		return fail_identity(c, &ret->rs, p->decision, err);
	return E_OK;
}

static int
shared_compile(struct compiler *c, struct model_error *err)
{
	const struct policy_source *s = c->src;
	int ret = E_OK;

	c->set->shared = arena_alloc(&c->set->mem, (s->npolicies ? s->npolicies : 1) * sizeof *c->set->shared);
	if (!c->set->shared)
		return E_NOMEM;
	for (size_t i = 0; ret == E_OK && i < s->npolicies; i++) {
		struct shared_policy *at = &c->set->shared[c->set->nshared++];
		struct model_error local = {{0}};

		if (s->policies[i]->id)
			ret = compile_name(&c->policy_ids, s->policies[i]->id, at);
		if (ret == E_OK)
			ret = compile_name(&c->policy_names, s->policies[i]->name, at);
		if (ret == E_OK)
			ret = policy_compile(c, s->policies[i], -1, &at->p, &at->steps, &local);
		if (ret == E_OK)
			continue;
		model_error_prefix(&local, "/policies/%zu", i);
		if (err)
			*err = local;
		if (ret == E_FORMAT && s->keep_broken)
			ret = compile_broken_text(c, &local, &at->broken);
	}
	return ret;
}

/* A reusable policy as this application uses it. */
static int
policy_shared(struct compiler *c, const struct policy *p, int64_t app_ms, struct set_policy *ret, uint64_t *steps,
              struct model_error *err)
{
	const struct shared_policy *s;
	size_t index = ret->index;
	void *at;
	int e = compile_reference(&c->policy_ids, &c->policy_names, "reusable policy", p->ref, &at, err);

	if (e != E_OK)
		return e;
	s = at;
	if (s->broken)
		return model_fail(err, "", "uses a reusable policy that cannot be used: %.200s", s->broken);
	*ret = s->p;
	ret->index = index;
	if (ret->session_ms < 0)
		ret->session_ms = app_ms;
	*steps += s->steps;
	return E_OK;
}

static int
decision_of(const struct compiler *c, const struct policy *p)
{
	const struct shared_policy *s;

	if (!p->ref)
		return p->decision;
	s = map_get(&c->policy_ids, p->ref);
	if (!s)
		s = map_get(&c->policy_names, p->ref);
	return s && (const void *)s != compile_ambiguous ? s->p.decision : DECISION_DENY;
}

static int
app_policies(struct compiler *c, const struct app *src, struct policy_app *a, struct model_error *err)
{
	uint64_t steps = 0;
	size_t w = 0;
	int ret;

	a->policies = arena_alloc(&c->set->mem, (src->npolicies ? src->npolicies : 1) * sizeof *a->policies);
	if (!a->policies)
		return E_NOMEM;
	for (int phase = 0; phase < 2; phase++) {
		for (size_t i = 0; i < src->npolicies; i++) {
			const struct policy *p = src->policies[i];

			if (is_first_phase(decision_of(c, p)) != (phase == 0))
				continue;
			a->policies[w].index = i;
			ret = p->ref ? policy_shared(c, p, a->session_ms, &a->policies[w], &steps, err)
			             : policy_compile(c, p, a->session_ms, &a->policies[w], &steps, err);
			if (ret != E_OK) {
				model_error_prefix(err, "/policies/%zu", p->listed);
				return ret;
			}
			w++;
		}
		if (phase == 0)
			a->nfirst = w;
	}
	if (steps > POLICY_EVAL_STEPS_MAX)
		return model_fail(err, "/policies", "found more than %d rules with the groups in them",
		                  POLICY_EVAL_STEPS_MAX);
	a->npolicies = w;
	return E_OK;
}

static int
app_idps(struct compiler *c, const struct app *src, struct policy_app *a, struct model_error *err)
{
	size_t n = src->allowed_idps.n;
	int ret;

	a->idps = arena_alloc(&c->set->mem, (n ? n : 1) * sizeof *a->idps);
	if (!a->idps)
		return E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		ret = compile_idp(c, src->allowed_idps.v[i], &a->idps[i], err);
		if (ret != E_OK) {
			model_error_prefix(err, "/allowed_idps/%zu", i);
			return ret;
		}
	}
	a->nidps = n;
	return E_OK;
}

static int
app_index(struct policy_set *set, struct policy_app *a, struct model_error *err)
{
	int ret = E_OK;

	if (a->id[0])
		ret = map_put(&set->by_id, a->id, a);
	if (ret == E_OK && a->aud[0])
		ret = map_put(&set->by_aud, a->aud, a);
	if (ret == E_EXIST)
		return model_fail(err, "", "two applications have one id or aud");
	if (ret != E_OK)
		return ret;
	ret = map_put(&set->by_name, a->name, a);
	return ret == E_EXIST ? E_OK : ret;
}

static int
app_sites(struct compiler *c, const struct app *src, struct policy_app *a)
{
	struct site *v = arena_alloc(&c->set->mem, (src->nsites ? src->nsites : 1) * sizeof *v);

	if (!v)
		return E_NOMEM;
	for (size_t i = 0; i < src->nsites; i++) {
		v[i] = (struct site){arena_str(&c->set->mem, src->sites[i].host),
		                     arena_str(&c->set->mem, src->sites[i].path)};
		if (!v[i].host || !v[i].path)
			return E_NOMEM;
	}
	a->sites = v;
	a->nsites = src->nsites;
	return E_OK;
}

static int
app_compile(struct compiler *c, const struct app *src, struct policy_app *a, struct model_error *err)
{
	int ret;

	a->set = c->set;
	a->id = compile_keep(c, src->id);
	a->aud = compile_keep(c, src->aud);
	a->name = compile_keep(c, src->name);
	a->domain = compile_keep(c, src->domain);
	if (!a->id || !a->aud || !a->name || !a->domain)
		return E_NOMEM;
	a->session_ms = src->session_duration_ms;
	ret = app_sites(c, src, a);
	if (ret == E_OK)
		ret = app_index(c->set, a, err);
	if (ret == E_OK)
		ret = app_idps(c, src, a, err);
	if (ret == E_OK)
		ret = app_policies(c, src, a, err);
	return ret;
}

static int
apps_compile(struct compiler *c, struct model_error *err)
{
	const struct policy_source *s = c->src;
	struct policy_set *set = c->set;
	struct model_error local = {{0}};
	int ret;

	set->apps = arena_alloc(&set->mem, (s->napps ? s->napps : 1) * sizeof *set->apps);
	if (!set->apps)
		return E_NOMEM;
	for (size_t i = 0; i < s->napps; i++) {
		struct policy_app *a = &set->apps[set->napps++];

		ret = app_compile(c, s->apps[i], a, &local);
		if (ret == E_OK)
			continue;
		model_error_prefix(&local, "/apps/%zu", i);
		if (err)
			*err = local;
		if (ret != E_FORMAT || !s->keep_broken)
			return ret;
		a->npolicies = a->nfirst = a->nidps = 0;
		ret = compile_broken_text(c, &local, &a->broken);
		if (ret != E_OK)
			return ret;
	}
	return E_OK;
}

int
policy_set_compile(const struct policy_source *src, struct policy_set **ret_set, struct model_error *err)
{
	struct compiler c = {.src = src};
	struct map *const names[] = {&c.group_ids, &c.group_names, &c.idp_ids,    &c.idp_names,
	                             &c.list_ids,  &c.list_names,  &c.token_ids,  &c.token_names,
	                             &c.app_ids,   &c.app_names,   &c.policy_ids, &c.policy_names};
	const size_t nnames = sizeof names / sizeof *names;
	int ret = E_NOMEM;

	for (size_t i = 0; i < nnames; i++)
		map_init(names[i], NAMES_MAX, 0, NULL);
	c.set = calloc(1, sizeof *c.set);
	if (!c.set)
		goto out;
	arena_init(&c.set->mem, POLICY_SET_BYTES_MAX);
	map_init(&c.set->by_host, SITES_MAX, 0, NULL);
	map_init(&c.set->by_tail, SITES_MAX, 0, NULL);
	map_init(&c.set->by_id, NAMES_MAX, 0, NULL);
	map_init(&c.set->by_aud, NAMES_MAX, 0, NULL);
	map_init(&c.set->by_name, NAMES_MAX, 0, NULL);
	ret = idps_name(&c);
	if (ret == E_OK)
		ret = others_name(&c);
	if (ret == E_OK)
		ret = lists_compile(&c);
	if (ret == E_OK)
		ret = groups_compile(&c, err);
	if (ret == E_OK)
		ret = shared_compile(&c, err);
	if (ret == E_OK)
		ret = apps_compile(&c, err);
	if (ret == E_OK)
		ret = compile_sites(&c, err);
	if (ret != E_OK)
		goto out;
	*ret_set = c.set;
	c.set = NULL;
out:
	for (size_t i = 0; i < nnames; i++)
		map_release(names[i]);
	policy_set_free(c.set);
	return ret;
}

void
policy_set_free(struct policy_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->nlists; i++)
		members_release(&set->lists[i].items);
	map_release(&set->by_host);
	map_release(&set->by_tail);
	map_release(&set->by_id);
	map_release(&set->by_aud);
	map_release(&set->by_name);
	arena_release(&set->mem);
	free(set);
}

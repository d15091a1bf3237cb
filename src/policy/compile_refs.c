#include "policy/compiler.h"

#include "core/str.h"

#include <stdlib.h>
#include <string.h>

const char *
compile_keep(struct compiler *c, const char *s)
{
	return s ? arena_str(&c->set->mem, s) : "";
}

/* --- references -----------------------------------------------------------------------------------------------------
 */

/* The nearest of the map's keys, for "did you mean". Only small maps are searched. */
static const char *
nearest_key(const struct map *m, const char *s)
{
	const char **names, *near = NULL;
	struct map_iter it = {0};
	size_t n = 0;

	if (map_len(m) > 2000)
		return NULL;
	names = calloc(map_len(m) + 1, sizeof *names);
	if (!names)
		return NULL;
	while (n < map_len(m) && map_next(m, &it))
		names[n++] = it.key;
	near = str_nearest(s, names);
	free(names);
	return near;
}

static int
fail_reference(const char *what, const char *ref, const struct map *names, struct model_error *err)
{
	const char *near = nearest_key(names, ref);

	if (near)
		return model_fail(err, "", "there is no %s \"%.60s\"; did you mean \"%.60s\"?", what, ref, near);
	return model_fail(err, "", "there is no %s \"%.60s\"", what, ref);
}

const char compile_ambiguous[] = ""; /* its address counts */

int
compile_name(struct map *m, const char *name, void *value)
{
	int ret = map_put(m, name, value);

	return ret == E_EXIST ? map_set(m, name, (void *)(uintptr_t)compile_ambiguous) : ret;
}

int
compile_reference(const struct map *ids, const struct map *names, const char *what, const char *ref, void **ret_at,
                  struct model_error *err)
{
	void *at = map_get(ids, ref);

	if (!at)
		at = map_get(names, ref);
	if (!at)
		return fail_reference(what, ref, names, err);
	if (at == compile_ambiguous)
		return model_fail(err, "", "there are several %ss named \"%.60s\"; refer to it by id", what, ref);
	*ret_at = at;
	return E_OK;
}

/* Provider reference (id or name) to its id. */
int
compile_idp(struct compiler *c, const char *ref, const char **ret_id, struct model_error *err)
{
	void *at;
	int ret = compile_reference(&c->idp_ids, &c->idp_names, "identity provider", ref, &at, err);

	if (ret != E_OK)
		return ret;
	*ret_id = compile_keep(c, ((const struct idp *)at)->id);
	return *ret_id ? E_OK : E_NOMEM;
}

static uint32_t
idp_type_of(const struct compiler *c, const char *ref)
{
	const struct idp *p = map_get(&c->idp_ids, ref);

	if (!p)
		p = map_get(&c->idp_names, ref);
	return p && (const void *)p != compile_ambiguous ? (uint32_t)p->type : UINT32_MAX;
}

static int
list_resolve(struct compiler *c, struct rule *r, struct model_error *err)
{
	const int want = r->sel == SEL_IP_LIST ? ACCESS_LIST_IP : ACCESS_LIST_EMAIL;
	struct set_list *l;
	void *at;
	int ret = compile_reference(&c->list_ids, &c->list_names, "list", r->text, &at, err);

	if (ret != E_OK)
		return ret;
	l = at;
	if (l->items.type != want)
		return model_fail(err, "", "list \"%.60s\" has type %s, expected %s", l->name,
		                  access_list_type_str(l->items.type), access_list_type_str(want));
	r->group = (uint32_t)(l - c->set->lists);
	r->text = l->name; /* for people */
	return E_OK;
}

static int
token_resolve(struct compiler *c, struct rule *r, struct model_error *err)
{
	void *at;
	int ret;

	/* One may be deleted before the rules that spoke of its id: they match nobody then. */
	if (!c->src->service_tokens || (model_is_id(r->text) && !map_get(&c->token_ids, r->text)))
		return E_OK;
	ret = compile_reference(&c->token_ids, &c->token_names, "service token", r->text, &at, err);
	if (ret == E_OK && !(r->text = compile_keep(c, ((const struct policy_ref *)at)->id)))
		ret = E_NOMEM;
	return ret;
}

static int
linked_resolve(struct compiler *c, struct rule *r, struct model_error *err)
{
	void *at;
	int ret = compile_reference(&c->app_ids, &c->app_names, "application", r->text, &at, err);

	if (ret == E_OK && !(r->text = compile_keep(c, ((const struct app *)at)->id)))
		ret = E_NOMEM;
	return ret;
}

static int
group_resolve(struct compiler *c, struct rule *r, struct model_error *err)
{
	struct set_group *g;
	void *at;
	int ret = compile_reference(&c->group_ids, &c->group_names, "group", r->text, &at, err);

	if (ret != E_OK)
		return ret;
	g = at;
	r->group = (uint32_t)(g - c->set->groups);
	r->text = g->name; /* for people */
	return E_OK;
}

int
compile_rule(struct compiler *c, struct rule *r, struct model_error *err)
{
	int ret = E_OK;

	switch (r->sel) {
	case SEL_GROUP:
		ret = group_resolve(c, r, err);
		break;
	case SEL_LOGIN_METHOD:
		r->group = idp_type_of(c, r->text);
		ret = compile_idp(c, r->text, &r->text, err);
		break;
	case SEL_EMAIL_LIST:
	case SEL_IP_LIST:
		ret = list_resolve(c, r, err);
		break;
	case SEL_SERVICE_TOKEN:
		ret = token_resolve(c, r, err);
		break;
	case SEL_LINKED_APP_TOKEN:
		ret = linked_resolve(c, r, err);
		break;
	default:
		break;
	}
	if (ret == E_OK && r->idp)
		ret = compile_idp(c, r->idp, &r->idp, err);
	r->ntext = r->text ? (uint32_t)strlen(r->text) : 0;
	return ret;
}

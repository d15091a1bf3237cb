/* Access groups. */
#include <string.h>

#include "edge/judge/api.h"

static const struct group *
find(struct req *r, int64_t *ret_version)
{
	for (size_t i = 0; i < r->snap->ngroups; i++)
		if (!strcmp(r->snap->groups[i]->id, r->seg[1])) {
			*ret_version = r->snap->group_versions[i];
			return r->snap->groups[i];
		}
	reply_refuse_text(r, SP_NOT_FOUND, "no such group");
	return NULL;
}

void
api_groups_list(struct req *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->snap->ngroups; i++)
		if (list_filter(r, r->snap->groups[i]->name, r->snap->groups[i]->id))
			json_array_append_new(all, group_to_json(r->snap->groups[i], MODEL_API));
	reply_list(r, all);
}

void
api_groups_get(struct req *r)
{
	int64_t version;
	const struct group *g = find(r, &version);
	if (!g)
		return;
	api_etag(r, version);
	reply_result(r, group_to_json(g, MODEL_API));
}

static void
write(struct req *r, json_t *j, const char *id, const char *created, int64_t version)
{
	struct change c;
	struct group *g = NULL;
	int e = change_begin(&c, r);

	c.own = id;
	json_object_set_new(j, "id", json_string(id));
	json_object_set_new(j, "created_at", created ? json_string(created) : now_json());
	json_object_set_new(j, "updated_at", now_json());
	if (e == 0)
		e = group_from_json(j, false, &g, &c.err);
	json_decref(j);
	if (e == 0) {
		change_note(&c, "group", g->name, version == STORE_NEW ? "create" : "update", NULL);
		e = change_put(&c, "group", id, version, group_to_json(g, MODEL_STORE));
	}
	if (change_finish(&c, e) == 0)
		reply_result_status(r, version == STORE_NEW ? 201 : 200, group_to_json(g, MODEL_API));
	group_free(g);
}

void
api_groups_create(struct req *r)
{
	json_t *j = api_body(r);
	char id[37];

	uuid_new(id);
	if (j)
		write(r, j, id, NULL, STORE_NEW);
}

void
api_groups_update(struct req *r)
{
	int64_t version;
	const struct group *g = find(r, &version);
	json_t *j = g ? api_body(r) : NULL, *old;

	if (!j)
		return;
	old = group_to_json(g, MODEL_STORE);
	const char *created = req_fmt(r, "%s", json_str_or(old, "created_at", ""));
	json_decref(old);
	write(r, j, g->id, *created ? created : NULL, version);
}

void
api_groups_delete(struct req *r)
{
	int64_t version;
	const struct group *g = find(r, &version);
	struct change c;

	if (!g)
		return;
	int e = change_begin(&c, r);
	change_note(&c, "group", g->name, "delete", NULL);
	if (e == 0)
		e = change_delete(&c, "group", g->id);
	if (change_finish(&c, e) < 0)
		return;
	reply_result_status(r, 202, json_pack("{s:s}", "id", g->id));
}

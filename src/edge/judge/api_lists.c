/* Lists of addresses and networks. The original keeps them under gateway/lists. */
#include <string.h>

#include "core/str.h"
#include "edge/judge/api.h"

static const struct access_list *
find(struct req *r, int64_t *ret_version)
{
	for (size_t i = 0; i < r->snap->nlists; i++)
		if (!strcmp(r->snap->lists[i]->id, r->seg[1])) {
			*ret_version = r->snap->access_list_versions[i];
			return r->snap->lists[i];
		}
	reply_refuse_text(r, SP_NOT_FOUND, "no such list");
	return NULL;
}

/* Overviews count the items, they do not send them all. */
void
api_lists_list(struct req *r)
{
	json_t *all = json_array();
	const char *type = req_param(r, "type");

	for (size_t i = 0; i < r->snap->nlists; i++) {
		const struct access_list *l = r->snap->lists[i];
		if (!list_filter(r, l->name, l->id) || (*type && strcmp(type, access_list_type_str(l->type))))
			continue;
		json_t *o = access_list_to_json(l, MODEL_API);
		json_object_del(o, "items");
		json_array_append_new(all, o);
	}
	reply_list(r, all);
}

void
api_lists_get(struct req *r)
{
	int64_t version;
	const struct access_list *l = find(r, &version);
	if (l)
		reply_result(r, access_list_to_json(l, MODEL_API));
}

void
api_lists_items(struct req *r)
{
	int64_t version;
	const struct access_list *l = find(r, &version);
	json_t *o;

	if (!l)
		return;
	o = access_list_to_json(l, MODEL_API);
	json_t *items = json_incref(json_object_get(o, "items"));
	json_decref(o);
	reply_list(r, items);
}

/* Items keep the time at which they came. */
static void
items_dated(json_t *j, const json_t *old)
{
	json_t *items = json_object_get(j, "items"), *before = json_object(), *one;
	size_t i;

	json_array_foreach(json_object_get(old, "items"), i, one)
	    json_object_set(before, json_str_or(one, "value", ""), json_object_get(one, "created_at"));
	json_array_foreach(items, i, one)
	{
		const char *value = json_is_string(one) ? json_string_value(one) : json_str_or(one, "value", "");
		json_t *at = json_object_get(before, value);
		if (json_is_string(one)) {
			json_array_set_new(items, i, json_pack("{s:s}", "value", value));
			one = json_array_get(items, i);
		}
		if (!json_is_object(one))
			continue;
		if (at)
			json_object_set(one, "created_at", at);
		else
			json_object_set_new(one, "created_at", now_json());
	}
	json_decref(before);
}

/* Takes j. old NULL: new. */
static void
write(struct req *r, json_t *j, const char *id, const json_t *old, int64_t version)
{
	struct change c;
	struct access_list *l = NULL;
	int e = change_begin(&c, r);

	items_dated(j, old);
	json_object_set_new(j, "id", json_string(id));
	if (old && json_object_get(old, "created_at"))
		json_object_set(j, "created_at", json_object_get(old, "created_at"));
	else
		json_object_set_new(j, "created_at", now_json());
	json_object_set_new(j, "updated_at", now_json());
	if (e == 0)
		e = access_list_from_json(j, false, &l, &c.err);
	json_decref(j);
	if (e == 0) {
		change_note(&c, "list", l->name, version == STORE_NEW ? "create" : "update", NULL);
		e = change_put(&c, "list", id, version, access_list_to_json(l, MODEL_STORE));
	}
	if (change_finish(&c, e) == 0)
		reply_result_status(r, version == STORE_NEW ? 201 : 200, access_list_to_json(l, MODEL_API));
	access_list_free(l);
}

void
api_lists_create(struct req *r)
{
	json_t *j = api_body(r);
	char id[37];

	uuid_new(id);
	if (j)
		write(r, j, id, NULL, STORE_NEW);
}

/* The original's PUT without items leaves them alone; type never changes, rules rely on it. */
void
api_lists_update(struct req *r)
{
	int64_t version;
	const struct access_list *l = find(r, &version);
	json_t *j = l ? api_body(r) : NULL, *old;

	if (!j)
		return;
	old = access_list_to_json(l, MODEL_STORE);
	if (!json_object_get(j, "items"))
		json_object_set(j, "items", json_object_get(old, "items"));
	if (!json_object_get(j, "type"))
		json_object_set(j, "type", json_object_get(old, "type"));
	write(r, j, l->id, old, version);
	json_decref(old);
}

/* {append: [{value}], remove: ["value"]}. What is appended twice or removed without being there is an error of the
   caller's picture of the list. */
static int
patch(json_t *items, const json_t *body, struct model_error *err)
{
	const char *key;
	json_t *v, *one, *have;
	size_t i, k;

	json_object_foreach((json_t *)(uintptr_t)body, key, v)
	{
		if (strcmp(key, "append") && strcmp(key, "remove"))
			return model_fail(err, "", "found unknown field \"%.60s\", expected append or remove", key);
		if (!json_is_array(v))
			return model_fail(err, !strcmp(key, "append") ? "/append" : "/remove", "expected a list");
	}
	json_array_foreach(json_object_get(body, "remove"), i, one)
	{
		const char *value = json_is_string(one) ? json_string_value(one) : json_str_or(one, "value", "");
		bool found = false;
		for (k = json_array_size(items); k-- > 0;) {
			have = json_array_get(items, k);
			if (!strcmp(json_str_or(have, "value", ""), value)) {
				json_array_remove(items, k);
				found = true;
			}
		}
		if (!found) {
			model_fail(err, "", "found \"%.60s\", which is not in the list", value);
			model_error_prefix(err, "/remove/%zu", i);
			return E_FORMAT;
		}
	}
	json_array_foreach(json_object_get(body, "append"), i, one) json_array_append(items, one);
	return 0;
}

void
api_lists_patch(struct req *r)
{
	struct model_error err = {{0}};
	int64_t version;
	const struct access_list *l = find(r, &version);
	json_t *body = l ? api_body(r) : NULL, *old, *j;

	if (!body)
		return;
	old = access_list_to_json(l, MODEL_STORE);
	j = json_deep_copy(old);
	int e = patch(json_object_get(j, "items"), body, &err);
	json_decref(body);
	if (e < 0) {
		json_decref(j);
		api_invalid(r, &err);
	} else {
		write(r, j, l->id, old, version);
	}
	json_decref(old);
}

void
api_lists_delete(struct req *r)
{
	int64_t version;
	const struct access_list *l = find(r, &version);
	struct change c;

	if (!l)
		return;
	int e = change_begin(&c, r);
	change_note(&c, "list", l->name, "delete", NULL);
	if (e == 0)
		e = change_delete(&c, "list", l->id);
	if (change_finish(&c, e) < 0) /* a rule that still names it does not compile */
		return;
	reply_result(r, json_pack("{s:s}", "id", l->id));
}

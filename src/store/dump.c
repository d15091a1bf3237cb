#include "store/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/backend.h"

#define DUMP_FORMAT 1

/* --- out ------------------------------------------------------------------------------------------------------------
 */

struct out {
	dump_put_fn *put;
	void *arg;
	int64_t docs;
};

static int
put_json(struct out *o, json_t *j)
{
	struct buf b;
	int ret = j ? E_OK : E_NOMEM;

	buf_init(&b, DUMP_LINE_MAX);
	if (ret == E_OK)
		ret = json_dump(j, &b);
	if (ret == E_OK)
		ret = buf_put_u8(&b, '\n');
	if (ret == E_OK)
		ret = o->put(o->arg, (const char *)buf_ptr(&b), buf_len(&b));
	buf_release(&b);
	json_decref(j);
	return ret;
}

static int
dump_doc(void *arg, const char *kind, const char *id, const char *json, const char *keys)
{
	struct out *o = arg;
	json_t *list = NULL;
	int ret = json_load_strict(keys, strlen(keys), DUMP_LINE_MAX, &list);

	if (ret != E_OK)
		return ret;
	o->docs++;
	return put_json(o, json_pack("{s:s, s:s, s:s, s:o}", "kind", kind, "id", id, "json", json, "keys", list));
}

static int
dump_counter(void *arg, const char *name, int64_t value)
{
	return put_json(arg, json_pack("{s:s, s:I}", "counter", name, "value", (json_int_t)value));
}

int
store_dump(struct store *s, dump_put_fn *put, void *arg, struct reason *r)
{
	struct out o = {put, arg, 0};
	int ret = store_begin_read(s, r);

	if (ret != E_OK)
		return ret;
	ret = put_json(&o, json_pack("{s:i}", "dump", DUMP_FORMAT));
	if (ret == E_OK)
		ret = s->ops->dump(s, dump_doc, &o, r);
	if (ret == E_OK)
		ret = s->ops->counters(s, dump_counter, &o, r);
	if (ret == E_OK)
		ret = put_json(&o, json_pack("{s:I}", "end", (json_int_t)o.docs));
	store_rollback(s);
	return ret;
}

/* --- in -------------------------------------------------------------------------------------------------------------
 */

void
dump_item_release(struct dump_item *it)
{
	json_decref(it->line);
	*it = (struct dump_item){0};
}

/* [["name", "value", unique], ...]; SQLite says 1, PostgreSQL says true */
static int
parse_keys(json_t *list, struct dump_item *it)
{
	if (!json_is_array(list) || json_array_size(list) > STORE_KEYS_MAX)
		return E_FORMAT;
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *k = json_array_get(list, i), *u = json_array_get(k, 2);
		const char *name = json_string_value(json_array_get(k, 0)),
		           *value = json_string_value(json_array_get(k, 1));
		if (json_array_size(k) != 3 || !name || !value || !(json_is_boolean(u) || json_is_integer(u)))
			return E_FORMAT;
		it->key[it->nkeys++] = (struct store_key){name, value, json_is_true(u) || json_integer_value(u) == 1};
	}
	return E_OK;
}

static int
parse_item(struct dump_item *it)
{
	const json_t *j = it->line;

	if (json_object_size(j) == 1 && json_get_i64(j, "dump", &it->value) == 0) {
		it->what = DUMP_HEAD;
		return it->value == DUMP_FORMAT ? E_OK : E_RANGE;
	}
	if (json_object_size(j) == 1 && json_get_i64(j, "end", &it->value) == 0) {
		it->what = DUMP_END;
		return it->value < 0 ? E_FORMAT : E_OK;
	}
	if (json_object_size(j) == 2 && json_get_str(j, "counter", &it->name) == 0 &&
	    json_get_i64(j, "value", &it->value) == 0) {
		it->what = DUMP_COUNTER;
		return it->value < 0 ? E_FORMAT : E_OK;
	}
	it->what = DUMP_DOC;
	if (json_object_size(j) != 4 || json_get_str(j, "kind", &it->kind) || json_get_str(j, "id", &it->id) ||
	    json_get_str(j, "json", &it->json))
		return E_FORMAT;
	return parse_keys(json_object_get(j, "keys"), it);
}

int
dump_parse(const char *line, size_t n, struct dump_item *ret_it, struct reason *r)
{
	struct dump_item it = {0};
	int ret = json_load_strict(line, n, DUMP_LINE_MAX, &it.line);

	if (ret == E_OK)
		ret = parse_item(&it);
	if (ret != E_OK) {
		dump_item_release(&it);
		return ret == E_RANGE ? reason_set(r, E_FORMAT, 0, "documents of a newer release; restore with that")
		                      : reason_set(r, ret, 0, "a line of the documents makes no sense");
	}
	*ret_it = it;
	return E_OK;
}

static int
found_one(void *arg, const char *kind, const char *id, const char *json, const char *keys)
{
	return E_EXIST;
}

int
dump_load_begin(struct dump_load *l, struct store *s, struct reason *r)
{
	*l = (struct dump_load){.s = s};
	int ret = store_begin(s, r);

	if (ret == E_OK)
		ret = s->ops->dump(s, found_one, NULL, r);
	if (ret == E_EXIST)
		ret = reason_set(r, E_EXIST, 0, "the store is not empty; restore into a new one");
	return ret;
}

int
dump_load_line(struct dump_load *l, const char *line, size_t n, struct reason *r)
{
	struct dump_item it = {0};
	int64_t v;
	int ret = dump_parse(line, n, &it, r);

	if (ret == E_OK && (l->ended || l->head == (it.what == DUMP_HEAD)))
		ret = reason_set(r, E_FORMAT, 0, "the documents are not in order");
	else if (ret == E_OK && it.what == DUMP_HEAD)
		l->head = true;
	else if (ret == E_OK && it.what == DUMP_DOC) {
		ret = store_put(l->s, it.kind, it.id, STORE_NEW, it.json, it.key, it.nkeys, NULL, r);
		l->docs++;
	} else if (ret == E_OK && it.what == DUMP_COUNTER) {
		ret = store_counter(l->s, it.name, it.value, &v, r);
	} else if (ret == E_OK) {
		l->ended = true;
		if (it.value != l->docs)
			ret = reason_set(r, E_FORMAT, 0, "documents are missing: %lld, expected %lld",
			                 (long long)l->docs, (long long)it.value);
	}
	dump_item_release(&it);
	return ret;
}

int
dump_load_end(struct dump_load *l, struct reason *r)
{
	if (!l->ended)
		return reason_set(r, E_FORMAT, 0, "the documents end too early");
	return store_commit(l->s, r);
}

void
dump_load_abort(struct dump_load *l)
{
	if (l->s)
		store_rollback(l->s);
}

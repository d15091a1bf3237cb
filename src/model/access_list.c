#include "model/access_list.h"

#include "core/map.h"
#include "core/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const type_words[] = {"EMAIL", "IP"};

const char *
access_list_type_str(int t)
{
	return t >= 0 && t <= ACCESS_LIST_IP ? type_words[t] : "?";
}

static int
type_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct access_list *l = rec;
	const char *s = json_string_value(v);

	(void)text_scalars;
	for (int i = 0; s && i < 2; i++) {
		if (strcasecmp(s, type_words[i]) == 0) {
			l->type = i;
			return E_OK;
		}
	}
	return model_fail(err, "", "found \"%.60s\", expected EMAIL or IP", s ? s : "something that is not a text");
}

static json_t *
type_write(const void *rec, enum model_form form)
{
	(void)form;
	return json_string(access_list_type_str(((const struct access_list *)rec)->type));
}

/* --- items ----------------------------------------------------------------------------------------------------------
 */

#define AT(m) offsetof(struct access_list_item, m)
static const struct model_field item_fields[] = {
    {"value", MT_TEXT, AT(value), MF_REQUIRED},
    {"description", MT_TEXT, AT(description)},
    {"created_at", MT_TIME, AT(created_at)},
    {0},
};
#undef AT
static const struct model_table item_table = {"list item", item_fields};

static void
items_release(void *rec)
{
	struct access_list *l = rec;

	for (size_t i = 0; i < l->nitems; i++)
		model_release(&item_table, &l->items[i]);
	free(l->items);
	l->items = NULL;
	l->nitems = 0;
}

/* The items' meaning hangs on type, which may stand behind them: what is kept here is checked by items_check. */
static int
items_read(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	struct access_list *l = rec;
	size_t n = json_array_size(v);
	int ret = E_OK;

	if (!json_is_array(v))
		return model_fail(err, "", "expected a list such as [jdoe@example.com] or [10.0.0.0/8]");
	if (n > ACCESS_LIST_ITEMS_MAX)
		return model_fail(err, "", "found a list of %zu, expected at most %d", n, ACCESS_LIST_ITEMS_MAX);
	items_release(l);
	l->items = calloc(n ? n : 1, sizeof *l->items);
	if (!l->items)
		return E_NOMEM;
	for (size_t i = 0; ret == E_OK && i < n; i++) {
		const json_t *one = json_array_get(v, i);
		json_t *wrap = json_is_string(one) ? json_pack("{sO}", "value", (json_t *)(uintptr_t)one)
		                                   : json_incref((json_t *)(uintptr_t)one);

		if (!wrap)
			return E_NOMEM;
		ret = model_read(&item_table, wrap, text_scalars, &l->items[l->nitems++], err);
		json_decref(wrap);
		if (ret != E_OK)
			model_error_prefix(err, "/%zu", i);
	}
	return ret;
}

static json_t *
items_write(const void *rec, enum model_form form)
{
	const struct access_list *l = rec;
	json_t *list = json_array();

	for (size_t i = 0; list && i < l->nitems; i++) {
		if (json_array_append_new(list, model_write(&item_table, &l->items[i], form)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int
item_normal(const struct access_list *l, const char *value, char out[static 256], struct model_error *err)
{
	uint8_t net[16];
	unsigned bits;
	int ret;

	if (l->type == ACCESS_LIST_EMAIL)
		return model_email(value, out) == 0
		           ? E_OK
		           : model_fail(err, "", "found \"%.60s\", expected an e-mail address such as jdoe@example.com",
		                        value);
	ret = model_cidr(value, net, &bits);
	if (ret != 0)
		return model_fail(err, "", "found \"%.60s\", expected a network such as 203.0.113.0/24%s", value,
		                  ret == E_RANGE ? ", no bits set below the prefix" : "");
	return str_copy(out, 256, value) == 0 ? E_OK : model_fail(err, "", "found a text that is too long");
}

static int
items_check(struct access_list *l, struct model_error *err)
{
	char value[256], *copy;
	struct map seen;
	int ret = E_OK;

	map_init(&seen, ACCESS_LIST_ITEMS_MAX, 0, NULL);
	for (size_t i = 0; ret == E_OK && i < l->nitems; i++) {
		ret = item_normal(l, l->items[i].value, value, err);
		if (ret == E_OK && map_put(&seen, value, l) == E_EXIST)
			ret = model_fail(err, "", "found \"%.60s\" twice", value);
		if (ret == E_FORMAT)
			model_error_prefix(err, "/items/%zu", i);
		if (ret != E_OK)
			break;
		copy = str_dup(value);
		if (!copy) {
			ret = E_NOMEM;
			break;
		}
		free(l->items[i].value);
		l->items[i].value = copy;
	}
	map_release(&seen);
	return ret;
}

/* --- the list -------------------------------------------------------------------------------------------------------
 */

#define AT(m) offsetof(struct access_list, m)
static const struct model_field list_fields[] = {
    {"id", MT_ID, AT(id)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {"description", MT_TEXT, AT(description), MF_LINES},
    {"type", MT_CUSTOM, .flags = MF_REQUIRED, .read = type_read, .write = type_write},
    {"items", MT_CUSTOM, .read = items_read, .write = items_write, .release = items_release},
    {"count", MT_INT, .flags = MF_IGNORE},
    {"list_count", MT_INT, .flags = MF_IGNORE},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {0},
};
#undef AT
static const struct model_table list_table = {"list", list_fields};

int
access_list_from_json(const json_t *j, bool text_scalars, struct access_list **ret_l, struct model_error *err)
{
	struct access_list *l = calloc(1, sizeof *l);
	int ret;

	if (!l)
		return E_NOMEM;
	ret = model_read(&list_table, j, text_scalars, l, err);
	if (ret == E_OK)
		ret = items_check(l, err);
	if (ret != E_OK) {
		access_list_free(l);
		return ret;
	}
	*ret_l = l;
	return E_OK;
}

json_t *
access_list_to_json(const struct access_list *l, enum model_form form)
{
	json_t *o = model_write(&list_table, l, form);

	if (o && form == MODEL_API && json_object_set_new(o, "count", json_integer((json_int_t)l->nitems)) != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

void
access_list_free(struct access_list *l)
{
	if (!l)
		return;
	model_release(&list_table, l);
	free(l);
}

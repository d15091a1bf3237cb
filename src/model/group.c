#include "model/group.h"

#include <stdlib.h>

#define AT(m) offsetof(struct group, m)
static const struct model_field group_fields[] = {
    {"id", MT_ID, AT(id)},
    {"name", MT_NAME, AT(name), MF_REQUIRED},
    {"include", MT_JSON, AT(include), MF_ARRAY | MF_REQUIRED},
    {"require", MT_JSON, AT(require), MF_ARRAY | MF_EMPTY},
    {"exclude", MT_JSON, AT(exclude), MF_ARRAY | MF_EMPTY},
    {"is_default", MT_BOOL, AT(is_default), MF_EMPTY},
    {"created_at", MT_TIME, AT(created_at)},
    {"updated_at", MT_TIME, AT(updated_at)},
    {0},
};
static const struct model_table group_table = {"group", group_fields};

int
group_from_json(const json_t *j, bool text_scalars, struct group **ret_g, struct model_error *err)
{
	struct group *g = calloc(1, sizeof *g);
	int ret;

	if (!g)
		return E_NOMEM;
	ret = model_read(&group_table, j, text_scalars, g, err);
	if (ret == E_OK && json_array_size(g->include) == 0)
		ret = model_fail(err, "/include",
		                 "found an empty list, expected at least one rule such as {everyone: {}}");
	if (ret != E_OK) {
		group_free(g);
		return ret;
	}
	*ret_g = g;
	return E_OK;
}

json_t *
group_to_json(const struct group *g, enum model_form form)
{
	return model_write(&group_table, g, form);
}

void
group_free(struct group *g)
{
	if (!g)
		return;
	model_release(&group_table, g);
	free(g);
}

#include "model/route.h"

#include <stdlib.h>

#define AT(m) offsetof(struct route, m)
static const struct model_field route_fields[] = {
    {"hostname", MT_HOST, AT(hostname), MF_REQUIRED | MF_WILDCARD},
    {"tunnel_id", MT_ID, AT(tunnel_id), MF_REQUIRED},
    {"by_app", MT_BOOL, AT(by_app)},
    {"created_at", MT_TIME, AT(created_at)},
    {0},
};
#undef AT
static const struct model_table route_table = {"route", route_fields};

int
route_from_json(const json_t *j, bool text_scalars, struct route **ret_r, struct model_error *err)
{
	struct route *r = calloc(1, sizeof *r);
	int ret;

	if (!r)
		return E_NOMEM;
	ret = model_read(&route_table, j, text_scalars, r, err);
	if (ret != E_OK) {
		route_free(r);
		return ret;
	}
	*ret_r = r;
	return E_OK;
}

json_t *
route_to_json(const struct route *r, enum model_form form)
{
	return model_write(&route_table, r, form);
}

void
route_free(struct route *r)
{
	if (!r)
		return;
	model_release(&route_table, r);
	free(r);
}

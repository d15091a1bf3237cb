#include "model/host_key.h"

#include <stdlib.h>

#define AT(m) offsetof(struct host_key, m)
static const struct model_field host_key_fields[] = {
    {"id", MT_ID, AT(id), MF_REQUIRED},        {"app", MT_ID, AT(app), MF_REQUIRED},
    {"destination", MT_TEXT, AT(destination)}, {"key", MT_TEXT, AT(key), MF_REQUIRED},
    {"fingerprint", MT_TEXT, AT(fingerprint)}, {"by", MT_TEXT, AT(by)},
    {"first_seen", MT_TIME, AT(first_seen)},   {0},
};
#undef AT
static const struct model_table host_key_table = {"host key", host_key_fields};

int
host_key_from_json(const json_t *j, bool text_scalars, struct host_key **ret_k, struct model_error *err)
{
	struct host_key *k = calloc(1, sizeof *k);
	int ret;

	if (!k)
		return E_NOMEM;
	ret = model_read(&host_key_table, j, text_scalars, k, err);
	if (ret != E_OK) {
		host_key_free(k);
		return ret;
	}
	*ret_k = k;
	return E_OK;
}

json_t *
host_key_to_json(const struct host_key *k, enum model_form form)
{
	return model_write(&host_key_table, k, form);
}

void
host_key_free(struct host_key *k)
{
	if (!k)
		return;
	model_release(&host_key_table, k);
	free(k);
}

/* group: a named set of rules that policies and other groups refer to. Contract of the functions: model/model.h. */
#ifndef MODEL_GROUP_H
#define MODEL_GROUP_H

#include "model/model.h"

struct group {
	char *id, *name;
	json_t *include, *require, *exclude; /* as in struct policy */
	bool is_default;
	int64_t created_at, updated_at;
};
int group_from_json(const json_t *j, bool text_scalars, struct group **ret_g, struct model_error *err);
json_t *group_to_json(const struct group *g, enum model_form form);
void group_free(struct group *g);

#endif

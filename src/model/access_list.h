/*
 * access_list: a named list of e-mail addresses or of networks that rules refer to (email_list, ip_list).
 *
 * Items are checked and normalised when read: addresses lower-cased, networks without bits below their prefix, nothing
 * twice. JSON items are texts or {value, description}; written as the latter. type is the API's EMAIL or IP (in any
 * case). Contract of the functions: model/model.h.
 */
#ifndef MODEL_ACCESS_LIST_H
#define MODEL_ACCESS_LIST_H

#include "model/model.h"

#define ACCESS_LIST_ITEMS_MAX 10000 /* ten times what the API documents; one document stays below STORE_DOC_MAX */

enum access_list_type { ACCESS_LIST_EMAIL, ACCESS_LIST_IP }; /* words EMAIL IP */
struct access_list_item {
	char *value, *description; /* description NULL = none */
	int64_t created_at;
};
struct access_list {
	char *id, *name, *description;
	int type; /* enum access_list_type */
	struct access_list_item *items;
	size_t nitems;
	int64_t created_at, updated_at;
};
const char *access_list_type_str(int t);
int access_list_from_json(const json_t *j, bool text_scalars, struct access_list **ret_l, struct model_error *err);
/* MODEL_API adds "count". */
json_t *access_list_to_json(const struct access_list *l, enum model_form form);
void access_list_free(struct access_list *l);

#endif

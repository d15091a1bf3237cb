/* route: a host name (one '*' in the first label allowed) that leads to a tunnel; stands for the DNS record. Contract:
 * model/model.h. */
#ifndef MODEL_ROUTE_H
#define MODEL_ROUTE_H

#include "model/model.h"

struct route {
	char *hostname;
	char *tunnel_id; /* UUID */
	bool by_app;     /* made by an application's "tunnel" field and follows it */
	int64_t created_at;
};
int route_from_json(const json_t *j, bool text_scalars, struct route **ret_r, struct model_error *err);
json_t *route_to_json(const struct route *r, enum model_form form);
void route_free(struct route *r);

#endif

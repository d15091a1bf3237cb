/* config_check: what an administrator says about ingress must be something that connectors understand. Engine. */
#ifndef JUDGE_CONFIG_CHECK_H
#define JUDGE_CONFIG_CHECK_H

#include "edge/judge/records.h"

int config_check(const json_t *config, struct model_error *err);     /* {"ingress": [...]} */
int app_service_check(const struct app *a, struct model_error *err); /* service, destinations */

#endif

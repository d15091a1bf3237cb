/* config_check: what an administrator says about ingress must be something that connectors understand. Engine. */
#ifndef JUDGE_CONFIG_CHECK_H
#define JUDGE_CONFIG_CHECK_H

#include "edge/judge/records.h"

int config_check(const json_t *config, struct model_error *err); /* {"ingress": [...]} */
/* What an application says beyond its form: its host is not the edge's own, service and destinations parse, and what
   stands under ssh can be signed and known. */
int app_fit_check(const struct app *a, const char *team_host, struct model_error *err);
/* The same of a policy: its Unix names. Pointer: /usernames/N. */
int policy_fit_check(const struct policy *p, struct model_error *err);
/* What the signer would refuse of accounts after all else was applied: hashes that are none, codes' secrets that are
 * none. */
int idp_users_check(const struct idp *i, struct model_error *err);
/* Names that never lead to an application: the team host, and those that connectors take for the edge. */
bool host_is_edge(const char *host, const char *team_host);

#endif

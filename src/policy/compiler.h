/* compiler: what the files of compile share while they make one set. Not for other folders. */
#ifndef POLICY_COMPILER_H
#define POLICY_COMPILER_H

#include "policy/set.h"

#define NAMES_MAX 100000 /* of anything in one snapshot */
#define SITES_MAX 1000000

/* What only compile needs. */
struct compiler {
	const struct policy_source *src;
	struct policy_set *set;
	/* -> struct set_group *, const struct idp *, struct set_list *, const struct policy_ref *, const struct app *
	 */
	struct map group_ids, group_names, idp_ids, idp_names, list_ids, list_names, token_ids, token_names, app_ids,
	    app_names, policy_ids, policy_names;
	size_t path[POLICY_GROUP_DEPTH_MAX + 1]; /* groups being walked */
	size_t npath;
};

/* --- compile_refs.c: what rules refer to by id or name */
const char *compile_keep(struct compiler *c, const char *s); /* a copy in the set; "" for NULL; NULL: no memory */
extern const char compile_ambiguous[];                       /* marks a name that two objects share */
int compile_name(struct map *m, const char *name, void *value);
int compile_reference(const struct map *ids, const struct map *names, const char *what, const char *ref, void **ret_at,
                      struct model_error *err);
int compile_idp(struct compiler *c, const char *ref, const char **ret_id, struct model_error *err);
int compile_rule(struct compiler *c, struct rule *r, struct model_error *err);

/* --- compile_sites.c: where applications are found; two that claim one site */
int compile_sites(struct compiler *c, struct model_error *err);

/* --- compile.c */
int compile_broken_text(struct compiler *c, const struct model_error *err, const char **ret);

#endif

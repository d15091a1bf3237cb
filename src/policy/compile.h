/*
 * compile: records in, an immutable snapshot out: every application with its policies ready to be evaluated, found by
 * host, id or aud.
 *
 * The snapshot owns all it needs; the records may be freed at once. Judge keeps one snapshot, builds the next when the
 * store changes and swaps it whole. Nothing in it changes after compile, so threads may share it. Refused: unknown or
 * ambiguous group, list or provider (nearest name given), a list of the wrong type, groups that include themselves (the
 * cycle is named), empty include, identity rules in bypass and service-auth policies, two applications of one site.
 * Pointers of errors begin with /apps/N, /groups/N, /policies/N (index into the source's arrays). May block: no.
 */
#ifndef POLICY_COMPILE_H
#define POLICY_COMPILE_H

#include "model/access_list.h"
#include "model/app.h"
#include "model/group.h"
#include "model/idp.h"

#define POLICY_RULES_MAX 1000     /* in one list; as the API documents */
#define POLICY_GROUP_DEPTH_MAX 16 /* nesting: bounds eval's stack */
#define POLICY_EVAL_STEPS_MAX                                                                                        \
	100000 /* rules one verdict may look at, nested groups counted each time: against groups of groups of groups \
	        */
#define POLICY_SET_BYTES_MAX ((size_t)1 << 30)

/* Something rules may name that policy itself has no use for. */
struct policy_ref {
	const char *id, *name;
};

struct policy_source {
	const struct app *const *apps;
	size_t napps;
	const struct group *const *groups;
	size_t ngroups;
	const struct idp *const *idps;
	size_t nidps;
	const struct access_list *const *lists;
	size_t nlists;
	const struct policy *const *policies; /* the reusable ones */
	size_t npolicies;
	/* Service tokens. NULL: not known here, a reference is kept as it is written. */
	const struct policy_ref *service_tokens;
	size_t nservice_tokens;
	/* At start an application that does not compile must not take the others down: it stays in the set, denies
	   everybody and policy_app_broken tells why. When an admin applies a change this is false and the first error
	   is returned. */
	bool keep_broken;
};
struct policy_set;
struct policy_app;

int policy_set_compile(const struct policy_source *src, struct policy_set **ret_set, struct model_error *err);
void policy_set_free(struct policy_set *set);

size_t policy_set_count(const struct policy_set *set);
const struct policy_app *policy_set_at(const struct policy_set *set, size_t i); /* in the source's order */
/* The application of a request: the most specific site that has host (lower case, no port) and path (as in the request
   line, without query). E_NOENT: none. E_FORMAT: the path has several readings and the host has applications by path
   (model/site.h): refuse it. */
int policy_set_find(const struct policy_set *set, const char *host, const char *path,
                    const struct policy_app **ret_app);
/* The same for the path "/"; NULL = none. */
const struct policy_app *policy_set_by_host(const struct policy_set *set, const char *host);
/* That one, or if there is none, one that has some path of this host: what answers for the edge's own paths there. */
const struct policy_app *policy_set_any_by_host(const struct policy_set *set, const char *host);
const struct policy_app *policy_set_by_id(const struct policy_set *set, const char *id);
const struct policy_app *policy_set_by_aud(const struct policy_set *set, const char *aud);
const struct policy_app *policy_set_by_name(const struct policy_set *set, const char *name); /* first of that name */

size_t policy_app_index(const struct policy_app *a); /* in the source's order */
/* Whether some site of it has this host, under whatever path. */
bool policy_app_has_host(const struct policy_app *a, const char *host);
const char *policy_app_id(const struct policy_app *a); /* "" when the record had none */
const char *policy_app_aud(const struct policy_app *a);
const char *policy_app_name(const struct policy_app *a);
const char *policy_app_domain(const struct policy_app *a); /* as configured, with its wildcard */
const char *policy_app_broken(const struct policy_app *a); /* NULL = fine */
int64_t policy_app_session_ms(const struct policy_app *a); /* the application's own session duration */
/* Ids of the providers it admits, resolved; n 0 = all. */
const char *const *policy_app_idps(const struct policy_app *a, size_t *ret_n);
bool policy_app_idp_allowed(const struct policy_app *a, const char *idp_id);
/* What its policies ask outside, each evaluate_url once; POLICY_EXTERNAL_MAX and no more are ever asked. */
#define POLICY_EXTERNAL_MAX 8
struct policy_external {
	const char *evaluate_url, *keys_url; /* of the set */
};
size_t policy_app_external(const struct policy_app *a, struct policy_external *v, size_t max);
/* Whether there is any policy that a service token or nobody at all could satisfy. */
bool policy_app_has_non_identity(const struct policy_app *a);

#endif

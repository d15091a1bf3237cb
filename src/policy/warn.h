/*
 * warn: what is valid and probably not meant: rules that nobody can meet, policies that are never reached, doors that
 * stand open. Asked about one object of a snapshot; each warning is one line for the administrator.
 *
 * Nothing here changes a verdict. May block: no.
 */
#ifndef POLICY_WARN_H
#define POLICY_WARN_H

#include "policy/compile.h"

typedef void policy_warn_fn(void *arg, const char *text); /* text is valid during the call */

/* index: into the source's array. */
void policy_warn_app(const struct policy_set *set, size_t index, policy_warn_fn *fn, void *arg);
void policy_warn_group(const struct policy_set *set, size_t index, policy_warn_fn *fn, void *arg);
void policy_warn_reusable(const struct policy_set *set, size_t index, policy_warn_fn *fn, void *arg);

#endif

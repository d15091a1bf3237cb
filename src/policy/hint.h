/* hint: read out of a trace: which rule decided, and what would have to be different. For explain only. */
#ifndef POLICY_HINT_H
#define POLICY_HINT_H

#include "policy/explain.h"

#define HINTS_MAX 5

/* `include group "staff", by include email_domain "example.test"`; "" when no single rule decided. */
int hint_rule(const struct policy_verdict *v, const struct policy_trace *t, struct buf *out);
/* New reference: array of texts, at most HINTS_MAX; empty when the verdict passes. NULL when out of memory. */
json_t *hint_changes(const struct policy_verdict *v, const struct policy_trace *t);

#endif

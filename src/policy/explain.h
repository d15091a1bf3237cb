/*
 * explain: why a verdict came out as it did: every policy in the order it was looked at, every rule with what was
 * found.
 *
 * A trace is filled by policy_eval in passing; with a trace eval looks at every rule instead of stopping early, and
 * reaches the same verdict. At most TRACE_MAX lines are kept; what is left out is said. May block: no.
 */
#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

#include "policy/eval.h"

#define TRACE_MAX 5000

struct policy_trace *policy_trace_new(void); /* NULL when out of memory */
void policy_trace_free(struct policy_trace *t);

/* Contract of `admin explain`: first line "allow" or "deny" alone, then reason, policy, the rule that decided, what
   would have to change, trace. */
int policy_explain_text(const struct policy_app *app, const struct policy_verdict *v, const struct policy_trace *t,
                        struct buf *out);
/* {"decision": "allow"|"deny", "outcome", "code": "SP-1202"|"", "reason", "app": {id, name, domain}, "policy": {id,
   name, decision}|null, "rule": the rule that decided or "", "to_change": [text], "trace": [{"depth", "kind":
   "policy"|"group"|"rule", "list": "include"|..., "what", "result": "yes"|"no"|"unknown"|"not reached", "why"}]} New
   reference; NULL when out of memory. */
json_t *policy_explain_json(const struct policy_app *app, const struct policy_verdict *v, const struct policy_trace *t);

#endif

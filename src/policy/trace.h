/* trace: what eval notes on its way when asked to; explain prints it. All calls do nothing when t is NULL. Not for
 * other folders. */
#ifndef POLICY_TRACE_H
#define POLICY_TRACE_H

#include "policy/eval.h"
#include "policy/rule.h"

/* A truth value; the order makes OR a maximum and AND a minimum. */
enum tri { TRI_NO, TRI_UNKNOWN, TRI_YES, TRI_NOT_REACHED };
enum trace_kind { TRACE_POLICY, TRACE_GROUP, TRACE_RULE, TRACE_NOTE };

struct trace_line {
	unsigned depth;
	enum trace_kind kind;
	const char *list; /* include, require, exclude; "" for policies. Static */
	char *what, *why; /* owned; why may be NULL */
	enum tri result;
};
struct policy_trace {
	struct trace_line *v;
	size_t n, cap;
	unsigned depth;
	bool cut; /* lines are missing: TRACE_MAX or memory */
};

/* Begins a line and gives its number for trace_end; what is copied. */
size_t trace_begin(struct policy_trace *t, enum trace_kind kind, const char *list, const char *what);
void trace_end(struct policy_trace *t, size_t at, enum tri result, const char *why);
static inline void
trace_in(struct policy_trace *t)
{
	if (t)
		t->depth++;
}
static inline void
trace_out(struct policy_trace *t)
{
	if (t)
		t->depth--;
}

#endif

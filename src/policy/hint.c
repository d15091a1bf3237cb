#include "policy/hint.h"

#include "core/str.h"
#include "policy/trace.h"

#include <stdio.h>
#include <string.h>

#define ALTERNATIVES_MAX 4 /* of one include list that are named */

static size_t
policy_end(const struct policy_trace *t, size_t at)
{
	size_t i = at + 1;

	while (i < t->n && t->v[i].depth > t->v[at].depth)
		i++;
	return i;
}

/* The line of the policy that decided. */
static size_t
decider(const struct policy_verdict *v, const struct policy_trace *t)
{
	char what[400];

	snprintf(what, sizeof what, "policy \"%.300s\" ", v->policy_name);
	for (size_t i = 0; v->policy >= 0 && i < t->n; i++)
		if (t->v[i].depth == 0 && t->v[i].result != TRI_NO && t->v[i].result != TRI_NOT_REACHED &&
		    str_starts(t->v[i].what, what))
			return i;
	return SIZE_MAX;
}

/* First direct rule below line at in a list with this result; SIZE_MAX: none. */
static size_t
rule_below(const struct policy_trace *t, size_t at, const char *list, enum tri result)
{
	for (size_t i = at + 1; i < policy_end(t, at); i++)
		if (t->v[i].depth == t->v[at].depth + 1 && strcmp(t->v[i].list, list) == 0 && t->v[i].result == result)
			return i;
	return SIZE_MAX;
}

int
hint_rule(const struct policy_verdict *v, const struct policy_trace *t, struct buf *out)
{
	size_t at = t ? decider(v, t) : SIZE_MAX;
	const char *between = "";
	int ret = 0;

	while (ret == 0 && at != SIZE_MAX) {
		size_t rule = rule_below(t, at, "include", TRI_YES);

		if (rule == SIZE_MAX)
			rule = rule_below(t, at, "include", TRI_UNKNOWN);
		if (rule != SIZE_MAX)
			ret = buf_putf(out, "%sinclude %s", between, t->v[rule].what);
		between = ", by ";
		at = rule;
	}
	return ret;
}

/* Adds "word A or B or C" for the direct rules of a list that stand in the way. */
static int
list_hint(const struct policy_trace *t, size_t at, const char *list, const char *word, const char *between,
          enum tri fine, struct buf *out)
{
	size_t n = 0;
	int ret = 0;

	for (size_t i = at + 1; ret == 0 && i < policy_end(t, at); i++) {
		const struct trace_line *l = &t->v[i];

		if (l->depth != t->v[at].depth + 1 || strcmp(l->list, list) != 0 || l->result == fine)
			continue;
		if (n < ALTERNATIVES_MAX)
			ret = buf_putf(out, "%s%s", n ? between : word, l->what);
		n++;
	}
	if (ret == 0 && n > ALTERNATIVES_MAX)
		ret = buf_putf(out, "%s%zu more", between, n - ALTERNATIVES_MAX);
	return ret;
}

static int
policy_hint(const struct policy_trace *t, size_t at, struct buf *out)
{
	int ret = buf_putf(out, "%s would need", t->v[at].what);
	const size_t bare = buf_len(out);

	if (ret == 0 && rule_below(t, at, "include", TRI_YES) == SIZE_MAX)
		ret = list_hint(t, at, "include", " one of: ", ", ", TRI_YES, out);
	if (ret == 0)
		ret = list_hint(t, at, "require", buf_len(out) == bare ? " " : "; also ", " and ", TRI_YES, out);
	return ret == 0
	           ? list_hint(t, at, "exclude", buf_len(out) == bare ? " not " : "; and not ", " nor ", TRI_NO, out)
	           : ret;
}

static int
hint_put(json_t *list, struct buf *b)
{
	const char *text = buf_cstr(b);
	int ret = text && json_array_append_new(list, json_string(text)) == 0 ? 0 : E_NOMEM;

	buf_release(b);
	return ret;
}

static bool
is_allow(const char *what)
{
	static const char tail[] = "\" allow";
	size_t n = strlen(what);

	return n >= sizeof tail - 1 && strcmp(what + n - (sizeof tail - 1), tail) == 0;
}

json_t *
hint_changes(const struct policy_verdict *v, const struct policy_trace *t)
{
	const size_t block = t ? decider(v, t) : SIZE_MAX;
	json_t *list = json_array();
	struct buf b;
	int ret = 0;

	if (!list || !t || policy_passes(v))
		return list;
	if (v->code == SP_POLICY_BLOCK && block != SIZE_MAX) {
		buf_init(&b, 4096);
		ret = buf_putf(&b, "%s would have to match no more: ", t->v[block].what);
		if (ret == 0)
			ret = hint_rule(v, t, &b);
		ret = ret == 0 ? hint_put(list, &b) : (buf_release(&b), ret);
	}
	if (v->outcome == POLICY_LOGIN &&
	    json_array_append_new(list, json_string("somebody would have to sign in")) != 0)
		ret = E_NOMEM;
	for (size_t i = 0; ret == 0 && i < t->n && json_array_size(list) < HINTS_MAX; i++) {
		if (t->v[i].depth != 0 || t->v[i].result == TRI_YES || t->v[i].result == TRI_NOT_REACHED ||
		    !is_allow(t->v[i].what))
			continue;
		buf_init(&b, 8192);
		ret = policy_hint(t, i, &b);
		ret = ret == 0 ? hint_put(list, &b) : (buf_release(&b), ret);
	}
	if (ret == 0)
		return list;
	json_decref(list);
	return NULL;
}

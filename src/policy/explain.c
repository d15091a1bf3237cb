#include "policy/explain.h"

#include "core/str.h"
#include "policy/hint.h"
#include "policy/set.h"
#include "policy/trace.h"

#include <stdlib.h>
#include <string.h>

struct policy_trace *
policy_trace_new(void)
{
	return calloc(1, sizeof(struct policy_trace));
}

void
policy_trace_free(struct policy_trace *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].what);
		free(t->v[i].why);
	}
	free(t->v);
	free(t);
}

size_t
trace_begin(struct policy_trace *t, enum trace_kind kind, const char *list, const char *what)
{
	struct trace_line *grown;
	size_t cap;
	char *copy;

	if (!t)
		return 0;
	if (t->n == t->cap) {
		cap = t->cap ? t->cap * 2 : 32;
		grown = cap <= TRACE_MAX * 2 ? realloc(t->v, cap * sizeof *grown) : NULL;
		if (!grown) {
			t->cut = true;
			return SIZE_MAX;
		}
		t->v = grown;
		t->cap = cap;
	}
	copy = t->n < TRACE_MAX ? str_dup(what) : NULL;
	if (!copy) {
		t->cut = true;
		return SIZE_MAX;
	}
	t->v[t->n] = (struct trace_line){.depth = t->depth, .kind = kind, .list = list, .what = copy};
	return t->n++;
}

void
trace_end(struct policy_trace *t, size_t at, enum tri result, const char *why)
{
	if (!t || at >= t->n)
		return;
	t->v[at].result = result;
	if (why && why[0])
		t->v[at].why = str_dup(why);
}

static const char *
result_str(enum tri r)
{
	static const char *const words[] = {"no", "unknown", "yes", "not reached"};

	return words[r];
}

static void
code_text(int code, char out[static 16])
{
	if (code)
		snprintf(out, 16, "SP-%04d", code);
	else
		out[0] = '\0';
}

static int
explain_lines(const struct policy_trace *t, struct buf *out)
{
	int ret = buf_put_str(out, "trace:\n");

	for (size_t i = 0; ret == 0 && i < t->n; i++) {
		const struct trace_line *l = &t->v[i];
		bool why = l->why && l->why[0];

		ret = buf_putf(out, "  %*s%s%s%s: %s%s%s%s\n", (int)l->depth * 2, "", l->list, l->list[0] ? " " : "",
		               l->what, result_str(l->result), why ? " (" : "", why ? l->why : "", why ? ")" : "");
	}
	if (ret == 0 && t->cut)
		ret = buf_put_str(out, "  (more is left out)\n");
	return ret;
}

static const char *
policy_decision(const struct policy_app *app, const struct policy_verdict *v)
{
	for (size_t i = 0; i < app->npolicies; i++)
		if (v->policy >= 0 && app->policies[i].index == (size_t)v->policy)
			return decision_str(app->policies[i].decision);
	return "";
}

static int
explain_hints(const struct policy_verdict *v, const struct policy_trace *t, struct buf *out)
{
	json_t *list = hint_changes(v, t), *one;
	struct buf rule;
	size_t i;
	int ret;

	buf_init(&rule, 4096);
	ret = list ? hint_rule(v, t, &rule) : E_NOMEM;
	if (ret == 0 && buf_len(&rule))
		ret = buf_putf(out, "rule: %s\n", buf_cstr(&rule));
	json_array_foreach(list, i, one) if (ret == 0) ret = buf_putf(out, "to change: %s\n", json_string_value(one));
	buf_release(&rule);
	json_decref(list);
	return ret;
}

int
policy_explain_text(const struct policy_app *app, const struct policy_verdict *v, const struct policy_trace *t,
                    struct buf *out)
{
	struct reason why = {0};
	char code[16];
	int ret;

	policy_verdict_reason(app, v, &why);
	code_text(v->code, code);
	ret = buf_putf(out, "%s\nreason: %s%s%s%s\napp: %s (%s)\n", policy_passes(v) ? "allow" : "deny", why.text,
	               code[0] ? " (" : "", code, code[0] ? ")" : "", app->name, app->domain);
	if (ret == 0 && v->policy >= 0)
		ret = buf_putf(out, "policy: %s (%s)%s%s\n", v->policy_name, policy_decision(app, v),
		               v->policy_id[0] ? " " : "", v->policy_id);
	else if (ret == 0)
		ret = buf_put_str(out, "policy: none\n");
	if (ret == 0 && t)
		ret = explain_hints(v, t, out);
	if (ret == 0 && t)
		ret = explain_lines(t, out);
	return ret;
}

static json_t *
trace_json(const struct policy_trace *t)
{
	static const char *const kinds[] = {"policy", "group", "rule", "note"};
	json_t *list = json_array();

	for (size_t i = 0; list && t && i < t->n; i++) {
		const struct trace_line *l = &t->v[i];
		json_t *o =
		    json_pack("{si ss ss ss ss ss}", "depth", (int)l->depth, "kind", kinds[l->kind], "list", l->list,
		              "what", l->what, "result", result_str(l->result), "why", l->why ? l->why : "");

		if (!o || json_array_append_new(list, o) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *
policy_explain_json(const struct policy_app *app, const struct policy_verdict *v, const struct policy_trace *t)
{
	struct reason why = {0};
	json_t *policy, *trace, *changes, *rule_text;
	struct buf rule;
	char code[16];

	policy_verdict_reason(app, v, &why);
	code_text(v->code, code);
	if (v->policy >= 0)
		policy = json_pack("{ss ss ss}", "id", v->policy_id, "name", v->policy_name, "decision",
		                   policy_decision(app, v));
	else
		policy = json_null();
	trace = trace_json(t);
	changes = hint_changes(v, t);
	buf_init(&rule, 4096);
	if (!policy || !trace || !changes || hint_rule(v, t, &rule) != 0) {
		json_decref(policy);
		json_decref(trace);
		json_decref(changes);
		buf_release(&rule);
		return NULL;
	}
	rule_text = json_string(buf_len(&rule) ? buf_cstr(&rule) : "");
	buf_release(&rule);
	return json_pack("{ss ss ss ss s{ss ss ss} so so so so}", "decision", policy_passes(v) ? "allow" : "deny",
	                 "outcome", policy_outcome_str((int)v->outcome), "code", code, "reason", why.text, "app", "id",
	                 app->id, "name", app->name, "domain", app->domain, "policy", policy, "rule", rule_text,
	                 "to_change", changes, "trace", trace);
}

#include "policy/warn.h"

#include "model/idp.h"
#include "policy/set.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Warnings of one object, each with the object's name before it. */
struct warn {
	const struct policy_set *set;
	policy_warn_fn *fn;
	void *arg;
	char what[200]; /* `policy "staff" of "ssh"` */
};

static void __attribute__((format(printf, 2, 3))) say(struct warn *w, const char *fmt, ...)
{
	char text[700], rest[480];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rest, sizeof rest, fmt, ap);
	va_end(ap);
	snprintf(text, sizeof text, "%s: %s", w->what, rest);
	w->fn(w->arg, text);
}

/* --- what can never be, what always is ------------------------------------------------------------------------------
 */

/* A request has one of these, so that two values of it never come together. */
static bool
is_single(enum selector sel)
{
	return sel == SEL_GEO || sel == SEL_EMAIL || sel == SEL_EMAIL_DOMAIN || sel == SEL_LOGIN_METHOD ||
	       sel == SEL_COMMON_NAME || sel == SEL_SERVICE_TOKEN;
}

static bool
contradiction(const struct rules *req, const struct rule **ret_a, const struct rule **ret_b)
{
	for (uint32_t i = 0; i < req->n; i++) {
		if (!is_single(req->v[i].sel))
			continue;
		for (uint32_t k = i + 1; k < req->n; k++) {
			if (req->v[k].sel != req->v[i].sel || strcmp(req->v[k].text, req->v[i].text) == 0)
				continue;
			*ret_a = &req->v[i];
			*ret_b = &req->v[k];
			return true;
		}
	}
	return false;
}

static bool ruleset_never(const struct policy_set *set, const struct ruleset *rs);

static bool
rule_never(const struct policy_set *set, const struct rule *r)
{
	if (selector_rows[r->sel].flags & SF_UNAVAILABLE)
		return true;
	return r->sel == SEL_GROUP && ruleset_never(set, &set->groups[r->group].rs);
}

/* Groups are nested at most POLICY_GROUP_DEPTH_MAX deep and free of cycles, or have no rules any more. */
static bool
ruleset_never(const struct policy_set *set, const struct ruleset *rs)
{
	const struct rule *a, *b;
	bool any = false;

	for (uint32_t i = 0; i < rs->include.n; i++)
		any |= !rule_never(set, &rs->include.v[i]);
	for (uint32_t i = 0; i < rs->require.n; i++)
		any &= !rule_never(set, &rs->require.v[i]);
	for (uint32_t i = 0; i < rs->exclude.n; i++)
		any &= rs->exclude.v[i].sel != SEL_EVERYONE;
	return !any || contradiction(&rs->require, &a, &b);
}

static bool
has(const struct rules *rules, enum selector sel)
{
	for (uint32_t i = 0; i < rules->n; i++)
		if (rules->v[i].sel == sel)
			return true;
	return false;
}

/* Matches whoever asks, as far as the rules show it plainly. */
static bool
ruleset_always(const struct ruleset *rs)
{
	for (uint32_t i = 0; i < rs->require.n; i++)
		if (rs->require.v[i].sel != SEL_EVERYONE)
			return false;
	return has(&rs->include, SEL_EVERYONE) && rs->exclude.n == 0;
}

/* --- warnings -------------------------------------------------------------------------------------------------------
 */

static void
warn_rules(struct warn *w, const struct ruleset *rs)
{
	const struct rules *const lists[] = {&rs->include, &rs->require, &rs->exclude};
	const struct rule *a, *b;
	char one[160], two[160];

	for (size_t l = 0; l < 3; l++)
		for (uint32_t i = 0; i < lists[l]->n; i++)
			if (selector_rows[lists[l]->v[i].sel].flags & SF_UNAVAILABLE)
				say(w, "%s is not offered here: it counts as unknown and never opens anything",
				    selector_rows[lists[l]->v[i].sel].name);
	if (contradiction(&rs->require, &a, &b))
		say(w,
		    "require wants both %s and %s, which can never match; put them under include of a group and "
		    "require "
		    "the group",
		    rule_describe(a, one, sizeof one), rule_describe(b, two, sizeof two));
	else if (ruleset_never(w->set, rs))
		say(w, "nobody can ever match it");
}

static const struct rule *
one_time_pin(const struct rules *rules)
{
	for (uint32_t i = 0; i < rules->n; i++)
		if (rules->v[i].sel == SEL_LOGIN_METHOD && rules->v[i].group == (uint32_t)IDP_ONETIMEPIN)
			return &rules->v[i];
	return NULL;
}

static void
warn_service(struct warn *w, const struct ruleset *rs)
{
	const struct rules *const lists[] = {&rs->include, &rs->require};

	for (size_t l = 0; l < 2; l++)
		for (uint32_t i = 0; i < lists[l]->n; i++) {
			if (!(selector_rows[lists[l]->v[i].sel].flags & SF_SERVICE))
				continue;
			say(w, "%s in an allow policy still asks for a person's sign-in; non_identity does not",
			    selector_rows[lists[l]->v[i].sel].name);
			return;
		}
}

static void
warn_policy(struct warn *w, const struct set_policy *p)
{
	const struct ruleset *rs = &p->rs;
	const bool narrowed = rs->require.n > 0;

	warn_rules(w, rs);
	if (p->decision == DECISION_ALLOW && has(&rs->include, SEL_EVERYONE) && !narrowed)
		say(w, "allows everyone: whoever can sign in at any provider gets in");
	if (p->decision == DECISION_ALLOW && one_time_pin(&rs->include) && !narrowed)
		say(w, "allows the login method one-time PIN: anybody with an e-mail address gets in");
	if (p->decision == DECISION_ALLOW)
		warn_service(w, rs);
	if (p->decision == DECISION_BYPASS && has(&rs->include, SEL_EVERYONE) && !narrowed)
		say(w, "lets everyone by without sign-in, and nothing of it is logged");
	if (p->decision == DECISION_NON_IDENTITY && has(&rs->include, SEL_EVERYONE) && !narrowed)
		say(w, "lets everyone in without sign-in");
}

static void
name_policy(struct warn *w, const struct policy_app *a, const struct set_policy *p)
{
	snprintf(w->what, sizeof w->what, "policy \"%.80s\" of \"%.80s\"", p->name, a->name);
}

/* Behind one that always matches nothing is looked at; behind such a bypass not even allow and block. */
static void
warn_unreachable(struct warn *w, const struct policy_app *a)
{
	const struct set_policy *wall = NULL;

	for (size_t i = 0; i < a->npolicies; i++) {
		const struct set_policy *p = &a->policies[i];

		if (wall) {
			name_policy(w, a, p);
			say(w, "is never reached: \"%.80s\" (%s) decides before it for everybody", wall->name,
			    decision_str(wall->decision));
		} else if (ruleset_always(&p->rs)) {
			wall = p;
		}
	}
}

void
policy_warn_app(const struct policy_set *set, size_t index, policy_warn_fn *fn, void *arg)
{
	struct warn w = {.set = set, .fn = fn, .arg = arg};
	const struct policy_app *a = policy_set_at(set, index);

	if (!a || a->broken)
		return;
	for (size_t i = 0; i < a->npolicies; i++) {
		name_policy(&w, a, &a->policies[i]);
		warn_policy(&w, &a->policies[i]);
	}
	warn_unreachable(&w, a);
}

void
policy_warn_group(const struct policy_set *set, size_t index, policy_warn_fn *fn, void *arg)
{
	struct warn w = {.set = set, .fn = fn, .arg = arg};

	if (index >= set->ngroups || set->groups[index].broken)
		return;
	snprintf(w.what, sizeof w.what, "group \"%.80s\"", set->groups[index].name);
	warn_rules(&w, &set->groups[index].rs);
}

void
policy_warn_reusable(const struct policy_set *set, size_t index, policy_warn_fn *fn, void *arg)
{
	struct warn w = {.set = set, .fn = fn, .arg = arg};

	if (index >= set->nshared || set->shared[index].broken)
		return;
	snprintf(w.what, sizeof w.what, "reusable policy \"%.80s\"", set->shared[index].p.name);
	warn_policy(&w, &set->shared[index].p);
}

#include "policy/eval.h"

#include "core/str.h"
#include "policy/set.h"
#include "policy/trace.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* One evaluation: the input made ready once, so that each rule is a compare. */
struct eval {
	const struct policy_set *set;
	const struct policy_input *in;
	struct policy_trace *trace;
	enum { PERSON_PENDING, PERSON_KNOWN } person;
	char email[255];
	size_t nemail;
	uint64_t email_hash;
	const char *mail_domain; /* in email, behind '@'; "" when there is none */
	bool have_ip;
	uint8_t ip[16];
	char country[3];
	bool cert_asked; /* the policy at hand turns on a certificate that could not be shown here */
};

static void
eval_init(struct eval *e, const struct policy_set *set, const struct policy_input *in, struct policy_trace *trace)
{
	const char *at;

	*e = (struct eval){
	    .set = set, .in = in, .trace = trace, .person = in->have_identity ? PERSON_KNOWN : PERSON_PENDING};
	if (in->have_identity && in->email && str_copy(e->email, sizeof e->email, in->email) == 0)
		str_lower(e->email);
	e->nemail = strlen(e->email);
	e->email_hash = email_hash(e->email);
	at = strrchr(e->email, '@');
	e->mail_domain = at ? at + 1 : "";
	e->have_ip = in->ip && model_addr(in->ip, e->ip) == 0;
	if (in->country && strlen(in->country) == 2)
		for (int i = 0; i < 2; i++)
			e->country[i] = in->country[i] >= 'a' && in->country[i] <= 'z'
			                    ? (char)(in->country[i] - 'a' + 'A')
			                    : in->country[i];
}

/* --- one rule -------------------------------------------------------------------------------------------------------
 */

static enum tri
tri_of(bool b)
{
	return b ? TRI_YES : TRI_NO;
}

static bool
is_text(const char *have, const char *want)
{
	return have && strcmp(have, want) == 0;
}

static bool
has_text(const char *const *v, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], s) == 0)
			return true;
	return false;
}

static bool
idp_fits(const struct eval *e, const struct rule *r)
{
	return !r->idp || (e->in->idp_id && strcmp(r->idp, e->in->idp_id) == 0);
}

static bool
value_is(const json_t *v, const char *s)
{
	char number[32];

	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_STRING:
		return strcmp(json_string_value(v), s) == 0 && json_string_length(v) == strlen(s);
	case JSON_INTEGER:
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
		return strcmp(number, s) == 0;
	case JSON_TRUE:
		return strcmp(s, "true") == 0;
	case JSON_FALSE:
		return strcmp(s, "false") == 0;
	default:
		return false;
	}
}

/* A claim of several values matches by any one, exactly. "groups" also means the groups we know by other ways. */
static bool
claim_has(const struct eval *e, const struct rule *r)
{
	const json_t *v = e->in->claims ? json_object_get(e->in->claims, r->claim) : NULL;

	if (strcasecmp(r->claim, "groups") == 0 && has_text(e->in->groups, e->in->ngroups, r->text))
		return true;
	if (!json_is_array(v))
		return value_is(v, r->text);
	for (size_t i = 0; i < json_array_size(v); i++)
		if (value_is(json_array_get(v, i), r->text))
			return true;
	return false;
}

/* A team is reported as "organization/team". */
static bool
github_has(const struct eval *e, const struct rule *r)
{
	size_t norg = r->ntext;

	if (!r->team)
		return has_text(e->in->groups, e->in->ngroups, r->text);
	for (size_t i = 0; i < e->in->ngroups; i++) {
		const char *g = e->in->groups[i];
		if (strncmp(g, r->text, norg) == 0 && g[norg] == '/' && strcmp(g + norg + 1, r->team) == 0)
			return true;
	}
	return false;
}

/* About groups and claims: what is not seen in a part of them may stand in the rest. */
static enum tri
tri_seen(const struct eval *e, const struct rule *r, bool seen)
{
	if (!idp_fits(e, r))
		return TRI_NO;
	return seen ? TRI_YES : e->in->groups_unknown ? TRI_UNKNOWN : TRI_NO;
}

/* Silence is not a no: an evaluation that stands under exclude must not open when its server is down. */
static enum tri
external_said(const struct eval *e, const struct rule *r)
{
	if (has_text(e->in->external_no, e->in->nexternal_no, r->text))
		return TRI_NO;
	return has_text(e->in->external, e->in->nexternal, r->text) ? TRI_YES : TRI_UNKNOWN;
}

static enum tri
rule_person(const struct eval *e, const struct rule *r)
{
	switch (r->sel) {
	case SEL_EMAIL:
		return tri_of(r->ntext == e->nemail && memcmp(r->text, e->email, e->nemail) == 0);
	case SEL_EMAIL_DOMAIN:
		return tri_of(strcmp(r->text, e->mail_domain) == 0);
	case SEL_LOGIN_METHOD:
		return tri_of(e->in->idp_id && strcmp(r->text, e->in->idp_id) == 0);
	case SEL_AUTH_METHOD:
		return tri_of(has_text(e->in->amr, e->in->namr, r->text));
	case SEL_OIDC:
	case SEL_SAML:
		return tri_seen(e, r, claim_has(e, r));
	case SEL_GITHUB:
		return tri_seen(e, r, github_has(e, r));
	case SEL_EMAIL_LIST:
		return tri_of(members_have_email(&e->set->lists[r->group].items, e->email));
	case SEL_EXTERNAL_EVALUATION:
		return external_said(e, r);
	default: /* okta, gsuite, azure_ad */
		return tri_seen(e, r, has_text(e->in->groups, e->in->ngroups, r->text));
	}
}

static enum tri ruleset_eval(struct eval *e, const struct ruleset *rs);

static enum tri
cert_pending(struct eval *e)
{
	e->cert_asked = true;
	return TRI_UNKNOWN;
}

static enum tri
rule_eval(struct eval *e, const struct rule *r)
{
	unsigned flags = selector_rows[r->sel].flags;

	if (flags & SF_UNAVAILABLE)
		return TRI_UNKNOWN;
	if (flags & SF_IDENTITY)
		return e->person == PERSON_KNOWN ? rule_person(e, r) : TRI_UNKNOWN;
	switch (r->sel) {
	case SEL_EVERYONE:
		return TRI_YES;
	case SEL_IP:
		return e->have_ip ? tri_of(model_cidr_has(r->net, r->bits, e->ip)) : TRI_UNKNOWN;
	case SEL_GEO:
		return e->country[0] ? tri_of(strcmp(r->text, e->country) == 0) : TRI_UNKNOWN;
	case SEL_GROUP:
		return ruleset_eval(e, &e->set->groups[r->group].rs);
	case SEL_IP_LIST:
		return e->have_ip ? tri_of(members_have_ip(&e->set->lists[r->group].items, e->ip)) : TRI_UNKNOWN;
	case SEL_SERVICE_TOKEN:
		return tri_of(is_text(e->in->service_token, r->text));
	case SEL_ANY_SERVICE_TOKEN:
		return tri_of(e->in->service_token && e->in->service_token[0]);
	case SEL_LINKED_APP_TOKEN:
		return tri_of(is_text(e->in->app_uid_of_linked_token, r->text));
	case SEL_CERTIFICATE:
		if (e->in->cert_unknown)
			return cert_pending(e);
		return tri_of(e->in->cert_ca && e->in->cert_ca[0]);
	case SEL_COMMON_NAME: /* a name counts only in a certificate that was verified */
		if (e->in->cert_unknown)
			return cert_pending(e);
		return tri_of(e->in->cert_ca && e->in->cert_ca[0] && is_text(e->in->common_name, r->text));
	default:
		return TRI_UNKNOWN;
	}
}

/* --- what a rule found, for the trace --------------------------------------------------------------------------------
 */

static void
found_person(const struct eval *e, const struct rule *r, char *out, size_t n)
{
	const struct policy_input *in = e->in;

	if (e->person != PERSON_KNOWN)
		snprintf(out, n, "nobody signed in");
	else if (r->sel == SEL_EMAIL || r->sel == SEL_EMAIL_DOMAIN || r->sel == SEL_EMAIL_LIST)
		snprintf(out, n, "e-mail is %s", e->email[0] ? e->email : "missing");
	else if (r->sel == SEL_LOGIN_METHOD || !idp_fits(e, r))
		snprintf(out, n, "signed in by provider %s", in->idp_id ? in->idp_id : "unknown");
	else if (r->sel == SEL_AUTH_METHOD)
		snprintf(out, n, "%zu authentication methods reported%s%s", in->namr, in->namr ? ", first " : "",
		         in->namr ? in->amr[0] : "");
	else if (r->sel == SEL_EXTERNAL_EVALUATION)
		snprintf(out, n, "%s",
		         has_text(in->external, in->nexternal, r->text)         ? "it said yes"
		         : has_text(in->external_no, in->nexternal_no, r->text) ? "it said no"
		                                                                : "no answer that counts");
	else if (in->groups_unknown)
		snprintf(out, n, "the provider's list of groups or claims was too long to be taken");
	else if (r->sel == SEL_OIDC || r->sel == SEL_SAML)
		snprintf(out, n, "claim %s", json_object_get(in->claims, r->claim) ? "present" : "absent");
	else
		snprintf(out, n, "in %zu groups%s%s", in->ngroups, in->ngroups ? ", first " : "",
		         in->ngroups ? in->groups[0] : "");
}

static const char *
found_text(const struct eval *e, const struct rule *r, char *out, size_t n)
{
	const struct policy_input *in = e->in;
	const unsigned flags = selector_rows[r->sel].flags;
	const bool cert = in->cert_ca && in->cert_ca[0];

	out[0] = '\0';
	if (flags & SF_UNAVAILABLE)
		snprintf(out, n, "this rule needs what is not offered here; it never opens anything");
	else if (flags & SF_IDENTITY)
		found_person(e, r, out, n);
	else if (r->sel == SEL_IP || r->sel == SEL_IP_LIST)
		snprintf(out, n, "address is %s", e->have_ip ? in->ip : "unknown");
	else if (r->sel == SEL_GEO)
		snprintf(out, n, "country is %s", e->country[0] ? e->country : "unknown");
	else if (r->sel == SEL_SERVICE_TOKEN || r->sel == SEL_ANY_SERVICE_TOKEN)
		snprintf(out, n, "service token is %s", in->service_token ? in->service_token : "none");
	else if (r->sel == SEL_LINKED_APP_TOKEN)
		snprintf(out, n, "token of application %s",
		         in->app_uid_of_linked_token ? in->app_uid_of_linked_token : "none");
	else if ((r->sel == SEL_CERTIFICATE || r->sel == SEL_COMMON_NAME) && in->cert_unknown)
		snprintf(out, n, "a client certificate cannot be shown here");
	else if (r->sel == SEL_CERTIFICATE)
		snprintf(out, n, "%s client certificate", cert ? "verified" : "no verified");
	else if (r->sel == SEL_COMMON_NAME)
		snprintf(out, n, "certificate's common name is %s",
		         cert && in->common_name ? in->common_name : "not there");
	return out;
}

static enum tri
rule_traced(struct eval *e, const struct rule *r, const char *list)
{
	char what[256], why[400];
	enum tri v;
	size_t at;

	if (!e->trace)
		return rule_eval(e, r);
	rule_describe(r, what, sizeof what);
	at = trace_begin(e->trace, r->sel == SEL_GROUP ? TRACE_GROUP : TRACE_RULE, list, what);
	trace_in(e->trace);
	v = rule_eval(e, r);
	trace_out(e->trace);
	trace_end(e->trace, at, v, found_text(e, r, why, sizeof why));
	return v;
}

/* --- lists of rules, policies ----------------------------------------------------------------------------------------
 */

static enum tri
emails_eval(const struct eval *e, const struct rules *rules)
{
	uint32_t lo = 0, hi = rules->nemails;

	if (hi == 0)
		return TRI_NO;
	if (e->person != PERSON_KNOWN)
		return TRI_UNKNOWN;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (rules->emails[mid].hash < e->email_hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < rules->nemails && rules->emails[lo].hash == e->email_hash; lo++)
		if (strcmp(rules->emails[lo].text, e->email) == 0)
			return TRI_YES;
	return TRI_NO;
}

/* As rules_eval of any, without a trace. */
static enum tri
any_eval(struct eval *e, const struct rules *rules)
{
	enum tri v = emails_eval(e, rules);

	for (uint32_t i = 0; v != TRI_YES && i < rules->nrest; i++) {
		enum tri one = rule_eval(e, rules->rest[i]);

		if (one > v)
			v = one;
	}
	return v;
}

/* want: the value that settles the list at once. OR stops at YES with the maximum, AND at NO with the minimum. */
static enum tri
rules_eval(struct eval *e, const struct rules *rules, const char *list, bool any)
{
	enum tri v = any ? TRI_NO : TRI_YES;

	if (any && !e->trace)
		return any_eval(e, rules);
	for (uint32_t i = 0; i < rules->n; i++) {
		enum tri one = rule_traced(e, &rules->v[i], list);

		if (any ? one > v : one < v)
			v = one;
		if (!e->trace && v == TRI_NO)
			break;
	}
	return v;
}

static enum tri
ruleset_eval(struct eval *e, const struct ruleset *rs)
{
	enum tri v = rules_eval(e, &rs->include, "include", true), one;

	if (v == TRI_NO && !e->trace)
		return v;
	one = rules_eval(e, &rs->require, "require", false);
	if (one < v)
		v = one;
	if (v == TRI_NO && !e->trace)
		return v;
	one = rules_eval(e, &rs->exclude, "exclude", true);
	one = one == TRI_YES ? TRI_NO : one == TRI_NO ? TRI_YES : TRI_UNKNOWN;
	return one < v ? one : v;
}

static enum tri
policy_value(struct eval *e, const struct set_policy *p)
{
	char what[400];
	enum tri v;
	size_t at = 0;

	if (e->trace) {
		snprintf(what, sizeof what, "policy \"%.300s\" %s", p->name, decision_str(p->decision));
		at = trace_begin(e->trace, TRACE_POLICY, "", what);
	}
	trace_in(e->trace);
	v = ruleset_eval(e, &p->rs);
	trace_out(e->trace);
	trace_end(e->trace, at, v, NULL);
	return v;
}

static void
not_reached(struct eval *e, const struct policy_app *app, size_t from)
{
	char what[400];

	for (size_t i = from; e->trace && i < app->npolicies; i++) {
		const struct set_policy *p = &app->policies[i];

		snprintf(what, sizeof what, "policy \"%.300s\" %s", p->name, decision_str(p->decision));
		trace_end(e->trace, trace_begin(e->trace, TRACE_POLICY, "", what), TRI_NOT_REACHED, NULL);
	}
}

static struct policy_verdict
decide(const struct policy_app *app, enum policy_outcome outcome, int code, const struct set_policy *p)
{
	return (struct policy_verdict){
	    .outcome = outcome,
	    .code = code,
	    .policy = p ? (int)p->index : -1,
	    .policy_id = p ? p->id : "",
	    .policy_name = p ? p->name : "",
	    .session_ms = p ? p->session_ms : app->session_ms,
	};
}

/* Bypass and service auth. True when one of them decided. */
static bool
first_phase(struct eval *e, const struct policy_app *app, struct policy_verdict *ret_v)
{
	for (size_t i = 0; i < app->nfirst; i++) {
		const struct set_policy *p = &app->policies[i];

		if (policy_value(e, p) != TRI_YES)
			continue;
		*ret_v = decide(app, p->decision == DECISION_BYPASS ? POLICY_BYPASSED : POLICY_SERVICE, SP_OK, p);
		not_reached(e, app, i + 1);
		return true;
	}
	return false;
}

/* Allow and block while nobody is signed in: is there any way to yes? */
static struct policy_verdict
second_phase_pending(struct eval *e, const struct policy_app *app)
{
	for (size_t i = app->nfirst; i < app->npolicies; i++) {
		const struct set_policy *p = &app->policies[i];
		enum tri v = policy_value(e, p);

		if (p->decision == DECISION_ALLOW && v != TRI_NO) {
			not_reached(e, app, i + 1);
			return decide(app, POLICY_LOGIN, SP_LOGIN_NEEDED, NULL);
		}
		if (p->decision == DECISION_DENY && v == TRI_YES) {
			not_reached(e, app, i + 1);
			return decide(app, POLICY_DENIED, SP_POLICY_BLOCK, p);
		}
	}
	return decide(app, POLICY_DENIED, SP_POLICY_DENY, NULL);
}

static struct policy_verdict
second_phase(struct eval *e, const struct policy_app *app)
{
	struct policy_verdict ret;

	if (!policy_app_idp_allowed(app, e->in->idp_id)) {
		not_reached(e, app, app->nfirst);
		return decide(app, POLICY_LOGIN, SP_LOGIN_NEEDED, NULL);
	}
	for (size_t i = app->nfirst; i < app->npolicies; i++) {
		const struct set_policy *p = &app->policies[i];
		e->cert_asked = false;
		enum tri v = policy_value(e, p);

		if (v == TRI_UNKNOWN && e->in->could && e->cert_asked)
			v = p->decision == DECISION_ALLOW ? TRI_YES : TRI_NO;
		if (p->decision == DECISION_ALLOW ? v != TRI_YES : v == TRI_NO)
			continue;
		if (p->decision == DECISION_ALLOW)
			ret = p->approval ? decide(app, POLICY_DENIED, SP_APPROVAL, p)
			                  : decide(app, POLICY_ALLOWED, SP_OK, p);
		else
			ret = decide(app, POLICY_DENIED, SP_POLICY_BLOCK, p);
		ret.unknown = v == TRI_UNKNOWN;
		not_reached(e, app, i + 1);
		return ret;
	}
	return decide(app, POLICY_DENIED, SP_POLICY_DENY, NULL);
}

void
policy_eval(const struct policy_set *set, const struct policy_app *app, const struct policy_input *in,
            struct policy_verdict *ret_v, struct policy_trace *trace)
{
	struct eval e;

	if (app->set != set) { /* an application of another snapshot: its groups are not ours */
		*ret_v = decide(app, POLICY_DENIED, SP_INTERNAL, NULL);
		return;
	}
	if (app->npolicies == 0) {
		*ret_v = decide(app, POLICY_DENIED, app->broken ? SP_POLICY_DENY : SP_NO_POLICY, NULL);
		return;
	}
	eval_init(&e, set, in, trace);
	if (first_phase(&e, app, ret_v))
		return;
	*ret_v = in->have_identity ? second_phase(&e, app) : second_phase_pending(&e, app);
}

void
policy_eval_pre(const struct policy_set *set, const struct policy_app *app, const struct policy_input *in,
                struct policy_verdict *ret_v, struct policy_trace *trace)
{
	struct policy_input nobody = *in;

	nobody.have_identity = false;
	policy_eval(set, app, &nobody, ret_v, trace);
}

const char *
policy_outcome_str(int o)
{
	static const char *const words[] = {"denied", "allowed", "bypassed", "service", "login"};

	return o >= 0 && o <= POLICY_LOGIN ? words[o] : "?";
}

void
policy_verdict_reason(const struct policy_app *app, const struct policy_verdict *v, struct reason *r)
{
	switch (v->outcome) {
	case POLICY_ALLOWED:
	case POLICY_BYPASSED:
	case POLICY_SERVICE:
		reason_set(r, 0, v->code, "policy \"%.80s\" of \"%.80s\" %s", v->policy_name, app->name,
		           v->outcome == POLICY_ALLOWED    ? "allows"
		           : v->outcome == POLICY_BYPASSED ? "lets everybody by"
		                                           : "lets the service in");
		return;
	case POLICY_LOGIN:
		reason_set(r, 0, v->code, "\"%.80s\" needs a sign-in, by a provider it admits", app->name);
		return;
	case POLICY_DENIED:
	default:
		break;
	}
	if (app->broken)
		reason_set(r, 0, v->code, "\"%.60s\" cannot be evaluated: %.150s", app->name, app->broken);
	else if (v->code == SP_NO_POLICY)
		reason_set(r, 0, v->code, "\"%.80s\" has no policy", app->name);
	else if (v->code == SP_POLICY_BLOCK)
		reason_set(r, 0, v->code, "policy \"%.80s\" of \"%.80s\" blocks%s", v->policy_name, app->name,
		           v->unknown ? ": something it asks about is unknown" : "");
	else if (v->code == SP_APPROVAL)
		reason_set(r, 0, v->code, "policy \"%.80s\" of \"%.80s\" wants an approval", v->policy_name, app->name);
	else
		reason_set(r, 0, v->code, "no policy of \"%.80s\" allows", app->name);
}

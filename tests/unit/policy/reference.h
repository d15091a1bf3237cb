/*
 * reference: the policy rules a second time, slow and on the JSON itself, for tests to compare with. Shares nothing
 * with src/policy. A value is the set of what it might turn out to be: CAN_NO, CAN_YES, or both while something is
 * unknown.
 */
#ifndef TEST_POLICY_REFERENCE_H
#define TEST_POLICY_REFERENCE_H

#include "model/app.h"
#include "model/group.h"
#include "policy/eval.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CAN_NO 1
#define CAN_YES 2
#define CAN_BOTH 3

struct ref {
	const struct policy_source *src;
	const struct policy_input *in;
};

static int
ref_bool(bool b)
{
	return b ? CAN_YES : CAN_NO;
}

static const char *
ref_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static bool
ref_in(const char *const *v, size_t n, const char *s)
{
	while (n--)
		if (!strcmp(v[n], s))
			return true;
	return false;
}

/* Bit by bit, on text forms. */
static int
ref_ip(const char *net, const char *ip)
{
	unsigned char a[16], b[16];
	char host[64];
	int family = strchr(net, ':') ? AF_INET6 : AF_INET, bits = family == AF_INET ? 32 : 128;
	bool v6 = ip && strchr(ip, ':');

	snprintf(host, sizeof host, "%s", net);
	if (strchr(host, '/')) {
		bits = (int)strtol(strchr(host, '/') + 1, NULL, 10);
		*strchr(host, '/') = 0;
	}
	if (!ip || (inet_pton(AF_INET, ip, b) != 1 && inet_pton(AF_INET6, ip, b) != 1))
		return CAN_BOTH;
	if (v6 != (family == AF_INET6))
		return CAN_NO; /* the tests use no mapped texts */
	inet_pton(family, host, a);
	for (int i = 0; i < bits; i++)
		if (((a[i / 8] >> (7 - i % 8)) & 1) != ((b[i / 8] >> (7 - i % 8)) & 1))
			return CAN_NO;
	return CAN_YES;
}

static bool
ref_idp(const struct ref *f, const json_t *o)
{
	const char *want = ref_text(o, "identity_provider_id");

	if (!*want)
		return true;
	for (size_t i = 0; i < f->src->nidps; i++)
		if (!strcmp(f->src->idps[i]->id, want) || !strcmp(f->src->idps[i]->name, want))
			return f->in->idp_id && !strcmp(f->src->idps[i]->id, f->in->idp_id);
	return false;
}

static bool
ref_claim(const json_t *v, const char *want)
{
	char text[40];

	if (json_is_array(v)) {
		for (size_t i = 0; i < json_array_size(v); i++)
			if (!json_is_array(json_array_get(v, i)) && ref_claim(json_array_get(v, i), want))
				return true;
		return false;
	}
	if (json_is_string(v))
		return json_string_length(v) == strlen(want) && !strcmp(json_string_value(v), want);
	if (json_is_boolean(v))
		return !strcmp(want, json_is_true(v) ? "true" : "false");
	snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
	return json_is_integer(v) && !strcmp(text, want);
}

static int ref_list(const struct ref *f, const json_t *o, bool email);
static int ref_lists(const struct ref *f, const json_t *inc, const json_t *req, const json_t *exc);

static int
ref_group(const struct ref *f, const json_t *o)
{
	for (int by_name = 0; by_name < 2; by_name++) {
		for (size_t i = 0; i < f->src->ngroups; i++) {
			const struct group *g = f->src->groups[i];
			const char *want = *ref_text(o, "id") ? ref_text(o, "id") : ref_text(o, "name");
			if (g->id && !by_name && !strcmp(g->id, want))
				return ref_lists(f, g->include, g->require, g->exclude);
			if (by_name && !strcmp(g->name, want))
				return ref_lists(f, g->include, g->require, g->exclude);
		}
	}
	return CAN_BOTH;
}

static int
ref_person(const struct ref *f, const char *key, const json_t *o)
{
	const struct policy_input *in = f->in;
	const char *email = in->email && strlen(in->email) < 255 ? in->email : "", *at = strrchr(email, '@');
	char team[512];

	if (!strcmp(key, "email"))
		return ref_bool(!strcasecmp(ref_text(o, "email"), email));
	if (!strcmp(key, "email_domain"))
		return ref_bool(at && !strcasecmp(at + 1, ref_text(o, "domain")));
	if (!strcmp(key, "auth_method"))
		return ref_bool(ref_in(in->amr, in->namr, ref_text(o, "auth_method")));
	if (!strcmp(key, "email_list"))
		return ref_list(f, o, true);
	if (!strcmp(key, "external_evaluation")) {
		if (ref_in(in->external_no, in->nexternal_no, ref_text(o, "evaluate_url")))
			return CAN_NO;
		return ref_in(in->external, in->nexternal, ref_text(o, "evaluate_url")) ? CAN_YES : CAN_BOTH;
	}
	if (!strcmp(key, "login_method")) {
		json_t *as_idp = json_pack("{ss}", "identity_provider_id",
		                           *ref_text(o, "id") ? ref_text(o, "id") : ref_text(o, "name"));
		bool yes = ref_idp(f, as_idp);
		json_decref(as_idp);
		return ref_bool(yes);
	}
	if (!ref_idp(f, o))
		return CAN_NO;
	if (!strcmp(key, "oidc") || !strcmp(key, "saml")) {
		const char *name = ref_text(o, *key == 'o' ? "claim_name" : "attribute_name"),
		           *want = ref_text(o, *key == 'o' ? "claim_value" : "attribute_value");
		if (!strcasecmp(name, "groups") && ref_in(in->groups, in->ngroups, want))
			return CAN_YES;
		return ref_bool(ref_claim(json_object_get(in->claims, name), want));
	}
	if (!strcmp(key, "github_organization") && *ref_text(o, "team")) {
		snprintf(team, sizeof team, "%s/%s", ref_text(o, "name"), ref_text(o, "team"));
		return ref_bool(ref_in(in->groups, in->ngroups, team));
	}
	if (!strcmp(key, "gsuite")) {
		char low[300];
		size_t n = strlen(ref_text(o, "email"));
		for (size_t i = 0; i <= n && i < sizeof low; i++)
			low[i] = (char)tolower((unsigned char)ref_text(o, "email")[i]);
		return ref_bool(ref_in(in->groups, in->ngroups, low));
	}
	return ref_bool(
	    ref_in(in->groups, in->ngroups, !strcmp(key, "azure_ad") ? ref_text(o, "id") : ref_text(o, "name")));
}

/* Item by item, on text forms. */
static int
ref_list(const struct ref *f, const json_t *o, bool email)
{
	const char *want = *ref_text(o, "id") ? ref_text(o, "id") : ref_text(o, "name");

	for (size_t i = 0; i < f->src->nlists; i++) {
		const struct access_list *l = f->src->lists[i];
		int v = CAN_NO;
		if ((!l->id || strcmp(l->id, want)) && strcmp(l->name, want))
			continue;
		if (email)
			for (size_t k = 0; k < l->nitems; k++)
				v |= ref_bool(f->in->email && !strcasecmp(l->items[k].value, f->in->email)) & CAN_YES;
		else
			for (size_t k = 0; k < l->nitems; k++) {
				int one = ref_ip(l->items[k].value, f->in->ip);
				if (one == CAN_BOTH)
					return CAN_BOTH;
				v |= one & CAN_YES;
			}
		return v & CAN_YES ? CAN_YES : CAN_NO;
	}
	return CAN_BOTH;
}

static int
ref_rule(const struct ref *f, const json_t *rule)
{
	static const char *const person[] = {
	    "email",  "email_domain", "auth_method",         "login_method", "oidc",       "okta",
	    "gsuite", "azure_ad",     "github_organization", "saml",         "email_list", "external_evaluation"};
	const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)rule));
	const json_t *o = json_object_get(rule, key);
	const char *country = f->in->country;

	for (size_t i = 0; i < sizeof person / sizeof *person; i++)
		if (!strcmp(key, person[i]))
			return f->in->have_identity ? ref_person(f, key, o) : CAN_BOTH;
	if (!strcmp(key, "everyone"))
		return CAN_YES;
	if (!strcmp(key, "ip"))
		return ref_ip(ref_text(o, "ip"), f->in->ip);
	if (!strcmp(key, "geo"))
		return country && strlen(country) == 2 ? ref_bool(!strcasecmp(country, ref_text(o, "country_code")))
		                                       : CAN_BOTH;
	if (!strcmp(key, "group"))
		return ref_group(f, o);
	if (!strcmp(key, "service_token"))
		return ref_bool(f->in->service_token && !strcmp(f->in->service_token, ref_text(o, "token_id")));
	if (!strcmp(key, "any_valid_service_token"))
		return ref_bool(f->in->service_token && *f->in->service_token);
	if (!strcmp(key, "ip_list"))
		return ref_list(f, o, false);
	if (!strcmp(key, "linked_app_token"))
		return ref_bool(f->in->app_uid_of_linked_token &&
		                !strcmp(f->in->app_uid_of_linked_token, ref_text(o, "app_uid")));
	if (!strcmp(key, "certificate"))
		return ref_bool(f->in->cert_ca && *f->in->cert_ca);
	if (!strcmp(key, "common_name"))
		return ref_bool(f->in->cert_ca && *f->in->cert_ca && f->in->common_name &&
		                !strcmp(f->in->common_name, ref_text(o, "common_name")));
	return CAN_BOTH;
}

static int
ref_or(int a, int b)
{
	return ((a | b) & CAN_YES) | (a & b & CAN_NO);
}

static int
ref_and(int a, int b)
{
	return ((a | b) & CAN_NO) | (a & b & CAN_YES);
}

static int
ref_not(int a)
{
	return (a & CAN_NO ? CAN_YES : 0) | (a & CAN_YES ? CAN_NO : 0);
}

static int
ref_lists(const struct ref *f, const json_t *inc, const json_t *req, const json_t *exc)
{
	int v = CAN_NO;

	for (size_t i = 0; i < json_array_size(inc); i++)
		v = ref_or(v, ref_rule(f, json_array_get(inc, i)));
	for (size_t i = 0; i < json_array_size(req); i++)
		v = ref_and(v, ref_rule(f, json_array_get(req, i)));
	for (size_t i = 0; i < json_array_size(exc); i++)
		v = ref_and(v, ref_not(ref_rule(f, json_array_get(exc, i))));
	return v;
}

/* The whole verdict: outcome and the index of the policy that decided. */
__attribute__((unused)) static enum policy_outcome
ref_verdict(const struct policy_source *src, const struct app *a, const struct policy_input *in, int *ret_policy)
{
	struct ref f = {src, in};
	bool admitted = a->allowed_idps.n == 0;

	*ret_policy = -1;
	for (size_t i = 0; i < a->npolicies; i++) {
		const struct policy *p = a->policies[i];
		if (p->decision != DECISION_BYPASS && p->decision != DECISION_NON_IDENTITY)
			continue;
		if (ref_lists(&f, p->include, p->require, p->exclude) != CAN_YES)
			continue;
		*ret_policy = (int)i;
		return p->decision == DECISION_BYPASS ? POLICY_BYPASSED : POLICY_SERVICE;
	}
	for (size_t i = 0; i < a->allowed_idps.n; i++) {
		json_t *o = json_pack("{ss}", "identity_provider_id", a->allowed_idps.v[i]);
		admitted |= ref_idp(&f, o);
		json_decref(o);
	}
	if (in->have_identity && !admitted && a->npolicies)
		return POLICY_LOGIN;
	for (size_t i = 0; i < a->npolicies; i++) {
		const struct policy *p = a->policies[i];
		int v;
		if (p->decision != DECISION_ALLOW && p->decision != DECISION_DENY)
			continue;
		v = ref_lists(&f, p->include, p->require, p->exclude);
		if (!in->have_identity) {
			if (p->decision == DECISION_ALLOW && (v & CAN_YES))
				return POLICY_LOGIN;
			if (p->decision == DECISION_DENY && v == CAN_YES) {
				*ret_policy = (int)i;
				return POLICY_DENIED;
			}
			continue;
		}
		if (p->decision == DECISION_ALLOW ? v == CAN_YES : (v & CAN_YES) != 0) {
			*ret_policy = (int)i;
			return p->decision == DECISION_ALLOW ? POLICY_ALLOWED : POLICY_DENIED;
		}
	}
	return POLICY_DENIED;
}

#endif

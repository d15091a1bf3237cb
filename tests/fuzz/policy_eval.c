/* Verdicts against the second evaluator: the bytes choose groups, policies, their rules and who asks. */
#include "core/json.h"
#include "fuzz.h"
#include "policy/explain.h"
#include "../unit/policy/reference.h"

static const char *const rules[] = {
    "{\"everyone\":{}}",
    "{\"email\":{\"email\":\"jdoe@a.test\"}}",
    "{\"email\":{\"email\":\"Eve@b.test\"}}",
    "{\"email_domain\":{\"domain\":\"a.test\"}}",
    "{\"ip\":{\"ip\":\"203.0.113.0/24\"}}",
    "{\"ip\":{\"ip\":\"2001:db8::/32\"}}",
    "{\"geo\":{\"country_code\":\"PT\"}}",
    "{\"login_method\":{\"id\":\"people\"}}",
    "{\"auth_method\":{\"auth_method\":\"mfa\"}}",
    "{\"oidc\":{\"claim_name\":\"dept\",\"claim_value\":\"eng\",\"identity_provider_id\":\"corp\"}}",
    "{\"oidc\":{\"claim_name\":\"groups\",\"claim_value\":\"ops\"}}",
    "{\"okta\":{\"name\":\"ops\"}}",
    "{\"service_token\":{\"token_id\":\"t1\"}}",
    "{\"any_valid_service_token\":{}}",
    "{\"device_posture\":{\"integration_uid\":\"x\"}}",
    "{\"group\":{\"name\":\"g0\"}}",
    "{\"group\":{\"name\":\"g1\"}}",
    "{\"group\":{\"name\":\"g2\"}}",
    "{\"github_organization\":{\"name\":\"ops\",\"team\":\"core\"}}",
    "{\"github_organization\":{\"name\":\"dev\"}}",
    "{\"group\":{\"name\":\"g22\"}}",
    "{\"login_method\":{\"id\":\"peopel\"}}",
};
#define RULES (sizeof rules / sizeof *rules)

struct stream {
	const uint8_t *p;
	size_t n;
};

static unsigned
take(struct stream *s, unsigned below)
{
	if (s->n == 0)
		return 0;
	s->n--;
	return *s->p++ % below;
}

static json_t *
list(struct stream *s, unsigned least)
{
	json_t *a = json_array();
	unsigned n = least + take(s, 3);

	while (n--)
		json_array_append_new(a, json_loads(rules[take(s, RULES)], 0, NULL));
	return a;
}

static json_t *
lists(struct stream *s, json_t *o)
{
	json_object_set_new(o, "include", list(s, 1));
	json_object_set_new(o, "require", list(s, 0));
	json_object_set_new(o, "exclude", list(s, 0));
	return o;
}

static struct app *
make_app(struct stream *s)
{
	static const char *const decisions[] = {"allow", "deny", "bypass", "non_identity"};
	json_t *policies = json_array(), *o;
	struct app *a = NULL;
	unsigned n = take(s, 5);

	while (n--)
		json_array_append_new(policies,
		                      lists(s, json_pack("{ss ss}", "name", "p", "decision", decisions[take(s, 4)])));
	o = json_pack("{ss ss so}", "name", "a", "domain", take(s, 4) == 3 ? "*.test" : "a.test", "policies", policies);
	if (take(s, 4) == 1)
		json_object_set_new(o, "allowed_idps", json_pack("[s]", "corp"));
	MUST(app_from_json(o, false, &a, NULL) == 0);
	json_decref(o);
	return a;
}

static void
make_input(struct stream *s, struct policy_input *in)
{
	static const char *const emails[] = {"jdoe@a.test", "JDOE@A.TEST", "eve@b.test", "", NULL};
	static const char *const ips[] = {"203.0.113.5", "2001:db8::1", "192.0.2.1", NULL, "x"};
	static const char *const countries[] = {"PT", "pt", "DE", "", NULL};
	static const char *const groups[] = {"ops", "dev", "ops/core"}, *const amr[] = {"pwd", "mfa"};
	static const char *const idps[] = {"00000000-0000-4000-8000-000000000011",
	                                   "00000000-0000-4000-8000-000000000012", "", NULL};

	in->have_identity = take(s, 3) != 0;
	in->email = emails[take(s, 5)];
	in->ip = ips[take(s, 5)];
	in->country = countries[take(s, 5)];
	in->groups = groups;
	in->ngroups = take(s, 4);
	in->amr = amr;
	in->namr = take(s, 3);
	in->idp_id = idps[take(s, 4)];
	in->service_token = take(s, 2) ? "t1" : NULL;
}

static void
look_up(const struct policy_set *set)
{
	const struct policy_app *a = policy_set_at(set, 0);
	size_t n = 0;
	bool wild = policy_app_domain(a)[0] == '*';

	MUST(a && policy_set_count(set) == 1 && !policy_set_at(set, 1));
	MUST(policy_set_by_host(set, "a.test") == a && !policy_set_by_host(set, "a.b.test"));
	MUST(!policy_set_by_host(set, "b.test") == !wild && !policy_set_by_host(set, "*.test"));
	MUST(policy_set_by_name(set, "a") == a && !strcmp(policy_app_name(a), "a"));
	MUST(policy_app_id(a) && policy_app_aud(a));
	MUST(policy_app_session_ms(a) >= 0);
	(void)policy_app_idp_allowed(a, "corp");
	(void)policy_app_idps(a, &n);
	(void)policy_app_has_non_identity(a);
	(void)policy_set_by_id(set, "x");
	(void)policy_set_by_aud(set, "x");
}

static void
compare(const struct policy_source *src, const struct policy_set *set, const struct app *a,
        const struct policy_input *in)
{
	struct policy_trace *t = policy_trace_new();
	struct policy_verdict v, traced;
	struct buf text;
	int policy;
	enum policy_outcome want = ref_verdict(src, a, in, &policy);

	policy_eval(set, policy_set_at(set, 0), in, &v, NULL);
	policy_eval(set, policy_set_at(set, 0), in, &traced, t);
	MUST(v.outcome == want && v.policy == policy);
	MUST(traced.outcome == want && traced.policy == policy);
	if (want == POLICY_ALLOWED)
		MUST(in->have_identity);
	buf_init(&text, 1 << 20);
	MUST(policy_explain_text(policy_set_at(set, 0), &v, t, &text) == 0);
	buf_release(&text);
	policy_trace_free(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct stream s = {p, n};
	struct group *groups[3] = {0};
	struct idp *idps[2] = {0};
	struct app *app;
	struct policy_source src = {.groups = (const struct group *const *)groups,
	                            .ngroups = 3,
	                            .idps = (const struct idp *const *)idps,
	                            .nidps = 2,
	                            .napps = 1};
	json_t *o, *claims = json_pack("{s[ss]}", "dept", "eng", "doc");
	struct policy_input in = {0};
	struct policy_set *set = NULL;

	for (int i = 0; i < 2; i++) {
		char id[40];
		snprintf(id, sizeof id, "00000000-0000-4000-8000-0000000000%d", 11 + i);
		o = json_pack("{ss ss ss}", "id", id, "name", i ? "corp" : "people", "type", "local");
		MUST(idp_from_json(o, false, &idps[i], NULL) == 0);
		json_decref(o);
	}
	for (int i = 0; i < 3; i++) {
		char name[8];
		snprintf(name, sizeof name, "g%d", i);
		o = lists(&s, json_pack("{ss}", "name", name));
		MUST(group_from_json(o, false, &groups[i], NULL) == 0);
		json_decref(o);
	}
	app = make_app(&s);
	src.apps = (const struct app *const *)&app;
	if (policy_set_compile(&src, &set, NULL) == 0) { /* else a cycle, or an identity rule where none may be */
		look_up(set);
		for (int i = 0; i < 4; i++) {
			make_input(&s, &in);
			in.claims = i & 1 ? claims : NULL;
			compare(&src, set, app, &in);
		}
	}
	policy_set_free(set);
	src.keep_broken = true; /* a snapshot made at start always comes about */
	set = NULL;
	MUST(policy_set_compile(&src, &set, NULL) == 0);
	if (policy_app_broken(policy_set_at(set, 0))) {
		struct policy_verdict v;
		policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
		MUST(v.outcome == POLICY_DENIED);
	}
	policy_set_free(set);
	app_free(app);
	for (int i = 0; i < 3; i++)
		group_free(groups[i]);
	for (int i = 0; i < 2; i++)
		idp_free(idps[i]);
	json_decref(claims);
	return 0;
}

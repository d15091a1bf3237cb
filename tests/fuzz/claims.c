/* OIDC claim rules over arbitrary claims: first line the claim, second the value, then the claims' JSON. */
#include "core/json.h"
#include "fuzz.h"
#include "../unit/policy/reference.h"

static struct app *
make_app(const char *name, const char *value)
{
	json_t *o = json_pack("{ss ss s[{ss ss s[{s{ss ss}}]}]}", "name", "a", "domain", "a.test", "policies", "name",
	                      "p", "decision", "allow", "include", "oidc", "claim_name", name, "claim_value", value);
	struct app *a = NULL;

	if (o)
		app_from_json(o, false, &a, NULL);
	json_decref(o);
	return a;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const groups[] = {"ops"};
	struct policy_input in = {.have_identity = true, .email = "a@b.test", .groups = groups, .ngroups = 1};
	char *s = fuzz_text(p, n), *value = strchr(s, '\n'), *text = value ? strchr(value + 1, '\n') : NULL;
	struct policy_source src = {.napps = 1};
	struct policy_set *set = NULL;
	struct policy_verdict v;
	struct app *a = NULL;
	json_t *claims = NULL;
	int policy;

	if (!text)
		goto out;
	*value++ = '\0';
	*text++ = '\0';
	a = make_app(s, value);
	if (!a || json_load_strict(text, strlen(text), 65536, &claims) != 0)
		goto out;
	src.apps = (const struct app *const *)&a;
	if (policy_set_compile(&src, &set, NULL) != 0)
		goto out;
	in.claims = claims;
	policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
	MUST(v.outcome == ref_verdict(&src, a, &in, &policy));
out:
	policy_set_free(set);
	json_decref(claims);
	app_free(a);
	free(s);
	return 0;
}

/* Groups that a provider could not list in full: nothing is opened by what may stand in the rest, nothing that blocks
 * is passed by. */
#include "fixture.h"

#define OPS "{\"okta\":{\"name\":\"ops\"}}"
#define CLAIM "{\"oidc\":{\"claim_name\":\"groups\",\"claim_value\":\"ops\"}}"
#define ORG "{\"github_organization\":{\"name\":\"ops\"}}"
#define ALL "{\"everyone\":{}}"

static int
verdict(const char *policies, bool unknown, bool seen)
{
	static const char *const ops[] = {"ops"};
	struct policy_input in = {
	    .have_identity = true, .email = "j@a.test", .groups = ops, .ngroups = seen, .groups_unknown = unknown};
	struct policy_verdict v;
	struct fixture f;
	char text[1024];

	fx_init(&f);
	snprintf(text, sizeof text, "{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[%s]}", policies);
	fx_app(&f, text);
	struct policy_set *set = fx_compile(&f);
	policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
	policy_set_free(set);
	fx_free(&f);
	return (int)v.outcome;
}

static void
test_groups_unknown(void **state)
{
	static const char *const rules[] = {OPS, CLAIM, ORG};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char exclude[512], require[512], deny[512];

		snprintf(exclude, sizeof exclude,
		         "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[" ALL "],\"exclude\":[%s]}", rules[i]);
		snprintf(require, sizeof require,
		         "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[" ALL "],\"require\":[%s]}", rules[i]);
		snprintf(deny, sizeof deny,
		         "{\"name\":\"d\",\"decision\":\"deny\",\"include\":[%s]},"
		         "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[" ALL "]}",
		         rules[i]);
		assert_int_equal(verdict(exclude, false, false), POLICY_ALLOWED);
		assert_int_equal(verdict(exclude, true, false), POLICY_DENIED);
		assert_int_equal(verdict(exclude, true, true), POLICY_DENIED);
		assert_int_equal(verdict(require, true, false), POLICY_DENIED);
		assert_int_equal(verdict(require, true, true), POLICY_ALLOWED);
		assert_int_equal(verdict(deny, false, false), POLICY_ALLOWED);
		assert_int_equal(verdict(deny, true, false), POLICY_DENIED);
	}
}

#define CERT "{\"certificate\":{}}"
#define CN "{\"common_name\":{\"common_name\":\"robot\"}}"

static int
outcome(const char *policies, const struct policy_input *in)
{
	struct policy_verdict v;
	struct fixture f;
	char text[1400];

	fx_init(&f);
	snprintf(text, sizeof text, "{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[%s]}", policies);
	fx_app(&f, text);
	struct policy_set *set = fx_compile(&f);
	policy_eval(set, policy_set_at(set, 0), in, &v, NULL);
	policy_set_free(set);
	fx_free(&f);
	return (int)v.outcome;
}

static int
elsewhere(const char *policies, bool could)
{
	struct policy_input in = {.have_identity = true, .email = "j@a.test", .cert_unknown = true, .could = could};

	return outcome(policies, &in);
}

/* On the team host no client certificate is asked for. What turns on one is not opened there, and a token is minted
   only where the certificate, shown to the application later, may open it. */
static void
test_certificate_elsewhere(void **state)
{
	static const char *const rules[] = {CERT, CN};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char exclude[512], require[512], deny[512], other[512];

		snprintf(exclude, sizeof exclude,
		         "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[" ALL "],\"exclude\":[%s]}", rules[i]);
		snprintf(require, sizeof require,
		         "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[" ALL "],\"require\":[%s]}", rules[i]);
		snprintf(deny, sizeof deny,
		         "{\"name\":\"d\",\"decision\":\"deny\",\"include\":[%s]},"
		         "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[" ALL "]}",
		         rules[i]);
		/* something else refuses: no certificate would help */
		snprintf(other, sizeof other,
		         "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[%s],\"require\":[{\"email\":{\"email\":"
		         "\"x@a.test\"}}]}",
		         rules[i]);
		assert_int_equal(elsewhere(exclude, false), POLICY_DENIED);
		assert_int_equal(elsewhere(require, false), POLICY_DENIED);
		assert_int_equal(elsewhere(deny, false), POLICY_DENIED);
		assert_int_equal(elsewhere(other, false), POLICY_DENIED);
		assert_int_equal(elsewhere(exclude, true), POLICY_ALLOWED);
		assert_int_equal(elsewhere(require, true), POLICY_ALLOWED);
		assert_int_equal(elsewhere(deny, true), POLICY_ALLOWED);
		assert_int_equal(elsewhere(other, true), POLICY_DENIED);
	}
}

/* What is unknown for another reason is not opened by the hope for a certificate. */
static void
test_groups_unknown_elsewhere(void **state)
{
	static const char asks[] =
	    "{\"name\":\"c\",\"decision\":\"allow\",\"include\":[" CERT "],\"require\":[{\"email\":"
	    "{\"email\":\"x@a.test\"}}]}",
	                  groups[] =
	                      "{\"name\":\"p\",\"decision\":\"allow\",\"include\":[" ALL "],\"exclude\":[" OPS "]}";
	struct policy_input in = {
	    .have_identity = true, .email = "j@a.test", .cert_unknown = true, .could = true, .groups_unknown = true};
	char both[1024];

	(void)state;
	assert_int_equal(outcome(groups, &in), POLICY_DENIED);
	snprintf(both, sizeof both, "%s,%s", asks, groups); /* nor after a policy that hoped */
	assert_int_equal(outcome(both, &in), POLICY_DENIED);
	in.groups_unknown = false;
	assert_int_equal(outcome(both, &in), POLICY_ALLOWED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups_unknown),
	                                   cmocka_unit_test(test_certificate_elsewhere),
	                                   cmocka_unit_test(test_groups_unknown_elsewhere)};
	return cmocka_run_group_tests_name("policy_unknown", tests, NULL, NULL);
}

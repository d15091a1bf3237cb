/* Verdicts, against a second evaluator written on its own. */
#include "fixture.h"

#include "core/clock.h"

static const char *const rules[] = {
    "{\"everyone\":{}}",
    "{\"email\":{\"email\":\"JDoe@example.test\"}}",
    "{\"email\":{\"email\":\"other@example.test\"}}",
    "{\"email_domain\":{\"domain\":\"example.test\"}}",
    "{\"email_domain\":{\"domain\":\"test\"}}",
    "{\"ip\":{\"ip\":\"203.0.113.0/24\"}}",
    "{\"ip\":{\"ip\":\"2001:db8::/32\"}}",
    "{\"ip\":{\"ip\":\"::/0\"}}",
    "{\"geo\":{\"country_code\":\"pt\"}}",
    "{\"group\":{\"name\":\"staff\"}}",
    "{\"group\":{\"id\":\"" ID(02) "\"}}",
    "{\"group\":{\"name\":\"nested\"}}",
    "{\"login_method\":{\"id\":\"" ID(11) "\"}}",
    "{\"auth_method\":{\"auth_method\":\"mfa\"}}",
    "{\"oidc\":{\"claim_name\":\"department\",\"claim_value\":\"eng\"}}",
    "{\"oidc\":{\"claim_name\":\"Groups\",\"claim_value\":\"ops\",\"identity_provider_id\":\"people\"}}",
    "{\"oidc\":{\"claim_name\":\"level\",\"claim_value\":\"7\"}}",
    "{\"okta\":{\"name\":\"ops\"}}",
    "{\"okta\":{\"name\":\"ops\",\"identity_provider_id\":\"" ID(12) "\"}}",
    "{\"gsuite\":{\"email\":\"Team@example.test\"}}",
    "{\"github_organization\":{\"name\":\"acme\",\"team\":\"core\"}}",
    "{\"service_token\":{\"token_id\":\"" ID(21) "\"}}",
    "{\"any_valid_service_token\":{}}",
    "{\"azure_ad\":{\"id\":\"ops\",\"identity_provider_id\":\"people\"}}",
    "{\"saml\":{\"attribute_name\":\"department\",\"attribute_value\":\"doc\"}}",
    "{\"email_list\":{\"name\":\"guests\"}}",
    "{\"ip_list\":{\"id\":\"" ID(42) "\"}}",
    "{\"linked_app_token\":{\"app_uid\":\"" ID(61) "\"}}",
    "{\"certificate\":{}}",
    "{\"common_name\":{\"common_name\":\"build-7\"}}",
    "{\"external_evaluation\":{\"evaluate_url\":\"https://e.test/a\",\"keys_url\":\"https://e.test/k\"}}",
    "{\"device_posture\":{\"integration_uid\":\"" ID(31) "\"}}",
};
#define RULES (sizeof rules / sizeof *rules)

static const char *const groups_a[] = {"ops", "team@example.test", "acme/core"};
static const char *const amr_a[] = {"pwd", "otp", "mfa"};
static struct policy_input inputs[11];
static const char *const asked[] = {"https://e.test/b", "https://e.test/a"};
static json_t *claims;

static void
world(struct fixture *f)
{
	fx_init(f);
	fx_idp(f, "{\"id\":\"" ID(11) "\",\"name\":\"people\",\"type\":\"local\"}");
	fx_idp(f, "{\"id\":\"" ID(12) "\",\"name\":\"corp\",\"type\":\"oidc\",\"config\":{\"client_id\":\"c\","
	                              "\"issuer\":\"https://idp.test\"}}");
	fx_group(f, "{\"id\":\"" ID(
	                01) "\",\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"example.test\"}}],"
	                    "\"exclude\":[{\"email\":{\"email\":\"other@example.test\"}}]}");
	fx_group(f, "{\"id\":\"" ID(02) "\",\"name\":\"near\",\"include\":[{\"ip\":{\"ip\":\"203.0.113.7\"}},{\"geo\":{"
	                                "\"country_code\":\"PT\"}}]}");
	fx_group(f, "{\"id\":\"" ID(03) "\",\"name\":\"nested\",\"include\":[{\"group\":{\"name\":\"staff\"}},{"
	                                "\"group\":{\"name\":\"near\"}}],"
	                                "\"require\":[{\"auth_method\":{\"auth_method\":\"mfa\"}}]}");
	fx_list(f, "{\"id\":\"" ID(41) "\",\"name\":\"guests\",\"type\":\"EMAIL\",\"items\":[\"a@b.test\","
	                               "{\"value\":\"Other@Example.test\",\"description\":\"x\"}]}");
	fx_list(f, "{\"id\":\"" ID(42) "\",\"name\":\"nets\",\"type\":\"IP\",\"items\":[\"10.0.0.0/8\","
	                               "\"203.0.113.0/29\",\"2001:db8::9\",\"192.0.2.0/24\"]}");
	claims = fx_json("{\"department\":[\"eng\",\"doc\"],\"level\":7,\"groups\":[\"ops\"]}");
	inputs[0] = (struct policy_input){.have_identity = true,
	                                  .email = "jdoe@Example.test",
	                                  .idp_id = ID(11),
	                                  .idp_type = "local",
	                                  .amr = amr_a,
	                                  .namr = 3,
	                                  .groups = groups_a,
	                                  .ngroups = 3,
	                                  .ip = "203.0.113.7",
	                                  .country = "PT"};
	inputs[1] = (struct policy_input){.have_identity = true,
	                                  .email = "other@example.test",
	                                  .idp_id = ID(12),
	                                  .idp_type = "oidc",
	                                  .amr = amr_a,
	                                  .namr = 1,
	                                  .claims = claims,
	                                  .ip = "2001:db8::9",
	                                  .country = "DE"};
	inputs[2] = (struct policy_input){.ip = "198.51.100.1", .country = "PT"};
	inputs[3] = (struct policy_input){.ip = "203.0.113.9", .service_token = ID(21)};
	inputs[4] = (struct policy_input){
	    .have_identity = true, .email = "x@y@evil.test", .idp_id = "", .country = "", .ip = "nonsense"};
	inputs[5] = (struct policy_input){
	    .have_identity = true, .email = "", .groups = groups_a, .ngroups = 1, .country = "US"};
	inputs[6] = (struct policy_input){
	    .have_identity = false, .email = "jdoe@example.test", .groups = groups_a, .ngroups = 3};
	inputs[7] = inputs[1];
	inputs[7].country = NULL;
	inputs[7].ip = NULL;
	inputs[7].service_token = ID(22);
	inputs[8] = inputs[0];
	inputs[8].external = asked;
	inputs[8].nexternal = 2;
	inputs[8].cert_ca = ID(71);
	inputs[8].common_name = "build-7";
	inputs[9] = (struct policy_input){
	    .ip = "203.0.113.8", .cert_ca = ID(71), .common_name = "build-8", .app_uid_of_linked_token = ID(61)};
	inputs[10] = inputs[1];
	inputs[10].external_no = asked;
	inputs[10].nexternal_no = 2;
	inputs[10].common_name = "build-7"; /* of a certificate that nobody verified */
	inputs[10].app_uid_of_linked_token = ID(62);
}

/* The application under test comes first; "linked" is what a linked_app_token rule names. */
static void
one_app(struct fixture *f, const char *decision, const char *inc, const char *req, const char *exc)
{
	char text[2048];
	snprintf(text, sizeof text,
	         "{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":[{\"name\":\"p\",\"decision\":\"%s\",\"include\":["
	         "%s],\"require\":[%s],"
	         "\"exclude\":[%s]}]}",
	         decision, inc, req, exc);
	fx_app(f, text);
	fx_app(f, "{\"id\":\"" ID(61) "\",\"name\":\"linked\",\"domain\":\"linked.test\"}");
}

static void
drop_app(struct fixture *f)
{
	app_free(f->apps[--f->src.napps]);
	app_free(f->apps[--f->src.napps]);
}

static size_t
compare(struct fixture *f)
{
	struct policy_set *set = NULL;
	const struct policy_app *a;

	if (policy_set_compile(&f->src, &set, NULL) != 0)
		return 0; /* an identity rule in bypass or service auth */
	a = policy_set_at(set, 0);
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
		struct policy_trace *t = policy_trace_new();
		struct policy_verdict v, traced;
		int want_policy;
		enum policy_outcome want = ref_verdict(&f->src, f->apps[0], &inputs[i], &want_policy);

		policy_eval(set, a, &inputs[i], &v, NULL);
		policy_eval(set, a, &inputs[i], &traced, t);
		if (v.outcome != want || v.policy != want_policy || traced.outcome != want ||
		    traced.policy != want_policy) {
			json_t *j = app_to_json(f->apps[0], MODEL_API);
			fail_msg("input %zu: eval %s/%d, traced %s/%d, reference %s/%d: %s", i,
			         policy_outcome_str((int)v.outcome), v.policy, policy_outcome_str((int)traced.outcome),
			         traced.policy, policy_outcome_str((int)want), want_policy, json_dumps(j, 0));
		}
		policy_trace_free(t);
	}
	policy_set_free(set);
	return 1;
}

/* Every selector in every list, alone and with each other selector, in each decision. */
static void
matrix_agrees_with_reference(void **state)
{
	static const char *const decisions[] = {"allow", "deny", "bypass", "non_identity"};
	struct fixture f;
	size_t n = 0;

	world(&f);
	for (size_t d = 0; d < 4; d++) {
		for (size_t i = 0; i < RULES; i++) {
			for (size_t k = 0; k <= RULES; k++) {
				const char *other = k < RULES ? rules[k] : "";
				char both[600];

				snprintf(both, sizeof both, "%s%s%s", rules[i], k < RULES ? "," : "", other);
				one_app(&f, decisions[d], both, "", "");
				n += compare(&f);
				drop_app(&f);
				one_app(&f, decisions[d], rules[i], other, "");
				n += compare(&f);
				drop_app(&f);
				one_app(&f, decisions[d], rules[i], "", other);
				n += compare(&f);
				drop_app(&f);
				one_app(&f, decisions[d], "{\"everyone\":{}}", rules[i], other);
				n += compare(&f);
				drop_app(&f);
			}
		}
	}
	assert_true(n > 5000);
	fx_free(&f);
	json_decref(claims);
}

static void
verdict_for(struct fixture *f, const struct policy_input *in, struct policy_verdict *v)
{
	struct policy_set *set = fx_compile(f);

	policy_eval(set, policy_set_at(set, 0), in, v, NULL);
	v->policy_id = v->policy_name = ""; /* the set's */
	policy_set_free(set);
}

/* [Allow A, Block B, Service Auth C, Bypass D, Allow E] is looked at as C, D, A, B, E. */
static void
order_is_the_documented_one(void **state)
{
	static const char *const app =
	    "{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":["
	    "{\"name\":\"A\",\"decision\":\"allow\",\"include\":[{\"everyone\":{}}]},"
	    "{\"name\":\"B\",\"decision\":\"deny\",\"include\":[{\"everyone\":{}}]},"
	    "{\"name\":\"C\",\"decision\":\"non_identity\",\"include\":[{\"service_token\":{\"token_id\":\"c\"}}]},"
	    "{\"name\":\"D\",\"decision\":\"bypass\",\"include\":[{\"ip\":{\"ip\":\"10.0.0.0/8\"}}]},"
	    "{\"name\":\"E\",\"decision\":\"allow\",\"include\":[{\"everyone\":{}}]}]}";
	struct policy_input in = {.have_identity = true, .email = "j@a.test", .ip = "198.51.100.1"};
	struct policy_trace *t = policy_trace_new();
	struct policy_verdict v;
	struct policy_set *set;
	const char *text;
	struct fixture f;
	struct buf out;

	fx_init(&f);
	fx_app(&f, app);
	set = fx_compile(&f);
	policy_eval(set, policy_set_at(set, 0), &in, &v, t);
	assert_int_equal(v.outcome, POLICY_ALLOWED);
	assert_string_equal(v.policy_name, "A");
	buf_init(&out, 65536);
	assert_int_equal(policy_explain_text(policy_set_at(set, 0), &v, t, &out), 0);
	text = buf_cstr(&out);
	assert_true(strncmp(text, "allow\n", 6) == 0);
	const char *at = text;
	for (const char *p = "CDABE"; *p; p++) {
		char what[16];
		snprintf(what, sizeof what, "policy \"%c\"", *p);
		at = strstr(strstr(text, "trace:"), what) > at ? strstr(strstr(text, "trace:"), what) : NULL;
		assert_non_null(at);
	}
	assert_non_null(strstr(text, "\"E\" allow: not reached"));
	buf_release(&out);
	policy_trace_free(t);
	in.ip = "10.1.2.3";
	policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_BYPASSED);
	assert_int_equal(v.policy, 3);
	in.service_token = "c";
	policy_eval(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_SERVICE);
	assert_int_equal(v.policy, 2);
	policy_set_free(set);
	fx_free(&f);
}

static void
expect_text(struct fixture *f, const struct policy_input *in, const char *part)
{
	struct policy_trace *t = policy_trace_new();
	struct policy_set *set = fx_compile(f);
	struct policy_verdict v;
	struct buf out;

	buf_init(&out, 65536);
	policy_eval(set, policy_set_at(set, 0), in, &v, t);
	assert_int_equal(policy_explain_text(policy_set_at(set, 0), &v, t, &out), 0);
	if (!strstr(buf_cstr(&out), part))
		fail_msg("no \"%s\" in %s", part, buf_cstr(&out));
	json_t *j = policy_explain_json(policy_set_at(set, 0), &v, t);
	assert_non_null(j);
	assert_true(json_is_array(json_object_get(j, "to_change")));
	json_decref(j);
	buf_release(&out);
	policy_trace_free(t);
	policy_set_free(set);
}

/* The rule that decided, and what stood in the way. */
static void
explain_says_what_would_change(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "j@a.test", .ip = "198.51.100.1"};
	struct fixture f;

	fx_init(&f);
	fx_group(&f, "{\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"a.test\"}}]}");
	one_app(&f, "allow", "{\"group\":{\"name\":\"staff\"}}", "", "");
	expect_text(&f, &in, "\nrule: include group \"staff\", by include email_domain \"a.test\"\n");
	drop_app(&f);
	one_app(&f, "allow", "{\"email\":{\"email\":\"b@a.test\"}},{\"okta\":{\"name\":\"ops\"}}",
	        "{\"ip\":{\"ip\":\"192.0.2.0/24\"}},{\"everyone\":{}}", "{\"group\":{\"name\":\"staff\"}}");
	expect_text(&f, &in,
	            "\nto change: policy \"p\" allow would need one of: email \"b@a.test\", okta \"ops\"; also ip "
	            "\"192.0.2.0/24\"; and not group \"staff\"\n");
	drop_app(&f);
	one_app(&f, "deny", "{\"email\":{\"email\":\"j@a.test\"}}", "", "");
	expect_text(&f, &in,
	            "\nto change: policy \"p\" deny would have to match no more: include email \"j@a.test\"\n");
	drop_app(&f);
	in.have_identity = false;
	one_app(&f, "allow", "{\"everyone\":{}}", "", "");
	expect_text(&f, &in, "\nto change: somebody would have to sign in\n");
	fx_free(&f);
}

static void
before_sign_in(void **state)
{
	struct policy_input in = {.ip = "198.51.100.1", .country = "PT", .have_identity = true, .email = "j@a.test"};
	struct policy_verdict v;
	struct policy_set *set;
	struct fixture f;

	fx_init(&f);
	fx_app(&f, "{\"name\":\"a\",\"domain\":\"a.test\",\"policies\":["
	           "{\"name\":\"no\",\"decision\":\"deny\",\"include\":[{\"geo\":{\"country_code\":\"KP\"}}]},"
	           "{\"name\":\"in\",\"decision\":\"allow\",\"include\":[{\"email_domain\":{\"domain\":\"a.test\"}}],"
	           "\"require\":[{\"ip\":{\"ip\":\"198.51.100.0/24\"}}]}]}");
	set = fx_compile(&f);
	policy_eval_pre(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_LOGIN); /* though an identity is there, it is not looked at */
	assert_int_equal(v.code, SP_LOGIN_NEEDED);
	in.country = "KP";
	policy_eval_pre(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_DENIED);
	assert_int_equal(v.code, SP_POLICY_BLOCK);
	in.country = "PT";
	in.ip = "192.0.2.1"; /* nobody could come in from there */
	policy_eval_pre(set, policy_set_at(set, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_DENIED);
	assert_int_equal(v.code, SP_POLICY_DENY);
	policy_set_free(set);
	fx_free(&f);
}

static void
unknown_never_opens(void **state)
{
	static const char *const posture = "{\"device_posture\":{\"integration_uid\":\"x\"}}", *const all =
	                                                                                           "{\"everyone\":{}}";
	struct policy_input in = {.have_identity = true, .email = "j@a.test"};
	struct policy_verdict v;
	struct fixture f;

	fx_init(&f);
	one_app(&f, "allow", posture, "", "");
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_DENIED);
	drop_app(&f);
	one_app(&f, "allow", all, posture, "");
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_DENIED);
	drop_app(&f);
	one_app(&f, "allow", all, "", posture);
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_DENIED);
	drop_app(&f);
	one_app(&f, "allow", all, "", "{\"geo\":{\"country_code\":\"KP\"}}"); /* country not known */
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_DENIED);
	drop_app(&f);
	one_app(&f, "deny", posture, "", "");
	verdict_for(&f, &in, &v);
	assert_int_equal(v.code, SP_POLICY_BLOCK);
	assert_true(v.unknown);
	fx_free(&f);
}

static void
default_is_deny(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "j@a.test"};
	struct policy_verdict v;
	struct fixture f;

	fx_init(&f);
	fx_app(&f, "{\"name\":\"a\",\"domain\":\"a.test\"}");
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_DENIED);
	assert_int_equal(v.code, SP_NO_POLICY);
	assert_int_equal(v.policy, -1);
	app_free(f.apps[--f.src.napps]);
	one_app(&f, "allow", "{\"email\":{\"email\":\"other@a.test\"}}", "", "");
	verdict_for(&f, &in, &v);
	assert_int_equal(v.code, SP_POLICY_DENY);
	drop_app(&f);
	one_app(&f, "deny", "{\"email\":{\"email\":\"j@a.test\"}}", "", "");
	verdict_for(&f, &in, &v);
	assert_int_equal(v.code, SP_POLICY_BLOCK);
	fx_free(&f);
}

static void
provider_must_be_admitted(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "j@a.test", .idp_id = ID(12)};
	struct policy_verdict v;
	struct fixture f;

	world(&f);
	fx_app(
	    &f,
	    "{\"name\":\"a\",\"domain\":\"a.test\",\"allowed_idps\":[\"people\"],\"policies\":["
	    "{\"name\":\"p\",\"decision\":\"allow\",\"session_duration\":\"30m\",\"include\":[{\"everyone\":{}}]}]}");
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_LOGIN);
	in.idp_id = ID(11);
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_ALLOWED);
	assert_int_equal(v.session_ms, 30 * 60 * 1000);
	in.idp_id = NULL;
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_LOGIN);
	fx_free(&f);
	json_decref(claims);
}

/* The word "organization/team" is one of both: neither a look-alike nor a longer team is in it. */
static void
a_team_is_named_whole(void **state)
{
	static const char *const near[] = {"acme-core", "acme/core2", "acme/cor", "acme", "xacme/core", "acme/x/core"},
	                         *const in_it[] = {"other/team", "acme/core"};
	struct policy_input in = {.have_identity = true, .email = "j@a.test", .groups = near, .ngroups = 6};
	struct policy_verdict v;
	struct fixture f;

	fx_init(&f);
	one_app(&f, "allow", "{\"github_organization\":{\"name\":\"acme\",\"team\":\"core\"}}", "", "");
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_DENIED);
	in.groups = in_it;
	in.ngroups = 2;
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_ALLOWED);
	fx_free(&f);
}

/* What stands behind a NUL is part of a claim's value. */
static void
a_claim_is_compared_whole(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "j@a.test"};
	struct policy_verdict v;
	struct fixture f;
	json_t *c = json_object();

	fx_init(&f);
	one_app(&f, "allow", "{\"oidc\":{\"claim_name\":\"department\",\"claim_value\":\"eng\"}}", "", "");
	json_object_set_new(c, "department", json_stringn("eng\0x", 5));
	in.claims = c;
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_DENIED);
	json_object_set_new(c, "department", json_string("eng"));
	verdict_for(&f, &in, &v);
	assert_int_equal(v.outcome, POLICY_ALLOWED);
	fx_free(&f);
	json_decref(c);
}

/* An application of one snapshot evaluated with another is refused, not misread. */
static void
foreign_snapshot(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "j@a.test"};
	struct policy_set *one, *two;
	struct policy_verdict v;
	struct fixture f;

	fx_init(&f);
	one_app(&f, "allow", "{\"everyone\":{}}", "", "");
	one = fx_compile(&f);
	two = fx_compile(&f);
	policy_eval(two, policy_set_at(one, 0), &in, &v, NULL);
	assert_int_equal(v.outcome, POLICY_DENIED);
	policy_set_free(one);
	policy_set_free(two);
	fx_free(&f);
}

/* 1000 applications of 100 rules each: look-up and verdict well below the 10 us that the hot path has (loose here:
 * shared machines). */
static void
hot_path_is_fast(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "user99@example.test", .ip = "203.0.113.7"};
	struct app **apps = calloc(1000, sizeof *apps);
	struct policy_source src = {.apps = (const struct app *const *)apps, .napps = 1000};
	struct policy_set *set = NULL;
	struct policy_verdict v;
	int64_t t0;

	for (size_t i = 0; i < 1000; i++) {
		json_t *inc = json_array(), *j;
		for (int k = 0; k < 100; k++) {
			char email[64];
			snprintf(email, sizeof email, "user%d@example.test", k);
			json_array_append_new(inc, json_pack("{s{ss}}", "email", "email", email));
		}
		char domain[64];
		snprintf(domain, sizeof domain, "app%zu.example.test", i);
		j = json_pack("{ss ss s[{ss ss so}]}", "name", domain, "domain", domain, "policies", "name", "p",
		              "decision", "allow", "include", inc);
		assert_int_equal(app_from_json(j, false, &apps[i], NULL), 0);
		json_decref(j);
	}
	assert_int_equal(policy_set_compile(&src, &set, NULL), 0);
	t0 = clock_mono_ms();
	for (int i = 0; i < 100000; i++) {
		policy_eval(set, policy_set_by_host(set, i & 1 ? "app500.example.test" : "app999.example.test"), &in,
		            &v, NULL);
		assert_int_equal(v.outcome, POLICY_ALLOWED);
	}
	print_message("verdict of 100 rules: %.2f us\n", (double)(clock_mono_ms() - t0) / 100.0);
#ifndef SALLYPORT_SANITIZE
	assert_true(clock_mono_ms() - t0 < 100 * 100);
#endif
	policy_set_free(set);
	for (size_t i = 0; i < 1000; i++)
		app_free(apps[i]);
	free(apps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(matrix_agrees_with_reference),
	    cmocka_unit_test(order_is_the_documented_one),
	    cmocka_unit_test(explain_says_what_would_change),
	    cmocka_unit_test(before_sign_in),
	    cmocka_unit_test(unknown_never_opens),
	    cmocka_unit_test(default_is_deny),
	    cmocka_unit_test(provider_must_be_admitted),
	    cmocka_unit_test(a_team_is_named_whole),
	    cmocka_unit_test(a_claim_is_compared_whole),
	    cmocka_unit_test(foreign_snapshot),
	    cmocka_unit_test(hot_path_is_fast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every allocation of reading records and compiling them may fail: E_NOMEM, nothing leaks, nothing half made is given.
 */
#include "fixture.h"

#include "../alloc_fail.h"

static const char *const app_text =
    "{\"id\":\"" ID(41) "\",\"name\":\"a\",\"domain\":\"*.a.test\",\"type\":\"ssh\",\"allowed_idps\":[\"people\"],"
                        "\"destinations\":[\"10.0.0.0/8:22\"],"
                        "\"ssh\":{\"source_address\":[\"10.0.0.0/8\"],\"host_keys\":[\"ssh-ed25519 AAAA\"]},"
                        "\"policies\":[{\"name\":\"p\",\"decision\":\"allow\",\"include\":[{\"group\":{\"name\":"
                        "\"staff\"}},{\"login_method\":{\"id\":\"people\"}}],"
                        "\"exclude\":[{\"ip\":{\"ip\":\"10.0.0.0/"
                        "8\"}}]},{\"name\":\"q\",\"decision\":\"deny\",\"include\":[{\"everyone\":{}}]}]}";

static void
reading_an_application(void **state)
{
	json_t *j = fx_json(app_text);
	long n;

	for (n = 0;; n++) {
		struct model_error err;
		struct app *a = NULL;
		int ret;

		alloc_fail_at(n);
		ret = app_from_json(j, false, &a, &err);
		if (!alloc_fail_hit()) {
			assert_int_equal(ret, 0);
			app_free(a);
			break;
		}
		assert_int_equal(ret, E_NOMEM);
		assert_null(a);
	}
	assert_true(n > 20);
	json_decref(j);
}

static void
compiling_a_snapshot(void **state)
{
	struct fixture f;
	long n;

	fx_init(&f);
	fx_idp(&f, "{\"id\":\"" ID(11) "\",\"name\":\"people\",\"type\":\"local\"}");
	fx_group(&f, "{\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"a.test\"}}]}");
	fx_app(&f, app_text);
	for (n = 0;; n++) {
		struct policy_set *set = NULL;
		int ret;

		alloc_fail_at(n);
		ret = policy_set_compile(&f.src, &set, NULL);
		if (!alloc_fail_hit()) {
			assert_int_equal(ret, 0);
			policy_set_free(set);
			break;
		}
		assert_int_equal(ret, E_NOMEM);
		assert_null(set);
	}
	assert_true(n > 5);
	fx_free(&f);
}

/* A trace that runs out of memory says that it is incomplete; the verdict stands. */
static void
tracing(void **state)
{
	struct policy_input in = {.have_identity = true, .email = "j@a.test", .idp_id = ID(11), .ip = "192.0.2.1"};
	struct policy_set *set;
	struct fixture f;

	fx_init(&f);
	fx_idp(&f, "{\"id\":\"" ID(11) "\",\"name\":\"people\",\"type\":\"local\"}");
	fx_group(&f, "{\"name\":\"staff\",\"include\":[{\"email_domain\":{\"domain\":\"a.test\"}}]}");
	fx_app(&f, app_text);
	set = fx_compile(&f);
	for (long n = 0;; n++) {
		struct policy_trace *t = policy_trace_new();
		struct policy_verdict v;
		bool hit;

		assert_non_null(t);
		alloc_fail_at(n);
		policy_eval(set, policy_set_at(set, 0), &in, &v, t);
		hit = alloc_fail_hit();
		assert_int_equal(v.outcome, POLICY_ALLOWED);
		policy_trace_free(t);
		if (!hit)
			break;
	}
	policy_set_free(set);
	fx_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reading_an_application),
	    cmocka_unit_test(compiling_a_snapshot),
	    cmocka_unit_test(tracing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

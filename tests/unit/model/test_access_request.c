/* Requests for temporary access: the way of their states, people counted once, and what a session keeps of a grant. */
#include <stdlib.h>
#include <string.h>

#include "model/access_request.h"
#include "model/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ID "0b5d0f3e-54ad-4c7f-9d5e-6d4b8c3f1a2b"
#define PRINT "aa11"

static struct access_request *
make(void)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", ID, "app", "a", "policy", "p",
	                      "print", PRINT, "session", "s", "person", "me", "sub", "me-by-oidc", "email", "me@a.test",
	                      "reason", "tea & <b>", "created_at", "2026-11-22T10:00:00Z");
	struct access_request *q = NULL;

	assert_int_equal(access_request_from_json(j, false, &q, NULL), 0);
	json_decref(j);
	return q;
}

static void
states_go_one_way(void **state)
{
	for (int from = REQUEST_PENDING; from <= REQUEST_EXPIRED; from++)
		for (int to = REQUEST_PENDING; to <= REQUEST_EXPIRED; to++) {
			struct access_request *q = make();
			bool may = to > from && from <= REQUEST_GRANTED;
			q->state = from;
			assert_int_equal(request_go(q, (enum request_state)to, 7), may ? 0 : E_STATE);
			assert_int_equal(q->state, may ? to : from);
			assert_int_equal(q->decided_at, may ? 7 : 0);
			access_request_free(q);
		}
}

static void
people_count_once(void **state)
{
	struct access_request *q = make();

	assert_int_equal(request_approve(q, "boss@a.test", "s1", "p1", 7200, 1), 0);
	assert_int_equal(q->seconds, 7200);
	assert_int_equal(request_approve(q, "BOSS@a.test", "s2", "p2", 60, 2), E_EXIST);
	assert_int_equal(request_approve(q, "alias@a.test", "s1", "p3", 60, 2), E_EXIST);
	assert_int_equal(request_approve(q, "alias@a.test", "s3", "p1", 60, 2), E_EXIST);
	assert_int_equal(q->seconds, 7200);
	assert_int_equal(request_approve(q, "other@a.test", "s4", "p4", 3600, 3), 0);
	assert_int_equal(request_approve(q, "third@a.test", "s5", "p5", 9000, 4), 0);
	assert_int_equal(q->seconds, 3600); /* the shortest */
	assert_int_equal(q->napprovals, 3);
	/* two calls of the API are not told apart by what neither has */
	assert_int_equal(request_approve(q, "api:a", NULL, NULL, 3600, 5), 0);
	assert_int_equal(request_approve(q, "api:b", NULL, NULL, 3600, 5), 0);
	assert_int_equal(request_approve(q, "api:b", NULL, NULL, 3600, 5), E_EXIST);
	access_request_free(q);
}

static void
approvals_are_bounded(void **state)
{
	struct access_request *q = make();
	char who[32];

	for (int i = 0; i < REQUEST_APPROVALS_MAX; i++) {
		snprintf(who, sizeof who, "p%d@a.test", i);
		assert_int_equal(request_approve(q, who, who, who, 60, 1), 0);
	}
	assert_int_equal(request_approve(q, "one@a.test", "x", "y", 60, 1), E_LIMIT);
	access_request_free(q);
}

static void
own_request_is_known_by_any_of_three(void **state)
{
	struct access_request *q = make();

	assert_true(request_is_own(q, "ME@a.test", "x", "y"));
	assert_true(request_is_own(q, "x@a.test", "me-by-oidc", "y"));
	assert_true(request_is_own(q, "x@a.test", "x", "me"));
	assert_false(request_is_own(q, "x@a.test", "x", "y"));
	assert_false(request_is_own(q, "", "", ""));
	access_request_free(q);
}

static void
stored_form_comes_back(void **state)
{
	struct access_request *q = make(), *again = NULL;

	request_approve(q, "boss@a.test", "s1", "p1", 7200, 1000);
	request_go(q, REQUEST_GRANTED, 2000);
	q->until = 9200;
	json_t *j = access_request_to_json(q, MODEL_STORE), *api = access_request_to_json(q, MODEL_API);
	assert_int_equal(access_request_from_json(j, false, &again, NULL), 0);
	json_t *k = access_request_to_json(again, MODEL_STORE);
	assert_true(json_equal(j, k));
	assert_int_equal(again->state, REQUEST_GRANTED);
	assert_int_equal(again->until, 9200);
	assert_string_equal(again->approvals[0].person, "p1");
	assert_null(json_object_get(api, "print"));
	assert_null(json_object_get(api, "transfer"));
	assert_string_equal(json_str_or(api, "state", ""), "granted");
	json_decref(j);
	json_decref(k);
	json_decref(api);
	access_request_free(q);
	access_request_free(again);
}

static void
broken_records_are_refused(void **state)
{
	static const char *const bad[] = {
	    "{}",
	    "{\"id\":\"x\"}",
	    "{\"id\":\"" ID "\",\"app\":\"a\",\"policy\":\"p\",\"print\":\"x\",\"session\":\"s\",\"person\":\"p\","
	    "\"sub\":\"s\",\"email\":\"e\",\"reason\":\"r\",\"state\":\"open\"}",
	    "{\"id\":\"" ID "\",\"app\":\"a\",\"policy\":\"p\",\"print\":\"x\",\"session\":\"s\",\"person\":\"p\","
	    "\"sub\":\"s\",\"email\":\"e\",\"reason\":\"r\",\"approvals\":[{}]}",
	    "{\"id\":\"" ID "\",\"app\":\"a\",\"policy\":\"p\",\"print\":\"x\",\"session\":\"s\",\"person\":\"p\","
	    "\"sub\":\"s\",\"email\":\"e\",\"reason\":\"r\",\"approvals\":{}}",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *j = json_loads(bad[i], 0, NULL);
		struct access_request *q = NULL;
		struct model_error err = {0};
		assert_int_equal(access_request_from_json(j, false, &q, &err), E_FORMAT);
		json_decref(j);
	}
}

static void
grant_is_of_one_application_and_policy(void **state)
{
	struct session s = {0};

	assert_int_equal(session_approved_until(&s, "a", PRINT), 0);
	assert_int_equal(session_approve(&s, "a", PRINT, 500), 0);
	assert_int_equal(session_approve(&s, "ab", PRINT, 900), 0);
	assert_int_equal(session_approved_until(&s, "a", PRINT), 500);
	assert_int_equal(session_approved_until(&s, "ab", PRINT), 900);
	assert_int_equal(session_approved_until(&s, "a", "bb22"), 0);
	assert_int_equal(session_approved_until(&s, "a", "aa"), 0);
	assert_int_equal(session_approved_until(&s, "a", ""), 0);
	assert_int_equal(session_approved_until(&s, "", PRINT), 0);
	assert_int_equal(session_approve(&s, "a", "bb22", 600), 0); /* in place of the one before */
	assert_int_equal(session_approved_until(&s, "a", PRINT), 0);
	assert_int_equal(session_approved_until(&s, "a", "bb22"), 600);
	assert_int_equal(session_approve(&s, "a", "", 0), 0);
	assert_int_equal(session_approved_until(&s, "a", "bb22"), 0);
	assert_int_equal(session_approved_until(&s, "ab", PRINT), 900);
	texts_release(&s.approved);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states_go_one_way),
	    cmocka_unit_test(people_count_once),
	    cmocka_unit_test(approvals_are_bounded),
	    cmocka_unit_test(own_request_is_known_by_any_of_three),
	    cmocka_unit_test(stored_form_comes_back),
	    cmocka_unit_test(broken_records_are_refused),
	    cmocka_unit_test(grant_is_of_one_application_and_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

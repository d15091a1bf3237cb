/* The edge's pushed configuration: versions only go up, a bad one changes nothing, the answer says which is in use
 * (a.9). */
#include "connector/private.h"
#include "../t.h"

static void
push(struct connector *k, const char *json, int want_version, bool want_err)
{
	struct buf out;
	json_t *o = NULL;
	int64_t v;

	buf_init(&out, 65536);
	config_update(k, slice_str(json), &out);
	assert_ok(json_load_strict(buf_ptr(&out), buf_len(&out), 65536, &o));
	assert_ok(json_get_i64(o, "lastAppliedVersion", &v));
	assert_int_equal(v, want_version);
	assert_true(json_is_null(json_object_get(o, "err")) == !want_err);
	json_decref(o);
	buf_release(&out);
}

#define RULES(target)                                                                 \
	"{\"ingress\":[{\"hostname\":\"ssh.example.com\",\"service\":\"ssh://" target \
	"\"},{\"service\":\"http_status:404\"}]}"

static void
versions_go_up(void **state)
{
	struct connector k = {.version = -1};

	push(&k, "{\"version\":7,\"config\":" RULES("a:22") "}", 7, false);
	assert_int_equal(ingress_count(k.ingress), 2);
	assert_string_equal(ingress_match(k.ingress, "ssh.example.com", "/", NULL)->target.host, "a");
	push(&k, "{\"version\":7,\"config\":" RULES("b:22") "}", 7, false); /* the same version again: ignored */
	push(&k, "{\"version\":6,\"config\":" RULES("b:22") "}", 7, false);
	assert_string_equal(ingress_match(k.ingress, "ssh.example.com", "/", NULL)->target.host, "a");
	push(&k, "{\"version\":8,\"config\":" RULES("b:22") "}", 8, false);
	assert_string_equal(ingress_match(k.ingress, "ssh.example.com", "/", NULL)->target.host, "b");
	ingress_unref(k.ingress);
}

static void
a_bad_one_changes_nothing(void **state)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{\"version\":9}",
	    "{\"version\":\"9\",\"config\":{}}",
	    "{\"version\":-1,\"config\":" RULES("b:22") "}",
	    "{\"version\":9,\"config\":{\"ingress\":[{\"hostname\":\"a.b\",\"service\":\"ssh://b:22\"}]}}", /* no
	                                                                                                       catch-all
	                                                                                                     */
	    "{\"version\":4294967296,\"config\":" RULES("b:22") "}",
	};
	struct connector k = {.version = -1};

	push(&k, "{\"version\":3,\"config\":" RULES("a:22") "}", 3, false);
	for (size_t i = 0; i < COUNT(bad); i++)
		push(&k, bad[i], 3, true);
	assert_string_equal(ingress_match(k.ingress, "ssh.example.com", "/", NULL)->target.host, "a");
	ingress_unref(k.ingress);
}

static void
backoff_never_spins(void **state)
{
	struct connector_options o = {.retries = 5};
	struct connector k = {.o = &o};

	for (unsigned n = 0; n < 100; n++) {
		int64_t ms = connector_backoff(&k, n);
		assert_true(ms >= 250 && ms <= 4000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(versions_go_up),
	    cmocka_unit_test(a_bad_one_changes_nothing),
	    cmocka_unit_test(backoff_never_spins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

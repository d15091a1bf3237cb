#include <stdlib.h>

#include "core/err.h"
#include "core/json.h"
#include "t.h"

static int
load(const char *s)
{
	json_t *j = NULL;
	int e = json_load_strict(s, strlen(s), 4096, &j);

	assert_true(e == 0 ? j != NULL : j == NULL);
	json_decref(j);
	return e;
}

static void
only_strict_json_loads(void **state)
{
	static const char *const bad[] = {
	    "",
	    "{",
	    "{\"a\":1,\"a\":2}",
	    "{\"a\":{\"b\":1,\"b\":1}}",
	    "[] x",
	    "{}{}",
	    "[\"\\u0000\"]",
	    "{a:1}",
	    "['a']",
	    "[1,]",
	    "[01]",
	    "[1e999]",
	    "[\"\xff\"]",
	    "[\"\\ud800\"]",
	    "[\"a\nb\"]",
	    "5",
	    "null",
	    "\"text\"",
	    "[NaN]",
	    "[18446744073709551616]",
	    "\xef\xbb\xbf{}",
	    "[1] // c",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(load(bad[i]), E_FORMAT);
	assert_ok(load("{\"a\":1,\"b\":[true,null,{\"a\":\"d\\u00e9\"}]}"));
	assert_ok(load(" [] "));
}

static void
depth_64_loads_and_65_does_not(void **state)
{
	char s[131];

	memset(s, '[', 65);
	memset(s + 65, ']', 65);
	s[130] = '\0';
	assert_int_equal(load(s), E_LIMIT);
	s[129] = '\0';
	assert_ok(load(s + 1));
	assert_ok(
	    load("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"]"));
}

static void
size_is_limited(void **state)
{
	json_t *j = NULL;

	assert_int_equal(json_load_strict("[]  ", 4, 3, &j), E_LIMIT);
	assert_ok(json_load_strict("[]", 2, 2, &j));
	json_decref(j);
}

static void
getters_never_coerce(void **state)
{
	static const char text[] =
	    "{\"s\":\"x\",\"n\":5,\"t\":true,\"z\":null,\"r\":1.5,\"a\":[],\"o\":{},\"q\":\"5\"}";
	json_t *j = NULL, *v = NULL;
	const char *s = NULL;
	int64_t n = 0;
	bool b = false;

	assert_ok(json_load_strict(text, sizeof text - 1, 4096, &j));
	assert_ok(json_get_str(j, "s", &s));
	assert_string_equal(s, "x");
	assert_ok(json_get_i64(j, "n", &n));
	assert_int_equal(n, 5);
	assert_ok(json_get_bool(j, "t", &b));
	assert_true(b);
	assert_ok(json_get_array(j, "a", &v));
	assert_ok(json_get_object(j, "o", &v));
	assert_int_equal(json_get_str(j, "n", &s), E_FORMAT);
	assert_int_equal(json_get_i64(j, "q", &n), E_FORMAT);
	assert_int_equal(json_get_i64(j, "r", &n), E_FORMAT);
	assert_int_equal(json_get_bool(j, "n", &b), E_FORMAT);
	assert_int_equal(json_get_array(j, "o", &v), E_FORMAT);
	assert_int_equal(json_get_object(j, "a", &v), E_FORMAT);
	assert_int_equal(json_get_str(j, "z", &s), E_NOENT);
	assert_int_equal(json_get_str(j, "absent", &s), E_NOENT);
	assert_int_equal(json_get_str(NULL, "s", &s), E_NOENT);
	assert_string_equal(json_str_or(j, "n", "d"), "d");
	assert_null(json_str_or(j, "absent", NULL));
	assert_true(json_bool_or(j, "s", true));
	assert_int_equal(json_i64_or(j, "n", 7), 5);
	assert_int_equal(json_i64_or(j, "s", 7), 7);
	json_decref(j);
}

static void
dump_is_compact_and_sorted(void **state)
{
	static const char text[] = "{ \"b\" : [1, 2], \"a\": \"x/\\u00e9\" }";
	json_t *j = NULL;
	struct buf out;
	char *s = NULL;

	assert_ok(json_load_strict(text, sizeof text - 1, 4096, &j));
	s = json_dump_str(j);
	assert_string_equal(s, "{\"a\":\"x/\xc3\xa9\",\"b\":[1,2]}");
	buf_init(&out, 64);
	assert_ok(buf_put_str(&out, "="));
	assert_ok(json_dump(j, &out));
	assert_string_equal(buf_cstr(&out) + 1, s);
	buf_release(&out);
	buf_init(&out, 8);
	assert_ok(buf_put_str(&out, "="));
	assert_int_equal(json_dump(j, &out), E_NOMEM);
	assert_slice(buf_slice(&out), "=");
	buf_release(&out);
	free(s);
	json_decref(j);
	/* a long key does not fit though what follows it would: never a text with a hole in it */
	assert_ok(json_load_strict("{\"a long key\":1}", 16, 64, &j));
	buf_init(&out, 8);
	assert_int_equal(json_dump(j, &out), E_NOMEM);
	assert_int_equal(buf_len(&out), 0);
	buf_release(&out);
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_strict_json_loads),
	    cmocka_unit_test(depth_64_loads_and_65_does_not),
	    cmocka_unit_test(size_is_limited),
	    cmocka_unit_test(getters_never_coerce),
	    cmocka_unit_test(dump_is_compact_and_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

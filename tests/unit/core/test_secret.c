#include "core/err.h"
#include "core/secret.h"
#include "t.h"

static void
set_copies_and_release_empties(void **state)
{
	struct secret s = {0};
	char text[] = "hunter2";

	assert_ok(secret_set_str(&s, text));
	text[0] = 'H';
	assert_slice(secret_slice(&s), "hunter2");
	assert_ok(secret_set(&s, s.d + 3, 4)); /* from within itself */
	assert_slice(secret_slice(&s), "ter2");
	assert_ok(secret_set(&s, NULL, 0));
	assert_int_equal(s.n, 0);
	secret_release(&s);
	secret_release(&s);
	assert_null(s.d);
}

static void
limit_keeps_the_old_value(void **state)
{
	static char large[SECRET_MAX + 1];
	struct secret s = {0};

	assert_ok(secret_set_str(&s, "old"));
	assert_int_equal(secret_set(&s, large, sizeof large), E_LIMIT);
	assert_slice(secret_slice(&s), "old");
	assert_ok(secret_set(&s, large, SECRET_MAX));
	secret_release(&s);
}

static void
comparison(void **state)
{
	char text[] = "wipe me";

	assert_true(secret_eq(slice_str("abc"), slice_str("abc")));
	assert_false(secret_eq(slice_str("abc"), slice_str("abd")));
	assert_false(secret_eq(slice_str("abc"), slice_str("ab")));
	assert_true(secret_eq((struct slice){0}, slice_str("")));
	assert_true(mem_eq_ct("x", "y", 0));
	mem_wipe(text, sizeof text);
	for (size_t i = 0; i < sizeof text; i++)
		assert_int_equal(text[i], 0);
	mem_wipe(NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_copies_and_release_empties),
	    cmocka_unit_test(limit_keeps_the_old_value),
	    cmocka_unit_test(comparison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

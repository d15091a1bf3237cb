#include "core/err.h"
#include "t.h"

static void
every_code_has_a_text(void **state)
{
	for (int e = E_OK; e >= E_UNSURE; e--)
		assert_string_not_equal(err_str(e), "unknown error");
	assert_string_equal(err_str(E_UNSURE - 1), "unknown error");
	assert_string_equal(err_str(1), "unknown error");
	assert_string_equal(err_str(-2147483647 - 1), "unknown error");
	assert_string_equal(err_str(E_EXPIRED), "expired");
}

static void
a_reason_is_clean_and_terminated(void **state)
{
	struct reason r;
	char text[1000];

	assert_int_equal(reason_set(&r, E_DENIED, SP_REVOKED, "user %s\r\n\x1b[0m", "a\tb"), E_DENIED);
	assert_int_equal(r.code, 1207);
	assert_string_equal(r.text, "user a?b???[0m");
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(reason_set(&r, E_LIMIT, SP_BUSY, "%s", text), E_LIMIT);
	assert_int_equal(strlen(r.text), sizeof r.text - 1);
	assert_int_equal(reason_set(NULL, E_LIMIT, SP_BUSY, "x"), E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_has_a_text),
	    cmocka_unit_test(a_reason_is_clean_and_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

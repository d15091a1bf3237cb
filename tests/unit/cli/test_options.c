/* options: what a command line means: both spellings, environment, repeats, the end of options, and typing errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/common/cli.h"

static struct {
	const char *url;
	bool force;
	struct cli_list group;
} got;
static struct cli_list pos;

static int
parse(bool stop_at_pos, int argc, char **argv)
{
	static struct cli c;
	const struct cli_option table[] = {
	    {"url", "u", "TEST_OPTION_URL", "URL", "where", &got.url, false},
	    {"force", "f", NULL, NULL, "do it", &got.force, false},
	    {"group", NULL, NULL, "G", "repeatable", &got.group, true},
	    CLI_API_OPTIONS(&c),
	};

	memset(&got, 0, sizeof got);
	memset(&pos, 0, sizeof pos);
	return cli_options(&c, argc, argv, "test", table, sizeof table / sizeof *table, stop_at_pos, &pos);
}
/* cli_options leaves argv as it is; main's argv is just not const. */
#define PARSE(stop, ...)                                                                   \
	parse(stop, (int)(sizeof((const char *[]){"test", __VA_ARGS__}) / sizeof(char *)), \
	      (char **)(uintptr_t)(const char *[]){"test", __VA_ARGS__})

static void
spellings(void **state)
{
	(void)state;
	assert_int_equal(PARSE(false, "--url", "a", "x", "-f", "y"), 0);
	assert_string_equal(got.url, "a");
	assert_true(got.force);
	assert_int_equal(pos.n, 2);
	assert_string_equal(pos.v[1], "y");
	assert_int_equal(PARSE(false, "-u=b", "--force=false", "--group", "1", "--group=2"), 0);
	assert_string_equal(got.url, "b");
	assert_false(got.force);
	assert_int_equal(got.group.n, 2);
	assert_string_equal(got.group.v[1], "2");
}

static void
environment(void **state)
{
	(void)state;
	setenv("TEST_OPTION_URL", "from-env", 1);
	assert_int_equal(PARSE(false, "x"), 0);
	assert_string_equal(got.url, "from-env");
	assert_int_equal(PARSE(false, "--url", "said"), 0);
	assert_string_equal(got.url, "said");
	unsetenv("TEST_OPTION_URL");
}

/* A name that begins with a dash is given after "--". */
static void
end_of_options(void **state)
{
	(void)state;
	assert_int_equal(PARSE(false, "-f", "--", "-u", "--help", "--"), 0);
	assert_true(got.force);
	assert_null(got.url);
	assert_int_equal(pos.n, 3);
	assert_string_equal(pos.v[0], "-u");
	assert_string_equal(pos.v[1], "--help");
	assert_string_equal(pos.v[2], "--");
	assert_int_equal(PARSE(false, "a", "--", "-f"), 0);
	assert_false(got.force);
	assert_int_equal(pos.n, 2);
	/* what follows belongs to another program */
	assert_int_equal(PARSE(true, "-f", "https://a", "--help", "-u", "--"), 0);
	assert_true(got.force);
	assert_null(got.url);
	assert_int_equal(pos.n, 4);
}

static void
errors(void **state)
{
	(void)state;
	assert_int_equal(PARSE(false, "--ulr", "x"), E_FORMAT);
	assert_int_equal(PARSE(false, "--url"), E_FORMAT);
	assert_int_equal(PARSE(false, "--force=perhaps"), E_FORMAT);
	assert_int_equal(PARSE(false, "x", "--help"), E_EXIST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(spellings), cmocka_unit_test(environment),
	                                   cmocka_unit_test(end_of_options), cmocka_unit_test(errors)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

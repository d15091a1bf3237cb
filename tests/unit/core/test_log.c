#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/log.h"
#include "t.h"

static char out[32768];
static int ends[2];

/* What one call wrote, behind time and level: from the role on. */
static const char *
written(void)
{
	ssize_t n = read(ends[0], out, sizeof out - 1);

	out[n > 0 ? n : 0] = '\0';
	return n > 25 ? strchr(out + 25, ' ') + 1 : out;
}

static int
set_up(void **state)
{
	if (pipe(ends) || fcntl(ends[0], F_SETFL, O_NONBLOCK))
		return -1;
	log_set_fd(ends[1]);
	log_init("judge", LOG_INFO);
	return 0;
}

static int
tear_down(void **state)
{
	log_set_fd(2);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void
one_event_is_one_line(void **state)
{
	log_info("listen", "addr", "[::1]:8443", "kind", NULL, NULL);
	assert_string_equal(written(), "judge listen addr=\"[::1]:8443\" kind=\"\"\n");
	assert_int_equal(out[4], '-');
	assert_int_equal(out[19], '.');
	assert_memory_equal(out + 23, "Z info ", 7);
	log_warn("login", "email", "a\nerror judge forged\r\x1b[31m\"\\\t\x7f", NULL);
	assert_string_equal(written(),
	                    "judge login email=\"a\\nerror judge forged\\x0d\\x1b[31m\\\"\\\\\\x09\\x7f\"\n");
	assert_memory_equal(out + 25, "warn", 4);
}

static void
only_printable_unicode_passes(void **state)
{
	log_info("v", "a", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", NULL);
	assert_string_equal(written(), "judge v a=\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\n");
	log_info("v", "a", "\xff \xc2\x85 \xe2\x80\xae \xe2\x80\xa8 \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xc3", NULL);
	assert_string_equal(written(), "judge v a=\"\\xff \\xc2\\x85 \\xe2\\x80\\xae \\xe2\\x80\\xa8 \\xc0\\xaf "
	                               "\\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xc3\"\n");
}

static void
a_long_line_is_cut_and_still_one_line(void **state)
{
	static char value[20000];

	for (size_t pad = 0; pad < 8; pad++) { /* every place of the cut within an escape */
		memset(value, 'x', pad);
		memset(value + pad, '\n', sizeof value - 1 - pad);
		log_info("v", "a", value, "b", "never", NULL);
		assert_true(strlen(written()) < 8192);
		assert_int_equal(strlen(out), strcspn(out, "\n") + 1);
		assert_string_equal(strstr(out, "\"\n"), "\"\n");
		assert_null(strstr(out, "b="));
	}
	for (size_t n = 8090; n < 8192; n++) { /* every place of the cut within the next key */
		memset(value, 'x', n);
		value[n] = '\0';
		log_info("v", "a", value, "bee", "c", NULL);
		written();
		assert_int_equal(strlen(out), strcspn(out, "\n") + 1);
		assert_int_equal(out[strlen(out) - 2], '"');
	}
}

static void
levels(void **state)
{
	enum log_level l = LOG_INFO;

	log_debug("hidden", NULL);
	assert_string_equal(written(), "");
	assert_int_equal(log_level_parse("debug", &l), 0);
	log_init("front", l);
	assert_int_equal(log_level_get(), LOG_DEBUG);
	log_debug("shown", NULL);
	assert_string_equal(written(), "front shown\n");
	assert_int_not_equal(log_level_parse("DEBUG", &l), 0);
}

static void
numbers_and_errno_as_text(void **state)
{
	const char *n[8];

	for (int i = 0; i < 8; i++)
		n[i] = log_num(i - 4);
	assert_string_equal(n[0], "-4");
	assert_string_equal(n[7], "3");
	assert_string_equal(log_errno(ENOENT), "No such file or directory");
	errno = EPIPE;
	log_info("v", "a", "b", NULL);
	assert_int_equal(errno, EPIPE);
	written();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_event_is_one_line, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(only_printable_unicode_passes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_still_one_line, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(levels, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(numbers_and_errno_as_text, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

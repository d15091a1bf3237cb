/* What `admin` prints and takes without an edge: differences, log lines, --since. */
#include <stdlib.h>

#include "cli/admin/diff.h"
#include "cli/admin/logline.h"
#include "core/clock.h"
#include "core/err.h"
#include "../t.h"

static json_t *
parse(const char *text)
{
	json_t *j = NULL;
	assert_ok(json_load_strict(text, strlen(text), 65536, &j));
	return j;
}

static void
diff_is(const char *changes, const char *want)
{
	json_t *j = parse(changes);
	struct buf out;

	buf_init(&out, 65536);
	assert_ok(diff_text(j, &out));
	assert_slice(buf_slice(&out), want);
	buf_release(&out);
	json_decref(j);
}

static void
a_difference_is_one_line_a_change(void **s)
{
	diff_is("[]", "nothing to change\n");
	diff_is("[{\"kind\":\"app\",\"name\":\"ssh\",\"action\":\"create\",\"fields\":[\"domain\"]},"
	        "{\"kind\":\"policy\",\"name\":\"staff\",\"action\":\"update\",\"fields\":[\"include\",\"decision\"]},"
	        "{\"kind\":\"group\",\"name\":\"old\",\"action\":\"delete\"}]",
	        "+ app ssh\n~ policy staff: include, decision\n- group old\n");
}

static void
fields_may_be_an_object(void **s)
{
	diff_is(
	    "[{\"kind\":\"app\",\"name\":\"ssh\",\"action\":\"update\",\"fields\":{\"service\":{\"from\":\"a\",\"to\":"
	    "\"b\"}}}]",
	    "~ app ssh: service\n");
	diff_is("[{\"kind\":\"app\",\"name\":\"ssh\",\"action\":\"update\"}]", "~ app ssh\n");
}

static void
names_cannot_move_the_cursor(void **s)
{
	diff_is("[{\"kind\":\"app\",\"name\":\"a\\u001b[2Jb\\nc\",\"action\":\"create\"}]", "+ app a?[2Jb?c\n");
	diff_is("[{\"kind\":\"app\",\"name\":\"a\\u009b2Jb\\u00a0\",\"action\":\"create\"}]", "+ app a?2Jb\xc2\xa0\n");
}

static void
a_change_that_is_none_is_refused(void **s)
{
	json_t *j = parse("[7]");
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(diff_text(j, &out), E_FORMAT);
	buf_release(&out);
	json_decref(j);
}

static void
since_is_a_duration_or_a_time(void **s)
{
	int64_t t;

	assert_ok(logline_since("1h", 10000, &t));
	assert_int_equal(t, 10000 - 3600);
	assert_ok(logline_since("90s", 10000, &t));
	assert_int_equal(t, 9910);
	assert_ok(logline_since("2026-11-22T10:00:00Z", 0, &t));
	assert_int_equal(t, 1795341600);
	assert_ok(logline_since("2026-11-22", 0, &t));
	assert_int_equal(t, 1795305600);
}

static void
since_is_nothing_else(void **s)
{
	static const char *const bad[] = {"",          "1",          "yesterday", "1h ago",
	                                  "2026-11-2", "2026-13-22", "-1h",       "2026-11-22T10:00"};
	int64_t t = 42;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_true(logline_since(bad[i], 10000, &t) < 0);
	assert_int_equal(t, 42);
}

static void
a_record_is_one_line(void **s)
{
	json_t *j =
	    parse("{\"seq\":7,\"time\":\"2026-11-22T10:00:00.123Z\",\"kind\":\"access_denied\",\"actor\":\"a@b.test\","
	          "\"domain\":\"ssh.test\",\"ip\":\"192.0.2.1\",\"code\":1202,\"why\":\"no \\\"policy\\\"\\nallows\","
	          "\"details\":{\"x\":1}}");
	struct buf out;

	buf_init(&out, 65536);
	assert_ok(logline_format(j, &out));
	assert_slice(buf_slice(&out),
	             "2026-11-22T10:00:00.123Z access_denied actor=a@b.test domain=ssh.test ip=192.0.2.1 "
	             "code=SP-1202 why=\"no \\\"policy\\\"?allows\"\n");
	buf_release(&out);
	json_decref(j);
}

static void
a_change_is_told_in_the_words_of_apply(void **s)
{
	json_t *j =
	    parse("{\"time\":\"T\",\"kind\":\"change_intent\",\"details\":{\"changes\":[{\"kind\":\"app\",\"name\":"
	          "\"ssh\",\"action\":\"create\"},{\"kind\":\"group\",\"name\":\"staff\",\"action\":\"update\","
	          "\"fields\":[\"include\"]}]}}");
	struct buf out;

	buf_init(&out, 65536);
	assert_ok(logline_format(j, &out));
	assert_slice(buf_slice(&out), "T change_intent changes=\"+ app ssh, ~ group staff: include\"\n");
	buf_release(&out);
	json_decref(j);
}

static void
a_record_without_a_kind_is_refused(void **s)
{
	json_t *j = parse("{\"seq\":7}");
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(logline_format(j, &out), E_FORMAT);
	assert_int_equal(buf_len(&out), 0);
	buf_release(&out);
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_difference_is_one_line_a_change),
	    cmocka_unit_test(fields_may_be_an_object),
	    cmocka_unit_test(names_cannot_move_the_cursor),
	    cmocka_unit_test(a_change_that_is_none_is_refused),
	    cmocka_unit_test(since_is_a_duration_or_a_time),
	    cmocka_unit_test(since_is_nothing_else),
	    cmocka_unit_test(a_record_is_one_line),
	    cmocka_unit_test(a_change_is_told_in_the_words_of_apply),
	    cmocka_unit_test(a_record_without_a_kind_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

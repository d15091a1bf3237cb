/* logfile: bounded, nothing lost between two files, whole lines in each. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "io/file.h"
#include "io/logfile.h"
#include "../t.h"

static char dir[] = "/tmp/logfile.XXXXXX";

static char *
content(const char *name, size_t *ret_n)
{
	static char text[65536];
	char path[200];
	struct buf b;

	buf_init(&b, sizeof text - 1);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	text[0] = '\0';
	*ret_n = 0;
	if (file_read(path, &b) == 0) {
		*ret_n = buf_len(&b);
		memcpy(text, buf_ptr(&b), buf_len(&b));
		text[buf_len(&b)] = '\0';
	}
	buf_release(&b);
	return text;
}

/* Lines numbered in order from `from` on; the next number. */
static long
numbered(const char *name, long from)
{
	size_t n;
	char *text = content(name, &n);

	assert_true(n > 0 && n <= 1000 && text[n - 1] == '\n');
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), from++) {
		char want[40];
		snprintf(want, sizeof want, "n=\"%ld\"", from);
		assert_non_null(strstr(line, want));
	}
	return from;
}

static void
old_ones_are_kept_and_no_more(void **state)
{
	char path[200];
	size_t n;

	snprintf(path, sizeof path, "%s/log", dir);
	assert_ok(logfile_open(path, 1000, 2));
	for (long i = 0; i < 60; i++)
		log_info("counted", "n", log_num(i), NULL);
	content("log.3", &n);
	assert_int_equal(n, 0);
	char *oldest = content("log.2", &n), *at = strstr(oldest, "n=\"");
	assert_non_null(at);
	long next = numbered("log.2", strtol(at + 3, NULL, 10));
	next = numbered("log.1", next);
	assert_int_equal(numbered("log", next), 60);
}

/* What was there is counted in, and what cannot be renamed goes on growing. */
static void
begun_before_and_stuck(void **state)
{
	char path[200], in_the_way[200];
	size_t n;

	snprintf(path, sizeof path, "%s/other", dir);
	assert_ok(file_write_new(path, 0640, "0123456789", 10));
	assert_ok(logfile_open(path, 20, 1));
	log_info("first", NULL);
	assert_string_equal(content("other.1", &n), "0123456789");
	snprintf(in_the_way, sizeof in_the_way, "%s/other.1", dir);
	assert_ok(unlink(in_the_way));
	assert_ok(mkdir(in_the_way, 0700));
	log_info("second", NULL);
	assert_non_null(strstr(content("other", &n), "second"));
	assert_non_null(strstr(content("other", &n), "first"));
	log_set_writer(NULL);
	snprintf(path, sizeof path, "%s/no/such/folder", dir);
	assert_int_equal(logfile_open(path, 0, 0), E_IO);
	assert_int_equal(errno, ENOENT);
}

static int
setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[100];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(old_ones_are_kept_and_no_more),
	    cmocka_unit_test(begun_before_and_stuck),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

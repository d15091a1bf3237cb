/* file: whole or not at all, and never through somebody else's link. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/file.h"

static char dir[64];

static const char *
at(const char *name)
{
	static char path[4][256];
	static unsigned i;
	char *p = path[i++ % 4];

	snprintf(p, sizeof *path, "%s/%s", dir, name);
	return p;
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/sp-test-file-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static unsigned
entries(void)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"a", "link", "new", "d1/d2/d3", "d1/d2", "d1", "fifo"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		remove(at(names[i]));
	assert_int_equal(entries(), 0);
	return rmdir(dir);
}

static void
expect(const char *path, const char *text)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_int_equal(file_read(path, &b), 0);
	assert_true(slice_eq_str(buf_slice(&b), text));
	buf_release(&b);
}

static void
test_atomic(void **state)
{
	struct stat st;
	mode_t old = umask(0077);

	(void)state;
	assert_int_equal(file_write_atomic(at("a"), 0644, "one", 3), 0);
	expect(at("a"), "one");
	assert_int_equal(stat(at("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644); /* the mode asked for, whatever the umask */
	assert_int_equal(file_write_atomic(at("a"), 0600, "second", 6), 0);
	expect(at("a"), "second");
	assert_int_equal(entries(), 1); /* no temporary file stays */
	umask(old);

	assert_int_equal(symlink("a", at("link")), 0);
	assert_int_equal(file_write_atomic(at("link"), 0600, "x", 1), E_DENIED);
	expect(at("a"), "second");
	assert_int_equal(file_write_atomic(at("none/a"), 0600, "x", 1), E_NOENT);
	assert_true(file_write_atomic("/", 0600, "x", 1) < 0);
	assert_int_equal(entries(), 2);
}

static void
test_new(void **state)
{
	(void)state;
	assert_int_equal(file_write_new(at("new"), 0600, "1", 1), 0);
	assert_int_equal(file_write_new(at("new"), 0600, "2", 1), E_EXIST);
	assert_int_equal(file_write_new(at("link"), 0600, "2", 1), E_EXIST);
	expect(at("new"), "1");
}

static void
test_private(void **state)
{
	struct reason why = {0};
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(file_read_private(at("a"), 077, &b, &why), 0);
	buf_clear(&b);
	chmod(at("a"), 0640);
	assert_int_equal(file_read_private(at("a"), 077, &b, &why), E_DENIED);
	assert_non_null(strstr(why.text, "chmod 0600"));
	assert_int_equal(why.code, SP_CLIENT_FILE);
	assert_int_equal(file_read_private(at("link"), 0, &b, &why), E_DENIED);
	assert_non_null(strstr(why.text, "symbolic link"));
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(file_read_private(at("fifo"), 077, &b, &why), E_DENIED); /* and does not hang */
	assert_int_equal(file_read_private(at("nothing"), 077, &b, &why), E_NOENT);
	assert_int_equal(buf_len(&b), 0);
	buf_release(&b);
}

/* What somebody else owns may be changed by them at any time. */
static void
test_private_of_another(void **state)
{
	struct reason why = {0};
	struct buf b;

	(void)state;
	if (geteuid() != 0)
		skip(); /* nobody else can give a file away */
	buf_init(&b, 1000);
	assert_int_equal(chmod(at("a"), 0600), 0);
	assert_int_equal(chown(at("a"), 12345, 12345), 0);
	assert_int_equal(file_read_private(at("a"), 077, &b, &why), E_DENIED);
	assert_non_null(strstr(why.text, "belongs to uid 12345"));
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(chown(at("a"), 0, 0), 0);
	assert_int_equal(file_read_private(at("a"), 077, &b, &why), 0);
	buf_release(&b);
}

static void
test_limit(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 6);
	assert_int_equal(file_read(at("a"), &b), 0); /* exactly fits */
	buf_release(&b);
	buf_init(&b, 5);
	assert_int_equal(file_read(at("a"), &b), E_LIMIT);
	buf_release(&b);
}

static void
test_mkdirs(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_mkdirs(at("d1/d2/d3"), 0700), 0);
	assert_int_equal(file_mkdirs(at("d1/d2/d3"), 0755), 0);
	stat(at("d1/d2"), &st);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(file_mkdirs(at("a/x"), 0700), E_EXIST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_atomic),  cmocka_unit_test(test_new),
	    cmocka_unit_test(test_private), cmocka_unit_test(test_private_of_another),
	    cmocka_unit_test(test_limit),   cmocka_unit_test(test_mkdirs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* The form of a backup: written by hand here, read whole, and refused for every byte that is not as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "edge/parent/archive.h"

struct got {
	char names[200];
	char bytes[200];
	int done;
};

static int
on_file(void *arg, const char *path, unsigned mode, uint64_t size)
{
	struct got *g = arg;
	size_t n = strlen(g->names);

	snprintf(g->names + n, sizeof g->names - n, "%s:%o:%d ", path, mode, (int)size);
	return 0;
}

static int
on_data(void *arg, const void *p, size_t n)
{
	struct got *g = arg;

	strncat(g->bytes, p, n);
	return 0;
}

static int
on_done(void *arg)
{
	((struct got *)arg)->done++;
	return 0;
}

static const struct archive_ops ops = {on_file, on_data, on_done};

static size_t
make(char *out, size_t size, const char *path)
{
	struct sha256_state h;
	char end[70];
	int n = snprintf(out, size, "%sfile 0644 5 sallyportd.yml\nteam\nfile 0600 3 %s\nabcfile 0600 0 keys/journal\n",
	                 ARCHIVE_HEAD, path);

	sha256_init(&h);
	sha256_update(&h, out, (size_t)n);
	archive_end_line(&h, end);
	memcpy(out + n, end, strlen(end));
	return (size_t)n + strlen(end);
}

static int
feed(const char *p, size_t n, size_t step, struct got *g, struct reason *r)
{
	struct archive a;
	int e = 0;

	*g = (struct got){.done = 0};
	archive_init(&a, &ops, g);
	for (size_t i = 0; e == 0 && i < n; i += step)
		e = archive_feed(&a, p + i, n - i < step ? n - i : step, r);
	if (e == 0)
		e = archive_finish(&a, r);
	archive_release(&a);
	return e;
}

static void
read_whole(void **state)
{
	char b[600];
	size_t n = make(b, sizeof b, "documents");
	struct reason r = {0};
	struct got g;

	for (size_t step = 1; step <= n; step++) {
		assert_int_equal(feed(b, n, step, &g, &r), 0);
		assert_string_equal(g.names, "sallyportd.yml:644:5 documents:600:3 keys/journal:600:0 ");
		assert_string_equal(g.bytes, "team\nabc");
		assert_int_equal(g.done, 3);
	}
}

static void
every_byte_counts(void **state)
{
	char b[600];
	size_t n = make(b, sizeof b, "documents");
	struct reason r = {0};
	struct got g;

	for (size_t i = 0; i < n; i++) {
		b[i] ^= 1;
		assert_true(feed(b, n, n, &g, &r) < 0);
		b[i] ^= 1;
		assert_true(feed(b, i, 600, &g, &r) < 0); /* cut */
	}
	assert_int_equal(feed(b, n, n, &g, &r), 0);
	b[n] = '\n';
	assert_int_equal(feed(b, n + 1, n + 1, &g, &r), E_FORMAT);
	assert_non_null(strstr(r.text, "something follows"));
}

static void
paths_stay_inside(void **state)
{
	static const char *const refused[] = {"/etc/passwd", "../x",    "keys/../../x", "keys/./x",   "keys//x",
	                                      "keys/",       "",        "state/x",      "keys/a b",   "keys/\xc3\xa4",
	                                      "keys/..",     "keysx/a", "audit",        "documents/x"};
	static const char *const fine[] = {"documents",  "node.key", "keys/store", "audit/recordings/1-a_b.rec",
	                                   "tls/ca.pem", "keys/..a"};
	char b[600], line[ARCHIVE_LINE_MAX];
	struct reason r = {0};
	struct got g;

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		assert_int_equal(feed(b, make(b, sizeof b, refused[i]), 600, &g, &r), E_FORMAT);
		assert_int_equal(g.done, 1); /* it never got as far as that file */
		assert_int_equal(archive_file_line(refused[i], 0600, 1, line), E_FORMAT);
	}
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
		assert_int_equal(feed(b, make(b, sizeof b, fine[i]), 600, &g, &r), 0);
		assert_int_equal(archive_file_line(fine[i], 0600, 1, line), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(read_whole),
	    cmocka_unit_test(every_byte_counts),
	    cmocka_unit_test(paths_stay_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

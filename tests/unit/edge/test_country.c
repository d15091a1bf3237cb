/* Countries by MMDB: both layouts, mapped addresses, codes that are none, and files cut or bent at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/judge/country.h"

/* libmaxminddb 1.7.1 loses a few kilobytes when a file's metadata is damaged; one such file a reload is bearable. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

static char *file;
static size_t nfile;

static void
slurp(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", getenv("CORPUS"), name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	free(file);
	file = calloc(1, 65536);
	nfile = fread(file, 1, 65536, f);
	fclose(f);
	assert_true(nfile > 100);
}

static int
open_bytes(const char *p, size_t n, struct country **ret)
{
	struct reason r = {0};
	char dir[] = "/tmp/country.XXXXXX", path[64], copy[64];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/given", dir);
	snprintf(copy, sizeof copy, "%s/country.mmdb", dir);
	FILE *f = fopen(path, "wb");
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
	int fd = open(path, O_RDONLY), folder = open(dir, O_RDONLY | O_DIRECTORY);
	int e = country_load(fd, folder, dir, ret, &r);
	/* the operator's file may change under us: ours is a copy */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(access(copy, F_OK) == 0, e == 0);
	if (e < 0)
		assert_int_equal(r.code, SP_CONFIG);
	unlink(path);
	unlink(copy);
	close(fd);
	close(folder);
	assert_int_equal(rmdir(dir), 0); /* nothing else was left */
	return e;
}

static void
test_lookup(void **state)
{
	static const struct {
		const char *ip, *nested, *flat;
	} t[] = {
	    {"10.2.3.4", "PT", "PT"},
	    {"10.1.3.4", "DE", "PT"},
	    {"::ffff:10.2.3.4", "PT", "PT"},
	    {"::ffff:a02:304", "PT", "PT"},
	    {"127.0.0.1", "FR", ""},
	    {"127.0.0.2", "", ""},
	    {"2001:db8:1::5", "NL", "NL"},
	    {"2001:db9::1", "", ""},
	    {"192.0.2.1", "", ""},
	    {"198.51.100.1", "", ""},
	    {"", "", ""},
	    {"10.2.3", "", ""},
	    {"10.2.3.4; DROP TABLE", "", ""},
	    {"fe80::1%eth0", "", ""},
	    {NULL, "", ""},
	};
	for (int flat = 0; flat < 2; flat++) {
		struct country *c = NULL;
		slurp(flat ? "flat" : "nested");
		assert_int_equal(open_bytes(file, nfile, &c), 0);
		for (size_t i = 0; i < sizeof t / sizeof *t; i++)
			assert_string_equal(country_of(c, t[i].ip), flat ? t[i].flat : t[i].nested);
		assert_int_equal(country_built(c), 1700000000);
		country_free(c);
	}
	assert_string_equal(country_of(NULL, "10.2.3.4"), "");
}

static void
test_damaged(void **state)
{
	struct country *c;
	size_t refused = 0;

	slurp("nested");
	for (size_t n = 0; n < nfile; n += 7) {
		c = NULL;
		if (open_bytes(file, n, &c) < 0)
			refused++;
		else
			country_of(c, "10.2.3.4");
		country_free(c);
	}
	assert_true(refused > nfile / 8);
	for (size_t at = 0; at < nfile; at += 3) {
		char was = file[at];
		file[at] = (char)~was;
		c = NULL;
		if (open_bytes(file, nfile, &c) == 0) {
			const char *cc = country_of(c, "10.1.2.3");
			assert_true(!*cc || strlen(cc) == 2);
			country_of(c, "2001:db8::1");
		}
		country_free(c);
		file[at] = was;
	}
	free(file);
	file = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lookup), cmocka_unit_test(test_damaged)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

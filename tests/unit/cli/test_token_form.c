/* A stored token goes into a header, into curl's options and onto a terminal: nothing but a token may be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/access/app.h"
#include "core/clock.h"
#include "core/str.h"
#include "io/file.h"

static int
load(const char *text)
{
	char home[] = "/tmp/token-form-XXXXXX", path[4400];
	struct secret token = {0};
	struct app a = {0};

	assert_non_null(mkdtemp(home));
	struct cli c = {0};
	str_copy(c.home, sizeof c.home, home);
	assert_int_equal(app_parse("https://ssh.example.test", &a), 0);
	memset(a.aud, 'a', 64);
	assert_int_equal(app_token_file(&c, &a, path, sizeof path), 0);
	assert_int_equal(file_write_atomic(path, 0600, text, strlen(text)), 0);
	int r = app_token_load(&c, &a, &token);
	secret_release(&token);
	unlink(path);
	rmdir(home);
	return r;
}

static void
test_token_form(void **state)
{
	char claims[64], text[512];
	struct buf b;

	(void)state;
	snprintf(claims, sizeof claims, "{\"exp\":%lld}", (long long)clock_wall() + 3600);
	buf_init(&b, 256);
	assert_int_equal(b64_encode(&b, B64_URL, claims, strlen(claims)), 0);
	snprintf(text, sizeof text, "e30.%s.AAAA", buf_cstr(&b));
	assert_int_equal(load(text), 0);
	static const char *const tails[] = {
	    "AA\"\noutput = \"/home/u/.bashrc\"\nurl = \"https://x",
	    "AA\r\nX-Evil: 1",
	    "\033]52;c;AAAA\a",
	    "AA.AA",
	    "AA AA",
	};
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(text, sizeof text, "e30.%s.%s", buf_cstr(&b), tails[i]);
		assert_int_not_equal(load(text), 0);
		assert_false(token_ok(slice_str(text)));
	}
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_token_form)};
	return cmocka_run_group_tests_name("token_form", tests, NULL, NULL);
}

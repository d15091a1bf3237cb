#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "edge/front/assets.h"

static const uint8_t raw[] = "alert(1)", gz[] = "ZIP";
static const struct asset table[] = {
    {ASSETS_PREFIX "a-0123456789abcdef.js", "text/javascript", "0123456789abcdef", raw, raw + 8, gz, gz + 3}};

static void
gzip_is_wanted(void **st)
{
	static const char *const yes[] = {"gzip",        "GZIP", "br, gzip", "gzip;q=0.1, br", "deflate,gzip ; q=1",
	                                  "gzip;q=0.001"};
	static const char *const no[] = {
	    "", "br", "gzip;q=0", "gzip; q=0.000", "xgzip", "gzipx", "identity;q=1, *;q=0", "x-gzip"};

	(void)st;
	assert_false(assets_gzip(NULL));
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!assets_gzip(yes[i]))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (assets_gzip(no[i]))
			fail_msg("%s", no[i]);
}

static unsigned
status(const char *method, const char *target, const char *name, const char *value, struct asset_answer *a)
{
	struct http1_header h = {name, value};
	struct http_request r = {.method = method, .target = target, .headers = &h, .nheaders = name ? 1 : 0};

	assets_answer(table, 1, &r, a);
	return a->reply.status;
}

static void
answers(void **st)
{
	struct asset_answer a;
	const char *path = table[0].path;

	(void)st;
	assert_int_equal(status("GET", path, NULL, NULL, &a), 200);
	assert_int_equal(a.reply.body.n, 8);
	assert_ptr_equal(a.reply.body.p, raw);
	assert_int_equal(status("GET", path, "accept-encoding", "gzip", &a), 200);
	assert_int_equal(a.reply.body.n, 3);
	assert_ptr_equal(a.reply.body.p, gz);
	assert_int_equal(status("GET", path, "if-none-match", "\"0123456789abcdef\"", &a), 304);
	assert_int_equal(status("GET", path, "if-none-match", "W/\"0123456789abcdef\"", &a), 304);
	assert_int_equal(status("GET", path, "if-none-match", "*", &a), 304);
	/* the other coding is another representation */
	assert_int_equal(status("GET", path, "if-none-match", "\"0123456789abcdef-gz\"", &a), 200);
	assert_int_equal(status("GET", path, "if-none-match", "\"0123456789abcde", &a), 200);
	assert_int_equal(status("GET", path, "if-none-match", "0123456789abcdef", &a), 200);
	assert_int_equal(status("POST", path, NULL, NULL, &a), 405);
	assert_int_equal(status("GET", ASSETS_PREFIX "a-0123456789abcdef.jsx", NULL, NULL, &a), 404);
	assert_int_equal(status("GET", ASSETS_PREFIX "a-0123456789abcdef.js?", NULL, NULL, &a), 404);
	assert_int_equal(status("GET", ASSETS_PREFIX, NULL, NULL, &a), 404);
	for (size_t i = 0; i < a.reply.nheaders; i++)
		if (strcmp(a.reply.headers[i].name, "cache-control") == 0)
			assert_string_equal(a.reply.headers[i].value, "no-store");
}

int
main(void)
{
	const struct CMUnitTest t[] = {cmocka_unit_test(gzip_is_wanted), cmocka_unit_test(answers)};

	return cmocka_run_group_tests(t, NULL, NULL);
}

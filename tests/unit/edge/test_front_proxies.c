/* proxies: who may say which address a user has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "edge/front/proxies.h"

static struct proxies p;

static void
expect(const char *peer, const char *value, const char *want)
{
	const struct http1_header h[] = {{"x-forwarded-for", "203.0.113.9"}, {"x-forwarded-for", value}};
	struct http_request r = {.headers = value ? h : NULL, .nheaders = value ? 2 : 0};
	char out[64] = "";
	int e = proxies_client(&p, peer, &r, out);

	if (!want) {
		assert_int_equal(e, E_FORMAT);
		return;
	}
	assert_int_equal(e, 0);
	assert_string_equal(out, want);
}

static void
only_listed_peers_are_believed(void **state)
{
	const char *list[] = {"10.0.0.0/8", "2001:db8::1"}, *bad[] = {"10.0.0.1/8"};
	struct reason why;

	(void)state;
	assert_int_equal(proxies_init(&p, bad, 1, &why), E_FORMAT);
	assert_int_equal(proxies_init(&p, NULL, 0, &why), 0);
	expect("10.0.0.1", "198.51.100.1", "10.0.0.1");
	assert_int_equal(proxies_init(&p, list, 2, &why), 0);
	expect("192.0.2.1", "198.51.100.1", "192.0.2.1");
	expect("10.0.0.1", NULL, "10.0.0.1");
	expect("10.0.0.1", "198.51.100.1", "198.51.100.1");
	expect("2001:db8::1", "1.2.3.4, 198.51.100.1", "198.51.100.1");
	expect("10.0.0.1", "198.51.100.1,\t10.9.9.9 ", "198.51.100.1"); /* a chain of ours */
	expect("10.0.0.1", "10.9.9.9", "203.0.113.9");                  /* goes on in the header before */
	expect("10.0.0.1", "1.2.3.4, nonsense", NULL);
	expect("10.0.0.1", "1.2.3.4,", NULL);
	expect("10.0.0.1", "1.2.3.4:80", NULL);
	expect("10.0.0.1", "1.2.3.0/24", NULL);
}

static void
expect_forwarded(const char *value, const char *want)
{
	const struct http1_header h[] = {{"x-forwarded-for", "203.0.113.66"}, {"forwarded", value}};
	struct http_request r = {.headers = h, .nheaders = 2};
	char out[64] = "";
	int e = proxies_client(&p, "10.0.0.1", &r, out);

	if (!want) {
		assert_int_equal(e, E_FORMAT);
		return;
	}
	assert_int_equal(e, 0);
	assert_string_equal(out, want);
}

static void
forwarded_where_it_is_configured(void **state)
{
	const char *list[] = {"10.0.0.0/8"};
	struct reason why;

	(void)state;
	p.forwarded = true;
	assert_int_equal(proxies_init(&p, list, 1, &why), 0);
	expect_forwarded("for=198.51.100.1", "198.51.100.1");
	expect_forwarded("for=1.2.3.4, for=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1");
	expect_forwarded("proto=https; For=\"198.51.100.1:4711\"", "198.51.100.1");
	expect_forwarded("for=\"[2001:db8::1]:4711\"", "2001:db8::1");
	expect_forwarded("for=198.51.100.1, for=10.2.2.2", "198.51.100.1");
	expect_forwarded("for=unknown", NULL);
	expect_forwarded("for=_hidden", NULL);
	expect_forwarded("proto=https", NULL);
	expect_forwarded("for=1.2.3.4;for=198.51.100.1", NULL);
	expect_forwarded("for=\"[2001:db8::1\"", NULL);
	expect_forwarded("for=\"1.2.3.4", NULL);
	p.forwarded = false;
	expect_forwarded("for=198.51.100.1", "203.0.113.66");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_listed_peers_are_believed),
	                                   cmocka_unit_test(forwarded_where_it_is_configured)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a service behind the edge may see of a user's head. */
#include "edge/judge/http_origin.h"
#include "../t.h"

static void
statements_about_the_user_are_dropped(void **state)
{
	static const char *const drop[] = {
	    "cf-access-jwt-assertion",
	    "cf_access_jwt_assertion",
	    "CF-Access-Authenticated-User-Email",
	    "cf.access.token",
	    "cf-connecting-ip",
	    "Cf_Connecting_Ip",
	    "cf-ray",
	    "cf-access-client-secret",
	    "cf-cloudflared-proxy-connection-upgrade",
	    "cf-cloudflared-proxy-src",
	    "cf-access-jump-destination",
	    "x-forwarded-for",
	    "x_forwarded_for",
	    "X-Forwarded-Proto",
	    "x-forwarded-host",
	    "forwarded",
	    "x-real-ip",
	    "x_real_ip",
	    "true-client-ip",
	    "x-original-url",
	    "x-rewrite-url",
	    "proxy",
	    "remote_user",
	};
	static const char *const pass[] = {"accept",  "authorization", "cookie", "x-forward", "cfx",      "x-real-ips",
	                                   "referer", "content-type",  "cf",     "range",     "x-custom", "origin"};

	for (size_t i = 0; i < COUNT(drop); i++)
		assert_true(http_origin_drops(drop[i]));
	for (size_t i = 0; i < COUNT(pass); i++)
		assert_false(http_origin_drops(pass[i]));
}

static void
cookies_of_the_edge_stay_here(void **state)
{
	static const char *const rows[][2] = {
	    {"a=1; CF_Authorization=t; b=2", "a=1; CF_Authorization=t; b=2"},
	    {"CF_Binding=x", ""},
	    {"CF_Binding=x; a=1", "a=1"},
	    {"a=1;CF_AppSession=x;b=2", "a=1; b=2"},
	    {"a=1; CF_Session =x; b=2", "a=1; b=2"},
	    {" ;; a=1 ;\t; CF_Binding ; b", "a=1; b"},
	    {"aCF_Binding=1; CF_Bindings=2; cf_binding=3", "aCF_Binding=1; CF_Bindings=2; cf_binding=3"},
	    {"a=\"x; CF_Binding=y\"", "a=\"x"}, /* a quote does not hold a semicolon (RFC 6265) */
	    {"", ""},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b;

		buf_init(&b, 1000);
		assert_ok(http_origin_cookies(rows[i][0], true, &b));
		assert_string_equal(buf_cstr(&b), rows[i][1]);
		buf_release(&b);
	}
	/* beside a service token a person's cookie says nothing, to the service neither */
	struct buf b;
	buf_init(&b, 1000);
	assert_ok(http_origin_cookies("a=1; CF_Authorization=t; CF_Binding=x; b=2", false, &b));
	assert_string_equal(buf_cstr(&b), "a=1; b=2");
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(statements_about_the_user_are_dropped),
	    cmocka_unit_test(cookies_of_the_edge_stay_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Domains of applications: what is read, what has what, and which of two is the closer one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/app.h"

static struct site
site_of(const char *text)
{
	struct model_error err = {{0}};
	struct site s = {0};

	if (site_parse(text, &s, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	return s;
}

static void
what_is_read(void **state)
{
	static const char *const good[][3] = {
	    {"A.Example.test", "a.example.test", ""},
	    {"a.test/", "a.test", ""},
	    {"a.test/*", "a.test", ""},
	    {"a.test/Alpha/", "a.test", "/Alpha"},
	    {"*.a.test/alpha/*", "*.a.test", "/alpha/*"},
	    {"*Dev.a.test", "*dev.a.test", ""},
	    {"a.*.b.test", "a.*.b.test", ""},
	    {"*a.*b.test", "*a.*b.test", ""},
	    {"a.test/foo*/bar", "a.test", "/foo*/bar"},
	    {"a.test/*/x", "a.test", "/*/x"},
	    {"a.test/@x:y,z=1~$&'()+!", "a.test", "/@x:y,z=1~$&'()+!"},
	};
	static const char *const bad[][2] = {
	    {"", "a host name"},
	    {"/x", "a host name"},
	    {"https://a.test", "without a scheme"},
	    {"a.test:8443", "without a port"},
	    {"a.test?x=1", "without a query"},
	    {"a.test#x", "without a query"},
	    {"a.test/x?y", "without query"},
	    {"a.test/x#y", "without query"},
	    {"**.a.test", "once in each label"},
	    {"*a*.a.test", "once in each label"},
	    {"a.*", "once in each label but the last"},
	    {"*", "once in each label"},
	    {"a_b..test", "a host name"},
	    {"a.test//x", "without //"},
	    {"a.test/x/../y", "without . and .."},
	    {"a.test/./x", "without . and .."},
	    {"a.test/..", "without . and .."},
	    {"a.test/%61", "without escapes"},
	    {"a.test/a;b", "without escapes"},
	    {"a.test/a\\b", "without escapes"},
	    {"a.test/a b", "without escapes"},
	    {"a.test/a*b*c", "at most one *"},
	    {"a.test/*/*/*/*/*/*/*/*/*", "at most 8 stars"},
	    {"a.test/cdn-cgi/access/x", "the edge's own"},
	};
	char text[300] = "a.test/";
	struct model_error err;
	struct site s;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		s = site_of(good[i][0]);
		assert_string_equal(s.host, good[i][1]);
		assert_string_equal(s.path, good[i][2]);
		site_release(&s);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(site_parse(bad[i][0], &s, &err), E_FORMAT);
		if (!strstr(err.text, bad[i][1]))
			fail_msg("%s: \"%s\" not in \"%s\"", bad[i][0], bad[i][1], err.text);
	}
	memset(text + 7, 'x', SITE_PATH_MAX);
	assert_int_equal(site_parse(text, &s, &err), E_FORMAT);
}

/* The documented examples. */
static void
what_has_what(void **state)
{
	static const struct {
		const char *pattern, *host;
		bool has;
	} hosts[] = {
	    {"*.example.com", "alpha.example.com", true},
	    {"*.example.com", "example.com", false},
	    {"*.example.com", "foo.bar.example.com", false},
	    {"*.test.example.com", "test.example.com", false},
	    {"*test.example.com", "test.example.com", true},
	    {"*test.example.com", "alphatest.example.com", true},
	    {"*test.example.com", "beta.test.example.com", false},
	    {"a*z.example.com", "az.example.com", true},
	    {"a*z.example.com", "a.example.com", false},
	    {"a.*.example.com", "a.b.example.com", true},
	    {"a.*.example.com", "a.example.com", false},
	    {"a.test", "a.test", true},
	    {"a.test", "a.test.evil", false},
	    {"*.example.com", "*.example.com", false},
	    {"*.example.com", ".example.com", false},
	    {"a*a.test", "a.test", false},
	};
	static const struct {
		const char *pattern, *path;
		bool has;
	} paths[] = {
	    {"", "/", true},
	    {"", "/anything/at/all", true},
	    {"/alpha", "/alpha", true},
	    {"/alpha", "/alpha/", true},
	    {"/alpha", "/alpha/one", true},
	    {"/alpha", "/alphabet", false},
	    {"/alpha", "/Alpha", false},
	    {"/alpha", "/", false},
	    {"/alpha/*", "/alpha", false},
	    {"/alpha/*", "/alpha/", true},
	    {"/alpha/*", "/alpha/one/two", true},
	    {"/foo*/bar", "/food/stuff/bar", true},
	    {"/foo*/bar", "/foo/bar", true},
	    {"/foo*/bar", "/foo/bar/below", true},
	    {"/foo*/bar", "/foo/barn", false},
	    {"/foo*/bar", "/foo/barn/bar", true},
	    {"/foo*", "/foo", true},
	    {"/foo*", "/fo", false},
	    {"/*/x/*/y", "/a/x/b/x/c/y/z", true},
	    {"/*/x/*/y", "/a/x/y", false},
	};

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		if (site_host_has(hosts[i].pattern, hosts[i].host) != hosts[i].has)
			fail_msg("%s %s", hosts[i].pattern, hosts[i].host);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (site_path_has(paths[i].pattern, paths[i].path) != paths[i].has)
			fail_msg("%s %s", paths[i].pattern, paths[i].path);
}

/* Slow and by recursion: does the rest of the path fit the rest of the pattern? */
static bool
slow_has(const char *pattern, const char *path, const char *whole)
{
	if (!*pattern)
		return !*path || *path == '/' || pattern == whole || pattern[-1] == '*';
	if (*pattern == '*')
		return slow_has(pattern + 1, path, whole) || (*path && slow_has(pattern, path + 1, whole));
	return *pattern == *path && slow_has(pattern + 1, path + 1, whole);
}

static void
paths_agree_with_a_slow_matcher(void **state)
{
	static const char letters[] = "/ab*";
	uint32_t seed = 3;
	size_t hits = 0;

	for (size_t n = 0; n < 200000; n++) {
		char pattern[9] = "/", path[13] = "/";
		size_t np, nh;

		seed = seed * 1664525 + 1013904223;
		np = 1 + (seed >> 8) % 7;
		nh = 1 + (seed >> 16) % 11;
		for (size_t i = 1; i < np; i++) {
			seed = seed * 1664525 + 1013904223;
			pattern[i] = letters[(seed >> 16) % 4];
		}
		for (size_t i = 1; i < nh; i++) {
			seed = seed * 1664525 + 1013904223;
			path[i] = letters[(seed >> 16) % 3];
		}
		if (site_path_has(pattern, path) != slow_has(pattern, path, pattern))
			fail_msg("%s %s", pattern, path);
		hits += slow_has(pattern, path, pattern);
	}
	assert_true(hits > 10000);
}

static void
plain_paths(void **state)
{
	static const char *const bad[] = {
	    "",         "x",      "/a/../b", "/a/..",  "/..",       "/./a",     "/a/.",    "/a//b",
	    "//",       "/a%2fb", "/a%2Fb",  "/a%5cb", "/a\\b",     "/%2e%2e/", "/a/%2E.", "/a%00",
	    "/a%0ab",   "/a%7f",  "/a%",     "/a%2",   "/a%zz",     "/a;x=1/b", "/a%3bx",  "/a%252fb",
	    "/%61dmin", "/a%3fb", "/a%23b",  "/a/;/b", "/a/.%2e/b",
	};
	static const char *const good[][2] = {
	    {"/", "/"},           {"/a/b/", "/a/b/"}, {"/a%20b", "/a b"}, {"/%C3%A9", "/\xc3\xa9"},
	    {"/a...b", "/a...b"}, {"/...", "/..."},   {"/.a", "/.a"},     {"/a%40b", "/a@b"},
	};
	char out[SITE_PLAIN_MAX + 1], text[SITE_PLAIN_MAX + 3];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (site_path_plain(bad[i], out) != E_FORMAT)
			fail_msg("%s was taken as %s", bad[i], out);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(site_path_plain(good[i][0], out), 0);
		assert_string_equal(out, good[i][1]);
	}
	memset(text, 'x', sizeof text);
	text[0] = '/';
	text[SITE_PLAIN_MAX] = '\0';
	assert_int_equal(site_path_plain(text, out), 0);
	text[SITE_PLAIN_MAX] = 'x';
	text[SITE_PLAIN_MAX + 1] = '\0';
	assert_int_equal(site_path_plain(text, out), E_FORMAT);
}

/* Each comes before the next. */
static void
order(void **state)
{
	static const char *const texts[] = {
	    "one.a.test/alpha/beta", "one.a.test/alpha/*", "one.a.test/alpha", "one.a.test",
	    "*dev.a.test/x",         "*dev.a.test",        "*.a.test/alpha",   "*.a.test",
	};
	const size_t n = sizeof texts / sizeof *texts;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			struct site a = site_of(texts[i]), b = site_of(texts[k]);
			int c = site_order(&a, &b);
			if ((c < 0) != (i < k) || (c == 0) != (i == k))
				fail_msg("%s %s %d", texts[i], texts[k], c);
			site_release(&a);
			site_release(&b);
		}
	}
}

static struct app *
app_read(const char *text, struct model_error *err)
{
	json_error_t e;
	json_t *j = json_loads(text, 0, &e);
	struct app *a = NULL;

	if (!j)
		fail_msg("%s in %s", e.text, text);
	if (app_from_json(j, false, &a, err) != 0)
		a = NULL;
	json_decref(j);
	return a;
}

static void
sites_of_an_application(void **state)
{
	struct model_error err = {{0}};
	struct app *a = app_read(
	    "{\"name\":\"a\",\"domain\":\"A.test/x/\",\"self_hosted_domains\":[\"a.test/x\",\"b.test\"]}", &err);

	assert_non_null(a);
	assert_string_equal(a->domain, "a.test/x");
	assert_int_equal(a->nsites, 2);
	assert_string_equal(a->sites[1].host, "b.test");
	assert_string_equal(app_site_member(a, 1), "/self_hosted_domains");
	app_free(a);
	a = app_read(
	    "{\"name\":\"a\",\"self_hosted_domains\":[\"b.test\"],\"destinations\":[{\"type\":\"public\",\"uri\":"
	    "\"c.test/y\"}]}",
	    &err);
	assert_non_null(a);
	assert_string_equal(a->domain, "c.test/y"); /* destinations make the older member count no more */
	assert_int_equal(a->nsites, 1);
	app_free(a);
	assert_null(app_read("{\"name\":\"a\"}", &err));
	assert_non_null(strstr(err.text, "lacks the field \"domain\""));
	assert_null(
	    app_read("{\"name\":\"a\",\"domain\":\"a.test\",\"self_hosted_domains\":[\"b.test\",\"c:1\"]}", &err));
	assert_string_equal(err.pointer, "/self_hosted_domains/1");
	assert_null(app_read(
	    "{\"name\":\"a\",\"domain\":\"a.test\",\"destinations\":[{\"type\":\"public\",\"uri\":\"c:1\"}]}", &err));
	assert_string_equal(err.pointer, "/destinations");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_read),
	    cmocka_unit_test(what_has_what),
	    cmocka_unit_test(paths_agree_with_a_slow_matcher),
	    cmocka_unit_test(plain_paths),
	    cmocka_unit_test(order),
	    cmocka_unit_test(sites_of_an_application),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

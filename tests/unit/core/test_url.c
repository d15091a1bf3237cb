#include <stdio.h>
#include <stdlib.h>

#include "alloc_fail.h"
#include "core/err.h"
#include "core/url.h"
#include "t.h"

static void
host_names(void **state)
{
	static const char *const bad[] = {"",    ".",   "a.",   ".a",  "a..b", "-a",       "a.-b", "a b", "a/b",
	                                  "a@b", "a:1", "a\\b", "a%b", "[a]",  "\xc3\xa9", "a\nb", "a,b", "*.a"};
	char out[HOST_MAX + 1], name[300];

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(host_parse(bad[i], strlen(bad[i]), out), E_FORMAT);
	assert_ok(host_parse("Team.LOCALHOST:443", 14, out));
	assert_string_equal(out, "team.localhost");
	assert_ok(host_parse("_dns.a-b-.x1", 12, out));
	memset(name, 'a', sizeof name);
	assert_int_equal(host_parse(name, 64, out), E_FORMAT);
	assert_ok(host_parse(name, 63, out));
	for (size_t i = 50; i < sizeof name; i += 50)
		name[i] = '.';
	assert_ok(host_parse(name, 253, out));
	assert_int_equal(host_parse(name, 254, out), E_LIMIT);
	assert_int_equal(host_parse("a\0b", 3, out), E_FORMAT);
}

static void
host_and_port(void **state)
{
	static const struct {
		const char *text;
		uint16_t dflt;
		const char *host;
		uint16_t port;
		bool ip, v6;
		const char *back;
	} good[] = {
	    {"h", 0, "h", 0, false, false, "h"},
	    {"H.example", 22, "h.example", 22, false, false, "h.example:22"},
	    {"h:22", 443, "h", 22, false, false, "h:22"},
	    {"10.0.0.1:65535", 0, "10.0.0.1", 65535, true, false, "10.0.0.1:65535"},
	    {"[::1]", 0, "::1", 0, true, true, "[::1]"},
	    {"[2001:DB8::1]:22", 0, "2001:db8::1", 22, true, true, "[2001:db8::1]:22"},
	    {"1.2.3.4.example:1", 0, "1.2.3.4.example", 1, false, false, "1.2.3.4.example:1"},
	};
	static const char *const bad[] = {"",          ":22",    "h:",         "h:0",          "h:00022",   "h:65536",
	                                  "h:22x",     "h:+1",   "h:-1",       "::1",          "[::1",      "[::1]22",
	                                  "[]",        "[h]",    "[::1]:",     "[fe80::1%lo]", "[1.2.3.4]", "1.2.3",
	                                  "1.2.3.256", "0x7f.1", "0x7f000001", "2130706433",   "01.2.3.4",  "a@b:1",
	                                  "a b:1",     "h:1:2",  "h:123456"};
	struct hostport hp;
	char out[HOST_MAX + 16];

	for (size_t i = 0; i < COUNT(good); i++) {
		assert_ok(hostport_parse(good[i].text, good[i].dflt, &hp));
		assert_string_equal(hp.host, good[i].host);
		assert_int_equal(hp.port, good[i].port);
		assert_int_equal(hp.is_ip, good[i].ip);
		assert_int_equal(hp.is_v6, good[i].v6);
		hostport_format(&hp, out, sizeof out);
		assert_string_equal(out, good[i].back);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (hostport_parse(bad[i], 0, &hp) != E_FORMAT)
			fail_msg("accepted %s", bad[i]);
}

static void
urls(void **state)
{
	static const struct {
		const char *text, *scheme, *host;
		uint16_t port;
		const char *path, *query;
	} good[] = {
	    {"https://team.localhost", "https", "team.localhost", 443, "/", ""},
	    {"HTTPS://Team.Localhost:8443/A/b%20c?x=1&y=/#frag?", "https", "team.localhost", 8443, "/A/b%20c",
	     "x=1&y=/"},
	    {"http://[::1]:80?q", "http", "::1", 80, "/", "q"},
	    {"wss://h/", "wss", "h", 443, "/", ""},
	    {"ssh://h", "ssh", "h", 22, "/", ""},
	    {"tcp://10.0.0.1:5432/a?b?c", "tcp", "10.0.0.1", 5432, "/a", "b?c"},
	    {"other://h#f", "other", "h", 0, "/", ""},
	};
	static const char *const bad[] = {"",
	                                  "/path",
	                                  "//h/",
	                                  "h",
	                                  "https:h",
	                                  "https:/h",
	                                  "https://",
	                                  "https:///p",
	                                  "https://u@h/",
	                                  "https://u:p@h/",
	                                  "http://good@evil",
	                                  "https://h:/",
	                                  "https://h:x/",
	                                  "https://h/a b",
	                                  "https://h/\\evil",
	                                  "https://h\\evil",
	                                  "https://h/\n",
	                                  "https://h/%2",
	                                  "https://h/%zz",
	                                  "https://h/\xc3\xa9",
	                                  "https://h/?<x>",
	                                  "1http://h",
	                                  "ht tp://h",
	                                  "://h",
	                                  "https://a,b/",
	                                  "https://h/#%",
	                                  "averyveryverylongscheme://h"};
	static char large[9000];
	struct url u;

	for (size_t i = 0; i < COUNT(good); i++) {
		assert_ok(url_parse(good[i].text, &u));
		assert_string_equal(u.scheme, good[i].scheme);
		assert_string_equal(u.at.host, good[i].host);
		assert_int_equal(u.at.port, good[i].port);
		assert_string_equal(u.path, good[i].path);
		assert_string_equal(u.query, good[i].query);
		url_release(&u);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (url_parse(bad[i], &u) != E_FORMAT)
			fail_msg("accepted %s", bad[i]);
	memset(large, 'a', sizeof large - 1);
	memcpy(large, "https://h/", 10);
	assert_int_equal(url_parse(large, &u), E_LIMIT);
	alloc_fail_at(0);
	assert_int_equal(url_parse("https://h/", &u), E_NOMEM);
	assert_true(alloc_fail_hit());
}

static void
queries(void **state)
{
	struct query q;
	char many[65 * 6 + 1];
	size_t n = 0;

	assert_ok(query_parse("a=1&b=two+words%21&c&d=&%65=%3D&", 32, &q));
	assert_int_equal(q.n, 5);
	assert_string_equal(query_get(&q, "a"), "1");
	assert_string_equal(query_get(&q, "b"), "two words!");
	assert_string_equal(query_get(&q, "c"), "");
	assert_string_equal(query_get(&q, "d"), "");
	assert_string_equal(query_get(&q, "e"), "=");
	assert_null(query_get(&q, "f"));
	query_release(&q);
	assert_ok(query_parse("", 0, &q));
	assert_int_equal(q.n, 0);
	query_release(&q);
	assert_int_equal(query_parse("a=1&a=2", 7, &q), E_FORMAT);
	assert_int_equal(query_parse("a=1&%61=2", 9, &q), E_FORMAT);
	assert_int_equal(query_parse("=1", 2, &q), E_FORMAT);
	assert_int_equal(query_parse("a=%00", 5, &q), E_FORMAT);
	assert_int_equal(query_parse("a=%0", 4, &q), E_FORMAT);
	assert_int_equal(query_parse("a=%0g", 5, &q), E_FORMAT);
	assert_int_equal(query_parse("a=\n", 3, &q), E_FORMAT);
	for (int i = 0; i < 65; i++)
		n += (size_t)snprintf(many + n, sizeof many - n, "k%02d=v&", i);
	assert_int_equal(query_parse(many, n, &q), E_LIMIT);
	assert_ok(query_parse(many, n - 6, &q));
	assert_int_equal(q.n, QUERY_MAX);
	query_release(&q);
	alloc_fail_at(0);
	assert_int_equal(query_parse("a=1", 3, &q), E_NOMEM);
	assert_true(alloc_fail_hit());
}

static void
escaping(void **state)
{
	struct buf b;

	buf_init(&b, 64);
	assert_ok(url_escape(&b, "a b/\xc3\xa9~-._%"));
	assert_slice(buf_slice(&b), "a%20b%2F%C3%A9~-._%25");
	buf_clear(&b);
	assert_ok(url_unescape(&b, "a%20b+c%2f", 10, false));
	assert_slice(buf_slice(&b), "a b+c/");
	assert_int_equal(url_unescape(&b, "x%0", 3, false), E_FORMAT);
	assert_int_equal(url_unescape(&b, "x%00", 4, false), E_FORMAT);
	assert_slice(buf_slice(&b), "a b+c/");
	buf_clear(&b);
	assert_ok(html_escape(&b, "<a href=\"x\">'&"));
	assert_slice(buf_slice(&b), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
	buf_release(&b);
	buf_init(&b, 4);
	assert_int_equal(html_escape(&b, "a<<"), E_LIMIT);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(url_escape(&b, "a<<"), E_LIMIT);
	assert_int_equal(buf_len(&b), 0);
	buf_release(&b);
}

static void
return_paths_stay_on_our_origin(void **state)
{
	static const char *const good[] = {"/",      "/a",       "/a//b", "/a/../b", "/app?next=%2Fx%0Ay&z=%5C",
	                                   "/a%20b", "/x?{a|b}", "/a:b@c"};
	static const char *const bad[] = {
	    "",
	    "//evil",
	    "/\\evil",
	    "https:evil",
	    "\\\\evil",
	    "/%09/evil",
	    "http://good@evil",
	    "good.evil.tld",
	    "javascript:alert(1)",
	    "/a\nb",
	    "\n/a",
	    "/\t/evil",
	    " /a",
	    "/a\rSet-Cookie: x",
	    "#/evil",
	    "/a#b",
	    "/%2fevil",
	    "/%2Fevil",
	    "/%5cevil",
	    "/%5Cevil",
	    "/%252fevil",
	    "%2F%2Fevil",
	    "%252Fevil",
	    "/%0d%0aX: y",
	    "/%00",
	    "/%7f",
	    "/a\x7f",
	    "/\xc3\xa9",
	    "/a b",
	    "/%",
	    "/%4",
	    "/<script>",
	    "data:,x",
	    "a",
	    "?x",
	    "///evil",
	    "/./%2fevil",
	};
	static char large[9000];

	for (size_t i = 0; i < COUNT(good); i++)
		if (!url_is_local_path(good[i]))
			fail_msg("refused %s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (url_is_local_path(bad[i]))
			fail_msg("accepted %s", bad[i]);
	memset(large, 'a', sizeof large - 1);
	large[0] = '/';
	assert_false(url_is_local_path(large));
	large[2049] = '\0';
	assert_false(url_is_local_path(large));
	large[2048] = '\0';
	assert_true(url_is_local_path(large));
}

static void
localhost(void **state)
{
	assert_true(host_is_localhost("localhost"));
	assert_true(host_is_localhost("team.localhost"));
	assert_false(host_is_localhost("evillocalhost"));
	assert_false(host_is_localhost("localhost.evil"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(host_names), cmocka_unit_test(host_and_port),
	    cmocka_unit_test(urls),       cmocka_unit_test(queries),
	    cmocka_unit_test(escaping),   cmocka_unit_test(return_paths_stay_on_our_origin),
	    cmocka_unit_test(localhost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Heads and bodies as peers send them, whole and byte by byte; the refusals of security.md 3.8 (91, 92, 99, 100)
 * and 3.9 (104). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/http1.h"

/* Feeds text in pieces and writes down what happens: "H GET /x|a: b|" "B<bytes>" "D" "U<rest>" "!<status>". */
static char *
play(enum http1_role role, const char *in, size_t n, size_t piece, bool eof)
{
	struct http1 *h;
	struct buf out;
	bool body = false;
	assert_int_equal(http1_new(role, 1000, &h), 0);
	buf_init(&out, 1u << 20);
	size_t at = 0;
	while (at < n) {
		size_t k = n - at < piece ? n - at : piece;
		uint8_t *copy = malloc(k); /* exact: a read past it is seen */
		memcpy(copy, in + at, k);
		size_t used = 0, done = 0;
		enum http1_event ev;
		do {
			struct reason why = {0};
			int r = http1_feed(h, copy + done, k - done, &used, &ev, &why);
			if (r < 0) {
				assert_true(why.text[0] != 0);
				buf_putf(&out, "!%u", http1_error_status(h));
				assert_int_equal(http1_feed(h, copy, k, &used, &ev, &why), r);
				free(copy);
				goto out;
			}
			done += used;
			assert_true(done <= k);
			body = body && ev == HTTP1_BODY;
			if (ev == HTTP1_HEAD || ev == HTTP1_UPGRADE) {
				const struct http1_header *v;
				size_t nv = http1_headers(h, &v);
				if (role == HTTP1_SERVER)
					buf_putf(&out, "%c %s %s|", ev == HTTP1_HEAD ? 'H' : 'U', http1_method(h),
					         http1_target(h));
				else
					buf_putf(&out, "%c %u|", ev == HTTP1_HEAD ? 'H' : 'U', http1_status(h));
				for (size_t i = 0; i < nv; i++)
					buf_putf(&out, "%s=%s|", v[i].name, v[i].value);
			} else if (ev == HTTP1_BODY) {
				if (!body)
					buf_put_str(&out, "B");
				body = true;
				buf_put_slice(&out, http1_piece(h));
			} else if (ev == HTTP1_DONE) {
				buf_put_str(&out, "D");
			}
			if (ev == HTTP1_UPGRADE) {
				buf_put(&out, copy + done, k - done);
				buf_put(&out, in + at + k, n - at - k);
				free(copy);
				goto out;
			}
			body = body || ev == HTTP1_BODY;
		} while (ev != HTTP1_MORE);
		assert_int_equal(done, k);
		body = out.w > out.r && ev == HTTP1_MORE && out.d[out.w - 1] != 'D' && out.d[out.w - 1] != '|';
		free(copy);
		at += k;
	}
	if (eof) {
		enum http1_event ev;
		buf_put_str(&out, http1_eof(h, &ev) == 0 && ev == HTTP1_DONE ? "E" : "T");
	}
out:
	http1_free(h);
	return buf_take_str(&out);
}

static void
expect(enum http1_role role, const char *in, bool eof, const char *want)
{
	static const size_t pieces[] = {SIZE_MAX, 1, 2, 7};
	for (size_t i = 0; i < 4; i++) {
		char *got = play(role, in, strlen(in), pieces[i], eof);
		if (strcmp(got, want) != 0)
			fail_msg("in pieces of %zu: %s\n got %s\nwant %s", pieces[i], in, got, want);
		free(got);
	}
}

#define REQ(line, rest) line " HTTP/1.1\r\nHost: a\r\n" rest

static void
test_requests(void **st)
{
	expect(HTTP1_SERVER, REQ("GET /x?y=1", "\r\n"), false, "H GET /x?y=1|host=a|D");
	expect(HTTP1_SERVER, REQ("GET /", "X-Empty:\r\nCOOKIE:  a b \t\r\n\r\n"), false,
	       "H GET /|host=a|x-empty=|cookie=a b|D");
	expect(HTTP1_SERVER, REQ("POST /", "Content-Length: 5\r\n\r\nhello"), false,
	       "H POST /|host=a|content-length=5|BhelloD");
	expect(HTTP1_SERVER, REQ("POST /", "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
	       false, "H POST /|host=a|transfer-encoding=Chunked|BabcdeD");
	expect(HTTP1_SERVER, REQ("OPTIONS *", "\r\n"), false, "H OPTIONS *|host=a|D");
	expect(HTTP1_SERVER, "\r\n" REQ("GET /", "\r\n") REQ("GET /2", "\r\n"), false,
	       "H GET /|host=a|DH GET /2|host=a|D");
	expect(HTTP1_SERVER, "GET / HTTP/1.0\r\nHost: a\r\n\r\nGET /2 HTTP/1.0\r\n", false,
	       "H GET /|host=a|D"); /* not kept alive */
	expect(HTTP1_SERVER, REQ("GET /", "Connection: close\r\n\r\n") REQ("GET /2", "\r\n"), false,
	       "H GET /|host=a|connection=close|D");
	expect(HTTP1_SERVER, REQ("GET /", "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n") "\x82\x80rest", false,
	       "U GET /|host=a|connection=Upgrade|upgrade=websocket|\x82\x80rest");
	expect(HTTP1_SERVER, REQ("GET /", "Upgrade: websocket\r\n\r\n"), false, "H GET /|host=a|upgrade=websocket|D");
}

static void
test_declined_upgrade_feeds_on(void **st)
{
	static const char in[] = REQ("GET /", "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n") REQ("GET /2", "\r\n");
	struct http1 *h;
	size_t used, n = sizeof in - 1;
	enum http1_event ev;
	assert_int_equal(http1_new(HTTP1_SERVER, 0, &h), 0);
	assert_int_equal(http1_feed(h, (const uint8_t *)in, n, &used, &ev, NULL), 0);
	assert_int_equal(ev, HTTP1_UPGRADE);
	assert_true(http1_upgrade(h));
	assert_int_equal(http1_feed(h, (const uint8_t *)in + used, n - used, &used, &ev, NULL), 0);
	assert_int_equal(ev, HTTP1_HEAD);
	assert_string_equal(http1_target(h), "/2");
	assert_false(http1_upgrade(h));
	http1_free(h);
}

static void
test_hidden_request_is_body(void **st)
{
	expect(HTTP1_SERVER, REQ("POST /", "Content-Length: 17\r\n\r\n") "GET /x HTTP/1.1\r\n" REQ("GET /y", "\r\n"),
	       false, "H POST /|host=a|content-length=17|BGET /x HTTP/1.1\r\nDH GET /y|host=a|D");
}

static void
test_refused_requests(void **st)
{
	static const struct {
		const char *in;
		const char *want;
	} t[] = {
	    {REQ("POST /", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), "!400"},
	    {REQ("POST /", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), "!400"},
	    {REQ("POST /", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), "!400"},
	    {REQ("POST /", "Transfer-Encoding : chunked\r\n\r\n"), "!400"},
	    {REQ("POST /", "Transfer-Encoding\t: chunked\r\n\r\n"), "!400"},
	    {REQ("POST /", "Transfer-Encoding: xchunked\r\n\r\n"), "!400"},
	    {REQ("POST /", "Transfer-Encoding: chunked, identity\r\n\r\n"), "!400"},
	    {REQ("POST /", "Transfer-Encoding: gzip, chunked\r\n\r\n"), "!400"},
	    {REQ("POST /", "Transfer-Encoding:\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length: 5, 5\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length:\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length: +5\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length: -5\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length: 0x5\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length: 18446744073709551616\r\n\r\n"), "!400"},
	    {REQ("POST /", "Content-Length: 1001\r\n\r\n"), "!413"},
	    {REQ("GET /", ": empty\r\n\r\n"), "!400"},
	    {REQ("GET /", "X: a\rb\r\n\r\n"), "!400"},
	    {REQ("GET /", "X: a\x01"
	                  "b\r\n\r\n"),
	     "!400"},
	    {REQ("GET /", "X: a\x7f"
	                  "b\r\n\r\n"),
	     "!400"},
	    {REQ("GET /", "X a\r\n\r\n"), "!400"},
	    {REQ("GET /", "X(: a\r\n\r\n"), "!400"},
	    {REQ("GET /", "X: a\r\n b\r\n\r\n"), "!400"},
	    {REQ("GET /", "X:\r\n\tb\r\n\r\n"), "!400"},
	    {REQ("GET /", " X: a\r\n\r\n"), "!400"},
	    {REQ("GET /", "X: a\n\r\n"), "!400"},
	    {"GET / HTTP/1.1\nHost: a\n\n", "!400"},
	    {"\n" REQ("GET /", "\r\n"), "!400"},
	    {"\r" REQ("GET /", "\r\n"), "!400"},
	    {REQ("GET /", "Host: b\r\n\r\n"), "!400"},
	    {"GET / HTTP/1.1\r\n\r\n", "!400"},
	    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "!400"},
	    {"GET / HTTP/1.1\r\nHost: \r\n\r\n", "!400"},
	    {"GET /\r\n\r\n", "!505"},
	    {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", "!505"},
	    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "!505"},
	    {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", "!505"},
	    {"GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "!400"},
	    {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "!400"},
	    {REQ("GET http://a/", "\r\n"), "!400"},
	    {REQ("CONNECT a:443", "\r\n"), "!400"},
	    {REQ("GET *", "\r\n"), "!400"},
	    {REQ("GET /\xc3\xa4", "\r\n"), "!400"},
	    {REQ("BREW /", "\r\n"), "!501"},
	    {REQ("GET /", "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx"), "!400"},
	    {"\r\n\r\n\r\n" REQ("GET /", "\r\n"), "!400"},
	};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		static const size_t pieces[] = {SIZE_MAX, 1};
		for (size_t k = 0; k < 2; k++) {
			char *got = play(HTTP1_SERVER, t[i].in, strlen(t[i].in), pieces[k], false);
			if (got[0] != '!')
				fail_msg("%s\n got %s", t[i].in, got);
			if (strcmp(got, t[i].want) != 0)
				fail_msg("%s\n got %s want %s", t[i].in, got, t[i].want);
			free(got);
		}
	}
	char *got = play(HTTP1_SERVER, REQ("GET /", "X: a\0b\r\n\r\n"), sizeof REQ("GET /", "X: a\0b\r\n\r\n") - 1,
	                 SIZE_MAX, false);
	assert_string_equal(got, "!400");
	free(got);
}

static void
test_refused_chunks(void **st)
{
#define CHUNKED(rest) REQ("POST /", "Transfer-Encoding: chunked\r\n\r\n" rest)
	static const char *const t[] = {
	    CHUNKED("-1\r\n"),
	    CHUNKED("+1\r\na\r\n"),
	    CHUNKED("0x1\r\na\r\n"),
	    CHUNKED("ffffffffffffffffff\r\n"),
	    CHUNKED("1\na\r\n"),
	    CHUNKED("1\r\nab\r\n"),
	    CHUNKED("3e9\r\n"),
	    CHUNKED(" 1\r\na\r\n"),
	    CHUNKED("1\ra\r\n0\r\n\r\n"),
	    CHUNKED("1\r\na\r0\r\n\r\n"),
	    CHUNKED("1\r\na\n0\r\n\r\n"),
	    CHUNKED("1\r\na0\r\n\r\n"),
	    CHUNKED("1;x\na\r\n0\r\n\r\n"),
	    CHUNKED("1;x\ra\r\n0\r\n\r\n"),
	    CHUNKED("1;x=\"y\na\r\n0\r\n\r\n"),
	    CHUNKED("0\r\n\rX"),
	    CHUNKED("0\r\n\n"),
	    CHUNKED("0\r\r\n"),
	    CHUNKED("0\r\nX: trailer\r\n\r\n"),
	    CHUNKED("0\r\nContent-Length: 4\r\n\r\n"),
	};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char *got = play(HTTP1_SERVER, t[i], strlen(t[i]), SIZE_MAX, false);
		if (!strchr(got, '!') && strncmp(t[i] + sizeof CHUNKED("") - 1, "3e9", 3) != 0)
			fail_msg("%s\n got %s", t[i], got);
		free(got);
	}
	/* an extension of a megabyte, as a name, a value, or nothing but semicolons */
	static const char *const begin[] = {CHUNKED("1;"), CHUNKED("1;a="), CHUNKED("1;a=\"")};
	static const char fill[] = "a; =";
	for (size_t i = 0; i < 3; i++)
		for (size_t f = 0; f < 4; f++) {
			size_t n = strlen(begin[i]);
			char *in = malloc(n + (1u << 20));
			memcpy(in, begin[i], n);
			memset(in + n, fill[f], 1u << 20);
			char *got = play(HTTP1_SERVER, in, n + (1u << 20), 1000, false);
			if (!strchr(got, '!'))
				fail_msg("extension %zu of %c passes", i, fill[f]);
			free(got);
			free(in);
		}
}

static void
test_limits(void **st)
{
	struct buf b;
	buf_init(&b, 4u << 20);
	buf_put_str(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 10000; i++)
		buf_put_str(&b, "a:b\r\n");
	char *got = play(HTTP1_SERVER, (const char *)buf_ptr(&b), buf_len(&b), SIZE_MAX, false);
	assert_string_equal(got, "!431");
	free(got);
	buf_clear(&b);
	buf_put_str(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 99; i++)
		buf_put_str(&b, "a:b\r\n");
	buf_put_str(&b, "\r\n");
	got = play(HTTP1_SERVER, (const char *)buf_ptr(&b), buf_len(&b), 1, false);
	assert_true(strncmp(got, "H GET /|host=a|a=b|", 18) == 0);
	free(got);
	/* no chunk is too large, all of them together are */
	buf_clear(&b);
	buf_put_str(&b, REQ("POST /", "Transfer-Encoding: chunked\r\n\r\n"));
	for (int i = 0; i < 11; i++)
		buf_putf(&b, "64\r\n%0100d\r\n", 0);
	got = play(HTTP1_SERVER, (const char *)buf_ptr(&b), buf_len(&b), 1, false);
	assert_string_equal(got + strlen(got) - 4, "!413");
	assert_int_equal(strlen(strchr(got, 'B')), 1 + 1000 + 4);
	free(got);
	for (int what = 0; what < 2; what++) {
		buf_clear(&b);
		buf_put_str(&b, what ? "GET / HTTP/1.1\r\nHost: a\r\nX: " : "GET /");
		for (int i = 0; i < 1000000; i++)
			buf_put_u8(&b, 'x');
		got = play(HTTP1_SERVER, (const char *)buf_ptr(&b), buf_len(&b), 65536, false);
		assert_string_equal(got, what ? "!431" : "!414");
		free(got);
		got = play(HTTP1_SERVER, (const char *)buf_ptr(&b), buf_len(&b), 1, false);
		assert_string_equal(got, what ? "!431" : "!414");
		free(got);
	}
	buf_release(&b);
}

static void
test_responses(void **st)
{
	expect(HTTP1_CLIENT,
	       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
	       false, "H 200|content-length=2|BokDH 404|content-length=0|D");
	expect(HTTP1_CLIENT, "HTTP/1.1 200 OK\r\n\r\nuntil the end", true, "H 200|Buntil the endE");
	expect(HTTP1_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", true, "H 200|content-length=5|BokT");
	expect(HTTP1_CLIENT,
	       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n", false,
	       "H 204|D");
	expect(HTTP1_CLIENT, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 x\r\n\r\n", false,
	       "H 304|content-length=5|DH 204|D");
	expect(HTTP1_CLIENT, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x82\x01x",
	       false, "U 101|connection=Upgrade|upgrade=websocket|\x82\x01x");
	expect(HTTP1_CLIENT, "HTTP/1.1 101 Switching\r\n\r\n", false, "!400");
#define EARLY "HTTP/1.1 103 Early\r\n\r\n"
#define EARLY8 EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY
	expect(HTTP1_CLIENT, EARLY8 "HTTP/1.1 204 No\r\n\r\n", false, "H 204|D");
	expect(HTTP1_CLIENT, EARLY8 EARLY "HTTP/1.1 204 No\r\n\r\n", false, "!502");
	expect(HTTP1_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", false, "!400");
	expect(HTTP1_CLIENT, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, "!400");
	expect(HTTP1_CLIENT, "HTTP/1.1 200 O1.1 200 OK\r\n\r@until the0K\r\n\r\nuntil", true,
	       "!400"); /* a head that ends in CR alone */
	expect(HTTP1_CLIENT, "SSH-2.0-OpenSSH_9.2\r\n", false, "!400");
}

static void
test_head_answer_has_no_body(void **st)
{
	static const char in[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
	struct http1 *h;
	size_t used;
	enum http1_event ev;
	assert_int_equal(http1_new(HTTP1_CLIENT, 10, &h), 0);
	http1_skip_body(h);
	assert_int_equal(http1_feed(h, (const uint8_t *)in, sizeof in - 1, &used, &ev, NULL), 0);
	assert_int_equal(ev, HTTP1_HEAD);
	assert_int_equal(used, sizeof in - 1);
	assert_false(http1_expects_body(h));
	assert_int_equal(http1_feed(h, NULL, 0, &used, &ev, NULL), 0);
	assert_int_equal(ev, HTTP1_DONE);
	http1_drop_head(h);
	assert_null(http1_header_get(h, "content-length"));
	http1_free(h);
}

static void
test_writers(void **st)
{
	struct buf b;
	buf_init(&b, 4096);
	assert_int_equal(http1_put_request(&b, "GET", "/x", "h:1"), 0);
	assert_int_equal(http1_put_header(&b, "A", "b c"), 0);
	assert_int_equal(http1_put_header(&b, "A", "b\r\nX: y"), -3);
	assert_int_equal(http1_put_header(&b, "A", "b\n"), -3);
	assert_int_equal(http1_put_header(&b, "A b", "c"), -3);
	assert_int_equal(http1_put_header(&b, "", "c"), -3);
	assert_int_equal(http1_put_request(&b, "GET", "/x y", "h"), -3);
	assert_int_equal(http1_put_request(&b, "GET", "/x", "h\r\nX: y"), -3);
	assert_int_equal(http1_put_end(&b), 0);
	assert_string_equal(buf_cstr(&b), "GET /x HTTP/1.1\r\nHost: h:1\r\nA: b c\r\n\r\n");
	buf_clear(&b);
	assert_int_equal(http1_put_status(&b, 404), 0);
	assert_string_equal(buf_cstr(&b), "HTTP/1.1 404 Not Found\r\n");
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_declined_upgrade_feeds_on),
	    cmocka_unit_test(test_hidden_request_is_body),
	    cmocka_unit_test(test_refused_requests),
	    cmocka_unit_test(test_refused_chunks),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_responses),
	    cmocka_unit_test(test_head_answer_has_no_body),
	    cmocka_unit_test(test_writers),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}

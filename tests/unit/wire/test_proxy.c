/* PROXY headers: vectors of both versions, what is refused, and not one byte of what follows is taken. */
#include "wire/proxy.h"
#include "../t.h"

#define MARK "\r\n\r\n\0\r\nQUIT\n"

/* Feeds n bytes in steps; *ret_used of them were the header's. */
static int
feed(struct proxy_in *p, const char *d, size_t n, size_t step, size_t *ret_used)
{
	struct reason why = {0};
	size_t at = 0, used;
	int e = 0;

	proxy_in_init(p);
	while (at < n && !p->done && e == 0) {
		size_t k = step < n - at ? step : n - at;

		e = proxy_in_feed(p, (const uint8_t *)d + at, k, &used, &why);
		assert_true(used <= k);
		at += used;
		if (e == 0 && !p->done)
			assert_int_equal(used, k);
	}
	if (e < 0)
		assert_true(why.text[0]);
	*ret_used = at;
	return e;
}

#define ROW(text, ip, port)                     \
	{                                       \
		text, sizeof text - 1, ip, port \
	}
static const struct row {
	const char *d;
	size_t n;
	const char *ip;
	uint16_t port;
} good[] = {
    ROW("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "192.0.2.1", 56324),
    ROW("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "2001:db8::1", 1),
    ROW("PROXY UNKNOWN\r\n", "", 0),
    ROW("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", 0),
    ROW(MARK "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb", "192.0.2.1", 56324),
    ROW(MARK "\x21\x11\0\x0f\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb\x04\0\0", "192.0.2.1", 56324), /* a TLV */
    ROW(MARK "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\x01\xbb",
        "2001:db8::1", 1),
    ROW(MARK "\x20\x00\0\0", "", 0), /* LOCAL */
    ROW(MARK "\x20\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb", "",
        0),                          /* LOCAL: the addresses say nothing */
    ROW(MARK "\x21\x00\0\0", "", 0), /* UNSPEC */
};

static void
both_versions(void **state)
{
	static const size_t steps[] = {1, 2, 13, 17, 4096};
	struct proxy_in p;
	char with[400];
	size_t used;

	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t k = 0; k < COUNT(steps); k++) {
			memcpy(with, good[i].d, good[i].n);
			memcpy(with + good[i].n, "\x16\x03\x01\r\nPROXY", 10); /* TLS follows */
			assert_ok(feed(&p, with, good[i].n + 10, steps[k], &used));
			assert_true(p.done);
			assert_int_equal(used, good[i].n);
			assert_string_equal(p.ip, good[i].ip);
			if (good[i].ip[0])
				assert_int_equal(p.port, good[i].port);
		}
}

static void
parts_are_waited_for(void **state)
{
	struct proxy_in p;
	size_t used;

	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t n = 1; n < good[i].n; n++) {
			assert_ok(feed(&p, good[i].d, n, 4096, &used));
			assert_false(p.done);
		}
}

static void
refused(void **state)
{
	static const struct row bad[] = {
	    ROW("GET / HTTP/1.1\r\n", "", 0),
	    ROW("\x16\x03\x01\x02", "", 0),
	    ROW("\r\n\r\n\r\n\r\n\r\n\r\n", "", 0),
	    ROW("proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "", 0),
	    ROW("PROXY\r\n", "", 0),
	    ROW("PROXY TCP4\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", "", 0),
	    ROW("PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4 nobody 1 1\r\n", "", 0),
	    ROW("PROXY TCP4 ::1 ::1 1 1\r\n", "", 0),
	    ROW("PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n", "", 0),
	    ROW("PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", "", 0),
	    ROW("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 1\r\n", "", 0),
	    ROW("PROXY UNKNOWN "
	        "45678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
	        "901234567890\r\n",
	        "", 0),
	    ROW(MARK "\x11\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb", "", 0), /* version 1 */
	    ROW(MARK "\x22\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb", "", 0), /* command 2 */
	    ROW(MARK "\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb", "", 0), /* datagram */
	    ROW(MARK "\x21\x41\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb", "", 0), /* family 4 */
	    ROW(MARK "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01", "", 0),     /* too short */
	    ROW(MARK "\x21\x21\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb", "", 0), /* too short for v6 */
	    ROW(MARK "\x21\x11\xff\xff", "", 0),                                             /* too long */
	};
	struct proxy_in p;
	size_t used;

	for (size_t i = 0; i < COUNT(bad); i++)
		for (size_t step = 1; step < 4096; step += 4094) {
			assert_true(feed(&p, bad[i].d, bad[i].n, step, &used) < 0);
			assert_string_equal(p.ip, "");
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_versions),
	    cmocka_unit_test(parts_are_waited_for),
	    cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

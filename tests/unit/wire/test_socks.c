/* socks: what a SOCKS5 client hears, however its bytes are cut. */
#include <stdlib.h>
#include <string.h>

#include "wire/socks.h"
#include "../t.h"

/* Feeds text in pieces of step; what the client heard is compared; returns the last result. */
static int
talk(const void *p, size_t n, size_t step, const void *heard, size_t nheard, struct socks_in *s, size_t *ret_left)
{
	const uint8_t *d = p;
	struct reason why = {0};
	struct buf out;
	int e = 0;

	*s = (struct socks_in){0};
	buf_init(&out, 64);
	while (e == 0 && n && s->state != SOCKS_DONE) {
		size_t used = 0;
		e = socks_in_feed(s, d, n < step ? n : step, &used, &out, &why);
		if (e == 0)
			assert_true(used > 0);
		d += used;
		n -= used;
	}
	if (e < 0)
		assert_true(why.text[0] != 0);
	assert_int_equal(buf_len(&out), nheard);
	if (nheard)
		assert_memory_equal(buf_ptr(&out), heard, nheard);
	buf_release(&out);
	*ret_left = n;
	return e;
}

#define TALK(text, step, heard) talk(text, sizeof text - 1, step, heard, sizeof heard - 1, &s, &left)

static void
destinations(void **state)
{
	struct socks_in s;
	size_t left;

	for (size_t step = 1; step < 30; step++) {
		assert_int_equal(TALK("\5\1\0\5\1\0\1\12\1\2\3\0\26SSH", step, "\5\0"), 0);
		assert_int_equal(s.state, SOCKS_DONE);
		assert_string_equal(s.to.host, "10.1.2.3");
		assert_int_equal(s.to.port, 22);
		assert_int_equal(left, 3); /* what follows is the destination's */
		assert_int_equal(TALK("\5\3\2\1\0\5\1\0\3\11localhost\1\273", step, "\5\0"), 0);
		assert_string_equal(s.to.host, "localhost");
		assert_int_equal(s.to.port, 443);
		assert_int_equal(TALK("\5\1\0\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\120", step, "\5\0"), 0);
		assert_string_equal(s.to.host, "::1");
		assert_int_equal(s.to.port, 80);
	}
}

#define NO(code) "\5\0\5" code "\0\1\0\0\0\0\0\0"

static void
refusals(void **state)
{
	struct socks_in s;
	size_t left;

	for (size_t step = 1; step < 30; step++) {
		assert_int_equal(TALK("\5\1\2", step, "\5\377"), E_DENIED); /* password only */
		assert_int_equal(TALK("\5\0", step, "\5\377"), E_DENIED);
		assert_int_equal(TALK("\4\1\0\26\12\1\2\3\0", step, ""), E_FORMAT);
		assert_int_equal(TALK("GET / HTTP/1.1", step, ""), E_FORMAT);
		assert_int_equal(TALK("\5\1\0\4\1\0\1\12\1\2\3\0\26", step, "\5\0"), E_FORMAT);
		assert_int_equal(TALK("\5\1\0\5\2\0\1\12\1\2\3\0\26", step, NO("\7")), E_DENIED); /* BIND */
		assert_int_equal(TALK("\5\1\0\5\3\0\1\12\1\2\3\0\26", step, NO("\7")), E_DENIED); /* UDP */
		assert_int_equal(TALK("\5\1\0\5\1\1\1\12\1\2\3\0\26", step, NO("\1")), E_DENIED);
		assert_int_equal(TALK("\5\1\0\5\1\0\1\12\1\2\3\0\0", step, NO("\1")), E_DENIED); /* port 0 */
		assert_int_equal(TALK("\5\1\0\5\1\0\3\3a\0b\0\26", step, NO("\1")), E_DENIED);
		assert_int_equal(TALK("\5\1\0\5\1\0\3\0\0\26", step, NO("\1")), E_DENIED);
		assert_int_equal(TALK("\5\1\0\5\1\0\3\5a/../\0\26", step, NO("\1")), E_DENIED);
	}
	assert_int_equal(TALK("\5\1\0\5\1\0\2\12", 8, NO("\10")), E_DENIED);
}

static void
answers(void **state)
{
	struct buf b;

	buf_init(&b, 64);
	assert_ok(socks_reply(&b, SOCKS_OK));
	assert_int_equal(buf_len(&b), 10);
	assert_memory_equal(buf_ptr(&b), "\5\0\0\1\0\0\0\0\0\0", 10);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(destinations), cmocka_unit_test(refusals),
	                                   cmocka_unit_test(answers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

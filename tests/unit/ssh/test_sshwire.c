#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/err.h"
#include "core/str.h"
#include "ssh/sshwire.h"

/* RFC 4251 section 5: the mpint examples that are not negative */
static void
test_mpint(void **state)
{
	static const struct {
		const char *value, *wire;
	} rows[] = {{"", "00000000"},
	            {"00", "00000000"},
	            {"09a378f9b2e332a7", "0000000809a378f9b2e332a7"},
	            {"80", "000000020080"},
	            {"000080", "000000020080"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf v, w;
		struct slice got;
		char hex[64];
		buf_init(&v, 64);
		buf_init(&w, 64);
		assert_int_equal(hex_decode(&v, rows[i].value, strlen(rows[i].value)), 0);
		assert_int_equal(sshwire_put_mpint(&w, buf_slice(&v)), 0);
		assert_int_equal(hex_encode_str(hex, sizeof hex, buf_ptr(&w), buf_len(&w)), 0);
		assert_string_equal(hex, rows[i].wire);
		assert_int_equal(sshwire_get_mpint(&w, 8, &got), 0);
		assert_int_equal(buf_len(&w), 0);
		while (buf_len(&v) && *buf_ptr(&v) == 0)
			buf_skip(&v, 1);
		assert_true(slice_eq(got, buf_slice(&v)));
		buf_release(&v);
		buf_release(&w);
	}
}

static void
test_mpint_refused(void **state)
{
	static const struct {
		const char *wire;
		size_t n;
		int want;
	} rows[] = {
	    {"\0\0\0\2\x80\1", 6, E_FORMAT}, /* negative */
	    {"\0\0\0\2\0\1", 6, E_FORMAT},   /* a zero too many */
	    {"\0\0\0\1\0", 5, E_FORMAT},     /* zero is the empty string */
	    {"\0\0\0\3\1", 5, E_TRUNC},      {"\0\0\0\7\1\2\3\4\5\6\7", 11, E_LIMIT},
	    {"\0\0\0", 3, E_TRUNC},          {"\xff\xff\xff\xff", 4, E_LIMIT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b;
		struct slice s;
		buf_view(&b, rows[i].wire, rows[i].n);
		assert_int_equal(sshwire_get_mpint(&b, 4, &s), rows[i].want);
		assert_int_equal(buf_len(&b), rows[i].n); /* nothing is taken */
	}
}

static void
test_string(void **state)
{
	struct buf b, v;
	struct slice s;
	char text[8];
	buf_init(&b, 64);
	assert_int_equal(sshwire_put_cstr(&b, "abc"), 0);
	assert_int_equal(sshwire_put_string(&b, "a\0b", 3), 0);
	assert_int_equal(sshwire_get_string(&b, 2, &s), E_LIMIT);
	assert_int_equal(buf_len(&b), 14); /* nothing taken */
	assert_int_equal(sshwire_get_cstr(&b, text, sizeof text), 0);
	assert_string_equal(text, "abc");
	size_t before = buf_len(&b);
	assert_int_equal(sshwire_get_cstr(&b, text, sizeof text), E_FORMAT);
	assert_int_equal(buf_len(&b), before);
	buf_view(&v, "\0\0\0\5abc", 7);
	assert_int_equal(sshwire_get_string(&v, 100, &s), E_TRUNC);
	assert_int_equal(buf_len(&v), 7);
	buf_release(&b);
	buf_init(&b, 6);
	assert_int_equal(sshwire_put_cstr(&b, "abc"), E_LIMIT); /* whole or not at all */
	assert_int_equal(buf_len(&b), 0);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_mpint), cmocka_unit_test(test_mpint_refused),
	                                   cmocka_unit_test(test_string)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

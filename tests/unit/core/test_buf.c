#include <stdlib.h>

#include "alloc_fail.h"
#include "core/buf.h"
#include "core/err.h"
#include "t.h"

static void
numbers_are_big_endian_unless_le(void **state)
{
	static const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
	                                   3, 2, 7, 6, 5, 4, 8, 7, 6, 5,  4,  3,  2,  1};
	struct buf b;
	uint8_t v8 = 0;
	uint16_t v16 = 0;
	uint32_t v32 = 0;
	uint64_t v64 = 0;

	buf_init(&b, 64);
	assert_ok(buf_put_u8(&b, 1));
	assert_ok(buf_put_u16(&b, 0x0203));
	assert_ok(buf_put_u32(&b, 0x04050607));
	assert_ok(buf_put_u64(&b, 0x08090a0b0c0d0e0f));
	assert_ok(buf_put_le16(&b, 0x0203));
	assert_ok(buf_put_le32(&b, 0x04050607));
	assert_ok(buf_put_le64(&b, 0x0102030405060708));
	assert_int_equal(buf_len(&b), sizeof expected);
	assert_memory_equal(buf_ptr(&b), expected, sizeof expected);

	assert_ok(buf_get_u8(&b, &v8));
	assert_ok(buf_get_u16(&b, &v16));
	assert_int_equal(v8, 1);
	assert_int_equal(v16, 0x0203);
	assert_ok(buf_get_u32(&b, &v32));
	assert_ok(buf_get_u64(&b, &v64));
	assert_int_equal(v32, 0x04050607);
	assert_true(v64 == 0x08090a0b0c0d0e0f);
	assert_ok(buf_get_le16(&b, &v16));
	assert_ok(buf_get_le32(&b, &v32));
	assert_ok(buf_get_le64(&b, &v64));
	assert_int_equal(v16, 0x0203);
	assert_int_equal(v32, 0x04050607);
	assert_true(v64 == 0x0102030405060708);
	assert_int_equal(buf_len(&b), 0);
	buf_release(&b);
}

static void
a_short_read_takes_nothing(void **state)
{
	struct buf b;
	struct slice s = {0};
	uint64_t v = 77;
	uint16_t v16 = 0;

	buf_view(&b, "abc", 3);
	assert_int_equal(buf_get_u64(&b, &v), E_TRUNC);
	assert_int_equal(buf_get_le64(&b, &v), E_TRUNC);
	assert_int_equal(buf_get(&b, 4, &s), E_TRUNC);
	assert_int_equal(buf_get(&b, SIZE_MAX, &s), E_TRUNC);
	assert_int_equal(buf_skip(&b, 4), E_TRUNC);
	assert_true(v == 77);
	assert_null(s.p);
	assert_slice(buf_slice(&b), "abc");
	assert_ok(buf_get_u16(&b, &v16));
	assert_int_equal(v16, 0x6162);
	assert_slice(buf_slice(&b), "c");
}

static void
a_view_is_never_written(void **state)
{
	struct buf b;
	uint8_t *p = NULL;

	buf_view(&b, "abc", 3);
	assert_int_equal(buf_put(&b, "d", 1), E_STATE);
	assert_int_equal(buf_put_u8(&b, 1), E_STATE);
	assert_int_equal(buf_reserve(&b, 0, &p), E_STATE);
	assert_null(buf_cstr(&b));
	assert_int_equal(buf_room(&b), 0);
	assert_slice(buf_slice(&b), "abc");
	buf_release(&b);
	buf_view(&b, NULL, 0);
	assert_int_equal(buf_len(&b), 0);
	assert_non_null(buf_ptr(&b));
}

static void
maximum_is_content_not_history(void **state)
{
	struct buf b;

	buf_init(&b, 4);
	assert_ok(buf_put(&b, "abcd", 4));
	assert_int_equal(buf_put(&b, "e", 1), E_LIMIT);
	assert_int_equal(buf_room(&b), 0);
	assert_string_equal(buf_cstr(&b), "abcd"); /* the NUL is not counted */
	for (int i = 0; i < 1000; i++) {
		assert_ok(buf_skip(&b, 2));
		assert_ok(buf_put(&b, "xy", 2));
	}
	assert_slice(buf_slice(&b), "xyxy");
	assert_true(b.cap <= 5);
	buf_release(&b);
	assert_ok(buf_put(&b, "same", 4)); /* reusable with the same maximum */
	assert_int_equal(buf_put(&b, "e", 1), E_LIMIT);
	buf_release(&b);
}

static void
a_queue_keeps_order_through_growth(void **state)
{
	struct buf b;
	uint32_t in = 0, out = 0, v = 0;

	buf_init(&b, 1 << 16);
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 7; i++)
			assert_ok(buf_put_u32(&b, in++));
		for (int i = 0; i < 5; i++) {
			assert_ok(buf_get_u32(&b, &v));
			assert_int_equal(v, out++);
		}
	}
	while (buf_get_u32(&b, &v) == 0)
		assert_int_equal(v, out++);
	assert_int_equal(in, out);
	buf_release(&b);
}

static void
reserve_and_commit(void **state)
{
	struct buf b;
	uint8_t *p = NULL;

	buf_init(&b, 100);
	assert_ok(buf_reserve(&b, 100, &p));
	memcpy(p, "hello", 5);
	buf_commit(&b, 5);
	assert_slice(buf_slice(&b), "hello");
	assert_int_equal(buf_reserve(&b, 96, &p), E_LIMIT);
	assert_ok(buf_reserve(&b, 95, &p));
	buf_clear(&b);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_room(&b), 100);
	buf_release(&b);
}

static void
text(void **state)
{
	struct buf b;
	char *s = NULL;

	buf_init(&b, 16);
	assert_ok(buf_putf(&b, "%s-%d", "port", 22));
	assert_int_equal(buf_putf(&b, "%s", "ten more chars"), E_LIMIT);
	assert_ok(buf_put_str(&b, "!"));
	assert_ok(buf_put_slice(&b, slice_str("?")));
	assert_string_equal(buf_cstr(&b), "port-22!?");
	assert_ok(buf_skip(&b, 5));
	s = buf_take_str(&b);
	assert_string_equal(s, "22!?");
	free(s);
	assert_int_equal(buf_len(&b), 0);
	s = buf_take_str(&b);
	assert_string_equal(s, "");
	free(s);
	assert_true(slice_eq_str((struct slice){NULL, 0}, ""));
	assert_false(slice_eq_str(slice_str("ab"), "a"));
	assert_false(slice_eq_str(slice_str("ab"), NULL));
	buf_release(&b);
}

static void
a_secret_is_wiped_when_cleared(void **state)
{
	struct buf b;
	const uint8_t *p = NULL;

	buf_init_secret(&b, 64);
	assert_ok(buf_put_str(&b, "hunter2"));
	p = buf_ptr(&b);
	buf_clear(&b);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(p[i], 0);
	buf_release(&b);
	assert_true(b.wipe);
}

static void
zeroed_is_releasable(void **state)
{
	struct buf b = {0};

	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_put(&b, "a", 1), E_LIMIT);
	assert_ok(buf_put(&b, NULL, 0));
	buf_release(&b);
}

static void
every_failing_allocation_leaves_content_whole(void **state)
{
	long n = 0;

	for (;; n++) {
		struct buf b;
		size_t len = 0;
		int e = 0;
		bool hit = false;
		buf_init(&b, 1 << 16);
		alloc_fail_at(n);
		for (int i = 0; i < 500 && !e; i++) {
			len = buf_len(&b);
			e = i % 3 ? buf_put_u64(&b, 0x4141414141414141) : buf_putf(&b, "%s", "AAAAAA");
		}
		hit = alloc_fail_hit();
		if (hit) {
			assert_int_equal(e, E_NOMEM);
			assert_int_equal(buf_len(&b), len);
		}
		for (size_t i = 0; i < buf_len(&b); i++)
			assert_int_equal(buf_ptr(&b)[i], 'A');
		assert_ok(buf_put_u8(&b, 'A')); /* still in working order */
		buf_release(&b);
		if (!hit)
			break;
	}
	assert_true(n > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_big_endian_unless_le),
	    cmocka_unit_test(a_short_read_takes_nothing),
	    cmocka_unit_test(a_view_is_never_written),
	    cmocka_unit_test(maximum_is_content_not_history),
	    cmocka_unit_test(a_queue_keeps_order_through_growth),
	    cmocka_unit_test(reserve_and_commit),
	    cmocka_unit_test(text),
	    cmocka_unit_test(a_secret_is_wiped_when_cleared),
	    cmocka_unit_test(zeroed_is_releasable),
	    cmocka_unit_test(every_failing_allocation_leaves_content_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/err.h"
#include "crypto/random.h"
#include "crypto/seal.h"

static void
test_seal(void **state)
{
	uint8_t key[SEAL_KEY_LEN], other[SEAL_KEY_LEN];
	struct buf sealed, plain;
	random_bytes(key, sizeof key);
	random_bytes(other, sizeof other);
	for (size_t n = 0; n < 40; n += 13) {
		uint8_t text[40];
		memset(text, 'x', sizeof text);
		buf_init(&sealed, 4096);
		buf_init_secret(&plain, 4096);
		assert_int_equal(seal(key, (struct slice){text, n}, &sealed), 0);
		assert_int_equal(buf_len(&sealed), n + SEAL_OVERHEAD);
		assert_int_equal(seal_open(key, buf_slice(&sealed), &plain), 0);
		assert_true(slice_eq(buf_slice(&plain), (struct slice){text, n}));
		assert_int_equal(seal_open(other, buf_slice(&sealed), &plain), E_CRYPTO);
		for (size_t i = 0; i < buf_len(&sealed); i += 7) { /* nonce, tag and text are all bound */
			sealed.d[sealed.r + i] ^= 1;
			assert_int_equal(seal_open(key, buf_slice(&sealed), &plain), E_CRYPTO);
			sealed.d[sealed.r + i] ^= 1;
		}
		for (size_t k = 0; k < SEAL_OVERHEAD; k++)
			assert_int_equal(seal_open(key, (struct slice){buf_ptr(&sealed), k}, &plain), E_CRYPTO);
		buf_release(&sealed);
		buf_release(&plain);
	}
}

static void
test_box(void **state)
{
	struct box_key a, b, c;
	struct buf boxed, plain;
	const uint8_t zero[32] = {0};
	box_key_generate(&a);
	box_key_generate(&b);
	box_key_generate(&c);
	buf_init(&boxed, 4096);
	buf_init(&plain, 4096);
	assert_int_equal(box(&a, b.pub, slice_str("{\"app_token\":\"x\"}"), &boxed), 0);
	assert_int_equal(box_open(&b, a.pub, buf_slice(&boxed), &plain), 0);
	assert_true(slice_eq_str(buf_slice(&plain), "{\"app_token\":\"x\"}"));
	assert_int_equal(box_open(&c, a.pub, buf_slice(&boxed), &plain), E_CRYPTO);
	assert_int_equal(box_open(&b, c.pub, buf_slice(&boxed), &plain), E_CRYPTO);
	for (size_t k = 0; k < SEAL_OVERHEAD; k++)
		assert_int_equal(box_open(&b, a.pub, (struct slice){buf_ptr(&boxed), k}, &plain), E_CRYPTO);
	assert_int_equal(box(&a, zero, slice_str("x"), &boxed), E_CRYPTO); /* a shared key anybody knows */
	box_key_release(&a);
	assert_memory_equal(a.sec, zero, 32);
	buf_release(&boxed);
	buf_release(&plain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_seal), cmocka_unit_test(test_box)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"

static void
assert_hex(const uint8_t *p, size_t n, const char *want)
{
	char hex[200];
	assert_int_equal(hex_encode_str(hex, sizeof hex, p, n), 0);
	assert_string_equal(hex, want);
}

static void
test_vectors(void **state)
{
	uint8_t h[64];
	sha256("abc", 3, h);
	assert_hex(h, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(NULL, 0, h);
	assert_hex(h, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha384("abc", 3, h);
	assert_hex(h, 48,
	           "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
	sha512("abc", 3, h);
	assert_hex(h, 64,
	           "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
	           "454d4423643ce80e2a9ac94fa54ca49f");
	uint8_t key[20];
	memset(key, 0x0b, sizeof key); /* RFC 4231 section 4.2 */
	hmac_sha256((struct slice){key, 20}, slice_str("Hi There"), h);
	assert_hex(h, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha1((struct slice){key, 20}, slice_str("Hi There"), h); /* RFC 2202 */
	assert_hex(h, 20, "b617318655057264e28bc0b6fb378c8ef146be00");
	char hex[65];
	sha256_hex("abc", 3, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
test_pieces(void **state)
{
	uint8_t data[1000], whole[32], parts[32];
	random_bytes(data, sizeof data);
	sha256(data, sizeof data, whole);
	struct sha256_state s;
	sha256_init(&s);
	for (size_t at = 0, n = 0; at < sizeof data; at += n, n++)
		sha256_update(&s, data + at, n < sizeof data - at ? n : sizeof data - at);
	sha256_final(&s, parts);
	assert_memory_equal(whole, parts, 32);
	sha256_release(&s);
}

static void
test_random(void **state)
{
	uint8_t a[64] = {0}, b[64] = {0};
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_true(random_u64() != random_u64());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_pieces),
	                                   cmocka_unit_test(test_random)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

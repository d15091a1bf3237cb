#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/err.h"
#include "core/str.h"
#include "crypto/sign.h"
#include "../tool.h"

static const struct {
	const char *name;
	enum sig_alg alg;
	size_t sig;
} kinds[] = {{"ed25519", SIG_EDDSA, 64},
             {"ecdsa-p256", SIG_ES256, 64},
             {"rsa-2048", SIG_RS256, 256},
             {"rsa-3072", SIG_RS512, 384}};
#define NKINDS (sizeof kinds / sizeof *kinds)

static void
test_round(void **state)
{
	for (size_t i = 0; i < NKINDS; i++) {
		struct key *k = NULL, *pub = NULL, *again = NULL;
		struct buf sig, spki;
		struct secret der = {0};
		char kid[65], kid2[65];
		struct slice msg = slice_str("the message");
		buf_init(&sig, 2048);
		buf_init(&spki, 2048);
		assert_int_equal(key_generate_named(kinds[i].name, &k), 0);
		assert_true(key_is_private(k));
		assert_int_equal(key_spki(k, &spki), 0);
		assert_int_equal(key_from_spki(buf_slice(&spki), &pub), 0);
		assert_false(key_is_private(pub));
		assert_int_equal(key_kid(k, kid), 0);
		assert_int_equal(key_kid(pub, kid2), 0);
		assert_string_equal(kid, kid2);
		for (int round = 0; round < 3; round++) { /* cached contexts stay usable, also after a failure */
			buf_clear(&sig);
			assert_int_equal(key_sign(k, kinds[i].alg, msg, &sig), 0);
			assert_int_equal(buf_len(&sig), kinds[i].sig);
			assert_int_equal(key_verify(pub, kinds[i].alg, msg, buf_slice(&sig)), 0);
			assert_int_equal(key_verify(pub, kinds[i].alg, slice_str("another"), buf_slice(&sig)),
			                 E_CRYPTO);
			sig.d[sig.r + 5] ^= 1;
			assert_int_equal(key_verify(pub, kinds[i].alg, msg, buf_slice(&sig)), E_CRYPTO);
			sig.d[sig.r + 5] ^= 1;
			assert_int_equal(key_verify(k, kinds[i].alg, msg, buf_slice(&sig)), 0);
		}
		assert_int_equal(key_sign(pub, kinds[i].alg, msg, &sig), E_STATE);
		assert_int_equal(key_export_private(pub, &der), E_STATE);
		assert_int_equal(key_export_private(k, &der), 0);
		assert_int_equal(key_import_private(secret_slice(&der), &again), 0);
		assert_int_equal(key_kid(again, kid2), 0);
		assert_string_equal(kid, kid2);
		key_free(again);
		assert_int_equal(key_import_private((struct slice){der.d, der.n - 1}, &again), E_FORMAT);
		secret_release(&der);
		buf_release(&sig);
		buf_release(&spki);
		key_free(k);
		key_free(pub);
	}
}

static void
test_wrong_alg(void **state)
{
	struct key *ed = NULL, *rsa = NULL;
	struct buf sig;
	buf_init(&sig, 2048);
	assert_int_equal(key_generate(KEY_ED25519, 0, &ed), 0);
	assert_int_equal(key_generate(KEY_RSA, 2048, &rsa), 0);
	assert_int_equal(key_generate(KEY_RSA, 1024, &rsa), E_RANGE);
	assert_int_equal(key_sign(ed, SIG_RS256, slice_str("x"), &sig), E_STATE);
	assert_int_equal(key_sign(rsa, SIG_EDDSA, slice_str("x"), &sig), E_STATE);
	assert_int_equal(key_sign(rsa, SIG_RS256, slice_str("x"), &sig), 0);
	assert_int_equal(key_verify(rsa, SIG_RS512, slice_str("x"), buf_slice(&sig)), E_CRYPTO);
	assert_int_equal(key_verify(ed, SIG_RS256, slice_str("x"), buf_slice(&sig)), E_CRYPTO);
	buf_release(&sig);
	key_free(ed);
	key_free(rsa);
}

/* RFC 8032 section 7.1, test 2 */
static void
test_ed25519_vector(void **state)
{
	struct buf seed, sig, want;
	struct key *k = NULL;
	buf_init(&seed, 64);
	buf_init(&sig, 64);
	buf_init(&want, 64);
	hex_decode(&seed, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", 64);
	hex_decode(&want,
	           "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387"
	           "b2eaeb4302a"
	           "eeb00d291612bb0c00",
	           128);
	assert_int_equal(key_import_seed(buf_slice(&seed), &k), 0);
	assert_int_equal(key_sign(k, SIG_EDDSA, slice_str("r"), &sig), 0);
	assert_true(slice_eq(buf_slice(&sig), buf_slice(&want)));
	struct secret s = {0};
	assert_int_equal(key_export_seed(k, &s), 0);
	assert_true(slice_eq(secret_slice(&s), buf_slice(&seed)));
	secret_release(&s);
	key_free(k);
	buf_release(&seed);
	buf_release(&sig);
	buf_release(&want);
}

static void
test_bad_points(void **state)
{
	struct key *k = NULL;
	uint8_t p[200] = {4};
	/* all-zero point, off the curve, wrong lengths, compressed, infinity */
	assert_int_not_equal(key_from_ec_point(KEY_P256, (struct slice){p, 65}, &k), 0);
	p[64] = 1;
	assert_int_not_equal(key_from_ec_point(KEY_P256, (struct slice){p, 65}, &k), 0);
	assert_int_not_equal(key_from_ec_point(KEY_P256, (struct slice){p, 64}, &k), 0);
	p[0] = 2;
	assert_int_not_equal(key_from_ec_point(KEY_P256, (struct slice){p, 33}, &k), 0);
	p[0] = 0;
	assert_int_not_equal(key_from_ec_point(KEY_P256, (struct slice){p, 1}, &k), 0);
	/* Ed25519: small order (identity and the zero encoding), not canonical */
	uint8_t e[32] = {1};
	assert_int_equal(key_from_ed25519((struct slice){e, 32}, &k), E_CRYPTO);
	e[0] = 0;
	assert_int_equal(key_from_ed25519((struct slice){e, 32}, &k), E_CRYPTO);
	memset(e, 0xff, 32);
	assert_int_equal(key_from_ed25519((struct slice){e, 32}, &k), E_CRYPTO);
	assert_int_equal(key_from_ed25519((struct slice){e, 31}, &k), E_FORMAT);
}

static void
test_bad_rsa(void **state)
{
	struct key *good = NULL, *k = NULL;
	struct buf n, e;
	buf_init(&n, 2048);
	buf_init(&e, 64);
	assert_int_equal(key_generate(KEY_RSA, 2048, &good), 0);
	assert_int_equal(key_public_rsa(good, &n, &e), 0);
	assert_int_equal(key_from_rsa(buf_slice(&n), buf_slice(&e), &k), 0);
	assert_int_equal(key_bits(k), 2048);
	key_free(k);
	static const uint8_t one[] = {1}, two[] = {2}, four[] = {4}, big[] = {1, 0, 0, 0, 1}, three[] = {0, 0, 3};
	assert_int_not_equal(key_from_rsa(buf_slice(&n), (struct slice){one, 1}, &k), 0);
	assert_int_not_equal(key_from_rsa(buf_slice(&n), (struct slice){two, 1}, &k), 0);
	assert_int_not_equal(key_from_rsa(buf_slice(&n), (struct slice){four, 1}, &k), 0);
	assert_int_not_equal(key_from_rsa(buf_slice(&n), (struct slice){big, 5}, &k), 0);
	assert_int_equal(key_from_rsa(buf_slice(&n), (struct slice){three, 3}, &k), 0);
	key_free(k);
	/* even modulus; 2047 bits; 1024 bits; too large */
	n.d[n.w - 1] &= 0xfe;
	assert_int_not_equal(key_from_rsa(buf_slice(&n), buf_slice(&e), &k), 0);
	n.d[n.w - 1] |= 1;
	n.d[n.r] &= 0x7f;
	assert_int_equal(key_from_rsa(buf_slice(&n), buf_slice(&e), &k), E_LIMIT);
	assert_int_equal(key_from_rsa((struct slice){n.d + 128, 128}, buf_slice(&e), &k), E_LIMIT);
	uint8_t huge[1025];
	memset(huge, 0xff, sizeof huge);
	assert_int_equal(key_from_rsa((struct slice){huge, sizeof huge}, buf_slice(&e), &k), E_LIMIT);
	buf_release(&n);
	buf_release(&e);
	key_free(good);
}

static void
test_bad_ecdsa_signatures(void **state)
{
	struct key *k = NULL;
	struct buf sig;
	uint8_t zero[64] = {0};
	struct slice msg = slice_str("m");
	buf_init(&sig, 100);
	assert_int_equal(key_generate(KEY_P256, 0, &k), 0);
	assert_int_equal(key_verify(k, SIG_ES256, msg, (struct slice){zero, 64}), E_CRYPTO);
	assert_int_equal(key_sign(k, SIG_ES256, msg, &sig), 0);
	assert_int_equal(key_verify(k, SIG_ES256, msg, (struct slice){buf_ptr(&sig), 63}), E_CRYPTO);
	buf_put_u8(&sig, 0);
	assert_int_equal(key_verify(k, SIG_ES256, msg, buf_slice(&sig)), E_CRYPTO);
	assert_int_equal(key_verify(k, SIG_ES256, msg, (struct slice){zero, 0}), E_CRYPTO);
	buf_release(&sig);
	key_free(k);
}

/* Keys that openssl wrote are read, and what is not ours is refused. */
static void
test_openssl_spki(void **state)
{
	static const struct {
		const char *alg, *opt;
		int want;
	} rows[] = {
	    {"RSA", "rsa_keygen_bits:2048", 0},
	    {"RSA", "rsa_keygen_bits:1024", E_LIMIT},
	    {"EC", "ec_paramgen_curve:P-256", 0},
	    {"EC", "ec_paramgen_curve:P-521", 0},
	    {"EC", "ec_paramgen_curve:secp256k1", E_FORMAT},
	    {"ED25519", NULL, 0},
	    {"ED448", NULL, E_FORMAT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf der;
		struct key *k = NULL;
		buf_init(&der, 8192);
		const char *opt = rows[i].opt;
		assert_int_equal(TOOL(NULL, "openssl", "genpkey", "-algorithm", rows[i].alg, "-out", "k.pem",
		                      opt ? "-pkeyopt" : NULL, opt),
		                 0);
		assert_int_equal(
		    TOOL(NULL, "openssl", "pkey", "-in", "k.pem", "-pubout", "-outform", "DER", "-out", "k.der"), 0);
		assert_int_equal(tool_read("k.der", &der), 0);
		assert_int_equal(key_from_spki(buf_slice(&der), &k), rows[i].want);
		if (!rows[i].want) {
			struct buf again;
			buf_init(&again, 8192);
			assert_int_equal(key_spki(k, &again), 0);
			assert_true(slice_eq(buf_slice(&der), buf_slice(&again)));
			buf_release(&again);
			buf_put_u8(&der, 0);
			struct key *none = NULL;
			assert_int_equal(key_from_spki(buf_slice(&der), &none), E_FORMAT);
			key_free(k);
		}
		buf_release(&der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round),          cmocka_unit_test(test_wrong_alg),
	    cmocka_unit_test(test_ed25519_vector), cmocka_unit_test(test_bad_points),
	    cmocka_unit_test(test_bad_rsa),        cmocka_unit_test(test_bad_ecdsa_signatures),
	    cmocka_unit_test(test_openssl_spki),
	};
	return cmocka_run_group_tests(tests, tool_setup, tool_teardown);
}

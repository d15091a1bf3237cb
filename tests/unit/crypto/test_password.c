#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/err.h"
#include "crypto/password.h"

static void
test_password(void **state)
{
	char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];
	assert_int_equal(password_hash(slice_str("correct horse"), hash), 0);
	assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31);
	assert_true(password_hash_ok(hash));
	assert_int_equal(password_verify(hash, slice_str("correct horse")), 0);
	assert_int_equal(password_verify(hash, slice_str("correct hors")), E_CRYPTO);
	assert_int_equal(password_hash(slice_str("correct horse"), again), 0);
	assert_string_not_equal(hash, again);
	struct slice nothing = {NULL, 0};
	assert_int_equal(password_verify(hash, nothing), E_CRYPTO);
	static const uint8_t big[PASSWORD_MAX + 1];
	assert_int_equal(password_hash((struct slice){big, sizeof big}, again), E_LIMIT);
}

/* A hash that an administrator hands in must not make the signer spend without bound. */
static void
test_hash_form(void **state)
{
	static const char *const bad[] = {
	    "",
	    "$argon2id$v=19$m=65536,t=2,p=1$",
	    "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=65536,t=4000000000,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=065536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Rdes\ncudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub$b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbH$RdescudvJCsgt3ub+b4dWRWJTmaaJObG", /* 7 bytes of salt */
	    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4d", /* 15 of hash */
	    "$argon2id$v=19$m=262145,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=7,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=65536,t=11,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$argon2id$v=19$m=65536,t=2,p=5$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
	    "$2y$10$abcdefghijklmnopqrstuv",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(password_hash_ok(bad[i]));
		assert_int_equal(password_verify(bad[i], slice_str("x")), E_FORMAT);
	}
}

/* A password is at most PASSWORD_MAX bytes, whatever made the stored hash. */
static void
test_long_password(void **state)
{
	static const char at_most[] = "$argon2id$v=19$m=8,t=1,p=1$CID9mNzm3L5yBxfCHbNpmw$tvtPgbqK3f3GaVWiqLM8/"
	                              "0dsSOgmhWqqrCQGt7YcN/Y",
	                  longer[] = "$argon2id$v=19$m=8,t=1,p=1$a9iqDsrcfeff4bRM6hYxgg$"
	                             "4xyysakvvXT4JFrTliop2qXvvVG2a53V36QRTG8+Tw0";
	uint8_t x[PASSWORD_MAX + 1];
	memset(x, 'x', sizeof x);
	assert_int_equal(password_verify(at_most, (struct slice){x, PASSWORD_MAX}), 0);
	assert_int_equal(password_verify(longer, (struct slice){x, PASSWORD_MAX + 1}), E_CRYPTO);
}

static const struct slice secret = {(const uint8_t *)"12345678901234567890", 20};

/* RFC 6238 appendix B, SHA-1, last six digits */
static void
test_totp_vectors(void **state)
{
	static const struct {
		int64_t t;
		const char *code;
	} rows[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
	            {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char code[7];
		uint64_t step = 0;
		totp_code(secret, (uint64_t)rows[i].t / 30, code);
		assert_string_equal(code, rows[i].code);
		assert_int_equal(totp_verify(secret, code, 6, rows[i].t, 0, &step), 0);
		assert_int_equal(step, rows[i].t / 30);
	}
}

static void
test_totp_window(void **state)
{
	char code[7];
	uint64_t step = 0;
	const int64_t now = 1111111111;
	const uint64_t at = (uint64_t)now / 30;
	for (int d = -3; d <= 3; d++) {
		totp_code(secret, (uint64_t)((int64_t)at + d), code);
		assert_int_equal(totp_verify(secret, code, 6, now, 0, &step), d >= -1 && d <= 1 ? 0 : E_CRYPTO);
	}
	totp_code(secret, at, code);
	assert_int_equal(totp_verify(secret, code, 6, now, at, &step), E_CRYPTO); /* used before */
	assert_int_equal(totp_verify(secret, code, 6, now, at - 1, &step), 0);
	assert_int_equal(totp_verify(secret, code, 5, now, 0, &step), E_CRYPTO);
	assert_int_equal(totp_verify(secret, "", 0, now, 0, &step), E_CRYPTO);
	assert_int_equal(totp_verify((struct slice){NULL, 0}, code, 6, now, 0, &step), E_CRYPTO);
}

static void
test_base32(void **state)
{
	static const char *const rows[][2] = {{"", ""},
	                                      {"f", "MY"},
	                                      {"fo", "MZXQ"},
	                                      {"foo", "MZXW6"},
	                                      {"foob", "MZXW6YQ"},
	                                      {"fooba", "MZXW6YTB"},
	                                      {"foobar", "MZXW6YTBOI"}};
	static const char *const bad[] = {"M",
	                                  "MZX",
	                                  "MZXW6Y",
	                                  "MZ",
	                                  "M1",
	                                  "MY ",
	                                  "MY=",
	                                  "MY=====",
	                                  "MY=======",
	                                  "========",
	                                  "M=======",
	                                  "MY======MY======",
	                                  "MZXW6YTB========"};
	struct buf b;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_init(&b, 64);
		assert_int_equal(base32_encode(&b, rows[i][0], strlen(rows[i][0])), 0);
		assert_true(slice_eq_str(buf_slice(&b), rows[i][1]));
		buf_clear(&b);
		assert_int_equal(base32_decode(&b, rows[i][1], strlen(rows[i][1])), 0);
		assert_true(slice_eq_str(buf_slice(&b), rows[i][0]));
		buf_release(&b);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		buf_init(&b, 64);
		assert_int_equal(base32_decode(&b, bad[i], strlen(bad[i])), E_FORMAT);
		buf_release(&b);
	}
	buf_init(&b, 64);
	assert_int_equal(base32_decode(&b, "mzxw6yq=", 8), 0);
	assert_true(slice_eq_str(buf_slice(&b), "foob"));
	buf_release(&b);
}

static void
test_totp_uri(void **state)
{
	struct buf b;
	buf_init(&b, 512);
	assert_int_equal(totp_uri("team.example.test", "a&b@example.test", secret, &b), 0);
	assert_true(slice_eq_str(buf_slice(&b), "otpauth://totp/team.example.test:a%26b%40example.test?secret="
	                                        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=team.example.test"));
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_password),      cmocka_unit_test(test_hash_form),
	    cmocka_unit_test(test_totp_vectors),  cmocka_unit_test(test_totp_window),
	    cmocka_unit_test(test_long_password), cmocka_unit_test(test_base32),
	    cmocka_unit_test(test_totp_uri),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which client certificates are of an authority. The files are made by OpenSSL's program: tests/vectors/mtls/make.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/str.h"
#include "crypto/x509_client.h"

static struct buf
file(const char *name)
{
	char path[512];
	struct buf b;
	FILE *f;
	int c;

	snprintf(path, sizeof path, VECTORS "/%s", name);
	buf_init(&b, 1u << 20);
	f = fopen(path, "rb");
	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		assert_int_equal(buf_put_u8(&b, (uint8_t)c), 0);
	fclose(f);
	return b;
}

/* The common name, or NULL when it is refused. */
static const char *
name_of(const char *roots, const char *der, int64_t later)
{
	static struct x509_client who;
	struct buf r = file(roots), d = file(der);
	struct reason why = {0};
	int e = x509_client_verify(buf_slice(&r), buf_slice(&d), clock_wall() + later, &who, &why);

	assert_true(e == 0 || why.text[0]);
	buf_release(&r);
	buf_release(&d);
	return e == 0 ? who.common_name : NULL;
}

static void
test_good(void **state)
{
	assert_string_equal(name_of("ca.pem", "good.der", 0), "robot-7");
	assert_string_equal(name_of("other.pem", "foreign.der", 0), "robot-7");
	assert_string_equal(name_of("ca.pem", "chain.der", 0), "robot-8");
	assert_string_equal(name_of("middle.pem", "below.der", 0), "robot-8"); /* an intermediate is enough */
	/* verified, but of a name that no rule could mean */
	assert_string_equal(name_of("ca.pem", "nocn.der", 0), "");
	assert_string_equal(name_of("ca.pem", "twocn.der", 0), "");
}

static void
test_refused(void **state)
{
	assert_null(name_of("ca.pem", "foreign.der", 0)); /* same name, another authority */
	assert_null(name_of("other.pem", "good.der", 0));
	assert_null(name_of("ca.pem", "below.der", 0)); /* its intermediate was not sent */
	assert_null(name_of("ca.pem", "server.der", 0));
	assert_null(name_of("ca.pem", "weak.der", 0));
	assert_null(name_of("ca.pem", "sha1.der", 0));
	assert_null(name_of("ca.pem", "forged-chain.der", 0)); /* a leaf is no authority */
	assert_null(name_of("ca.pem", "ca.pem", 0));           /* not DER */
	assert_null(name_of("ca.pem", "good.der", 200LL * 365 * 86400));
	assert_null(name_of("ca.pem", "good.der", -20LL * 365 * 86400));
}

/* Every prefix and every changed byte of a good one is refused, and reads no byte too far. */
static void
test_damaged(void **state)
{
	struct buf r = file("ca.pem"), d = file("good.der");
	struct x509_client who;
	struct reason why = {0};
	size_t n = buf_len(&d), let_in = 0;
	uint8_t *copy;

	for (size_t i = 0; i < n; i++) {
		copy = malloc(i ? i : 1);
		memcpy(copy, buf_ptr(&d), i);
		assert_true(x509_client_verify(buf_slice(&r), (struct slice){copy, i}, clock_wall(), &who, &why) < 0);
		free(copy);
	}
	for (size_t i = 0; i < n; i++) {
		copy = malloc(n);
		memcpy(copy, buf_ptr(&d), n);
		copy[i] ^= 0x20;
		if (x509_client_verify(buf_slice(&r), (struct slice){copy, n}, clock_wall(), &who, &why) == 0)
			let_in++;
		free(copy);
	}
	assert_int_equal(let_in, 0);
	/* too much of it */
	copy = calloc(1, X509_CLIENT_BYTES + 1);
	memcpy(copy, buf_ptr(&d), n);
	assert_true(x509_client_verify(buf_slice(&r), (struct slice){copy, X509_CLIENT_BYTES + 1}, clock_wall(), &who,
	                               &why) < 0);
	free(copy);
	buf_release(&r);
	buf_release(&d);
}

static int
roots(const char *text, char fingerprint[static 65], char why_text[static 250])
{
	struct reason why = {0};
	int64_t end = 0;
	int e = x509_roots_check(slice_str(text), fingerprint, &end, &why);

	str_copy(why_text, 250, why.text);
	assert_true(e < 0 || end > clock_wall());
	return e;
}

static void
test_roots(void **state)
{
	struct buf a = file("ca.pem"), b = file("other.pem"), leaf = file("good.pem");
	char one[65], two[65], why[250];
	char *text = str_fmt("%s%s", buf_cstr(&a), buf_cstr(&b));

	assert_int_equal(roots(buf_cstr(&a), one, why), 0);
	assert_int_equal(roots(text, two, why), 0);
	assert_string_not_equal(one, two);
	free(text);
	assert_true(roots("", one, why) < 0);
	assert_true(roots("hello", one, why) < 0);
	assert_non_null(strstr(why, "no certificate"));
	assert_true(roots(buf_cstr(&leaf), one, why) < 0);
	assert_non_null(strstr(why, "authority"));
	text = str_fmt("%s-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n",
	               buf_cstr(&a));
	assert_true(roots(text, one, why) < 0);
	assert_non_null(strstr(why, "PRIVATE KEY"));
	free(text);
	text = str_dup_n(buf_cstr(&a), buf_len(&a) - 40);
	assert_true(roots(text, one, why) < 0);
	free(text);
	struct buf many;
	buf_init(&many, 1u << 20);
	for (int i = 0; i < X509_ROOTS_MAX + 1; i++)
		assert_int_equal(buf_put_str(&many, buf_cstr(&a)), 0);
	assert_true(roots(buf_cstr(&many), one, why) < 0);
	buf_release(&many);
	buf_release(&a);
	buf_release(&b);
	buf_release(&leaf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

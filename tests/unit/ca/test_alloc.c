/* Every allocation on the way of a certificate and of a token fails once: refused, nothing kept, nothing half done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "alloc_fail.h"
#include "ca/build.h"

static void
test_certificate(void **state)
{
	static const char *const exts[] = {"permit-pty"}, *const sources[] = {"10.0.0.0/8"};
	static const char *const kinds[] = {"ed25519", "ecdsa-p256", "rsa-2048"};
	for (size_t i = 0; i < 3; i++) {
		struct key *ca = NULL, *user = NULL;
		struct sshkey pub = {0};
		struct buf line;
		buf_init(&line, SSHKEY_LINE_MAX);
		assert_int_equal(key_generate(KEY_ED25519, 0, &ca), 0);
		assert_int_equal(key_generate_named(kinds[i], &user), 0);
		assert_int_equal(sshkey_from_key(user, "c", &pub), 0);
		assert_int_equal(sshkey_format_line(&pub, &line), 0);
		struct ca_request q = {.public_key = buf_cstr(&line),
		                       .principal = "jdoe",
		                       .email = "jdoe@example.test",
		                       .session = "s",
		                       .now = 1800000000,
		                       .ttl = 180,
		                       .serial = 1,
		                       .extensions = exts,
		                       .nextensions = 1,
		                       .source_address = sources,
		                       .nsource_address = 1};
		for (long n = 0;; n++) {
			struct buf out;
			struct sshcert c = {0};
			buf_init(&out, SSHCERT_LINE_MAX);
			alloc_fail_at(n);
			int e = ca_build(&q, ca, NULL, &out, NULL);
			if (!e)
				e = sshcert_parse_line((const char *)buf_ptr(&out), buf_len(&out), &c, NULL);
			bool hit = alloc_fail_hit();
			assert_int_equal(e, hit ? E_NOMEM : 0);
			sshcert_release(&c);
			buf_release(&out);
			if (!hit) {
				assert_true(n > 20);
				break;
			}
		}
		sshkey_release(&pub);
		buf_release(&line);
		key_free(ca);
		key_free(user);
	}
}

static void
test_private_file(void **state)
{
	struct key *k = NULL;
	assert_int_equal(key_generate(KEY_ED25519, 0, &k), 0);
	for (long n = 0;; n++) {
		struct buf out;
		struct key *again = NULL;
		buf_init_secret(&out, 8192);
		alloc_fail_at(n);
		int e = sshkey_format_private(k, "c", 7, &out);
		if (!e)
			e = sshkey_parse_private((const char *)buf_ptr(&out), buf_len(&out), &again);
		bool hit = alloc_fail_hit();
		assert_int_equal(e, hit ? E_NOMEM : 0);
		key_free(again);
		buf_release(&out);
		if (!hit)
			break;
	}
	key_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_certificate), cmocka_unit_test(test_private_file)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/err.h"
#include "identity/email.h"
#include "identity/pkce.h"

static void
test_email(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
	    {"jdoe@example.test", "jdoe@example.test"},
	    {"J.Doe+x@Example.TEST", "j.doe+x@example.test"},
	    {"o'neil@example.test", "o'neil@example.test"},
	    {"a@localhost", "a@localhost"},
	    {"", NULL},
	    {"@", NULL},
	    {"a@", NULL},
	    {"@b", NULL},
	    {"a@b@c", NULL},
	    {"a b@c", NULL},
	    {".a@c", NULL},
	    {"a.@c", NULL},
	    {"a..b@c", NULL},
	    {"\"a\"@c", NULL},
	    {"a@b..c", NULL},
	    {"a@b.", NULL},
	    {"a@.b", NULL},
	    {"a@-b.c", NULL},
	    {"a@b-.c", NULL},
	    {"a@b_c", NULL},
	    {"a@[10.0.0.1]", NULL},
	    {"a<x>@c", NULL},
	    {"a\n@c", NULL},
	    {"jdoe\xef\xbc\xa0"
	     "example.test",
	     NULL},                                  /* full-width @ */
	    {"\xc4\xb1@example.test", NULL},         /* dotless i */
	    {"\xe2\x84\xaa@example.test", NULL},     /* Kelvin sign */
	    {"e\xcc\x81@example.test", NULL},        /* combining mark */
	    {"\xe2\x80\xaejdoe@example.test", NULL}, /* right-to-left override */
	    {"jdoe@ex\xc3\xa4mple.test", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char key[EMAIL_MAX + 1] = "";
		assert_int_equal(email_parse(rows[i].in, strlen(rows[i].in), key), rows[i].want ? 0 : E_FORMAT);
		assert_int_equal(email_ok(rows[i].in), rows[i].want != NULL);
		if (rows[i].want)
			assert_string_equal(key, rows[i].want);
	}
	char key[EMAIL_MAX + 1], big[300];
	assert_int_equal(email_parse("a\0b@c", 5, key), E_FORMAT);
	memset(big, 'a', sizeof big);
	big[64] = '@';
	assert_int_equal(email_parse(big, 128, key), 0);
	assert_int_equal(email_parse(big, 129, key), E_FORMAT); /* label of 64 */
	assert_int_equal(email_parse(big, 255, key), E_LIMIT);
	big[64] = 'a';
	big[65] = '@';
	assert_int_equal(email_parse(big, 100, key), E_FORMAT); /* local part of 65 */
	assert_string_equal(email_domain("a@b.c"), "b.c");
	assert_true(email_eq("A@b.C", "a@B.c"));
	assert_false(email_eq("a@b", "a@c"));
	assert_false(email_eq("a", "a"));
}

static void
test_derivations(void **state)
{
	char out[PKCE_TEXT], uuid[37], other[37], code[10];
	uint8_t key[32] = {0};
	pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", out); /* RFC 7636 appendix B */
	assert_string_equal(out, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
	pkce_verifier(key, out);
	assert_string_equal(out, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	/* the NUL between the parts keeps them apart */
	char a[PKCE_TEXT], b[PKCE_TEXT];
	login_nonce("salt", "cnf", a);
	login_nonce("saltc", "nf", b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 43);
	identity_uuid("https://i.test", "1", uuid);
	identity_uuid("https://i.test", "2", other);
	assert_string_not_equal(uuid, other);
	assert_int_equal(uuid[14], '8');
	assert_non_null(strchr("89ab", uuid[19]));
	login_code(key, code); /* base32 of 66687aadf8, the first bytes of sha256 of 32 zero bytes */
	assert_string_equal(code, "MZUH-VLPY");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_email), cmocka_unit_test(test_derivations)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

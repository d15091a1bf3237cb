#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ca/request.h"

/* security.md 65 */
static void
test_principal_form(void **state)
{
	static const char *const bad[] = {"",
	                                  "a,root",
	                                  "*",
	                                  "a b",
	                                  "a\nb",
	                                  "-a",
	                                  ".a",
	                                  "1a",
	                                  "$x",
	                                  "%u",
	                                  "A",
	                                  "a+b",
	                                  "a@b",
	                                  "a/b",
	                                  "a:b",
	                                  "\xc3\xa4",
	                                  "a\xe2\x80\x8f",
	                                  "a23456789012345678901234567890123"};
	static const char *const good[] = {"a",        "_",        "jdoe",
	                                   "jdoe.foo", "j-d_o.e9", "a2345678901234567890123456789012"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(ca_principal_ok(bad[i]));
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(ca_principal_ok(good[i]));
}

/* security.md 67 */
static void
test_reserved(void **state)
{
	static const char *const yes[] = {"root",
	                                  "daemon",
	                                  "bin",
	                                  "sys",
	                                  "postgres",
	                                  "admin",
	                                  "nobody",
	                                  "systemd-network",
	                                  "systemd-x",
	                                  "_apt",
	                                  "_sallyport-judge",
	                                  "_",
	                                  "www-data",
	                                  "ubuntu",
	                                  "ec2-user",
	                                  "postmaster",
	                                  "sshd",
	                                  "sudo"};
	static const char *const no[] = {"jdoe", "rooty", "alice", "system1", "admin2", "daemons", "x_root"};
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		assert_true(ca_principal_reserved(yes[i]));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		assert_false(ca_principal_reserved(no[i]));
}

static void
test_from_email(void **state)
{
	static const struct {
		const char *email, *want;
	} rows[] = {
	    {"jdoe@example.test", "jdoe"},
	    {"JDoe@Example.test", "jdoe"},
	    {"j.d-o_e9@x", "j.d-o_e9"},
	    {"ROOT@corp", "root"},
	    {"root+x@corp", NULL},
	    {"jdoe+root@corp", NULL},
	    {"@corp", NULL},
	    {"jdoe", NULL},
	    {"jdoe@", NULL},
	    {"a@b@c", NULL},
	    {"1jdoe@corp", NULL},
	    {"j doe@corp", NULL},
	    {"jdo\xc4\xb1@corp", NULL},
	    {"\xe2\x84\xaa@corp", NULL},
	    {"jdoe\xef\xbc\xa0@corp", NULL},
	    {"j'doe@corp", NULL},
	    {"-jdoe@corp", NULL},
	    {"jdoe\n@corp", NULL},
	    {"a23456789012345678901234567890123@corp", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[CA_PRINCIPAL_MAX + 1] = "untouched";
		struct reason r = {0};
		int e = ca_principal_from_email(rows[i].email, out, &r);
		assert_int_equal(e, rows[i].want ? 0 : E_DENIED);
		assert_string_equal(out, rows[i].want ? rows[i].want : "untouched");
		if (!rows[i].want)
			assert_int_equal(r.code, SP_PRINCIPAL);
	}
}

static void
test_cidr(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
	    {"10.1.2.3", "10.1.2.3/32"},
	    {"10.0.0.0/8", "10.0.0.0/8"},
	    {"0.0.0.0/0", "0.0.0.0/0"},
	    {"2001:DB8::/32", "2001:db8::/32"},
	    {"::1", "::1/128"},
	    {"2001:db8:0:0:0:0:0:1", "2001:db8::1/128"},
	    {"10.1.2.3/8", NULL},
	    {"10.0.0.0/33", NULL},
	    {"10.0.0.0/08", NULL},
	    {"10.0.0.0/", NULL},
	    {"10.0.0/8", NULL},
	    {"::ffff:10.0.0.1", NULL},
	    {"::/129", NULL},
	    {"fe80::1%eth0", NULL},
	    {"", NULL},
	    {"10.0.0.1,10.0.0.2", NULL},
	    {"10.0.0.1 ", NULL},
	    {"!10.0.0.0/8", NULL},
	    {"010.0.0.1", NULL},
	    {"10.0.0.0/+8", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[CA_CIDR_MAX] = "";
		assert_int_equal(ca_cidr_canonical(rows[i].in, out), rows[i].want ? 0 : E_FORMAT);
		if (rows[i].want)
			assert_string_equal(out, rows[i].want);
	}
}

/* security.md 74 */
static void
test_key_id(void **state)
{
	char id[CA_KEY_ID_MAX + 1], big[CA_KEY_ID_MAX + 2];
	assert_int_equal(ca_key_id("jdoe@example.test", "abcd", id), 0);
	assert_string_equal(id, "jdoe@example.test abcd");
	assert_int_equal(ca_key_id("a b\n\x1b[0m\\@x", "\xc3\xa4\"", id), 0);
	assert_string_equal(id, "a\\x20b\\x0a\\x1b[0m\\x5c@x \\xc3\\xa4\"");
	memset(big, 'a', sizeof big);
	big[CA_KEY_ID_MAX - 2] = 0;
	assert_int_equal(ca_key_id(big, "b", id), 0);
	assert_int_equal(strlen(id), CA_KEY_ID_MAX);
	assert_int_equal(ca_key_id(big, "bb", id), E_LIMIT);
	assert_int_equal(ca_key_id(big, "\n", id), E_LIMIT);
	big[CA_KEY_ID_MAX - 2] = 'a';
	big[CA_KEY_ID_MAX + 1] = 0;
	assert_int_equal(ca_key_id(big, "b", id), E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_principal_form), cmocka_unit_test(test_reserved), cmocka_unit_test(test_from_email),
	    cmocka_unit_test(test_cidr),           cmocka_unit_test(test_key_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

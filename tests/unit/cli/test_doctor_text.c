/* What `doctor` reads: `sshd -T`, HTTP dates. */
#include "cli/doctor/sshd_conf.h"
#include "../t.h"

static const char output[] = "port 22\naddressfamily any\npubkeyauthentication yes\n"
                             "trustedusercakeys /etc/ssh/a.pub /etc/ssh/b.pub\nauthorizedprincipalsfile none\n"
                             "casignaturealgorithms ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512\n"
                             "hostkey /etc/ssh/one\nhostkey /etc/ssh/two\nversionaddendum\n";

static void
keywords_have_values(void **s)
{
	struct sshd_conf c;

	assert_ok(sshd_conf_parse(output, sizeof output - 1, &c));
	assert_string_equal(sshd_conf_get(&c, "pubkeyauthentication"), "yes");
	assert_string_equal(sshd_conf_get(&c, "hostkey"), "/etc/ssh/one");
	assert_string_equal(sshd_conf_get(&c, "versionaddendum"), "");
	assert_null(sshd_conf_get(&c, "trusted"));
	assert_null(sshd_conf_get(&c, "revokedkeys"));
	sshd_conf_release(&c);
}

static void
other_output_is_refused(void **s)
{
	struct sshd_conf c;

	assert_int_equal(sshd_conf_parse("", 0, &c), E_FORMAT);
	assert_int_equal(sshd_conf_parse("hello\nworld\n", 12, &c), E_FORMAT);
	assert_int_equal(sshd_conf_parse("port 22\0x", 9, &c), E_FORMAT);
	assert_ok(sshd_conf_parse("port 22", 7, &c)); /* last line without its end */
	assert_string_equal(sshd_conf_get(&c, "port"), "22");
	sshd_conf_release(&c);
}

static void
file_lists_are_words(void **s)
{
	char w[32];

	assert_true(sshd_word("/etc/ssh/a.pub /etc/ssh/b.pub", 0, w, sizeof w));
	assert_string_equal(w, "/etc/ssh/a.pub");
	assert_true(sshd_word("/etc/ssh/a.pub  /etc/ssh/b.pub", 1, w, sizeof w));
	assert_string_equal(w, "/etc/ssh/b.pub");
	assert_false(sshd_word("/etc/ssh/a.pub ", 1, w, sizeof w));
	assert_false(sshd_word("", 0, w, sizeof w));
	assert_false(sshd_word("/etc/ssh/a-name-that-is-longer-than-there-is-room", 0, w, sizeof w));
}

static void
lists_are_compared_whole(void **s)
{
	assert_true(sshd_list_has("ssh-ed25519,rsa-sha2-512", "ssh-ed25519"));
	assert_true(sshd_list_has("ssh-ed25519,rsa-sha2-512", "rsa-sha2-512"));
	assert_false(sshd_list_has("ssh-ed25519,rsa-sha2-512", "rsa-sha2"));
	assert_false(sshd_list_has("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"));
	assert_false(sshd_list_has("", "x"));
	assert_string_equal(sshd_ca_algorithm("ssh-rsa"), "rsa-sha2-512");
	assert_string_equal(sshd_ca_algorithm("ecdsa-sha2-nistp256"), "ecdsa-sha2-nistp256");
}

static void
none_is_not_set(void **s)
{
	assert_false(sshd_is_set(NULL));
	assert_false(sshd_is_set(""));
	assert_false(sshd_is_set("none"));
	assert_true(sshd_is_set("/etc/ssh/ca.pub"));
}

static void
one_principals_file_for_all_is_seen(void **s)
{
	assert_true(sshd_per_user("/etc/ssh/principals/%u"));
	assert_true(sshd_per_user("%h/.ssh/principals"));
	assert_true(sshd_per_user(".ssh/authorized_principals"));
	assert_false(sshd_per_user("/etc/ssh/principals"));
	assert_false(sshd_per_user("/etc/ssh/100%%u"));
	assert_false(sshd_per_user("/etc/ssh/p%"));
}

static void
dates_are_read(void **s)
{
	int64_t t;

	assert_ok(http_date_parse("Sun, 22 Nov 2026 10:00:00 GMT", &t));
	assert_int_equal(t, 1795341600);
	static const char *const bad[] = {"Sun, 22 Nov 2026 -1:00:00 GMT",
	                                  "Sun, 22 Nov 2026 10:-5:00 GMT",
	                                  "Sun, 22 Nov  202 10:00:00 GMT",
	                                  "",
	                                  "now",
	                                  "Sun, 22 Nov 2026 10:00:00 CET",
	                                  "Sun, 22 Nob 2026 10:00:00 GMT",
	                                  "Sun, 32 Nov 2026 10:00:00 GMT",
	                                  "Sunday, 22-Nov-26 10:00:00 GMT",
	                                  "Sun, 22 ovD 2026 10:00:00 GMT",
	                                  "Sun, 22 Nov 2026 25:00:00 GMT"};
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(http_date_parse(bad[i], &t), E_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keywords_have_values), cmocka_unit_test(other_output_is_refused),
	    cmocka_unit_test(file_lists_are_words), cmocka_unit_test(lists_are_compared_whole),
	    cmocka_unit_test(none_is_not_set),      cmocka_unit_test(one_principals_file_for_all_is_seen),
	    cmocka_unit_test(dates_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

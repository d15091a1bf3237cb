#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ssh/sshconfig.h"
#include "../tool.h"

static char *
format(const struct sshconfig *c)
{
	struct buf b;
	buf_init(&b, 16384);
	assert_int_equal(sshconfig_format(c, &b, NULL), 0);
	char *s = buf_take_str(&b);
	assert_non_null(s);
	return s;
}

static void
test_plain(void **state)
{
	char *s = format(&(struct sshconfig){.host = "vm.example.test", .program = "/usr/bin/sallyport"});
	assert_string_equal(s, "Host vm.example.test\n  ProxyCommand /usr/bin/sallyport access ssh --hostname %h\n");
	free(s);
}

static void
test_short_lived(void **state)
{
	char *s = format(&(struct sshconfig){.host = "vm.example.test", .program = "sallyport", .short_lived = true});
	assert_string_equal(s, "Host vm.example.test\n"
	                       "  ProxyCommand sallyport access ssh --hostname %h\n"
	                       "\n"
	                       "Match host vm.example.test exec \"sallyport access ssh-gen --hostname %h\"\n"
	                       "  IdentityFile ~/.sallyport/%h-cf_key\n"
	                       "  CertificateFile ~/.sallyport/%h-cf_key-cert.pub\n");
	free(s);
	s = format(&(struct sshconfig){.host = "vm.example.test:8443",
	                               .program = "/opt/my tools/sallyport",
	                               .home = "/home/a b/100%/sp",
	                               .ca_file = "/etc/c a.pem",
	                               .short_lived = true});
	assert_string_equal(
	    s, "Host vm.example.test\n"
	       "  ProxyCommand '/opt/my tools/sallyport' access ssh --hostname %h:8443 --ca-file '/etc/c a.pem'\n"
	       "\n"
	       "Match host vm.example.test exec \"'/opt/my tools/sallyport' access ssh-gen --hostname %h:8443 "
	       "--ca-file '/etc/c a.pem'\"\n"
	       "  IdentityFile \"/home/a b/100%%/sp/%h-cf_key\"\n"
	       "  CertificateFile \"/home/a b/100%%/sp/%h-cf_key-cert.pub\"\n");
	free(s);
}

/* ssh itself reads the block: same files, same command; the exec runs and its failure drops only the keys. */
static void
test_ssh_reads_it(void **state)
{
	static const char script[] = "#!/bin/sh\nprintf '%s\\n' \"$@\" > args\nexit ${FAIL:-0}\n";
	struct buf out;
	char program[PATH_MAX], home[PATH_MAX], want[PATH_MAX + 64];
	buf_init(&out, 1 << 20);
	assert_int_equal(mkdir("my tools", 0700), 0);
	assert_int_equal(tool_write("my tools/100%sallyport", script, sizeof script - 1), 0);
	assert_int_equal(chmod("my tools/100%sallyport", 0700), 0);
	snprintf(program, sizeof program, "%s/my tools/100%%sallyport", tool_dir);
	snprintf(home, sizeof home, "%s/ho me", tool_dir);
	char *s = format(
	    &(struct sshconfig){.host = "vm.example.test:8443", .program = program, .home = home, .short_lived = true});
	assert_int_equal(tool_write("config", s, strlen(s)), 0);
	free(s);
	assert_int_equal(TOOL(&out, "ssh", "-F", "config", "-G", "vm.example.test"), 0);
	const char *text = buf_cstr(&out);
	snprintf(want, sizeof want, "identityfile %s/%%h-cf_key\n", home);
	assert_non_null(strstr(text, want));
	snprintf(want, sizeof want, "certificatefile %s/%%h-cf_key-cert.pub\n", home);
	assert_non_null(strstr(text, want));
	assert_non_null(strstr(text, "access ssh --hostname %h:8443\n"));
	buf_clear(&out);
	assert_int_equal(tool_read("args", &out), 0);
	assert_string_equal(buf_cstr(&out), "access\nssh-gen\n--hostname\nvm.example.test:8443\n");
	setenv("FAIL", "1", 1);
	buf_clear(&out);
	assert_int_equal(TOOL(&out, "ssh", "-F", "config", "-G", "vm.example.test"), 0);
	text = buf_cstr(&out);
	assert_null(strstr(text, "cf_key"));
	assert_non_null(strstr(text, "proxycommand "));
	unsetenv("FAIL");
	buf_clear(&out);
	assert_int_equal(TOOL(&out, "ssh", "-F", "config", "-G", "other.example.test"), 0);
	assert_null(strstr(buf_cstr(&out), "sallyport access"));
	buf_release(&out);
}

/* security.md 83 */
static void
test_refused(void **state)
{
	static const char *const hosts[] = {
	    "",      "a\nHost *", "a b",  "a\"b", "a%h",     "*",   "*.example.test", "!a",       "-oProxyCommand=x",
	    "a$(x)", "a;b",       "a`b`", "a:0",  "a:99999", "a:x", "[::1]:22",       "h\xc3\xa9"};
	static const char *const paths[] = {"",           "relative/x",         "-x",      "/a\"b", "/a'b",
	                                    "/a\\b",      "/a\nProxyCommand x", "/a$HOME", "/a`x`", "/a!b",
	                                    "~/sallyport"};
	struct buf b;
	struct reason r = {0};
	buf_init(&b, 16384);
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		assert_int_equal(
		    sshconfig_format(&(struct sshconfig){.host = hosts[i], .program = "sallyport", .short_lived = true},
		                     &b, &r),
		    E_FORMAT);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		assert_int_equal(sshconfig_format(&(struct sshconfig){.host = "h", .program = paths[i]}, &b, &r),
		                 E_FORMAT);
		assert_int_equal(
		    sshconfig_format(&(struct sshconfig){.host = "h", .program = "x", .home = paths[i]}, &b, &r),
		    E_FORMAT);
		assert_int_equal(
		    sshconfig_format(&(struct sshconfig){.host = "h", .program = "x", .ca_file = paths[i]}, &b, &r),
		    E_FORMAT);
	}
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(r.code, SP_CLIENT_USAGE);
	buf_release(&b);
}

static void
test_key_name(void **state)
{
	char out[300];
	assert_int_equal(sshconfig_key_name("VM.example.test:8443", out, sizeof out), 0);
	assert_string_equal(out, "vm.example.test-cf_key");
	assert_int_equal(sshconfig_key_name("../x", out, sizeof out), E_FORMAT);
	assert_int_equal(sshconfig_key_name("vm.example.test", out, 10), E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),   cmocka_unit_test(test_short_lived), cmocka_unit_test(test_ssh_reads_it),
	    cmocka_unit_test(test_refused), cmocka_unit_test(test_key_name),
	};
	return cmocka_run_group_tests(tests, tool_setup, tool_teardown);
}

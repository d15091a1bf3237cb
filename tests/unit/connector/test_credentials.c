/* Who a connector is: the two forms that cloudflared writes, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/credentials.h"
#include "core/str.h"
#include "../t.h"

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define ID "11111111-2222-3333-4444-555555555555"

static void
credentials_file_as_cloudflared_writes_it(void **state)
{
	static const char text[] =
	    "{\"AccountTag\":\"acct0123\",\"TunnelSecret\":\"" SECRET "\",\"TunnelID\":\"" ID "\",\"Endpoint\":\"\"}";
	struct credentials c = {0};
	struct reason why = {0};

	assert_ok(credentials_parse(text, strlen(text), &c, &why));
	assert_string_equal(c.account, "acct0123");
	assert_string_equal(c.tunnel_text, ID);
	assert_int_equal(c.secret.n, 32);
	assert_int_equal(c.secret.d[31], 31);
	assert_string_equal(c.name, "");
	credentials_release(&c);
	assert_null(c.secret.d);
}

static void
token_is_base64_of_three_texts(void **state)
{
	static const char json[] = "{\"a\":\"acct\",\"s\":\"" SECRET "\",\"t\":\"" ID "\"}";
	char token[512];
	struct credentials c = {0};
	struct reason why = {0};

	assert_ok(b64_encode_str(token, sizeof token, B64_STD, json, strlen(json)));
	assert_ok(credentials_from_token(token, &c, &why));
	assert_string_equal(c.tunnel_text, ID);
	credentials_release(&c);
	token[5] = '*';
	assert_true(credentials_from_token(token, &c, &why) < 0);
	assert_string_equal(why.text, "Provided Tunnel token is not valid.");
}

static void
formatted_reads_back(void **state)
{
	struct credentials c = {.account = "a\"b", .name = "pool", .tunnel_text = ID}, d = {0};
	struct reason why = {0};
	uint8_t raw[40];
	struct buf b;

	memset(raw, 7, sizeof raw);
	assert_ok(uuid_parse(ID, c.tunnel));
	assert_ok(secret_set(&c.secret, raw, sizeof raw));
	buf_init(&b, 4096);
	assert_ok(credentials_format(&c, &b));
	assert_ok(credentials_parse((const char *)buf_ptr(&b), buf_len(&b), &d, &why));
	assert_string_equal(d.account, c.account);
	assert_string_equal(d.name, "pool");
	assert_true(secret_eq(secret_slice(&c.secret), secret_slice(&d.secret)));
	buf_release(&b);
	credentials_release(&c);
	credentials_release(&d);
}

static void
bad_credentials_are_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{}",
	    "{\"AccountTag\":\"a\",\"TunnelSecret\":\"AAAA\",\"TunnelID\":\"" ID "\"}", /* secret too short */
	    "{\"AccountTag\":\"a\",\"TunnelSecret\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\",\"TunnelID\":\"" ID
	    "\"}", /* by one byte */
	    "{\"AccountTag\":\"a\",\"TunnelSecret\":\"" SECRET "\",\"TunnelID\":\"nope\"}",
	    "{\"AccountTag\":1,\"TunnelSecret\":\"" SECRET "\",\"TunnelID\":\"" ID "\"}",
	    "{\"AccountTag\":\"a\",\"AccountTag\":\"b\",\"TunnelSecret\":\"" SECRET "\",\"TunnelID\":\"" ID "\"}",
	};
	struct credentials c = {0};
	struct reason why = {0};

	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_true(credentials_parse(bad[i], strlen(bad[i]), &c, &why) < 0);
		assert_null(c.secret.d);
		assert_non_null(strstr(why.text, "TunnelSecret"));
	}
}

static void
a_file_that_others_may_read_is_refused(void **state)
{
	static const char text[] = "{\"AccountTag\":\"a\",\"TunnelSecret\":\"" SECRET "\",\"TunnelID\":\"" ID "\"}";
	char path[] = "/tmp/sp_credentials_XXXXXX";
	struct credentials c = {0};
	struct reason why = {0};
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_ok(fchmod(fd, 0644));
	assert_int_equal(credentials_load(path, &c, &why), E_DENIED);
	assert_non_null(strstr(why.text, path));
	assert_ok(fchmod(fd, 0600));
	assert_ok(credentials_load(path, &c, &why));
	credentials_release(&c);
	close(fd);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(credentials_file_as_cloudflared_writes_it),
	    cmocka_unit_test(token_is_base64_of_three_texts),
	    cmocka_unit_test(formatted_reads_back),
	    cmocka_unit_test(bad_credentials_are_refused),
	    cmocka_unit_test(a_file_that_others_may_read_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

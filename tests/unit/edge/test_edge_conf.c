/* sallyportd.yml: what init writes is read, and each mistake is told with file, line, what was found and what was
 * expected. */
#include "edge/parent/edge_conf.h"
#include "../t.h"

#define REST                                                                                  \
	"tunnel_listen: 0.0.0.0:7844\nmetrics_listen: 127.0.0.1:9090\n"                       \
	"account: 00112233445566778899aabbccddeeff\nzone: 00112233445566778899aabbccddeeff\n" \
	"local_idp: 11111111-2222-4333-8444-555555555555\n"
#define BASE "team: access.example.com:8443\nlisten: 0.0.0.0:8443\n" REST

static struct edge_conf *
good(const char *text)
{
	struct edge_conf *c = NULL;
	struct conf_error err = {{0}};

	if (edge_conf_parse("/d", "f.yml", text, strlen(text), &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void
bad(const char *text, const char *want)
{
	struct edge_conf *c = NULL;
	struct conf_error err = {{0}};

	assert_true(edge_conf_parse("/d", "f.yml", text, strlen(text), &c, &err) < 0);
	assert_null(c);
	if (!strstr(err.text, want))
		fail_msg("found \"%s\", expected \"%s\" in it", err.text, want);
}

static void
defaults_and_issuer(void **state)
{
	struct edge_conf *c = good(BASE);
	char iss[300];

	edge_conf_issuer(c, iss, sizeof iss);
	assert_string_equal(iss, "https://access.example.com:8443");
	assert_int_equal(c->drain_ms, 30000);
	assert_string_equal(c->store, "sqlite");
	edge_conf_free(c);
}

static void
every_key(void **state)
{
	struct edge_conf *c =
	    good(BASE "threads: 3\nedge_no: 9\nlog_level: debug\nadmin: a@b.c\nstore: sqlite\n"
	              "tls: {certificates: [{cert: /a.pem, key: /a.key}]}\nallow_private: [10.0.0.0/8, idp]\n"
	              "trusted_proxies: [192.0.2.1]\nrole_uids: 2000-2009\nca_file: /ca\n"
	              "deadlines: {handshake: 1s, head: 2s, body: 3s, drain: 4s}\n");

	assert_int_equal(c->threads, 3);
	assert_int_equal(c->edge_no, 9);
	assert_int_equal(c->ncerts, 1);
	assert_string_equal(c->certs[0].key, "/a.key");
	assert_string_equal(c->allow_private[1], "idp");
	assert_null(c->allow_private[2]);
	assert_int_equal(c->uid_last, 2009);
	assert_int_equal(c->body_ms, 3000);
	edge_conf_free(c);
}

static void
mistakes_teach(void **state)
{
	bad(BASE "lissten: 1.2.3.4:5\n", "f.yml:8: unknown key \"lissten\"; did you mean \"listen\"?");
	bad("listen: 0.0.0.0:8443\n", "team");
	bad(BASE "threads: many\n", "f.yml:8:");
	bad(BASE "threads: 65\n", "f.yml:8:");
	bad(BASE "log_level: loud\n", "found \"loud\", expected debug, info, warn or error");
	bad(BASE "store: mysql\n", "found \"mysql\", expected \"sqlite\"");
	bad(BASE "deadlines: {drain: 30}\n", "f.yml:8:");
	bad(BASE "deadlines: {drain: 11m}\n", "expected 100ms to 10m");
	bad(BASE "role_uids: 0-9\n", "for example 64100-64109");
	bad(BASE "tls: {certificates: [{cert: /a}]}\n", "key");
	bad(BASE "tls: {certificates: [{cert: a, key: /b}]}\n", "absolute path");
	bad(BASE "allow_private: 10.0.0.0/8\n", "expected a list");
	bad(BASE "allow_private: [10.0.0.0/8, 10.0.0.0/33]\n", "f.yml:8: found \"10.0.0.0/33\"");
	bad(BASE "allow_private: [\"a b\"]\n", "a network such as 10.0.0.0/8");
	bad(BASE "trusted_proxies: [proxy.example.com]\n", "found \"proxy.example.com\"");
	bad(BASE "trusted_proxies: [192.0.2.1/24]\n", "no bits set below the prefix");
	bad(BASE "mail: {url: smtp://h, from: Sally <a@b.test>}\n", "expected a bare e-mail address");
	bad(BASE "mail: {url: https://h, from: a@b.test}\n", "expected smtp://HOST");
	bad(BASE "mail: {url: \"smtp://u:p@h\", from: a@b.test}\n", "without a user");
	bad(BASE "mail: {url: smtp://h, from: a@b.test, user: x}\n", "expected both or neither");
	bad(BASE "mail: {url: smtp://h, from: a@b.test, user: x, password_file: x}\n", "absolute path");
	bad(BASE "mail: {url: smtp://h, from: a@b.test, pasword_file: x}\n", "password_file");
	bad(BASE "mail: {from: a@b.test}\n", "url");
	bad(BASE "admin: a@b@c\n", "expected an e-mail address");
	bad(REST "team: a.b\nlisten: 0.0.0.0:7844\n", "f.yml:1: found \"0.0.0.0:7844\", expected another address");
	bad(REST "team: [a]\nlisten: 1.2.3.4:5\n", "f.yml:6:");
	bad(REST "team: 10.0.0.1\nlisten: 1.2.3.4:5\n", "expected a host name");
	bad(REST "team: a.b\nlisten: example.com:1\n", "expected ADDR:PORT");
	bad("a: &x 1\nb: *x\n", "f.yml:");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_and_issuer),
	    cmocka_unit_test(every_key),
	    cmocka_unit_test(mistakes_teach),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

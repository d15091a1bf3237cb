/* Ingress rules from a file and pushed; services; where a bastion may go (security.md 3.5, 57-60). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "wire/ingress.h"

static int
from_yaml(const char *text, struct ingress **ret_i, struct conf_error *err)
{
	struct conf_node *root = NULL;
	err->text[0] = 0;
	assert_int_equal(conf_parse("config.yml", text, strlen(text), &root, err), 0);
	int r = ingress_from_conf2("config.yml", conf_get(root, "ingress"), conf_get(root, "originRequest"),
	                           conf_get(root, "warp-routing"), ret_i, err);
	conf_free(root);
	return r;
}

static struct ingress *
good(const char *text)
{
	struct ingress *i = NULL;
	struct conf_error err;
	if (from_yaml(text, &i, &err) < 0)
		fail_msg("%s", err.text);
	return i;
}

static void
bad(const char *text, const char *want)
{
	struct ingress *i = NULL;
	struct conf_error err;
	assert_true(from_yaml(text, &i, &err) < 0);
	if (!strstr(err.text, want))
		fail_msg("got  %s\nwant %s", err.text, want);
}

static void
test_seed(void **st)
{
	struct ingress *i = good("tunnel: t\n"
	                         "logDirectory: /var/log/cloudflared\n"
	                         "ingress:\n"
	                         "- hostname: ssh-bastion.widgetcorp.tech\n"
	                         "  service: bastion\n"
	                         "- service: http_status:404\n");
	size_t k;
	assert_int_equal(ingress_count(i), 2);
	const struct ingress_rule *r = ingress_match(i, "ssh-bastion.widgetcorp.tech", "/", &k);
	assert_int_equal(k, 0);
	assert_int_equal(r->kind, SERVICE_BASTION);
	assert_int_equal(r->line, 4);
	assert_int_equal(r->connect_timeout_ms, 30000);
	r = ingress_match(i, "other.widgetcorp.tech", "/", NULL);
	assert_int_equal(r->kind, SERVICE_STATUS);
	assert_int_equal(r->status, 404);
	ingress_unref(i);
}

static void
test_matching(void **st)
{
	struct ingress *i = good("ingress:\n"
	                         "- {hostname: a.example.com, path: '^/x[0-9]+$', service: 'tcp://h:1'}\n"
	                         "- {hostname: a.example.com, service: 'tcp://h:2'}\n"
	                         "- {hostname: '*.example.com', service: 'tcp://h:3'}\n"
	                         "- {path: /any, service: 'tcp://h:4'}\n"
	                         "- {hostname: '*', service: 'tcp://h:5'}\n");
	static const struct {
		const char *host, *path;
		uint16_t port;
	} t[] = {
	    {"a.example.com", "/x12", 1},
	    {"a.example.com:8443", "/x12", 1},
	    {"a.example.com", "/x", 2},
	    {"A.example.com", "/", 3},
	    {"b.c.example.com", "/", 3},
	    {"example.com", "/", 5},
	    {"example.com", "/many", 5},
	    {"example.com", "/z/any", 4},
	    {"xexample.com", "/", 5},
	    {"[::1]:80", "/", 5},
	    {"", "", 5},
	};
	for (size_t k = 0; k < sizeof t / sizeof t[0]; k++)
		assert_int_equal(ingress_match(i, t[k].host, t[k].path, NULL)->target.port, t[k].port);
	ingress_unref(ingress_ref(i));
	ingress_unref(i);
}

static void
test_errors_teach(void **st)
{
	bad("ingress:\n- hostname: a.b\n  service: bastion\n",
	    "config.yml:2: ingress has no catch-all: the last rule must have neither hostname nor path; add '- "
	    "service: http_status:404'");
	bad("ingress: []\n", "ingress has no catch-all");
	bad("ingress:\n- service: bastion\n- service: http_status:404\n",
	    "config.yml:2: rule #1 matches every request");
	bad("ingress:\n- hostnam: a.b\n  service: bastion\n- service: http_status:404\n",
	    "config.yml:2: found unknown key \"hostnam\" in an ingress rule; did you mean \"hostname\"");
	bad("ingress:\n- hostname: a.b\n  service: bastoin\n- service: http_status:404\n",
	    "config.yml:3: found service \"bastoin\"");
	bad("ingress:\n- hostname: a.b\n  service: bastion\n  originRequest:\n    conectTimeout: 3s\n- service: "
	    "http_status:404\n",
	    "config.yml:5: found unknown key \"conectTimeout\" in originRequest; did you mean \"connectTimeout\"");
	bad("ingress:\n- hostname: a.b:22\n  service: bastion\n- service: http_status:404\n", "without a port");
	bad("ingress:\n- hostname: 'a.*.b'\n  service: bastion\n- service: http_status:404\n", "at most one wildcard");
	bad("ingress:\n- hostname: '*.*.b'\n  service: bastion\n- service: http_status:404\n", "at most one wildcard");
	bad("ingress:\n- path: '(?i)x'\n  service: bastion\n- service: http_status:404\n", "(?...)");
	bad("ingress:\n- path: '(a)\\1'\n  service: bastion\n- service: http_status:404\n", "backslash");
	bad("ingress:\n- path: '(a{2}b{3}'\n  service: bastion\n- service: http_status:404\n", "more than one");
	bad("ingress:\n- path: 'a++++++++++++++++++++++'\n  service: bastion\n- service: http_status:404\n",
	    "follow a repeat");
	bad("ingress:\n- path: '(((((a+)+)+)+)+)+'\n  service: bastion\n- service: http_status:404\n",
	    "repeated groups");
	bad("ingress:\n- path: 'a{1,999}'\n  service: bastion\n- service: http_status:404\n", "over 99");
	bad("ingress:\n- path: '(a'\n  service: bastion\n- service: http_status:404\n", "does not compile");
	bad("ingress:\n- hostname: a.b\n- service: http_status:404\n", "config.yml:2: found no service");
	bad("ingress: text\n", "expected a list");
}

static void
test_limits(void **st)
{
	char text[400], path[300];
	struct conf_error err;
	struct ingress *i = NULL;
	json_t *rules = json_array(), *j = json_pack("{s:O}", "ingress", rules);
	for (int k = 0; k < 2; k++) { /* a pattern of 256 bytes, and one more */
		memset(path, 'a', sizeof path);
		path[256 + k] = 0;
		snprintf(text, sizeof text, "ingress:\n- path: '%s'\n  service: bastion\n- service: http_status:404\n",
		         path);
		if (k)
			bad(text, "longer than 256");
		else
			ingress_unref(good(text));
	}
	for (unsigned k = 1; k < INGRESS_RULES_MAX; k++)
		json_array_append_new(rules, json_pack("{s:s,s:s}", "hostname", "a.b", "service", "http_status:404"));
	json_array_append_new(rules, json_pack("{s:s}", "service", "http_status:404"));
	assert_int_equal(ingress_from_json(j, &i, &err), 0);
	ingress_unref(i);
	json_array_append_new(rules, json_pack("{s:s}", "service", "http_status:404"));
	assert_true(ingress_from_json(j, &i, &err) < 0);
	assert_non_null(strstr(err.text, "at most 10000 rules"));
	json_decref(rules);
	json_decref(j);
}

static void
test_services(void **st)
{
	static const struct {
		const char *s, *host;
		uint16_t port;
	} t[] = {
	    {"ssh://h", "h", 22},
	    {"tcp://h", "h", 7864},
	    {"rdp://h", "h", 3389},
	    {"smb://h", "h", 445},
	    {"ssh://10.0.0.1:2222", "10.0.0.1", 2222},
	    {"ssh://[::1]", "::1", 22},
	    {"foo+bar://h:9", "h", 9},
	    {"ssh://LocalHost:22", "localhost", 22},
	};
	struct ingress_rule r;
	char err[200];
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		assert_int_equal(service_parse(t[i].s, &r, err, sizeof err), 0);
		assert_int_equal(r.kind, SERVICE_TCP);
		assert_string_equal(r.target.host, t[i].host);
		assert_int_equal(r.target.port, t[i].port);
	}
	static const char *const http[] = {"http://localhost:8080", "https://h", "unix:/run/x", "unix+tls:/x",
	                                   "wss://h"};
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(service_parse(http[i], &r, err, sizeof err), 0);
		assert_int_equal(r.kind, SERVICE_HTTP);
	}
	assert_int_equal(service_parse("hello_world", &r, err, sizeof err), 0);
	assert_int_equal(r.kind, SERVICE_HELLO);
	assert_int_equal(service_parse("socks-proxy", &r, err, sizeof err), 0);
	assert_int_equal(r.kind, SERVICE_SOCKS);
	static const char *const no[] = {
	    "",        "ssh:/h",        "ssh://",         "ssh://h/",         "ssh://h:0",       "ssh://h:22:23",
	    "foo://h", "ssh://u@h",     "http_status:99", "http_status:1000", "http_status:40x", "SSH://h",
	    "unix:",   "ssh://h:70000", "://h:1"};
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
		err[0] = 0;
		if (service_parse(no[i], &r, err, sizeof err) == 0)
			fail_msg("%s passes", no[i]);
		assert_true(err[0] != 0);
	}
}

static void
test_private_network(void **st)
{
#define CATCH "ingress:\n- service: http_status:404\n"
	struct ingress *i = good(CATCH "warp-routing: {enabled: true, connectTimeout: 3s, maxActiveFlows: 9}\n");
	uint8_t ip[16];
	assert_int_equal(ingress_private(i)->connect_timeout_ms, 3000);
	inet_pton(AF_INET, "10.1.2.3", ip);
	assert_int_equal(destination_check(ingress_private(i), "10.1.2.3", 22, ip, 4, NULL), 0);
	inet_pton(AF_INET, "169.254.169.254", ip);
	assert_int_equal(destination_check(ingress_private(i), "169.254.169.254", 80, ip, 4, NULL), E_DENIED);
	ingress_unref(i);
	i = good(CATCH "warp-routing: {connectTimeout: 3s}\n");
	assert_null(ingress_private(i));
	ingress_unref(i);
	i = good(CATCH);
	assert_null(ingress_private(i));
	ingress_unref(i);
	bad(CATCH "warp-routing: {enable: true}\n",
	    "config.yml:3: found unknown key \"enable\" in warp-routing; did you "
	    "mean \"enabled\"");
	bad(CATCH "warp-routing: {enabled: 7}\n", "expected true or false");
	bad(CATCH "warp-routing: {enabled: true, destinations: [\"10.0.0.0\"]}\n", "expected host:port");
	bad(CATCH "warp-routing: 7\n", "expected a map");
#undef CATCH
}

static void
test_pushed(void **st)
{
	static const char text[] =
	    "{\"ingress\":[{\"hostname\":\"a.b\",\"service\":\"bastion\",\"originRequest\":{\"defaultDestination\":"
	    "\"localhost:22\","
	    "\"destinations\":[\"10.0.0.0/"
	    "8:22\"],\"connectTimeout\":5,\"tcpKeepAlive\":\"1m\"}},{\"service\":\"http_status:404\"}],"
	    "\"originRequest\":{\"connectTimeout\":7},\"warp-routing\":{\"enabled\":false}}";
	json_t *j = NULL, *back;
	struct ingress *i = NULL, *again = NULL;
	struct conf_error err;
	assert_int_equal(json_load_strict(text, sizeof text - 1, 65536, &j), 0);
	if (ingress_from_json(j, &i, &err) < 0)
		fail_msg("%s", err.text);
	const struct ingress_rule *r = ingress_at(i, 0);
	assert_int_equal(r->connect_timeout_ms, 5000);
	assert_int_equal(r->keepalive_ms, 60000);
	assert_int_equal(ingress_at(i, 1)->connect_timeout_ms, 7000);
	assert_string_equal(r->default_destination, "localhost:22");
	assert_string_equal(r->destinations[0], "10.0.0.0/8:22");
	assert_null(r->destinations[1]);
	back = ingress_to_json(i);
	char *s = json_dump_str(back);
	assert_string_equal(s, "{\"ingress\":[{\"hostname\":\"a.b\",\"originRequest\":{\"connectTimeout\":5,"
	                       "\"defaultDestination\":\"localhost:22\","
	                       "\"destinations\":[\"10.0.0.0/8:22\"],\"tcpKeepAlive\":60},\"service\":\"bastion\"},"
	                       "{\"originRequest\":{\"connectTimeout\":7},\"service\":\"http_status:404\"}]}");
	free(s);
	assert_int_equal(ingress_from_json(back, &again, &err), 0);
	ingress_unref(again);
	json_decref(back);
	json_decref(j);
	ingress_unref(i);
	static const char *const no[] = {
	    "{}",
	    "[]",
	    "{\"ingress\":{}}",
	    "{\"ingress\":[1]}",
	    "{\"ingress\":[{\"service\":1}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{\"destinations\":[\"x\"]}}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{\"access\":{\"required\":1}}}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{\"access\":{\"audTag\":[\"x\"]}}}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{\"access\":{\"audTag\":[]}}}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{\"access\":{\"audTags\":[]}}}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{\"access\":true}}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{\"destinations\":[\"10.0.0.0/33:22\"]}}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{\"destinations\":[\"[::]/129:22\"]}}]}",
	    "{\"ingress\":[{\"service\":\"bastion\",\"originRequest\":[]}]}"};
	for (size_t k = 0; k < sizeof no / sizeof no[0]; k++) {
		assert_int_equal(json_load_strict(no[k], strlen(no[k]), 65536, &j), 0);
		err.text[0] = 0;
		assert_true(ingress_from_json(j, &i, &err) < 0);
		assert_true(strlen(err.text) > 10);
		json_decref(j);
	}
}

#define AUD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static enum access_need
access_of(const char *access, const char *defaults, bool with_aud)
{
	char text[600];
	struct ingress *i = NULL;
	struct conf_error err;
	json_t *j, *back;

	snprintf(text, sizeof text,
	         "{\"originRequest\":{%s},\"ingress\":[{\"service\":\"bastion\",\"originRequest\":{%s}}]}", defaults,
	         access);
	assert_int_equal(json_load_strict(text, strlen(text), 65536, &j), 0);
	if (ingress_from_json(j, &i, &err) < 0)
		fail_msg("%s", err.text);
	json_decref(j);
	for (int again = 0; again < 2; again++) { /* what we report means the same */
		const struct ingress_rule *r = ingress_at(i, 0);
		assert_int_equal(r->aud_tags != NULL, with_aud);
		if (with_aud)
			assert_string_equal(r->aud_tags[0], AUD);
		enum access_need need = r->access;
		back = ingress_to_json(i);
		ingress_unref(i);
		assert_int_equal(ingress_from_json(back, &i, &err), 0);
		json_decref(back);
		assert_int_equal(ingress_at(i, 0)->access, need);
	}
	enum access_need need = ingress_at(i, 0)->access;
	ingress_unref(i);
	return need;
}

static void
test_access(void **state)
{
	(void)state;
	assert_int_equal(access_of("", "", false), ACCESS_DEFAULT);
	assert_int_equal(
	    access_of("\"access\":{\"required\":true,\"teamName\":\"t\",\"audTag\":[\"" AUD "\"]}", "", true),
	    ACCESS_ON);
	/* an edge's "required: false" is for stock connectors: it switches nothing off */
	assert_int_equal(access_of("\"access\":{\"required\":false,\"audTag\":[\"" AUD "\"]}", "", true),
	                 ACCESS_DEFAULT);
	assert_int_equal(access_of("\"access\":{\"required\":false,\"bypass\":true}", "", false), ACCESS_OFF);
	assert_int_equal(access_of("\"access\":{\"bypass\":true,\"required\":false}", "", false), ACCESS_OFF);
	assert_int_equal(access_of("\"access\":{\"bypass\":false,\"required\":false}", "", false), ACCESS_DEFAULT);
	assert_int_equal(access_of("", "\"access\":{\"required\":true,\"audTag\":[\"" AUD "\"]}", true), ACCESS_ON);
}

static int
check(const struct ingress_rule *r, const char *host, uint16_t port, const char *ip)
{
	uint8_t b[16];
	struct reason why = {0};
	unsigned n = strchr(ip, ':') ? 16 : 4;
	assert_int_equal(inet_pton(n == 4 ? AF_INET : AF_INET6, ip, b), 1);
	int e = destination_check(r, host, port, b, n, &why);
	assert_true(why.text[0] != 0);
	return e;
}

static void
test_destinations(void **st)
{
	char range[] = "10.0.0.0/8:22", name[] = "db.corp:5432", v6[] = "[fd00::]/8:*", local[] = "127.0.0.9:22";
	char standard[] = "localhost:2222", none[] = "";
	char *list[] = {range, name, v6, local, NULL};
	struct ingress_rule r = {.kind = SERVICE_BASTION, .default_destination = standard, .destinations = list};
	assert_int_equal(check(&r, "x", 22, "10.1.2.3"), 0);
	assert_int_equal(check(&r, "x", 22, "::ffff:10.1.2.3"), 0);
	assert_int_equal(check(&r, "x", 23, "10.1.2.3"), -8);
	assert_int_equal(check(&r, "x", 22, "11.1.2.3"), -8);
	assert_int_equal(check(&r, "DB.corp", 5432, "192.0.2.1"), 0);
	assert_int_equal(check(&r, "db.corp", 5432, "127.0.0.1"), -8); /* the name was made to point inwards */
	assert_int_equal(check(&r, "db.corp", 5432, "169.254.169.254"), -8);
	assert_int_equal(check(&r, "db.corp", 5432, "::ffff:169.254.169.254"), -8);
	assert_int_equal(check(&r, "x", 9, "fd12::1"), 0);
	assert_int_equal(check(&r, "x", 22, "127.0.0.9"), 0);
	assert_int_equal(check(&r, "x", 22, "127.0.0.1"), -8);
	assert_int_equal(check(&r, "localhost", 2222, "127.0.0.1"), 0);
	assert_int_equal(check(&r, "localhost", 2222, "::1"), 0);
	assert_int_equal(check(&r, "localhost", 22, "127.0.0.1"), -8);
	assert_int_equal(check(&r, "localhost", 2222, "169.254.169.254"), -8);
	/* a wide range is not meant for these; one of them alone is */
	char all4[] = "0.0.0.0/0:80", all6[] = "[::]/0:80", meta[] = "169.254.0.0/16:81", loop[] = "127.0.0.0/8:81";
	char *wide_list[] = {all4, all6, meta, loop, NULL};
	struct ingress_rule wide = {.kind = SERVICE_BASTION, .default_destination = none, .destinations = wide_list};
	static const char *const inner[] = {"127.0.0.1",        "169.254.169.254", "::1",           "fe80::1",
	                                    "::ffff:127.0.0.1", "0.0.0.0",         "fd00:ec2::254", "100.100.100.200"};
	assert_int_equal(check(&wide, "x", 80, "192.0.2.1"), 0);
	assert_int_equal(check(&wide, "x", 80, "2001:db8::1"), 0);
	for (size_t k = 0; k < sizeof inner / sizeof *inner; k++)
		assert_int_equal(check(&wide, "x", 80, inner[k]), -8);
	assert_int_equal(check(&wide, "x", 81, "169.254.169.254"), 0);
	assert_int_equal(check(&wide, "x", 81, "127.0.0.1"), 0);
	const uint8_t v4[4] = {169, 254, 169, 254};
	assert_false(destination_listed(all4, 80, v4, 4));
	assert_true(destination_listed(meta, 81, v4, 4));
	assert_false(destination_listed(meta, 80, v4, 4));
	/* without any list: everything but what no name may lead to */
	struct ingress_rule open = {.kind = SERVICE_BASTION, .default_destination = none};
	assert_int_equal(check(&open, "x", 22, "192.0.2.1"), 0);
	static const char *const never[] = {"127.0.0.1",
	                                    "127.8.8.8",
	                                    "0.0.0.0",
	                                    "169.254.169.254",
	                                    "224.0.0.1",
	                                    "255.255.255.255",
	                                    "::",
	                                    "::1",
	                                    "fe80::1",
	                                    "ff02::1",
	                                    "::ffff:127.0.0.1",
	                                    "::ffff:0.0.0.0",
	                                    "::127.0.0.1",
	                                    "64:ff9b::7f00:1",
	                                    "fd00:ec2::254",
	                                    "100.100.100.200",
	                                    "192.0.0.192",
	                                    "fec0::1",
	                                    "240.0.0.1"};
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		assert_int_equal(check(&open, "x", 22, never[i]), -8);
	struct ingress_rule tcp = {.kind = SERVICE_TCP};
	assert_int_equal(check(&tcp, "x", 22, "192.0.2.1"), -8);
}

static struct ingress *
pushed(const char *text)
{
	struct ingress *i = NULL;
	struct conf_error err;
	json_t *j = NULL;

	assert_int_equal(json_load_strict(text, strlen(text), 65536, &j), 0);
	if (ingress_from_json(j, &i, &err) < 0)
		fail_msg("%s", err.text);
	json_decref(j);
	return i;
}

/* Defaults of the whole file change only the services that they are meant for. */
static void
test_defaults_stay_in_their_place(void **st)
{
	struct ingress *i = pushed(
	    "{\"originRequest\":{\"bastionMode\":true},\"ingress\":[{\"hostname\":\"a.b\",\"service\":\"ssh://h\"},"
	    "{\"hostname\":\"c.d\",\"service\":\"unix:/run/x\"},{\"hostname\":\"e.f\",\"service\":\"hello_world\"},"
	    "{\"service\":\"http_status:404\"}]}");
	assert_int_equal(ingress_at(i, 0)->kind, SERVICE_BASTION);
	assert_int_equal(ingress_at(i, 1)->kind, SERVICE_HTTP);
	assert_int_equal(ingress_at(i, 2)->kind, SERVICE_HELLO);
	assert_int_equal(ingress_at(i, 3)->kind, SERVICE_STATUS);
	ingress_unref(i);
	i = pushed(
	    "{\"originRequest\":{\"proxyType\":\"socks\"},\"ingress\":[{\"hostname\":\"a.b\",\"service\":"
	    "\"tcp://h:1\"},{\"hostname\":\"c.d\",\"service\":\"http://h\"},{\"service\":\"http_status:404\"}]}");
	assert_int_equal(ingress_at(i, 0)->kind, SERVICE_SOCKS);
	assert_int_equal(ingress_at(i, 1)->kind, SERVICE_HTTP);
	assert_int_equal(ingress_at(i, 2)->kind, SERVICE_STATUS);
	ingress_unref(i);
}

#define SOCKS(rules)                                                                                             \
	"{\"ingress\":[{\"hostname\":\"a.b\",\"service\":\"socks-proxy\",\"originRequest\":{\"ipRules\":[" rules \
	"]}},{\"service\":\"http_status:404\"}]}"

static void
test_ip_rules(void **st)
{
	struct ingress *i = pushed(SOCKS("{\"prefix\":\"10.9.0.0/16\"},"
	                                 "{\"prefix\":\"10.0.0.0/8\",\"ports\":[22,\"443\"],\"allow\":true},"
	                                 "{\"prefix\":\"fd00::/8\",\"allow\":true},"
	                                 "{\"prefix\":\"127.0.0.1/32\",\"ports\":[80],\"allow\":true},"
	                                 "{\"prefix\":\"0.0.0.0/0\",\"ports\":[80],\"allow\":true}"));
	const struct ingress_rule *r = ingress_at(i, 0);
	json_t *back = ingress_to_json(i);
	struct ingress *again = NULL;
	struct conf_error err;

	assert_int_equal(check(r, "x", 22, "10.1.2.3"), 0);
	assert_int_equal(check(r, "x", 443, "::ffff:10.1.2.3"), 0);
	assert_int_equal(check(r, "x", 23, "10.1.2.3"), -8);
	assert_int_equal(check(r, "x", 22, "10.9.2.3"), -8); /* the first that matches decides */
	assert_int_equal(check(r, "x", 9, "fd12::1"), 0);
	assert_int_equal(check(r, "x", 9, "2001:db8::1"), -8); /* none does: denied */
	assert_int_equal(check(r, "x", 80, "192.0.2.1"), 0);
	/* everywhere is not here */
	assert_int_equal(check(r, "x", 80, "127.0.0.1"), 0);
	assert_int_equal(check(r, "x", 80, "127.0.0.2"), -8);
	assert_int_equal(check(r, "x", 80, "169.254.169.254"), -8);
	assert_int_equal(check(r, "x", 80, "::ffff:127.0.0.2"), -8);
	assert_int_equal(check(r, "x", 0, "10.1.2.3"), -8);
	assert_int_equal(ingress_from_json(back, &again, &err), 0);
	assert_int_equal(ingress_at(again, 0)->nip_rules, 5);
	assert_int_equal(check(ingress_at(again, 0), "x", 22, "10.9.2.3"), -8);
	assert_int_equal(check(ingress_at(again, 0), "x", 443, "10.1.2.3"), 0);
	ingress_unref(again);
	json_decref(back);
	ingress_unref(i);
	i = pushed(SOCKS(""));
	assert_int_equal(check(ingress_at(i, 0), "x", 22, "192.0.2.1"), -8);
	ingress_unref(i);
}

static void
test_origin_keys_are_checked(void **st)
{
	static const char *const no[] = {
	    SOCKS("{\"prefix\":\"10.0.0.1\"}"),
	    SOCKS("{\"prefix\":\"host/8\"}"),
	    SOCKS("{\"allow\":true}"),
	    SOCKS("{\"prefix\":\"10.0.0.0/33\"}"),
	    SOCKS("{\"prefix\":\"10.0.0.0/8\",\"ports\":[0]}"),
	    SOCKS("{\"prefix\":\"10.0.0.0/8\",\"ports\":[65536]}"),
	    SOCKS("{\"prefix\":\"10.0.0.0/8\",\"ports\":22}"),
	    SOCKS("{\"prefix\":\"10.0.0.0/8\",\"port\":[22]}"),
	    SOCKS("{\"prefix\":\"10.0.0.0/8\",\"allow\":\"maybe\"}"),
	    SOCKS("1"),
	    "{\"originRequest\":{\"tlsTimeout\":\"soon\"},\"ingress\":[{\"service\":\"http_status:404\"}]}",
	    "{\"originRequest\":{\"noHappyEyeballs\":7},\"ingress\":[{\"service\":\"http_status:404\"}]}",
	    "{\"originRequest\":{\"keepAliveConnections\":-1},\"ingress\":[{\"service\":\"http_status:404\"}]}",
	    "{\"originRequest\":{\"proxyType\":\"http\"},\"ingress\":[{\"service\":\"http_status:404\"}]}",
	    "{\"originRequest\":{\"proxyAddress\":1},\"ingress\":[{\"service\":\"http_status:404\"}]}"};
	struct ingress *i = NULL;
	struct conf_error err;
	json_t *j = NULL;

	for (size_t k = 0; k < sizeof no / sizeof no[0]; k++) {
		assert_int_equal(json_load_strict(no[k], strlen(no[k]), 65536, &j), 0);
		err.text[0] = 0;
		if (ingress_from_json(j, &i, &err) == 0)
			fail_msg("%s passes", no[k]);
		assert_true(strlen(err.text) > 10);
		json_decref(j);
	}
}

static void
test_jump_header(void **st)
{
	struct hostport hp;
	assert_int_equal(destination_parse("ssh://127.0.0.1:7702/x", 0, &hp), 0);
	assert_string_equal(hp.host, "127.0.0.1");
	assert_int_equal(hp.port, 7702);
	assert_int_equal(destination_parse("[::1]:22", 0, &hp), 0);
	assert_string_equal(hp.host, "::1");
	assert_int_equal(destination_parse("host", 22, &hp), 0);
	assert_int_equal(hp.port, 22);
	static const char *const no[] = {
	    "",          "host",        "host:0",        "host:65536",    "host:22abc", "host:22:23",    "::1:22",
	    "u@host:22", "u:p@host:22", "0x7f000001:22", "2130706433:22", "127.1:22",   "localhost.:22", "h\tx:22",
	    "h x:22",    "/host:22",    "ssh://:22",     "*:22"};
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		if (destination_parse(no[i], 0, &hp) == 0)
			fail_msg("%s passes", no[i]);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
	    cmocka_unit_test(test_seed),
	    cmocka_unit_test(test_matching),
	    cmocka_unit_test(test_errors_teach),
	    cmocka_unit_test(test_services),
	    cmocka_unit_test(test_private_network),
	    cmocka_unit_test(test_pushed),
	    cmocka_unit_test(test_access),
	    cmocka_unit_test(test_destinations),
	    cmocka_unit_test(test_jump_header),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_defaults_stay_in_their_place),
	    cmocka_unit_test(test_ip_rules),
	    cmocka_unit_test(test_origin_keys_are_checked),
	};
	return cmocka_run_group_tests(t, NULL, NULL);
}

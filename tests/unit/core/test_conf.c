#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc_fail.h"
#include "core/conf.h"
#include "core/err.h"
#include "t.h"

#define FILE_NAME "edge.yaml"

static struct conf_node *
tree(const char *text)
{
	struct conf_node *root = NULL;
	struct conf_error err;

	if (conf_parse(FILE_NAME, text, strlen(text), &root, &err))
		fail_msg("%s", err.text);
	return root;
}

static const char edge[] = "# comment\n"
                           "listen: 127.0.0.1:8443\n"
                           "apps:\n"
                           "  - name: web\n"
                           "    a/b~c: 'x'\n"
                           "  - name: \"db\"\n"
                           "    empty:\n"
                           "    block: |\n"
                           "      two\n"
                           "      lines\n";

static void
the_tree_remembers_lines(void **state)
{
	struct conf_node *root = tree(edge);
	const struct conf_node *apps = conf_get(root, "apps"), *second = apps->sub->next;

	assert_int_equal(root->kind, CONF_MAP);
	assert_int_equal(conf_count(root), 2);
	assert_int_equal(conf_get(root, "listen")->line, 2);
	assert_true(conf_get(root, "listen")->plain);
	assert_int_equal(apps->kind, CONF_LIST);
	assert_int_equal(apps->line, 3);
	assert_int_equal(conf_count(apps), 2);
	assert_int_equal(second->line, 6);
	assert_false(conf_get(second, "name")->plain);
	assert_string_equal(conf_get(second, "name")->text, "db");
	assert_string_equal(conf_get(second, "empty")->text, "");
	assert_string_equal(conf_get(second, "block")->text, "two\nlines\n");
	assert_null(conf_get(second, "absent"));
	assert_null(conf_get(apps, "name"));
	assert_null(conf_get(NULL, "name"));
	conf_free(root);
	conf_free(NULL);
}

static void
a_pointer_finds_its_line(void **state)
{
	struct conf_node *root = tree(edge);

	assert_int_equal(conf_line_at(root, ""), 2);
	assert_int_equal(conf_line_at(root, "/listen"), 2);
	assert_int_equal(conf_line_at(root, "/apps/0/name"), 4);
	assert_int_equal(conf_line_at(root, "/apps/0/a~1b~0c"), 5);
	assert_int_equal(conf_line_at(root, "/apps/1/block"), 8);
	assert_int_equal(conf_line_at(root, "/apps/1/missing/deeper"), 6);
	assert_int_equal(conf_line_at(root, "/apps/7"), 3);
	assert_int_equal(conf_line_at(root, "/apps/x"), 3);
	assert_int_equal(conf_line_at(NULL, "/apps"), 0);
	conf_free(root);
}

static void
the_tree_as_json(void **state)
{
	struct conf_node *root = tree("a: 1\nb: [x, {c: yes}]\n");
	json_t *j = conf_to_json(root);
	char *s = json_dump_str(j);

	assert_string_equal(s, "{\"a\":\"1\",\"b\":[\"x\",{\"c\":\"yes\"}]}");
	free(s);
	json_decref(j);
	conf_free(root);
}

static void
a_file_of_comments_is_an_empty_map(void **state)
{
	struct conf_node *root = tree("# nothing here\n");

	assert_int_equal(root->kind, CONF_MAP);
	assert_int_equal(conf_count(root), 0);
	conf_free(root);
}

static void
refuses(const char *text, size_t n, int code, const char *message)
{
	struct conf_node *root = NULL;
	struct conf_error err;

	assert_int_equal(conf_parse(FILE_NAME, text, n, &root, &err), code);
	assert_null(root);
	assert_string_equal(err.text, message);
}

static void
what_is_not_plain_yaml_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
	    {"a: 1\nb: 2\na: 3\n", "edge.yaml:3: found key \"a\" twice, expected it once; the first is at line 1"},
	    {"a: 1\nb: &x 2\n",
	     "edge.yaml:2: found the anchor \"&x\", expected plain YAML; write the value out where it is used"},
	    {"b: *x\n",
	     "edge.yaml:1: found the alias \"*x\", expected plain YAML; write the value out, or quote it if the star "
	     "is text"},
	    {"a:\n  - !!int 1\n",
	     "edge.yaml:2: found the tag \"tag:yaml.org,2002:int\", expected plain YAML; the key decides the type"},
	    {"a: 1\n---\nb: 2\n", "edge.yaml:2: found a second document, expected one; remove the line \"---\""},
	    {"a:\n\tb: 1\n",
	     "edge.yaml:2: found text that is not YAML (found character that cannot start any token), expected "
	     "YAML; example: key: value"},
	    {"? [x]\n: 1\n", "edge.yaml:1: found a key that is not text, expected key: value"},
	    {"a: 1\n\"\": 2\n", "edge.yaml:2: found an empty key, expected key: value"},
	    {"a: \"x\\0y\"\n", "edge.yaml:1: found a NUL character, expected text"},
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		refuses(bad[i].text, strlen(bad[i].text), E_FORMAT, bad[i].message);
}

static void
limits(void **state)
{
	char deep[CONF_DEPTH_MAX + 2], *large = calloc(1, CONF_BYTES_MAX + 1);

	memset(deep, '[', sizeof deep);
	refuses(deep, sizeof deep, E_LIMIT, "edge.yaml:1: found more than 32 levels, expected a flatter file");
	refuses(large, CONF_BYTES_MAX + 1, E_LIMIT, "edge.yaml:1: found 4194305 bytes, expected at most 4194304");
	free(large);
}

static void
too_many_nodes(void **state)
{
	struct conf_node *root = NULL;
	struct conf_error err;
	struct buf b;

	buf_init(&b, CONF_BYTES_MAX);
	for (size_t i = 0; i < CONF_NODES_MAX; i++)
		assert_ok(buf_put_str(&b, "- 1\n"));
	assert_int_equal(conf_parse(FILE_NAME, buf_ptr(&b), buf_len(&b), &root, &err), E_LIMIT);
	assert_string_equal(err.text, "edge.yaml:200000: found more than 200000 values, expected a smaller file");
	buf_release(&b);
}

struct target {
	bool enabled;
	uint64_t port;
	int64_t ttl;
	char name[16];
};

static int
set_enabled(void *t, const char *file, const struct conf_node *n, struct conf_error *err)
{
	return conf_bool(file, n, &((struct target *)t)->enabled, err);
}

static int
set_port(void *t, const char *file, const struct conf_node *n, struct conf_error *err)
{
	return conf_u64(file, n, 1, 65535, &((struct target *)t)->port, err);
}

static int
set_ttl(void *t, const char *file, const struct conf_node *n, struct conf_error *err)
{
	return conf_duration(file, n, &((struct target *)t)->ttl, err);
}

static const struct conf_key keys[] = {
    {"port", CONF_REQUIRED, set_port}, {"enabled", 0, set_enabled}, {"certificate_ttl", 0, set_ttl}};

static void
a_table_fills_its_target(void **state)
{
	struct conf_node *root = tree("certificate_ttl: 3m\nport: 22\nenabled: on\n");
	struct target t = {0};
	struct conf_error err;

	assert_ok(conf_apply(FILE_NAME, root, keys, COUNT(keys), &t, &err));
	assert_true(t.enabled);
	assert_int_equal(t.port, 22);
	assert_int_equal(t.ttl, 180000);
	conf_free(root);
}

static void
a_table_says_what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *message;
	} bad[] = {
	    {"port: 22\nenabeld: true\n", E_FORMAT,
	     "edge.yaml:2: unknown key \"enabeld\"; did you mean \"enabled\"? known keys: port, enabled, "
	     "certificate_ttl"},
	    {"prot: 22\n", E_FORMAT,
	     "edge.yaml:1: unknown key \"prot\"; did you mean \"port\"? known keys: port, enabled, certificate_ttl"},
	    {"ports: 22\n", E_FORMAT,
	     "edge.yaml:1: unknown key \"ports\"; did you mean \"port\"? known keys: port, enabled, certificate_ttl"},
	    {"\nport: 22\nzzz: 1\n", E_FORMAT,
	     "edge.yaml:3: unknown key \"zzz\"; known keys: port, enabled, certificate_ttl"},
	    {"enabled: true\n", E_FORMAT, "edge.yaml:1: found no key \"port\", expected one; add port: VALUE"},
	    {"port: 22\nenabled: maybe\n", E_FORMAT,
	     "edge.yaml:2: found \"maybe\", expected true or false; example: enabled: true"},
	    {"port: 0\n", E_RANGE,
	     "edge.yaml:1: found \"0\", expected a whole number from 1 to 65535; example: port: 1"},
	    {"port: 65536\n", E_RANGE,
	     "edge.yaml:1: found \"65536\", expected a whole number from 1 to 65535; example: port: 1"},
	    {"port: -1\n", E_FORMAT,
	     "edge.yaml:1: found \"-1\", expected a whole number from 1 to 65535; example: port: 1"},
	    {"port:\n", E_FORMAT,
	     "edge.yaml:1: found nothing, expected a whole number from 1 to 65535; example: port: 1"},
	    {"port: [22]\n", E_FORMAT,
	     "edge.yaml:1: found a list, expected a whole number from 1 to 65535; example: port: 1"},
	    {"port: 22\ncertificate_ttl: 90\n", E_FORMAT,
	     "edge.yaml:2: found \"90\", expected a duration with its unit (ms, s, m, h); example: certificate_ttl: "
	     "8h"},
	    {"port: 22\ncertificate_ttl: -3m\n", E_RANGE,
	     "edge.yaml:2: found \"-3m\", expected a duration from 0 to ten years; example: certificate_ttl: 8h"},
	    {"port: 22\nenabled: \"a\\e[31m\\nb\"\n", E_FORMAT,
	     "edge.yaml:2: found \"a?[31m?b\", expected true or false; example: enabled: true"},
	    {"just text\n", E_FORMAT, "edge.yaml:1: found \"just text\", expected a map; example: port"},
	};
	struct conf_error err;
	struct target t;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct conf_node *root = tree(bad[i].text);
		assert_int_equal(conf_apply(FILE_NAME, root, keys, COUNT(keys), &t, &err), bad[i].code);
		assert_string_equal(err.text, bad[i].message);
		conf_free(root);
	}
}

static void
a_long_message_is_cut(void **state)
{
	struct conf_node n = {.kind = CONF_SCALAR, .line = 7};
	struct conf_error err;
	char text[1000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(conf_fail("f", &n, &err, "found %s", text), E_FORMAT);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	assert_memory_equal(err.text, "f:7: found xxx", 14);
}

static void
load_reads_a_file(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX", message[128];
	int fd = mkstemp(path);
	struct conf_node *root = NULL;
	struct conf_error err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a: 1\n", 5), 5);
	close(fd);
	assert_ok(conf_load(path, &root, &err));
	assert_string_equal(conf_get(root, "a")->text, "1");
	conf_free(root);
	root = NULL;
	unlink(path);
	assert_int_equal(conf_load(path, &root, &err), E_IO);
	snprintf(message, sizeof message, "%s: No such file or directory", path);
	assert_string_equal(err.text, message);
	assert_int_equal(conf_load("/", &root, &err), E_IO);
	assert_string_equal(err.text, "/: Is a directory");
}

static void
every_failing_allocation_is_reported(void **state)
{
	long n = 0;

	for (;; n++) {
		struct conf_node *root = NULL;
		struct conf_error err;
		int e = 0;
		alloc_fail_at(n);
		e = conf_parse(FILE_NAME, edge, sizeof edge - 1, &root, &err);
		if (!alloc_fail_hit()) {
			assert_ok(e);
			conf_free(root);
			break;
		}
		assert_int_equal(e, E_NOMEM);
		assert_string_equal(err.text, "out of memory");
		assert_null(root);
	}
	assert_true(n > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_tree_remembers_lines),
	    cmocka_unit_test(a_pointer_finds_its_line),
	    cmocka_unit_test(the_tree_as_json),
	    cmocka_unit_test(a_file_of_comments_is_an_empty_map),
	    cmocka_unit_test(what_is_not_plain_yaml_is_refused_with_its_line),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(too_many_nodes),
	    cmocka_unit_test(a_table_fills_its_target),
	    cmocka_unit_test(a_table_says_what_is_wrong),
	    cmocka_unit_test(a_long_message_is_cut),
	    cmocka_unit_test(load_reads_a_file),
	    cmocka_unit_test(every_failing_allocation_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

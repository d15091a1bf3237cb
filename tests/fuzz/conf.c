/* YAML to tree, the tree's JSON, a keyword table, and the line of every pointer. */
#include "core/conf.h"
#include "core/err.h"
#include "fuzz_file.h"

static int
set_bool(void *target, const char *file, const struct conf_node *n, struct conf_error *err)
{
	return conf_bool(file, n, target, err);
}

static int
set_port(void *target, const char *file, const struct conf_node *n, struct conf_error *err)
{
	uint64_t v = 0;

	return conf_u64(file, n, 1, 65535, &v, err);
}

static int
set_ttl(void *target, const char *file, const struct conf_node *n, struct conf_error *err)
{
	int64_t ms = 0;

	return conf_duration(file, n, &ms, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct conf_key keys[] = {
	    {"enabled", 0, set_bool}, {"port", CONF_REQUIRED, set_port}, {"ttl", 0, set_ttl}};
	struct conf_node *root = NULL;
	struct conf_error err;
	json_t *j = NULL;
	bool enabled = false;
	int e = conf_parse("f", p, n, &root, &err);

	if (e) {
		MUST(!root && memcmp(err.text, "f:", 2) == 0);
		return 0;
	}
	if (n < 2048) {
		struct conf_node *same = NULL;
		fuzz_file("f.yml", p, n);
		MUST(conf_load(fuzz_path, &same, &err) == 0 && conf_count(same) == conf_count(root));
		conf_free(same);
	}
	MUST(conf_line_at(root, "/a~1b~0/x") > 0);
	MUST(conf_line_at(root, "/apps/0/domain") > 0);
	e = conf_apply("f", root, keys, 3, &enabled, &err);
	MUST(!e || memcmp(err.text, "f:", 2) == 0);
	j = conf_to_json(root);
	MUST(j);
	json_decref(j);
	conf_free(root);
	return 0;
}

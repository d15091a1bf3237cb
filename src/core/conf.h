/*
 * conf: YAML as a tree that remembers its lines, and keyword tables that teach. The only place that includes <yaml.h>.
 *
 * Refused: aliases, anchors, tags, duplicate keys, tabs (libyaml), more than one document, more than CONF_NODES_MAX
 * nodes, depth over CONF_DEPTH_MAX, input over CONF_BYTES_MAX. Plain scalars are text; the key decides the type.
 * Errors are one line for people: "FILE:LINE: found X, expected Y; example Z". May block: only conf_load (reads a
 * file).
 */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include "core/json.h"

#define CONF_BYTES_MAX (4u << 20)
#define CONF_NODES_MAX 200000u
#define CONF_DEPTH_MAX 32u

enum conf_kind { CONF_SCALAR, CONF_MAP, CONF_LIST };

struct conf_node {
	enum conf_kind kind;
	bool plain;             /* scalar written without quotes */
	unsigned line;          /* 1-based, of the key when under a map, else of the value */
	char *key;              /* under a map; else NULL */
	char *text;             /* scalar */
	struct conf_node *sub;  /* first child of map or list */
	struct conf_node *next; /* sibling */
};

struct conf_error {
	char text[512];
};

int conf_parse(const char *file, const void *p, size_t n, struct conf_node **ret_root, struct conf_error *err);
int conf_load(const char *file, struct conf_node **ret_root, struct conf_error *err);
void conf_free(struct conf_node *root);

const struct conf_node *conf_get(const struct conf_node *map, const char *key); /* NULL when absent */
size_t conf_count(const struct conf_node *n);

/* Typed readers for leaf nodes; on E_* the error is filled with file:line, found, expected. */
int conf_bool(const char *file, const struct conf_node *n, bool *ret_v,
              struct conf_error *err); /* true false yes no on off */
int conf_u64(const char *file, const struct conf_node *n, uint64_t min, uint64_t max, uint64_t *ret_v,
             struct conf_error *err);
int conf_duration(const char *file, const struct conf_node *n, int64_t *ret_ms, struct conf_error *err);
int conf_fail(const char *file, const struct conf_node *n, struct conf_error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5))); /* formats "file:line: ..." and returns E_FORMAT */

/* A keyword table drives a map: one row a key. An unknown key is an error that names the nearest known one. */
struct conf_key {
	const char *name;
	unsigned flags; /* CONF_REQUIRED */
	int (*set)(void *target, const char *file, const struct conf_node *value, struct conf_error *err);
};
#define CONF_REQUIRED 1u
int conf_apply(const char *file, const struct conf_node *map, const struct conf_key *keys, size_t nkeys, void *target,
               struct conf_error *err);

/* The tree as JSON, every scalar a JSON string (typing is the reader's). New reference, NULL when out of memory. */
json_t *conf_to_json(const struct conf_node *root);
/* The line of the node at a JSON pointer ("/apps/0/domain"); the deepest existing ancestor's when it is missing. 0 =
 * none. */
unsigned conf_line_at(const struct conf_node *root, const char *pointer);

#endif

#include "core/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/map.h"
#include "core/str.h"

/* --- errors ----------------------------------------------------------------------------------------------------- */

/* Appends; what does not fit is cut. Control characters of the input must not reach a terminal. */
__attribute__((format(printf, 2, 0))) static void
error_vadd(struct conf_error *err, const char *fmt, va_list ap)
{
	size_t at = strlen(err->text);

	if (vsnprintf(err->text + at, sizeof err->text - at, fmt, ap) < 0)
		err->text[at] = '\0';
	for (char *p = err->text + at; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

__attribute__((format(printf, 2, 3))) static void
error_add(struct conf_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_vadd(err, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 4, 5))) static int
fail_at(const char *file, unsigned line, struct conf_error *err, const char *fmt, ...)
{
	va_list ap;

	err->text[0] = '\0';
	error_add(err, "%s:%u: ", file, line);
	va_start(ap, fmt);
	error_vadd(err, fmt, ap);
	va_end(ap);
	return E_FORMAT;
}

int
conf_fail(const char *file, const struct conf_node *n, struct conf_error *err, const char *fmt, ...)
{
	va_list ap;

	err->text[0] = '\0';
	error_add(err, "%s:%u: ", file, n ? n->line : 1);
	va_start(ap, fmt);
	error_vadd(err, fmt, ap);
	va_end(ap);
	return E_FORMAT;
}

static int
fail_memory(struct conf_error *err)
{
	err->text[0] = '\0';
	error_add(err, "out of memory");
	return E_NOMEM;
}

/* --- YAML to tree ----------------------------------------------------------------------------------------------- */

struct reader {
	yaml_parser_t yaml;
	const char *file;
	struct conf_error *err;
	unsigned nodes, depth;
};

static unsigned
line_of(const yaml_event_t *ev)
{
	return (unsigned)ev->start_mark.line + 1;
}

static int
next_event(struct reader *r, yaml_event_t *ev)
{
	unsigned line = 0;

	if (yaml_parser_parse(&r->yaml, ev))
		return 0;
	if (r->yaml.error == YAML_MEMORY_ERROR)
		return fail_memory(r->err);
	line = (unsigned)(r->yaml.problem_mark.line ? r->yaml.problem_mark.line : r->yaml.mark.line) + 1;
	return fail_at(r->file, line, r->err, "found text that is not YAML (%s), expected YAML; example: key: value",
	               r->yaml.problem ? r->yaml.problem : "unknown problem");
}

static int
node_new(struct reader *r, const yaml_event_t *ev, enum conf_kind kind, struct conf_node **ret_n)
{
	struct conf_node *n = NULL;

	if (++r->nodes > CONF_NODES_MAX) {
		fail_at(r->file, line_of(ev), r->err, "found more than %u values, expected a smaller file",
		        CONF_NODES_MAX);
		return E_LIMIT;
	}
	n = calloc(1, sizeof *n);
	if (!n)
		return fail_memory(r->err);
	n->kind = kind;
	n->line = line_of(ev);
	*ret_n = n;
	return 0;
}

/* Anchors and tags: one text must mean one thing, and the reader of a file must see it where it stands. */
static int
check_plain_yaml(struct reader *r, const yaml_event_t *ev, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		return fail_at(r->file, line_of(ev), r->err,
		               "found the anchor \"&%s\", expected plain YAML; write the value out where it is used",
		               (const char *)anchor);
	if (tag)
		return fail_at(r->file, line_of(ev), r->err,
		               "found the tag \"%s\", expected plain YAML; the key decides the type",
		               (const char *)tag);
	return 0;
}

static int read_node(struct reader *r, const yaml_event_t *ev, struct conf_node **ret_n);

static int
read_scalar(struct reader *r, const yaml_event_t *ev, struct conf_node **ret_n)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	struct conf_node *n = NULL;
	int e = check_plain_yaml(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);

	if (e)
		return e;
	if (len && memchr(text, '\0', len))
		return fail_at(r->file, line_of(ev), r->err, "found a NUL character, expected text");
	if ((e = node_new(r, ev, CONF_SCALAR, &n)))
		return e;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = str_dup_n(text, len);
	if (!n->text) {
		conf_free(n);
		return fail_memory(r->err);
	}
	*ret_n = n;
	return 0;
}

static int
read_list(struct reader *r, struct conf_node *list)
{
	struct conf_node **tail = &list->sub;
	yaml_event_t ev;
	int e = 0;

	for (;;) {
		if ((e = next_event(r, &ev)))
			return e;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			break;
		e = read_node(r, &ev, tail);
		yaml_event_delete(&ev);
		if (e)
			return e;
		tail = &(*tail)->next;
	}
	yaml_event_delete(&ev);
	return 0;
}

/* The key at ev, checked, as fresh text. */
static int
read_key(struct reader *r, const yaml_event_t *ev, struct map *seen, char **ret_key)
{
	struct conf_node *n = NULL;
	const unsigned *first = NULL;
	int e = 0;

	if (ev->type != YAML_SCALAR_EVENT)
		return fail_at(r->file, line_of(ev), r->err, "found a key that is not text, expected key: value");
	if ((e = read_scalar(r, ev, &n)))
		return e;
	first = map_get(seen, n->text);
	if (n->text[0] == '\0')
		e = fail_at(r->file, n->line, r->err, "found an empty key, expected key: value");
	else if (first)
		e = fail_at(r->file, n->line, r->err,
		            "found key \"%s\" twice, expected it once; the first is at line %u", n->text, *first);
	if (!e) {
		*ret_key = n->text;
		n->text = NULL;
	}
	conf_free(n);
	return e;
}

static int
read_pair(struct reader *r, const yaml_event_t *key_ev, struct map *seen, struct conf_node **ret_n)
{
	yaml_event_t ev;
	struct conf_node *n = NULL;
	char *key = NULL;
	int e = read_key(r, key_ev, seen, &key);

	if (e)
		return e;
	if ((e = next_event(r, &ev)))
		goto out;
	e = read_node(r, &ev, &n);
	yaml_event_delete(&ev);
	if (e)
		goto out;
	n->line = line_of(key_ev);
	n->key = key;
	key = NULL;
	if (map_put(seen, n->key, &n->line)) {
		conf_free(n);
		e = fail_memory(r->err);
		goto out;
	}
	*ret_n = n;
out:
	free(key);
	return e;
}

static int
read_map(struct reader *r, struct conf_node *map)
{
	struct conf_node **tail = &map->sub;
	struct map seen;
	yaml_event_t ev;
	int e = 0;

	map_init(&seen, CONF_NODES_MAX, 0, NULL);
	for (;;) {
		if ((e = next_event(r, &ev)))
			goto out;
		if (ev.type == YAML_MAPPING_END_EVENT)
			break;
		e = read_pair(r, &ev, &seen, tail);
		yaml_event_delete(&ev);
		if (e)
			goto out;
		tail = &(*tail)->next;
	}
	yaml_event_delete(&ev);
out:
	map_release(&seen);
	return e;
}

static int
read_branch(struct reader *r, const yaml_event_t *ev, enum conf_kind kind, struct conf_node **ret_n)
{
	struct conf_node *n = NULL;
	int e = 0;

	if (r->depth == CONF_DEPTH_MAX) {
		fail_at(r->file, line_of(ev), r->err, "found more than %u levels, expected a flatter file",
		        CONF_DEPTH_MAX);
		return E_LIMIT;
	}
	if ((e = node_new(r, ev, kind, &n)))
		return e;
	r->depth++;
	e = kind == CONF_MAP ? read_map(r, n) : read_list(r, n);
	r->depth--;
	if (e) {
		conf_free(n);
		return e;
	}
	*ret_n = n;
	return 0;
}

/* The node that begins with ev; recursion is bounded by CONF_DEPTH_MAX. */
static int
read_node(struct reader *r, const yaml_event_t *ev, struct conf_node **ret_n)
{
	int e = 0;

	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(r, ev, ret_n);
	case YAML_SEQUENCE_START_EVENT:
		e = check_plain_yaml(r, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
		return e ? e : read_branch(r, ev, CONF_LIST, ret_n);
	case YAML_MAPPING_START_EVENT:
		e = check_plain_yaml(r, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
		return e ? e : read_branch(r, ev, CONF_MAP, ret_n);
	case YAML_ALIAS_EVENT:
		return fail_at(r->file, line_of(ev), r->err,
		               "found the alias \"*%s\", expected plain YAML; write the value out, or quote it if the "
		               "star is text",
		               (const char *)ev->data.alias.anchor);
	default:
		return fail_at(r->file, line_of(ev), r->err, "found the end, expected a value");
	}
}

static int
expect(struct reader *r, yaml_event_type_t type, yaml_event_type_t *ret_got)
{
	yaml_event_t ev;
	int e = next_event(r, &ev);

	if (e)
		return e;
	*ret_got = ev.type;
	if (ev.type != type)
		e = fail_at(r->file, line_of(&ev), r->err,
		            "found a second document, expected one; remove the line \"---\"");
	yaml_event_delete(&ev);
	return e;
}

/* Everything between stream start and stream end. A file of comments only is an empty map. */
static int
read_stream(struct reader *r, struct conf_node **ret_root)
{
	yaml_event_type_t got = YAML_NO_EVENT;
	yaml_event_t ev;
	struct conf_node *root = NULL;
	int e = expect(r, YAML_STREAM_START_EVENT, &got);

	if (e || (e = next_event(r, &ev)))
		return e;
	if (ev.type == YAML_STREAM_END_EVENT) {
		e = node_new(r, &ev, CONF_MAP, &root);
		yaml_event_delete(&ev);
		if (!e) {
			root->line = 1;
			*ret_root = root;
		}
		return e;
	}
	yaml_event_delete(&ev); /* document start */
	if ((e = next_event(r, &ev)))
		return e;
	e = read_node(r, &ev, &root);
	yaml_event_delete(&ev);
	if (!e)
		e = expect(r, YAML_DOCUMENT_END_EVENT, &got);
	if (!e)
		e = expect(r, YAML_STREAM_END_EVENT, &got);
	if (e) {
		conf_free(root);
		return e;
	}
	*ret_root = root;
	return 0;
}

int
conf_parse(const char *file, const void *p, size_t n, struct conf_node **ret_root, struct conf_error *err)
{
	struct reader r = {.file = file, .err = err};
	int e = 0;

	err->text[0] = '\0';
	if (n > CONF_BYTES_MAX) {
		fail_at(file, 1, err, "found %zu bytes, expected at most %u", n, CONF_BYTES_MAX);
		return E_LIMIT;
	}
	if (!yaml_parser_initialize(&r.yaml))
		return fail_memory(err);
	yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.yaml, n ? p : (const uint8_t *)"", n);
	e = read_stream(&r, ret_root);
	yaml_parser_delete(&r.yaml);
	return e;
}

static int
fail_io(const char *file, struct conf_error *err)
{
	int saved = errno;

	err->text[0] = '\0';
	error_add(err, "%s: %s", file, strerror(saved));
	errno = saved;
	return E_IO;
}

static int
read_whole(const char *file, int fd, struct buf *b, struct conf_error *err)
{
	uint8_t *p = NULL;

	for (;;) {
		ssize_t n = 0;
		if (buf_len(b) > CONF_BYTES_MAX) {
			fail_at(file, 1, err, "found more than %u bytes, expected a smaller file", CONF_BYTES_MAX);
			return E_LIMIT;
		}
		if (buf_reserve(b, 65536, &p))
			return fail_memory(err);
		n = read(fd, p, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_io(file, err);
		if (n == 0)
			return 0;
		buf_commit(b, (size_t)n);
	}
}

int
conf_load(const char *file, struct conf_node **ret_root, struct conf_error *err)
{
	struct buf b;
	int fd = open(file, O_RDONLY | O_CLOEXEC), e = 0;

	if (fd < 0)
		return fail_io(file, err);
	buf_init_secret(&b, CONF_BYTES_MAX + 2 * 65536); /* a configuration may hold client secrets */
	e = read_whole(file, fd, &b, err);
	if (!e)
		e = conf_parse(file, buf_ptr(&b), buf_len(&b), ret_root, err);
	buf_release(&b);
	close(fd);
	return e;
}

/* --- the tree --------------------------------------------------------------------------------------------------- */

void
conf_free(struct conf_node *n)
{
	while (n) {
		struct conf_node *next = n->next;
		conf_free(n->sub); /* as deep as CONF_DEPTH_MAX */
		free(n->key);
		free(n->text);
		free(n);
		n = next;
	}
}

const struct conf_node *
conf_get(const struct conf_node *map, const char *key)
{
	if (!map || map->kind != CONF_MAP)
		return NULL;
	for (const struct conf_node *n = map->sub; n; n = n->next)
		if (strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

size_t
conf_count(const struct conf_node *n)
{
	size_t count = 0;

	for (n = n ? n->sub : NULL; n; n = n->next)
		count++;
	return count;
}

json_t *
conf_to_json(const struct conf_node *root)
{
	json_t *j = NULL;
	int e = 0;

	if (root->kind == CONF_SCALAR)
		return json_string(root->text);
	j = root->kind == CONF_MAP ? json_object() : json_array();
	for (const struct conf_node *n = root->sub; j && n; n = n->next) {
		json_t *v = conf_to_json(n);
		e = root->kind == CONF_MAP ? json_object_set_new(j, n->key, v) : json_array_append_new(j, v);
		if (e) {
			json_decref(j);
			return NULL;
		}
	}
	return j;
}

/* Compares a pointer's token (RFC 6901: "~1" is '/', "~0" is '~') with a key. */
static bool
token_is(const char *token, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++, key++) {
		char c = token[i];
		if (c == '~' && i + 1 < n)
			c = token[++i] == '1' ? '/' : '~';
		if (*key != c)
			return false;
	}
	return *key == '\0';
}

static const struct conf_node *
child_at(const struct conf_node *n, const char *token, size_t len)
{
	char digits[16];
	uint64_t index = 0;

	if (n->kind == CONF_LIST &&
	    (str_copy_n(digits, sizeof digits, token, len) || str_u64(digits, CONF_NODES_MAX, &index)))
		return NULL;
	for (const struct conf_node *c = n->sub; c; c = c->next)
		if (n->kind == CONF_MAP ? token_is(token, len, c->key) : index-- == 0)
			return c;
	return NULL;
}

unsigned
conf_line_at(const struct conf_node *root, const char *pointer)
{
	unsigned line = root ? root->line : 0;

	while (root && *pointer == '/') {
		size_t len = strcspn(++pointer, "/");
		root = child_at(root, pointer, len);
		pointer += len;
		if (root)
			line = root->line;
	}
	return line;
}

/* --- typed readers ---------------------------------------------------------------------------------------------- */

/* "found X, expected Y; example: key: Z" for a leaf. */
static int
fail_leaf(const char *file, const struct conf_node *n, struct conf_error *err, const char *expected,
          const char *example)
{
	conf_fail(file, n, err, "found ");
	if (n->kind == CONF_MAP)
		error_add(err, "a map");
	else if (n->kind == CONF_LIST)
		error_add(err, "a list");
	else if (n->text[0] == '\0')
		error_add(err, "nothing");
	else
		error_add(err, "\"%.100s\"", n->text);
	error_add(err, ", expected %s; example: %s%s%s", expected, n->key ? n->key : "", n->key ? ": " : "", example);
	return E_FORMAT;
}

int
conf_bool(const char *file, const struct conf_node *n, bool *ret_v, struct conf_error *err)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

	for (size_t i = 0; n->kind == CONF_SCALAR && i < sizeof words / sizeof *words; i++) {
		if (strcmp(n->text, words[i]) == 0) {
			*ret_v = i % 2;
			return 0;
		}
	}
	return fail_leaf(file, n, err, "true or false", "true");
}

int
conf_u64(const char *file, const struct conf_node *n, uint64_t min, uint64_t max, uint64_t *ret_v,
         struct conf_error *err)
{
	char expected[96], example[32];
	uint64_t v = 0;
	int e = n->kind == CONF_SCALAR ? str_u64(n->text, max, &v) : E_FORMAT;

	if (!e && v >= min) {
		*ret_v = v;
		return 0;
	}
	snprintf(expected, sizeof expected, "a whole number from %llu to %llu", (unsigned long long)min,
	         (unsigned long long)max);
	snprintf(example, sizeof example, "%llu", (unsigned long long)min);
	fail_leaf(file, n, err, expected, example);
	return e == E_FORMAT ? E_FORMAT : E_RANGE;
}

int
conf_duration(const char *file, const struct conf_node *n, int64_t *ret_ms, struct conf_error *err)
{
	int e = n->kind == CONF_SCALAR ? duration_parse(n->text, ret_ms) : E_FORMAT;

	if (!e)
		return 0;
	fail_leaf(file, n, err,
	          e == E_RANGE ? "a duration from 0 to ten years" : "a duration with its unit (ms, s, m, h)", "8h");
	return e;
}

/* --- keyword tables --------------------------------------------------------------------------------------------- */

static int
fail_unknown(const char *file, const struct conf_node *n, const struct conf_key *keys, size_t nkeys,
             struct conf_error *err)
{
	const char *near = NULL;

	/* One name at a time: a NULL-ended copy of all would only be made for this. The nearest of the near is kept. */
	for (size_t i = 0; i < nkeys; i++) {
		const char *const pair[] = {near ? near : keys[i].name, keys[i].name, NULL};
		const char *best = str_nearest(n->key, pair);
		if (best)
			near = best;
	}
	conf_fail(file, n, err, "unknown key \"%.100s\"; ", n->key);
	if (near)
		error_add(err, "did you mean \"%s\"? ", near);
	error_add(err, "known keys:");
	for (size_t i = 0; i < nkeys; i++)
		error_add(err, "%s %s", i ? "," : "", keys[i].name);
	return E_FORMAT;
}

static const struct conf_key *
key_find(const struct conf_key *keys, size_t nkeys, const char *name)
{
	for (size_t i = 0; i < nkeys; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

int
conf_apply(const char *file, const struct conf_node *map, const struct conf_key *keys, size_t nkeys, void *target,
           struct conf_error *err)
{
	int e = 0;

	if (map->kind != CONF_MAP)
		return fail_leaf(file, map, err, "a map", nkeys ? keys[0].name : "key");
	/* Unknown keys first: a misspelt required key is better reported as misspelt than as missing. */
	for (const struct conf_node *n = map->sub; n; n = n->next)
		if (!key_find(keys, nkeys, n->key))
			return fail_unknown(file, n, keys, nkeys, err);
	for (size_t i = 0; i < nkeys; i++)
		if ((keys[i].flags & CONF_REQUIRED) && !conf_get(map, keys[i].name))
			return conf_fail(file, map, err, "found no key \"%s\", expected one; add %s: VALUE",
			                 keys[i].name, keys[i].name);
	for (const struct conf_node *n = map->sub; n && !e; n = n->next)
		e = key_find(keys, nkeys, n->key)->set(target, file, n, err);
	return e;
}

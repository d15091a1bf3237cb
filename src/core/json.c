#include "core/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define JSON_DEPTH_MAX 64u /* jansson's own limit is 2048, each a stack frame */

/* Deepest nesting of the text, counted without parsing: brackets inside strings do not count. */
static bool
too_deep(const char *p, size_t n)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		if (quoted && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (p[i] == '{' || p[i] == '[') && ++depth > JSON_DEPTH_MAX)
			return true;
		else if (!quoted && (p[i] == '}' || p[i] == ']') && depth)
			depth--;
	}
	return false;
}

int
json_load_strict(const void *p, size_t n, size_t max, json_t **ret_j)
{
	json_error_t err;
	json_t *j = NULL;

	if (n > max)
		return E_LIMIT;
	if (n == 0)
		return E_FORMAT;
	if (too_deep(p, n))
		return E_LIMIT;
	j = json_loadb(p, n, JSON_REJECT_DUPLICATES, &err);
	if (!j)
		return json_error_code(&err) == json_error_out_of_memory ? E_NOMEM : E_FORMAT;
	*ret_j = j;
	return 0;
}

static const char *
why_code(enum json_error_code code)
{
	switch (code) {
	case json_error_duplicate_key:
		return "found a key twice, expected it once";
	case json_error_premature_end_of_input:
		return "it ends too early";
	case json_error_end_of_input_expected:
		return "found more after its end";
	case json_error_invalid_utf8:
		return "found bytes that are not UTF-8";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "found a NUL in a text";
	case json_error_numeric_overflow:
		return "found a number that is too large";
	default:
		return "found what is not JSON";
	}
}

void
json_why(const void *p, size_t n, size_t max, char out[static JSON_WHY_MAX])
{
	json_error_t err = {0};
	json_t *j = NULL;

	if (n == 0)
		snprintf(out, JSON_WHY_MAX, "found nothing");
	else if (n > max)
		snprintf(out, JSON_WHY_MAX, "found %zu bytes, expected at most %zu", n, max);
	else if (too_deep(p, n))
		snprintf(out, JSON_WHY_MAX, "found it nested more than %u deep", JSON_DEPTH_MAX);
	else if (!(j = json_loadb(p, n, JSON_REJECT_DUPLICATES, &err)))
		snprintf(out, JSON_WHY_MAX, "line %d, column %d: %s", err.line, err.column,
		         why_code(json_error_code(&err)));
	else
		snprintf(out, JSON_WHY_MAX, "found %s",
		         json_is_array(j)    ? "a list"
		         : json_is_string(j) ? "a text"
		         : json_is_object(j) ? "a map"
		                             : "a plain value");
	json_decref(j);
}

/* jansson does not look at every result of its callback, so the first failure is remembered here. */
struct dump_sink {
	struct buf *out;
	int err;
};

static int
dump_to_buf(const char *p, size_t n, void *arg)
{
	struct dump_sink *sink = arg;

	if (!sink->err)
		sink->err = buf_put(sink->out, p, n);
	return sink->err;
}

int
json_dump(const json_t *j, struct buf *out)
{
	size_t before = buf_len(out);
	struct dump_sink sink = {out, 0};
	int bad = json_dump_callback(j, dump_to_buf, &sink, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (!bad && !sink.err)
		return 0;
	out->w = out->r + before;
	return E_NOMEM;
}

char *
json_dump_str(const json_t *j)
{
	return json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}

static int
get(const json_t *o, const char *key, json_t **ret_v)
{
	json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v))
		return E_NOENT;
	*ret_v = v;
	return 0;
}

int
json_get_str(const json_t *o, const char *key, const char **ret_s)
{
	json_t *v = NULL;
	int e = get(o, key, &v);

	if (e)
		return e;
	if (!json_is_string(v))
		return E_FORMAT;
	*ret_s = json_string_value(v);
	return 0;
}

int
json_get_i64(const json_t *o, const char *key, int64_t *ret_v)
{
	json_t *v = NULL;
	int e = get(o, key, &v);

	if (e)
		return e;
	if (!json_is_integer(v))
		return E_FORMAT;
	*ret_v = json_integer_value(v);
	return 0;
}

int
json_get_bool(const json_t *o, const char *key, bool *ret_v)
{
	json_t *v = NULL;
	int e = get(o, key, &v);

	if (e)
		return e;
	if (!json_is_boolean(v))
		return E_FORMAT;
	*ret_v = json_is_true(v);
	return 0;
}

int
json_get_array(const json_t *o, const char *key, json_t **ret_a)
{
	json_t *v = NULL;
	int e = get(o, key, &v);

	if (e)
		return e;
	if (!json_is_array(v))
		return E_FORMAT;
	*ret_a = v;
	return 0;
}

int
json_get_object(const json_t *o, const char *key, json_t **ret_o)
{
	json_t *v = NULL;
	int e = get(o, key, &v);

	if (e)
		return e;
	if (!json_is_object(v))
		return E_FORMAT;
	*ret_o = v;
	return 0;
}

const char *
json_str_or(const json_t *o, const char *key, const char *dflt)
{
	const char *s = dflt;

	(void)json_get_str(o, key, &s);
	return s;
}

bool
json_bool_or(const json_t *o, const char *key, bool dflt)
{
	bool v = dflt;

	(void)json_get_bool(o, key, &v);
	return v;
}

int64_t
json_i64_or(const json_t *o, const char *key, int64_t dflt)
{
	int64_t v = dflt;

	(void)json_get_i64(o, key, &v);
	return v;
}

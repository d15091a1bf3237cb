#include "model/model.h"

#include "core/clock.h"
#include "core/secret.h"
#include "core/str.h"
#include "core/url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- errors ------------------------------------------------------------------------------------------------------- */

static void
text_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s == 0x7f)
			*s = '?';
}

int
model_fail(struct model_error *err, const char *pointer, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return E_FORMAT;
	snprintf(err->pointer, sizeof err->pointer, "%s", pointer);
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	text_printable(err->pointer);
	text_printable(err->text);
	return E_FORMAT;
}

void
model_error_prefix(struct model_error *err, const char *fmt, ...)
{
	char pre[256], joined[512];
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	vsnprintf(pre, sizeof pre, fmt, ap);
	va_end(ap);
	text_printable(pre);
	snprintf(joined, sizeof joined, "%s%s", pre, err->pointer);
	joined[sizeof err->pointer - 1] = '\0';
	memcpy(err->pointer, joined, strlen(joined) + 1);
}

void
model_error_format(const struct model_error *err, char *out, size_t n)
{
	snprintf(out, n, "%s%s%s", err->pointer, err->pointer[0] ? ": " : "", err->text);
}

/* A member name as one step of a JSON pointer (RFC 6901 section 3). */
static void
pointer_step(const char *name, char *out, size_t n)
{
	size_t w = 0;

	out[w++] = '/';
	for (; *name && w + 3 < n; name++) {
		if (*name == '~' || *name == '/') {
			out[w++] = '~';
			out[w++] = *name == '~' ? '0' : '1';
		} else
			out[w++] = *name;
	}
	out[w] = '\0';
}

/* What was found, in a few words; long texts are cut. */
static const char *
found(const json_t *v, char *out, size_t n)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		snprintf(out, n, "a map");
		break;
	case JSON_ARRAY:
		snprintf(out, n, "a list");
		break;
	case JSON_STRING:
		snprintf(out, n, strlen(json_string_value(v)) > 60 ? "\"%.57s...\"" : "\"%.60s\"",
		         json_string_value(v));
		break;
	case JSON_INTEGER:
		snprintf(out, n, "the number %lld", (long long)json_integer_value(v));
		break;
	case JSON_REAL:
		snprintf(out, n, "the number %g", json_real_value(v));
		break;
	case JSON_TRUE:
		snprintf(out, n, "true");
		break;
	case JSON_FALSE:
		snprintf(out, n, "false");
		break;
	case JSON_NULL:
	default:
		snprintf(out, n, "null");
		break;
	}
	return out;
}

static int
fail_found(struct model_error *err, const json_t *v, const char *expected)
{
	char f[96];

	return model_fail(err, "", "found %s, expected %s", found(v, f, sizeof f), expected);
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

void
texts_release(struct texts *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct texts){0};
}

int
texts_add(struct texts *s, const char *v)
{
	char **grown, *copy;

	if (s->n >= MODEL_LIST_MAX)
		return E_LIMIT;
	copy = str_dup(v);
	if (!copy)
		return E_NOMEM;
	grown = realloc(s->v, (s->n + 1) * sizeof *grown);
	if (!grown) {
		free(copy);
		return E_NOMEM;
	}
	s->v = grown;
	s->v[s->n++] = copy;
	return E_OK;
}

bool
texts_has(const struct texts *s, const char *v)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], v) == 0)
			return true;
	return false;
}

json_t *
texts_to_json(const struct texts *s)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < s->n; i++) {
		if (json_array_append_new(a, json_string(s->v[i])) != 0) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

/* --- readers of one value -------------------------------------------------------------------------------------------
 */

static void *
field_at(const struct model_field *f, void *rec)
{
	return (char *)rec + f->offset;
}

static const void *
field_in(const struct model_field *f, const void *rec)
{
	return (const char *)rec + f->offset;
}

static bool
text_clean(const char *s, bool lines)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if ((c < 0x20 && !(lines && c == '\n')) || c == 0x7f)
			return false;
	}
	return true;
}

static int
put_text(char **at, const char *s)
{
	char *copy = str_dup(s);

	if (!copy)
		return E_NOMEM;
	free(*at);
	*at = copy;
	return E_OK;
}

static int
fail_domain(struct model_error *err, const char *s, bool wildcard)
{
	const char *hint = "";

	if (strstr(s, "://"))
		hint = "; write the host name without a scheme";
	else if (strchr(s, '/'))
		hint = "; a path is not supported, an application is a whole host";
	else if (strchr(s, ':'))
		hint = "; write it without a port";
	else if (strchr(s, '*'))
		hint = wildcard ? "; one * is possible, in the first label: *.example.com" : "; no wildcard here";
	return model_fail(err, "", "found \"%.60s\", expected a host name such as ssh.example.com%s", s, hint);
}

static int
read_text(const struct model_field *f, void *rec, const json_t *v, struct model_error *err)
{
	char host[HOST_MAX + 1], email[255];
	const char *s = json_string_value(v);

	if (!s)
		return fail_found(err, v, "a text");
	switch (f->type) {
	case MT_NAME:
		if (!s[0] || strlen(s) > MODEL_NAME_MAX || !text_clean(s, false))
			return fail_found(err, v, "a name of 1 to 350 characters on one line");
		break;
	case MT_ID:
		if (!model_is_id(s))
			return fail_found(err, v, "a UUID");
		break;
	case MT_AUD:
		if (!model_is_aud(s))
			return fail_found(err, v, "64 hexadecimal digits");
		break;
	case MT_HOST:
		if (f->flags & MF_WILDCARD ? model_domain(s, host) != 0 : host_parse(s, strlen(s), host) != 0)
			return fail_domain(err, s, f->flags & MF_WILDCARD);
		s = host;
		break;
	case MT_EMAIL:
		if (model_email(s, email) != 0)
			return fail_found(err, v, "an e-mail address such as jdoe@example.com");
		s = email;
		break;
	default:
		if (strlen(s) > (f->max ? (size_t)f->max : MODEL_TEXT_MAX) || !text_clean(s, f->flags & MF_LINES))
			return fail_found(err, v,
			                  f->flags & MF_LINES ? "a text of at most 8192 bytes"
			                                      : "one line of text of at most 8192 bytes");
		break;
	}
	return put_text(field_at(f, rec), s);
}

static int
read_bool(bool *at, const json_t *v, bool text_scalars, struct model_error *err)
{
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};

	if (!text_scalars && json_is_boolean(v)) {
		*at = json_is_true(v);
		return E_OK;
	}
	for (size_t i = 0; text_scalars && json_is_string(v) && i < 3; i++) {
		bool t = strcmp(json_string_value(v), yes[i]) == 0;
		if (t || strcmp(json_string_value(v), no[i]) == 0) {
			*at = t;
			return E_OK;
		}
	}
	return fail_found(err, v, "true or false");
}

int
model_read_false(void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	bool b = false;
	int ret = read_bool(&b, v, text_scalars, err);

	(void)rec;
	if (ret == E_OK && b)
		return model_fail(err, "", "found true; this is not offered here, leave it out or say false");
	return ret;
}

static int
read_int(const struct model_field *f, void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	char want[96];
	int64_t n = 0;
	uint64_t u;
	bool ok = false;

	if (!text_scalars && json_is_integer(v)) {
		n = json_integer_value(v);
		ok = true;
	} else if (text_scalars && json_is_string(v)) {
		const char *s = json_string_value(v);
		bool minus = f->min < 0 && s[0] == '-';

		ok = str_u64(s + minus, INT64_MAX, &u) == 0;
		n = ok ? (minus ? -(int64_t)u : (int64_t)u) : 0;
	}
	if (!ok || n < f->min || n > f->max) {
		snprintf(want, sizeof want, "a whole number from %lld to %lld", (long long)f->min, (long long)f->max);
		return fail_found(err, v, want);
	}
	*(int64_t *)field_at(f, rec) = n;
	return E_OK;
}

static int
read_duration(const struct model_field *f, void *rec, const json_t *v, struct model_error *err)
{
	char want[128], lo[32], hi[32];
	int64_t ms;

	if (!json_is_string(v) || duration_parse(json_string_value(v), &ms) != 0)
		return fail_found(err, v, "a duration such as 90s, 3m or 8h");
	if (ms < f->min || ms > f->max) {
		duration_format(f->min, lo, sizeof lo);
		duration_format(f->max, hi, sizeof hi);
		snprintf(want, sizeof want, "a duration from %s to %s", lo, hi);
		return fail_found(err, v, want);
	}
	*(int64_t *)field_at(f, rec) = ms;
	return E_OK;
}

static int
read_enum(const struct model_field *f, void *rec, const json_t *v, struct model_error *err)
{
	char list[160];
	const char *near, *s = json_string_value(v);
	size_t w = 0;

	for (int i = 0; s && f->words[i]; i++) {
		if (strcmp(s, f->words[i]) == 0) {
			*(int *)field_at(f, rec) = i;
			return E_OK;
		}
	}
	list[0] = '\0';
	for (size_t i = 0; f->words[i] && w < sizeof list; i++)
		w += (size_t)snprintf(list + w, sizeof list - w, "%s%s", i ? ", " : "one of ", f->words[i]);
	near = s ? str_nearest(s, f->words) : NULL;
	if (near && w < sizeof list)
		snprintf(list + w, sizeof list - w, "; did you mean %s?", near);
	return fail_found(err, v, list);
}

static int
read_strs(const struct model_field *f, void *rec, const json_t *v, struct model_error *err)
{
	struct texts got = {0}, *at = field_at(f, rec);
	int ret = E_OK;

	if (!json_is_array(v))
		return fail_found(err, v, "a list of texts");
	if (json_array_size(v) > MODEL_LIST_MAX)
		return model_fail(err, "", "found a list of %zu, expected at most %d", json_array_size(v),
		                  MODEL_LIST_MAX);
	for (size_t i = 0; ret == E_OK && i < json_array_size(v); i++) {
		const json_t *e = json_array_get(v, i);
		const char *s = json_string_value(e);
		if (!s || !s[0] || strlen(s) > MODEL_TEXT_MAX || !text_clean(s, false)) {
			ret = fail_found(err, e, "one line of text");
			model_error_prefix(err, "/%zu", i);
		} else
			ret = texts_add(&got, s);
	}
	if (ret != E_OK) {
		texts_release(&got);
		return ret;
	}
	texts_release(at);
	*at = got;
	return E_OK;
}

/* Never quotes what it found. */
static int
read_secret(const struct model_field *f, void *rec, const json_t *v, struct model_error *err)
{
	int ret;

	if (!json_is_string(v))
		return model_fail(err, "", "found no text, expected a secret text");
	ret = secret_set_str(field_at(f, rec), json_string_value(v));
	if (ret == E_LIMIT)
		return model_fail(err, "", "found a secret of more than %d bytes", SECRET_MAX);
	return ret;
}

static int
read_json(const struct model_field *f, void *rec, const json_t *v, struct model_error *err)
{
	json_t **at = field_at(f, rec), *copy;

	if (f->flags & MF_ARRAY ? !json_is_array(v) : !json_is_object(v))
		return fail_found(err, v, f->flags & MF_ARRAY ? "a list" : "a map");
	if ((f->flags & MF_ARRAY) && json_array_size(v) > MODEL_LIST_MAX)
		return model_fail(err, "", "found a list of %zu, expected at most %d", json_array_size(v),
		                  MODEL_LIST_MAX);
	copy = json_deep_copy(v);
	if (!copy)
		return E_NOMEM;
	json_decref(*at);
	*at = copy;
	return E_OK;
}

static int
read_time(const struct model_field *f, void *rec, const json_t *v, struct model_error *err)
{
	int64_t t;

	if (!json_is_string(v) || time_parse(json_string_value(v), &t) != 0)
		return fail_found(err, v, "a time such as 2026-11-22T10:00:00Z");
	*(int64_t *)field_at(f, rec) = t;
	return E_OK;
}

static int
read_value(const struct model_field *f, void *rec, const json_t *v, bool text_scalars, struct model_error *err)
{
	if (f->flags & MF_IGNORE)
		return E_OK;
	switch (f->type) {
	case MT_BOOL:
		return read_bool(field_at(f, rec), v, text_scalars, err);
	case MT_INT:
		return read_int(f, rec, v, text_scalars, err);
	case MT_DURATION:
		return read_duration(f, rec, v, err);
	case MT_TIME:
		return read_time(f, rec, v, err);
	case MT_ENUM:
		return read_enum(f, rec, v, err);
	case MT_STRS:
		return read_strs(f, rec, v, err);
	case MT_SECRET:
		return read_secret(f, rec, v, err);
	case MT_JSON:
		return read_json(f, rec, v, err);
	case MT_CUSTOM:
		return f->read(rec, v, text_scalars, err);
	default:
		return read_text(f, rec, v, err);
	}
}

/* --- whole records --------------------------------------------------------------------------------------------------
 */

#define TABLE_NAMES_MAX 64

static const struct model_field *
table_find(const struct model_table *t, const char *name)
{
	for (const struct model_field *f = t->fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static int
fail_unknown(const struct model_table *t, const char *key, struct model_error *err)
{
	const char *names[TABLE_NAMES_MAX + 1], *near;
	char step[200];
	size_t n = 0;

	for (const struct model_field *f = t->fields; f->name && n < TABLE_NAMES_MAX; f++)
		names[n++] = f->name;
	names[n] = NULL;
	near = str_nearest(key, names);
	pointer_step(key, step, sizeof step);
	if (near)
		return model_fail(err, step, "found unknown field \"%.60s\" of %s; did you mean %s?", key, t->what,
		                  near);
	return model_fail(err, step, "found unknown field \"%.60s\" of %s", key, t->what);
}

int
model_read(const struct model_table *t, const json_t *j, bool text_scalars, void *rec, struct model_error *err)
{
	const char *key;
	json_t *v;
	int ret;

	if (!json_is_object(j))
		return fail_found(err, j, "a map");
	json_object_foreach((json_t *)(uintptr_t)j, key, v)
	{
		const struct model_field *f = table_find(t, key);
		if (!f)
			return fail_unknown(t, key, err);
		if (json_is_null(v))
			continue;
		ret = read_value(f, rec, v, text_scalars, err);
		if (ret != E_OK) {
			model_error_prefix(err, "/%s", key);
			return ret;
		}
	}
	for (const struct model_field *f = t->fields; f->name; f++) {
		if (!(f->flags & MF_REQUIRED))
			continue;
		v = json_object_get(j, f->name);
		if (!v || json_is_null(v))
			return model_fail(err, "", "%s lacks the field \"%s\"", t->what, f->name);
	}
	return E_OK;
}

static json_t *
write_value(const struct model_field *f, const void *rec, enum model_form form, bool *ret_absent)
{
	const void *at = field_in(f, rec);
	const struct texts *list;
	const struct secret *secret;
	json_t *sub;
	char text[32];

	switch (f->type) {
	case MT_BOOL:
		*ret_absent = !*(const bool *)at && !(f->flags & MF_EMPTY);
		return json_boolean(*(const bool *)at);
	case MT_INT:
		return json_integer(*(const int64_t *)at);
	case MT_DURATION:
		*ret_absent = *(const int64_t *)at < 0;
		duration_format(*(const int64_t *)at, text, sizeof text);
		return *ret_absent ? NULL : json_string(text);
	case MT_TIME:
		*ret_absent = *(const int64_t *)at == 0;
		time_format(*(const int64_t *)at, text);
		return *ret_absent ? NULL : json_string(text);
	case MT_ENUM:
		return json_string(f->words[*(const int *)at]);
	case MT_STRS:
		list = at;
		*ret_absent = list->n == 0 && !(f->flags & MF_EMPTY);
		return *ret_absent ? NULL : texts_to_json(list);
	case MT_SECRET:
		secret = at;
		*ret_absent = form == MODEL_API || !secret->d;
		return *ret_absent ? NULL : json_stringn((const char *)secret->d, secret->n);
	case MT_JSON:
		sub = *(json_t *const *)at;
		if (!sub && form == MODEL_API && (f->flags & MF_EMPTY))
			return json_array();
		*ret_absent = sub == NULL;
		return json_deep_copy(sub);
	case MT_CUSTOM:
		sub = f->write ? f->write(rec, form) : NULL;
		*ret_absent = sub == NULL;
		return sub;
	default:
		*ret_absent = *(char *const *)at == NULL;
		return *ret_absent ? NULL : json_string(*(char *const *)at);
	}
}

json_t *
model_write(const struct model_table *t, const void *rec, enum model_form form)
{
	json_t *o = json_object();

	for (const struct model_field *f = t->fields; o && f->name; f++) {
		bool absent = false;
		json_t *v;

		if ((f->flags & MF_IGNORE) || ((f->flags & MF_STORE) && form == MODEL_API))
			continue;
		v = write_value(f, rec, form, &absent);
		if (absent) {
			json_decref(v);
			continue;
		}
		if (!v || json_object_set_new(o, f->name, v) != 0) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

void
model_release(const struct model_table *t, void *rec)
{
	for (const struct model_field *f = t->fields; f->name; f++) {
		void *at = field_at(f, rec);

		if (f->flags & MF_IGNORE)
			continue;
		switch (f->type) {
		case MT_BOOL:
		case MT_INT:
		case MT_DURATION:
		case MT_TIME:
		case MT_ENUM:
			break;
		case MT_STRS:
			texts_release(at);
			break;
		case MT_SECRET:
			secret_release(at);
			break;
		case MT_JSON:
			json_decref(*(json_t **)at);
			*(json_t **)at = NULL;
			break;
		case MT_CUSTOM:
			if (f->release)
				f->release(rec);
			break;
		default:
			free(*(char **)at);
			*(char **)at = NULL;
			break;
		}
	}
}

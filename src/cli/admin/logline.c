#include "cli/admin/logline.h"

#include <stdio.h>
#include <string.h>

#include "cli/admin/diff.h"
#include "cli/common/cli.h"
#include "core/clock.h"

int
logline_since(const char *text, int64_t now, int64_t *ret_wall)
{
	char day[24];
	int64_t v;
	int r = duration_parse(text, &v);

	if (r == 0) {
		*ret_wall = now - v / 1000;
		return 0;
	}
	if (r == E_RANGE)
		return r;
	if (strlen(text) == 10 && snprintf(day, sizeof day, "%sT00:00:00Z", text) > 0)
		return time_parse(day, ret_wall);
	return time_parse(text, ret_wall);
}

static int
put_value(struct buf *out, const char *s)
{
	bool quote = !*s || strpbrk(s, " \"=\\") != NULL;
	int r = quote ? buf_put_str(out, "\"") : 0;

	for (size_t n; r == 0 && *s; s += n ? n : 1) {
		n = cli_control(s);
		if (*s == '"' || *s == '\\')
			r = buf_put_u8(out, '\\');
		if (r == 0)
			r = buf_put_u8(out, n ? '?' : (uint8_t)*s);
	}
	return r == 0 && quote ? buf_put_str(out, "\"") : r;
}

static int
put_pair(struct buf *out, const char *name, const char *value)
{
	int r = value ? buf_putf(out, " %s=", name) : 0;
	return r == 0 && value ? put_value(out, value) : r;
}

/* What an administrator changed, in apply's words: changes="+ app ssh, ~ group staff: include". */
static int
put_changes(struct buf *out, const json_t *changes)
{
	struct buf b;
	size_t i;
	const json_t *c;
	int r = 0;

	if (!json_array_size(changes))
		return 0;
	buf_init(&b, out->max);
	json_array_foreach(changes, i, c)
	{
		if (r == 0 && i)
			r = buf_put_str(&b, ", ");
		if (r == 0 && (r = diff_line(c, &b)) == 0)
			b.w--; /* its line end */
	}
	const char *text = r == 0 ? buf_cstr(&b) : NULL;
	if (r == 0)
		r = text ? put_pair(out, "changes", text) : E_NOMEM;
	buf_release(&b);
	return r;
}

int
logline_format(const json_t *rec, struct buf *out)
{
	static const char *const keys[] = {"actor", "subject", "domain", "ip", "session", "request"};
	const char *time = json_str_or(rec, "time", NULL), *kind = json_str_or(rec, "kind", NULL);
	int64_t code = json_i64_or(rec, "code", 0);
	char text[32];
	int r = time && kind ? 0 : E_FORMAT;

	if (r == 0)
		r = put_value(out, time);
	if (r == 0)
		r = buf_put_str(out, " ");
	if (r == 0)
		r = put_value(out, kind);
	for (size_t i = 0; r == 0 && i < sizeof keys / sizeof *keys; i++)
		r = put_pair(out, keys[i], json_str_or(rec, keys[i], NULL));
	snprintf(text, sizeof text, "SP-%lld", (long long)code);
	if (r == 0 && code)
		r = put_pair(out, "code", text);
	if (r == 0)
		r = put_pair(out, "why", json_str_or(rec, "why", NULL));
	if (r == 0)
		r = put_changes(out, json_object_get(json_object_get(rec, "details"), "changes"));
	return r == 0 ? buf_put_str(out, "\n") : r;
}

#include "cli/admin/diff.h"

#include <string.h>

#include "cli/common/cli.h"

static int
put_clean(struct buf *out, const char *s)
{
	int r = 0;

	for (size_t n; r == 0 && *s; s += n ? n : 1) {
		n = cli_control(s);
		r = buf_put_u8(out, n ? '?' : (uint8_t)*s);
	}
	return r;
}

static int
put_field(struct buf *out, const char *name, size_t i)
{
	int r = buf_put_str(out, i ? ", " : ": ");
	return r == 0 ? put_clean(out, name) : r;
}

static int
put_fields(struct buf *out, json_t *fields)
{
	const char *key;
	json_t *v;
	size_t i = 0;
	int r = 0;

	if (json_is_object(fields)) {
		json_object_foreach(fields, key, v) if (r == 0) r = put_field(out, key, i++);
	} else {
		json_array_foreach(fields, i, v) if (r == 0 && json_is_string(v)) r =
		    put_field(out, json_string_value(v), i);
	}
	return r;
}

int
diff_line(const json_t *change, struct buf *out)
{
	const char *action = json_str_or(change, "action", "update");
	char mark = !strcmp(action, "create") ? '+' : !strcmp(action, "delete") ? '-' : '~';
	int r = json_is_object(change) ? 0 : E_FORMAT;

	if (r == 0)
		r = buf_putf(out, "%c ", mark);
	if (r == 0)
		r = put_clean(out, json_str_or(change, "kind", "?"));
	if (r == 0)
		r = buf_put_str(out, " ");
	if (r == 0)
		r = put_clean(out, json_str_or(change, "name", "?"));
	if (r == 0 && mark == '~')
		r = put_fields(out, json_object_get(change, "fields"));
	return r == 0 ? buf_put_str(out, "\n") : r;
}

int
diff_text(const json_t *changes, struct buf *out)
{
	const json_t *change;
	size_t i;
	int r = 0;

	if (!json_array_size(changes))
		return buf_put_str(out, "nothing to change\n");
	json_array_foreach(changes, i, change) if (r == 0) r = diff_line(change, out);
	return r;
}

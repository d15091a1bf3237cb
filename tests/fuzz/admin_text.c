/* What an edge tells an administrator's terminal: audit records and differences. Whatever it is, a record is one line
 * and moves no cursor. */
#include "cli/admin/diff.h"
#include "cli/admin/logline.h"
#include "cli/common/cli.h"
#include "fuzz.h"

static void
check(struct buf *out)
{
	const char *s = buf_cstr(out);
	size_t n = buf_len(out);

	MUST(s && n && s[n - 1] == '\n' && strlen(s) == n);
	for (size_t i = 0; i < n; i++)
		MUST(!cli_control(s + i) || s[i] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	char *text = fuzz_text(d, n);
	json_t *o = NULL;
	struct buf out;
	int64_t at = -1;

	if (logline_since(text, 1800000000, &at) < 0)
		MUST(at == -1);
	free(text);
	if (json_load_strict(d, n, 65536, &o) < 0)
		return 0;
	buf_init(&out, 1u << 20);
	if (logline_format(o, &out) == 0) {
		check(&out);
		MUST((char *)memchr(buf_ptr(&out), '\n', buf_len(&out)) == (char *)buf_ptr(&out) + buf_len(&out) - 1);
	}
	buf_clear(&out);
	if (diff_text(o, &out) == 0)
		check(&out);
	buf_release(&out);
	json_decref(o);
	return 0;
}

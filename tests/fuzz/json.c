/* Strict JSON: what loads, dumps to text that loads to the same value. */
#include "core/err.h"
#include "core/json.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	json_t *j = NULL, *again = NULL;
	struct buf out;
	const char *s = NULL;
	int64_t v = 0;

	if (json_load_strict(p, n, 65536, &j))
		return 0;
	buf_init(&out, BUF_MAX);
	MUST(json_dump(j, &out) == 0);
	MUST(json_load_strict(buf_ptr(&out), buf_len(&out), BUF_MAX, &again) == 0);
	if (json_get_str(j, "a", &s) == 0)
		MUST(s && json_get_i64(j, "a", &v) == E_FORMAT);
	(void)json_bool_or(j, "a", false);
	json_decref(again);
	json_decref(j);
	buf_release(&out);
	return 0;
}

/* One rule of a policy: any JSON is parsed or refused with a pointer and a text; what parses can be described. */
#include "core/json.h"
#include "fuzz.h"
#include "policy/rule.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct model_error err = {{0}};
	char text[256];
	struct arena mem;
	struct rule r;
	json_t *j;
	int ret;

	if (json_load_strict(p, n, 65536, &j) != 0)
		return 0;
	arena_init(&mem, 1 << 20);
	ret = rule_parse(j, &mem, &r, &err);
	MUST(ret == E_OK || (ret == E_FORMAT && err.text[0]));
	if (ret == E_OK) {
		MUST(r.sel < SELECTORS && r.ntext == (r.text ? strlen(r.text) : 0));
		MUST(rule_describe(&r, text, sizeof text)[0]);
	}
	arena_release(&mem);
	json_decref(j);
	return 0;
}

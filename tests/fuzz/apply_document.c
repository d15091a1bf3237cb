/* The pure part of apply: shape, and that overlaying a document on itself changes nothing. */
#include "core/json.h"
#include "edge/judge/apply.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	json_t *j = NULL, *one, *apps;
	struct model_error err = {{0}};
	size_t i;

	if (json_load_strict(p, n, 1u << 20, &j) < 0)
		return 0;
	int e = apply_shape(j, &err);
	MUST(e == 0 || err.text[0]);
	if (e == 0) {
		apps = json_object_get(j, "apps");
		json_array_foreach(apps, i, one)
		{
			struct app *a = NULL;
			if (app_from_json(one, true, &a, &err) < 0)
				continue;
			json_t *now = app_to_json(a, MODEL_STORE), *merged = apply_merge(now, now, one),
			       *diff = apply_diff(now, merged);
			MUST(json_array_size(diff) == 0);
			json_decref(diff);
			json_decref(merged);
			json_decref(now);
			app_free(a);
		}
	}
	json_decref(j);
	return 0;
}

/* Records from JSON, as the API and as the apply file give them: refused with a text, or written and read back the
 * same. */
#include "core/json.h"
#include "fuzz.h"
#include "model/app.h"
#include "model/group.h"
#include "model/idp.h"
#include "model/person.h"
#include "model/session.h"
#include "model/tunnel.h"

#define RECORD(name)                                                                \
	static void try_##name(const json_t *j, bool text_scalars)                  \
	{                                                                           \
		struct model_error err = {{0}};                                     \
		struct name *a = NULL, *b = NULL;                                   \
		json_t *one, *two;                                                  \
		int ret = name##_from_json(j, text_scalars, &a, &err);              \
                                                                                    \
		MUST(ret == 0 ? a != NULL : ret == E_NOMEM || (!a && err.text[0])); \
		if (ret != 0)                                                       \
			return;                                                     \
		one = name##_to_json(a, MODEL_STORE);                               \
		MUST(one &&name##_from_json(one, false, &b, &err) == 0);            \
		two = name##_to_json(b, MODEL_STORE);                               \
		MUST(json_equal(one, two));                                         \
		json_decref(one);                                                   \
		json_decref(two);                                                   \
		name##_free(a);                                                     \
		name##_free(b);                                                     \
	}
RECORD(app)
RECORD(group)
RECORD(idp)
RECORD(person)
RECORD(session)
RECORD(tunnel)

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	json_t *j;

	if (json_load_strict(p, n, 1 << 20, &j) != 0)
		return 0;
	for (int text_scalars = 0; text_scalars < 2; text_scalars++) {
		try_app(j, text_scalars);
		try_group(j, text_scalars);
		try_idp(j, text_scalars);
		try_person(j, text_scalars);
		try_session(j, text_scalars);
		try_tunnel(j, text_scalars);
	}
	json_decref(j);
	return 0;
}

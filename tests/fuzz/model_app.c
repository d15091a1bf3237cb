/* Records from JSON, as the API and as the apply file give them: refused with a text, or written and read back the
 * same. */
#include "core/json.h"
#include "fuzz.h"
#include "model/app.h"
#include "model/group.h"
#include "model/idp.h"
#include "model/person.h"
#include "model/route.h"
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
RECORD(admin)
RECORD(app)
RECORD(group)
RECORD(idp)
RECORD(person)
RECORD(route)
RECORD(session)
RECORD(tunnel)

/* What else is made of a record: nothing that was taken may fail there. */
static void
use(const json_t *j)
{
	struct idp *i = NULL;
	struct person *p = NULL;
	struct tunnel *t = NULL;
	struct identity *id = NULL;
	struct buf out;

	buf_init(&out, 4u << 20);
	if (idp_from_json(j, false, &i, NULL) == 0)
		MUST(idp_provider_record(i, &out) == 0);
	if (person_from_json(j, false, &p, NULL) == 0) {
		char sub[16];
		int e = 0;
		for (unsigned k = 0; e == 0 && k <= PERSON_IDENTITIES_MAX; k++) {
			snprintf(sub, sizeof sub, "new%u", k / 2); /* each is there already the second time */
			e = person_identity_add(p, sub, &id);
			MUST(e != 0 || person_identity(p, sub) == id);
		}
		MUST(p->nidentities <= PERSON_IDENTITIES_MAX && (e == 0 || e == E_LIMIT));
	}
	if (tunnel_from_json(j, false, &t, NULL) == 0 && t->secret.n && t->id && t->account_tag)
		MUST(tunnel_token(t, NULL, &out) == 0);
	idp_free(i);
	person_free(p);
	tunnel_free(t);
	buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	json_t *j;

	if (json_load_strict(p, n, 1 << 20, &j) != 0)
		return 0;
	for (int text_scalars = 0; text_scalars < 2; text_scalars++) {
		try_admin(j, text_scalars);
		try_app(j, text_scalars);
		try_group(j, text_scalars);
		try_idp(j, text_scalars);
		try_person(j, text_scalars);
		try_route(j, text_scalars);
		try_session(j, text_scalars);
		try_tunnel(j, text_scalars);
	}
	use(j);
	json_decref(j);
	return 0;
}

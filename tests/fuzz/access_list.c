/* A list of addresses or networks: any JSON is read or refused with a text; what is read survives being written, and
 * each of its items is found in the compiled list. */
#include "core/json.h"
#include "fuzz.h"
#include "policy/members.h"

static void
items_found(const struct access_list *l)
{
	struct members m = {0};
	struct arena mem;

	arena_init(&mem, 1 << 22);
	if (members_init(&m, l, &mem) == E_OK) {
		for (size_t i = 0; i < l->nitems; i++) {
			uint8_t addr[16];
			unsigned bits;

			if (l->type == ACCESS_LIST_EMAIL)
				MUST(members_have_email(&m, l->items[i].value));
			else if (model_cidr(l->items[i].value, addr, &bits) == 0 && bits >= 96)
				MUST(members_have_ip(&m, addr));
		}
	}
	members_release(&m);
	arena_release(&mem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct model_error err = {{0}};
	struct access_list *l, *again;
	json_t *j, *one, *two;
	int ret;

	if (json_load_strict(p, n, 65536, &j) != 0)
		return 0;
	ret = access_list_from_json(j, true, &l, &err);
	MUST(ret == E_OK || (ret == E_FORMAT && err.text[0]));
	if (ret == E_OK) {
		one = access_list_to_json(l, MODEL_STORE);
		MUST(access_list_from_json(one, false, &again, NULL) == E_OK);
		two = access_list_to_json(again, MODEL_STORE);
		MUST(json_equal(one, two));
		json_decref(one);
		json_decref(two);
		items_found(l);
		access_list_free(l);
		access_list_free(again);
	}
	json_decref(j);
	return 0;
}

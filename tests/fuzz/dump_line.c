/* A line of a backup's documents: taken or refused; what is taken is within the store's reach. */
#include <string.h>

#include "fuzz.h"
#include "store/dump.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct dump_item it = {0};
	struct reason r = {0};

	if (dump_parse((const char *)d, n, &it, &r) < 0) {
		MUST(r.text[0] && !it.line);
		return 0;
	}
	MUST(it.nkeys <= STORE_KEYS_MAX);
	for (size_t i = 0; i < it.nkeys; i++)
		MUST(strlen(it.key[i].name) < n && strlen(it.key[i].value) < n);
	if (it.what == DUMP_DOC)
		MUST(it.kind && it.id && it.json);
	else if (it.what == DUMP_COUNTER)
		MUST(it.name && it.value >= 0);
	dump_item_release(&it);
	return 0;
}

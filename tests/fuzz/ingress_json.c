/* A configuration pushed by an edge. */
#include "fuzz.h"
#include "wire/ingress.h"

#include "ingress_use.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	json_t *j = NULL;
	struct conf_error err = {{0}};
	struct ingress *i;
	if (n > 8192 || json_load_strict(d, n, 8192, &j) < 0)
		return 0;
	if (ingress_from_json(j, &i, &err) == 0)
		use(i);
	else if (!err.text[0])
		abort();
	json_decref(j);
	return 0;
}

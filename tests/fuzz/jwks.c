/* Key sets of providers: what is kept can be published and read again, the same number of keys. */
#include "fuzz.h"
#include "identity/jwks.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct jwks set = {0}, again = {0};
	struct buf text;
	if (jwks_parse(p, n, &set) == 0) {
		MUST(set.n <= JWKS_KEYS_MAX);
		json_t *o = jwks_to_json(&set);
		buf_init(&text, 1 << 20);
		MUST(o && json_dump(o, &text) == 0);
		MUST(jwks_parse(buf_ptr(&text), buf_len(&text), &again) == 0 && again.n == set.n);
		json_decref(o);
		buf_release(&text);
	}
	jwks_release(&set);
	jwks_release(&again);
	return 0;
}

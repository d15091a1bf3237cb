/* An evaluation's answer \n its keys: without the key no answer is ever a yes; and claims alone are a yes only with our
 * nonce, in time, with success: true. */
#include "fuzz.h"
#include "identity/evaluation.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char nonce[] = "0123456789abcdef0123456789abcdef";
	char *s = fuzz_text(p, n), *keys = strchr(s, '\n');
	struct reason r = {0};
	json_t *claims = NULL;
	bool yes = false;

	if (keys) {
		*keys++ = 0;
		if (evaluation_check(s, strlen(s), keys, nonce, 1800000000, &yes, &r) < 0)
			MUST(r.code == SP_POLICY_DENY && !yes);
	}
	yes = false;
	if (json_load_strict(s, strlen(s), 65536, &claims) == 0 &&
	    evaluation_read(claims, nonce, 1800000000, &yes, &r) == 0 && yes) {
		MUST(!strcmp(json_str_or(claims, "nonce", ""), nonce));
		MUST(json_is_true(json_object_get(claims, "success")));
		MUST(json_i64_or(claims, "exp", 0) > 1800000000 - 60);
	}
	json_decref(claims);
	free(s);
	return 0;
}

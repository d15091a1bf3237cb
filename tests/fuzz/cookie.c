/* A Cookie header: at most one value of a name is found, inside the header, and a second one of the same name is
 * refused. */
#include "core/err.h"
#include "edge/judge/http.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n);
	size_t len = strlen(s);
	struct slice v = {0};
	int e = cookie_find(s, "CF_Authorization", &v);

	MUST(e == 0 || e == E_NOENT || e == E_FORMAT);
	if (e == 0) {
		MUST((const char *)v.p >= s && (const char *)v.p + v.n <= s + len);
		MUST(!memchr(v.p, ';', v.n));
		char *twice = malloc(2 * len + 3);
		MUST(twice);
		memcpy(twice, s, len);
		memcpy(twice + len, "; ", 2);
		memcpy(twice + len + 2, s, len + 1);
		MUST(cookie_find(twice, "CF_Authorization", &v) == E_FORMAT);
		free(twice);
	}
	free(s);
	return 0;
}

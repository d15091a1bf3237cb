/* A path against a pattern: captures lie inside the path, hold no slash and are not empty. */
#include "edge/judge/http.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const patterns[] = {"/", "/cdn-cgi/access/login/:host",
	                                       "/client/v4/accounts/:account/access/apps/:id/policies/:policy",
	                                       "/:a/:b/:c/:d/:e/:f/:g"};
	char *s = fuzz_text(p, n);
	struct slice seg[ROUTE_SEGS];
	size_t k;

	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		if (!route_match(patterns[i], s, seg, &k))
			continue;
		MUST(k <= ROUTE_SEGS);
		for (size_t m = 0; m < k; m++) {
			MUST(seg[m].n > 0 && !memchr(seg[m].p, '/', seg[m].n));
			MUST((const char *)seg[m].p >= s && (const char *)seg[m].p + seg[m].n <= s + strlen(s));
		}
	}
	free(s);
	return 0;
}

/* An allow_private entry, then an address: an entry never opens what it does not name. */
#include <netinet/in.h>

#include "edge/fetch/guard.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	const struct sockaddr *at = (struct sockaddr *)&a;
	struct guard g;
	struct reason why;

	if (n < 17)
		return 0;
	memcpy(&a.sin6_addr, d, 16);
	if (d[0] == 4) { /* in the family of its own */
		memcpy(&a4.sin_addr, d + 1, 4);
		at = (struct sockaddr *)&a4;
	} else if (d[0] == 5) {
		a.sin6_family = AF_UNIX;
	}
	char *entry = fuzz_text(d + 16, n - 16);
	const char *one[] = {entry};
	struct strs allow = {one, 1}, none = {NULL, 0};
	MUST(guard_init(&g, &none, &why) == 0);
	int closed = guard_check(&g, "idp.example", at, &why);
	if (guard_init(&g, &allow, &why) == 0) {
		int open = guard_check(&g, "idp.example", at, &why);
		MUST(open == 0 || closed < 0); /* a list only adds */
		if (g.v[0].host[0] && strcmp(g.v[0].host, "idp.example"))
			MUST(open == closed); /* another host's entry opens nothing */
	}
	free(entry);
	return 0;
}

/* URLs and local return paths. */
#include "core/url.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = fuzz_text(p, n);
	struct url u;

	if (url_parse(s, &u) == 0) {
		MUST(u.path[0] == '/' && u.at.host[0] && !strchr(u.at.host, '@'));
		MUST(!strpbrk(u.path, "?# \r\n\t\\") && !strpbrk(u.query, "# \r\n\t\\"));
		url_release(&u);
	}
	if (url_is_local_path(s))
		MUST(s[0] == '/' && s[1] != '/' && !strpbrk(s, "\\\t\r\n #") && strlen(s) <= 2048);
	free(s);
	return 0;
}

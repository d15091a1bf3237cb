#include <string.h>

#include "core/err.h"
#include "edge/judge/http.h"

/* Engine. A Cookie header is "name=value; name=value" (RFC 6265 section 4.2); values of ours have neither spaces nor
 * quotes. */
int
cookie_find(const char *header, const char *name, struct slice *ret_v)
{
	size_t nn = strlen(name);
	struct slice found = {0};
	bool have = false;

	for (const char *p = header; *p;) {
		while (*p == ' ' || *p == '\t' || *p == ';')
			p++;
		size_t n = strcspn(p, ";");
		const char *eq = memchr(p, '=', n);
		if (eq && (size_t)(eq - p) == nn && !memcmp(p, name, nn)) {
			if (have)
				return E_FORMAT;
			have = true;
			found = (struct slice){(const uint8_t *)eq + 1, n - nn - 1};
			while (found.n && (found.p[found.n - 1] == ' ' || found.p[found.n - 1] == '\t'))
				found.n--;
		}
		p += n;
	}
	if (!have)
		return E_NOENT;
	*ret_v = found;
	return 0;
}

#include <string.h>

#include "edge/judge/http.h"

bool
route_match(const char *pattern, const char *path, struct slice seg[ROUTE_SEGS], size_t *ret_n)
{
	size_t n = 0;

	while (*pattern && *path) {
		if (*pattern != ':') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t len = strcspn(path, "/");
		if (!len || n == ROUTE_SEGS)
			return false;
		seg[n++] = (struct slice){(const uint8_t *)path, len};
		path += len;
		pattern += strcspn(pattern, "/");
	}
	if (*pattern || *path)
		return false;
	*ret_n = n;
	return true;
}

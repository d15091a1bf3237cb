#include "model/picture.h"

#include <string.h>

#include "core/err.h"
#include "core/str.h"

static const struct {
	const char *type, *begins;
	size_t at, n;
} kinds[] = {
    {"image/png", "\x89PNG\r\n\x1a\n", 0, 8},
    {"image/jpeg", "\xff\xd8\xff", 0, 3},
    {"image/gif", "GIF8", 0, 4},
    {"image/webp", "WEBP", 8, 4},
    {"image/svg+xml", "<", 0, 1}, /* shown by <img> alone, where it runs nothing and asks for nothing */
};

const char *
picture_type(const char *url, const char **ret_data)
{
	static const char data[] = "data:", base64[] = ";base64,";

	if (!url || strlen(url) > PICTURE_MAX || strncmp(url, data, sizeof data - 1) != 0)
		return NULL;
	url += sizeof data - 1;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i].type);
		if (strncmp(url, kinds[i].type, n) != 0 || strncmp(url + n, base64, sizeof base64 - 1) != 0)
			continue;
		*ret_data = url + n + sizeof base64 - 1;
		return kinds[i].type;
	}
	return NULL;
}

static bool
begins(const char *type, const void *p, size_t n)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].type, type))
			return n >= kinds[i].at + kinds[i].n &&
			       memcmp((const char *)p + kinds[i].at, kinds[i].begins, kinds[i].n) == 0;
	return false;
}

int
picture_bytes(const char *url, struct buf *ret_bytes, const char **ret_type)
{
	const char *data = NULL, *type = picture_type(url, &data);

	if (!type)
		return E_FORMAT;
	int e = b64_decode(ret_bytes, B64_STD, data, strlen(data));
	if (e == E_OK && !begins(type, buf_ptr(ret_bytes), buf_len(ret_bytes)))
		e = E_FORMAT;
	if (e == E_OK)
		*ret_type = type;
	return e;
}

bool
picture_good(const char *url)
{
	const char *type;
	struct buf b;

	buf_init(&b, PICTURE_MAX);
	bool good = picture_bytes(url, &b, &type) == E_OK;
	buf_release(&b);
	return good;
}

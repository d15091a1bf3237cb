/* token: the character classes of HTTP fields (RFC 9110 section 5.6.2, 5.5). Header only, shared by the engines of this
 * folder. */
#ifndef WIRE_TOKEN_H
#define WIRE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool
token_char(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static inline bool
token_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!token_char(s[i]))
			return false;
	return n > 0;
}

/* No control bytes but tab. */
static inline bool
field_value_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return false;
	return true;
}

#endif

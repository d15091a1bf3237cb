#include "identity/email.h"

#include <string.h>

#include "core/err.h"

#define LOCAL_MAX 64
#define LABEL_MAX 63

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
local_ok(const char *s, size_t n)
{
	if (!n || n > LOCAL_MAX || s[0] == '.' || s[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '.' && s[i + 1] == '.')
			return false;
		if (!is_alnum(s[i]) && (!s[i] || !strchr(".!#$%&'*+-/=?^_`{|}~", s[i])))
			return false;
	}
	return true;
}

static bool
domain_ok(const char *s, size_t n)
{
	size_t label = 0;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && s[i] != '.') {
			if (!is_alnum(s[i]) && s[i] != '-')
				return false;
			label++;
			continue;
		}
		if (!label || label > LABEL_MAX || s[i - label] == '-' || s[i - 1] == '-')
			return false;
		label = 0;
	}
	return true;
}

int
email_parse(const char *s, size_t n, char ret_key[static EMAIL_MAX + 1])
{
	if (n > EMAIL_MAX)
		return E_LIMIT;
	const char *at = n ? memchr(s, '@', n) : NULL;
	if (!at)
		return E_FORMAT;
	size_t local = (size_t)(at - s), domain = n - local - 1;
	if (!local_ok(s, local) || !domain_ok(at + 1, domain))
		return E_FORMAT;
	for (size_t i = 0; i < n; i++)
		ret_key[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
	ret_key[n] = 0;
	return 0;
}

bool
email_ok(const char *s)
{
	char key[EMAIL_MAX + 1];
	return email_parse(s, strlen(s), key) == 0;
}

const char *
email_domain(const char *key)
{
	const char *at = strchr(key, '@');
	return at ? at + 1 : "";
}

bool
email_eq(const char *a, const char *b)
{
	char x[EMAIL_MAX + 1], y[EMAIL_MAX + 1];
	return !email_parse(a, strlen(a), x) && !email_parse(b, strlen(b), y) && !strcmp(x, y);
}

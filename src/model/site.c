#include "model/site.h"

#include "core/str.h"
#include "core/url.h"

#include <stdlib.h>
#include <string.h>

/* --- reading --------------------------------------------------------------------------------------------------------
 */

static int
fail_host(const char *s, struct model_error *err)
{
	const char *hint = "";

	if (strstr(s, "://"))
		hint = "; write the host name without a scheme";
	else if (strpbrk(s, "?#"))
		hint = "; write it without a query";
	else if (strchr(s, ':'))
		hint = "; write it without a port";
	else if (strchr(s, '*'))
		hint = "; a * is possible once in each label but the last: *.example.com";
	return model_fail(err, "", "found \"%.60s\", expected a host name such as ssh.example.com%s", s, hint);
}

/* What the stars could stand for must be a host name. */
static int
host_pattern(const char *s, size_t n, char out[static HOST_MAX + 1])
{
	char plain[HOST_MAX + 1] = {0};
	bool star = false;

	if (n == 0 || n > HOST_MAX)
		return E_FORMAT;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '*' && star)
			return E_FORMAT;
		star = s[i] == '*' || (star && s[i] != '.');
		plain[i] = s[i] == '*' ? 'x' : s[i];
	}
	if (star || host_parse(plain, n, out) != 0) /* the last label is no place for one */
		return E_FORMAT;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '*')
			out[i] = '*';
	return E_OK;
}

static bool
is_dots(const char *seg, size_t n)
{
	return (n == 1 && seg[0] == '.') || (n == 2 && seg[0] == '.' && seg[1] == '.');
}

static const char *
path_fault(const char *p, size_t n)
{
	unsigned stars = 0;

	if (n > SITE_PATH_MAX)
		return "expected a path of at most 128 bytes";
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] <= 0x20 || p[i] == 0x7f || strchr("\\;%\"<>", p[i]))
			return "expected a path of plain characters, without escapes";
	for (size_t at = 0; at < n;) {
		size_t seg = strcspn(p + at + 1, "/"), here = 0;

		seg = seg > n - at - 1 ? n - at - 1 : seg;
		if (seg == 0 && at + 1 < n)
			return "expected a path without //";
		if (is_dots(p + at + 1, seg))
			return "expected a path without . and ..";
		for (size_t i = 0; i < seg; i++)
			here += p[at + 1 + i] == '*';
		if (here > 1)
			return "expected at most one * between two slashes";
		stars += (unsigned)here;
		at += seg + 1;
	}
	return stars > SITE_STARS_MAX ? "expected at most 8 stars" : NULL;
}

static int
path_read(const char *text, const char *p, char **ret_path, struct model_error *err)
{
	size_t n = strlen(p);
	const char *fault = strpbrk(p, "?#") ? "expected a path without query and fragment" : path_fault(p, n);

	if (fault)
		return model_fail(err, "", "found \"%.80s\", %s", text, fault);
	if (str_starts(p, "/cdn-cgi/") || strcmp(p, "/cdn-cgi") == 0)
		return model_fail(err, "", "found \"%.80s\", which is the edge's own; expected another path", text);
	while (n > 0 && p[n - 1] == '/')
		n--;
	if (n == 2 && p[1] == '*')
		n = 0;
	*ret_path = str_dup_n(p, n);
	return *ret_path ? E_OK : E_NOMEM;
}

int
site_parse(const char *text, struct site *ret_s, struct model_error *err)
{
	char host[HOST_MAX + 1];
	size_t n = strcspn(text, "/");
	struct site s = {0};
	int ret;

	if (strstr(text, "://") || host_pattern(text, n, host) != 0)
		return fail_host(text, err);
	ret = path_read(text, text + n, &s.path, err);
	if (ret != E_OK)
		return ret;
	s.host = str_dup(host);
	if (!s.host) {
		site_release(&s);
		return E_NOMEM;
	}
	*ret_s = s;
	return E_OK;
}

void
site_release(struct site *s)
{
	free(s->host);
	free(s->path);
	*s = (struct site){0};
}

/* --- matching -------------------------------------------------------------------------------------------------------
 */

static bool
label_has(const char *pat, size_t npat, const char *label, size_t n)
{
	const char *star = memchr(pat, '*', npat);
	size_t head = star ? (size_t)(star - pat) : npat, tail = star ? npat - head - 1 : 0;

	if (!star)
		return npat == n && memcmp(pat, label, n) == 0;
	return n >= head + tail && memcmp(pat, label, head) == 0 && memcmp(star + 1, label + n - tail, tail) == 0;
}

bool
site_host_has(const char *pattern, const char *host)
{
	if (strchr(host, '*')) /* a pattern is not the name of a host */
		return false;
	for (;;) {
		size_t np = strcspn(pattern, "."), nh = strcspn(host, ".");

		if (nh == 0 || !label_has(pattern, np, host, nh))
			return false;
		pattern += np;
		host += nh;
		if (!*pattern || !*host)
			return !*pattern && !*host;
		pattern++;
		host++;
	}
}

/* The leftmost place for what stands between two stars leaves the most to the rest, so only the last star is tried
   again: work is the product of the lengths, no more. */
bool
site_path_has(const char *pattern, const char *plain)
{
	const char *star = NULL, *from = NULL;

	if (!*pattern)
		return true;
	while (true) {
		if (!*pattern && (!*plain || *plain == '/' || pattern[-1] == '*'))
			return true;
		if (*pattern == '*') {
			star = pattern++;
			from = plain;
		} else if (*pattern && *pattern == *plain) {
			pattern++;
			plain++;
		} else if (star && *from) {
			pattern = star + 1;
			plain = ++from;
		} else {
			return false;
		}
	}
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int
plain_byte(const char **p, char *ret_c)
{
	const char *s = *p;
	int hi, lo;

	if (*s != '%') {
		*ret_c = *s;
		*p = s + 1;
		return *s == '\\' || *s == ';' ? E_FORMAT : E_OK;
	}
	hi = hex(s[1]);
	lo = hi < 0 ? -1 : hex(s[2]);
	if (lo < 0)
		return E_FORMAT;
	*ret_c = (char)(hi * 16 + lo);
	*p = s + 3;
	/* Of these an origin that decodes once more, or not at all, would make something else; and nobody needs to
	   escape a letter but to be read differently by two readers. */
	return strchr("/\\;%?#.-_~", *ret_c) || is_alnum(*ret_c) || (unsigned char)*ret_c < 0x20 || *ret_c == 0x7f
	           ? E_FORMAT
	           : E_OK;
}

int
site_path_plain(const char *path, char out[static SITE_PLAIN_MAX + 1])
{
	size_t n = 0, seg = 1;

	if (*path != '/')
		return E_FORMAT;
	while (*path) {
		if (n == SITE_PLAIN_MAX || plain_byte(&path, &out[n]) != 0)
			return E_FORMAT;
		n++;
		if (n > 1 && (out[n - 1] == '/' || !*path)) {
			size_t len = n - seg - (out[n - 1] == '/');

			if (is_dots(out + seg, len) || (len == 0 && out[n - 1] == '/'))
				return E_FORMAT;
			seg = n;
		}
	}
	out[n] = '\0';
	return E_OK;
}

/* --- order ----------------------------------------------------------------------------------------------------------
 */

static size_t
plain_length(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s != '*';
	return n;
}

int
site_order(const struct site *a, const struct site *b)
{
	const bool wa = strchr(a->host, '*') != NULL, wb = strchr(b->host, '*') != NULL;
	const size_t ha = plain_length(a->host), hb = plain_length(b->host);
	const size_t pa = plain_length(a->path), pb = plain_length(b->path);
	int c;

	if (wa != wb)
		return wa ? 1 : -1;
	if (ha != hb)
		return ha > hb ? -1 : 1;
	c = strcmp(b->host, a->host); /* '*' sorts before letters: the earlier plain label first */
	if (c != 0)
		return c;
	if (pa != pb)
		return pa > pb ? -1 : 1;
	return strcmp(b->path, a->path);
}

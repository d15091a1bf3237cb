#include "edge/judge/http_origin.h"

#include <ctype.h>
#include <string.h>

#include "core/err.h"
#include "core/str.h"

#define NAME_MAX_BYTES 64u /* longer ones are none of ours */

/* As a gateway interface would see it: HTTP_X_REAL_IP and X-Real.IP are one name. */
static void
fold(const char *name, char out[static NAME_MAX_BYTES + 1])
{
	size_t n = 0;

	for (; name[n] && n < NAME_MAX_BYTES; n++)
		out[n] = isalnum((unsigned char)name[n]) ? (char)tolower((unsigned char)name[n]) : '-';
	out[n] = '\0';
}

bool
http_origin_drops(const char *name)
{
	/* x-original-url and x-rewrite-url: some frameworks take the path from there, past the policy of ours. */
	static const char *const drop[] = {"forwarded",      "x-forwarded",         "x-real-ip",      "x-client-ip",
	                                   "true-client-ip", "x-cluster-client-ip", "x-original-url", "x-rewrite-url",
	                                   "x-original-uri", "x-original-host",     "x-host",         "x-remote-user",
	                                   "remote-user",    "x-remote-addr",       "proxy"};
	static const char *const prefix[] = {"cf-", "x-forwarded-"};
	char folded[NAME_MAX_BYTES + 1];

	fold(name, folded);
	for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
		if (str_starts(folded, prefix[i]))
			return true;
	for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
		if (!strcmp(folded, drop[i]))
			return true;
	return false;
}

static bool
edge_cookie(const char *p, size_t n, bool person)
{
	static const char *const names[] = {"CF_Binding", "CF_AppSession", "CF_Session", "CF_Authorization"};
	size_t count = sizeof names / sizeof *names - person;

	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == n && !memcmp(names[i], p, n))
			return true;
	return false;
}

int
http_origin_cookies(const char *header, bool person, struct buf *out)
{
	int e = 0;

	for (const char *p = header; *p && e == 0;) {
		p += strspn(p, " \t;");
		size_t n = strcspn(p, ";"), name = 0, len = n;

		while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		while (name < len && p[name] != '=' && p[name] != ' ' && p[name] != '\t')
			name++;
		if (len && !edge_cookie(p, name, person)) {
			if (buf_len(out))
				e = buf_put_str(out, "; ");
			if (e == 0)
				e = buf_put(out, p, len);
		}
		p += n;
	}
	return e;
}

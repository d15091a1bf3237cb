/* What app.h reads without a network or a file: tokens, the redirect of the edge, the file of a discovery. */
#include <string.h>

#include "cli/access/app.h"
#include "core/str.h"

#define LOGIN_PATH "/cdn-cgi/access/login/"

static bool
aud_ok(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

bool
token_ok(struct slice token)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t dots = 0;

	if (!token.n || token.n > TOKEN_MAX)
		return false;
	for (size_t i = 0; i < token.n; i++) {
		if (token.p[i] == '.')
			dots++;
		else if (!token.p[i] || !strchr(set, token.p[i]))
			return false;
	}
	return dots == 2;
}

static int
token_payload(struct slice token, json_t **ret_o)
{
	const uint8_t *p = memchr(token.p, '.', token.n),
	              *q = p ? memchr(p + 1, '.', token.n - (size_t)(p + 1 - token.p)) : NULL;
	struct buf b;
	int r;

	if (!q)
		return E_FORMAT;
	buf_init(&b, TOKEN_MAX);
	r = b64_decode(&b, B64_URL, (const char *)p + 1, (size_t)(q - p - 1));
	if (r == 0)
		r = json_load_strict(buf_ptr(&b), buf_len(&b), TOKEN_MAX, ret_o);
	buf_release(&b);
	return r;
}

int
token_claim(struct slice token, const char *claim, char *out, size_t n)
{
	json_t *o = NULL;
	const char *s;
	int r = token_payload(token, &o);

	if (r == 0)
		r = json_get_str(o, claim, &s);
	if (r == 0)
		r = str_copy(out, n, s);
	json_decref(o);
	return r;
}

int
token_expiry(struct slice token, int64_t *ret_exp)
{
	json_t *o = NULL;
	int r = token_payload(token, &o);

	if (r == 0)
		r = json_get_i64(o, "exp", ret_exp);
	json_decref(o);
	return r;
}

int
app_cache_parse(struct slice text, struct hostport *ret_team, char aud[static 65])
{
	json_t *o = NULL;
	int r = json_load_strict(text.p, text.n, APP_CACHE_MAX, &o);
	const char *tag = r == 0 ? json_str_or(o, "aud", "") : "";

	if (r == 0 && !aud_ok(tag)) /* it becomes part of a file's name */
		r = E_FORMAT;
	if (r == 0)
		r = hostport_parse(json_str_or(o, "team", ""), 443, ret_team);
	if (r == 0)
		r = str_copy(aud, 65, tag);
	json_decref(o);
	return r;
}

int
app_redirect_parse(unsigned status, const char *location, struct app *a)
{
	const char *kid;
	struct url u = {0};
	struct query q = {0};
	int r = E_NOENT;

	if (status != 302 || !location || url_parse(location, &u) < 0)
		return E_NOENT;
	if (!strcmp(u.scheme, "https") && str_starts(u.path, LOGIN_PATH) &&
	    query_parse(u.query, strlen(u.query), &q) == 0 && (kid = query_get(&q, "kid")) && aud_ok(kid)) {
		a->team = u.at;
		if (!a->team.port)
			a->team.port = 443;
		r = str_copy(a->aud, sizeof a->aud, kid);
	}
	query_release(&q);
	url_release(&u);
	return r;
}

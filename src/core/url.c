#include "core/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/secret.h"
#include "core/str.h"

#define LABEL_MAX 63
#define URL_MAX 8192
#define LOCAL_PATH_MAX 2048

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int
host_parse(const char *s, size_t n, char out[static HOST_MAX + 1])
{
	size_t label = 0;

	if (n == 0)
		return E_FORMAT;
	if (n > HOST_MAX)
		return E_LIMIT;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '.' ? label == 0 : !(is_alpha(c) || is_digit(c) || c == '_' || (c == '-' && label > 0)))
			return E_FORMAT;
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return E_FORMAT;
	}
	if (label == 0)
		return E_FORMAT;
	memcpy(out, s, n);
	out[n] = '\0';
	str_lower(out);
	return 0;
}

/* "1.2.3", "0x7f.1" and "2130706433" are addresses to some resolvers and names to others: a name's last label has no
 * such form. */
static bool
ends_like_number(const char *host)
{
	const char *last = strrchr(host, '.');

	last = last ? last + 1 : host;
	if (last[0] == '0' && last[1] == 'x')
		return last[2 + strspn(last + 2, "0123456789abcdef")] == '\0';
	return last[strspn(last, "0123456789")] == '\0';
}

/* The host without brackets into hp. v6 tells that there were brackets. */
static int
hostport_host(const char *s, size_t n, bool v6, struct hostport *hp)
{
	uint8_t addr[16];
	int e = 0;

	if (v6) {
		if ((e = str_copy_n(hp->host, sizeof hp->host, s, n)))
			return e;
		str_lower(hp->host);
		if (inet_pton(AF_INET6, hp->host, addr) != 1)
			return E_FORMAT;
		hp->is_ip = hp->is_v6 = true;
		return 0;
	}
	if ((e = host_parse(s, n, hp->host)))
		return e;
	hp->is_ip = inet_pton(AF_INET, hp->host, addr) == 1;
	return hp->is_ip || !ends_like_number(hp->host) ? 0 : E_FORMAT;
}

static int
hostport_parse_n(const char *s, size_t n, uint16_t default_port, struct hostport *ret_hp)
{
	struct hostport hp = {.port = default_port};
	bool v6 = n && s[0] == '[';
	const char *end = n ? memchr(s, v6 ? ']' : ':', n) : NULL;
	const char *host = v6 ? s + 1 : s, *rest = NULL;
	char digits[6];
	uint64_t port = 0;
	int e = 0;

	if (v6 && !end)
		return E_FORMAT;
	if ((e = hostport_host(host, (size_t)((end ? end : s + n) - host), v6, &hp)))
		return e;
	rest = !end ? s + n : v6 ? end + 1 : end;
	if (rest < s + n) {
		if (*rest++ != ':' || str_copy_n(digits, sizeof digits, rest, (size_t)(s + n - rest)))
			return E_FORMAT;
		if (digits[0] == '0' || str_u64(digits, UINT16_MAX, &port))
			return E_FORMAT;
		hp.port = (uint16_t)port;
	}
	*ret_hp = hp;
	return 0;
}

int
hostport_parse(const char *s, uint16_t default_port, struct hostport *ret_hp)
{
	return hostport_parse_n(s, strlen(s), default_port, ret_hp);
}

void
hostport_format(const struct hostport *hp, char *out, size_t n)
{
	char port[8] = "";

	if (hp->port)
		snprintf(port, sizeof port, ":%u", hp->port);
	snprintf(out, n, hp->is_v6 ? "[%s]%s" : "%s%s", hp->host, port);
}

static const char hex_digits[] = "0123456789ABCDEF";

static int
hex_value(char c)
{
	const char *at = c ? memchr(hex_digits, c >= 'a' && c <= 'f' ? c - 32 : c, 16) : NULL;

	return at ? (int)(at - hex_digits) : -1;
}

/* The byte that "%xx" at s stands for; -1 when it is not that. */
static int
escape_at(const char *s)
{
	if (s[0] != '%' || hex_value(s[1]) < 0 || hex_value(s[2]) < 0)
		return -1;
	return hex_value(s[1]) * 16 + hex_value(s[2]);
}

/* Printable ASCII without those in refused, and no '%' without its two digits. */
static bool
path_ok(const char *s, const char *refused)
{
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f || strchr(refused, *s) || (*s == '%' && escape_at(s) < 0))
			return false;
	return true;
}

static uint16_t
scheme_port(const char *scheme)
{
	static const struct {
		const char *scheme;
		uint16_t port;
	} known[] = {{"https", 443}, {"wss", 443}, {"http", 80}, {"ws", 80}, {"ssh", 22}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(scheme, known[i].scheme) == 0)
			return known[i].port;
	return 0;
}

static int
scheme_parse(const char *s, size_t n, char *out, size_t size)
{
	if (!is_alpha(s[0]))
		return E_FORMAT;
	for (size_t i = 0; i < n; i++)
		if (!is_alpha(s[i]) && !is_digit(s[i]) && s[i] != '+' && s[i] != '-' && s[i] != '.')
			return E_FORMAT;
	if (str_copy_n(out, size, s, n))
		return E_FORMAT;
	str_lower(out);
	return 0;
}

int
url_parse(const char *s, struct url *ret_u)
{
	struct url u = {.path = "/", .query = ""};
	const char *colon = strstr(s, "://"), *at = NULL;
	size_t n = 0;
	int e = 0;

	if (!colon)
		return E_FORMAT;
	if (strnlen(s, URL_MAX + 1) > URL_MAX)
		return E_LIMIT;
	if ((e = scheme_parse(s, (size_t)(colon - s), u.scheme, sizeof u.scheme)))
		return e;
	at = colon + 3;
	n = strcspn(at, "/?#"); /* user-info would leave an '@' in the host, which is refused there */
	if ((e = hostport_parse_n(at, n, scheme_port(u.scheme), &u.at)))
		return e;
	at += n;
	if (!path_ok(at, "\"<>\\^`{|}")) /* fragment included: it is checked, then dropped */
		return E_FORMAT;
	u.store = str_fmt("%s%.*s", *at == '/' ? "" : "/", (int)strcspn(at, "#"), at);
	if (!u.store)
		return E_NOMEM;
	u.path = u.store;
	if (strchr(u.store, '?')) {
		char *q = strchr(u.store, '?');
		*q = '\0';
		u.query = q + 1;
	}
	*ret_u = u;
	return 0;
}

void
url_release(struct url *u)
{
	free(u->store);
	*u = (struct url){0};
}

/* Decodes s[0..n) to o, which has n bytes. */
static int
unescape(const char *s, size_t n, bool plus_is_space, uint8_t *o, size_t *ret_n)
{
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s[i];
		if (c == '%') {
			int hi = i + 2 < n ? hex_value(s[i + 1]) : -1, lo = i + 2 < n ? hex_value(s[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				return E_FORMAT;
			c = (uint8_t)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c == 0)
			return E_FORMAT;
		o[done++] = c;
	}
	*ret_n = done;
	return 0;
}

int
url_unescape(struct buf *out, const char *s, size_t n, bool plus_is_space)
{
	uint8_t *o = NULL;
	size_t done = 0;
	int e = buf_reserve(out, n, &o);

	if (!e)
		e = unescape(s, n, plus_is_space, o, &done);
	if (!e)
		buf_commit(out, done);
	return e;
}

int
url_escape(struct buf *out, const char *s)
{
	size_t before = buf_len(out);
	int e = 0;

	for (; *s && !e; s++) {
		unsigned char c = (unsigned char)*s;
		if (is_alpha(*s) || is_digit(*s) || strchr("-._~", *s))
			e = buf_put_u8(out, c);
		else
			e = buf_put(out, (char[]){'%', hex_digits[c >> 4], hex_digits[c & 15]}, 3);
	}
	if (e)
		out->w = out->r + before;
	return e;
}

int
html_escape(struct buf *out, const char *s)
{
	static const struct {
		char c;
		const char *text;
	} named[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
	size_t before = buf_len(out);
	int e = 0;

	for (; *s && !e; s++) {
		const char *text = NULL;
		for (size_t i = 0; i < sizeof named / sizeof *named; i++)
			if (*s == named[i].c)
				text = named[i].text;
		e = text ? buf_put_str(out, text) : buf_put_u8(out, (uint8_t)*s);
	}
	if (e)
		out->w = out->r + before;
	return e;
}

/* One side of a pair to *o, NUL-terminated; *o moves on. */
static int
query_part(const char *s, size_t n, char **o, char **ret_text)
{
	size_t done = 0;
	int e = unescape(s, n, true, (uint8_t *)*o, &done);

	if (e)
		return e;
	(*o)[done] = '\0';
	*ret_text = *o;
	*o += done + 1;
	return 0;
}

static int
query_pair(struct query *q, const char *s, size_t n, char **o)
{
	const char *eq = memchr(s, '=', n);
	size_t nname = eq ? (size_t)(eq - s) : n;
	char *name = NULL, *value = NULL;
	int e = 0;

	if (nname == 0)
		return E_FORMAT;
	if (q->n == QUERY_MAX)
		return E_LIMIT;
	if ((e = query_part(s, nname, o, &name)))
		return e;
	value = *o - 1; /* the name's NUL, when there is no '=' */
	if (eq && (e = query_part(eq + 1, n - nname - 1, o, &value)))
		return e;
	if (query_get(q, name))
		return E_FORMAT;
	q->v[q->n].name = name;
	q->v[q->n++].value = value;
	return 0;
}

int
query_parse(const char *s, size_t n, struct query *ret_q)
{
	struct query q = {0};
	char *o = NULL;
	int e = 0;

	if (n > BUF_MAX)
		return E_LIMIT;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return E_FORMAT;
	/* Every part grows by its NUL and loses its '=' or '&': n + 1 suffices. */
	o = q.store = calloc(1, n + 1);
	if (!o)
		return E_NOMEM;
	for (size_t at = 0; at < n && !e;) {
		const char *amp = memchr(s + at, '&', n - at);
		size_t len = amp ? (size_t)(amp - s) - at : n - at;
		if (len) /* "a=1&" and "a=1&&b=2" are common; an empty pair carries nothing */
			e = query_pair(&q, s + at, len, &o);
		at += len + 1;
	}
	if (e) {
		mem_wipe(q.store, n + 1);
		free(q.store);
		return e;
	}
	*ret_q = q;
	return 0;
}

const char *
query_get(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->v[i].name, name) == 0)
			return q->v[i].value;
	return NULL;
}

void
query_release(struct query *q)
{
	for (size_t i = 0; i < q->n; i++) {
		mem_wipe(q->v[i].name, strlen(q->v[i].name));
		mem_wipe(q->v[i].value, strlen(q->v[i].value));
	}
	free(q->store);
	*q = (struct query){0};
}

/*
 * Browsers read '\' as '/', drop tab and newline, and take "//" as another host; a server in between may decode once
 * more. So whatever could become one of these by one more decoding is refused in the path; behind '?' it cannot choose
 * a host.
 */
bool
url_is_local_path(const char *s)
{
	size_t path = strcspn(s, "?");

	if (s[0] != '/' || s[1] == '/' || strnlen(s, LOCAL_PATH_MAX + 1) > LOCAL_PATH_MAX || strchr(s, '#'))
		return false;
	if (!path_ok(s, "\"<>\\")) /* browsers leave the rest of what RFC 3986 refuses as it is */
		return false;
	for (size_t i = 0; i < path; i++) {
		int c = escape_at(s + i);
		if ((c >= 0 && c < 0x20) || c == 0x7f || c == '/' || c == '\\' || c == '%')
			return false;
	}
	return true;
}

bool
host_is_localhost(const char *host)
{
	return strcmp(host, "localhost") == 0 || str_ends(host, ".localhost");
}

int
mail_url_parse(const char *url, bool *ret_tls_first, bool *ret_loopback)
{
	struct url u = {0};
	int e = url_parse(url, &u);

	if (e < 0)
		return E_FORMAT;
	bool smtp = !strcmp(u.scheme, "smtp"), smtps = !strcmp(u.scheme, "smtps");
	if ((!smtp && !smtps) || (*u.path && strcmp(u.path, "/") != 0) || *u.query)
		e = E_FORMAT;
	*ret_tls_first = smtps;
	*ret_loopback = u.at.is_ip ? (u.at.is_v6 ? !strcmp(u.at.host, "::1") : str_starts(u.at.host, "127."))
	                           : host_is_localhost(u.at.host);
	url_release(&u);
	return e;
}

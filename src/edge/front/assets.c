#include "edge/front/assets.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"

bool
assets_owns(const char *target)
{
	return str_starts(target, ASSETS_PREFIX);
}

/* One element of the list: is it gzip, with a weight that is not nothing? */
static bool
element_is_gzip(const char *p, size_t n)
{
	size_t name = strcspn(p, "; \t,");
	const char *q;

	if (name != 4 || strncasecmp(p, "gzip", 4) != 0)
		return false;
	q = memmem(p, n, "q=", 2);
	if (!q)
		q = memmem(p, n, "Q=", 2);
	return !q || strspn(q + 2, "0.") < strcspn(q + 2, ", \t;");
}

bool
assets_gzip(const char *v)
{
	while (v && *v) {
		size_t n = strcspn(v, ",");

		if (element_is_gzip(v, n))
			return true;
		v += n;
		v += strspn(v, ", \t");
	}
	return false;
}

static bool
etag_listed(const char *list, const char *etag)
{
	size_t n = strlen(etag);

	for (const char *p = list; (p = strchr(p, '"')) != NULL;) {
		const char *end = strchr(p + 1, '"');

		if (!end)
			return false;
		if ((size_t)(end + 1 - p) == n && memcmp(p, etag, n) == 0)
			return true;
		p = end + 1;
	}
	return strcmp(list, "*") == 0;
}

static void
answer_text(struct asset_answer *a, unsigned status, const char *line)
{
	a->headers[0] = (struct http1_header){"content-type", "text/plain; charset=utf-8"};
	a->headers[1] = (struct http1_header){"cache-control", "no-store"};
	a->headers[2] = (struct http1_header){"x-content-type-options", "nosniff"};
	a->reply = (struct http_reply){
	    .status = status, .headers = a->headers, .nheaders = 3, .body = {(const uint8_t *)line, strlen(line)}};
}

void
assets_answer(const struct asset *table, size_t n, const struct http_request *r, struct asset_answer *ret_a)
{
	const char *match = http_request_header(r, "if-none-match", NULL);
	bool gzip = assets_gzip(http_request_header(r, "accept-encoding", NULL));
	const struct asset *f = NULL;
	size_t k = 0;

	memset(ret_a, 0, sizeof *ret_a);
	if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0) {
		answer_text(ret_a, 405, "SP-1012 method not allowed here\n");
		ret_a->headers[ret_a->reply.nheaders++] = (struct http1_header){"allow", "GET, HEAD"};
		return;
	}
	for (size_t i = 0; i < n && !f; i++)
		if (strcmp(table[i].path, r->target) == 0)
			f = &table[i];
	if (!f) {
		answer_text(ret_a, 404, "SP-1011 no such page\n");
		return;
	}
	snprintf(ret_a->etag, sizeof ret_a->etag, "\"%s%s\"", f->hash, gzip ? "-gz" : "");
	ret_a->headers[k++] = (struct http1_header){"content-type", f->type};
	ret_a->headers[k++] = (struct http1_header){"cache-control", "public, max-age=31536000, immutable"};
	ret_a->headers[k++] = (struct http1_header){"etag", ret_a->etag};
	ret_a->headers[k++] = (struct http1_header){"vary", "accept-encoding"};
	ret_a->headers[k++] = (struct http1_header){"x-content-type-options", "nosniff"};
	ret_a->headers[k++] = (struct http1_header){"cross-origin-resource-policy", "same-origin"};
	if (gzip)
		ret_a->headers[k++] = (struct http1_header){"content-encoding", "gzip"};
	ret_a->reply = (struct http_reply){.status = 200, .headers = ret_a->headers, .nheaders = k};
	if (match && etag_listed(match, ret_a->etag))
		ret_a->reply.status = 304;
	else if (gzip)
		ret_a->reply.body = (struct slice){f->gz, (size_t)(f->gz_end - f->gz)};
	else
		ret_a->reply.body = (struct slice){f->raw, (size_t)(f->raw_end - f->raw)};
}

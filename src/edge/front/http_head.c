#include "edge/front/http_head.h"

#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/str.h"

bool
http_hop_header(const char *name)
{
	static const char *const drop[] = {"connection",
	                                   "content-length",
	                                   "expect",
	                                   "host",
	                                   "http2-settings",
	                                   "keep-alive",
	                                   "proxy-authenticate",
	                                   "proxy-authorization",
	                                   "proxy-connection",
	                                   "te",
	                                   "trailer",
	                                   "transfer-encoding",
	                                   "upgrade"};

	for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
		if (strcasecmp(name, drop[i]) == 0)
			return true;
	return false;
}

bool
http_list_names(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (*list) {
		size_t k = strcspn(list, ", \t");

		if (k == n && strncasecmp(list, name, n) == 0)
			return true;
		list += k + strspn(list + k, ", \t");
	}
	return false;
}

static const char *
find(const struct h2_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(h[i].name, name) == 0)
			return h[i].value;
	return "";
}

static int
take_length(struct http_head *r, const char *text)
{
	uint64_t v;

	if (r->length >= 0 || !*text || strspn(text, "0123456789") != strlen(text) || str_u64(text, INT64_MAX, &v) < 0)
		return E_FORMAT;
	r->length = (int64_t)v;
	return 0;
}

/* A cookie of the edge's own: a service could put its user into somebody else's session, on every host of the domain.
 */
static bool
sets_our_cookie(const char *name, const char *value)
{
	static const char *const ours[] = {"CF_Authorization", "CF_AppSession", "CF_Session", "CF_Binding"};

	if (strcasecmp(name, "set-cookie") != 0)
		return false;
	value += strspn(value, " \t");
	size_t n = strcspn(value, "=; \t");
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strlen(ours[i]) == n && memcmp(value, ours[i], n) == 0)
			return true;
	return false;
}

static int
take_headers(struct http_head *r)
{
	const struct h2_packed *p = &r->packed;
	int e;

	for (size_t i = 0; i < p->n; i++) {
		bool named = false;

		if (strcasecmp(p->v[i].name, "content-length") == 0 && (e = take_length(r, p->v[i].value)) < 0)
			return e;
		for (size_t k = 0; k < p->n && !named; k++)
			named =
			    strcasecmp(p->v[k].name, "connection") == 0 && http_list_names(p->v[k].value, p->v[i].name);
		if (!named && !http_hop_header(p->v[i].name) && !sets_our_cookie(p->v[i].name, p->v[i].value))
			r->v[r->n++] = (struct http1_header){p->v[i].name, p->v[i].value};
	}
	return 0;
}

int
http_head_read(const struct h2_header *h, size_t n, struct http_head *ret_h)
{
	uint64_t status;
	int e;

	memset(ret_h, 0, sizeof *ret_h);
	ret_h->length = -1;
	if (str_u64(find(h, n, ":status"), 599, &status) < 0 || status < 200)
		return E_FORMAT;
	ret_h->status = (unsigned)status;
	ret_h->ours = strstr(find(h, n, "cf-cloudflared-response-meta"), "\"cloudflared\"") != NULL;
	e = h2_headers_unpack(find(h, n, "cf-cloudflared-response-headers"), &ret_h->packed);
	return e < 0 ? e : take_headers(ret_h);
}

void
http_head_release(struct http_head *h)
{
	buf_release(&h->packed.store);
}

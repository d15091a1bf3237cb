/* cf-cloudflared-response-headers: origin headers folded into one value (facts/cloudflared-wire.md a.5). */
#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "wire/h2link.h"
#include "wire/token.h"

static bool
is_control_name(const char *name)
{
	static const char *const always[] = {"sec-websocket-accept", "connection", "upgrade"};
	static const char *const prefix[] = {":", "cf-int-", "cf-cloudflared-", "cf-proxy-"};
	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
		if (strcasecmp(name, always[i]) == 0)
			return false;
	for (size_t i = 0; i < sizeof prefix / sizeof prefix[0]; i++)
		if (strncasecmp(name, prefix[i], strlen(prefix[i])) == 0)
			return true;
	return false;
}

int
h2_headers_pack(struct buf *out, const struct h2_header *h, size_t n)
{
	bool first = true;
	for (size_t i = 0; i < n; i++) {
		int r;
		if (is_control_name(h[i].name))
			continue;
		if (!first && (r = buf_put_u8(out, ';')) < 0)
			return r;
		first = false;
		if ((r = b64_encode(out, B64_STD_NOPAD, h[i].name, strlen(h[i].name))) < 0 ||
		    (r = buf_put_u8(out, ':')) < 0 ||
		    (r = b64_encode(out, B64_STD_NOPAD, h[i].value, strlen(h[i].value))) < 0)
			return r;
	}
	return 0;
}

/* Decodes one base64 word into store, terminated; checks it as a header name or value. */
static int
unpack_word(struct buf *store, const char *s, size_t n, bool name, size_t *ret_at)
{
	size_t at = buf_len(store);
	int r = b64_decode(store, B64_STD_NOPAD, s, n);
	if (r < 0)
		return r;
	const char *p = (const char *)buf_ptr(store) + at;
	size_t len = buf_len(store) - at;
	if (name ? !token_ok(p, len) : !field_value_ok(p, len))
		return E_FORMAT;
	if ((r = buf_put_u8(store, 0)) < 0)
		return r;
	*ret_at = at;
	return 0;
}

int
h2_headers_unpack(const char *s, struct h2_packed *ret_p)
{
	enum { MAX = sizeof ret_p->v / sizeof ret_p->v[0] };
	size_t name[MAX], value[MAX], n = 0;
	struct buf store;
	int r = 0;
	buf_init(&store, H2_HEADERS_BYTES);
	while (*s) {
		size_t len = strcspn(s, ";");
		const char *colon = memchr(s, ':', len);
		if (len > 0) {
			r = E_FORMAT;
			if (!colon || memchr(colon + 1, ':', len - (size_t)(colon + 1 - s)))
				goto out;
			r = E_LIMIT;
			if (n == MAX)
				goto out;
			if ((r = unpack_word(&store, s, (size_t)(colon - s), true, &name[n])) < 0 ||
			    (r = unpack_word(&store, colon + 1, len - (size_t)(colon + 1 - s), false, &value[n])) < 0)
				goto out;
			n++;
		}
		s += len;
		if (*s == ';')
			s++;
	}
	for (size_t i = 0; i < n; i++)
		ret_p->v[i] = (struct h2_header){(const char *)buf_ptr(&store) + name[i],
		                                 (const char *)buf_ptr(&store) + value[i]};
	ret_p->n = n;
	ret_p->store = store;
	return 0;
out:
	buf_release(&store);
	return r;
}

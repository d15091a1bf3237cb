#include "edge/front/proxies.h"

#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "model/model.h"

#define ELEMENT_MAX 256 /* of a list; longer is no address */

int
proxies_init(struct proxies *p, const char *const *list, size_t n, struct reason *why)
{
	p->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct proxy_net *v = &p->v[p->n];

		if (p->n == PROXIES_MAX)
			return reason_set(why, E_LIMIT, SP_CONFIG, "more than %u trusted proxies", PROXIES_MAX);
		if (model_cidr(list[i], v->addr, &v->bits) < 0)
			return reason_set(why, E_FORMAT, SP_CONFIG, "trusted proxy %s is no address", list[i]);
		p->n++;
	}
	return 0;
}

bool
proxies_trusted(const struct proxies *p, const char *ip)
{
	uint8_t addr[16];

	if (model_addr(ip, addr) < 0)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (model_cidr_has(p->v[i].addr, p->v[i].bits, addr))
			return true;
	return false;
}

/* The last element of a comma list of n bytes, without blanks; *ret_n says what stands before it. */
static int
last_element(const char *s, size_t n, char out[static ELEMENT_MAX], size_t *ret_n)
{
	size_t b;

	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	for (b = n; b && s[b - 1] != ','; b--)
		;
	*ret_n = b ? b - 1 : 0;
	while (b < n && (s[b] == ' ' || s[b] == '\t'))
		b++;
	return str_copy_n(out, ELEMENT_MAX, s + b, n - b);
}

/* The address in the for= of one element of Forwarded. E_FORMAT: none (obfuscated, unknown), two, or a broken one. */
static int
forwarded_for(const char *s, char out[static 64])
{
	bool found = false;

	while (*s) {
		size_t n = strcspn(s, ";"), v;

		while (n && (*s == ' ' || *s == '\t')) {
			s++;
			n--;
		}
		if (n > 4 && strncasecmp(s, "for=", 4) == 0) {
			const char *at = s + 4, *end = s + n;

			if (found)
				return E_FORMAT;
			found = true;
			while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
				end--;
			if (*at == '"') {
				if (end - at < 2 || end[-1] != '"')
					return E_FORMAT;
				at++;
				end--;
			}
			v = (size_t)(end - at);
			if (*at == '[') { /* "[2001:db8::1]:4711" */
				const char *close = memchr(at, ']', v);

				if (!close || (close + 1 != end && close[1] != ':'))
					return E_FORMAT;
				at++;
				v = (size_t)(close - at);
			} else if (memchr(at, ':', v)) {
				v = (size_t)((const char *)memchr(at, ':', v) - at);
			}
			if (str_copy_n(out, 64, at, v) < 0)
				return E_FORMAT;
		}
		s += n + (s[n] == ';');
	}
	return found ? 0 : E_FORMAT;
}

int
proxies_client(const struct proxies *p, const char *peer, const struct http_request *r, char out[static 64])
{
	const char *name = p->forwarded ? "forwarded" : "x-forwarded-for";
	char element[ELEMENT_MAX];
	uint8_t addr[16];

	if (str_copy(out, 64, peer) < 0)
		return E_FORMAT;
	if (p->n == 0 || !proxies_trusted(p, peer))
		return 0;
	for (size_t i = r->nheaders; i-- > 0;) {
		const char *v = r->headers[i].value;
		size_t n = strlen(v);

		if (strcmp(r->headers[i].name, name) != 0)
			continue;
		while (n) {
			if (last_element(v, n, element, &n) < 0 ||
			    (p->forwarded ? forwarded_for(element, out) : str_copy(out, 64, element)) < 0 ||
			    model_addr(out, addr) < 0)
				return E_FORMAT;
			if (!proxies_trusted(p, out))
				return 0;
		}
	}
	return 0; /* only proxies in the list, or none: the farthest one */
}

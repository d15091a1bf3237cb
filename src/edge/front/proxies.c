#include "edge/front/proxies.h"

#include <string.h>

#include "core/str.h"
#include "model/model.h"

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
last_element(const char *s, size_t n, char out[static 64], size_t *ret_n)
{
	size_t b;

	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	for (b = n; b && s[b - 1] != ','; b--)
		;
	*ret_n = b ? b - 1 : 0;
	while (b < n && (s[b] == ' ' || s[b] == '\t'))
		b++;
	return str_copy_n(out, 64, s + b, n - b);
}

int
proxies_client(const struct proxies *p, const char *peer, const struct http_request *r, char out[static 64])
{
	uint8_t addr[16];

	if (str_copy(out, 64, peer) < 0)
		return E_FORMAT;
	if (p->n == 0 || !proxies_trusted(p, peer))
		return 0;
	for (size_t i = r->nheaders; i-- > 0;) {
		const char *v = r->headers[i].value;
		size_t n = strlen(v);

		if (strcmp(r->headers[i].name, "x-forwarded-for") != 0)
			continue;
		while (n) {
			if (last_element(v, n, out, &n) < 0 || model_addr(out, addr) < 0)
				return E_FORMAT;
			if (!proxies_trusted(p, out))
				return 0;
		}
	}
	return 0; /* only proxies in the list, or none: the farthest one */
}

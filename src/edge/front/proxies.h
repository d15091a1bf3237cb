/*
 * proxies: whose word about a user's address is taken. Only peers that the configuration names (trusted_proxies) are
 * believed, and of X-Forwarded-For (or Forwarded, RFC 7239, where that is configured: the one of both that the proxies
 * do not write passes through them as the user wrote it) only the last element that is not itself such a proxy:
 * everything left of it is the user's own claim. (facts/security.md 2.D) May block: no.
 */
#ifndef FRONT_PROXIES_H
#define FRONT_PROXIES_H

#include "core/err.h"
#include "net/http_server.h"

#define PROXIES_MAX 64u

struct proxy_net {
	uint8_t addr[16];
	unsigned bits;
};
struct proxies {
	struct proxy_net v[PROXIES_MAX];
	size_t n;
	bool forwarded; /* Forwarded counts, X-Forwarded-For does not */
};

int proxies_init(struct proxies *p, const char *const *list, size_t n, struct reason *why); /* addresses and CIDRs */
bool proxies_trusted(const struct proxies *p, const char *ip);
/* The address judge shall see: the peer's own, or the one a trusted peer names. E_FORMAT when a trusted peer names
 * rubbish. */
int proxies_client(const struct proxies *p, const char *peer, const struct http_request *r, char out[static 64]);

#endif

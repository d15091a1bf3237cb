/*
 * guard: which addresses fetch may connect to. Public ones always; loopback, private, link-local, metadata, multicast
 * and the rest of the special ranges (RFC 6890) only when listed, by CIDR or by the host name that was asked for. Pure.
 */
#ifndef EDGE_FETCH_GUARD_H
#define EDGE_FETCH_GUARD_H

#include <stdbool.h>
#include <sys/socket.h>

#include "core/err.h"
#include "msg/msg.h"

#define GUARD_RULES_MAX 256

struct guard {
	struct guard_rule {
		char host[254];  /* "" = by address */
		uint8_t net[16]; /* v4 as v4-mapped */
		unsigned bits;
	} v[GUARD_RULES_MAX];
	size_t n;
};
int guard_init(struct guard *g, const struct strs *allow, struct reason *why);
int guard_check(const struct guard *g, const char *host, const struct sockaddr *sa, struct reason *why);

#endif

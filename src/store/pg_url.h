/*
 * pg_url: the options of a connection, from its URL. libpq parses it; here names become addresses, since whoever
 * connects later may be confined, and what must be ours is set. Not for other folders. May block: yes, on the resolver.
 */
#ifndef STORE_PG_URL_H
#define STORE_PG_URL_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define PG_HOSTS_MAX 16
#define PG_OPTIONS_MAX 64

struct pg_url {
	char *key[PG_OPTIONS_MAX + 1], *value[PG_OPTIONS_MAX + 1]; /* NULL ends both */
	size_t n;
	uint16_t port[PG_HOSTS_MAX]; /* of TCP hosts */
	size_t nports;
	char name[200]; /* for messages; without the password */
};
int pg_url_parse(const char *url, struct pg_url *ret_u, struct reason *r);
void pg_url_release(struct pg_url *u); /* wipes; safe on a zeroed one */

#endif

/*
 * tunnel_config: hands a link's connector its configuration (facts/cloudflared-wire.md a.4, a.9) and tells judge what
 * it said.
 *
 * One push at a time; of those that arrive meanwhile only the newest is kept. Embedded in the link, which calls release
 * before its HTTP/2 session goes. May block: no.
 */
#ifndef FRONT_TUNNEL_CONFIG_H
#define FRONT_TUNNEL_CONFIG_H

#include "edge/front/tunnel_link.h"

struct config_push;
struct tunnel_config {
	struct link *l;
	struct h2link *h;
	struct thread *t;
	uint64_t link;
	const char *tunnel; /* for logs */
	struct config_push *push;
	char *next; /* arrived while push was busy */
	uint32_t next_version;
	uint32_t version; /* last one taken; 0 = none */
};

/* config: the object itself, or the whole {"version":N,"config":{...}}. */
void tunnel_config_push(struct tunnel_config *c, uint32_t version, const char *config);
void tunnel_config_release(struct tunnel_config *c); /* safe on zeroed */

#endif

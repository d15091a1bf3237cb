/*
 * recent: what was seen lately, in bounded memory: two generations of a map. When the young one is full the old one is
 * forgotten and the young one becomes old; a hit in the old one moves to the young. So the last `max` keys are always
 * remembered, at most 2 * max. Values are malloc'ed and owned by the table. May block: no.
 */
#ifndef EDGE_SIGNER_RECENT_H
#define EDGE_SIGNER_RECENT_H

#include "core/map.h"

struct recent {
	struct map young, old;
	size_t max;
	uint64_t seed;
};
void recent_init(struct recent *t, size_t max, uint64_t seed);
void recent_release(struct recent *t);
void *recent_get(struct recent *t, const char *key);            /* borrowed until the next put; NULL when unknown */
int recent_put(struct recent *t, const char *key, void *value); /* takes value, also on failure */

#endif

/*
 * rate: token buckets by name. A bucket holds at most `burst` tokens and gains one each `every_ms`. Bounded by
 * RATE_NAMES_MAX recent names (attack: many identities or addresses to fill memory). May block: no.
 */
#ifndef EDGE_SIGNER_RATE_H
#define EDGE_SIGNER_RATE_H

#include <stdbool.h>

#include "edge/signer/recent.h"

#define RATE_NAMES_MAX 32768

struct rate {
	struct recent names;
	double burst, every_ms;
};
void rate_init(struct rate *r, double burst, double every_ms, uint64_t seed);
void rate_release(struct rate *r);
bool rate_take(struct rate *r, const char *name, int64_t now_ms); /* false: none left */
void rate_give(struct rate *r, const char *name);                 /* gives one back */

#endif

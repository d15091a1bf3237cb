#include "edge/signer/rate.h"

#include <stdlib.h>

struct bucket {
	double tokens;
	int64_t at; /* ms */
};

void
rate_init(struct rate *r, double burst, double every_ms, uint64_t seed)
{
	recent_init(&r->names, RATE_NAMES_MAX, seed);
	r->burst = burst;
	r->every_ms = every_ms;
}

void
rate_release(struct rate *r)
{
	recent_release(&r->names);
}

bool
rate_take(struct rate *r, const char *name, int64_t now_ms)
{
	struct bucket *b = recent_get(&r->names, name);

	if (!b) {
		b = calloc(1, sizeof *b);
		if (!b)
			return false;
		*b = (struct bucket){.tokens = r->burst, .at = now_ms};
		if (recent_put(&r->names, name, b) < 0)
			return false;
	}
	if (now_ms > b->at)
		b->tokens += (double)(now_ms - b->at) / r->every_ms;
	b->at = now_ms;
	if (b->tokens > r->burst)
		b->tokens = r->burst;
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

void
rate_give(struct rate *r, const char *name)
{
	struct bucket *b = recent_get(&r->names, name);

	if (b && b->tokens < r->burst)
		b->tokens += 1;
}

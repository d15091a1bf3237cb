#include "edge/signer/recent.h"

#include <stdlib.h>

#include "core/err.h"

void
recent_init(struct recent *t, size_t max, uint64_t seed)
{
	t->max = max;
	t->seed = seed;
	map_init(&t->young, max, seed, free);
	map_init(&t->old, max, seed, free);
}

void
recent_release(struct recent *t)
{
	map_release(&t->young);
	map_release(&t->old);
}

void *
recent_get(struct recent *t, const char *key)
{
	void *v = map_get(&t->young, key);

	if (v)
		return v;
	v = map_take(&t->old, key);
	if (!v)
		return NULL;
	return recent_put(t, key, v) == 0 ? v : NULL;
}

int
recent_put(struct recent *t, const char *key, void *value)
{
	if (map_len(&t->young) >= t->max) {
		map_release(&t->old);
		t->old = t->young;
		map_init(&t->young, t->max, t->seed, free);
	}
	int r = map_set(&t->young, key, value);
	if (r < 0)
		free(value);
	return r;
}

/*
 * map: text (or bytes) -> pointer, open hashing with a per-map random-free FNV+seed; keys are copied.
 *
 * max bounds the number of entries (E_LIMIT). Values are borrowed; a destructor given at init is called when an
 * entry is removed or the map is released. Iteration order is unspecified. May block: no.
 */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include "core/buf.h"

struct map_entry;
struct map {
	struct map_entry **tab;
	size_t ntab, n, max;
	uint64_t seed;
	void (*drop)(void *);
};

void map_init(struct map *m, size_t max, uint64_t seed,
              void (*drop)(void *value)); /* seed against chosen collisions; drop may be NULL */
void map_release(struct map *m);
void *map_get(const struct map *m, const char *key);
void *map_get_n(const struct map *m, const void *key, size_t n);
int map_put(struct map *m, const char *key, void *value); /* E_EXIST when there is one */
int map_put_n(struct map *m, const void *key, size_t n, void *value);
int map_set(struct map *m, const char *key, void *value); /* replaces, dropping the old value */
void *map_take(struct map *m, const char *key);           /* removes without drop */
void *map_take_n(struct map *m, const void *key, size_t n);
int map_del(struct map *m, const char *key); /* E_NOENT */
static inline size_t
map_len(const struct map *m)
{
	return m->n;
}

/* struct map_iter it = {0}; while (map_next(m, &it)) use it.key, it.value. Removing the current entry is allowed. */
struct map_iter {
	size_t bucket;
	struct map_entry *next;
	const char *key; /* NUL-terminated even for byte keys */
	size_t nkey;
	void *value;
	bool started;
};
bool map_next(const struct map *m, struct map_iter *it);

#endif

/* arena: many small allocations, freed at once. Limit at init; NULL beyond it. Zeroed memory, aligned for any object.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
	struct arena_block *head;
	size_t used, max;
};
void arena_init(struct arena *a, size_t max);
void *arena_alloc(struct arena *a, size_t n);
char *arena_str(struct arena *a, const char *s);
char *arena_strn(struct arena *a, const void *p, size_t n);
void arena_release(struct arena *a);

#endif

/*
 * clock: time. Engines take time as an argument; only programs and io call the *_now functions.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include <stddef.h>

int64_t clock_mono_ms(void); /* monotonic, for deadlines */
int64_t clock_wall(void);    /* seconds since 1970, for validity */
int64_t clock_wall_ms(void);

/* Go-style duration ("90s", "3m", "1h30m", "24h", "500ms") to milliseconds. E_FORMAT, E_RANGE (negative or > 10 years).
   A bare number is refused: the unit is part of the value. "0" alone is accepted. */
int duration_parse(const char *s, int64_t *ret_ms);
/* Shortest Go-style text, e.g. "8h", "1h30m", "3m". buf of at least 32. */
void duration_format(int64_t ms, char *out, size_t n);

/* RFC 3339 in UTC with seconds, "2026-11-22T10:00:00Z" (20 characters and NUL). */
void time_format(int64_t wall, char out[static 24]);
int time_parse(const char *s, int64_t *ret_wall);

#endif

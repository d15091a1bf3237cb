/*
 * logline: what `admin log` takes and prints: --since as a moment, and a record as one line. Pure.
 */
#ifndef CLI_ADMIN_LOGLINE_H
#define CLI_ADMIN_LOGLINE_H

#include "core/buf.h"
#include "core/json.h"

/* "1h" (so long before now), "2026-11-22T10:00:00Z", "2026-11-22" (its beginning, UTC): wall seconds. E_FORMAT,
   E_RANGE. */
int logline_since(const char *text, int64_t now, int64_t *ret_wall);
/* "TIME KIND actor=.. subject=.. ..", with line end: known members in a fixed order, values quoted when they need it,
   control characters as '?'. Of the details only an administrator's changes are told; -o json has all. */
int logline_format(const json_t *record, struct buf *out);

#endif

/*
 * sqlite_layout: whose file it is, bringing ours to this release's schema, and SQLite's errors in words. path is the
 * file's name in them. Not for other folders. May block: yes, on disk.
 */
#ifndef STORE_SQLITE_LAYOUT_H
#define STORE_SQLITE_LAYOUT_H

#include <sqlite3.h>
#include <stdint.h>

#include "core/err.h"

#define BUSY_MS 5000

int sqlite_fail(sqlite3 *db, const char *path, int rc, struct reason *r); /* E_* of a result code */
int sqlite_run(sqlite3 *db, const char *path, const char *sql, struct reason *r);
/* Whether the file is ours, or new, and of which schema. Reads only: another program's stays as it is. */
int sqlite_identify(sqlite3 *db, const char *path, int64_t *ret_version, struct reason *r);
int sqlite_migrate(sqlite3 *db, const char *path, struct reason *r);

#endif

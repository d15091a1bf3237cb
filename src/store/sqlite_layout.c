#include "store/sqlite_layout.h"

#include <stdio.h>

#include "store/schema.h"

#define APPLICATION_ID 0x53504c59 /* "SPLY": tells our files from other people's */

int
sqlite_fail(sqlite3 *db, const char *path, int rc, struct reason *r)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return reason_set(r, E_AGAIN, 0, "store: another process has held %s for %d s", path, BUSY_MS / 1000);
	case SQLITE_NOMEM:
		return E_NOMEM;
	case SQLITE_NOTADB:
		return reason_set(r, E_IO, 0, "store: %s is not a store of ours; move it away or give another --dir",
		                  path);
	case SQLITE_CORRUPT:
		return reason_set(r, E_IO, 0, "store: %s is damaged (%s); restore a backup with 'sallyportd restore'",
		                  path, sqlite3_errmsg(db));
	case SQLITE_FULL:
		return reason_set(r, E_IO, 0, "store: no space left for %s", path);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return reason_set(r, E_IO, 0, "store: %s cannot be written (%s); it must belong to the judge's user",
		                  path, sqlite3_errmsg(db));
	default:
		return reason_set(r, E_IO, 0, "store: %s: %s", path, sqlite3_errmsg(db));
	}
}

static int
pragma_int(sqlite3 *db, const char *path, const char *sql, int64_t *ret_v, struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = E_OK, rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*ret_v = sqlite3_column_int64(q, 0);
	else
		ret = sqlite_fail(db, path, rc, r);
	sqlite3_finalize(q);
	return ret;
}

int
sqlite_run(sqlite3 *db, const char *path, const char *sql, struct reason *r)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? E_OK : sqlite_fail(db, path, rc, r);
}

static int
migrate_step(sqlite3 *db, const char *path, int from, struct reason *r)
{
	char sql[200];
	int ret = sqlite_run(db, path, migrations[from], r);

	if (ret != E_OK)
		return ret;
	snprintf(sql, sizeof sql,
	         "INSERT INTO migration VALUES(%d, datetime('now')); PRAGMA user_version=%d; PRAGMA application_id=%d",
	         from + 1, from + 1, APPLICATION_ID);
	return sqlite_run(db, path, sql, r);
}

/* Whether the file is ours, or new, and of which schema. Reads only: another program's stays as it is. */
int
sqlite_identify(sqlite3 *db, const char *path, int64_t *ret_version, struct reason *r)
{
	int64_t app_id = 0, tables = 0;
	int ret = pragma_int(db, path, "PRAGMA user_version", ret_version, r);

	if (ret == E_OK)
		ret = pragma_int(db, path, "PRAGMA application_id", &app_id, r);
	if (ret == E_OK)
		ret = pragma_int(db, path, "SELECT count(*) FROM sqlite_schema", &tables, r);
	if (ret == E_OK && app_id != APPLICATION_ID && (app_id || *ret_version || tables))
		ret = reason_set(r, E_IO, 0,
		                 "store: %s is another program's database; move it away or give another --dir", path);
	if (ret == E_OK && *ret_version > SCHEMA)
		ret = reason_set(
		    r, E_IO, 0,
		    "store: %s was written by a newer release (schema %lld, this one knows %d); install that release",
		    path, (long long)*ret_version, SCHEMA);
	return ret;
}

/* Under the write lock, so that two processes opening a new store do not both lay it out. */
int
sqlite_migrate(sqlite3 *db, const char *path, struct reason *r)
{
	int64_t version = 0;
	int ret = sqlite_run(db, path, "BEGIN IMMEDIATE", r);

	if (ret != E_OK)
		return ret;
	ret = sqlite_identify(db, path, &version, r);
	for (int v = (int)version; ret == E_OK && v < SCHEMA; v++)
		ret = migrate_step(db, path, v, r);
	if (ret == E_OK)
		ret = sqlite_run(db, path, "COMMIT", r);
	if (ret != E_OK && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return ret;
}

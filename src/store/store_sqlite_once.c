/*
 * One-time values and counters on SQLite. Putting one in does not wait for the disk: a code that a power failure took
 * is asked for again. Its removal does, and the log's order puts what was before it on disk too: a value that was taken
 * stays taken.
 */
#include "store/store_sqlite.h"

static int
insert(struct sqlite_store *s, const char *kind, const char *key, const void *p, size_t n, int64_t expires, int64_t now,
       struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, Q_ONCE_PUT, &q, r), rc;

	if (ret != E_OK)
		return ret;
	rc = lite_bind_texts(q, kind, key, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = n ? sqlite3_bind_blob64(q, 3, p, n, SQLITE_STATIC) : sqlite3_bind_zeroblob(q, 3, 0);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(q, 4, expires);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(q, 5, now);
	if (rc != SQLITE_OK) {
		lite_done(q);
		return lite_fail_sql(s, rc, r);
	}
	ret = lite_run(s, q, r);
	return ret == E_OK && sqlite3_changes(s->db) == 0 ? reason_set(r, E_EXIST, 0, "this %s is in use", kind) : ret;
}

/* This pragma acts when it is compiled: it cannot be kept prepared. */
static int
waits_for_disk(struct sqlite_store *s, bool yes, struct reason *r)
{
	return sqlite_run(s->db, s->path, yes ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", r);
}

int
lite_once_put(struct store *base, const char *kind, const char *key, const void *p, size_t n, int64_t expires,
              int64_t now, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	bool own = !s->in_tx;
	int ret = own ? waits_for_disk(s, false, r) : E_OK;

	if (ret == E_OK)
		ret = lite_enter(s, r);
	if (ret == E_OK)
		ret = lite_leave(s, insert(s, kind, key, p, n, expires, now, r), r);
	int back = own ? waits_for_disk(s, true, ret == E_OK ? r : NULL) : E_OK;
	return ret == E_OK ? back : ret;
}

static int
take_row(sqlite3_stmt *q, int64_t now, struct buf *out)
{
	const void *p = sqlite3_column_blob(q, 0);
	size_t n = (size_t)sqlite3_column_bytes(q, 0);

	if (sqlite3_column_int64(q, 1) <= now)
		return E_EXPIRED;
	return n ? buf_put(out, p, n) : E_OK;
}

int
lite_once_take(struct store *base, const char *kind, const char *key, int64_t now, struct buf *out, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	int ret = lite_enter(s, r), rc, got = E_NOENT;
	sqlite3_stmt *q = NULL;

	if (ret != E_OK)
		return ret;
	ret = lite_query(s, Q_ONCE_TAKE, &q, r);
	if (ret == E_OK) {
		rc = lite_bind_texts(q, kind, key, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(q);
		if (rc == SQLITE_ROW) {
			got = take_row(q, now, out);
			rc = sqlite3_step(q);
		}
		if (rc != SQLITE_DONE)
			ret = lite_fail_sql(s, rc, r);
		lite_done(q);
	}
	ret = lite_leave(s, ret, r); /* the value leaves only when its removal is on disk */
	return ret == E_OK ? got : ret;
}

int
lite_once_sweep(struct store *base, int64_t now, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	sqlite3_stmt *q = NULL;
	int ret = lite_enter(s, r);

	if (ret != E_OK)
		return ret;
	ret = lite_query(s, Q_ONCE_SWEEP, &q, r);
	if (ret == E_OK)
		ret = sqlite3_bind_int64(q, 1, now) == SQLITE_OK ? lite_run(s, q, r) : E_NOMEM;
	return lite_leave(s, ret, r);
}

int
lite_once_trim(struct store *base, const char *kind, int64_t keep, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	sqlite3_stmt *q = NULL;
	int ret = lite_enter(s, r), rc;

	if (ret != E_OK)
		return ret;
	ret = lite_query(s, Q_ONCE_TRIM, &q, r);
	if (ret == E_OK) {
		rc = lite_bind_text(q, 1, kind);
		if (rc == SQLITE_OK)
			rc = sqlite3_bind_int64(q, 2, keep);
		if (rc == SQLITE_OK) {
			ret = lite_run(s, q, r);
		} else {
			lite_done(q);
			ret = lite_fail_sql(s, rc, r);
		}
	}
	return lite_leave(s, ret, r);
}

int
lite_counter(struct store *base, const char *name, int64_t by, int64_t *ret_v, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	sqlite3_stmt *q = NULL;
	int64_t v = 0;
	int ret = lite_enter(s, r), rc;

	if (ret != E_OK)
		return ret;
	ret = lite_query(s, Q_COUNTER, &q, r);
	if (ret == E_OK) {
		rc = lite_bind_text(q, 1, name);
		if (rc == SQLITE_OK)
			rc = sqlite3_bind_int64(q, 2, by);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(q);
		if (rc == SQLITE_ROW) {
			v = sqlite3_column_int64(q, 0);
			rc = sqlite3_step(q);
		}
		if (rc != SQLITE_DONE)
			ret = lite_fail_sql(s, rc, r);
		lite_done(q);
	}
	ret = lite_leave(s, ret, r);
	if (ret == E_OK)
		*ret_v = v;
	return ret;
}

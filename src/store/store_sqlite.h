/*
 * store_sqlite: what the files of the SQLite backend share. Not for other folders. Statements are prepared at open, all
 * of them; lite_done makes one ready for the next use. lite_enter and lite_leave put a single call into a transaction
 * of its own unless the caller of the store has one open.
 */
#ifndef STORE_STORE_SQLITE_H
#define STORE_STORE_SQLITE_H

#include "store/backend.h"
#include "store/schema.h"
#include "store/sqlite_layout.h"

struct sqlite_store {
	struct store base;
	sqlite3 *db;
	sqlite3_stmt *q[STATEMENTS];
	bool in_tx;          /* the caller's transaction */
	bool changed;        /* in the open transaction: a document that snapshots are made of */
	int64_t seen, epoch; /* data_version and epoch at the last poll */
	char path[4096];
};

static inline struct sqlite_store *
lite_of(struct store *s)
{
	return (struct sqlite_store *)(void *)s;
}

int lite_fail_sql(struct sqlite_store *s, int rc, struct reason *r);
int lite_query(struct sqlite_store *s, enum statement which, sqlite3_stmt **ret_q, struct reason *r);
int lite_bind_text(sqlite3_stmt *q, int at, const char *text);                                    /* SQLite's codes */
int lite_bind_texts(sqlite3_stmt *q, const char *a, const char *b, const char *c, const char *d); /* NULL: skipped */
void lite_done(sqlite3_stmt *q);
int lite_run(struct sqlite_store *s, sqlite3_stmt *q, struct reason *r); /* a statement that gives no row */
int lite_run_plain(struct sqlite_store *s, enum statement which, struct reason *r);
int lite_enter(struct sqlite_store *s, struct reason *r);
int lite_leave(struct sqlite_store *s, int ret, struct reason *r); /* commits, or rolls back and returns ret */

/* store_sqlite_once.c */
int lite_once_put(struct store *base, const char *kind, const char *key, const void *p, size_t n, int64_t expires,
                  int64_t now, struct reason *r);
int lite_once_take(struct store *base, const char *kind, const char *key, int64_t now, struct buf *out,
                   struct reason *r);
int lite_once_sweep(struct store *base, int64_t now, struct reason *r);
int lite_once_trim(struct store *base, const char *kind, int64_t keep, struct reason *r);
int lite_counter(struct store *base, const char *name, int64_t by, int64_t *ret_v, struct reason *r);

#endif

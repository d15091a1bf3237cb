/* store_pg: what the files of the PostgreSQL backend share. Not for other folders. */
#ifndef STORE_STORE_PG_H
#define STORE_STORE_PG_H

#include "store/backend.h"
#include "store/pg.h"

#define CALLS_MAX (2 * STORE_KEYS_MAX + 8)

struct pg_store {
	struct store base;
	struct pg *pg;
	bool in_tx, broken; /* the caller's transaction; its connection was lost */
	bool changed;       /* in the open transaction: a document that snapshots are made of */
	bool opened;
	char writer[33], before[33]; /* this connection's name, and that of the one before */
	int64_t mark, before_mark;   /* last commit sent; the last that the one before it did, -1 = not known */
	struct reason setup_why;
	struct pg_call call[CALLS_MAX];
};

static inline struct pg_store *
self_of(struct store *s)
{
	return (struct pg_store *)(void *)s;
}

/* One call of the store, with what it asks and what it answers. */
struct op {
	const char *kind, *id, *name, *value, *json, *after;
	int64_t expected, expires, now;
	const void *p;
	size_t n, limit;
	const struct store_key *keys;
	struct pg_rows rows; /* of a read */
	int which;
	int64_t version; /* or what else it answers */
	struct buf *out;
	int got;
};
typedef int op_fn(struct pg_store *s, struct op *o, struct reason *r);

/* Runs fn, and once more on a new connection when it is sure that nothing was done on the lost one. */
int pg_with_connection(struct pg_store *s, op_fn *fn, struct op *o, struct reason *r);
/* Any read: rows of statement which with the texts of o that are set, in the order kind, id, name, value. */
int pg_op_read(struct pg_store *s, struct op *o, struct reason *r);
struct pg_call *pg_add_texts(struct pg_batch *b, int which, const char *a, const char *c);
/* The beginning of a write: alone it is a transaction of its own, within the caller's it is guarded by a savepoint. */
struct pg_batch pg_open_write(struct pg_store *s);
int pg_refuse_write(struct pg_store *s, int ret); /* undoes it; gives ret back */
/* Ends it well, with the batch b (perhaps empty) as its last round trip. */
int pg_close_write(struct pg_store *s, struct pg_batch *b, size_t *ret_failed, struct reason *r);

/* store_pg_once.c */
int ps_once_put(struct store *base, const char *kind, const char *key, const void *p, size_t n, int64_t expires,
                int64_t now, struct reason *r);
int ps_once_take(struct store *base, const char *kind, const char *key, int64_t now, struct buf *out, struct reason *r);
int ps_once_sweep(struct store *base, int64_t now, struct reason *r);
int ps_once_trim(struct store *base, const char *kind, int64_t keep, struct reason *r);
int ps_counter(struct store *base, const char *name, int64_t by, int64_t *ret_v, struct reason *r);

#endif

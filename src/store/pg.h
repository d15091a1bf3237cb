/*
 * pg: one connection to a PostgreSQL server, for the backend. The only file that knows libpq is pg.c.
 *
 * The connection is always in pipeline mode: a batch of calls goes out as one message and costs one round trip; what
 * follows a call that failed is skipped by the server. A lost connection is made again by itself: pg_up waits for it at
 * most the time it is given, pg_step moves it on without waiting, and attempts back off. Names are resolved once, in
 * pg_new, because a confined process cannot ask a resolver. Owner: pg_free. May block: pg_new (names), pg_up and pg_run
 * (CALL_MS and the server's own limits bound it).
 */
#ifndef STORE_PG_H
#define STORE_PG_H

#include "core/buf.h"
#include "core/err.h"

#define PG_ARGS_MAX 5
#define PG_CALL_MS 6000      /* a batch that is not answered by then has lost its connection */
#define PG_STATEMENT_MS 4000 /* the server gives up by itself before that */
#define PG_LOCK_MS 3000

struct pg;

/* The result of a call; zeroed = none. */
struct pg_rows {
	void *res;
};
size_t pg_rows_n(const struct pg_rows *r);
const char *pg_text(const struct pg_rows *r, size_t row, int col); /* terminated; borrowed from r */
int64_t pg_num(const struct pg_rows *r, size_t row, int col);      /* of a bigint column; 0 for anything else */
struct slice pg_bytes(const struct pg_rows *r, size_t row, int col);
void pg_rows_free(struct pg_rows *r); /* safe on a zeroed one */

/* One statement of a batch: the prepared one of that number, or (sql not NULL) this text. */
struct pg_call {
	int which;
	const char *sql;
	int nargs;
	const char *arg[PG_ARGS_MAX]; /* texts, or bytes where size is set */
	int size[PG_ARGS_MAX];
	char num[2][24];
	struct pg_rows *rows; /* where the result goes; NULL = dropped */
};
struct pg_batch {
	struct pg_call *call;
	size_t n, max;
};
/* Further calls are dropped when max is reached, and pg_run refuses the batch. */
struct pg_call *pg_add(struct pg_batch *b, int which);
struct pg_call *pg_add_sql(struct pg_batch *b, const char *sql);
void pg_arg_text(struct pg_call *c, const char *s);
void pg_arg_num(struct pg_call *c, int64_t v); /* two of a call at most */
void pg_arg_bytes(struct pg_call *c, const void *p, size_t n);

/* setup is called on every new connection, before anybody uses it; it may call pg_run. An error drops the connection
 * again. */
typedef int pg_setup_fn(struct pg *p, void *arg, struct reason *r);
int pg_new(const char *url, pg_setup_fn *setup, void *arg, struct pg **ret_p, struct reason *r);
void pg_free(struct pg *p);
const char *pg_name(const struct pg *p); /* "PostgreSQL at HOST:PORT, database NAME": for messages, no secret in it */

int pg_up(struct pg *p, int64_t budget_ms, struct reason *r); /* E_IO: not reachable, with why and when it is tried */
void pg_step(struct pg *p);
void pg_drop(struct pg *p); /* the connection is not to be used any more */

/*
 * E_OK every call was done. E_CLOSED the connection was lost: what was sent may have been done or not. Else the first
 * error: E_EXIST a unique key, E_AGAIN (locks, deadlines), E_STATE the guard of the batch failed, E_IO. ret_failed
 * (may be NULL) is the index of the call; rows are given on success only.
 */
int pg_run(struct pg *p, struct pg_batch *b, size_t *ret_failed, struct reason *r);

/* Prepares statements 0..n-1 in one round trip; for setup. */
int pg_prepare(struct pg *p, const char *const *sql, int n, struct reason *r);

/* Readable when pg_step has something to do or pg_news something to tell. The same for the life of p. */
int pg_fd(const struct pg *p);
bool pg_news(struct pg *p); /* another session notified since the last call, or the connection was made anew */

/* TCP ports that connections go to, at most max of them are written. */
size_t pg_ports(const struct pg *p, uint16_t *ports, size_t max);

#endif

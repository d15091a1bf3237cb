/* One-time values and counters on PostgreSQL: writes of one statement. */
#include "store/schema_pg.h"
#include "store/store_pg.h"

/* A write of one statement. Its row is in hand before the commit goes out. */
static int
one_write(struct pg_store *s, struct pg_batch *b, struct pg_rows *rows, struct reason *r)
{
	int ret;

	b->call[b->n - 1].rows = rows;
	ret = pg_run(s->pg, b, NULL, r);
	if (ret != E_OK)
		return pg_refuse_write(s, ret);
	b->n = 0;
	ret = pg_close_write(s, b, NULL, r);
	if (ret != E_OK)
		pg_rows_free(rows);
	return ret;
}

static int
op_once_put(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_batch b = pg_open_write(s);
	struct pg_call *c = pg_add_texts(&b, P_ONCE_PUT, o->kind, o->id);
	struct pg_rows rows = {0};

	pg_arg_bytes(c, o->p, o->n);
	pg_arg_num(c, o->expires);
	pg_arg_num(c, o->now);
	int ret = one_write(s, &b, &rows, r);
	if (ret == E_OK && pg_rows_n(&rows) == 0)
		ret = reason_set(r, E_EXIST, 0, "this %s is in use", o->kind);
	pg_rows_free(&rows);
	return ret;
}

int
ps_once_put(struct store *base, const char *kind, const char *key, const void *p, size_t n, int64_t expires,
            int64_t now, struct reason *r)
{
	struct op o = {.kind = kind, .id = key, .p = p, .n = n, .expires = expires, .now = now};

	return pg_with_connection(self_of(base), op_once_put, &o, r);
}

/* Looks first: names that somebody made up are not to cost a commit each. */
static int
op_once_take(struct pg_store *s, struct op *o, struct reason *r)
{
	struct op look = {.which = P_ONCE_LOOK, .kind = o->kind, .id = o->id};
	struct pg_rows rows = {0};
	int ret = pg_op_read(s, &look, r);
	bool there = ret == E_OK && pg_rows_n(&look.rows);

	pg_rows_free(&look.rows);
	o->got = E_NOENT;
	if (!there)
		return ret;
	struct pg_batch b = pg_open_write(s);
	pg_add_texts(&b, P_ONCE_TAKE, o->kind, o->id);
	ret = one_write(s, &b, &rows, r);
	if (ret == E_OK && pg_rows_n(&rows))
		o->got = pg_num(&rows, 0, 1) <= o->now ? E_EXPIRED : buf_put_slice(o->out, pg_bytes(&rows, 0, 0));
	pg_rows_free(&rows);
	return ret;
}

int
ps_once_take(struct store *base, const char *kind, const char *key, int64_t now, struct buf *out, struct reason *r)
{
	struct op o = {.kind = kind, .id = key, .now = now, .out = out};
	int ret = pg_with_connection(self_of(base), op_once_take, &o, r);

	return ret == E_OK ? o.got : ret;
}

static int
op_once_sweep(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_batch b = pg_open_write(s);
	struct pg_rows rows = {0};

	pg_arg_num(pg_add(&b, P_ONCE_SWEEP), o->now);
	int ret = one_write(s, &b, &rows, r);
	pg_rows_free(&rows);
	return ret;
}

int
ps_once_sweep(struct store *base, int64_t now, struct reason *r)
{
	struct op o = {.now = now};

	return pg_with_connection(self_of(base), op_once_sweep, &o, r);
}

static int
op_once_trim(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_batch b = pg_open_write(s);
	struct pg_call *c = pg_add(&b, P_ONCE_TRIM);
	struct pg_rows rows = {0};

	pg_arg_text(c, o->kind);
	pg_arg_num(c, o->expected);
	int ret = one_write(s, &b, &rows, r);
	pg_rows_free(&rows);
	return ret;
}

int
ps_once_trim(struct store *base, const char *kind, int64_t keep, struct reason *r)
{
	struct op o = {.kind = kind, .expected = keep};

	return pg_with_connection(self_of(base), op_once_trim, &o, r);
}

static int
op_counter(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_batch b = pg_open_write(s);
	struct pg_call *c = pg_add(&b, P_COUNTER);
	struct pg_rows rows = {0};

	pg_arg_text(c, o->name);
	pg_arg_num(c, o->expected);
	int ret = one_write(s, &b, &rows, r);
	if (ret == E_OK)
		o->version = pg_num(&rows, 0, 0);
	pg_rows_free(&rows);
	return ret;
}

int
ps_counter(struct store *base, const char *name, int64_t by, int64_t *ret_v, struct reason *r)
{
	struct op o = {.name = name, .expected = by};
	int ret = pg_with_connection(self_of(base), op_counter, &o, r);

	if (ret == E_OK)
		*ret_v = o.version;
	return ret;
}

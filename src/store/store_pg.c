/*
 * PostgreSQL behind store.h. A write alone is two round trips: BEGIN with the compare-and-set, then keys, marks and
 * COMMIT. When the answer to a COMMIT is lost, the next connection first takes away the name under which the lost one
 * committed and so learns whether it did (schema_pg.c): what did not happen is done again, what did is not, and
 * E_UNSURE is left for a server that stays away. Reads are done again on a new connection.
 */
#include "store/backend.h"
#include "store/pg.h"
#include "store/pg_layout.h"
#include "store/schema_pg.h"
#include "store/store_pg.h"

#include "core/clock.h"
#include "core/str.h"
#include "crypto/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 1000 /* that a call waits for a connection */
#define SETTLE_MS 2000  /* that a commit without an answer waits for one */
#define OPEN_MS 5000
#define PAGE 256 /* rows of a list that are fetched at once */
/* --- calls ---------------------------------------------------------------------------------------------------------
 */

/* Runs fn, and once more on a new connection when it is sure that nothing was done on the lost one. */
int
pg_with_connection(struct pg_store *s, op_fn *fn, struct op *o, struct reason *r)
{
	int ret = E_OK;

	if (s->in_tx) {
		if (s->broken)
			return reason_set(r, E_IO, 0, "store: the connection was lost within the transaction");
		ret = fn(s, o, r);
		s->broken |= ret == E_CLOSED;
		return ret == E_CLOSED ? E_IO : ret;
	}
	for (int i = 0; i < 2; i++) {
		ret = pg_up(s->pg, CONNECT_MS, r);
		if (ret == E_OK)
			ret = fn(s, o, r);
		if (ret != E_CLOSED)
			return ret;
	}
	return E_IO;
}

static int
run_plain(struct pg_store *s, int which, struct reason *r)
{
	struct pg_call call[1];
	struct pg_batch b = {call, 0, 1};

	pg_add(&b, which);
	return pg_run(s->pg, &b, NULL, r);
}

struct pg_call *
pg_add_texts(struct pg_batch *b, int which, const char *a, const char *c)
{
	struct pg_call *call = pg_add(b, which);

	pg_arg_text(call, a);
	pg_arg_text(call, c);
	return call;
}

/* --- transactions ---------------------------------------------------------------------------------------------------
 */

static void
rollback_alone(struct pg_store *s)
{
	s->changed = false;
	if (run_plain(s, P_ROLLBACK, NULL) != E_OK)
		pg_drop(s->pg);
}

static void
add_commit(struct pg_store *s, struct pg_batch *b)
{
	if (s->changed) {
		pg_add(b, P_EPOCH_BUMP);
		pg_add(b, P_NOTIFY);
	}
	struct pg_call *c = pg_add(b, P_MARK);
	pg_arg_text(c, s->writer);
	pg_arg_num(c, ++s->mark);
	pg_add(b, P_COMMIT);
}

/* The connection went away with a commit on it. E_OK it was done; E_CLOSED it was not, and never will be. */
static int
settle(struct pg_store *s, struct reason *r)
{
	char mine[33];
	int64_t mark = s->mark;

	str_copy(mine, sizeof mine, s->writer);
	if (pg_up(s->pg, SETTLE_MS, NULL) != E_OK || strcmp(s->before, mine) || s->before_mark < 0)
		return reason_set(r, E_UNSURE, 0,
		                  "store: the connection to %s was lost while it committed; look whether it was done",
		                  pg_name(s->pg));
	return s->before_mark == mark ? E_OK : E_CLOSED;
}

/* Runs a batch that ends with add_commit. On any failure nothing stays open. */
static int
run_commit(struct pg_store *s, struct pg_batch *b, size_t *ret_failed, struct reason *r)
{
	int ret = pg_run(s->pg, b, ret_failed, r);

	s->changed = false;
	if (ret == E_CLOSED)
		return settle(s, r);
	if (ret == E_STATE) { /* this connection's name is gone: it has done nothing and can do nothing more */
		pg_drop(s->pg);
		return E_CLOSED;
	}
	if (ret != E_OK)
		rollback_alone(s);
	return ret;
}

static int
op_begin(struct pg_store *s, struct op *o, struct reason *r)
{
	return run_plain(s, o->which, r);
}

static int
begin(struct pg_store *s, int which, struct reason *r)
{
	struct op o = {.which = which};

	if (s->in_tx)
		return reason_set(r, E_STATE, 0, "store: transactions do not nest");
	int ret = pg_with_connection(s, op_begin, &o, r);
	s->in_tx = ret == E_OK;
	s->broken = s->changed = false;
	return ret;
}

static int
ps_begin(struct store *base, struct reason *r)
{
	return begin(self_of(base), P_BEGIN, r);
}

static int
ps_begin_read(struct store *base, struct reason *r)
{
	return begin(self_of(base), P_BEGIN_READ, r);
}

static void
ps_rollback(struct store *base)
{
	struct pg_store *s = self_of(base);

	if (s->in_tx && !s->broken)
		rollback_alone(s);
	s->in_tx = s->broken = s->changed = false;
}

static int
ps_commit(struct store *base, struct reason *r)
{
	struct pg_store *s = self_of(base);
	struct pg_batch b = {s->call, 0, CALLS_MAX};

	if (!s->in_tx)
		return reason_set(r, E_STATE, 0, "store: no transaction to commit");
	s->in_tx = false;
	if (s->broken)
		return reason_set(r, E_IO, 0, "store: the connection was lost within the transaction");
	add_commit(s, &b);
	int ret = run_commit(s, &b, NULL, r);
	return ret == E_CLOSED ? E_IO : ret;
}

/* The beginning of a write: alone it is a transaction of its own, within the caller's it is guarded by a savepoint. */
struct pg_batch
pg_open_write(struct pg_store *s)
{
	struct pg_batch b = {s->call, 0, CALLS_MAX};

	pg_add(&b, s->in_tx ? P_SAVE : P_BEGIN);
	return b;
}

/* Undoes a write that was begun and is refused. */
int
pg_refuse_write(struct pg_store *s, int ret)
{
	struct pg_call call[2];
	struct pg_batch b = {call, 0, 2};

	if (ret == E_CLOSED)
		return ret;
	if (!s->in_tx) {
		rollback_alone(s);
		return ret;
	}
	pg_add(&b, P_BACK);
	pg_add(&b, P_RELEASE);
	if (pg_run(s->pg, &b, NULL, NULL) != E_OK)
		s->broken = true;
	return ret;
}

/* Ends it well, with the batch b (perhaps empty) as its last round trip. */
int
pg_close_write(struct pg_store *s, struct pg_batch *b, size_t *ret_failed, struct reason *r)
{
	if (!s->in_tx) {
		add_commit(s, b);
		return run_commit(s, b, ret_failed, r);
	}
	pg_add(b, P_RELEASE);
	int ret = pg_run(s->pg, b, ret_failed, r);
	return ret == E_OK ? ret : pg_refuse_write(s, ret);
}

/* --- documents ------------------------------------------------------------------------------------------------------
 */

static int
doc_dup(const struct pg_rows *rows, size_t i, struct store_doc *ret_d)
{
	struct store_doc d = {.version = pg_num(rows, i, 1)};

	d.id = str_dup(pg_text(rows, i, 0));
	d.json = str_dup(pg_text(rows, i, 2));
	if (!d.id || !d.json) {
		store_doc_release(&d);
		return E_NOMEM;
	}
	*ret_d = d;
	return E_OK;
}

int
pg_op_read(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_call call[1];
	struct pg_batch b = {call, 0, 1};
	struct pg_call *c = pg_add(&b, o->which);
	const char *const v[] = {o->kind, o->id, o->name, o->value};

	for (size_t i = 0; i < 4; i++)
		if (v[i])
			pg_arg_text(c, v[i]);
	c->rows = &o->rows;
	return pg_run(s->pg, &b, NULL, r);
}

static int
one_doc(struct store *base, struct op *o, struct store_doc *ret_d, struct reason *r)
{
	int ret = pg_with_connection(self_of(base), pg_op_read, o, r);

	if (ret == E_OK)
		ret = pg_rows_n(&o->rows) ? doc_dup(&o->rows, 0, ret_d) : E_NOENT;
	pg_rows_free(&o->rows);
	return ret;
}

static int
ps_get(struct store *base, const char *kind, const char *id, struct store_doc *ret_d, struct reason *r)
{
	struct op o = {.which = P_GET, .kind = kind, .id = id};

	return one_doc(base, &o, ret_d, r);
}

static int
ps_find(struct store *base, const char *kind, const char *name, const char *value, struct store_doc *ret_d,
        struct reason *r)
{
	struct op o = {.which = P_FIND, .kind = kind, .name = name, .value = value};

	return one_doc(base, &o, ret_d, r);
}

/* Why a compare-and-set found nothing to write to. */
static int
conflict(struct pg_store *s, const struct op *o, struct reason *r)
{
	struct op look = {.which = P_VERSION, .kind = o->kind, .id = o->id};
	int ret = pg_op_read(s, &look, r);
	int64_t now = ret == E_OK && pg_rows_n(&look.rows) ? pg_num(&look.rows, 0, 0) : 0;

	pg_rows_free(&look.rows);
	if (ret != E_OK)
		return ret;
	if (now == 0)
		return reason_set(r, E_CONFLICT, 0, "%s %s is gone", o->kind, o->id);
	if (o->expected == STORE_NEW)
		return reason_set(r, E_CONFLICT, 0, "%s %s exists already", o->kind, o->id);
	return reason_set(r, E_CONFLICT, 0, "%s %s was changed meanwhile (version %lld, not %lld)", o->kind, o->id,
	                  (long long)now, (long long)o->expected);
}

static void
add_keys(struct pg_batch *b, const struct op *o)
{
	pg_add_texts(b, P_KEYS_DROP, o->kind, o->id);
	pg_add_texts(b, P_UNIQ_DROP, o->kind, o->id);
	for (size_t i = 0; i < o->n; i++)
		for (int u = 0; u <= o->keys[i].unique; u++) {
			struct pg_call *c = pg_add_texts(b, u ? P_UNIQ_ADD : P_KEY_ADD, o->kind, o->keys[i].name);
			pg_arg_text(c, o->keys[i].value);
			pg_arg_text(c, o->id);
		}
}

static int
op_put(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_batch b = pg_open_write(s);
	struct pg_rows rows = {0};
	size_t failed = 0;
	int ret;

	struct pg_call *c = pg_add_texts(&b,
	                                 o->expected == STORE_NEW   ? P_INSERT
	                                 : o->expected == STORE_ANY ? P_UPSERT
	                                                            : P_UPDATE,
	                                 o->kind, o->id);
	pg_arg_text(c, o->json);
	if (o->expected > 0)
		pg_arg_num(c, o->expected);
	c->rows = &rows;
	ret = pg_run(s->pg, &b, NULL, r);
	if (ret == E_OK && pg_rows_n(&rows) == 0)
		ret = conflict(s, o, r);
	else if (ret == E_OK)
		o->version = pg_num(&rows, 0, 0);
	pg_rows_free(&rows);
	if (ret != E_OK)
		return pg_refuse_write(s, ret);
	b.n = 0;
	add_keys(&b, o);
	bool config = strcmp(o->kind, STORE_SESSION) != 0, before = s->changed;
	s->changed |= config;
	ret = pg_close_write(s, &b, &failed, r);
	if (ret == E_EXIST)
		reason_set(r, ret, 0, "there is another %s with the %s \"%.80s\"", o->kind, s->call[failed].arg[1],
		           s->call[failed].arg[2]);
	if (ret != E_OK && s->in_tx)
		s->changed = before;
	return ret;
}

static int
ps_put(struct store *base, const char *kind, const char *id, int64_t expected, const char *json,
       const struct store_key *keys, size_t nkeys, int64_t *ret_version, struct reason *r)
{
	struct op o = {.kind = kind, .id = id, .expected = expected, .json = json, .keys = keys, .n = nkeys};
	int ret = pg_with_connection(self_of(base), op_put, &o, r);

	if (ret == E_OK && ret_version)
		*ret_version = o.version;
	return ret;
}

static int
op_delete(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_batch b = pg_open_write(s);
	struct pg_rows rows = {0};
	struct pg_call *c = pg_add_texts(&b, P_DELETE, o->kind, o->id);
	int ret;

	pg_arg_num(c, o->expected);
	c->rows = &rows;
	ret = pg_run(s->pg, &b, NULL, r);
	if (ret == E_OK && pg_rows_n(&rows) == 0) {
		ret = conflict(s, o, r);
		if (ret == E_CONFLICT && (o->expected == STORE_ANY || strstr(r ? r->text : "", " is gone")))
			ret = reason_set(r, E_NOENT, 0, "there is no %s %s", o->kind, o->id);
	}
	pg_rows_free(&rows);
	if (ret != E_OK)
		return pg_refuse_write(s, ret);
	b.n = 0;
	add_keys(&b, o);
	s->changed |= strcmp(o->kind, STORE_SESSION) != 0;
	return pg_close_write(s, &b, NULL, r);
}

static int
ps_delete(struct store *base, const char *kind, const char *id, int64_t expected, struct reason *r)
{
	struct op o = {.kind = kind, .id = id, .expected = expected};
	struct reason own = {0}; /* conflict's words tell what was found */

	return pg_with_connection(self_of(base), op_delete, &o, r ? r : &own);
}

static int
op_page(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_call call[1];
	struct pg_batch b = {call, 0, 1};
	struct pg_call *c = pg_add_texts(&b, o->name ? P_LIST_BY : P_LIST, o->kind, o->after);

	pg_arg_num(c, (int64_t)o->limit);
	if (o->name) {
		pg_arg_text(c, o->name);
		pg_arg_text(c, o->value);
	}
	c->rows = &o->rows;
	return pg_run(s->pg, &b, NULL, r);
}

/* Page by page, each whole in memory: the callback may use the store. */
static int
ps_list(struct store *base, const char *kind, const char *name, const char *value, const char *after, size_t limit,
        store_each_fn *fn, void *arg, struct reason *r)
{
	struct pg_store *s = self_of(base);
	char last[STORE_ID_MAX + 1];
	int ret = E_OK;

	if (str_copy(last, sizeof last, after) < 0)
		return reason_set(r, E_LIMIT, 0, "store: an id has at most %d bytes", STORE_ID_MAX);
	for (size_t left = limit ? limit : SIZE_MAX, got = 0; ret == E_OK && left; left -= got) {
		size_t want = left < PAGE ? left : PAGE;
		struct op o = {.kind = kind, .name = name, .value = value, .after = last, .limit = want};
		ret = pg_with_connection(s, op_page, &o, r);
		got = ret == E_OK ? pg_rows_n(&o.rows) : 0;
		for (size_t i = 0; ret == E_OK && i < got; i++) {
			struct store_doc d;
			if ((ret = doc_dup(&o.rows, i, &d)) == E_OK) {
				ret = fn(arg, &d);
				str_copy(last, sizeof last, d.id);
				store_doc_release(&d);
			}
		}
		pg_rows_free(&o.rows);
		if (got < want)
			break;
	}
	return ret;
}

/* A read that answers one number; *ret_there (may be NULL): whether there was a row. */
static int
one_number(struct store *base, struct op *o, int64_t *ret_n, bool *ret_there, struct reason *r)
{
	int ret = pg_with_connection(self_of(base), pg_op_read, o, r);

	if (ret == E_OK && pg_rows_n(&o->rows))
		*ret_n = pg_num(&o->rows, 0, 0);
	if (ret_there)
		*ret_there = ret == E_OK && pg_rows_n(&o->rows);
	pg_rows_free(&o->rows);
	return ret;
}

static int
ps_count(struct store *base, const char *kind, int64_t *ret_n, struct reason *r)
{
	struct op o = {.which = P_COUNT, .kind = kind};

	return one_number(base, &o, ret_n, NULL, r);
}

/* --- counters, check ------------------------------------------------------------------------------------------------
 */

static int
ps_epoch(struct store *base, int64_t *ret_epoch, struct reason *r)
{
	struct op o = {.which = P_EPOCH};
	bool there;
	int ret = one_number(base, &o, ret_epoch, &there, r);

	if (ret == E_OK && !there)
		ret = reason_set(r, E_IO, 0, "store: %s lacks its epoch; restore a backup with 'sallyportd restore'",
		                 pg_name(self_of(base)->pg));
	return ret;
}

/* The server keeps its pages itself; what is ours to check is that every key has its document. */
static int
op_check(struct pg_store *s, struct op *o, struct reason *r)
{
	struct pg_call call[1];
	struct pg_batch b = {call, 0, 1};

	pg_add_sql(
	    &b, "SELECT (SELECT count(*) FROM (SELECT kind,id FROM uniq UNION ALL SELECT kind,id FROM idx) k"
	        " LEFT JOIN doc d USING(kind,id) WHERE d.id IS NULL) + (SELECT count(*) FROM doc WHERE length(json)=0)")
	    ->rows = &o->rows;
	return pg_run(s->pg, &b, NULL, r);
}

static int
ps_check(struct store *base, struct reason *r)
{
	struct pg_store *s = self_of(base);
	struct op o = {.which = 0};
	int ret = pg_with_connection(s, op_check, &o, r);

	if (ret == E_OK && pg_num(&o.rows, 0, 0))
		ret = reason_set(r, E_IO, 0,
		                 "store: %s is damaged (%lld keys without a document); restore a backup with "
		                 "'sallyportd restore'",
		                 pg_name(s->pg), (long long)pg_num(&o.rows, 0, 0));
	pg_rows_free(&o.rows);
	return ret;
}

/* --- news
 * -------------------------------------------------------------------------------------------------------------
 */

static int
ps_fd(struct store *base)
{
	return pg_fd(self_of(base)->pg);
}

static int
ps_poll(struct store *base, bool *ret_changed, struct reason *r)
{
	struct pg_store *s = self_of(base);

	*ret_changed = false;
	if (s->in_tx)
		return E_OK;
	pg_step(s->pg);
	*ret_changed = pg_news(s->pg);
	return pg_up(s->pg, 0, r);
}

static int
ps_dump(struct store *base, store_dump_fn *fn, void *arg, struct reason *r)
{
	char kind[STORE_KIND_MAX + 1] = "", id[STORE_ID_MAX + 1] = "";
	int ret = E_OK;

	for (size_t got = PAGE; ret == E_OK && got == PAGE;) {
		struct op o = {.which = P_DUMP, .kind = kind, .id = id};
		ret = pg_with_connection(self_of(base), pg_op_read, &o, r);
		got = ret == E_OK ? pg_rows_n(&o.rows) : 0;
		for (size_t i = 0; ret == E_OK && i < got; i++)
			ret = fn(arg, pg_text(&o.rows, i, 0), pg_text(&o.rows, i, 1), pg_text(&o.rows, i, 2),
			         pg_text(&o.rows, i, 3));
		if (got) {
			str_copy(kind, sizeof kind, pg_text(&o.rows, got - 1, 0));
			str_copy(id, sizeof id, pg_text(&o.rows, got - 1, 1));
		}
		pg_rows_free(&o.rows);
	}
	return ret;
}

static int
ps_counters(struct store *base, store_counter_fn *fn, void *arg, struct reason *r)
{
	struct op o = {.which = P_COUNTERS};
	int ret = pg_with_connection(self_of(base), pg_op_read, &o, r);

	for (size_t i = 0; ret == E_OK && i < pg_rows_n(&o.rows); i++)
		ret = fn(arg, pg_text(&o.rows, i, 0), pg_num(&o.rows, i, 1));
	pg_rows_free(&o.rows);
	return ret;
}

static size_t
ps_ports(struct store *base, uint16_t *ports, size_t max)
{
	return pg_ports(self_of(base)->pg, ports, max);
}

/* --- open -----------------------------------------------------------------------------------------------------------
 */

/* Takes a name for this connection and the name of the one before away. */
static int
enlist(struct pg_store *s, struct pg *p, struct reason *r)
{
	struct pg_call call[4], *c;
	struct pg_batch b = {call, 0, 4};
	struct pg_rows rows = {0};
	char name[33];
	uint8_t raw[16];
	int ret;

	random_bytes(raw, sizeof raw);
	hex_encode_str(name, sizeof name, raw, sizeof raw);
	pg_add_sql(&b, PG_SQL_LISTEN);
	c = pg_add_sql(&b, PG_SQL_FENCE);
	pg_arg_text(c, s->writer);
	c->rows = &rows;
	pg_arg_text(pg_add_sql(&b, PG_SQL_WRITER), name);
	pg_add_sql(&b, PG_SQL_WRITERS_SWEEP);
	ret = pg_run(p, &b, NULL, r);
	if (ret != E_OK)
		return ret;
	str_copy(s->before, sizeof s->before, s->writer);
	str_copy(s->writer, sizeof s->writer, name);
	s->before_mark = pg_rows_n(&rows) ? pg_num(&rows, 0, 0) : -1;
	s->mark = 0;
	pg_rows_free(&rows);
	return E_OK;
}

static int
setup(struct pg *p, void *arg, struct reason *r)
{
	struct pg_store *s = arg;
	int ret = s->opened ? pg_layout_check(p, r) : pg_layout(p, r);

	if (ret == E_OK)
		ret = pg_prepare(p, pg_statement_sql, P_STATEMENTS, r);
	if (ret == E_OK)
		ret = enlist(s, p, r);
	if (ret != E_OK && r)
		s->setup_why = *r;
	return ret;
}

static void
ps_close(struct store *base)
{
	struct pg_store *s = self_of(base);

	ps_rollback(base);
	pg_free(s->pg);
	free(s);
}

static const struct store_ops pg_ops = {
    .close = ps_close,
    .get = ps_get,
    .find = ps_find,
    .put = ps_put,
    .del = ps_delete,
    .list = ps_list,
    .count = ps_count,
    .begin = ps_begin,
    .begin_read = ps_begin_read,
    .commit = ps_commit,
    .rollback = ps_rollback,
    .once_put = ps_once_put,
    .once_take = ps_once_take,
    .once_sweep = ps_once_sweep,
    .once_trim = ps_once_trim,
    .counter = ps_counter,
    .epoch = ps_epoch,
    .check = ps_check,
    .dump = ps_dump,
    .counters = ps_counters,
    .fd = ps_fd,
    .poll = ps_poll,
    .ports = ps_ports,
};

int
store_open_pg(const char *url, struct store **ret_s, struct reason *r)
{
	struct pg_store *s = calloc(1, sizeof *s);
	int ret;

	if (!s)
		return E_NOMEM;
	s->base.ops = &pg_ops;
	ret = pg_new(url, setup, s, &s->pg, r);
	if (ret == E_OK)
		ret = pg_up(s->pg, OPEN_MS, r);
	if (ret != E_OK) {
		if (s->setup_why.text[0] && r)
			*r = s->setup_why;
		ps_close(&s->base);
		return E_IO;
	}
	s->opened = true;
	*ret_s = &s->base;
	return E_OK;
}

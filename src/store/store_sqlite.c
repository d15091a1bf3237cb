/*
 * SQLite behind store.h. WAL, synchronous=FULL: a commit that returned is on disk. Every write is one IMMEDIATE
 * transaction, so that compare-and-set races between handles are settled by SQLite's write lock; the busy timeout
 * bounds the wait.
 */
#include "store/store_sqlite.h"

#include "core/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- errors ---------------------------------------------------------------------------------------------------------
 */

int
lite_fail_sql(struct sqlite_store *s, int rc, struct reason *r)
{
	return sqlite_fail(s->db, s->path, rc, r);
}

/* --- statements -----------------------------------------------------------------------------------------------------
 */

int
lite_query(struct sqlite_store *s, enum statement which, sqlite3_stmt **ret_q, struct reason *r)
{
	int rc = SQLITE_OK;

	if (!s->q[which])
		rc = sqlite3_prepare_v3(s->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, &s->q[which], NULL);
	if (rc != SQLITE_OK)
		return lite_fail_sql(s, rc, r);
	*ret_q = s->q[which];
	return E_OK;
}

int
lite_bind_text(sqlite3_stmt *q, int at, const char *s)
{
	return sqlite3_bind_text(q, at, s, -1, SQLITE_STATIC);
}

/* Binds up to 5 texts (NULL: not bound) in order. */
int
lite_bind_texts(sqlite3_stmt *q, const char *a, const char *b, const char *c, const char *d)
{
	const char *const v[] = {a, b, c, d};
	int rc = SQLITE_OK;

	for (int i = 0; rc == SQLITE_OK && i < 4; i++)
		if (v[i])
			rc = lite_bind_text(q, i + 1, v[i]);
	return rc;
}

void
lite_done(sqlite3_stmt *q)
{
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
}

/* Runs a statement that gives no row. */
int
lite_run(struct sqlite_store *s, sqlite3_stmt *q, struct reason *r)
{
	int rc = sqlite3_step(q), ret = E_OK;

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		ret = lite_fail_sql(s, rc, r);
	lite_done(q);
	return ret;
}

int
lite_run_plain(struct sqlite_store *s, enum statement which, struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, which, &q, r);

	return ret == E_OK ? lite_run(s, q, r) : ret;
}

static int
run_texts(struct sqlite_store *s, enum statement which, const char *a, const char *b, const char *c, const char *d,
          struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, which, &q, r), rc;

	if (ret != E_OK)
		return ret;
	rc = lite_bind_texts(q, a, b, c, d);
	if (rc != SQLITE_OK) {
		lite_done(q);
		return lite_fail_sql(s, rc, r);
	}
	return lite_run(s, q, r);
}

static int sq_epoch(struct store *base, int64_t *ret_epoch, struct reason *r);

/* --- transactions ---------------------------------------------------------------------------------------------------
 */

static int
sq_begin(struct store *base, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	int ret;

	if (s->in_tx)
		return reason_set(r, E_STATE, 0, "store: transactions do not nest");
	ret = lite_run_plain(s, Q_BEGIN, r);
	s->in_tx = ret == E_OK;
	return ret;
}

static int
sq_begin_read(struct store *base, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	int64_t epoch;
	int ret;

	if (s->in_tx)
		return reason_set(r, E_STATE, 0, "store: transactions do not nest");
	ret = lite_run_plain(s, Q_BEGIN_READ, r);
	s->in_tx = ret == E_OK;
	/* the moment is that of the first read */
	return ret == E_OK ? sq_epoch(base, &epoch, r) : ret;
}

static void
sq_rollback(struct store *base)
{
	struct sqlite_store *s = lite_of(base);

	s->in_tx = s->changed = false;
	if (!sqlite3_get_autocommit(s->db))
		lite_run_plain(s, Q_ROLLBACK, NULL);
}

static int
commit(struct sqlite_store *s, struct reason *r)
{
	int ret = s->changed ? lite_run_plain(s, Q_EPOCH_BUMP, r) : E_OK;

	s->changed = false;
	if (ret == E_OK)
		ret = lite_run_plain(s, Q_COMMIT, r);
	if (ret != E_OK && !sqlite3_get_autocommit(s->db))
		lite_run_plain(s, Q_ROLLBACK, NULL);
	return ret;
}

static int
sq_commit(struct store *base, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);

	if (!s->in_tx)
		return reason_set(r, E_STATE, 0, "store: no transaction to commit");
	s->in_tx = false;
	if (sqlite3_get_autocommit(s->db)) /* an error inside has rolled it back already */
		return reason_set(r, E_IO, 0, "store: the transaction was rolled back by an earlier error");
	return commit(s, r);
}

/* A single call is a transaction of its own unless the caller has one open. */
int
lite_enter(struct sqlite_store *s, struct reason *r)
{
	return s->in_tx ? E_OK : lite_run_plain(s, Q_BEGIN, r);
}

int
lite_leave(struct sqlite_store *s, int ret, struct reason *r)
{
	if (s->in_tx)
		return ret;
	if (ret == E_OK)
		return commit(s, r);
	sq_rollback(&s->base);
	return ret;
}

/* --- documents ------------------------------------------------------------------------------------------------------
 */

static int
doc_dup(sqlite3_stmt *q, struct store_doc *ret_d)
{
	struct store_doc d = {.version = sqlite3_column_int64(q, 1)};

	d.id = str_dup((const char *)sqlite3_column_text(q, 0));
	d.json = str_dup((const char *)sqlite3_column_text(q, 2));
	if (!d.id || !d.json) {
		store_doc_release(&d);
		return E_NOMEM;
	}
	*ret_d = d;
	return E_OK;
}

static int
one_doc(struct sqlite_store *s, enum statement which, const char *a, const char *b, const char *c,
        struct store_doc *ret_d, struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, which, &q, r), rc;

	if (ret != E_OK)
		return ret;
	rc = lite_bind_texts(q, a, b, c, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		ret = doc_dup(q, ret_d);
	else if (rc == SQLITE_DONE)
		ret = E_NOENT;
	else
		ret = lite_fail_sql(s, rc, r);
	lite_done(q);
	return ret;
}

static int
sq_get(struct store *base, const char *kind, const char *id, struct store_doc *ret_d, struct reason *r)
{
	return one_doc(lite_of(base), Q_GET, kind, id, NULL, ret_d, r);
}

static int
sq_find(struct store *base, const char *kind, const char *name, const char *value, struct store_doc *ret_d,
        struct reason *r)
{
	return one_doc(lite_of(base), Q_FIND, kind, name, value, ret_d, r);
}

/* 0 when there is none. */
static int
version_of(struct sqlite_store *s, const char *kind, const char *id, int64_t *ret_v, struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, Q_VERSION, &q, r), rc;

	if (ret != E_OK)
		return ret;
	rc = lite_bind_texts(q, kind, id, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*ret_v = sqlite3_column_int64(q, 0);
	else if (rc == SQLITE_DONE)
		*ret_v = 0;
	else
		ret = lite_fail_sql(s, rc, r);
	lite_done(q);
	return ret;
}

static int
expect(struct sqlite_store *s, const char *kind, const char *id, int64_t expected, int64_t *ret_now, struct reason *r)
{
	int ret = version_of(s, kind, id, ret_now, r);

	if (ret != E_OK || expected == STORE_ANY || expected == *ret_now)
		return ret;
	if (*ret_now == 0)
		return reason_set(r, E_CONFLICT, 0, "%s %s is gone", kind, id);
	if (expected == STORE_NEW)
		return reason_set(r, E_CONFLICT, 0, "%s %s exists already", kind, id);
	return reason_set(r, E_CONFLICT, 0, "%s %s was changed meanwhile (version %lld, not %lld)", kind, id,
	                  (long long)*ret_now, (long long)expected);
}

static int
keys_put(struct sqlite_store *s, const char *kind, const char *id, const struct store_key *keys, size_t n,
         struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = run_texts(s, Q_KEYS_DROP, kind, id, NULL, NULL, r), rc;

	if (ret == E_OK)
		ret = run_texts(s, Q_UNIQ_DROP, kind, id, NULL, NULL, r);
	for (size_t i = 0; ret == E_OK && i < n; i++) {
		ret = run_texts(s, Q_KEY_ADD, kind, keys[i].name, keys[i].value, id, r);
		if (ret != E_OK || !keys[i].unique)
			continue;
		ret = lite_query(s, Q_UNIQ_ADD, &q, r);
		if (ret != E_OK)
			break;
		rc = lite_bind_texts(q, kind, keys[i].name, keys[i].value, id);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(q);
		if ((rc & 0xff) == SQLITE_CONSTRAINT)
			ret = reason_set(r, E_EXIST, 0, "there is another %s with the %s \"%.80s\"", kind, keys[i].name,
			                 keys[i].value);
		else if (rc != SQLITE_DONE)
			ret = lite_fail_sql(s, rc, r);
		lite_done(q);
	}
	return ret;
}

static int
doc_write(struct sqlite_store *s, const char *kind, const char *id, int64_t now, const char *json, struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, now ? Q_UPDATE : Q_INSERT, &q, r), rc;

	if (ret != E_OK)
		return ret;
	rc = lite_bind_texts(q, kind, id, NULL, json);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(q, 3, now + 1);
	if (rc != SQLITE_OK) {
		lite_done(q);
		return lite_fail_sql(s, rc, r);
	}
	return lite_run(s, q, r);
}

/* Inside the caller's transaction a refused put must leave nothing behind: all checks come before the first write, but
   for unique keys, which a savepoint guards. */
static int
sq_put(struct store *base, const char *kind, const char *id, int64_t expected, const char *json,
       const struct store_key *keys, size_t nkeys, int64_t *ret_version, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	int64_t now = 0;
	bool saved = false;
	int ret = lite_enter(s, r);

	if (ret != E_OK)
		return ret;
	ret = expect(s, kind, id, expected, &now, r);
	if (ret == E_OK && s->in_tx) {
		saved = sqlite3_exec(s->db, "SAVEPOINT put", NULL, NULL, NULL) == SQLITE_OK;
		if (!saved)
			ret = lite_fail_sql(s, sqlite3_errcode(s->db), r);
	}
	if (ret == E_OK)
		ret = doc_write(s, kind, id, now, json, r);
	if (ret == E_OK)
		ret = keys_put(s, kind, id, keys, nkeys, r);
	if (saved && !sqlite3_get_autocommit(s->db)) {
		if (ret != E_OK)
			sqlite3_exec(s->db, "ROLLBACK TO put", NULL, NULL, NULL);
		sqlite3_exec(s->db, "RELEASE put", NULL, NULL, NULL);
	}
	s->changed |= ret == E_OK && strcmp(kind, STORE_SESSION) != 0;
	ret = lite_leave(s, ret, r);
	if (ret == E_OK && ret_version)
		*ret_version = now + 1;
	return ret;
}

static int
sq_delete(struct store *base, const char *kind, const char *id, int64_t expected, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	int64_t now = 0;
	int ret = lite_enter(s, r);

	if (ret != E_OK)
		return ret;
	ret = version_of(s, kind, id, &now, r);
	if (ret == E_OK && now == 0)
		ret = reason_set(r, E_NOENT, 0, "there is no %s %s", kind, id);
	if (ret == E_OK)
		ret = expect(s, kind, id, expected, &now, r);
	if (ret == E_OK)
		ret = keys_put(s, kind, id, NULL, 0, r);
	if (ret == E_OK)
		ret = run_texts(s, Q_DELETE, kind, id, NULL, NULL, r);
	s->changed |= ret == E_OK && strcmp(kind, STORE_SESSION) != 0;
	return lite_leave(s, ret, r);
}

/* Lists hold one statement of their own each: the callback may read the store, or list again. */
static int
sq_list(struct store *base, const char *kind, const char *name, const char *value, const char *after, size_t limit,
        store_each_fn *fn, void *arg, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	sqlite3_stmt *q = NULL;
	int ret = E_OK, rc;

	rc = sqlite3_prepare_v2(s->db, statement_sql[name ? Q_LIST_BY : Q_LIST], -1, &q, NULL);
	if (rc == SQLITE_OK)
		rc = lite_bind_texts(q, kind, after, NULL, name);
	if (rc == SQLITE_OK && name)
		rc = lite_bind_text(q, 5, value);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(q, 3, limit ? (sqlite3_int64)limit : -1);
	while (rc == SQLITE_OK && ret == E_OK) {
		struct store_doc d;

		rc = sqlite3_step(q);
		if (rc != SQLITE_ROW)
			break;
		rc = SQLITE_OK;
		ret = doc_dup(q, &d);
		if (ret != E_OK)
			break;
		ret = fn(arg, &d);
		store_doc_release(&d);
	}
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		ret = lite_fail_sql(s, rc, r);
	sqlite3_finalize(q);
	return ret;
}

static int
sq_count(struct store *base, const char *kind, int64_t *ret_n, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, Q_COUNT, &q, r), rc;

	if (ret != E_OK)
		return ret;
	rc = lite_bind_text(q, 1, kind);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*ret_n = sqlite3_column_int64(q, 0);
	else
		ret = lite_fail_sql(s, rc, r);
	lite_done(q);
	return ret;
}

static int
one_number(struct sqlite_store *s, enum statement which, int64_t *ret_n, struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, which, &q, r), rc;

	if (ret != E_OK)
		return ret;
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*ret_n = sqlite3_column_int64(q, 0);
	else
		ret = rc == SQLITE_DONE ? reason_set(r, E_IO, 0, "store: %s lacks its epoch; restore a backup", s->path)
		                        : lite_fail_sql(s, rc, r);
	lite_done(q);
	return ret;
}

static int
sq_epoch(struct store *base, int64_t *ret_epoch, struct reason *r)
{
	return one_number(lite_of(base), Q_EPOCH, ret_epoch, r);
}

static int
sq_check(struct store *base, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	sqlite3_stmt *q = NULL;
	const char *text;
	int ret = E_OK, rc = sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(1)", -1, &q, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : NULL;
	if (rc != SQLITE_ROW)
		ret = lite_fail_sql(s, rc, r);
	else if (!text || strcmp(text, "ok") != 0)
		ret = reason_set(r, E_IO, 0, "store: %s is damaged (%s); restore a backup with 'sallyportd restore'",
		                 s->path, text ? text : "?");
	sqlite3_finalize(q);
	return ret;
}

/* --- news --- */

static int
sq_fd(struct store *base)
{
	return -1;
}

/* data_version moves with other connections' commits only; whether it was a document's, the epoch tells. */
static int
sq_poll(struct store *base, bool *ret_changed, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	int64_t seen = 0, epoch = 0;
	int ret;

	*ret_changed = false;
	if (s->in_tx)
		return E_OK;
	ret = one_number(s, Q_DATA_VERSION, &seen, r);
	if (ret != E_OK || seen == s->seen)
		return ret;
	ret = sq_epoch(base, &epoch, r);
	if (ret == E_OK) {
		*ret_changed = s->seen && epoch != s->epoch;
		s->seen = seen;
		s->epoch = epoch;
	}
	return ret;
}

static int
sq_dump(struct store *base, store_dump_fn *fn, void *arg, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, Q_DUMP, &q, r), rc;

	while (ret == E_OK && (rc = sqlite3_step(q)) != SQLITE_DONE) {
		const char *v[4];
		for (int i = 0; i < 4; i++)
			v[i] = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, i) : NULL;
		if (rc != SQLITE_ROW)
			ret = lite_fail_sql(s, rc, r);
		else
			ret = v[0] && v[1] && v[2] && v[3] ? fn(arg, v[0], v[1], v[2], v[3]) : E_NOMEM;
	}
	if (q)
		lite_done(q);
	return ret;
}

static int
sq_counters(struct store *base, store_counter_fn *fn, void *arg, struct reason *r)
{
	struct sqlite_store *s = lite_of(base);
	sqlite3_stmt *q = NULL;
	int ret = lite_query(s, Q_COUNTERS, &q, r), rc;

	while (ret == E_OK && (rc = sqlite3_step(q)) != SQLITE_DONE) {
		const char *name = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : NULL;
		ret = rc != SQLITE_ROW ? lite_fail_sql(s, rc, r)
		      : name           ? fn(arg, name, sqlite3_column_int64(q, 1))
		                       : E_NOMEM;
	}
	if (q)
		lite_done(q);
	return ret;
}

static size_t
sq_ports(struct store *base, uint16_t *ports, size_t max)
{
	return 0;
}

/* --- open -----------------------------------------------------------------------------------------------------------
 */

static int
prepare_all(struct sqlite_store *s, struct reason *r)
{
	sqlite3_stmt *q = NULL;
	int ret = E_OK;

	for (int i = 0; ret == E_OK && i < STATEMENTS; i++)
		ret = lite_query(s, (enum statement)i, &q, r);
	return ret;
}

static void
sq_close(struct store *base)
{
	struct sqlite_store *s = lite_of(base);

	if (s->in_tx)
		sq_rollback(base);
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->q[i]);
	sqlite3_close(s->db);
	free(s);
}

static const struct store_ops sqlite_ops = {
    .close = sq_close,
    .get = sq_get,
    .find = sq_find,
    .put = sq_put,
    .del = sq_delete,
    .list = sq_list,
    .count = sq_count,
    .begin = sq_begin,
    .begin_read = sq_begin_read,
    .commit = sq_commit,
    .rollback = sq_rollback,
    .once_put = lite_once_put,
    .once_take = lite_once_take,
    .once_sweep = lite_once_sweep,
    .once_trim = lite_once_trim,
    .counter = lite_counter,
    .epoch = sq_epoch,
    .check = sq_check,
    .dump = sq_dump,
    .counters = sq_counters,
    .fd = sq_fd,
    .poll = sq_poll,
    .ports = sq_ports,
};

static int
setup(struct sqlite_store *s, struct reason *r)
{
	int64_t epoch, version;
	int ret;

	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	ret = sqlite_identify(s->db, s->path, &version, r);
	if (ret == E_OK)
		ret = sqlite_run(s->db, s->path,
		                 "PRAGMA temp_store=MEMORY; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
		                 "secure_delete=ON;"
		                 "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0",
		                 r);
	if (ret == E_OK)
		ret = sqlite_migrate(s->db, s->path, r);
	if (ret == E_OK)
		ret = prepare_all(s, r);
	if (ret == E_OK)
		ret = sq_epoch(&s->base, &epoch, r); /* opens the log and its index now, not after confinement */
	return ret;
}

int
store_open_sqlite(const char *dir, struct store **ret_s, struct reason *r)
{
	struct sqlite_store *s = calloc(1, sizeof *s);
	int rc, ret;

	if (!s)
		return E_NOMEM;
	s->base.ops = &sqlite_ops;
	if (snprintf(s->path, sizeof s->path, "%s/sallyport.db", dir) >= (int)sizeof s->path) {
		free(s);
		return reason_set(r, E_LIMIT, 0, "store: the path of the state folder is too long");
	}
	/* Statement journals stay in memory: once confined, no temporary file can be opened. Refused (harmlessly) when
	 * already initialised. */
	sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
	rc = sqlite3_open_v2(s->path, &s->db,
	                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
	                     NULL);
	if (rc != SQLITE_OK)
		ret = s->db ? lite_fail_sql(s, rc, r) : E_NOMEM;
	else
		ret = setup(s, r);
	if (ret != E_OK) {
		sq_close(&s->base);
		return ret;
	}
	*ret_s = &s->base;
	return E_OK;
}

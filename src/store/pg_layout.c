#include "store/pg_layout.h"

#include <string.h>

#include "store/schema_pg.h"

static int
migrate_rows(struct pg *p, int64_t from, struct reason *r)
{
	struct pg_call call[24];

	for (int64_t v = from; v < PG_SCHEMA; v++) {
		struct pg_batch b = {call, 0, 24};
		for (const char *const *sql = pg_migrations[v]; *sql; sql++)
			pg_add_sql(&b, *sql);
		pg_arg_num(pg_add_sql(&b, PG_SQL_VERSION_SET), v + 1);
		pg_arg_num(pg_add_sql(&b, "INSERT INTO migration VALUES($1)"), v + 1);
		int ret = pg_run(p, &b, NULL, r);
		if (ret != E_OK)
			return ret;
	}
	return E_OK;
}

static int
read_version(struct pg *p, int64_t *ret_v, struct reason *r)
{
	struct pg_call call[1];
	struct pg_batch b = {call, 0, 1};
	struct pg_rows rows = {0};
	int ret;

	pg_add_sql(&b, PG_SQL_VERSION)->rows = &rows;
	ret = pg_run(p, &b, NULL, r);
	if (ret != E_OK)
		return ret;
	int64_t v = pg_rows_n(&rows) == 1 && !strcmp(pg_text(&rows, 0, 0), "sallyport") ? pg_num(&rows, 0, 1) : 0;
	pg_rows_free(&rows);
	if (v <= 0)
		return reason_set(r, E_IO, 0, "store: %s is another program's; make a database of its own: createdb",
		                  pg_name(p));
	if (v > PG_SCHEMA)
		return reason_set(
		    r, E_IO, 0,
		    "store: %s was written by a newer release (schema %lld, this one knows %d); install that release",
		    pg_name(p), (long long)v, PG_SCHEMA);
	*ret_v = v;
	return E_OK;
}

static int
look(struct pg *p, bool *ret_ours, struct reason *r)
{
	struct pg_call call[3];
	struct pg_batch b = {call, 0, 3};
	struct pg_rows rows = {0};
	int ret;

	pg_add_sql(&b, "BEGIN");
	pg_add_sql(&b, PG_SQL_LOCK);
	pg_add_sql(&b, PG_SQL_LOOK)->rows = &rows;
	ret = pg_run(p, &b, NULL, r);
	if (ret != E_OK)
		return ret;
	bool ours = pg_num(&rows, 0, 2) > 0;
	if (strcmp(pg_text(&rows, 0, 0), "UTF8"))
		ret = reason_set(r, E_IO, 0,
		                 "store: %s has the encoding %.20s; make it with: createdb -E UTF8 -T template0",
		                 pg_name(p), pg_text(&rows, 0, 0));
	else if (!*pg_text(&rows, 0, 1))
		ret = reason_set(r, E_IO, 0, "store: %s has no schema to write to; its user must own it", pg_name(p));
	else if (!ours && pg_num(&rows, 0, 3) > 0)
		ret = reason_set(r, E_IO, 0,
		                 "store: %s holds another program's tables; make a database of its own: createdb",
		                 pg_name(p));
	pg_rows_free(&rows);
	*ret_ours = ours;
	return ret;
}

/* Under a lock, so that two processes opening a new store do not both lay it out. */
int
pg_layout(struct pg *p, struct reason *r)
{
	struct pg_call call[1];
	struct pg_batch b = {call, 0, 1};
	bool ours = false;
	int64_t version = 0;
	int ret = look(p, &ours, r);

	if (ret == E_OK && ours)
		ret = read_version(p, &version, r);
	if (ret == E_OK)
		ret = migrate_rows(p, version, r);
	if (ret == E_OK) {
		pg_add_sql(&b, "COMMIT");
		ret = pg_run(p, &b, NULL, r);
	}
	return ret; /* a failure drops the connection, and the transaction with it */
}

int
pg_layout_check(struct pg *p, struct reason *r)
{
	int64_t version;

	return read_version(p, &version, r);
}

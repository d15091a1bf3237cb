/* schema_pg: the tables and statements of the PostgreSQL backend, as text. Not for other folders. */
#ifndef STORE_SCHEMA_PG_H
#define STORE_SCHEMA_PG_H

enum pg_statement {
	P_BEGIN,
	P_BEGIN_READ,
	P_COMMIT,
	P_ROLLBACK,
	P_SAVE,
	P_BACK,
	P_RELEASE,
	P_GET,
	P_FIND,
	P_VERSION,
	P_INSERT,
	P_UPSERT,
	P_UPDATE,
	P_DELETE,
	P_KEYS_DROP,
	P_UNIQ_DROP,
	P_KEY_ADD,
	P_UNIQ_ADD,
	P_LIST,
	P_LIST_BY,
	P_COUNT,
	P_ONCE_PUT,
	P_ONCE_LOOK,
	P_ONCE_TAKE,
	P_ONCE_SWEEP,
	P_ONCE_TRIM,
	P_COUNTER,
	P_EPOCH,
	P_EPOCH_BUMP,
	P_NOTIFY,
	P_MARK,
	P_DUMP,
	P_COUNTERS,
	P_STATEMENTS,
};
extern const char *const pg_statement_sql[P_STATEMENTS];

#define PG_SCHEMA 2                                    /* rows of pg_migrations */
extern const char *const pg_migrations[PG_SCHEMA][16]; /* statements; NULL ends a row */

/* Before there is anything to prepare. */
#define PG_SQL_LOCK "SELECT pg_advisory_xact_lock(5359684953)" /* one process lays out or migrates at a time */
/* encoding, our schema or NULL, whether our table is there, how many other relations are */
#define PG_SQL_LOOK                                                                             \
	"SELECT current_setting('server_encoding'), current_schema(),"                          \
	" (SELECT count(*) FROM pg_class c WHERE c.relnamespace=current_schema()::regnamespace" \
	"   AND c.relname='sallyport' AND c.relkind='r'),"                                      \
	" (SELECT count(*) FROM pg_class c WHERE c.relnamespace=current_schema()::regnamespace" \
	"   AND c.relkind IN ('r','p','v','m','f') AND NOT EXISTS (SELECT 1 FROM pg_depend d"   \
	"   WHERE d.classid='pg_class'::regclass AND d.objid=c.oid AND d.deptype='e'))"
#define PG_SQL_VERSION "SELECT application, version FROM sallyport"
#define PG_SQL_VERSION_SET "UPDATE sallyport SET version=$1"
#define PG_SQL_LISTEN "LISTEN sallyport"
/* The name under which this connection commits; the one before it is taken away, with how far it came. */
#define PG_SQL_WRITER "INSERT INTO writer(id,n,at) VALUES($1,0,now())"
#define PG_SQL_FENCE "DELETE FROM writer WHERE id=$1 RETURNING n"
#define PG_SQL_WRITERS_SWEEP "DELETE FROM writer WHERE at < now() - interval '30 days'"

#endif

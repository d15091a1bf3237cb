/* schema: the tables and statements of the SQLite backend, as text. Not for other folders. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

enum statement {
	Q_BEGIN,
	Q_BEGIN_READ,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_GET,
	Q_FIND,
	Q_VERSION,
	Q_INSERT,
	Q_UPDATE,
	Q_DELETE,
	Q_KEYS_DROP,
	Q_UNIQ_DROP,
	Q_KEY_ADD,
	Q_UNIQ_ADD,
	Q_LIST,
	Q_LIST_BY,
	Q_COUNT,
	Q_ONCE_PUT,
	Q_ONCE_TAKE,
	Q_ONCE_SWEEP,
	Q_ONCE_TRIM,
	Q_COUNTER,
	Q_EPOCH,
	Q_EPOCH_BUMP,
	Q_DATA_VERSION,
	Q_DUMP,
	Q_COUNTERS,
	STATEMENTS,
};

extern const char *const statement_sql[STATEMENTS];

#define SCHEMA 2 /* rows of migrations: the version this release writes */
extern const char *const migrations[SCHEMA];

#endif

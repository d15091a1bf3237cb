#include "store/schema_pg.h"

#include <stddef.h>

/*
 * P_MARK makes a commit recognisable: the row of this connection's name takes the number of the commit in the same
 * transaction. A connection that was given up has lost its row (PG_SQL_FENCE), and the division by zero then ends
 * whatever it still had under way.
 */
const char *const pg_statement_sql[P_STATEMENTS] = {
    [P_BEGIN] = "BEGIN",
    [P_BEGIN_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    [P_COMMIT] = "COMMIT",
    [P_ROLLBACK] = "ROLLBACK",
    [P_SAVE] = "SAVEPOINT put",
    [P_BACK] = "ROLLBACK TO put",
    [P_RELEASE] = "RELEASE put",
    [P_GET] = "SELECT id, version, json FROM doc WHERE kind=$1 AND id=$2",
    [P_FIND] = "SELECT d.id, d.version, d.json FROM uniq u JOIN doc d ON d.kind=u.kind AND d.id=u.id "
               "WHERE u.kind=$1 AND u.name=$2 AND u.value=$3",
    [P_VERSION] = "SELECT version FROM doc WHERE kind=$1 AND id=$2",
    [P_INSERT] = "INSERT INTO doc(kind,id,version,json) VALUES($1,$2,1,$3) ON CONFLICT(kind,id) DO NOTHING "
                 "RETURNING version",
    [P_UPSERT] = "INSERT INTO doc(kind,id,version,json) VALUES($1,$2,1,$3) ON CONFLICT(kind,id) DO UPDATE "
                 "SET version=doc.version+1, json=excluded.json RETURNING version",
    [P_UPDATE] = "UPDATE doc SET version=version+1, json=$3 WHERE kind=$1 AND id=$2 AND version=$4 RETURNING version",
    [P_DELETE] = "DELETE FROM doc WHERE kind=$1 AND id=$2 AND ($3::bigint=-1 OR version=$3) RETURNING version",
    [P_KEYS_DROP] = "DELETE FROM idx WHERE kind=$1 AND id=$2",
    [P_UNIQ_DROP] = "DELETE FROM uniq WHERE kind=$1 AND id=$2",
    [P_KEY_ADD] = "INSERT INTO idx(kind,name,value,id) VALUES($1,$2,$3,$4) ON CONFLICT DO NOTHING",
    [P_UNIQ_ADD] = "INSERT INTO uniq(kind,name,value,id) VALUES($1,$2,$3,$4)",
    [P_LIST] = "SELECT id, version, json FROM doc WHERE kind=$1 AND id>$2 ORDER BY id LIMIT $3",
    [P_LIST_BY] = "SELECT d.id, d.version, d.json FROM idx i JOIN doc d ON d.kind=i.kind AND d.id=i.id "
                  "WHERE i.kind=$1 AND i.id>$2 AND i.name=$4 AND i.value=$5 ORDER BY i.id LIMIT $3",
    [P_COUNT] = "SELECT count(*) FROM doc WHERE kind=$1",
    [P_ONCE_PUT] = "INSERT INTO once(kind,key,value,expires) VALUES($1,$2,$3,$4) ON CONFLICT(kind,key) DO UPDATE "
                   "SET value=excluded.value, expires=excluded.expires WHERE once.expires<=$5 RETURNING expires",
    [P_ONCE_LOOK] = "SELECT 1 FROM once WHERE kind=$1 AND key=$2",
    [P_ONCE_TAKE] = "DELETE FROM once WHERE kind=$1 AND key=$2 RETURNING value, expires",
    [P_ONCE_SWEEP] = "DELETE FROM once WHERE expires<=$1",
    [P_ONCE_TRIM] = "DELETE FROM once WHERE kind=$1 AND key IN (SELECT key FROM once WHERE kind=$1 "
                    "ORDER BY expires DESC, key OFFSET $2)",
    [P_COUNTER] = "INSERT INTO counter(name,value) VALUES($1,$2) ON CONFLICT(name) DO UPDATE "
                  "SET value=counter.value+excluded.value RETURNING value",
    [P_EPOCH] = "SELECT value FROM counter WHERE name='epoch'",
    [P_EPOCH_BUMP] = "UPDATE counter SET value=value+1 WHERE name='epoch'",
    [P_NOTIFY] = "NOTIFY sallyport",
    [P_DUMP] = "SELECT d.kind, d.id, d.json, coalesce((SELECT json_agg(json_build_array(i.name, i.value, "
               "EXISTS(SELECT 1 FROM uniq u WHERE u.kind=i.kind AND u.name=i.name AND u.value=i.value AND u.id=i.id)) "
               "ORDER BY i.name, i.value)::text FROM idx i WHERE i.kind=d.kind AND i.id=d.id), '[]') "
               "FROM doc d WHERE (d.kind, d.id) > ($1, $2) ORDER BY d.kind, d.id LIMIT 256",
    [P_COUNTERS] = "SELECT name, value FROM counter WHERE name<>'epoch' ORDER BY name",
    [P_MARK] = "WITH mine AS (UPDATE writer SET n=$2, at=now() WHERE id=$1 RETURNING n) SELECT 1/count(*) FROM mine",
};

#define TEXT_KEY " TEXT COLLATE \"C\" NOT NULL"

/* Row n brings schema n to n + 1. Never edit a row that was released: append. */
const char *const pg_migrations[PG_SCHEMA][16] = {
    {"CREATE TABLE sallyport(application TEXT NOT NULL, version BIGINT NOT NULL)",
     "INSERT INTO sallyport VALUES('sallyport', 0)",
     "CREATE TABLE doc(kind" TEXT_KEY ", id" TEXT_KEY ", version BIGINT NOT NULL, json TEXT NOT NULL,"
     " PRIMARY KEY(kind,id))",
     "CREATE TABLE uniq(kind" TEXT_KEY ", name" TEXT_KEY ", value" TEXT_KEY ", id" TEXT_KEY
     ", PRIMARY KEY(kind,name,value))",
     "CREATE INDEX uniq_id ON uniq(kind,id)",
     "CREATE TABLE idx(kind" TEXT_KEY ", name" TEXT_KEY ", value" TEXT_KEY ", id" TEXT_KEY
     ", PRIMARY KEY(kind,name,value,id))",
     "CREATE INDEX idx_id ON idx(kind,id)",
     "CREATE TABLE once(kind" TEXT_KEY ", key" TEXT_KEY ", value BYTEA NOT NULL, expires BIGINT NOT NULL,"
     " PRIMARY KEY(kind,key))",
     "CREATE INDEX once_expires ON once(expires)",
     "CREATE TABLE counter(name" TEXT_KEY " PRIMARY KEY, value BIGINT NOT NULL)",
     "INSERT INTO counter VALUES('epoch',1)",
     "CREATE TABLE writer(id" TEXT_KEY " PRIMARY KEY, n BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL)",
     "CREATE TABLE migration(version BIGINT PRIMARY KEY, at TIMESTAMPTZ NOT NULL DEFAULT now())"},
    {"CREATE INDEX once_kind ON once(kind,expires)"},
};

#include "store/schema.h"

const char *const statement_sql[STATEMENTS] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_BEGIN_READ] = "BEGIN DEFERRED",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_GET] = "SELECT id, version, json FROM doc WHERE kind=?1 AND id=?2",
    [Q_FIND] = "SELECT d.id, d.version, d.json FROM uniq u JOIN doc d ON d.kind=u.kind AND d.id=u.id "
               "WHERE u.kind=?1 AND u.name=?2 AND u.value=?3",
    [Q_VERSION] = "SELECT version FROM doc WHERE kind=?1 AND id=?2",
    [Q_INSERT] = "INSERT INTO doc(kind,id,version,json) VALUES(?1,?2,?3,?4)",
    [Q_UPDATE] = "UPDATE doc SET version=?3, json=?4 WHERE kind=?1 AND id=?2",
    [Q_DELETE] = "DELETE FROM doc WHERE kind=?1 AND id=?2",
    [Q_KEYS_DROP] = "DELETE FROM idx WHERE kind=?1 AND id=?2",
    [Q_UNIQ_DROP] = "DELETE FROM uniq WHERE kind=?1 AND id=?2",
    [Q_KEY_ADD] = "INSERT OR IGNORE INTO idx(kind,name,value,id) VALUES(?1,?2,?3,?4)",
    [Q_UNIQ_ADD] = "INSERT INTO uniq(kind,name,value,id) VALUES(?1,?2,?3,?4)",
    [Q_LIST] = "SELECT id, version, json FROM doc WHERE kind=?1 AND id>?2 ORDER BY id LIMIT ?3",
    [Q_LIST_BY] = "SELECT d.id, d.version, d.json FROM idx i JOIN doc d ON d.kind=i.kind AND d.id=i.id "
                  "WHERE i.kind=?1 AND i.name=?4 AND i.value=?5 AND i.id>?2 ORDER BY i.id LIMIT ?3",
    [Q_COUNT] = "SELECT count(*) FROM doc WHERE kind=?1",
    [Q_ONCE_PUT] = "INSERT INTO once(kind,key,value,expires) VALUES(?1,?2,?3,?4) ON CONFLICT(kind,key) DO UPDATE "
                   "SET value=excluded.value, expires=excluded.expires WHERE once.expires<=?5",
    [Q_ONCE_TAKE] = "DELETE FROM once WHERE kind=?1 AND key=?2 RETURNING value, expires",
    [Q_ONCE_SWEEP] = "DELETE FROM once WHERE expires<=?1",
    [Q_ONCE_TRIM] = "DELETE FROM once WHERE kind=?1 AND key IN (SELECT key FROM once WHERE kind=?1 "
                    "ORDER BY expires DESC, key LIMIT -1 OFFSET ?2)",
    [Q_COUNTER] =
        "INSERT INTO counter(name,value) VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET value=value+?2 RETURNING value",
    [Q_EPOCH] = "SELECT value FROM counter WHERE name='epoch'",
    [Q_EPOCH_BUMP] = "UPDATE counter SET value=value+1 WHERE name='epoch'",
    [Q_DATA_VERSION] = "PRAGMA data_version",
    [Q_DUMP] = "SELECT d.kind, d.id, d.json, (SELECT json_group_array(json_array(i.name, i.value, EXISTS(SELECT 1 "
               "FROM uniq u WHERE u.kind=i.kind AND u.name=i.name AND u.value=i.value AND u.id=i.id))) "
               "FROM idx i WHERE i.kind=d.kind AND i.id=d.id) FROM doc d ORDER BY d.kind, d.id",
    [Q_COUNTERS] = "SELECT name, value FROM counter WHERE name<>'epoch' ORDER BY name",
};

/* Row n brings schema n to n + 1. Never edit a row that was released: append. */
const char *const migrations[SCHEMA] = {
    "CREATE TABLE doc(kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, json TEXT NOT NULL,"
    "  PRIMARY KEY(kind,id)) WITHOUT ROWID;"
    "CREATE TABLE uniq(kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,"
    "  PRIMARY KEY(kind,name,value)) WITHOUT ROWID;"
    "CREATE INDEX uniq_id ON uniq(kind,id);"
    "CREATE TABLE idx(kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,"
    "  PRIMARY KEY(kind,name,value,id)) WITHOUT ROWID;"
    "CREATE INDEX idx_id ON idx(kind,id);"
    "CREATE TABLE once(kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL,"
    "  PRIMARY KEY(kind,key)) WITHOUT ROWID;"
    "CREATE INDEX once_expires ON once(expires);"
    "CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO counter VALUES('epoch',1);"
    "CREATE TABLE migration(version INTEGER PRIMARY KEY, at TEXT NOT NULL);",
    "CREATE INDEX once_kind ON once(kind,expires);",
};

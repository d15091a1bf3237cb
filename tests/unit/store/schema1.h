/* What the first release laid out, as text that no later release may change: what a store that is moved forward was. */
#ifndef TEST_STORE_SCHEMA1_H
#define TEST_STORE_SCHEMA1_H

#define SCHEMA1_SQLITE                                                                                            \
	"CREATE TABLE doc(kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, json TEXT NOT NULL,"    \
	" PRIMARY KEY(kind,id)) WITHOUT ROWID;"                                                                   \
	"CREATE TABLE uniq(kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,"        \
	" PRIMARY KEY(kind,name,value)) WITHOUT ROWID; CREATE INDEX uniq_id ON uniq(kind,id);"                    \
	"CREATE TABLE idx(kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,"         \
	" PRIMARY KEY(kind,name,value,id)) WITHOUT ROWID; CREATE INDEX idx_id ON idx(kind,id);"                   \
	"CREATE TABLE once(kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL," \
	" PRIMARY KEY(kind,key)) WITHOUT ROWID; CREATE INDEX once_expires ON once(expires);"                      \
	"CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"                      \
	"CREATE TABLE migration(version INTEGER PRIMARY KEY, at TEXT NOT NULL);"                                  \
	"INSERT INTO counter VALUES('epoch',7); INSERT INTO migration VALUES(1, datetime('now'));"                \
	"PRAGMA user_version=1; PRAGMA application_id=1397771353;"
#define C1 " TEXT COLLATE \"C\" NOT NULL"
#define SCHEMA1_PG                                                                                                    \
	"CREATE TABLE sallyport(application TEXT NOT NULL, version BIGINT NOT NULL);"                                 \
	"INSERT INTO sallyport VALUES('sallyport', 1);"                                                               \
	"CREATE TABLE doc(kind" C1 ", id" C1 ", version BIGINT NOT NULL, json TEXT NOT NULL, PRIMARY KEY(kind,id));"  \
	"CREATE TABLE uniq(kind" C1 ", name" C1 ", value" C1 ", id" C1 ", PRIMARY KEY(kind,name,value));"             \
	"CREATE INDEX uniq_id ON uniq(kind,id);"                                                                      \
	"CREATE TABLE idx(kind" C1 ", name" C1 ", value" C1 ", id" C1 ", PRIMARY KEY(kind,name,value,id));"           \
	"CREATE INDEX idx_id ON idx(kind,id);"                                                                        \
	"CREATE TABLE once(kind" C1 ", key" C1                                                                        \
	", value BYTEA NOT NULL, expires BIGINT NOT NULL, PRIMARY KEY(kind,key));"                                    \
	"CREATE INDEX once_expires ON once(expires);"                                                                 \
	"CREATE TABLE counter(name" C1 " PRIMARY KEY, value BIGINT NOT NULL); INSERT INTO counter VALUES('epoch',7);" \
	"CREATE TABLE writer(id" C1 " PRIMARY KEY, n BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL);"                      \
	"CREATE TABLE migration(version BIGINT PRIMARY KEY, at TIMESTAMPTZ NOT NULL DEFAULT now());"                  \
	"INSERT INTO migration VALUES(1);"
/* In both: a document with a unique and a plain key, a counter, a code. */
#define SCHEMA1_ROWS                                                                                           \
	"INSERT INTO doc VALUES('app','a',3,'{\"kept\":1}'); INSERT INTO uniq VALUES('app','name','one','a');" \
	"INSERT INTO idx VALUES('app','name','one','a'),('app','tag','t','a');"                                \
	"INSERT INTO counter VALUES('serial',41); INSERT INTO once VALUES('code','k','v',5000);"

/* Opens it twice: nothing that was there is lost, everything new is there. */
static void
check_schema1_moved(struct store *(*open_it)(void))
{
	struct store_doc d = {0};
	struct reason r = {0};
	struct buf out;
	int64_t v;

	store_close(open_it());
	struct store *s = open_it();
	assert_int_equal(store_check(s, &r), 0);
	assert_int_equal(store_find(s, "app", "name", "one", &d, &r), 0);
	assert_string_equal(d.json, "{\"kept\":1}");
	assert_int_equal(d.version, 3);
	store_doc_release(&d);
	assert_int_equal(
	    store_put(s, "app", "b", STORE_NEW, "{}", &(struct store_key){"name", "one", true}, 1, NULL, &r), E_EXIST);
	assert_int_equal(store_counter(s, "serial", 1, &v, &r), 0);
	assert_int_equal(v, 42);
	assert_int_equal(store_epoch(s, &v, &r), 0);
	assert_int_equal(v, 7);
	buf_init(&out, 16);
	assert_int_equal(store_once_put(s, "code", "younger", "w", 1, 6000, 10, &r), 0);
	assert_int_equal(store_once_trim(s, "code", 1, &r), 0);
	assert_int_equal(store_once_take(s, "code", "k", 10, &out, &r), E_NOENT);
	assert_int_equal(store_once_take(s, "code", "younger", 10, &out, &r), 0);
	buf_release(&out);
	store_close(s);
}

#endif

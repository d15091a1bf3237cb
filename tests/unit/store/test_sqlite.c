/* The SQLite backend: conformance, and files that are not ours, cut, damaged or newer. */
#include "dumping.h"
#include "schema1.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char dir[] = "/tmp/sallyport-store-XXXXXX";
static char file[64];

static struct store *
another(void)
{
	struct store *s = NULL;
	struct reason r = {0};

	if (store_open(dir, &s, &r) != 0) {
		fprintf(stderr, "%s\n", r.text);
		abort();
	}
	return s;
}

static void
make_empty(void)
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	char path[96];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", file, suffix[i]);
		unlink(path);
	}
}

static void
refused(const char *part)
{
	struct store *s = NULL;
	struct reason r = {0};

	assert_int_equal(store_open(dir, &s, &r), E_IO);
	assert_null(s);
	if (!strstr(r.text, part))
		fail_msg("\"%s\" not in \"%s\"", part, r.text);
}

static void
overwrite(off_t at, const void *p, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, at), (ssize_t)n);
	close(fd);
}

static void
foreign_files(void **state)
{
	sqlite3_stmt *q = NULL;
	sqlite3 *db;

	make_empty();
	overwrite(
	    0,
	    "this is no database at all, and longer than a header is, to be sure of it: a hundred bytes at least, yes.",
	    104);
	refused("not a store of ours; move it away");
	make_empty();
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs(x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	refused("another program's database");
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK); /* and it is as it was, not turned to WAL */
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(q, 0), "delete");
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static void
newer_schema(void **state)
{
	struct store *s = fresh();
	sqlite3 *db;

	store_close(s);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	refused("newer release");
}

static int64_t
number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	int64_t v = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return v;
}

static void
migrates_schema_1(void **state)
{
	sqlite3 *db;

	make_empty();
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, SCHEMA1_SQLITE SCHEMA1_ROWS, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	check_schema1_moved(another);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(number(db, "PRAGMA user_version"), 2);
	assert_int_equal(number(db, "SELECT count(*) FROM migration"), 2);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name='once_kind'"), 1);
	sqlite3_close(db);
}

static void
cut_and_damaged(void **state)
{
	struct store *s = fresh();
	struct reason r = {0};
	struct stat st;

	for (int i = 0; i < 50; i++) {
		char id[16], json[2000];

		snprintf(id, sizeof id, "%d", i);
		memset(json, 'x', sizeof json - 1);
		json[sizeof json - 1] = '\0';
		put(s, id, json);
	}
	store_close(s);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(truncate(file, st.st_size / 2), 0);
	refused("restore a backup");
	assert_int_equal(truncate(file, 700), 0);
	refused("restore a backup");
	s = fresh();
	for (int i = 0; i < 50; i++) {
		char id[16];

		snprintf(id, sizeof id, "%d", i);
		put(s, id, "{\"some\":\"text that fills pages\"}");
	}
	store_close(s);
	char junk[4096];
	memset(junk, 0x5a, sizeof junk);
	overwrite(4096, junk, sizeof junk);
	s = NULL;
	int ret = store_open(dir, &s, &r);
	if (ret == 0)
		ret = store_check(s, &r);
	store_close(s);
	assert_int_equal(ret, E_IO);
	assert_non_null(strstr(r.text, "restore a backup"));
}

/* A full disk, as a limit on the size of files: writes are refused whole, reads go on, and with room again so do
   writes. In a child: the limit is the process's. */
static int
fill_up(void)
{
	struct store *s = another();
	struct store_doc d = {0};
	struct reason r = {0};
	struct rlimit small = {200000, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
	char json[4000], id[16];
	int ret = 0, n = 0, bad = 0;
	int64_t count;

	signal(SIGXFSZ, SIG_IGN);
	memset(json, 'x', sizeof json - 1);
	json[sizeof json - 1] = '\0';
	setrlimit(RLIMIT_FSIZE, &small);
	while (ret == 0 && n < 1000) {
		snprintf(id, sizeof id, "%04d", n);
		ret = store_put(s, "app", id, STORE_NEW, json, NULL, 0, NULL, &r);
		n += ret == 0;
	}
	bad |= ret != E_IO || !r.text[0] || n == 0;
	bad |= store_get(s, "app", "0000", &d, &r) != 0;
	store_doc_release(&d);
	bad |= store_count(s, "app", &count, &r) != 0 || count != n; /* every acknowledged one, nothing else */
	setrlimit(RLIMIT_FSIZE, &none);
	bad |= store_put(s, "app", id, STORE_NEW, json, NULL, 0, NULL, &r) != 0;
	bad |= store_check(s, &r) != 0;
	store_close(s);
	return bad;
}

static void
full_disk(void **state)
{
	int status;

	make_empty();
	pid_t pid = fork();
	if (pid == 0)
		_exit(fill_up());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
news(void **state)
{
	struct store *s = fresh(), *t = another();
	bool changed = true;

	assert_int_equal(store_poll(s, &changed, NULL), 0);
	assert_false(changed);
	put(s, "own", "{}");
	assert_int_equal(store_poll(s, &changed, NULL), 0);
	assert_false(changed);
	put(t, "theirs", "{}");
	assert_int_equal(store_poll(s, &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(store_poll(s, &changed, NULL), 0);
	assert_false(changed);
	store_close(s);
	store_close(t);
}

static void
other_backends(void **state)
{
	struct store *s = NULL;
	struct reason r = {0};

	assert_int_equal(store_open("/nonexistent/dir", &s, &r), E_IO);
}

static int
setup(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof file, "%s/sallyport.db", dir);
	return 0;
}

static int
teardown(void **state)
{
	make_empty();
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    STORE_CONFORMANCE,
	    cmocka_unit_test(dumped_and_loaded),
	    cmocka_unit_test(foreign_files),
	    cmocka_unit_test(newer_schema),
	    cmocka_unit_test(migrates_schema_1),
	    cmocka_unit_test(cut_and_damaged),
	    cmocka_unit_test(full_disk),
	    cmocka_unit_test(news),
	    cmocka_unit_test(other_backends),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

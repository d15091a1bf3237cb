/*
 * The PostgreSQL backend against a server of its own (tests/pg-server): conformance, other people's databases, and
 * servers that die under it.
 */
#include "dumping.h"
#include "schema1.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "core/clock.h"

static char dir[] = "/tmp/sallyport-pg-XXXXXX";
static char url[200];

static int
server(const char *what, const char *option)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		execl(PG_SERVER, PG_SERVER, what, dir, option, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
sql(const char *text)
{
	PGconn *c = PQconnectdb(url);
	PGresult *res = PQexec(c, text);

	if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK) {
		fprintf(stderr, "%s: %s\n", text, PQerrorMessage(c));
		abort();
	}
	PQclear(res);
	PQfinish(c);
}

static struct store *
another(void)
{
	struct store *s = NULL;
	struct reason r = {0};

	if (store_open(url, &s, &r) != 0) {
		fprintf(stderr, "%s\n", r.text);
		abort();
	}
	return s;
}

static void
make_empty(void)
{
	sql("SET client_min_messages=error; DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public");
}

static void
refused(const char *where, const char *part)
{
	struct store *s = NULL;
	struct reason r = {0};

	assert_int_equal(store_open(where, &s, &r), E_IO);
	assert_null(s);
	if (!strstr(r.text, part))
		fail_msg("\"%s\" not in \"%s\"", part, r.text);
	assert_null(strstr(r.text, "hunter2")); /* the password of the URLs below */
}

static void
foreign_databases(void **state)
{
	make_empty();
	sql("CREATE TABLE theirs(x int)");
	refused(url, "holds another program's tables");
	make_empty();
	sql("CREATE TABLE sallyport(application text, version bigint)");
	refused(url, "another program's");
	make_empty();
	store_close(another());
	sql("UPDATE sallyport SET version=99");
	refused(url, "newer release");
	make_empty();
	store_close(another());
	sql("DROP TABLE doc");
	refused(url, "restore a backup");
	make_empty();
	store_close(another());
	sql("DELETE FROM counter");
	struct store *s = another();
	struct reason r = {0};
	int64_t epoch;
	assert_int_equal(store_epoch(s, &epoch, &r), E_IO);
	assert_non_null(strstr(r.text, "restore a backup"));
	store_close(s);
	sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
	char other[250];
	snprintf(other, sizeof other, "postgres://sallyport@/latin?host=%s", dir);
	refused(other, "encoding LATIN1");
	make_empty();
}

static void
bad_urls(void **state)
{
	char other[250];

	refused("postgres://sallyport:hunter2@127.0.0.1:1/x", "not reachable");
	refused("postgres://sallyport:hunter2@127.0.0.1:99999/x", "expected 1 to 65535");
	refused("postgres://sallyport:hunter2@db.invalid/x", "\"db.invalid\" has no address");
	refused("postgres://sallyport:hunter2@/x?nonsense=1", "not a URL that PostgreSQL understands");
	snprintf(other, sizeof other, "postgres://sallyport:hunter2@/absent?host=%s", dir);
	refused(other, "does not exist");
}

static void
damage_is_found(void **state)
{
	const struct store_key key[] = {{"name", "x", true}};
	struct store *s = fresh();
	struct reason r = {0};

	assert_int_equal(store_put(s, "app", "a", STORE_NEW, "{}", key, 1, NULL, &r), 0);
	assert_int_equal(store_check(s, &r), 0);
	sql("DELETE FROM doc");
	assert_int_equal(store_check(s, &r), E_IO);
	assert_non_null(strstr(r.text, "2 keys without a document"));
	store_close(s);
}

/* The store of an older release: what row 0 of the migrations made, with data in it. */
static void
migrates_schema_1(void **state)
{
	make_empty();
	sql(SCHEMA1_PG SCHEMA1_ROWS);
	check_schema1_moved(another);
	sql("SELECT 1/count(*) FROM sallyport WHERE version=2");
	sql("SELECT 1/(count(*)-1) FROM migration");
	sql("SELECT 1/count(*) FROM pg_indexes WHERE indexname='once_kind'");
}

static bool
wait_news(struct store *s, int ms)
{
	struct pollfd f = {.fd = store_fd(s), .events = POLLIN};
	int64_t until = clock_mono_ms() + ms;
	bool news = false;

	while (!news && clock_mono_ms() < until) {
		poll(&f, 1, (int)(until - clock_mono_ms()));
		store_poll(s, &news, NULL);
	}
	return news;
}

static void
news_come_by_the_descriptor(void **state)
{
	struct store *s = fresh(), *t = another();
	struct store_doc d = {0};
	bool news = true;

	assert_int_equal(store_poll(s, &news, NULL), 0);
	assert_false(news);
	put(s, "own", "{}"); /* one's own change is no news */
	assert_false(wait_news(s, 50));
	put(t, "theirs", "{}");
	assert_true(wait_news(s, 5000));
	assert_false(wait_news(s, 50)); /* told once */
	put(t, "more", "{}");
	for (int i = 0; i < 100 && store_get(s, "app", "more", &d, NULL) == 0; i++) /* swallowed by an answer ... */
		store_doc_release(&d);
	assert_true(wait_news(s, 5000)); /* ... and told all the same */
	assert_int_equal(store_put(t, STORE_SESSION, "x", STORE_NEW, "{}", NULL, 0, NULL, NULL), 0);
	assert_false(wait_news(s, 50));
	assert_int_equal(server("kill", NULL), 0);
	assert_int_equal(server("start", NULL), 0);
	assert_true(wait_news(s, 15000)); /* whatever was told meanwhile was missed */
	store_close(s);
	store_close(t);
}

static void
away_and_back(void **state)
{
	struct store *s = fresh();
	struct store_doc d = {0};
	struct reason r = {0};
	int64_t began;
	int ret;

	put(s, "a", "{}");
	assert_int_equal(server("stop", NULL), 0);
	began = clock_mono_ms();
	assert_int_equal(store_put(s, "app", "b", STORE_NEW, "{}", NULL, 0, NULL, &r), E_IO);
	assert_non_null(strstr(r.text, "not reachable"));
	assert_int_equal(store_begin(s, &r), E_IO);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(store_get(s, "app", "a", &d, &r), E_IO);
	assert_true(clock_mono_ms() - began < 3000); /* callers are told, not kept */
	assert_int_equal(server("start", NULL), 0);
	began = clock_mono_ms();
	while ((ret = store_get(s, "app", "a", &d, &r)) == E_IO && clock_mono_ms() - began < 15000)
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	assert_int_equal(ret, 0);
	store_doc_release(&d);
	assert_int_equal(store_get(s, "app", "b", &d, &r), E_NOENT);
	/* a connection that is cut between two calls costs nobody anything */
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='sallyport'");
	put(s, "c", "{}");
	assert_int_equal(store_begin(s, &r), 0);
	put(s, "d", "{}");
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='sallyport'");
	assert_int_equal(store_put(s, "app", "e", STORE_NEW, "{}", NULL, 0, NULL, &r), E_IO);
	assert_int_equal(store_put(s, "app", "f", STORE_NEW, "{}", NULL, 0, NULL, &r), E_IO); /* not on another */
	assert_int_equal(store_commit(s, &r), E_IO);
	assert_int_equal(store_get(s, "app", "d", &d, &r), E_NOENT);
	assert_int_equal(store_get(s, "app", "f", &d, &r), E_NOENT);
	store_close(s);
}

/* Somebody holds the row: the call ends by itself, says so, and the store goes on. */
static void
locked_out(void **state)
{
	struct store *s = fresh(), *t = another();
	struct reason r = {0};
	int64_t began = clock_mono_ms();

	put(s, "a", "{}");
	assert_int_equal(store_begin(t, &r), 0);
	put(t, "a", "{\"t\":1}");
	assert_int_equal(store_put(s, "app", "a", STORE_ANY, "{\"s\":1}", NULL, 0, NULL, &r), E_AGAIN);
	assert_true(clock_mono_ms() - began < 6000);
	assert_int_equal(store_commit(t, &r), 0);
	put(s, "a", "{\"s\":2}");
	store_close(s);
	store_close(t);
}

static void
takes_no_writes(void **state)
{
	struct store *s = fresh();
	struct store_doc d = {0};
	struct reason r = {0};

	put(s, "a", "{}");
	sql("ALTER SYSTEM SET default_transaction_read_only=on");
	sql("SELECT pg_reload_conf()");
	int ret = 0;
	for (int i = 0; i < 200 && ret == 0; i++) {
		ret = store_put(s, "app", "b", STORE_ANY, "{}", NULL, 0, NULL, &r);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	assert_int_equal(ret, E_IO);
	assert_non_null(strstr(r.text, "takes no writes"));
	assert_int_equal(store_get(s, "app", "a", &d, &r), 0);
	store_doc_release(&d);
	sql("ALTER SYSTEM RESET default_transaction_read_only"); /* no transaction of tables: permitted */
	sql("SELECT pg_reload_conf()");
	for (int i = 0; i < 200 && ret != 0; i++) {
		ret = store_put(s, "app", "b", STORE_ANY, "{}", NULL, 0, NULL, &r);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	assert_int_equal(ret, 0);
	store_close(s);
}

/* A transaction that reads sees one moment. */
static void
one_moment(void **state)
{
	struct store *s = fresh(), *t = another();
	char ids[64] = "";

	put(s, "a", "{}");
	assert_int_equal(store_begin_read(s, NULL), 0);
	assert_int_equal(store_list(s, "app", "", 0, collect, ids, NULL), 0);
	put(t, "b", "{}");
	ids[0] = '\0';
	assert_int_equal(store_list(s, "app", "", 0, collect, ids, NULL), 0);
	assert_string_equal(ids, "a");
	store_rollback(s);
	ids[0] = '\0';
	assert_int_equal(store_list(s, "app", "", 0, collect, ids, NULL), 0);
	assert_string_equal(ids, "a b");
	store_close(s);
	store_close(t);
}

#define WRITERS 3
#define KILLS 4

struct writer {
	pthread_t th;
	int no;
	volatile int acked, unsure;
	volatile bool *stop;
};

/* Increments its own counter document. Each success is acknowledged; an outcome that is not known is settled by
   reading the version, as everybody must. */
static void *
write_on(void *arg)
{
	struct writer *w = arg;
	struct store *s = another();
	char id[16];
	int64_t version = STORE_NEW, v;

	snprintf(id, sizeof id, "w%d", w->no);
	while (!*w->stop) {
		struct store_doc d = {0};
		char json[32];
		snprintf(json, sizeof json, "%d", w->acked + 1);
		int ret = store_put(s, "app", id, version, json, NULL, 0, &v, NULL);
		if (ret == E_UNSURE) {
			w->unsure++;
			int e;
			while ((e = store_get(s, "app", id, &d, NULL)) != 0 && e != E_NOENT)
				nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
			v = e == 0 ? d.version : STORE_NEW;
			ret = v == version + 1 ? 0 : v == version ? E_IO : E_CONFLICT;
			store_doc_release(&d);
		}
		if (ret == 0) {
			version = v;
			w->acked++;
		} else if (ret == E_CONFLICT) { /* nobody else writes it: something was done twice, or lost */
			w->acked = -1000000;
			break;
		} else {
			nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		}
	}
	store_close(s);
	return NULL;
}

static void
no_acknowledged_write_is_lost(void **state)
{
	struct writer w[WRITERS];
	volatile bool stop = false;

	make_empty();
	store_close(another());
	for (int i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){.no = i, .stop = &stop};
		assert_int_equal(pthread_create(&w[i].th, NULL, write_on, &w[i]), 0);
	}
	for (int k = 0; k < KILLS; k++) {
		int before[WRITERS];
		for (int i = 0; i < WRITERS; i++)
			before[i] = w[i].acked;
		for (int i = 0; i < WRITERS; i++) /* each has gone on since the last time */
			for (int n = 0; w[i].acked >= 0 && w[i].acked < before[i] + 20 && n < 3000; n++)
				nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		assert_int_equal(server("kill", NULL), 0);
		assert_int_equal(server("start", NULL), 0);
	}
	stop = true;
	for (int i = 0; i < WRITERS; i++)
		pthread_join(w[i].th, NULL);
	struct store *s = another();
	for (int i = 0; i < WRITERS; i++) {
		struct store_doc d = {0};
		char id[16], json[32];
		snprintf(id, sizeof id, "w%d", i);
		snprintf(json, sizeof json, "%d", w[i].acked);
		assert_true(w[i].acked >= 20 * KILLS);
		assert_int_equal(store_get(s, "app", id, &d, NULL), 0);
		assert_string_equal(d.json, json);
		assert_int_equal(d.version, w[i].acked);
		store_doc_release(&d);
	}
	assert_int_equal(store_check(s, NULL), 0);
	store_close(s);
}

/* --- a server that goes away at the worst moment --- */

#define COMMIT_NAME "s2" /* the prepared COMMIT */

struct relay {
	int listener, client, server;
	bool armed;        /* at the next COMMIT ... */
	bool deliver;      /* ... the server gets it, or does not; its answer is lost */
	bool refuse_after; /* and nobody gets through again */
	int cuts;
	pthread_t th;
};

static char relay_dir[] = "/tmp/sallyport-relay-XXXXXX";

static int
unix_at(const char *folder, bool listening)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s/.s.PGSQL.5432", folder);
	if (listening)
		unlink(a.sun_path);
	if (listening ? bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4)
	              : connect(fd, (struct sockaddr *)&a, sizeof a)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Bind names its statement: 'B' length portal "" statement NUL. */
static bool
has_commit(const char *p, size_t n)
{
	return memmem(p, n, "\0" COMMIT_NAME "\0", sizeof COMMIT_NAME + 1) != NULL;
}

static void
relay_cut(struct relay *y)
{
	close(y->client);
	close(y->server);
	y->client = y->server = -1;
}

static bool
relay_pass(struct relay *y, int from, int to)
{
	char b[65536];
	ssize_t n = read(from, b, sizeof b);

	if (n <= 0)
		return false;
	if (from == y->client && y->armed && has_commit(b, (size_t)n)) {
		y->armed = false;
		y->cuts++;
		if (y->deliver) { /* done, then nobody hears of it */
			if (write(to, b, (size_t)n) != n || read(to, b, sizeof b) <= 0)
				abort();
		}
		return false;
	}
	return write(to, b, (size_t)n) == n;
}

static void *
relay_run(void *arg)
{
	struct relay *y = arg;

	for (;;) {
		y->client = accept(y->listener, NULL, NULL);
		if (y->client < 0)
			return NULL;
		y->server = y->refuse_after && y->cuts ? -1 : unix_at(dir, false);
		while (y->server >= 0) {
			struct pollfd f[2] = {{.fd = y->client, .events = POLLIN}, {.fd = y->server, .events = POLLIN}};
			poll(f, 2, -1);
			if ((f[0].revents && !relay_pass(y, y->client, y->server)) ||
			    (f[1].revents && !relay_pass(y, y->server, y->client)))
				break;
		}
		relay_cut(y);
	}
}

static struct store *
through_relay(struct relay *y)
{
	struct store *s = NULL;
	char other[250];
	struct reason r = {0};

	if (!strchr(relay_dir, 'X') || mkdtemp(relay_dir))
		y->listener = unix_at(relay_dir, true);
	y->client = y->server = -1;
	assert_int_equal(pthread_create(&y->th, NULL, relay_run, y), 0);
	snprintf(other, sizeof other, "postgres://sallyport@/postgres?host=%s&target_session_attrs=any", relay_dir);
	if (store_open(other, &s, &r) != 0)
		fail_msg("%s", r.text);
	return s;
}

static void
relay_end(struct relay *y)
{
	shutdown(y->listener, SHUT_RDWR);
	pthread_join(y->th, NULL);
	close(y->listener);
}

/* The answer to a COMMIT is lost. The writer never hears of an outcome that is not so, and nothing is done twice. */
static void
lost_answers_are_settled(void **state)
{
	struct relay y = {.listener = -1};
	struct store *direct = fresh(), *s = through_relay(&y);
	struct store_doc d = {0};
	struct reason r = {0};
	struct buf out;
	int64_t v = 0;

	buf_init(&out, 100);
	for (int deliver = 0; deliver < 2; deliver++) {
		char id[16], key[16];
		snprintf(id, sizeof id, "put%d", deliver);
		snprintf(key, sizeof key, "key%d", deliver);
		y.deliver = deliver;
		y.armed = true;
		assert_int_equal(store_put(s, "app", id, STORE_NEW, "{}", NULL, 0, &v, &r), 0);
		assert_int_equal(v, 1);
		y.armed = true; /* done twice, this would count to 2 */
		assert_int_equal(store_counter(s, id, 1, &v, &r), 0);
		assert_int_equal(v, 1);
		assert_int_equal(store_once_put(s, "code", key, "v", 1, 100, 1, &r), 0);
		y.armed = true;
		buf_clear(&out);
		assert_int_equal(store_once_take(s, "code", key, 2, &out, &r), 0);
		assert_string_equal(buf_cstr(&out), "v");
		assert_int_equal(store_once_take(direct, "code", key, 2, &out, &r), E_NOENT);
		assert_int_equal(store_begin(s, &r), 0);
		put(s, id, "{\"in\":\"tx\"}");
		y.armed = true; /* the caller's own transaction is not repeated: it learns what became of it */
		assert_int_equal(store_commit(s, &r), deliver ? 0 : E_IO);
		assert_int_equal(store_get(direct, "app", id, &d, &r), 0);
		assert_int_equal(d.version, deliver ? 2 : 1);
		store_doc_release(&d);
	}
	assert_int_equal(y.cuts, 8);
	y.refuse_after = true; /* and when nobody can be asked, it says so */
	y.deliver = true;
	y.armed = true;
	assert_int_equal(store_put(s, "app", "unsure", STORE_NEW, "{}", NULL, 0, &v, &r), E_UNSURE);
	assert_int_equal(store_get(direct, "app", "unsure", &d, &r), 0);
	store_doc_release(&d);
	store_close(s);
	store_close(direct);
	relay_end(&y);
	buf_release(&out);
}

/* A connection that was given up may still have something under way at the server: its name is gone, so it ends. */
static void
given_up_means_ended(void **state)
{
	struct store *s = fresh();
	struct reason r = {0};
	int64_t v;

	assert_int_equal(store_begin(s, &r), 0);
	put(s, "a", "{}");
	sql("DELETE FROM writer"); /* what the next connection does first */
	assert_int_equal(store_commit(s, &r), E_IO);
	assert_int_equal(store_counter(s, "c", 1, &v, &r), 0); /* by itself it is done again, on another */
	assert_int_equal(v, 1);
	struct store_doc d = {0};
	assert_int_equal(store_get(s, "app", "a", &d, &r), E_NOENT);
	store_close(s);
}

static int
setup(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(url, sizeof url, "postgres://sallyport@/postgres?host=%s", dir);
	return server("start", NULL);
}

static int
teardown(void **state)
{
	server("stop", NULL);
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, relay_dir, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    STORE_CONFORMANCE,
	    cmocka_unit_test(dumped_and_loaded),
	    cmocka_unit_test(foreign_databases),
	    cmocka_unit_test(bad_urls),
	    cmocka_unit_test(damage_is_found),
	    cmocka_unit_test(migrates_schema_1),
	    cmocka_unit_test(news_come_by_the_descriptor),
	    cmocka_unit_test(away_and_back),
	    cmocka_unit_test(locked_out),
	    cmocka_unit_test(takes_no_writes),
	    cmocka_unit_test(one_moment),
	    cmocka_unit_test(no_acknowledged_write_is_lost),
	    cmocka_unit_test(lost_answers_are_settled),
	    cmocka_unit_test(given_up_means_ended),
	};
	if (setup(NULL) != 0) {
		teardown(NULL);
		puts("skip: no PostgreSQL server could be started");
		return 77;
	}
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	teardown(NULL);
	return failed;
}

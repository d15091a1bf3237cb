/*
 * conformance: what every backend of store.h must do. A backend's test includes this, gives an opener that yields a
 * further handle on one store, and a way to make that store empty, then runs STORE_CONFORMANCE among its tests.
 */
#ifndef TEST_STORE_CONFORMANCE_H
#define TEST_STORE_CONFORMANCE_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

static struct store *another(void); /* a further handle on the store under test; never NULL */
static void make_empty(void);       /* no handle is open */

static struct store *
fresh(void)
{
	make_empty();
	return another();
}

static void
put(struct store *s, const char *id, const char *json)
{
	struct reason r = {0};

	if (store_put(s, "app", id, STORE_ANY, json, NULL, 0, NULL, &r) != 0)
		fail_msg("%s", r.text);
}

static int
collect(void *arg, const struct store_doc *d)
{
	char *out = arg;

	size_t at = strlen(out);

	snprintf(out + at, 64 - at, "%s%s", at ? " " : "", d->id);
	return 0;
}

static int
stop_at_first(void *arg, const struct store_doc *d)
{
	(*(int *)arg)++;
	return 77;
}

static void
documents_are_versioned(void **state)
{
	struct store *s = fresh();
	struct store_doc d = {0};
	struct reason r = {0};
	int64_t v = 0;

	assert_int_equal(store_get(s, "app", "a", &d, &r), E_NOENT);
	assert_int_equal(store_put(s, "app", "a", STORE_NEW, "{\"x\":1}", NULL, 0, &v, &r), 0);
	assert_int_equal(v, 1);
	assert_int_equal(store_put(s, "app", "a", STORE_NEW, "{}", NULL, 0, &v, &r), E_CONFLICT);
	assert_int_equal(store_put(s, "app", "a", 7, "{}", NULL, 0, &v, &r), E_CONFLICT);
	assert_non_null(strstr(r.text, "version 1"));
	assert_int_equal(store_put(s, "app", "a", 1, "{\"x\":2}", NULL, 0, &v, &r), 0);
	assert_int_equal(v, 2);
	assert_int_equal(store_put(s, "app", "b", 1, "{}", NULL, 0, &v, &r), E_CONFLICT);
	assert_int_equal(store_get(s, "app", "a", &d, &r), 0);
	assert_string_equal(d.json, "{\"x\":2}");
	assert_int_equal(d.version, 2);
	store_doc_release(&d);
	assert_int_equal(store_get(s, "group", "a", &d, &r), E_NOENT);
	assert_int_equal(store_delete(s, "app", "a", 1, &r), E_CONFLICT);
	assert_int_equal(store_delete(s, "app", "a", 2, &r), 0);
	assert_int_equal(store_delete(s, "app", "a", STORE_ANY, &r), E_NOENT);
	assert_int_equal(store_get(s, "app", "a", &d, &r), E_NOENT);
	store_close(s);
}

static void
unique_keys(void **state)
{
	const struct store_key ssh[] = {{"domain", "ssh.test", true}, {"owner", "x", false}};
	const struct store_key web[] = {{"domain", "web.test", true}, {"owner", "x", false}};
	struct store *s = fresh();
	struct store_doc d = {0};
	struct reason r = {0};
	char ids[64] = "";

	assert_int_equal(store_put(s, "app", "a", STORE_NEW, "{}", ssh, 2, NULL, &r), 0);
	assert_int_equal(store_put(s, "app", "b", STORE_NEW, "{}", ssh, 2, NULL, &r), E_EXIST);
	assert_non_null(strstr(r.text, "domain \"ssh.test\""));
	assert_int_equal(store_get(s, "app", "b", &d, &r), E_NOENT); /* nothing stayed */
	assert_int_equal(store_put(s, "app", "b", STORE_NEW, "{}", web, 2, NULL, &r), 0);
	assert_int_equal(store_put(s, "app", "b", 1, "{\"new\":1}", ssh, 2, NULL, &r), E_EXIST);
	assert_int_equal(store_find(s, "app", "domain", "web.test", &d, &r), 0); /* and its keys are as before */
	assert_string_equal(d.id, "b");
	assert_int_equal(d.version, 1);
	store_doc_release(&d);
	assert_int_equal(store_put(s, "route", "r", STORE_NEW, "{}", ssh, 1, NULL, &r), 0); /* keys are per kind */
	assert_int_equal(store_list_by(s, "app", "owner", "x", "", 0, collect, ids, &r), 0);
	assert_string_equal(ids, "a b");
	ids[0] = '\0';
	assert_int_equal(store_list_by(s, "app", "domain", "ssh.test", "", 0, collect, ids, &r), 0);
	assert_string_equal(ids, "a");
	assert_int_equal(store_put(s, "app", "a", 1, "{}", NULL, 0, NULL, &r), 0); /* keys are replaced, not added to */
	assert_int_equal(store_find(s, "app", "domain", "ssh.test", &d, &r), E_NOENT);
	assert_int_equal(store_delete(s, "app", "b", STORE_ANY, &r), 0);
	assert_int_equal(store_put(s, "app", "c", STORE_NEW, "{}", web, 2, NULL, &r), 0); /* deletion frees the name */
	store_close(s);
}

static void
lists_are_in_order(void **state)
{
	struct store *s = fresh();
	struct reason r = {0};
	char ids[64] = "";
	int64_t n = 0;
	int calls = 0;

	put(s, "c", "{}");
	put(s, "a", "{}");
	put(s, "b", "{}");
	assert_int_equal(store_list(s, "app", "", 0, collect, ids, &r), 0);
	assert_string_equal(ids, "a b c");
	ids[0] = '\0';
	assert_int_equal(store_list(s, "app", "a", 1, collect, ids, &r), 0);
	assert_string_equal(ids, "b");
	assert_int_equal(store_list(s, "app", "", 0, stop_at_first, &calls, &r), 77);
	assert_int_equal(calls, 1);
	assert_int_equal(store_count(s, "app", &n, &r), 0);
	assert_int_equal(n, 3);
	store_close(s);
}

static void
transactions(void **state)
{
	const struct store_key key[] = {{"name", "x", true}};
	struct store *s = fresh(), *t = another();
	struct store_doc d = {0};
	struct reason r = {0};

	assert_int_equal(store_begin(s, &r), 0);
	assert_int_equal(store_begin(s, &r), E_STATE);
	put(s, "a", "{}");
	assert_int_equal(store_get(s, "app", "a", &d, &r), 0); /* sees its own */
	store_doc_release(&d);
	assert_int_equal(store_get(t, "app", "a", &d, &r), E_NOENT);
	store_rollback(s);
	assert_int_equal(store_get(s, "app", "a", &d, &r), E_NOENT);
	assert_int_equal(store_begin(s, &r), 0);
	assert_int_equal(store_put(s, "app", "a", STORE_NEW, "{}", key, 1, NULL, &r), 0);
	assert_int_equal(store_put(s, "app", "b", STORE_NEW, "{}", key, 1, NULL, &r), E_EXIST); /* refused alone ... */
	assert_int_equal(store_put(s, "app", "c", STORE_NEW, "{}", NULL, 0, NULL, &r), 0);
	assert_int_equal(store_commit(s, &r), 0); /* ... without spoiling the rest */
	assert_int_equal(store_commit(s, &r), E_STATE);
	assert_int_equal(store_get(t, "app", "a", &d, &r), 0);
	store_doc_release(&d);
	assert_int_equal(store_get(t, "app", "b", &d, &r), E_NOENT);
	assert_int_equal(store_begin(s, &r), 0);
	put(s, "z", "{}");
	store_close(s); /* an open transaction is dropped */
	assert_int_equal(store_get(t, "app", "z", &d, &r), E_NOENT);
	store_close(t);
}

static void
one_time_values(void **state)
{
	struct store *s = fresh();
	struct reason r = {0};
	struct buf out;

	buf_init(&out, 65536);
	assert_int_equal(store_once_put(s, "code", "k", "v\0w", 3, 100, 50, &r), 0);
	assert_int_equal(store_once_put(s, "code", "k", "x", 1, 100, 99, &r), E_EXIST);
	assert_int_equal(store_once_take(s, "other", "k", 60, &out, &r), E_NOENT);
	assert_int_equal(store_once_take(s, "code", "k", 60, &out, &r), 0);
	assert_int_equal(buf_len(&out), 3);
	assert_memory_equal(buf_ptr(&out), "v\0w", 3);
	assert_int_equal(store_once_take(s, "code", "k", 60, &out, &r), E_NOENT);
	assert_int_equal(store_once_put(s, "code", "k", "", 0, 100, 60, &r), 0);
	assert_int_equal(store_once_take(s, "code", "k", 100, &out, &r), E_EXPIRED);
	assert_int_equal(store_once_take(s, "code", "k", 100, &out, &r), E_NOENT);
	assert_int_equal(store_once_put(s, "code", "k", "a", 1, 100, 60, &r), 0);
	assert_int_equal(store_once_put(s, "code", "k", "b", 1, 300, 200, &r), 0); /* over an expired one */
	assert_int_equal(store_once_put(s, "code", "j", "b", 1, 150, 100, &r), 0);
	assert_int_equal(store_once_sweep(s, 250, &r), 0);
	assert_int_equal(store_once_take(s, "code", "j", 100, &out, &r), E_NOENT);
	buf_clear(&out);
	assert_int_equal(store_once_take(s, "code", "k", 250, &out, &r), 0);
	assert_string_equal(buf_cstr(&out), "b");
	assert_int_equal(store_once_take(s, "code", "", 250, &out, &r), E_NOENT);
	/* trimmed: the oldest of the kind go, of that kind alone */
	for (int i = 0; i < 9; i++) {
		char key[2] = {(char)('a' + i)};
		assert_int_equal(store_once_put(s, "code", key, key, 1, 1000 + i, 1, &r), 0);
	}
	assert_int_equal(store_once_put(s, "state", "z", "z", 1, 999, 1, &r), 0);
	assert_int_equal(store_once_trim(s, "code", 9, &r), 0);
	assert_int_equal(store_once_take(s, "code", "a", 2, &out, &r), 0);
	assert_int_equal(store_once_trim(s, "code", 3, &r), 0);
	for (int i = 1; i < 9; i++) {
		char key[2] = {(char)('a' + i)};
		assert_int_equal(store_once_take(s, "code", key, 2, &out, &r), i < 6 ? E_NOENT : 0);
	}
	assert_int_equal(store_once_take(s, "state", "z", 2, &out, &r), 0);
	assert_int_equal(store_once_trim(s, "", 3, &r), E_LIMIT);
	buf_release(&out);
	store_close(s);
}

static void
counters_and_epoch(void **state)
{
	struct store *s = fresh(), *t = another();
	struct reason r = {0};
	int64_t v, before, after;

	assert_int_equal(store_counter(s, "serial", 0, &v, &r), 0);
	assert_int_equal(v, 0);
	assert_int_equal(store_counter(s, "serial", 5, &v, &r), 0);
	assert_int_equal(store_counter(t, "serial", 1, &v, &r), 0);
	assert_int_equal(v, 6);
	assert_int_equal(store_counter(s, "epoch", 1, &v, &r), E_RANGE);
	assert_int_equal(store_counter(s, "serial", -1, &v, &r), E_RANGE);
	assert_int_equal(store_epoch(t, &before, &r), 0);
	put(s, "a", "{}");
	assert_int_equal(store_epoch(t, &after, &r), 0);
	assert_true(after > before);
	assert_int_equal(store_put(s, STORE_SESSION, "s", STORE_NEW, "{}", NULL, 0, NULL, &r), 0);
	assert_int_equal(store_epoch(t, &before, &r), 0);
	assert_int_equal(before, after); /* a sign-in makes no snapshot stale */
	store_close(s);
	store_close(t);
}

static void
limits(void **state)
{
	struct store *s = fresh();
	struct reason r = {0};
	char *big = calloc(1, STORE_DOC_MAX + 2), id[STORE_ID_MAX + 2];

	memset(big, 'x', STORE_DOC_MAX + 1);
	memset(id, 'i', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	assert_int_equal(store_put(s, "app", "a", STORE_ANY, big, NULL, 0, NULL, &r), E_LIMIT);
	assert_int_equal(store_put(s, "app", id, STORE_ANY, "{}", NULL, 0, NULL, &r), E_LIMIT);
	assert_int_equal(store_put(s, "", "a", STORE_ANY, "{}", NULL, 0, NULL, &r), E_LIMIT);
	assert_int_equal(store_once_put(s, "c", "k", big, STORE_ONCE_MAX + 1, 9, 1, &r), E_LIMIT);
	free(big);
	store_close(s);
}

#define RACE_ROUNDS 40

static void *
race_cas(void *arg)
{
	struct store *s = another();
	struct store_doc d;

	for (int done = 0; done < RACE_ROUNDS;) {
		char json[32];
		int ret;

		if (store_get(s, "app", "n", &d, NULL) != 0)
			break;
		snprintf(json, sizeof json, "%ld", strtol(d.json, NULL, 10) + 1);
		ret = store_put(s, "app", "n", d.version, json, NULL, 0, NULL, NULL);
		store_doc_release(&d);
		if (ret == 0)
			done++;
		else if (ret != E_CONFLICT && ret != E_AGAIN)
			break;
	}
	store_close(s);
	return NULL;
}

static void
two_handles_race_for_a_version(void **state)
{
	struct store *s = fresh();
	struct store_doc d = {0};
	pthread_t th[2];

	put(s, "n", "0");
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&th[i], NULL, race_cas, NULL), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	assert_int_equal(store_get(s, "app", "n", &d, NULL), 0);
	assert_int_equal(strtol(d.json, NULL, 10), 2 * RACE_ROUNDS); /* no update was lost */
	assert_int_equal(d.version, 2 * RACE_ROUNDS + 1);
	store_doc_release(&d);
	store_close(s);
}

static void *
race_take(void *arg)
{
	struct store *s = another();
	int *taken = arg;

	for (int i = 0; i < RACE_ROUNDS; i++) {
		char key[16];
		struct buf out;

		buf_init(&out, 64);
		snprintf(key, sizeof key, "k%d", i);
		*taken += store_once_take(s, "code", key, 1, &out, NULL) == 0;
		buf_release(&out);
	}
	store_close(s);
	return NULL;
}

static void
two_takers_of_one_value(void **state)
{
	struct store *s = fresh();
	int taken[2] = {0};
	pthread_t th[2];

	for (int i = 0; i < RACE_ROUNDS; i++) {
		char key[16];

		snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(store_once_put(s, "code", key, "v", 1, 100, 1, NULL), 0);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&th[i], NULL, race_take, &taken[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	assert_int_equal(taken[0] + taken[1], RACE_ROUNDS);
	store_close(s);
}

/* Commits until it is killed; acknowledges each on fd once commit returned. */
static void
commit_forever(int fd, int from)
{
	struct store *s = another();

	for (int i = from;; i++) {
		char id[16];

		snprintf(id, sizeof id, "%08d", i);
		if (store_begin(s, NULL) != 0 || store_put(s, "app", id, STORE_NEW, "{}", NULL, 0, NULL, NULL) != 0 ||
		    store_commit(s, NULL) != 0 || write(fd, &i, sizeof i) != (ssize_t)sizeof i)
			_exit(1);
	}
}

static void
killed_in_commits_loses_nothing(void **state)
{
	int next = 0, acked = 0;

	make_empty();
	for (int round = 0; round < 5; round++) {
		struct store *s;
		struct reason r = {0};
		int fd[2], got;
		pid_t pid;

		assert_int_equal(pipe(fd), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fd[0]);
			commit_forever(fd[1], next);
		}
		close(fd[1]);
		while (acked < (round + 1) * 12 + round && read(fd[0], &got, sizeof got) == (ssize_t)sizeof got)
			acked = got + 1;
		kill(pid, SIGKILL);
		while (read(fd[0], &got, sizeof got) == (ssize_t)sizeof got)
			acked = got + 1;
		close(fd[0]);
		waitpid(pid, NULL, 0);
		s = another();
		assert_int_equal(store_check(s, &r), 0);
		for (int i = 0; i < acked; i++) {
			struct store_doc d = {0};
			char id[16];

			snprintf(id, sizeof id, "%08d", i);
			assert_int_equal(store_get(s, "app", id, &d, &r), 0);
			store_doc_release(&d);
		}
		int64_t n = 0;
		assert_int_equal(store_count(s, "app", &n, &r), 0);
		assert_true(n == acked || n == acked + 1); /* one may be committed and not yet acknowledged */
		next = acked = (int)n;
		store_close(s);
	}
}

#define STORE_CONFORMANCE                                                                                            \
	cmocka_unit_test(documents_are_versioned), cmocka_unit_test(unique_keys),                                    \
	    cmocka_unit_test(lists_are_in_order), cmocka_unit_test(transactions), cmocka_unit_test(one_time_values), \
	    cmocka_unit_test(counters_and_epoch), cmocka_unit_test(limits),                                          \
	    cmocka_unit_test(two_handles_race_for_a_version), cmocka_unit_test(two_takers_of_one_value),             \
	    cmocka_unit_test(killed_in_commits_loses_nothing)

#endif

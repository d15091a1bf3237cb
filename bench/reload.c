/* bench_reload DIR [USERS [APPS]]: judge's state from an SQLite store in DIR (made when absent): USERS people and APPS
 * applications. Prints "users MS", "snapshot MS" (both at start) and "change p50 MS max MS": a policy is changed in the
 * store and the candidate that the edge would swap in is built, as every change by API does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/str.h"
#include "edge/judge/judge.h"
#include "edge/judge/session.h"
#include "edge/judge/snapshot.h"

#define CHANGES 15

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
must(int e, const char *what)
{
	if (e >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, err_str(e));
	exit(1);
}

static void
put(struct store *s, const char *kind, const char *id, json_t *j, const char *name)
{
	struct store_key key = {"name", name, false};
	char *text = json_dump_str(j);

	must(store_put(s, kind, id, STORE_ANY, text, &key, 1, NULL, NULL), kind);
	free(text);
	json_decref(j);
}

static json_t *
app_json_of(size_t i, const char *id, const char *email)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:s, s:[{s:o, s:s, s:s, s:[{s:{s:s}}, {s:{s:s}}]}]}", "id", id, "aud",
	                 json_sprintf("%064zx", i), "name", json_sprintf("app %zu", i), "domain",
	                 json_sprintf("app%zu.example.test", i), "type", "self_hosted", "policies", "id",
	                 json_sprintf("%08zx-0000-4000-9000-000000000000", i), "name", "staff", "decision", "allow",
	                 "include", "group", "name", "staff", "email", "email", email);
}

static void
fill(struct store *s, size_t users, size_t apps)
{
	char id[64];

	must(store_begin(s, NULL), "begin");
	put(s, "group", "00000000-0000-4000-a000-000000000000",
	    json_pack("{s:s, s:s, s:[{s:{s:s}}]}", "id", "00000000-0000-4000-a000-000000000000", "name", "staff",
	              "include", "email_domain", "domain", "example.test"),
	    "staff");
	for (size_t i = 0; i < apps; i++) {
		snprintf(id, sizeof id, "%08zx-0000-4000-8000-000000000000", i);
		put(s, "app", id, app_json_of(i, id, "boss@example.test"), id);
	}
	for (size_t i = 0; i < users; i++) {
		snprintf(id, sizeof id, "%08zx-0000-4000-b000-000000000000", i);
		put(s, "person", id,
		    json_pack("{s:s, s:o, s:[{s:s, s:s, s:o, s:s, s:o, s:[s, s]}]}", "id", id, "email",
		              json_sprintf("user%zu@example.test", i), "identities", "sub", id, "iss",
		              "https://idp.example.test", "subject", json_sprintf("s%zu", i), "idp",
		              "00000000-0000-4000-c000-000000000000", "email", json_sprintf("user%zu@example.test", i),
		              "groups", "ops", "staff"),
		    id);
	}
	must(store_commit(s, NULL), "commit");
}

static int
by_number(const void *pa, const void *pb)
{
	const double a = *(const double *)pa, b = *(const double *)pb;

	return a < b ? -1 : a > b;
}

int
main(int argc, char **argv)
{
	const size_t users = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000,
	             apps = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000;
	static struct judge j;
	struct model_error err = {{0}};
	struct snapshot *s = NULL;
	double took[CHANGES], t;
	int64_t n = 0;

	if (argc < 2 || !apps)
		return 1;
	judge_state_init(&j);
	must(store_open(argv[1], &j.store, NULL), argv[1]);
	must(store_count(j.store, "app", &n, NULL), "count");
	if (n == 0)
		fill(j.store, users, apps);
	t = now_ms();
	must(sessions_load(&j, NULL), "users");
	printf("users %.0f\n", now_ms() - t);
	t = now_ms();
	must(snapshot_build(&j, true, &s, &err), err.text);
	printf("snapshot %.0f\n", now_ms() - t);
	j.snap = s;
	for (size_t i = 0; i < CHANGES; i++) {
		char id[64], email[64];
		const size_t at = i * 617 % apps;

		snprintf(id, sizeof id, "%08zx-0000-4000-8000-000000000000", at);
		snprintf(email, sizeof email, "boss%zu@example.test", i);
		t = now_ms();
		must(store_begin(j.store, NULL), "begin");
		put(j.store, "app", id, app_json_of(at, id, email), id);
		must(snapshot_build(&j, false, &s, &err), err.text);
		must(store_commit(j.store, NULL), "commit");
		snapshot_drop(j.snap);
		j.snap = s;
		took[i] = now_ms() - t;
	}
	qsort(took, CHANGES, sizeof *took, by_number);
	printf("change %.1f %.1f\n", took[CHANGES / 2], took[CHANGES - 1]);
	snapshot_drop(s);
	store_close(j.store);
	return 0;
}

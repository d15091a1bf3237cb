/* bench_store WHERE: one backend of the store: microseconds of a put, of a get, of an increment, and milliseconds of
 * reading 20,000 documents. A line each, "name value". WHERE: an empty folder or the URL of an empty database. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store/store.h"

#define PUTS 400
#define MANY 20000

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
must(int e, const struct reason *r)
{
	if (e == 0)
		return;
	fprintf(stderr, "bench_store: %s\n", r->text);
	exit(1);
}

static int
count(void *arg, const struct store_doc *d)
{
	(*(int *)arg)++;
	return 0;
}

static void
put(struct store *s, int i, struct reason *r)
{
	char id[16], name[32];
	struct store_key key[] = {{"name", name, true}, {"email", "jdoe@example.test", false}};

	snprintf(id, sizeof id, "%08d", i);
	snprintf(name, sizeof name, "name-%d", i);
	must(store_put(s, "app", id, STORE_NEW,
	               "{\"id\":\"0\",\"name\":\"a name\",\"domain\":\"a.example.test\",\"policies\":[]}", key, 2, NULL,
	               r),
	     r);
}

int
main(int argc, char **argv)
{
	struct store *s = NULL;
	struct reason r = {0};
	struct store_doc d = {0};
	static int64_t us[3][PUTS];
	static const char *const names[] = {"put", "get", "counter"};
	int n = 0;

	if (argc != 2)
		return 2;
	must(store_open(argv[1], &s, &r), &r);
	for (int i = 0; i < PUTS; i++) {
		char id[16];
		int64_t v, t = now_us();
		put(s, i, &r);
		us[0][i] = now_us() - t;
		snprintf(id, sizeof id, "%08d", i);
		t = now_us();
		must(store_get(s, "app", id, &d, &r), &r);
		us[1][i] = now_us() - t;
		store_doc_release(&d);
		t = now_us();
		must(store_counter(s, "bench", 1, &v, &r), &r);
		us[2][i] = now_us() - t;
	}
	for (int k = 0; k < 3; k++) {
		qsort(us[k], PUTS, sizeof us[k][0], compare);
		printf("%s %" PRId64 "\n", names[k], us[k][PUTS / 2]);
	}
	must(store_begin(s, &r), &r);
	for (int i = PUTS; i < MANY; i++)
		put(s, i, &r);
	must(store_commit(s, &r), &r);
	int64_t t = now_us();
	must(store_list(s, "app", "", 0, count, &n, &r), &r);
	printf("list %.1f\n", (double)(now_us() - t) / 1000);
	store_close(s);
	return n == MANY ? 0 : 1;
}

#include <stdio.h>
#include <stdlib.h>

#include "alloc_fail.h"
#include "core/err.h"
#include "core/map.h"
#include "t.h"

static unsigned drops;

static void
drop(void *value)
{
	drops++;
	free(value);
}

static void
put_get_take(void **state)
{
	struct map m;
	int one = 1, two = 2;

	map_init(&m, 10, 99, NULL);
	assert_null(map_get(&m, "a"));
	assert_int_equal(map_del(&m, "a"), E_NOENT);
	assert_ok(map_put(&m, "a", &one));
	assert_int_equal(map_put(&m, "a", &two), E_EXIST);
	assert_ptr_equal(map_get(&m, "a"), &one);
	assert_ok(map_set(&m, "a", &two));
	assert_ptr_equal(map_get(&m, "a"), &two);
	assert_ok(map_put_n(&m, "a\0b", 3, &one));
	assert_ptr_equal(map_get_n(&m, "a\0b", 3), &one);
	assert_ok(map_put(&m, "", &one));
	assert_int_equal(map_len(&m), 3);
	assert_ptr_equal(map_take(&m, "a"), &two);
	assert_null(map_take(&m, "a"));
	assert_ptr_equal(map_take_n(&m, "a\0b", 3), &one);
	assert_int_equal(map_len(&m), 1);
	map_release(&m);
	map_release(&m);
}

static void
values_are_dropped_once(void **state)
{
	struct map m;
	void *kept = NULL;

	drops = 0;
	map_init(&m, 10, 1, drop);
	assert_ok(map_set(&m, "a", malloc(1)));
	assert_ok(map_set(&m, "a", malloc(1)));
	assert_int_equal(drops, 1);
	assert_ok(map_set(&m, "a", map_get(&m, "a")));
	assert_int_equal(drops, 1);
	assert_ok(map_del(&m, "a"));
	assert_int_equal(drops, 2);
	assert_ok(map_put(&m, "b", malloc(1)));
	assert_ok(map_put(&m, "c", malloc(1)));
	kept = map_take(&m, "b");
	assert_int_equal(drops, 2);
	free(kept);
	map_release(&m);
	assert_int_equal(drops, 3);
}

static void
limit(void **state)
{
	struct map m;

	map_init(&m, 2, 1, NULL);
	assert_ok(map_put(&m, "a", NULL));
	assert_ok(map_put(&m, "b", NULL));
	assert_int_equal(map_put(&m, "c", NULL), E_LIMIT);
	assert_int_equal(map_set(&m, "c", NULL), E_LIMIT);
	assert_int_equal(map_put(&m, "a", NULL), E_EXIST);
	assert_ok(map_del(&m, "a")); /* a NULL value is a value */
	assert_ok(map_put(&m, "c", NULL));
	map_release(&m);
}

static void
iteration_sees_each_once_and_survives_removal(void **state)
{
	static unsigned seen[1000];
	struct map m;
	struct map_iter it = {0};
	char key[16];

	map_init(&m, 1000, 7, NULL);
	assert_false(map_next(&m, &it));
	for (size_t i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "k%zu", i);
		assert_ok(map_put(&m, key, &seen[i]));
	}
	it = (struct map_iter){0};
	while (map_next(&m, &it)) {
		++*(unsigned *)it.value;
		assert_int_equal(strlen(it.key), it.nkey);
		if (strtoul(it.key + 1, NULL, 10) % 2)
			assert_non_null(map_take(&m, it.key));
	}
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(seen[i], 1);
		snprintf(key, sizeof key, "k%zu", i);
		assert_ptr_equal(map_get(&m, key), i % 2 ? NULL : &seen[i]);
	}
	assert_int_equal(map_len(&m), 500);
	map_release(&m);
}

static void
every_failing_allocation_leaves_the_map_whole(void **state)
{
	long n = 0;
	bool hit = true;

	for (; hit; n++) {
		struct map m;
		size_t stored = 0;
		char key[16];
		map_init(&m, 100, 3, NULL);
		alloc_fail_at(n);
		for (size_t i = 0; i < 40; i++) {
			static int value;
			int e = 0;
			snprintf(key, sizeof key, "k%zu", i);
			e = map_put(&m, key, &value);
			assert_true(e == 0 || e == E_NOMEM);
			stored += e == 0;
			assert_true((map_get(&m, key) != NULL) == (e == 0));
		}
		hit = alloc_fail_hit();
		assert_true(hit ? stored >= 39 : stored == 40);
		assert_int_equal(map_len(&m), stored);
		map_release(&m);
	}
	assert_true(n > 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(put_get_take),
	    cmocka_unit_test(values_are_dropped_once),
	    cmocka_unit_test(limit),
	    cmocka_unit_test(iteration_sees_each_once_and_survives_removal),
	    cmocka_unit_test(every_failing_allocation_leaves_the_map_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

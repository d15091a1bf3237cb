#include "alloc_fail.h"
#include "core/arena.h"
#include "t.h"

static void
memory_is_zeroed_aligned_and_kept(void **state)
{
	struct arena a;
	unsigned char *p[200];

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(p); i++) {
		p[i] = arena_alloc(&a, i + 1);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(p[i][j], 0);
		memset(p[i], (int)i, i + 1);
	}
	for (size_t i = 0; i < COUNT(p); i++)
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(p[i][j], i);
	arena_release(&a);
	arena_release(&a);
}

static void
limit_is_kept_and_release_resets_it(void **state)
{
	struct arena a;

	arena_init(&a, 10000);
	assert_non_null(arena_alloc(&a, 9000));
	assert_null(arena_alloc(&a, 2000));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_non_null(arena_alloc(&a, 900));
	arena_release(&a);
	assert_non_null(arena_alloc(&a, 9000));
	arena_release(&a);
}

static void
text_is_copied(void **state)
{
	struct arena a;

	arena_init(&a, 4096);
	assert_string_equal(arena_str(&a, "hello"), "hello");
	assert_string_equal(arena_strn(&a, "hello", 2), "he");
	assert_string_equal(arena_strn(&a, NULL, 0), "");
	assert_null(arena_str(&a, NULL));
	arena_release(&a);
}

static void
out_of_memory_is_null(void **state)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	alloc_fail_at(0);
	assert_null(arena_alloc(&a, 1));
	assert_true(alloc_fail_hit());
	assert_non_null(arena_alloc(&a, 1));
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_is_zeroed_aligned_and_kept),
	    cmocka_unit_test(limit_is_kept_and_release_resets_it),
	    cmocka_unit_test(text_is_copied),
	    cmocka_unit_test(out_of_memory_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

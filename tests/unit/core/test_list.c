#include "core/list.h"
#include "t.h"

struct item {
	int v;
	struct list link;
};

static int
sum(struct list *head)
{
	int s = 0;

	list_foreach (it, head)
		s = s * 10 + list_entry(it, struct item, link)->v;
	return s;
}

static void
order_and_removal_while_walking(void **state)
{
	struct list head;
	struct item a = {.v = 1}, b = {.v = 2}, c = {.v = 3};

	list_init(&head);
	assert_true(list_empty(&head));
	list_push(&head, &a.link);
	list_push(&head, &b.link);
	list_insert_before(&b.link, &c.link);
	assert_int_equal(sum(&head), 132);
	list_foreach (it, &head)
		if (list_entry(it, struct item, link)->v == 3)
			list_remove(it);
	assert_int_equal(sum(&head), 12);
	list_remove(&c.link); /* again */
	list_remove(&a.link);
	list_remove(&b.link);
	assert_true(list_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(order_and_removal_while_walking)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

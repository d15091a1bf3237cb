/* The floods that refusals.h is for, on a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "edge/judge/refusals.h"

#define IP "192.0.2.7"

static bool
one(struct refusals *t, const char *ip, const char *app, int64_t now)
{
	return refusals_count(t, 6, 1203, ip, app, "ssh.example.com", now);
}

static unsigned
flood(struct refusals *t, const char *ip, const char *app, unsigned n, int64_t now)
{
	unsigned written = 0;

	for (unsigned i = 0; i < n; i++)
		written += one(t, ip, app, now);
	return written;
}

static void
the_first_twenty_then_one(void **state)
{
	struct refusals t;
	struct refusal f;

	refusals_init(&t, 1);
	assert_int_equal(flood(&t, IP, "a", 1000, 5000), 20);
	assert_false(refusals_next(&t, 5000 + 59999, false, &f));
	assert_true(refusals_next(&t, 5000 + 60000, false, &f));
	assert_int_equal(f.n, 980);
	assert_int_equal(f.kind, 6);
	assert_int_equal(f.code, 1203);
	assert_string_equal(f.ip, IP);
	assert_string_equal(f.app, "a");
	assert_string_equal(f.host, "ssh.example.com");
	assert_int_equal(f.since, 5000);
	assert_false(refusals_next(&t, 5000 + 60000, false, &f));
	assert_int_equal(flood(&t, IP, "a", 30, 65000), 20); /* another minute */
	refusals_release(&t);
}

static void
a_slow_trickle_is_written_whole(void **state)
{
	struct refusals t;
	struct refusal f;

	refusals_init(&t, 1);
	for (int64_t now = 0; now < 3600000; now += 3200) {
		assert_true(one(&t, IP, "a", now));
		assert_false(refusals_next(&t, now, false, &f));
	}
	/* and when nobody swept between */
	for (int64_t now = 4000000; now < 5000000; now += 3200)
		assert_true(one(&t, IP, "a", now));
	refusals_release(&t);
}

static void
a_flood_that_nobody_swept_loses_no_count(void **state)
{
	struct refusals t;
	struct refusal f;

	refusals_init(&t, 1);
	assert_int_equal(flood(&t, IP, "a", 50, 0), 20);
	assert_int_equal(flood(&t, IP, "a", 50, 90000), 0);
	assert_true(refusals_next(&t, 90001, false, &f));
	assert_int_equal(f.n, 80);
	refusals_release(&t);
}

static void
told_apart_by_kind_address_and_application(void **state)
{
	struct refusals t;
	struct refusal f;

	refusals_init(&t, 1);
	assert_int_equal(flood(&t, IP, "a", 50, 0), 20);
	assert_int_equal(flood(&t, IP, "b", 20, 0), 20);
	assert_int_equal(flood(&t, "192.0.2.8", "a", 20, 0), 20);
	assert_true(refusals_count(&t, 8, 1203, IP, "a", "", 0));
	assert_true(refusals_count(&t, 6, 1203, NULL, NULL, NULL, 0));
	assert_true(refusals_next(&t, 60000, false, &f));
	assert_int_equal(f.n, 30);
	assert_false(refusals_next(&t, 60000, false, &f));
	refusals_release(&t);
}

static void
many_names_are_one_flood(void **state)
{
	struct refusals t;
	struct refusal f;
	unsigned written = 0;
	char host[40];

	refusals_init(&t, 1);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(host, sizeof host, "h%u.example.com", i);
		written += refusals_count(&t, 6, 1201, IP, NULL, host, 0);
	}
	assert_int_equal(written, 20);
	assert_true(refusals_next(&t, 60000, false, &f));
	assert_string_equal(f.host, "");
	refusals_release(&t);
}

static void
an_ipv6_network_is_one_address(void **state)
{
	struct refusals t;
	struct refusal f;
	unsigned written = 0;
	char ip[64];

	refusals_init(&t, 1);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(ip, sizeof ip, "2001:db8:1:2:%x::%x", i, i);
		written += one(&t, ip, "a", 0);
	}
	assert_int_equal(written, 20);
	assert_true(one(&t, "2001:db8:1:3::1", "a", 0));
	assert_true(refusals_next(&t, 60000, false, &f));
	assert_string_equal(f.ip, "2001:db8:1:2::/64");
	assert_int_equal(f.n, 80);
	refusals_release(&t);
}

static void
a_full_table_counts_all_others_together(void **state)
{
	struct refusals t;
	struct refusal f;
	unsigned written = 0;
	uint64_t counted = 0;
	char ip[64];

	refusals_init(&t, 1);
	for (unsigned i = 0; i < REFUSALS_MAX + 500; i++) {
		snprintf(ip, sizeof ip, "10.0.%u.%u", i >> 8, i & 255);
		written += one(&t, ip, "a", 0);
	}
	assert_int_equal(map_len(&t.by), REFUSALS_MAX);
	assert_int_equal(written, REFUSALS_MAX + 20);
	while (refusals_next(&t, 60000, false, &f))
		counted += f.n;
	assert_int_equal(counted, 480);
	assert_string_equal(f.ip, "");
	assert_int_equal(map_len(&t.by), 0);
	refusals_release(&t);
}

static void
the_end_writes_what_is_open(void **state)
{
	struct refusals t;
	struct refusal f;

	refusals_init(&t, 1);
	assert_int_equal(flood(&t, IP, "a", 21, 0), 20);
	assert_false(refusals_next(&t, 1, false, &f));
	assert_true(refusals_next(&t, 1, true, &f));
	assert_int_equal(f.n, 1);
	assert_false(refusals_next(&t, 1, true, &f));
	refusals_release(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_twenty_then_one),
	    cmocka_unit_test(a_slow_trickle_is_written_whole),
	    cmocka_unit_test(a_flood_that_nobody_swept_loses_no_count),
	    cmocka_unit_test(told_apart_by_kind_address_and_application),
	    cmocka_unit_test(many_names_are_one_flood),
	    cmocka_unit_test(an_ipv6_network_is_one_address),
	    cmocka_unit_test(a_full_table_counts_all_others_together),
	    cmocka_unit_test(the_end_writes_what_is_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

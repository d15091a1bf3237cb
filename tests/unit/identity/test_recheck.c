/* When a provider is asked again, and what its answer, its silence and a lost answer lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/err.h"
#include "identity/recheck.h"

#define T0 1800000000

static const struct recheck_conf conf = {.every = 900, .grace = 3600}, off = {0},
                                 blind = {.every = 900, .grace = 3600, .blind = true},
                                 short_grace = {.every = 900, .grace = 10};

/* Every state and every event; -1 = there is no such transition and nothing changes. */
static void
test_table(void **state)
{
	static const int want[RECHECK_STATE_N][RECHECK_EVENT_N] = {
	    {RECHECK_ASKED, -1, -1, -1, RECHECK_ENDED},
	    {-1, RECHECK_FRESH, RECHECK_SILENT, RECHECK_LOST, RECHECK_ENDED},
	    {RECHECK_ASKED, -1, -1, -1, RECHECK_ENDED},
	    {-1, -1, -1, -1, RECHECK_ENDED},
	    {-1, -1, -1, -1, -1},
	};

	for (int s = 0; s < RECHECK_STATE_N; s++)
		for (int e = 0; e < RECHECK_EVENT_N; e++) {
			struct recheck r = {.state = (enum recheck_state)s, .good_at = 5, .tried_at = 6};
			int got = recheck_event(&r, (enum recheck_event)e, T0);
			assert_int_equal(got, want[s][e] < 0 ? E_STATE : 0);
			assert_int_equal(r.state, want[s][e] < 0 ? s : want[s][e]);
			assert_int_equal(r.good_at, got == 0 && e == RECHECK_YES ? T0 : 5);
			assert_int_equal(r.tried_at, got == 0 && e == RECHECK_ASK ? T0 : 6);
		}
}

static void
test_admit(void **state)
{
	static const struct {
		const struct recheck_conf *c;
		enum recheck_state s;
		int64_t age, since_tried;
		enum recheck_advice admit, stands;
	} rows[] = {
	    {&conf, RECHECK_FRESH, 0, 0, RECHECK_GO, RECHECK_GO},
	    {&conf, RECHECK_FRESH, 899, 0, RECHECK_GO, RECHECK_GO},
	    {&conf, RECHECK_FRESH, 900, 0, RECHECK_DO_ASK, RECHECK_GO},
	    {&conf, RECHECK_FRESH, 90000, 0, RECHECK_DO_ASK, RECHECK_LATE},
	    {&conf, RECHECK_FRESH, -5, 0, RECHECK_DO_ASK, RECHECK_GO}, /* the clock went back */
	    {&conf, RECHECK_ASKED, 10, 0, RECHECK_GO, RECHECK_GO},
	    {&conf, RECHECK_ASKED, 901, 0, RECHECK_WAIT, RECHECK_GO},
	    {&conf, RECHECK_ASKED, 3600, 0, RECHECK_WAIT, RECHECK_LATE},
	    {&conf, RECHECK_SILENT, 950, 29, RECHECK_GO, RECHECK_GO},
	    {&conf, RECHECK_SILENT, 950, 30, RECHECK_DO_ASK, RECHECK_GO},
	    {&conf, RECHECK_SILENT, 3599, 1, RECHECK_GO, RECHECK_GO},
	    {&conf, RECHECK_SILENT, 3600, 1, RECHECK_LATE, RECHECK_LATE},
	    {&conf, RECHECK_SILENT, 3600, 31, RECHECK_DO_ASK, RECHECK_LATE},
	    {&conf, RECHECK_LOST, 0, 0, RECHECK_ANEW, RECHECK_ANEW},
	    {&conf, RECHECK_ENDED, 0, 0, RECHECK_OVER, RECHECK_OVER},
	    {&off, RECHECK_FRESH, 1 << 30, 0, RECHECK_GO, RECHECK_GO},
	    {&off, RECHECK_ENDED, 0, 0, RECHECK_OVER, RECHECK_OVER},
	    {&blind, RECHECK_FRESH, 3599, 0, RECHECK_GO, RECHECK_GO},
	    {&blind, RECHECK_FRESH, 3600, 0, RECHECK_ANEW, RECHECK_ANEW},
	    {&short_grace, RECHECK_SILENT, 899, 1, RECHECK_GO, RECHECK_GO}, /* a grace shorter than every is every */
	    {&short_grace, RECHECK_SILENT, 900, 1, RECHECK_LATE, RECHECK_LATE},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct recheck r = {rows[i].s, T0 - rows[i].age, T0 - rows[i].since_tried};
		if (recheck_admit(&r, rows[i].c, T0) != rows[i].admit ||
		    recheck_stands(&r, rows[i].c, T0) != rows[i].stands)
			print_message("row %zu\n", i);
		assert_int_equal(recheck_admit(&r, rows[i].c, T0), rows[i].admit);
		assert_int_equal(recheck_stands(&r, rows[i].c, T0), rows[i].stands);
	}
}

static void
test_due(void **state)
{
	struct recheck r = {.good_at = T0};

	assert_false(recheck_due(&r, &conf, 0, T0 + 899));
	assert_true(recheck_due(&r, &conf, 0, T0 + 900));
	/* never later than every, never earlier than nine tenths of it */
	for (uint64_t spread = 0; spread < 1000; spread++) {
		assert_false(recheck_due(&r, &conf, spread, T0 + 809));
		assert_true(recheck_due(&r, &conf, spread, T0 + 900));
	}
	assert_true(recheck_due(&r, &conf, 90, T0 + 810));
	assert_false(recheck_due(&r, &off, 0, T0 + 90000));
	assert_false(recheck_due(&r, &blind, 0, T0 + 90000));
	recheck_event(&r, RECHECK_ASK, T0 + 900);
	assert_false(recheck_due(&r, &conf, 0, T0 + 90000)); /* one at a time */
	recheck_event(&r, RECHECK_NO_ANSWER, T0 + 910);
	assert_false(recheck_due(&r, &conf, 0, T0 + 929));
	assert_true(recheck_due(&r, &conf, 0, T0 + 930));
	recheck_event(&r, RECHECK_ASK, T0 + 930);
	recheck_event(&r, RECHECK_YES, T0 + 931);
	assert_false(recheck_due(&r, &conf, 0, T0 + 1700));
	recheck_event(&r, RECHECK_NO, T0 + 1701);
	assert_false(recheck_due(&r, &conf, 0, T0 + 90000));
}

static void
test_end(void **state)
{
	struct recheck r = {.good_at = T0};

	assert_int_equal(recheck_end(&r, &conf), 0);
	assert_int_equal(recheck_end(&r, &off), 0);
	assert_int_equal(recheck_end(&r, &blind), T0 + 3600);
	r.state = RECHECK_SILENT; /* merely down: live connections stay */
	assert_int_equal(recheck_end(&r, &conf), 0);
	r.state = RECHECK_LOST;
	assert_int_equal(recheck_end(&r, &conf), T0 + 3600);
	assert_int_equal(recheck_end(&r, &off), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_admit),
	                                   cmocka_unit_test(test_due), cmocka_unit_test(test_end)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

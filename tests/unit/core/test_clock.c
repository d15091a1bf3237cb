#include "core/clock.h"
#include "core/err.h"
#include "t.h"

static void
durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *shortest;
	} good[] = {
	    {"0", 0, "0s"},
	    {"0s", 0, "0s"},
	    {"90s", 90000, "1m30s"},
	    {"3m", 180000, "3m"},
	    {"1h30m", 5400000, "1h30m"},
	    {"24h", 86400000, "24h"},
	    {"500ms", 500, "500ms"},
	    {"1.5s", 1500, "1s500ms"},
	    {"1h0m0s", 3600000, "1h"},
	    {"2.5h", 9000000, "2h30m"},
	    {"-0s", 0, "0s"},
	    {"1s1s", 2000, "2s"},
	};
	static const char *const malformed[] = {"",     "90",  "s",   "1x",      "1d",   "1 s", " 1s",
	                                        "1s ",  "+1s", "1.s", ".5s",     "1h30", "1.0", "0x1s",
	                                        "1e3s", "1S",  "-",   "0.0001s", "1..5s"};
	static const char *const outside[] = {"-1s", "87673h", "99999999999999999999999h", "87600h87600h",
	                                      "999999999999ms"};
	int64_t ms = 0;
	char out[32];

	for (size_t i = 0; i < COUNT(good); i++) {
		ms = -1;
		assert_ok(duration_parse(good[i].text, &ms));
		assert_int_equal(ms, good[i].ms);
		duration_format(ms, out, sizeof out);
		assert_string_equal(out, good[i].shortest);
	}
	ms = 5;
	for (size_t i = 0; i < COUNT(malformed); i++)
		assert_int_equal(duration_parse(malformed[i], &ms), E_FORMAT);
	for (size_t i = 0; i < COUNT(outside); i++)
		assert_int_equal(duration_parse(outside[i], &ms), E_RANGE);
	assert_int_equal(ms, 5);
	duration_format(INT64_MIN, out, sizeof out);
	assert_int_equal(out[0], '-');
}

static void
times(void **state)
{
	static const struct {
		const char *text;
		int64_t wall;
		const char *utc;
	} good[] = {
	    {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
	    {"2026-11-22T10:00:00Z", 1795341600, "2026-11-22T10:00:00Z"},
	    {"2000-02-29T23:59:59Z", 951868799, "2000-02-29T23:59:59Z"},
	    {"1969-12-31T23:59:59Z", -1, "1969-12-31T23:59:59Z"},
	    {"2024-03-01T01:30:00.123456+05:30", 1709236800, "2024-02-29T20:00:00Z"},
	    {"2024-02-29T20:00:00-00:00", 1709236800, "2024-02-29T20:00:00Z"},
	    {"9999-12-31T23:59:59Z", 253402300799, "9999-12-31T23:59:59Z"},
	    {"0000-01-01T00:00:00Z", -62167219200, "0000-01-01T00:00:00Z"},
	};
	static const char *const malformed[] = {"",
	                                        "2026-11-22",
	                                        "2026-11-22T10:00Z",
	                                        "2026-11-22 10:00:00Z",
	                                        "2026-11-22T10:00:00",
	                                        "2026-11-22T10:00:00z",
	                                        "2026-11-22T10:00:00.Z",
	                                        "2026-11-22T10:00:00+0100",
	                                        "2026-11-22T10:00:00Zx",
	                                        "26-11-22T10:00:00Z",
	                                        "2026-11-2T10:00:00Z"};
	static const char *const outside[] = {
	    "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2025-02-29T00:00:00Z",
	    "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
	    "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+24:00"};
	int64_t wall = 0;
	char out[24];

	for (size_t i = 0; i < COUNT(good); i++) {
		assert_ok(time_parse(good[i].text, &wall));
		assert_true(wall == good[i].wall);
		time_format(wall, out);
		assert_string_equal(out, good[i].utc);
	}
	wall = 5;
	for (size_t i = 0; i < COUNT(malformed); i++)
		assert_int_equal(time_parse(malformed[i], &wall), E_FORMAT);
	for (size_t i = 0; i < COUNT(outside); i++)
		assert_int_equal(time_parse(outside[i], &wall), E_RANGE);
	assert_true(wall == 5);
	time_format(INT64_MAX, out);
	assert_string_equal(out, "9999-12-31T23:59:59Z");
	time_format(INT64_MIN, out);
	assert_string_equal(out, "0000-01-01T00:00:00Z");
}

static void
every_day_of_four_centuries_returns(void **state)
{
	char out[24];
	int64_t back = 0;

	for (int64_t day = -25567; day < 120530; day++) {
		time_format(day * 86400 + 43200, out);
		assert_ok(time_parse(out, &back));
		assert_true(back == day * 86400 + 43200);
	}
}

static void
now(void **state)
{
	int64_t mono = clock_mono_ms();

	assert_true(clock_mono_ms() >= mono);
	assert_true(clock_wall() > 1700000000);
	assert_true(clock_wall_ms() / 1000 - clock_wall() <= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(durations),
	    cmocka_unit_test(times),
	    cmocka_unit_test(every_day_of_four_centuries_returns),
	    cmocka_unit_test(now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "core/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "core/str.h"

#define DURATION_MAX_MS (INT64_C(3653) * 86400 * 1000) /* ten years */
#define WALL_MIN INT64_C(-62167219200)                 /* 0000-01-01T00:00:00Z */
#define WALL_MAX INT64_C(253402300799)                 /* 9999-12-31T23:59:59Z */

static int64_t
clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t
clock_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t
clock_wall(void)
{
	return clock_wall_ms() / 1000;
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

static const struct unit *
unit_take(const char **s)
{
	size_t n = strspn(*s, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (n == strlen(units[i].name) && memcmp(*s, units[i].name, n) == 0) {
			*s += n;
			return &units[i];
		}
	}
	return NULL;
}

/* One "12h" or "1.5s". The fraction must come out as whole milliseconds. */
static int
term_take(const char **s, int64_t *ret_ms)
{
	int64_t whole = 0, part = 0, scale = 1;
	const struct unit *u = NULL;

	if (**s < '0' || **s > '9')
		return E_FORMAT;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		whole = whole * 10 + (**s - '0');
		if (whole > DURATION_MAX_MS)
			return E_RANGE;
	}
	if (**s == '.') {
		(*s)++;
		for (; **s >= '0' && **s <= '9' && scale < 1000000000; (*s)++) {
			part = part * 10 + (**s - '0');
			scale *= 10;
		}
		if (scale == 1)
			return E_FORMAT;
	}
	u = unit_take(s);
	if (!u || part * u->ms % scale)
		return E_FORMAT;
	if (whole > DURATION_MAX_MS / u->ms)
		return E_RANGE;
	*ret_ms = whole * u->ms + part * u->ms / scale;
	return 0;
}

int
duration_parse(const char *s, int64_t *ret_ms)
{
	int64_t sum = 0, ms = 0;
	bool negative = *s == '-';
	int e = 0;

	if (strcmp(s, "0") == 0) {
		*ret_ms = 0;
		return 0;
	}
	if (negative)
		s++;
	do {
		e = term_take(&s, &ms);
		if (e)
			return e;
		sum += ms; /* both at most DURATION_MAX_MS */
		if (sum > DURATION_MAX_MS)
			return E_RANGE;
	} while (*s);
	if (negative && sum)
		return E_RANGE;
	*ret_ms = sum;
	return 0;
}

void
duration_format(int64_t ms, char *out, size_t n)
{
	uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	char text[64];
	size_t o = 0;

	if (ms < 0)
		text[o++] = '-';
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		uint64_t v = left / (uint64_t)units[i].ms;
		left -= v * (uint64_t)units[i].ms;
		if (v)
			o +=
			    (size_t)snprintf(text + o, sizeof text - o, "%llu%s", (unsigned long long)v, units[i].name);
	}
	if (ms == 0)
		o = (size_t)snprintf(text, sizeof text, "0s");
	(void)str_copy_n(out, n, text, o);
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar; years are counted from March so that the leap
 * day is last. */
static int64_t
days_from_date(int64_t y, int64_t m, int64_t d)
{
	int64_t era = 0, day_of_year = 0;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	y -= era * 400;
	day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + y * 365 + y / 4 - y / 100 + day_of_year - 719468;
}

static void
date_from_days(int64_t days, int *y, int *m, int *d)
{
	int64_t era = 0, n = 0, year = 0, doy = 0, mp = 0;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	n = days - era * 146097;
	year = (n - n / 1460 + n / 36524 - n / 146096) / 365;
	doy = n - (365 * year + year / 4 - year / 100);
	mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(year + era * 400 + (*m <= 2));
}

void
time_format(int64_t wall, char out[static 24])
{
	int64_t days = 0;
	int y = 0, mo = 0, d = 0, s = 0;
	char text[64];

	if (wall < WALL_MIN)
		wall = WALL_MIN;
	if (wall > WALL_MAX)
		wall = WALL_MAX;
	days = wall / 86400;
	s = (int)(wall % 86400);
	if (s < 0) {
		s += 86400;
		days--;
	}
	date_from_days(days, &y, &mo, &d);
	snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", y, mo, d, s / 3600, s / 60 % 60, s % 60);
	(void)str_copy(out, 24, text);
}

static int
digits_take(const char **s, int n, int min, int max, int *ret_v)
{
	int v = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return E_FORMAT;
		v = v * 10 + (**s - '0');
	}
	if (v < min || v > max)
		return E_RANGE;
	*ret_v = v;
	return 0;
}

/* "Z", or "+hh:mm" / "-hh:mm"; seconds east of Greenwich. */
static int
zone_take(const char **s, int *ret_offset)
{
	int sign = **s == '-' ? -1 : 1, h = 0, m = 0, e = 0;

	if (**s == 'Z') {
		(*s)++;
		*ret_offset = 0;
		return 0;
	}
	if (**s != '+' && **s != '-')
		return E_FORMAT;
	(*s)++;
	if ((e = digits_take(s, 2, 0, 23, &h)))
		return e;
	if (*(*s)++ != ':')
		return E_FORMAT;
	if ((e = digits_take(s, 2, 0, 59, &m)))
		return e;
	*ret_offset = sign * (h * 3600 + m * 60);
	return 0;
}

static int
month_days(int y, int m)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

int
time_parse(const char *s, int64_t *ret_wall)
{
	static const struct {
		int digits, min, max;
		char then;
	} part[6] = {{4, 0, 9999, '-'}, {2, 1, 12, '-'}, {2, 1, 31, 'T'},
	             {2, 0, 23, ':'},   {2, 0, 59, ':'}, {2, 0, 59, 0}};
	int v[6] = {0}, offset = 0, e = 0;

	for (size_t i = 0; i < 6; i++) {
		if ((e = digits_take(&s, part[i].digits, part[i].min, part[i].max, &v[i])))
			return e;
		if (part[i].then && *s++ != part[i].then)
			return E_FORMAT;
	}
	if (v[2] > month_days(v[0], v[1]))
		return E_RANGE;
	if (*s == '.') { /* fractions of a second are cut off */
		size_t n = strspn(s + 1, "0123456789");
		if (n == 0 || n > 9)
			return E_FORMAT;
		s += 1 + n;
	}
	if ((e = zone_take(&s, &offset)))
		return e;
	if (*s)
		return E_FORMAT;
	*ret_wall = days_from_date(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5] - offset;
	return 0;
}

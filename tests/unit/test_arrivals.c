/* test_arrivals.c -- usual hours and silences, over weeks that pass at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/arrivals.h"

enum { LIMIT = 24, DAY = 24, WEEK = 7 * 24 };

static const int64_t hour_us = INT64_C(3600) * 1000000;
/* A Thursday, 0 h: any time will do. */
static const int64_t start = INT64_C(500000) * 24;

static int64_t at(int64_t hour)
{
	return (start + hour) * hour_us + hour_us / 2;
}

/* Mail in the hours 8 to 17 of five days of each week. */
static void work(struct arrivals *arrivals, int from_week, int to_week)
{
	for (int64_t hour = from_week * WEEK; hour < to_week * WEEK; hour++) {
		if (hour % WEEK / DAY < 5 && hour % DAY >= 8 && hour % DAY < 18)
			arrivals_note(arrivals, at(hour), LIMIT);
	}
}

static void test_office(void **state)
{
	struct arrivals arrivals;

	(void)state;
	arrivals_init(&arrivals);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(0)), 0);
	work(&arrivals, 0, 4);
	/* Nights and the weekend do not count; the last mail came on the fifth day at 17 h. */
	assert_int_equal(arrivals_silent_hours(&arrivals, at(4 * WEEK - 1)), 0);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(4 * WEEK + 8)), 0);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(4 * WEEK + 9)), 1);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(4 * WEEK + DAY)), 10);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(4 * WEEK + 2 * DAY + 12)), 24);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(5 * WEEK)), 50);
	/* One mail ends it. */
	arrivals_note(&arrivals, at(5 * WEEK), LIMIT);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(5 * WEEK + 9)), 1);
}

/* However long a reported silence lasts, the hours stay usual. */
static void test_silence_teaches_nothing(void **state)
{
	struct arrivals arrivals;

	(void)state;
	arrivals_init(&arrivals);
	work(&arrivals, 0, 4);
	arrivals_note(&arrivals, at(10 * WEEK + 7), LIMIT);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(11 * WEEK)), 50);
	/* With the report switched off, it is a rule as any other. */
	arrivals_note(&arrivals, at(20 * WEEK + 7), 0);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(21 * WEEK)), 0);
}

static void test_changing_habits(void **state)
{
	struct arrivals arrivals;

	(void)state;
	arrivals_init(&arrivals);
	/* One week makes its hours usual, and two without mail unmake them. */
	work(&arrivals, 0, 1);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(2 * WEEK)), 50);
	for (int day = 7; day < 28; day++)
		arrivals_note(&arrivals, at(day * DAY + 8), LIMIT);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(5 * WEEK)), 7);
	/* An hour that brought nothing for weeks is usual again after two with mail. The hours of the weekend, with
	 * three weeks behind them, are lost by one without; those of the other days are not. */
	arrivals_note(&arrivals, at(4 * WEEK + 3), LIMIT);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(5 * WEEK)), 7);
	arrivals_note(&arrivals, at(5 * WEEK + 3), LIMIT);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(6 * WEEK)), 5);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(6 * WEEK + 4)), 6);
}

static void test_odd_times(void **state)
{
	struct arrivals arrivals;

	(void)state;
	arrivals_init(&arrivals);
	arrivals_note(&arrivals, -5, LIMIT);
	assert_int_equal(arrivals.last_hour, -1);
	arrivals_note(&arrivals, at(100), LIMIT);
	arrivals_note(&arrivals, at(50), LIMIT); /* the clock was set back */
	assert_int_equal(arrivals.last_hour, start + 100);
	assert_int_equal(arrivals_silent_hours(&arrivals, at(10)), 0);
	/* A clock that is wrong by a century costs no time. */
	arrivals_note(&arrivals, at(100 * 365 * DAY), LIMIT);
	assert_in_range(arrivals_silent_hours(&arrivals, at(300 * 365 * DAY)), 0, 53 * WEEK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_office),
		cmocka_unit_test(test_silence_teaches_nothing),
		cmocka_unit_test(test_changing_habits),
		cmocka_unit_test(test_odd_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

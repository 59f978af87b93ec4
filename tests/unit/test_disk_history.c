/* test_disk_history.c -- the forecast from samples that are made up, and its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/disk_history.h"

static const int64_t hour_us = INT64_C(3600) * 1000000;
static const uint64_t mib = 1024 * 1024;
static const int64_t start = 480000; /* hours since 1970 */

/* A look each hour; 10 MiB an hour and a ripple on top. */
static void fill(struct disk_history *history, int from, int to, uint64_t mib_an_hour)
{
	for (int hour = from; hour < to; hour++) {
		uint64_t used = 1000 + (uint64_t)hour * mib_an_hour + (uint64_t)hour % 12;

		disk_history_note(history, (start + hour) * hour_us, used * mib);
	}
}

static void test_forecast(void **state)
{
	struct disk_history history = { .count = 0 };
	uint64_t days = 0;

	(void)state;
	assert_false(disk_history_days_left(&history, 100 * mib, &days));
	fill(&history, 0, 24, 10);
	assert_int_equal(history.count, 4);
	assert_false(disk_history_days_left(&history, 100 * mib, &days)); /* less than a day */
	fill(&history, 24, 25, 10);
	assert_true(disk_history_days_left(&history, 2400 * mib, &days));
	assert_in_range(days, 9, 10);
	/* The last week alone counts. */
	fill(&history, 25, 1000, 10);
	assert_int_equal(history.count, DISK_HISTORY_SAMPLES);
	assert_true(disk_history_days_left(&history, 2400 * mib, &days));
	assert_in_range(days, 9, 10);
	assert_true(disk_history_days_left(&history, 0, &days));
	assert_int_equal(days, 0);
	assert_true(disk_history_days_left(&history, UINT64_MAX, &days));
	assert_int_equal(days, 36500);
}

static void test_no_growth(void **state)
{
	struct disk_history history = { .count = 0 };
	uint64_t days;

	(void)state;
	for (int hour = 0; hour < 100; hour++)
		disk_history_note(&history, (start + hour) * hour_us, 500 * mib);
	assert_false(disk_history_days_left(&history, 1, &days));
	for (int hour = 100; hour < 200; hour++)
		disk_history_note(&history, (start + hour) * hour_us, 400 * mib);
	assert_false(disk_history_days_left(&history, 1, &days));
	/* A clock that was set back. */
	assert_true(disk_history_note(&history, (start - 1) * hour_us, 400 * mib));
	assert_int_equal(history.count, 1);
}

static void test_text(void **state)
{
	static const char *const none[] = { "", "x", "1", "1:", ":1", "1:2 1:3", "2:2 1:3",
		"1:2,2:3", "1:-2", "99999999999:1" };
	struct disk_history history = { .count = 0 }, again;
	char text[DISK_HISTORY_TEXT_SIZE];

	(void)state;
	fill(&history, 0, 1000, 4000000);
	assert_int_equal(history.count, DISK_HISTORY_SAMPLES);
	disk_history_format(&history, text);
	assert_true(strlen(text) < DISK_HISTORY_TEXT_SIZE - 1);
	disk_history_parse(&again, text);
	assert_int_equal(again.count, history.count);
	assert_memory_equal(again.samples, history.samples, sizeof history.samples);
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		disk_history_parse(&again, none[i]);
		assert_int_equal(again.count, 0);
	}
	/* Too many: the last ones. */
	memset(&again, 0, sizeof again);
	disk_history_parse(&again,
		"1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:1 9:1 10:1 11:1 12:1 13:1 14:1 15:1 "
		"16:1 17:1 18:1 19:1 20:1 21:1 22:1 23:1 24:1 25:1 26:1 27:1 28:1 "
		"29:1 30:1");
	assert_int_equal(again.count, DISK_HISTORY_SAMPLES);
	assert_int_equal(again.samples[0].hour, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forecast),
		cmocka_unit_test(test_no_growth),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

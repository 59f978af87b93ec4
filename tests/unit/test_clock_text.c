/* test_clock_text.c -- times as text, compared with what the C library makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <time.h>

#include "platform/clock.h"

static void test_known(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ -1, "1970-01-01T00:00:00Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 1795493286, "2026-11-24T04:08:06Z" },
		{ 4107542399, "2100-02-28T23:59:59Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },
		{ INT64_C(253402300799), "9999-12-31T23:59:59Z" },
		{ INT64_C(253402300800), "9999-12-31T23:59:59Z" },
	};
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(clock_text(rows[i].seconds * 1000000, text), rows[i].text);
	assert_string_equal(clock_text(999999, text), "1970-01-01T00:00:00Z");
}

static void test_every_day(void **state)
{
	char text[CLOCK_TEXT_SIZE], wanted[CLOCK_TEXT_SIZE];

	(void)state;
	/* A day and a second each, until 2400. */
	for (int64_t seconds = 0; seconds < INT64_C(13569465600); seconds += 86401) {
		time_t now = (time_t)seconds;
		struct tm parts;

		assert_non_null(gmtime_r(&now, &parts));
		strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%SZ", &parts);
		assert_string_equal(clock_text(seconds * 1000000, text), wanted);
	}
}

static void test_parsed(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: no time */
	} rows[] = {
		{ "1970-01-01", 0 },
		{ "1970-01-01T00:00:01Z", 1 },
		{ "2000-02-29", 951782400 },
		{ "2026-11-24T04:08:06Z", 1795493286 },
		{ "2100-03-01", 4107542400 },
		{ "9999-12-31T23:59:59Z", INT64_C(253402300799) },
		{ "", -1 },
		{ "2026-11-2", -1 },
		{ "2026-02-29", -1 },
		{ "2026-13-01", -1 },
		{ "2026-00-01", -1 },
		{ "2026-11-24T24:00:00Z", -1 },
		{ "2026-11-24T04:60:00Z", -1 },
		{ "2026-11-24 04:08:06Z", -1 },
		{ "2026-11-24T04:08:06", -1 },
		{ "2026-11-24T04:08:06+", -1 },
		{ "1969-12-31", -1 },
		{ "+026-11-24", -1 },
		{ "24.11.2026", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t wall_us;
		bool ok = clock_parse(bytes_of(rows[i].text), &wall_us);

		if (ok != (rows[i].seconds >= 0))
			fail_msg("%s", rows[i].text);
		if (ok)
			assert_int_equal(wall_us, rows[i].seconds * 1000000);
	}
}

static void test_every_day_parsed(void **state)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t wall_us;

	(void)state;
	for (int64_t seconds = 0; seconds < INT64_C(13569465600); seconds += 86401) {
		assert_true(clock_parse(bytes_of(clock_text(seconds * 1000000, text)), &wall_us));
		assert_int_equal(wall_us, seconds * 1000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_parsed),
		cmocka_unit_test(test_every_day_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

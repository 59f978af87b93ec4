/* test_message_rate.c -- slow is what comes slower than the limit for a minute or more, whatever its length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/message_rate.h"

enum { SECOND = 1000000 };

static void test_rates(void **state)
{
	static const struct {
		uint64_t octets; /* a second */
		int64_t seconds;
		uint64_t least;
		bool is_slow;
	} rows[] = {
		{ 1024, 6000, 1024, false },
		{ 1023, 6000, 1024, true },
		{ 0, 59, 1024, false },
		{ 10, 60, 1024, true },
		{ 0, 86400, 0, false },
		/* 150 MB over 1 Mbit/s, and at the limit itself. */
		{ 125000, 1200, 1024, false },
		{ 1024, 150000, 1024, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct message_rate rate = { 0 };
		bool is_slow = false;

		for (int64_t second = 0; second <= rows[i].seconds && !is_slow; second++)
			is_slow = message_rate_is_too_slow(
				&rate, 5 + second * SECOND, rows[i].octets, rows[i].least);
		if (is_slow != rows[i].is_slow)
			fail_msg("row %zu", i);
	}
}

/* A line that fails for three minutes in the middle of a large message. */
static void test_pause(void **state)
{
	struct message_rate rate = { 0 };

	(void)state;
	assert_false(message_rate_is_too_slow(&rate, 0, 1000, 1024));
	assert_false(message_rate_is_too_slow(&rate, 50 * SECOND, 1000000, 1024));
	assert_false(message_rate_is_too_slow(&rate, 230 * SECOND, 1, 1024));
	/* Who was fast once cannot be slow for ever. */
	assert_true(message_rate_is_too_slow(&rate, 1000 * (int64_t)SECOND, 1, 1024));
	rate.is_running = false;
	assert_false(message_rate_is_too_slow(&rate, 2000 * (int64_t)SECOND, 1, 1024));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

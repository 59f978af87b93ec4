/* test_login_guard.c -- who waits how long: by address and by name, whether there is such a mailbox or not; and
 * that nobody can lock somebody else out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "service/login_guard.h"
#include "test_service_fixture.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)

enum { MANY = 50, TABLE = 4096 };

struct fixture {
	struct notices *notices;
	struct problems *problems;
	struct login_guard *guard;
	int64_t now_us;
};

static void ignore_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	log_set_sink(ignore_line, NULL);
	fixture->notices = notices_new(NULL);
	fixture->problems = problems_new(fixture->notices, NULL);
	fixture->guard = login_guard_new(fixture->problems, NULL);
	fixture->now_us = 5 * SECOND_US;
	*state = fixture;
	return fixture->guard ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	login_guard_free(&fixture->guard);
	assert_null(fixture->guard);
	problems_free(&fixture->problems);
	notices_free(&fixture->notices);
	free(fixture);
	return 0;
}

static struct login_attempt attempt(
	const struct fixture *fixture, const char *address, const char *name)
{
	return (struct login_attempt){
		.address = address,
		.name = bytes_of(name),
		.many = MANY,
		.now_us = fixture->now_us,
		.wall_now_us = 1000 * HOUR_US + fixture->now_us,
	};
}

static uint64_t miss(struct fixture *fixture, const char *address, const char *name)
{
	const struct login_attempt failed = attempt(fixture, address, name);

	fixture->now_us += SECOND_US;
	return login_guard_failed(fixture->guard, &failed);
}

static uint64_t pass(struct fixture *fixture, const char *address, const char *name)
{
	const struct login_attempt passed = attempt(fixture, address, name);

	return login_guard_passed(fixture->guard, &passed);
}

static const uint64_t expected_ms[] = { 0, 0, 0, 1000, 2000, 4000, 8000, 16000, 30000, 30000,
	30000 };

enum { EXPECTED = sizeof expected_ms / sizeof expected_ms[0] };

/* One address that tries ever other names, and one name that is tried from ever other addresses: both alike. */
static void test_delays_grow(void **state)
{
	struct fixture *fixture = *state;
	char text[64];

	for (size_t i = 0; i < EXPECTED; i++) {
		snprintf(text, sizeof text, "name-%zu", i);
		assert_int_equal(miss(fixture, "192.0.2.1", text), expected_ms[i]);
	}
	for (size_t i = 0; i < EXPECTED; i++) {
		snprintf(text, sizeof text, "198.51.100.%zu", i);
		assert_int_equal(miss(fixture, text, "mbx-1"), expected_ms[i]);
	}
	/* Neither reaches others. */
	assert_int_equal(miss(fixture, "192.0.2.2", "mbx-2"), 0);
	assert_int_equal(pass(fixture, "192.0.2.3", "mbx-3"), 0);
}

static uint64_t closed_ms(struct fixture *fixture, const char *address, const char *name)
{
	const struct login_attempt next = attempt(fixture, address, name);

	return login_guard_closed_ms(fixture->guard, &next);
}

/* Where answers cannot wait, the next attempt does: as long from the last failure. */
static void test_closed(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < EXPECTED; i++) {
		assert_int_equal(closed_ms(fixture, "control", "mbx-1"), 0);
		miss(fixture, "control", "mbx-1");
		/* A second has gone by in miss(). */
		fixture->now_us -= SECOND_US;
		assert_int_equal(closed_ms(fixture, "control", "mbx-1"), expected_ms[i]);
		assert_int_equal(closed_ms(fixture, "control", "mbx-2"), expected_ms[i]);
		/* Failures elsewhere close nothing here, and asking counts as none. */
		assert_int_equal(closed_ms(fixture, "192.0.2.1", "mbx-1"), 0);
		if (!expected_ms[i])
			continue;
		fixture->now_us += (int64_t)expected_ms[i] * 1000 - 1;
		assert_int_equal(closed_ms(fixture, "control", "mbx-1"), 1);
		fixture->now_us++;
	}
	fixture->now_us += HOUR_US;
	assert_int_equal(closed_ms(fixture, "control", "mbx-1"), 0);
}

static void test_an_hour_ends_it(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < EXPECTED; i++)
		miss(fixture, "192.0.2.1", "mbx-1");
	fixture->now_us = 5 * SECOND_US + HOUR_US - 1;
	assert_int_equal(miss(fixture, "192.0.2.1", "mbx-1"), 30000);
	fixture->now_us = 5 * SECOND_US + HOUR_US;
	assert_int_equal(pass(fixture, "192.0.2.1", "mbx-1"), 0);
	for (size_t i = 0; i < EXPECTED; i++)
		assert_int_equal(miss(fixture, "192.0.2.1", "mbx-1"), expected_ms[i]);
}

/* However often others fail at its mailbox, the archive waits a second at most, and is never refused. */
static void test_others_cannot_lock_out(void **state)
{
	struct fixture *fixture = *state;
	char address[64];

	assert_int_equal(pass(fixture, "192.0.2.1", "mbx-1"), 0);
	for (unsigned i = 0; i < 2 * TABLE; i++) {
		snprintf(address, sizeof address, "10.1.%u.%u", i / 256, i % 256);
		miss(fixture, address, "mbx-1");
		assert_in_range(pass(fixture, "192.0.2.1", "mbx-1"), 0, LOGIN_DELAY_OF_OTHERS_MS);
	}
	assert_int_equal(pass(fixture, "192.0.2.1", "mbx-1"), LOGIN_DELAY_OF_OTHERS_MS);
	/* Its own slips are free like anybody's, beside those of the others. */
	assert_int_equal(miss(fixture, "192.0.2.1", "mbx-2"), 0);
	assert_int_equal(miss(fixture, "192.0.2.1", "mbx-2"), 0);
	assert_int_equal(pass(fixture, "192.0.2.1", "mbx-1"), LOGIN_DELAY_OF_OTHERS_MS);
}

/* From an address that is slowed, right and wrong take the same time: silence tells nothing. */
static void test_right_waits_like_wrong(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < EXPECTED; i++) {
		uint64_t right_ms = pass(fixture, "192.0.2.1", "mbx-1");

		assert_int_equal(right_ms, expected_ms[i]);
		assert_int_equal(miss(fixture, "192.0.2.1", "mbx-1"), right_ms);
	}
	/* A right password wins nothing back: a guesser may have a mailbox of its own. */
	assert_int_equal(pass(fixture, "192.0.2.1", "mbx-of-the-guesser"), 30000);
	assert_int_equal(miss(fixture, "192.0.2.1", "mbx-1"), 30000);
}

static void test_networks(void **state)
{
	static const struct {
		const char *address;
		const char *network;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "2001:db8::1", "2001:db8::/64" },
		{ "::1", "::/64" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64" },
		{ "no address", "no address" },
		{ "", "" },
	};
	struct fixture *fixture = *state;
	char text[LOGIN_NETWORK_SIZE], name[64];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		login_network(rows[i].address, text);
		assert_string_equal(text, rows[i].network);
	}
	for (unsigned i = 0; i < EXPECTED; i++) {
		snprintf(text, sizeof text, "2001:db8:0:1:%x::%x", i, 1000 - i);
		snprintf(name, sizeof name, "name-%u", i);
		assert_int_equal(miss(fixture, text, name), expected_ms[i]);
	}
	assert_int_equal(miss(fixture, "2001:db8:0:2::1", "mbx-1"), 0);
}

static void test_problem(void **state)
{
	struct fixture *fixture = *state;
	struct problem found;

	for (int i = 0; i < MANY - 1; i++)
		miss(fixture, "2001:db8::7", "mbx-1");
	assert_false(has_problem(fixture->problems, "login-attack 2001:db8::/64", NULL));
	miss(fixture, "2001:db8::8", "mbx-2");
	assert_true(has_problem(fixture->problems, "login-attack 2001:db8::/64", &found));
	assert_int_equal(found.severity, PROBLEM_WARNING);
	assert_non_null(strstr(found.text, "2001:db8::/64"));
	assert_non_null(strstr(found.text, "50"));
	assert_true(*found.remedy);
	/* Others go on for a day; a login of any kind then finds that it is over. */
	fixture->now_us += 24 * HOUR_US - 2 * SECOND_US;
	pass(fixture, "192.0.2.1", "mbx-1");
	assert_true(has_problem(fixture->problems, "login-attack 2001:db8::/64", NULL));
	fixture->now_us += 2 * SECOND_US;
	pass(fixture, "192.0.2.1", "mbx-1");
	assert_false(has_problem(fixture->problems, "login-attack 2001:db8::/64", NULL));
}

/* An attack from many places leaves room for other problems. */
static void test_problems_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct problem *list = calloc(PROBLEMS_MAX, sizeof *list);
	char address[64];

	problems_raise(fixture->problems, 1, PROBLEM_WARNING, "other", "text", "remedy");
	for (int i = 0; i < 200; i++) {
		snprintf(address, sizeof address, "192.0.2.%d", i);
		for (int j = 0; j < MANY; j++)
			miss(fixture, address, "mbx-1");
	}
	assert_true(has_problem(fixture->problems, "other", NULL));
	assert_true(has_problem(fixture->problems, "login-attack 192.0.2.199", NULL));
	assert_false(has_problem(fixture->problems, "login-attack 192.0.2.0", NULL));
	assert_int_equal(problems_list(fixture->problems, list, PROBLEMS_MAX), 33);
	free(list);
}

/* The one that has not failed for the longest gives way, not the one that fails now. */
static void test_table_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	char address[64], name[64];

	for (unsigned i = 0; i < TABLE; i++) {
		snprintf(address, sizeof address, "10.0.%u.%u", i / 256, i % 256);
		snprintf(name, sizeof name, "name-%u", i);
		fixture->now_us += 1000;
		{
			const struct login_attempt failed = attempt(fixture, address, name);

			login_guard_failed(fixture->guard, &failed);
		}
		if (i % 500 == 0)
			miss(fixture, "192.0.2.1", "mbx-1");
	}
	/* 9 failures so far, all within the hour, though 8192 others came between. */
	assert_int_equal(miss(fixture, "192.0.2.1", "mbx-2"), 30000);
	assert_int_equal(miss(fixture, "10.0.0.0", "name-0"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delays_grow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_hour_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_others_cannot_lock_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_right_waits_like_wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_networks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_problem, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_problems_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_table_is_bounded, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_problems.c -- the list of what needs a person: renewed, resolved, bounded, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/utf8.h"
#include "service/problems.h"

struct fixture {
	struct notices *notices;
	struct problems *problems;
	struct problem list[PROBLEMS_MAX];
	size_t log_lines;
};

static void count_line(void *context, enum log_level level, const char *line)
{
	(void)level;
	(void)line;
	((struct fixture *)context)->log_lines++;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	fixture->notices = notices_new(NULL);
	fixture->problems = problems_new(fixture->notices, NULL);
	log_set_sink(count_line, fixture);
	*state = fixture;
	return fixture->problems ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	log_set_sink(NULL, NULL);
	problems_free(&fixture->problems);
	assert_null(fixture->problems);
	notices_free(&fixture->notices);
	free(fixture);
	return 0;
}

static size_t list(struct fixture *fixture)
{
	return problems_list(fixture->problems, fixture->list, PROBLEMS_MAX);
}

static void raise_numbered(
	struct fixture *fixture, int64_t now_us, enum problem_severity severity, int number)
{
	char id[32];

	snprintf(id, sizeof id, "number %d", number);
	problems_raise(fixture->problems, now_us, severity, id, "text", "remedy");
}

static void test_renewed(void **state)
{
	struct fixture *fixture = *state;

	problems_raise(fixture->problems, 10, PROBLEM_WARNING, "disk", "slow", "wait");
	assert_int_equal(fixture->log_lines, 1);
	assert_int_equal(notices_take(fixture->notices), NOTICE_PROBLEMS | NOTICE_STATUS);
	problems_raise(fixture->problems, 20, PROBLEM_WARNING, "disk", "slow", "wait");
	assert_int_equal(notices_take(fixture->notices), 0);
	problems_raise(fixture->problems, 30, PROBLEM_ERROR, "disk", "dead", "replace");
	/* What changed is told, but it is the same problem. */
	assert_int_equal(notices_take(fixture->notices), NOTICE_PROBLEMS | NOTICE_STATUS);
	assert_int_equal(fixture->log_lines, 1);
	assert_int_equal(list(fixture), 1);
	assert_string_equal(fixture->list[0].id, "disk");
	assert_string_equal(fixture->list[0].text, "dead");
	assert_string_equal(fixture->list[0].remedy, "replace");
	assert_int_equal(fixture->list[0].severity, PROBLEM_ERROR);
	assert_int_equal(fixture->list[0].since_us, 10);
}

static void test_resolved(void **state)
{
	struct fixture *fixture = *state;

	problems_raise(fixture->problems, 10, PROBLEM_ERROR, "one", "text", "remedy");
	problems_raise(fixture->problems, 11, PROBLEM_ERROR, "two", "text", "remedy");
	problems_raise(fixture->problems, 12, PROBLEM_ERROR, "three", "text", "remedy");
	notices_take(fixture->notices);
	problems_resolve(fixture->problems, "nothing");
	assert_int_equal(notices_take(fixture->notices), 0);
	problems_resolve(fixture->problems, "one");
	assert_int_equal(notices_take(fixture->notices), NOTICE_PROBLEMS | NOTICE_STATUS);
	assert_int_equal(list(fixture), 2);
	assert_string_equal(fixture->list[0].id, "two");
	assert_string_equal(fixture->list[1].id, "three");
	/* It comes back as a new one. */
	problems_raise(fixture->problems, 99, PROBLEM_ERROR, "one", "text", "remedy");
	assert_int_equal(list(fixture), 3);
	assert_int_equal(fixture->list[2].since_us, 99);
}

static void test_order(void **state)
{
	struct fixture *fixture = *state;

	problems_raise(fixture->problems, 5, PROBLEM_WARNING, "w5", "", "");
	problems_raise(fixture->problems, 9, PROBLEM_ERROR, "e9", "", "");
	problems_raise(fixture->problems, 2, PROBLEM_WARNING, "w2", "", "");
	problems_raise(fixture->problems, 7, PROBLEM_ERROR, "e7", "", "");
	assert_int_equal(list(fixture), 4);
	assert_string_equal(fixture->list[0].id, "e7");
	assert_string_equal(fixture->list[1].id, "e9");
	assert_string_equal(fixture->list[2].id, "w2");
	assert_string_equal(fixture->list[3].id, "w5");
	memset(fixture->list, 0, sizeof fixture->list);
	assert_int_equal(problems_list(fixture->problems, fixture->list, 1), 4);
	assert_string_equal(fixture->list[0].id, "e7");
	assert_string_equal(fixture->list[1].id, "");
}

static void test_bounded(void **state)
{
	struct fixture *fixture = *state;

	raise_numbered(fixture, 1, PROBLEM_ERROR, 0);
	for (int i = 1; i < 3 * PROBLEMS_MAX; i++)
		raise_numbered(fixture, 100 + i, PROBLEM_WARNING, i);
	assert_int_equal(list(fixture), PROBLEMS_MAX);
	assert_string_equal(fixture->list[0].id, "number 0");
	/* Of the warnings the youngest are left. */
	assert_int_equal(fixture->list[1].since_us, 100 + 2 * PROBLEMS_MAX + 1);
	assert_int_equal(fixture->list[PROBLEMS_MAX - 1].since_us, 100 + 3 * PROBLEMS_MAX - 1);
}

static void test_errors_survive(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < PROBLEMS_MAX; i++)
		raise_numbered(fixture, i, PROBLEM_ERROR, i);
	raise_numbered(fixture, 1000, PROBLEM_WARNING, 1000);
	raise_numbered(fixture, 1001, PROBLEM_ERROR, 1001);
	assert_int_equal(list(fixture), PROBLEMS_MAX);
	for (int i = 0; i < PROBLEMS_MAX; i++)
		assert_int_equal(fixture->list[i].since_us, i);
	/* The log has what found no room. */
	assert_int_equal(fixture->log_lines, PROBLEMS_MAX + 2);
	/* One that is there is renewed all the same. */
	problems_raise(fixture->problems, 2000, PROBLEM_ERROR, "number 7", "worse", "remedy");
	list(fixture);
	assert_string_equal(fixture->list[7].text, "worse");
}

/* A cut through a character would make the status unreadable, since JSON is UTF-8. */
static void test_cut_texts(void **state)
{
	struct fixture *fixture = *state;
	char text[2000];

	for (size_t shift = 0; shift < 2; shift++) {
		memset(text, 'x', sizeof text);
		for (size_t i = shift; i + 2 < sizeof text; i += 2)
			memcpy(text + i, "\xc3\xa4", 2);
		text[sizeof text - 1] = '\0';
		problems_raise(fixture->problems, 1, PROBLEM_WARNING, text, text, text);
		assert_int_equal(list(fixture), 1);
		assert_true(utf8_is_valid(bytes_of(fixture->list[0].id)));
		assert_true(utf8_is_valid(bytes_of(fixture->list[0].text)));
		assert_true(utf8_is_valid(bytes_of(fixture->list[0].remedy)));
		assert_int_equal(strlen(fixture->list[0].text), sizeof fixture->list[0].text - 1);
		/* The same long id is the same problem, and can be resolved. */
		problems_raise(fixture->problems, 2, PROBLEM_WARNING, text, text, text);
		assert_int_equal(list(fixture), 1);
		problems_resolve(fixture->problems, text);
		assert_int_equal(list(fixture), 0);
	}
}

static void test_keep_newest(void **state)
{
	struct fixture *fixture = *state;
	char id[64];

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "%s %d", i % 2 ? "odd" : "even", i);
		problems_raise(fixture->problems, 100 + i, PROBLEM_WARNING, id, "t", "r");
	}
	problems_keep_newest(fixture->problems, "odd ", 10);
	assert_int_equal(list(fixture), 20);
	problems_keep_newest(fixture->problems, "odd ", 3);
	assert_int_equal(list(fixture), 13);
	assert_string_equal(fixture->list[12].id, "odd 19");
	assert_string_equal(fixture->list[8].id, "odd 15");
	problems_keep_newest(fixture->problems, "odd ", 0);
	problems_keep_newest(fixture->problems, "none ", 0);
	assert_int_equal(list(fixture), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_renewed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resolved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors_survive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keep_newest, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_ledger_reporter.c -- reports as they come into a mailbox: one a day, when something was signed, sealed and
 * counted like any other mail; none of what does not verify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "service/ledger_reporter.h"
#include "test_ledger_fixture.h"

#define DAY_US (INT64_C(86400) * 1000000)

struct fixture {
	struct ledger_fixture *ledger;
	struct ledger_reporter *reporter;
	int64_t now_us; /* that of the deliveries, too: their time is the computer's */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	void *ledger;
	struct error error;

	ledger_set_up(&ledger);
	fixture->ledger = ledger;
	fixture->reporter = ledger_reporter_new(
		&fixture->ledger->service->service, fixture->ledger->service->loop, &error);
	if (!fixture->reporter)
		fail_msg("%s", error.text);
	fixture->now_us = clock_wall_us();
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	void *ledger = fixture->ledger;

	ledger_reporter_free(&fixture->reporter);
	assert_null(fixture->reporter);
	ledger_tear_down(&ledger);
	free(fixture);
	return 0;
}

static size_t waiting(struct fixture *fixture)
{
	size_t count;

	free(ledger_list(fixture->ledger, &count));
	return count;
}

/* How many reports a look makes. */
static size_t look(struct fixture *fixture, int64_t now_us)
{
	size_t before = waiting(fixture);

	ledger_reporter_look(fixture->reporter, now_us);
	return waiting(fixture) - before;
}

static void prove_newest(struct fixture *fixture, uint64_t number)
{
	struct ledger_anchor anchor;
	struct buf mail;
	struct error error;

	buf_init(&mail, 65536);
	ledger_open_newest(fixture->ledger, &mail);
	assert_true(
		bytes_starts_with_nocase(buf_view(&mail), "Return-Path: <>\r\nReceived: from "));
	if (!ledger_anchor_parse(buf_view(&mail), &anchor, &error) ||
		!mailbox_head_verify(fixture->ledger->mailbox.public_keys.identity, &anchor.head,
			anchor.signature, &error))
		fail_msg("%s", error.text);
	assert_int_equal(anchor.head.number, number);
	buf_clear(&mail);
}

static void test_once_a_day(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_fixture *ledger = fixture->ledger;
	int64_t now_us = fixture->now_us;
	struct problem problem;

	ledger_deliver_many(ledger, 3);
	assert_int_equal(look(fixture, now_us), 0);
	ledger_sign(ledger, now_us);
	assert_int_equal(look(fixture, now_us), 1);
	prove_newest(fixture, 3);
	/* Neither again, nor because of news on the same day, nor of itself on the next. */
	assert_int_equal(look(fixture, now_us + DAY_US), 0);
	ledger_sign(ledger, now_us);
	assert_int_equal(look(fixture, now_us + DAY_US), 0);
	ledger_deliver_many(ledger, 1);
	ledger_sign(ledger, now_us + 1);
	assert_int_equal(look(fixture, now_us), 0);
	assert_int_equal(look(fixture, now_us + DAY_US), 1);
	prove_newest(fixture, 5);
	/* And so on: the report of yesterday, which is signed with the news, is none. */
	ledger_deliver_many(ledger, 1);
	ledger_sign(ledger, now_us + 2);
	assert_int_equal(look(fixture, now_us + 2 * DAY_US), 1);
	prove_newest(fixture, 7);
	ledger_sign(ledger, now_us + 3);
	assert_int_equal(look(fixture, now_us + 3 * DAY_US), 0);
	assert_int_equal(problems_list(ledger->service->service.problems, &problem, 1), 0);
}

/* What other parts of the gateway have told a mailbox stays, and what it is told later does not bring a report back. */
static void test_beside_other_facts(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_fixture *ledger = fixture->ledger;
	const struct store_fact facts[] = { { "envelope-headers", "off" },
		{ "tenant", "a.example" } };
	const struct store_mailbox_edit edit = {
		.sets_facts = true, .facts = facts, .fact_count = 2
	};
	struct mailbox_facts read;
	struct mailbox_facts_rows rows;
	struct store_mailbox_edit again = { .sets_facts = true, .facts = rows.row };

	assert_true(store_mailbox_edit(ledger->store, ledger->id, &edit, NULL));
	ledger_deliver_many(ledger, 2);
	ledger_sign(ledger, fixture->now_us);
	assert_int_equal(look(fixture, fixture->now_us), 1);
	assert_true(mailbox_facts_load(ledger->store, ledger->id, &read, NULL));
	assert_false(read.envelope_headers);
	assert_string_equal(read.lock.tenant, "a.example");
	assert_int_equal(read.reported.anchor, 2);
	assert_int_equal(read.reported.row, 3);
	mailbox_facts_write(&read, &rows);
	again.fact_count = rows.count;
	assert_true(store_mailbox_edit(ledger->store, ledger->id, &again, NULL));
	assert_int_equal(look(fixture, fixture->now_us + DAY_US), 0);
}

static void test_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_fixture *ledger = fixture->ledger;
	struct id nobody = { { 1 } };
	struct error error;

	assert_false(ledger_reporter_deliver(fixture->reporter, &nobody, fixture->now_us, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	ledger_deliver_many(ledger, 1);
	assert_false(
		ledger_reporter_deliver(fixture->reporter, ledger->id, fixture->now_us, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	for (int i = 0; i < 2; i++) {
		ledger_deliver_many(ledger, 1);
		ledger_sign(ledger, fixture->now_us);
		assert_true(ledger_reporter_deliver(
			fixture->reporter, ledger->id, fixture->now_us, &error));
		assert_false(ledger_reporter_deliver(
			fixture->reporter, ledger->id, fixture->now_us, &error));
		assert_int_equal(error.kind, ERROR_STATE);
	}
	prove_newest(fixture, 4);
}

static void test_suspended(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_fixture *ledger = fixture->ledger;
	struct error error;

	ledger_deliver_many(ledger, 1);
	ledger_sign(ledger, fixture->now_us);
	assert_true(mailboxes_set_status(
		&ledger->service->mailboxes, ledger->id, STORE_MAILBOX_SUSPENDED, &error));
	assert_int_equal(look(fixture, fixture->now_us), 0);
	assert_false(
		ledger_reporter_deliver(fixture->reporter, ledger->id, fixture->now_us, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_true(mailboxes_set_status(
		&ledger->service->mailboxes, ledger->id, STORE_MAILBOX_ACTIVE, &error));
	assert_int_equal(look(fixture, fixture->now_us), 1);
}

static void test_no_false_anchor(void **state)
{
	static const char *const tamperings[] = {
		"UPDATE ledger_signatures SET signature = flip(signature)",
		"UPDATE ledger_signatures SET signed_us = 1",
		"UPDATE ledger SET link = flip(link) WHERE number = 2",
		"DELETE FROM ledger WHERE number = 2",
	};
	struct fixture *fixture = *state;
	struct ledger_fixture *ledger = fixture->ledger;
	struct problems *problems = ledger->service->service.problems;
	char id[64] = "ledger ";
	struct problem problem;

	mailbox_id_text(ledger->id, id + strlen(id));
	ledger_deliver_many(ledger, 2);
	ledger_sign(ledger, fixture->now_us);
	ledger_sql(ledger, "CREATE TABLE kept AS SELECT * FROM ledger; "
			   "CREATE TABLE kept_signatures AS SELECT * FROM ledger_signatures");
	for (size_t i = 0; i < sizeof tamperings / sizeof tamperings[0]; i++) {
		ledger_tamper(ledger, tamperings[i]);
		assert_int_equal(look(fixture, fixture->now_us), 0);
		assert_true(has_problem(problems, id, &problem));
		assert_int_equal(problem.severity, PROBLEM_ERROR);
		assert_non_null(strstr(problem.text, "Journal"));
		problems_resolve(problems, id);
		ledger_tamper(ledger,
			"INSERT OR REPLACE INTO ledger SELECT * FROM kept; "
			"INSERT OR REPLACE INTO ledger_signatures SELECT * FROM kept_signatures");
	}
	assert_int_equal(look(fixture, fixture->now_us), 1);
}

/* It begins and ends, also right away. */
static void test_thread(void **state)
{
	struct fixture *fixture = *state;

	assert_true(ledger_reporter_start(fixture->reporter, NULL));
	ledger_reporter_stop(fixture->reporter);
	ledger_reporter_stop(fixture->reporter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_once_a_day, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_beside_other_facts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_suspended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_false_anchor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_thread, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

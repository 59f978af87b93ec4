/* test_store_migration.c -- a data folder of the first version, opened by this one: everything is there, and
 * the ledger begins behind it. Power cuts meanwhile: tests/powercut/powercut_migration.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/store_collected.h"
#include "store/store_ledger.h"
#include "test_store_fixture.h"
#include "version_1.h"

static void write_old(struct fixture *fixture)
{
	struct error error = { 0 };

	if (!version_1_write(fixture->folder, &error))
		fail_msg("%s", error.text);
}

static void open_and_check(struct fixture *fixture)
{
	struct error error = { 0 };

	if (!fixture_open(fixture, &error) || !version_1_check(fixture->store, &error))
		fail_msg("%s", error.text);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

static void test_everything_is_kept(void **state)
{
	struct fixture *fixture = *state;

	write_old(fixture);
	for (int round = 0; round < 3; round++) {
		open_and_check(fixture);
		fixture_close(fixture);
	}
	fixture_sql(fixture, "CREATE TEMP TABLE proof (n CHECK (n = 2));"
			     "INSERT INTO proof SELECT user_version FROM pragma_user_version;");
}

struct rows {
	struct store_ledger_row rows[4];
	size_t count;
};

static bool take_row(void *context, const struct store_ledger_row *row)
{
	struct rows *rows = context;

	assert_in_range(rows->count, 0, 3);
	rows->rows[rows->count++] = *row;
	return true;
}

static bool take_copy(void *context, const struct store_copy *copy)
{
	uint64_t *expected = context;

	/* The migrated ones have no row, what came after has. */
	assert_int_equal(copy->ledger_number, *expected);
	*expected = 0;
	return true;
}

static void done(struct store_delivery *delivery)
{
	latch_count_down(delivery->context);
}

static bool deliver_here(struct fixture *fixture, uint64_t mailbox, struct error *error)
{
	struct store_delivery *delivery = delivery_new(fixture, 1, 500, 1, 1);
	struct latch latch;
	bool ok;

	latch_init(&latch, 1);
	delivery->targets[0].mailbox = version_1_id('b', mailbox);
	delivery->done = done;
	delivery->context = &latch;
	store_delivery_submit(fixture->store, delivery);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	ok = delivery->ok;
	*error = delivery->error;
	delivery_free(delivery);
	return ok;
}

static void test_the_ledger_begins_behind_it(void **state)
{
	enum { BEFORE = VERSION_1_WAITING + VERSION_1_COLLECTED };
	struct fixture *fixture = *state;
	const struct id first = version_1_id('b', 1), third = version_1_id('b', 3);
	uint8_t origin[STORE_LINK_SIZE], link[STORE_LINK_SIZE];
	struct store_ledger_head head;
	struct rows rows = { .count = 0 };
	struct error error = { 0 };
	uint64_t expected = 0;

	write_old(fixture);
	open_and_check(fixture);
	store_ledger_origin(&first, origin);
	assert_true(store_ledger_head(fixture->store, &first, &head, &error));
	assert_memory_equal(head.link, origin, sizeof origin);
	if (!deliver_here(fixture, 1, &error))
		fail_msg("%s", error.text);
	assert_true(store_ledger_head(fixture->store, &first, &head, &error));
	assert_int_equal(head.first, BEFORE + 1);
	assert_int_equal(head.number, BEFORE + 1);
	assert_true(store_ledger_each(fixture->store, &first, 0, take_row, &rows, &error));
	assert_int_equal(rows.count, 1);
	assert_int_equal(rows.rows[0].number, BEFORE + 1);
	store_ledger_link(&first, origin, &rows.rows[0], link);
	assert_memory_equal(head.link, link, sizeof link);
	/* A mailbox that never had anything begins at 1, like a new one. */
	assert_true(deliver_here(fixture, 3, &error));
	assert_true(store_ledger_head(fixture->store, &third, &head, &error));
	assert_int_equal(head.first, 1);
	assert_int_equal(head.number, 1);
	expected = 1;
	assert_true(store_copy_each(
		fixture->store, &third, STORE_WAITING, take_copy, &expected, &error));
	assert_int_equal(expected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CLOSED(test) cmocka_unit_test_setup_teardown(test, fixture_set_up_closed, fixture_tear_down)
		CLOSED(test_everything_is_kept),
		CLOSED(test_the_ledger_begins_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_store_collected.c -- collected mail that is kept: out of the list, counted, purged when it is old,
 * brought back under new numbers; and messages set aside, which are none of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "store/store_collected.h"
#include "store/store_ledger.h"
#include "test_store_fixture.h"

enum { LARGE = 200000 };

static const int64_t day_us = 86400 * INT64_C(1000000);

/* As a POP3 session removes what it got. */
static void collect(
	struct fixture *fixture, uint64_t mailbox, size_t skip, size_t count, int64_t collected_us)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t found;

	assert_true(list_mailbox(fixture, mailbox, &messages, &found, &error));
	assert_true(skip + count <= found);
	if (!remove_messages_at(fixture, mailbox, messages + skip, count, collected_us, &error))
		fail_msg("%s", error.text);
	free(messages);
}

static void fill(
	struct fixture *fixture, uint64_t mailbox, uint64_t first, size_t count, size_t size)
{
	struct error error = { 0 };

	for (uint64_t i = first; i < first + count; i++) {
		if (!deliver_to(fixture, i, size, mailbox, 1, &error))
			fail_msg("%s", error.text);
	}
}

struct copies {
	struct store_copy rows[2000];
	size_t count;
};

static bool take_copy(void *context, const struct store_copy *copy)
{
	struct copies *copies = context;

	copies->rows[copies->count++] = *copy;
	return copies->count < sizeof copies->rows / sizeof copies->rows[0];
}

/* In a static buffer. */
static struct copies *copies_of(struct fixture *fixture, uint64_t mailbox, enum store_state state)
{
	static struct copies copies;
	const struct id id = make_id('b', mailbox);
	struct error error = { 0 };

	copies.count = 0;
	if (!store_copy_each(fixture->store, &id, state, take_copy, &copies, &error))
		fail_msg("%s", error.text);
	for (size_t i = 1; i < copies.count; i++)
		assert_true(copies.rows[i - 1].message.number < copies.rows[i].message.number);
	return &copies;
}

/* ---- kept ---- */

static void test_collected_mail_is_kept(void **state)
{
	struct fixture *fixture = *state;
	struct store_mailbox_counts before, after;
	struct copies *copies;
	int64_t now = clock_wall_us();

	create_mailbox(fixture, 1);
	set_limits(fixture, day_us, 0);
	fill(fixture, 1, 1, 5, 300);
	fill(fixture, 1, 6, 1, LARGE);
	before = counts_of(fixture, 1);
	collect(fixture, 1, 2, 4, now);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(count_waiting(fixture, 1), 2);
		after = counts_of(fixture, 1);
		assert_int_equal(after.received, before.received);
		assert_int_equal(after.collected, 4);
		assert_int_equal(after.collected_bytes, 3 * 301 + LARGE + 1);
		assert_int_equal(after.last_collected_us, now);
		copies = copies_of(fixture, 1, STORE_COLLECTED);
		assert_int_equal(copies->count, 4);
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(copies->rows[i].collected_us, now);
			assert_int_equal(copies->rows[i].ledger_number, i + 3);
			assert_true(is_whole(
				fixture, &copies->rows[i].message, i + 3, i == 3 ? LARGE : 300));
		}
		assert_int_equal(copies_of(fixture, 1, STORE_WAITING)->count, 2);
		assert_int_equal(fixture_count_files(fixture, "bodies"), 1);
		/* The next start keeps it, before anybody has said for how long. */
		fixture_close(fixture);
		assert_true(fixture_open(fixture, NULL));
		usleep(100000);
	}
	/* A second removal of the same message counts nothing. */
	set_limits(fixture, day_us, 0);
	copies = copies_of(fixture, 1, STORE_COLLECTED);
	assert_true(remove_messages(fixture, 1, &copies->rows[0].message, 1, NULL));
	assert_int_equal(counts_of(fixture, 1).collected, 4);
	/* Nothing is kept any more. */
	set_limits(fixture, 0, 0);
	fixture_wait_for_rows(fixture, "messages", 2);
	fixture_wait_for_files(fixture, 0);
	assert_int_equal(counts_of(fixture, 1).collected, 4);
	collect(fixture, 1, 0, 1, now);
	assert_int_equal(fixture_count_rows(fixture, "messages"), 1);
	assert_int_equal(counts_of(fixture, 1).collected, 5);
}

/* A longer removal than one group takes, and more to purge than one step. */
static void test_old_mail_is_purged(void **state)
{
	enum { OLD = 1300, YOUNG = 7 };
	struct fixture *fixture = *state;
	int64_t now = clock_wall_us();
	struct copies *copies;
	const struct id id = make_id('b', 1);
	struct store_ledger_head head;

	create_mailbox(fixture, 1);
	set_limits(fixture, 10 * day_us, 0);
	fill(fixture, 1, 1, OLD + YOUNG + 3, 50);
	collect(fixture, 1, OLD, YOUNG, now - day_us);
	collect(fixture, 1, 0, OLD, now - 2 * day_us);
	assert_int_equal(fixture_count_rows(fixture, "messages"), OLD + YOUNG + 3);
	set_limits(fixture, day_us + day_us / 2, 0);
	fixture_wait_for_rows(fixture, "messages", YOUNG + 3);
	copies = copies_of(fixture, 1, STORE_COLLECTED);
	assert_int_equal(copies->count, YOUNG);
	assert_true(is_whole(fixture, &copies->rows[0].message, OLD + 1, 50));
	/* What is gone stays counted and in the ledger. */
	assert_int_equal(counts_of(fixture, 1).collected, OLD + YOUNG);
	assert_int_equal(fixture_count_rows(fixture, "ledger"), OLD + YOUNG + 3);
	assert_true(store_ledger_head(fixture->store, &id, &head, NULL));
	assert_int_equal(head.number, OLD + YOUNG + 3);
	assert_int_equal(count_waiting(fixture, 1), 3);
}

static void test_a_shared_body_outlives_a_purge(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	set_limits(fixture, day_us, 0);
	assert_true(deliver_to(fixture, 1, LARGE, 1, 2, &error));
	collect(fixture, 1, 0, 1, clock_wall_us() - 2 * day_us);
	set_limits(fixture, day_us, 0);
	fixture_wait_for_rows(fixture, "messages", 1);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 1);
	assert_true(list_mailbox(fixture, 2, &messages, &count, &error));
	assert_true(is_whole(fixture, messages, 1, LARGE));
	free(messages);
}

/* ---- brought back ---- */

static void make_new_id(void *context, const struct store_message *message, struct id *id)
{
	uint64_t *next = context;

	assert_true(message->size > 0);
	*id = make_id('r', (*next)++);
}

static bool restore(struct fixture *fixture, uint64_t mailbox, int64_t since_us, uint64_t first,
	uint64_t *restored, struct error *error)
{
	uint64_t next = first;
	struct store_restoration restoration = { .mailbox = make_id('b', mailbox),
		.collected_since_us = since_us,
		.make_id = make_new_id,
		.context = &next };
	bool ok = store_mailbox_restore(fixture->store, &restoration, error);

	*restored = restoration.restored;
	return ok;
}

static void assert_restored(
	struct fixture *fixture, size_t waiting, size_t restored, uint64_t first_id)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, waiting + restored);
	for (size_t i = 0; i < count; i++) {
		uint64_t delivery = i < waiting ? restored + i + 1 : i - waiting + 1;
		const struct id sealed = make_id('m', 16 * delivery);
		const struct id listed =
			i < waiting ? sealed : make_id('r', first_id + i - waiting);

		assert_true(id_is_equal(&messages[i].id, &listed));
		assert_true(id_is_equal(&messages[i].sealed_id, &sealed));
		assert_true(is_whole(fixture, &messages[i], delivery, 100));
		assert_true(i == 0 || messages[i - 1].number < messages[i].number);
	}
	free(messages);
}

static void test_restored_mail_waits_again(void **state)
{
	enum { COUNT = 450, LEFT = 4 };
	struct fixture *fixture = *state;
	struct store_mailbox_counts before, after;
	struct copies *copies;
	struct error error = { 0 };
	uint64_t restored = 0;

	create_mailbox(fixture, 1);
	set_limits(fixture, day_us, 0);
	fill(fixture, 1, 1, COUNT + LEFT, 100);
	before = counts_of(fixture, 1);
	collect(fixture, 1, 0, COUNT, clock_wall_us());
	/* More than two batches; then once more, collected a second time. */
	for (uint64_t round = 0; round < 2; round++) {
		assert_true(restore(fixture, 1, 0, 1000 * round, &restored, &error));
		assert_int_equal(restored, COUNT);
		after = counts_of(fixture, 1);
		assert_int_equal(after.waiting, before.waiting);
		assert_int_equal(after.waiting_bytes, before.waiting_bytes);
		assert_int_equal(after.collected + after.collected_bytes, 0);
		assert_int_equal(after.received, before.received);
		assert_int_equal(fixture_count_rows(fixture, "ledger"), COUNT + LEFT);
		assert_int_equal(copies_of(fixture, 1, STORE_COLLECTED)->count, 0);
		assert_restored(fixture, LEFT, COUNT, 1000 * round);
		fixture_close(fixture);
		assert_true(fixture_open(fixture, &error));
		set_limits(fixture, day_us, 0);
		assert_restored(fixture, LEFT, COUNT, 1000 * round);
		copies = copies_of(fixture, 1, STORE_WAITING);
		assert_int_equal(copies->rows[LEFT].ledger_number, 1);
		assert_int_equal(copies->rows[LEFT + COUNT - 1].ledger_number, COUNT);
		collect(fixture, 1, LEFT, COUNT, clock_wall_us());
	}
	assert_int_equal(counts_of(fixture, 1).collected, COUNT);
	assert_true(restore(fixture, 1, INT64_MAX, 5000, &restored, &error));
	assert_int_equal(restored, 0);
	assert_false(restore(fixture, 7, 0, 0, &restored, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static void test_restored_since_a_time(void **state)
{
	struct fixture *fixture = *state;
	int64_t now = clock_wall_us();
	struct store_message *messages;
	struct error error = { 0 };
	uint64_t restored;
	size_t count;

	create_mailbox(fixture, 1);
	set_limits(fixture, day_us, 0);
	fill(fixture, 1, 1, 6, 100);
	collect(fixture, 1, 0, 2, now - 2000);
	collect(fixture, 1, 0, 2, now - 1000);
	assert_true(restore(fixture, 1, now - 1000, 1, &restored, &error));
	assert_int_equal(restored, 2);
	assert_int_equal(counts_of(fixture, 1).collected, 2);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 4);
	assert_true(is_whole(fixture, &messages[2], 3, 100));
	assert_true(is_whole(fixture, &messages[3], 4, 100));
	free(messages);
}

/* ---- set aside ---- */

static void quarantine_done(struct store_quarantine *quarantine)
{
	latch_count_down(quarantine->context);
}

static bool set_aside(struct fixture *fixture, uint64_t mailbox,
	const struct store_message *message, struct error *error)
{
	struct latch latch;
	struct store_quarantine quarantine = { .mailbox = make_id('b', mailbox),
		.message = *message,
		.done = quarantine_done,
		.context = &latch };

	latch_init(&latch, 1);
	store_quarantine_submit(fixture->store, &quarantine);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	*error = quarantine.error;
	return quarantine.ok;
}

static void test_a_quarantined_message(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages, *left, wrong;
	struct copies *copies;
	struct error error = { 0 };
	uint64_t restored;
	size_t count;

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	set_limits(fixture, day_us, 0);
	fill(fixture, 1, 1, 3, 100);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	/* Neither one of another mailbox nor one whose id does not fit. */
	assert_true(set_aside(fixture, 2, &messages[1], &error));
	wrong = messages[1];
	wrong.number = messages[2].number;
	assert_true(set_aside(fixture, 1, &wrong, &error));
	assert_int_equal(count_waiting(fixture, 1), 3);
	assert_false(set_aside(fixture, 9, &messages[1], &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);

	assert_true(set_aside(fixture, 1, &messages[1], &error));
	assert_true(set_aside(fixture, 1, &messages[1], &error));
	for (int round = 0; round < 2; round++) {
		assert_true(list_mailbox(fixture, 1, &left, &count, &error));
		assert_int_equal(count, 2);
		assert_true(id_is_equal(&left[0].id, &messages[0].id));
		assert_true(id_is_equal(&left[1].id, &messages[2].id));
		free(left);
		assert_int_equal(counts_of(fixture, 1).waiting, 3);
		copies = copies_of(fixture, 1, STORE_QUARANTINED);
		assert_int_equal(copies->count, 1);
		assert_int_equal(copies->rows[0].ledger_number, 2);
		assert_true(is_whole(fixture, &copies->rows[0].message, 2, 100));
		fixture_close(fixture);
		assert_true(fixture_open(fixture, &error));
		set_limits(fixture, day_us, 0);
	}
	/* It cannot be collected, nor brought back. */
	assert_true(remove_messages_at(fixture, 1, messages, 3, clock_wall_us(), &error));
	assert_int_equal(counts_of(fixture, 1).waiting, 1);
	assert_true(restore(fixture, 1, 0, 1, &restored, &error));
	assert_int_equal(restored, 2);
	assert_int_equal(copies_of(fixture, 1, STORE_QUARANTINED)->count, 1);
	free(messages);
}

static void test_gone_with_the_mailbox(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct error error = { 0 };
	struct store_message *messages;
	size_t count;

	create_mailbox(fixture, 1);
	set_limits(fixture, day_us, 0);
	fill(fixture, 1, 1, 6, LARGE);
	collect(fixture, 1, 0, 3, clock_wall_us());
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_true(set_aside(fixture, 1, messages, &error));
	free(messages);
	assert_true(store_mailbox_delete(fixture->store, &id, &error));
	assert_false(
		store_copy_each(fixture->store, &id, STORE_COLLECTED, take_copy, NULL, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	fixture_wait_for_rows(fixture, "messages", 0);
	fixture_wait_for_files(fixture, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		OPEN(test_collected_mail_is_kept),
		OPEN(test_old_mail_is_purged),
		OPEN(test_a_shared_body_outlives_a_purge),
		OPEN(test_restored_mail_waits_again),
		OPEN(test_restored_since_a_time),
		OPEN(test_a_quarantined_message),
		OPEN(test_gone_with_the_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

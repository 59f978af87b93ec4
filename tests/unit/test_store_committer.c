/* test_store_committer.c -- groups: many deliveries in few syncs; one bad request fails alone; a failed
 * sync fails its group and nothing else, is never repeated, and is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "test_store_fixture.h"
#include "test_store_watch.h"

enum { LARGE = 200000 };

static int set_up(void **state)
{
	int result = fixture_set_up(state);

	if (result == 0)
		create_mailbox(*state, 1);
	return result;
}

static int tear_down(void **state)
{
	fail_nothing();
	return fixture_tear_down(state);
}

/* ---- groups ---- */

enum { SUBMITTERS = 64, EACH = 20, DELIVERIES = SUBMITTERS * EACH };

struct submitter {
	struct fixture *fixture;
	uint64_t number;
	struct thread *thread;
};

static void submit_each(void *context)
{
	const struct submitter *submitter = context;

	for (uint64_t i = 0; i < EACH; i++)
		assert_true(deliver(submitter->fixture, submitter->number * EACH + i, 8700, NULL));
}

static void test_many_submitters_share_syncs(void **state)
{
	struct fixture *fixture = *state;
	struct submitter submitters[SUBMITTERS];
	struct store_figures before, after;
	struct store_message *messages;
	struct error error = { 0 };
	uint64_t commits;
	size_t count;

	assert_true(store_figures(fixture->store, &before, &error));
	for (uint64_t i = 0; i < SUBMITTERS; i++) {
		submitters[i] = (struct submitter){ .fixture = fixture, .number = i };
		submitters[i].thread = thread_start("submit", submit_each, &submitters[i], &error);
		assert_non_null(submitters[i].thread);
	}
	for (size_t i = 0; i < SUBMITTERS; i++)
		thread_join(&submitters[i].thread);
	assert_true(store_figures(fixture->store, &after, &error));
	assert_int_equal(after.deliveries - before.deliveries, DELIVERIES);
	commits = after.commits - before.commits;
	print_message("%d deliveries in %u commits\n", DELIVERIES, (unsigned)commits);
	assert_true(commits * 10 < DELIVERIES);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, DELIVERIES);
	free(messages);
}

static void count_down(struct store_delivery *delivery)
{
	latch_count_down(delivery->context);
}

/* A pile that the committer finds at once: mostly good ones, each tenth to nobody. */
static void test_one_bad_request_fails_alone(void **state)
{
	enum { COUNT = 200 };
	struct fixture *fixture = *state;
	struct store_delivery *deliveries[COUNT];
	struct latch latch;

	latch_init(&latch, COUNT);
	for (uint64_t i = 0; i < COUNT; i++) {
		deliveries[i] =
			delivery_new(fixture, i, i % 7 ? 1000 : LARGE, i % 10 == 5 ? 99 : 1, 1);
		deliveries[i]->done = count_down;
		deliveries[i]->context = &latch;
	}
	for (size_t i = 0; i < COUNT; i++)
		store_delivery_submit(fixture->store, deliveries[i]);
	assert_true(latch_wait(&latch));
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(deliveries[i]->ok, i % 10 != 5);
		if (!deliveries[i]->ok)
			assert_int_equal(deliveries[i]->error.kind, ERROR_NOT_FOUND);
		delivery_free(deliveries[i]);
	}
	latch_clear(&latch);
	assert_int_equal(count_waiting(fixture, 1), COUNT * 9 / 10);
	assert_int_equal(counts_of(fixture, 1).received, COUNT * 9 / 10);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

/* ---- failures ---- */

/* Large and small alike work again, and everything that was acknowledged is there. */
static void assert_works(struct fixture *fixture, uint64_t number, size_t expected)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	if (!deliver(fixture, number, 500, &error) || !deliver(fixture, number + 1, LARGE, &error))
		fail_msg("%s", error.text);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, expected + 2);
	assert_true(is_whole(fixture, &messages[count - 2], number, 500));
	assert_true(is_whole(fixture, &messages[count - 1], number + 1, LARGE));
	free(messages);
}

static void test_body_files_that_fail(void **state)
{
	static const struct {
		enum file_operation operation;
		const char *suffix;
		int code;
		enum error_kind kind;
		int troubles; /* a full disk is the sender's news alone, a failed sync everybody's */
		size_t files; /* left behind: what had got its name is not deleted */
	} rows[] = {
		{ FILE_OP_SYNC, ".part", EIO, ERROR_IO, 1, 0 },
		{ FILE_OP_RENAME, ".part", ENOSPC, ERROR_FULL, 0, 0 },
		{ FILE_OP_FOLDER_SYNC, "/bodies", EIO, ERROR_IO, 1, 1 },
	};
	struct fixture *fixture = *state;
	size_t files = 0, messages = 0;
	int troubles = 0;

	for (uint64_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error = { 0 };

		fail_file(rows[i].operation, rows[i].suffix, rows[i].code, 1);
		assert_false(deliver(fixture, 10 * i, LARGE, &error));
		assert_int_equal(error.kind, rows[i].kind);
		assert_int_equal(failed_count(), 1);
		fail_nothing();
		troubles += rows[i].troubles;
		files += rows[i].files;
		assert_int_equal(fixture_troubles(fixture, NULL), troubles);
		assert_int_equal(fixture_count_files(fixture, "bodies"), files);
		assert_works(fixture, 10 * i + 1, messages);
		messages += 2;
		files += 1;
	}
	/* In doubt means kept. */
	fixture_close(fixture);
	assert_true(fixture_open(fixture, NULL));
	assert_int_equal(fixture_count_files(fixture, "bodies/lost"), 1);
	assert_int_equal(count_waiting(fixture, 1), messages);
}

static void wait_for_trouble(struct fixture *fixture, int count, const char *says)
{
	struct error trouble = { 0 };

	for (int i = 0; i < 1000 && fixture_troubles(fixture, &trouble) < count; i++)
		usleep(10000);
	/* The committer may have tried once more meanwhile. */
	assert_true(fixture_troubles(fixture, &trouble) >= count);
	if (!strstr(trouble.text, says))
		fail_msg("'%s' is not in: %s", says, trouble.text);
}

/* What was acknowledged stays, what was refused does not come back. */
static void test_database_files_that_fail(void **state)
{
	static const struct {
		enum vfs_operation operation;
		const char *suffix;
		int code;
		enum error_kind kind;
		bool is_reopened; /* and told; a full disk is the sender's news alone */
	} rows[] = {
		{ VFS_SYNC, "-wal", SQLITE_IOERR_FSYNC, ERROR_IO, true },
		{ VFS_WRITE, "-wal", SQLITE_IOERR_WRITE, ERROR_IO, true },
		{ VFS_WRITE, "-wal", SQLITE_FULL, ERROR_FULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture *fixture;
		struct error error = { 0 };
		assert_int_equal(set_up((void **)&fixture), 0);
		assert_true(deliver(fixture, 1, 500, &error));
		fail_database(rows[i].operation, rows[i].suffix, rows[i].code, 1);
		assert_false(deliver(fixture, 2, 500, &error));
		assert_int_equal(error.kind, rows[i].kind);
		assert_int_equal(failed_count(), 1);
		if (rows[i].is_reopened)
			wait_for_trouble(fixture, 1, "opened again");
		assert_works(fixture, 3, 1);
		assert_int_equal(fixture_troubles(fixture, NULL), rows[i].is_reopened);
		assert_int_equal(tear_down((void **)&fixture), 0);
	}
}

static void test_a_failed_sync_fails_its_group(void **state)
{
	enum { COUNT = 300 };
	struct fixture *fixture = *state;
	struct store_delivery *deliveries[COUNT];
	struct store_message *messages;
	struct latch latch;
	size_t count, refused = 0, found = 0;

	latch_init(&latch, COUNT);
	for (uint64_t i = 0; i < COUNT; i++) {
		deliveries[i] = delivery_new(fixture, i, 1000, 1, 1);
		deliveries[i]->done = count_down;
		deliveries[i]->context = &latch;
	}
	fail_database(VFS_SYNC, "-wal", SQLITE_IOERR_FSYNC, 1);
	for (size_t i = 0; i < COUNT; i++)
		store_delivery_submit(fixture->store, deliveries[i]);
	assert_true(latch_wait(&latch));
	assert_true(list_mailbox(fixture, 1, &messages, &count, NULL));
	for (size_t i = 0; i < COUNT; i++) {
		refused += !deliveries[i]->ok;
		for (size_t j = 0; deliveries[i]->ok && j < count; j++)
			found += id_is_equal(&messages[j].id, &deliveries[i]->targets[0].message);
		delivery_free(deliveries[i]);
	}
	print_message("%zu of %d refused\n", refused, COUNT);
	assert_in_range(refused, 1, COUNT - 1);
	assert_int_equal(found, COUNT - refused);
	assert_int_equal(count, found);
	free(messages);
	latch_clear(&latch);
	wait_for_trouble(fixture, 1, "opened again");
	assert_works(fixture, COUNT, count);
}

static void test_a_disk_that_stays_broken(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct store_mailbox_counts counts;
	struct store_mailbox mailbox;
	const struct id id = make_id('b', 1);
	struct error error = { 0 };
	int64_t before, passed;
	size_t count;

	assert_true(deliver(fixture, 1, 500, &error));
	fail_database(VFS_SYNC, "", SQLITE_IOERR_FSYNC, -1);
	assert_false(deliver(fixture, 2, 500, &error));
	wait_for_trouble(fixture, 1, "no mail can be received");
	/* Everything is refused at once, and with words; the disk is not asked for each. */
	before = clock_monotonic_us();
	for (uint64_t i = 3; i < 203; i++) {
		assert_false(deliver(fixture, i, 500, &error));
		assert_int_equal(error.kind, ERROR_IO);
		assert_false(list_mailbox(fixture, 1, &messages, &count, &error));
		assert_int_equal(error.kind, ERROR_IO);
		assert_false(store_mailbox_get(fixture->store, &id, &mailbox, &counts, &error));
		assert_int_equal(error.kind, ERROR_IO);
		assert_false(store_setting_set(fixture->store, "a", "b", &error));
		assert_int_equal(error.kind, ERROR_IO);
	}
	passed = clock_monotonic_us() - before;
	assert_true(failed_count() <= 4 + passed / 500000);
	fail_nothing();
	/* It comes back without being asked. */
	wait_for_trouble(fixture, 2, "open again");
	assert_works(fixture, 300, 1);
}

/* Closing must not sync once more what could not be synced, and leaves the log for the next start. */
static void test_closing_while_the_disk_is_broken(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { 0 };
	size_t count;

	assert_true(deliver(fixture, 1, 500, &error));
	fail_database(VFS_SYNC, "", SQLITE_IOERR_FSYNC, -1);
	assert_false(deliver(fixture, 2, 500, &error));
	wait_for_trouble(fixture, 1, "no mail can be received");
	fixture_close(fixture);
	assert_true(file_exists(fixture_path(fixture, "lettergate.db-wal")));
	assert_false(fixture_open(fixture, &error));
	assert_int_equal(error.kind, ERROR_IO);
	fail_nothing();
	assert_true(fixture_open(fixture, &error));
	count = count_waiting(fixture, 1);
	assert_in_range(count, 1, 2);
	assert_works(fixture, 3, count);
}

/* A checkpoint writes what was acknowledged long ago: its failed sync must lose nothing either. */
static void test_a_checkpoint_that_fails(void **state)
{
	static const struct {
		enum vfs_operation operation;
		int code;
		const char *says;
	} rows[] = {
		{ VFS_SYNC, SQLITE_IOERR_FSYNC, "opened again" },
		{ VFS_WRITE, SQLITE_IOERR_WRITE, "opened again" },
		{ VFS_WRITE, SQLITE_FULL, "moving the log" },
	};

	(void)state;
	for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
		struct fixture *fixture;
		struct store_message *messages;
		struct error error = { 0 };
		uint64_t number = 1;
		size_t count, found = 0;

		assert_int_equal(set_up((void **)&fixture), 0);
		fail_database(rows[row].operation, ".db", rows[row].code, 1);
		while (!failed_count() && number < 2000)
			deliver(fixture, number++, 8700, NULL);
		assert_int_equal(failed_count(), 1);
		wait_for_trouble(fixture, 1, rows[row].says);
		assert_true(deliver(fixture, 5000, 100, &error));
		fixture_close(fixture);
		assert_true(fixture_open(fixture, &error));
		assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
		/* One may have met the closed database; no other is missing. */
		assert_in_range(count, number - 1, number);
		for (size_t i = 0; i + 1 < count; i++)
			found += is_whole(fixture, &messages[i],
				(uint64_t)(messages[i].received_us - 2000000), 8700);
		assert_int_equal(found, count - 1);
		free(messages);
		assert_int_equal(tear_down((void **)&fixture), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		OPEN(test_many_submitters_share_syncs),
		OPEN(test_one_bad_request_fails_alone),
		OPEN(test_body_files_that_fail),
		cmocka_unit_test(test_database_files_that_fail),
		OPEN(test_a_failed_sync_fails_its_group),
		OPEN(test_a_disk_that_stays_broken),
		OPEN(test_closing_while_the_disk_is_broken),
		cmocka_unit_test(test_a_checkpoint_that_fails),
	};

	failing_files_set();
	failing_database_set();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

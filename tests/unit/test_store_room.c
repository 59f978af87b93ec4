/* test_store_room.c -- a disk that fills: the reserve, kept mail that makes room, and the ballast that lets
 * deletion, purge and checkpoint work when nothing else does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "test_store_fixture.h"
#include "test_store_watch.h"

enum { MIB = 1024 * 1024, MARGIN = 16 * MIB, BALLAST = MIB, LARGE = 200000 };

static const int64_t day_us = 86400 * INT64_C(1000000);

/* A store on a disk of which the test says what is free. */
static int set_up(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture->owns_free = true;
	atomic_store(&fixture->free_bytes, (unsigned long long)1024 * MIB);
	*state = fixture;
	if (!fixture_open(fixture, NULL))
		return -1;
	create_mailbox(fixture, 1);
	return 0;
}

static int set_up_ballast(void **state)
{
	struct fixture *fixture;
	int result = set_up(state);

	fixture = *state;
	fixture_close(fixture);
	fixture->ballast_bytes = BALLAST;
	return result == 0 && fixture_open(fixture, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
	fail_nothing();
	return fixture_tear_down(state);
}

static void set_free(struct fixture *fixture, int64_t bytes)
{
	atomic_store(&fixture->free_bytes, (unsigned long long)bytes);
}

/* The figure is at most a few seconds old, even when nothing happens. */
static bool wait_for_room(struct fixture *fixture, uint64_t bytes, bool wanted)
{
	for (int i = 0; i < 1000 && store_has_room(fixture->store, bytes) != wanted; i++)
		usleep(10000);
	return store_has_room(fixture->store, bytes) == wanted;
}

static void wait_for_troubles(struct fixture *fixture, int count, const char *says)
{
	struct error trouble = { 0 };

	for (int i = 0; i < 1000 && fixture_troubles(fixture, NULL) < count; i++)
		usleep(10000);
	assert_int_equal(fixture_troubles(fixture, &trouble), count);
	if (!strstr(trouble.text, says))
		fail_msg("'%s' is not in: %s", says, trouble.text);
}

static bool list_and_remove_all(struct fixture *fixture, uint64_t mailbox)
{
	struct store_message *messages;
	size_t count;
	bool ok = list_mailbox(fixture, mailbox, &messages, &count, NULL) &&
		  remove_messages_at(fixture, mailbox, messages, count, clock_wall_us(), NULL);

	free(messages);
	return ok;
}

/* ---- the reserve ---- */

static void test_the_reserve(void **state)
{
	struct fixture *fixture = *state;
	struct store_figures figures;
	struct error error = { 0 };
	uint64_t number = 10;

	assert_true(wait_for_room(fixture, 1000 * (uint64_t)MIB, true));
	assert_false(store_has_room(fixture->store, 1100 * (uint64_t)MIB));
	assert_false(store_has_room(fixture->store, UINT64_MAX));
	/* Acts at once. */
	set_limits(fixture, 0, 900 * (uint64_t)MIB);
	assert_true(store_has_room(fixture->store, 100 * MIB));
	assert_false(store_has_room(fixture->store, 200 * MIB));
	assert_true(deliver(fixture, 1, 500, &error));
	assert_true(deliver(fixture, 2, LARGE, &error));
	set_limits(fixture, 0, 2000 * (uint64_t)MIB);
	assert_false(store_has_room(fixture->store, 0));
	for (size_t size = 500; size <= LARGE; size += LARGE - 500) {
		assert_false(deliver(fixture, number++, size, &error));
		assert_int_equal(error.kind, ERROR_FULL);
	}
	/* Nothing stays of what was refused. */
	assert_int_equal(fixture_count_files(fixture, "bodies"), 1);
	assert_int_equal(count_waiting(fixture, 1), 2);
	assert_int_equal(fixture_count_rows(fixture, "ledger"), 2);
	wait_for_troubles(fixture, 1, "full but for its reserve");
	assert_true(store_figures(fixture->store, &figures, &error));
	assert_true(figures.is_short);
	assert_int_equal(figures.reserve_bytes, 2000 * (uint64_t)MIB);

	/* Collecting goes on, and room that somebody else makes is found without mail. */
	assert_true(list_and_remove_all(fixture, 1));
	set_free(fixture, 3000 * (int64_t)MIB);
	assert_true(wait_for_room(fixture, 900 * (uint64_t)MIB, true));
	wait_for_troubles(fixture, 2, "room on the disk again");
	assert_true(deliver(fixture, number, LARGE, &error));
	assert_true(store_figures(fixture->store, &figures, &error));
	assert_false(figures.is_short);
}

/* What others write is seen by the next delivery, a second later at most. */
static void test_a_disk_that_others_fill(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { 0 };

	set_limits(fixture, 0, MIB);
	assert_true(deliver(fixture, 1, 500, &error));
	set_free(fixture, MIB / 2);
	usleep(1100000);
	assert_false(deliver(fixture, 2, 500, &error));
	assert_int_equal(error.kind, ERROR_FULL);
}

/* Between two measurements what is written counts; what is discarded does not. */
static void test_what_is_under_way_counts(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('y', 1);
	struct buf sealed = make_sealed(1, 64 * 1024);
	struct store_body *body;

	set_limits(fixture, 0, 1024 * (uint64_t)MIB - 8 * MIB);
	assert_true(wait_for_room(fixture, 7 * MIB, true));
	body = store_body_new(fixture->store, &id);
	/* The disk tells the same, should it be asked meanwhile. */
	for (int i = 1; i <= 32; i++) {
		assert_true(store_body_append(body, buf_view(&sealed), NULL));
		set_free(fixture, 1024 * (int64_t)MIB - i * 64 * 1024);
	}
	assert_false(store_has_room(fixture->store, 7 * MIB));
	set_free(fixture, 1024 * (int64_t)MIB);
	store_body_free(&body);
	assert_true(store_has_room(fixture->store, 7 * MIB));
	buf_clear(&sealed);
}

/* ---- kept mail makes room ---- */

static void collect_all(struct fixture *fixture, int64_t collected_us)
{
	struct store_message *messages;
	size_t count;

	assert_true(list_mailbox(fixture, 1, &messages, &count, NULL));
	assert_true(remove_messages_at(fixture, 1, messages, count, collected_us, NULL));
	free(messages);
}

/* Free pages count as room: what is purged is not out of the database's file yet. */
static void test_the_oldest_kept_mail_makes_room(void **state)
{
	enum { COUNT = 300, SIZE = 65536 };
	struct fixture *fixture = *state;
	struct store_message *messages;
	int64_t now = clock_wall_us();
	struct error error = { 0 };
	size_t left, count;

	set_limits(fixture, day_us, 0);
	for (uint64_t i = 0; i < COUNT; i++) {
		assert_true(deliver(fixture, i, SIZE, &error));
		if (i % 10 == 9)
			collect_all(fixture, now - COUNT + (int64_t)i);
	}
	assert_true(deliver(fixture, COUNT, SIZE, &error));
	assert_int_equal(fixture_count_rows(fixture, "messages"), COUNT + 1);
	/* 6 MiB below the margin, which a hundred messages make good. */
	set_free(fixture, 500 * MIB + MARGIN - 6 * MIB);
	set_limits(fixture, day_us, 500 * MIB);
	for (int i = 0; i < 1000 && fixture_count_rows(fixture, "messages") > COUNT - 90; i++)
		usleep(10000);
	usleep(200000);
	left = fixture_count_rows(fixture, "messages");
	print_message("%zu of %d are left\n", left, COUNT + 1);
	assert_in_range(left, COUNT - 200, COUNT - 80);
	/* The oldest are gone, and nothing was refused. */
	assert_int_equal(
		fixture_count_rows(fixture, "messages WHERE state = 1 AND collected_us < "
					    "(SELECT max(collected_us) FROM messages) - 220"),
		0);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
	assert_true(deliver(fixture, COUNT + 1, SIZE, &error));
	assert_int_equal(counts_of(fixture, 1).collected, COUNT);
	/* A message that is larger than the margin makes its own room. */
	assert_false(store_has_room(fixture->store, MARGIN + 4 * MIB));
	assert_true(wait_for_room(fixture, MARGIN + 4 * MIB, true));
	/* What waits is never touched. */
	set_free(fixture, 0);
	set_limits(fixture, day_us, 500 * MIB);
	fixture_wait_for_rows(fixture, "messages", 2);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 2);
	assert_true(is_whole(fixture, &messages[0], COUNT, SIZE));
	free(messages);
	wait_for_troubles(fixture, 1, "full but for its reserve");
}

/* ---- the ballast ---- */

static bool has_ballast(const struct fixture *fixture)
{
	struct stat facts;

	return stat(fixture_path(fixture, "ballast"), &facts) == 0 && facts.st_size == BALLAST &&
	       facts.st_blocks * 512 >= BALLAST && (facts.st_mode & 0777) == 0600;
}

static void wait_for_ballast(struct fixture *fixture, bool wanted)
{
	for (int i = 0; i < 1000 && has_ballast(fixture) != wanted; i++)
		usleep(10000);
	assert_int_equal(has_ballast(fixture), wanted);
}

static void test_the_ballast_is_made_where_there_is_room(void **state)
{
	struct fixture *fixture = *state;
	FILE *file;

	wait_for_ballast(fixture, true);
	/* As good as new after a start; one that was cut short is made again. */
	fixture_close(fixture);
	assert_true(has_ballast(fixture));
	assert_int_equal(truncate(fixture_path(fixture, "ballast"), 100), 0);
	assert_true(fixture_open(fixture, NULL));
	wait_for_ballast(fixture, true);
	fixture_close(fixture);
	assert_int_equal(remove(fixture_path(fixture, "ballast")), 0);
	set_free(fixture, 2 * BALLAST - 1);
	assert_true(fixture_open(fixture, NULL));
	usleep(300000);
	file = fopen(fixture_path(fixture, "ballast"), "r");
	assert_null(file);
	set_free(fixture, 1024 * (int64_t)MIB);
	wait_for_ballast(fixture, true);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

static void test_a_ballast_that_cannot_be_made(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { 0 };

	wait_for_ballast(fixture, true);
	fixture_close(fixture);
	assert_int_equal(remove(fixture_path(fixture, "ballast")), 0);
	fail_file(FILE_OP_WRITE, "/ballast", ENOSPC, -1);
	assert_true(fixture_open(fixture, NULL));
	wait_for_troubles(fixture, 1, "ballast");
	assert_false(file_exists(fixture_path(fixture, "ballast")));
	/* Not tried again and again. */
	assert_true(deliver(fixture, 1, 500, &error));
	usleep(2500000);
	assert_int_equal(failed_count(), 1);
	assert_int_equal(fixture_troubles(fixture, NULL), 1);
}

/* The log is on a full disk: each way of freeing space works once the ballast is gone, and mail is still
 * refused with the words for it. */
static void shrink(struct fixture *fixture)
{
	/* No room for the ballast to come back. */
	set_free(fixture, BALLAST);
	set_limits(fixture, day_us, 0);
	assert_true(wait_for_room(fixture, BALLAST + MARGIN / 2, false));
}

static void remove_all(struct fixture *fixture)
{
	shrink(fixture);
	assert_true(list_and_remove_all(fixture, 1));
	assert_int_equal(counts_of(fixture, 1).collected, 20);
}

static void delete_mailbox(struct fixture *fixture)
{
	const struct id id = make_id('b', 1);

	shrink(fixture);
	assert_true(store_mailbox_delete(fixture->store, &id, NULL));
}

static void purge_kept(struct fixture *fixture)
{
	shrink(fixture);
	fixture_wait_for_rows(fixture, "messages WHERE state = 1", 0);
}

static void test_what_frees_space_gets_the_ballast(void **state)
{
	static const struct {
		void (*free_space)(struct fixture *fixture);
		bool is_kept;
	} rows[] = { { remove_all, false }, { delete_mailbox, false }, { purge_kept, true } };

	(void)state;
	for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
		struct fixture *fixture;
		struct error error = { 0 };

		assert_int_equal(set_up_ballast((void **)&fixture), 0);
		wait_for_ballast(fixture, true);
		set_limits(fixture, day_us, 0);
		for (uint64_t i = 1; i <= 20; i++)
			assert_true(deliver(fixture, i, 500, &error));
		if (rows[row].is_kept)
			collect_all(fixture, clock_wall_us());
		usleep(100000);
		fail_database(VFS_WRITE, "-wal", SQLITE_FULL, 1);
		assert_false(deliver(fixture, 50, 500, &error));
		assert_int_equal(error.kind, ERROR_FULL);
		assert_true(has_ballast(fixture));
		fail_nothing();
		fail_database(VFS_WRITE, "-wal", SQLITE_FULL, 1);
		rows[row].free_space(fixture);
		assert_int_equal(failed_count(), 1);
		assert_false(file_exists(fixture_path(fixture, "ballast")));
		wait_for_troubles(fixture, 1, "ballast was given up");
		/* What was freed is free after a start too. */
		set_free(fixture, 1024 * (int64_t)MIB);
		wait_for_ballast(fixture, true);
		wait_for_troubles(fixture, 2, "room on the disk again");
		fixture_close(fixture);
		assert_true(fixture_open(fixture, &error));
		assert_int_equal(fixture_count_rows(fixture, "messages WHERE state = 0"), 0);
		assert_int_equal(tear_down((void **)&fixture), 0);
	}
}

static void count_down(struct store_delivery *delivery)
{
	latch_count_down(delivery->context);
}

static void removal_done(struct store_removal *removal)
{
	latch_count_down(removal->context);
}

/* One group of both: the deliveries are refused, the removal is done. */
static void test_a_group_on_a_full_disk(void **state)
{
	enum { COUNT = 60 };
	struct fixture *fixture = *state;
	struct store_delivery *deliveries[COUNT];
	struct store_message *messages;
	struct latch latch;
	struct store_removal removal = { .mailbox = make_id('b', 1),
		.collected_us = 1,
		.done = removal_done,
		.context = &latch };
	struct error error = { 0 };
	size_t stored = 0, count;

	wait_for_ballast(fixture, true);
	for (uint64_t i = 1; i <= 5; i++)
		assert_true(deliver(fixture, i, 500, &error));
	assert_true(list_mailbox(fixture, 1, &messages, &removal.message_count, &error));
	removal.messages = messages;
	latch_init(&latch, COUNT + 1);
	for (uint64_t i = 0; i < COUNT; i++) {
		deliveries[i] = delivery_new(fixture, 100 + i, 3000, 1, 1);
		deliveries[i]->done = count_down;
		deliveries[i]->context = &latch;
	}
	/* Until the ballast is gone nothing can be written; then it can. */
	fail_database(VFS_WRITE, "-wal", SQLITE_FULL, -1);
	fail_until_removed("/ballast");
	for (size_t i = 0; i < COUNT; i++) {
		store_delivery_submit(fixture->store, deliveries[i]);
		if (i == COUNT / 2)
			store_removal_submit(fixture->store, &removal);
	}
	assert_true(latch_wait(&latch));
	assert_true(removal.ok);
	for (size_t i = 0; i < COUNT; i++) {
		stored += deliveries[i]->ok;
		if (!deliveries[i]->ok)
			assert_int_equal(deliveries[i]->error.kind, ERROR_FULL);
		delivery_free(deliveries[i]);
	}
	print_message("%zu of %d stored\n", stored, COUNT);
	assert_in_range(stored, 0, COUNT - 1);
	free(messages);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, stored);
	free(messages);
	assert_int_equal(counts_of(fixture, 1).collected, 5);
	assert_int_equal(fixture_count_rows(fixture, "ledger"), 5 + stored);
	latch_clear(&latch);
	/* The removal's end is the ballast's; it was told. */
	assert_true(fixture_troubles(fixture, NULL) >= 1);
}

/* The keeper's, the committer's and the start's way of moving the log into the database. */
static void test_a_checkpoint_gets_the_ballast(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { 0 };
	uint64_t number = 1;

	wait_for_ballast(fixture, true);
	set_free(fixture, 2 * BALLAST - 1);
	fail_database(VFS_WRITE, ".db", SQLITE_FULL, 1);
	while (!failed_count() && number < 2000)
		assert_true(deliver(fixture, number++, 8700, &error));
	assert_int_equal(failed_count(), 1);
	wait_for_ballast(fixture, false);
	wait_for_troubles(fixture, 1, "ballast was given up");
	set_free(fixture, 1024 * (int64_t)MIB);
	wait_for_ballast(fixture, true);
	fail_nothing();
	assert_true(deliver(fixture, number++, 8700, &error));
	assert_int_equal(count_waiting(fixture, 1), number - 1);

	/* A log that a crash left, and a disk on which the database cannot grow. */
	fail_database(VFS_SYNC, ".db", SQLITE_IOERR_FSYNC, -1);
	fixture_close(fixture);
	fail_nothing();
	assert_true(file_exists(fixture_path(fixture, "lettergate.db-wal")));
	set_free(fixture, 2 * BALLAST - 1);
	fail_database(VFS_WRITE, ".db", SQLITE_FULL, 1);
	if (!fixture_open(fixture, &error))
		fail_msg("%s", error.text);
	assert_int_equal(failed_count(), 1);
	assert_false(file_exists(fixture_path(fixture, "ballast")));
	assert_int_equal(count_waiting(fixture, 1), number - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define BALLASTED(test) cmocka_unit_test_setup_teardown(test, set_up_ballast, tear_down)
		OPEN(test_the_reserve),
		OPEN(test_a_disk_that_others_fill),
		OPEN(test_what_is_under_way_counts),
		OPEN(test_the_oldest_kept_mail_makes_room),
		BALLASTED(test_the_ballast_is_made_where_there_is_room),
		BALLASTED(test_a_ballast_that_cannot_be_made),
		cmocka_unit_test(test_what_frees_space_gets_the_ballast),
		BALLASTED(test_a_group_on_a_full_disk),
		BALLASTED(test_a_checkpoint_gets_the_ballast),
	};

	failing_files_set();
	failing_database_set();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

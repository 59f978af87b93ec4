/* test_store_move.c -- a store brought to another folder is the same store, also when it was cut short at any operation
 * of the disk and begun again; and from a folder nothing is removed but a store's own files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "platform/file.h"
#include "platform/file_watch.h"
#include "store/store_move.h"
#include "test_store_fixture.h"

enum { LARGE = 100000 };

/* ---- a disk that stops ---- */

/* Everything fails from the operation with that number on, as when the power goes. */
static long stops_at, operations;

static int stop(void *context, enum file_operation operation, const char *path, const char *other)
{
	(void)context;
	(void)operation;
	(void)path;
	(void)other;
	return operations++ >= stops_at ? EIO : 0;
}

static const struct file_watch watch = { .before = stop };

static void stop_at(long number)
{
	operations = 0;
	stops_at = number;
	file_watch_set(&watch);
}

static void go_on(void)
{
	file_watch_set(NULL);
}

/* ---- two folders ---- */

struct pair {
	struct fixture *from, *to;
};

static int set_up(void **state)
{
	struct pair *pair = calloc(1, sizeof *pair);

	pair->from = fixture_new();
	pair->to = fixture_new();
	*state = pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;

	go_on();
	fixture_free(&pair->from);
	fixture_free(&pair->to);
	free(pair);
	return 0;
}

static void fill(struct pair *pair, uint64_t count)
{
	assert_true(fixture_open(pair->from, NULL));
	create_mailbox(pair->from, 1);
	for (uint64_t i = 1; i <= count; i++)
		assert_true(deliver(pair->from, i, i % 2 ? 500 : LARGE, NULL));
}

static void must_hold(struct fixture *fixture, uint64_t count)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t listed;

	if (!fixture_open(fixture, &error))
		fail_msg("%s", error.text);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
	assert_true(list_mailbox(fixture, 1, &messages, &listed, NULL));
	assert_int_equal(listed, count);
	for (size_t i = 0; i < listed; i++)
		assert_true(is_whole(fixture, &messages[i], i + 1, i % 2 ? LARGE : 500));
	free(messages);
	fixture_close(fixture);
}

static void copy_open(struct pair *pair)
{
	struct store_move *move = store_move_new(pair->from->folder, pair->to->folder, NULL);
	uint64_t done = 0, total = 0, before = 0;
	bool is_end = false;

	assert_non_null(move);
	while (!is_end) {
		assert_true(store_move_next(move, LARGE, NULL, &is_end, NULL));
		store_move_progress(move, &done, &total);
		assert_true(done > before && done <= total);
		before = done;
	}
	assert_int_equal(done, total);
	store_move_free(&move);
	store_move_free(&move);
}

static void save(const struct fixture *fixture, const char *name, const char *text)
{
	assert_true(file_save(fixture_path(fixture, name), bytes_of(text), NULL));
}

static void test_moved(void **state)
{
	struct pair *pair = *state;
	struct store_message *messages;
	size_t listed;

	fill(pair, 12);
	assert_true(store_move_is_store(pair->from->folder));
	assert_false(store_move_is_store(pair->to->folder));
	save(pair->from, "bodies/lost/00000000000000000000000000000001", "lost");
	copy_open(pair);
	assert_int_equal(fixture_count_files(pair->to, "bodies"), 6);
	assert_true(store_move_is_store(pair->to->folder));
	/* What was copied is collected, and more comes. */
	assert_true(list_mailbox(pair->from, 1, &messages, &listed, NULL));
	assert_true(remove_messages(pair->from, 1, messages + 4, 8, NULL));
	free(messages);
	fixture_wait_for_files(pair->from, 2);
	for (uint64_t i = 5; i <= 8; i++)
		assert_true(deliver(pair->from, i + 16, i % 2 ? 500 : LARGE, NULL));
	fixture_close(pair->from);
	save(pair->from, "ballast", "heavy");
	save(pair->from, "keep.txt", "mine");
	assert_true(store_move_finish(pair->from->folder, pair->to->folder, NULL));
	assert_int_equal(fixture_count_files(pair->to, "bodies"), 4);
	assert_true(file_exists(
		fixture_path(pair->to, "bodies/lost/00000000000000000000000000000001")));
	assert_false(file_exists(fixture_path(pair->to, "ballast")));
	assert_true(store_move_remove(pair->from->folder, NULL));
	assert_false(store_move_is_store(pair->from->folder));
	assert_true(file_exists(fixture_path(pair->from, "keep.txt")));
	assert_true(fixture_open(pair->to, NULL));
	assert_int_equal(count_waiting(pair->to, 1), 8);
	assert_int_equal(fixture_troubles(pair->to, NULL), 0);
}

/* A body that is collected while it is listed; somebody else's files. */
static void test_gone_and_foreign(void **state)
{
	struct pair *pair = *state;
	struct store_move *move;
	bool is_end = false;

	fill(pair, 8);
	move = store_move_new(pair->from->folder, pair->to->folder, NULL);
	assert_non_null(move);
	fixture_close(pair->from);
	save(pair->from, "bodies/notes.txt", "mine");
	save(pair->from, "bodies/00000000000000000000000000000002.part", "half");
	fixture_sql(pair->from,
		"DELETE FROM messages WHERE number = 2; DELETE FROM bodies WHERE number = 2");
	assert_true(fixture_open(pair->from, NULL));
	assert_true(store_move_next(move, UINT64_MAX, NULL, &is_end, NULL) && is_end);
	store_move_free(&move);
	fixture_close(pair->from);
	assert_true(store_move_finish(pair->from->folder, pair->to->folder, NULL));
	assert_false(file_exists(fixture_path(pair->to, "bodies/notes.txt")));
	save(pair->from, "bodies/00000000000000000000000000000002.part", "half");
	assert_true(store_move_remove(pair->from->folder, NULL));
	assert_true(file_exists(fixture_path(pair->from, "bodies/notes.txt")));
	assert_int_equal(fixture_count_files(pair->from, "bodies"), 1);
	/* Nothing is left to remove, and that is no failure. */
	assert_true(store_move_remove(pair->from->folder, NULL));
}

static void test_refused(void **state)
{
	struct pair *pair = *state;
	char longest[PATH_SIZE + 10];
	struct store_move *move;
	atomic_bool stops = true;
	struct error error = { 0 };
	bool is_end;

	fill(pair, 4);
	memset(longest, 'l', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_null(store_move_new(longest, pair->to->folder, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_null(store_move_new(pair->from->folder, "/proc/nothing", &error));
	move = store_move_new(pair->from->folder, pair->to->folder, &error);
	assert_false(store_move_next(move, UINT64_MAX, &stops, &is_end, &error));
	assert_int_equal(error.kind, ERROR_CANCELLED);
	/* It may go on. */
	assert_true(store_move_next(move, UINT64_MAX, NULL, &is_end, &error) && is_end);
	store_move_free(&move);
	fixture_close(pair->from);
	must_hold(pair->from, 4);
}

/* Cut short at each operation in turn, with a log beside the database: the old one is whole, and so is the new one when
 * it is done again. */
static void test_cut_short(void **state)
{
	struct pair *pair = *state;
	bool is_moved = false;

	fill(pair, 6);
	fixture_close(pair->from);
	for (long number = 0; !is_moved; number++) {
		stop_at(number);
		is_moved = store_move_finish(pair->from->folder, pair->to->folder, NULL);
		go_on();
		assert_true(number < 1000);
	}
	must_hold(pair->to, 6);
	must_hold(pair->from, 6);
	is_moved = false;
	for (long number = 0; !is_moved; number++) {
		stop_at(number);
		is_moved = store_move_remove(pair->from->folder, NULL);
		go_on();
	}
	assert_false(store_move_is_store(pair->from->folder));
	must_hold(pair->to, 6);
}

/* A log that a crash left goes along; one that the target has from before does not stay. */
static void test_log(void **state)
{
	struct pair *pair = *state;

	fill(pair, 2);
	fixture_close(pair->from);
	save(pair->to, "lettergate.db-wal", "from another time");
	assert_true(store_move_finish(pair->from->folder, pair->to->folder, NULL));
	assert_false(file_exists(fixture_path(pair->to, "lettergate.db-wal")));
	save(pair->from, "lettergate.db-wal", "");
	assert_true(store_move_finish(pair->from->folder, pair->to->folder, NULL));
	assert_true(file_exists(fixture_path(pair->to, "lettergate.db-wal")));
	must_hold(pair->to, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		PAIR(test_moved),
		PAIR(test_gone_and_foreign),
		PAIR(test_refused),
		PAIR(test_cut_short),
		PAIR(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_store_log.c -- the log that is written anew after a failed sync (docs/internals/store.md) meets further trouble:
 * operations on it fail, or somebody has cut it off. The store stays closed and says why; it opens by itself when the
 * trouble is over, with everything that was acknowledged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "platform/file.h"
#include "test_store_fixture.h"
#include "watched_vfs.h"

enum { MESSAGE_SIZE = 5000, NEVER = -1 };

/* The next commit's sync fails, and `on_failure` is called within it; from then on each `operation` on the log
 * fails. A thread of the store passes here. */
static struct {
	atomic_bool is_armed, is_failing;
	int operation, code;
	void (*on_failure)(const char *path);
} plan;

static bool is_log(const char *path)
{
	static const char suffix[] = "-wal";
	const size_t length = strlen(path), end = sizeof suffix - 1;

	return length >= end && strcmp(path + length - end, suffix) == 0;
}

static int before(void *context, const struct vfs_event *event)
{
	(void)context;
	if (!is_log(event->path))
		return SQLITE_OK;
	if (event->operation == VFS_SYNC && atomic_exchange(&plan.is_armed, false)) {
		if (plan.on_failure)
			plan.on_failure(event->path);
		atomic_store(&plan.is_failing, true);
		return SQLITE_IOERR_FSYNC;
	}
	return atomic_load(&plan.is_failing) && (int)event->operation == plan.operation ? plan.code
											: SQLITE_OK;
}

static void arm(int operation, int code, void (*on_failure)(const char *path))
{
	plan.operation = operation;
	plan.code = code;
	plan.on_failure = on_failure;
	atomic_store(&plan.is_armed, true);
}

static void disarm(void)
{
	atomic_store(&plan.is_armed, false);
	atomic_store(&plan.is_failing, false);
}

/* Whose mailbox is in the database itself, and message 1 in the log. */
static int set_up(void **state)
{
	struct fixture *fixture = fixture_new();
	struct error error = { 0 };

	*state = fixture;
	assert_true(fixture_open(fixture, &error));
	create_mailbox(fixture, 1);
	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	assert_true(deliver(fixture, 1, MESSAGE_SIZE, &error));
	return 0;
}

static int tear_down(void **state)
{
	disarm();
	return fixture_tear_down(state);
}

static void refuse_one(struct fixture *fixture)
{
	struct error error = { 0 };

	assert_false(deliver(fixture, 2, MESSAGE_SIZE, &error));
	assert_int_equal(error.kind, ERROR_IO);
}

/* What was acknowledged is there, what was refused is not, and another message comes. */
static void assert_works(struct fixture *fixture, bool has_first)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_true(deliver(fixture, 3, MESSAGE_SIZE, &error));
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 1 + has_first);
	for (size_t i = 0; i < count; i++)
		assert_true(
			is_whole(fixture, &messages[i], has_first && i == 0 ? 1 : 3, MESSAGE_SIZE));
	free(messages);
}

static void test_operations_that_fail(void **state)
{
	static const struct {
		enum vfs_operation operation;
		int code;
	} rows[] = {
		{ VFS_READ, SQLITE_IOERR_READ },
		{ VFS_WRITE, SQLITE_IOERR_WRITE },
		{ VFS_WRITE, SQLITE_FULL },
		{ VFS_TRUNCATE, SQLITE_IOERR_TRUNCATE },
		{ VFS_SYNC, SQLITE_IOERR_FSYNC },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture *fixture;
		struct error error = { 0 };
		char says[200];

		set_up((void **)&fixture);
		arm((int)rows[i].operation, rows[i].code, NULL);
		refuse_one(fixture);
		snprintf(says, sizeof says,
			"no mail can be received or collected until the disk works again (writing "
			"the database's log anew: %s)",
			sqlite3_errstr(rows[i].code));
		fixture_wait_to_be_told(fixture, says);
		assert_false(deliver(fixture, 2, MESSAGE_SIZE, &error));
		disarm();
		fixture_wait_to_be_told(fixture, "open again");
		assert_works(fixture, true);
		tear_down((void **)&fixture);
	}
}

/* ---- somebody cuts it off ---- */

static struct buf cut_away;

static void cut_short(const char *path)
{
	buf_clear(&cut_away);
	assert_true(file_load(path, &cut_away, NULL));
	/* Behind its header, and before the end of the first frame. */
	assert_int_equal(truncate(path, 100), 0);
}

static void test_a_log_that_is_shorter_than_it_was(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { 0 };
	const char *path;

	arm(NEVER, 0, cut_short);
	refuse_one(fixture);
	fixture_wait_to_be_told(fixture, "the database's log is shorter than it was");
	assert_false(deliver(fixture, 2, MESSAGE_SIZE, &error));
	/* It is left as it is, and taken when it is whole again. */
	path = fixture_path(fixture, "lettergate.db-wal");
	assert_true(file_save(path, buf_view(&cut_away), &error));
	buf_clear(&cut_away);
	fixture_wait_to_be_told(fixture, "open again");
	assert_works(fixture, true);
}

static void cut_in_the_header(const char *path)
{
	assert_int_equal(truncate(path, 10), 0);
}

/* Nothing in it can be told from a log that began anew. */
static void test_a_log_without_a_whole_header(void **state)
{
	struct fixture *fixture = *state;

	arm(NEVER, 0, cut_in_the_header);
	refuse_one(fixture);
	fixture_wait_to_be_told(fixture, "opened again");
	assert_works(fixture, false);
}

int main(void)
{
	static const struct vfs_watch watch = { .before = before };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations_that_fail),
		cmocka_unit_test_setup_teardown(
			test_a_log_that_is_shorter_than_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_log_without_a_whole_header, set_up, tear_down),
	};

	buf_init(&cut_away, 64 << 20);
	watched_vfs_register(&watch);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

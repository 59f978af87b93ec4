/* test_store_opening.c -- a start during which the disk fails, once at each operation: it is refused with words, or
 * goes through; and the next start finds everything and works. New folders, and folders of the first version that are
 * brought up. What a power cut does there: tests/powercut/powercut_migration.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "platform/file.h"
#include "platform/file_watch.h"
#include "test_store_fixture.h"
#include "version_1.h"
#include "watched_vfs.h"

/* Threads of the store pass here too. */
struct failing {
	atomic_int left; /* operations until one fails; beyond it: none does */
	bool is_full;	 /* for want of room, not for a broken disk */
};

static struct failing files, database;

static bool is_the_one(struct failing *failing)
{
	return atomic_fetch_sub(&failing->left, 1) == 0;
}

static int before_file(
	void *context, enum file_operation operation, const char *path, const char *other)
{
	(void)operation;
	(void)path;
	(void)other;
	return is_the_one(context) ? (files.is_full ? ENOSPC : EIO) : 0;
}

static int before_database(void *context, const struct vfs_event *event)
{
	static const int codes[] = {
		[VFS_OPEN] = SQLITE_CANTOPEN,
		[VFS_WRITE] = SQLITE_IOERR_WRITE,
		[VFS_TRUNCATE] = SQLITE_IOERR_TRUNCATE,
		[VFS_SYNC] = SQLITE_IOERR_FSYNC,
		[VFS_DELETE] = SQLITE_IOERR_DELETE,
		[VFS_READ] = SQLITE_IOERR_READ,
		[VFS_MAP] = SQLITE_IOERR_SHMMAP,
	};

	/* A full disk is met by writing alone. */
	if ((database.is_full && event->operation != VFS_WRITE) || !is_the_one(context))
		return SQLITE_OK;
	return database.is_full ? SQLITE_FULL : codes[event->operation];
}

static void fail_nothing(void)
{
	atomic_store(&files.left, -1);
	atomic_store(&database.left, -1);
}

/* ---- folders ---- */

static void make_nothing(struct fixture *fixture)
{
	(void)fixture;
}

static void work_in_new(struct fixture *fixture)
{
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	if (!deliver(fixture, 1, 500, &error) || !deliver(fixture, 2, 200000, &error))
		fail_msg("%s", error.text);
	assert_int_equal(count_waiting(fixture, 1), 2);
}

static void make_old(struct fixture *fixture)
{
	struct error error = { 0 };

	if (!version_1_write(fixture->folder, &error))
		fail_msg("%s", error.text);
}

static void work_in_old(struct fixture *fixture)
{
	struct error error = { 0 };

	if (!version_1_check(fixture->store, &error))
		fail_msg("%s", error.text);
	create_mailbox(fixture, 9);
}

/* Mail in rows and files, one body of which has no row any more, and another whose unlink is due. */
static void make_work(struct fixture *fixture)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_true(fixture_open(fixture, &error));
	create_mailbox(fixture, 1);
	for (uint64_t i = 1; i <= 3; i++)
		assert_true(deliver(fixture, i, 200000, &error));
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	free(messages);
	fixture_close(fixture);
	fixture_sql(fixture,
		"DELETE FROM messages WHERE number = 1;"
		"DELETE FROM bodies WHERE number = 1;"
		"INSERT INTO discarded SELECT id FROM bodies WHERE number = 2;"
		"DELETE FROM messages WHERE number = 2;"
		"DELETE FROM bodies WHERE number = 2;"
		"UPDATE counters SET waiting = 1, received = 1, waiting_bytes = 200001,"
		" received_bytes = 200001;");
}

static void work_in_work(struct fixture *fixture)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 1);
	assert_true(is_whole(fixture, messages, 3, 200000));
	free(messages);
	fixture_wait_for_rows(fixture, "discarded", 0);
	fixture_wait_for_files(fixture, 1);
	assert_int_equal(fixture_count_files(fixture, "bodies/lost"), 1);
}

/* ---- each operation ---- */

static const struct {
	const char *name;
	void (*make)(struct fixture *fixture);
	void (*work)(struct fixture *fixture);
} folders[] = {
	{ "a new folder", make_nothing, work_in_new },
	{ "a folder of version 1", make_old, work_in_old },
	{ "a folder with work", make_work, work_in_work },
};

/* False: there were not so many operations. */
static bool start_failing(size_t folder, struct failing *failing, int operation)
{
	struct fixture *fixture = fixture_new();
	struct error error = { 0 };
	bool was_reached;

	folders[folder].make(fixture);
	atomic_store(&failing->left, operation);
	if (!fixture_open(fixture, &error) && (!error.text[0] || error.kind == ERROR_NONE))
		fail_msg("%s, operation %d: refused without a word", folders[folder].name,
			operation);
	fixture_close(fixture);
	was_reached = atomic_load(&failing->left) < 0;
	fail_nothing();
	if (!fixture_open(fixture, &error))
		fail_msg("%s, after operation %d: %s", folders[folder].name, operation, error.text);
	folders[folder].work(fixture);
	fixture_free(&fixture);
	return was_reached;
}

static int fail_each(struct failing *failing)
{
	int all = 0;

	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		int count = 0;

		while (start_failing(i, failing, count))
			count++;
		print_message("%s: %d operations\n", folders[i].name, count);
		all += count;
	}
	return all;
}

static void test_each_operation_of_the_database_fails(void **state)
{
	(void)state;
	database.is_full = false;
	assert_in_range(fail_each(&database), 200, 2000);
}

static void test_each_operation_of_the_database_meets_a_full_disk(void **state)
{
	(void)state;
	database.is_full = true;
	assert_in_range(fail_each(&database), 30, 1000);
}

static void test_each_operation_on_files_fails(void **state)
{
	(void)state;
	files.is_full = false;
	assert_in_range(fail_each(&files), 10, 500);
	files.is_full = true;
	assert_in_range(fail_each(&files), 10, 500);
}

/* ---- folders that are too far down ---- */

static void test_a_path_that_is_too_long(void **state)
{
	static const size_t lengths[] = { PATH_SIZE + 10, PATH_SIZE - 1, PATH_SIZE - 5 };

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		char *path = malloc(lengths[i] + 1);
		struct store_options options = { .folder = path };
		struct error error = { 0 };

		assert_non_null(path);
		memset(path, 'a', lengths[i]);
		path[0] = '/';
		path[lengths[i]] = '\0';
		assert_null(store_open(&options, &error));
		assert_int_equal(error.kind, ERROR_INVALID);
		assert_int_equal(strncmp(error.text, "opening the mail store: the ", 28), 0);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_operation_of_the_database_fails),
		cmocka_unit_test(test_each_operation_of_the_database_meets_a_full_disk),
		cmocka_unit_test(test_each_operation_on_files_fails),
		cmocka_unit_test(test_a_path_that_is_too_long),
	};
	static const struct file_watch file_watch = { .context = &files, .before = before_file };
	static const struct vfs_watch vfs_watch = { .context = &database,
		.before = before_database };

	fail_nothing();
	file_watch_set(&file_watch);
	watched_vfs_register(&vfs_watch);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_store_backup.c -- a copy that is made while the store is used is a store of its own, whole; what stands in its way
 * ends it and nothing else; and a copy that came back is looked at before it is believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/file_copy.h"
#include "store/store_backup.h"
#include "test_store_fixture.h"
#include "test_store_watch.h"

enum { LARGE = 100000, MIB = 1024 * 1024, WAIT_US = 20000000 };

static struct store_backup *begin(struct fixture *fixture)
{
	struct error error = { 0 };
	struct store_backup *backup = store_backup_begin(fixture->store, &error);

	if (!backup)
		fail_msg("%s", error.text);
	return backup;
}

static bool wait_for_copy(struct store_backup *backup, struct error *error)
{
	int64_t end_us = clock_monotonic_us() + WAIT_US;
	bool is_copied = false;
	uint64_t done = 0, total = 0;

	while (!is_copied && clock_monotonic_us() < end_us) {
		if (!store_backup_copy(backup, 500000, &is_copied, &done, &total, error))
			return false;
		assert_true(done <= total && total > 0);
	}
	assert_true(is_copied);
	assert_int_equal(done, total);
	return true;
}

/* ---- the copy as a store ---- */

static void write_database(struct store_backup *backup, const char *path)
{
	uint64_t offset = 0, size = store_backup_database_bytes(backup);
	struct file *file = file_open(path, FILE_REPLACE, NULL);
	struct buf piece;

	assert_non_null(file);
	buf_init(&piece, 1000000);
	while (offset < size) {
		piece.size = 0;
		assert_true(store_backup_read_database(backup, offset, 70000, &piece, NULL));
		assert_true(piece.size > 0);
		assert_true(file_write(file, buf_view(&piece), NULL));
		offset += piece.size;
	}
	piece.size = 0;
	assert_true(store_backup_read_database(backup, offset, 70000, &piece, NULL));
	assert_int_equal(piece.size, 0);
	buf_clear(&piece);
	file_close(&file);
}

/* Into another fixture's folder; returns how many bodies there were. */
static size_t take_out(struct store_backup *backup, struct fixture *other)
{
	struct store_backup_body body;
	uint64_t octets = 0;
	bool found = true;
	size_t count = 0;
	char name[80], id[ID_TEXT_SIZE];
	struct buf piece;

	write_database(backup, fixture_path(other, "lettergate.db"));
	assert_true(folder_create(fixture_path(other, "bodies"), NULL));
	buf_init(&piece, 1000000);
	for (;;) {
		struct file *file;

		assert_true(store_backup_next_body(backup, &body, &found, NULL));
		if (!found)
			break;
		assert_false(body.is_missing);
		id_text(&body.id, id);
		snprintf(name, sizeof name, "bodies/%s", id);
		file = file_open(fixture_path(other, name), FILE_CREATE, NULL);
		assert_non_null(file);
		for (uint64_t offset = 0; offset < body.size; offset += piece.size) {
			piece.size = 0;
			assert_true(
				store_backup_read_body(backup, &body, offset, 30000, &piece, NULL));
			assert_true(file_write(file, buf_view(&piece), NULL));
		}
		octets += body.size;
		file_close(&file);
		count++;
	}
	assert_int_equal(octets, store_backup_body_bytes(backup));
	assert_int_equal(store_backup_schema(backup), 2);
	buf_clear(&piece);
	return count;
}

static void must_hold(struct fixture *other, size_t count, size_t size)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t listed;

	if (!fixture_open(other, &error))
		fail_msg("%s", error.text);
	assert_int_equal(fixture_troubles(other, &error), 0);
	assert_true(list_mailbox(other, 1, &messages, &listed, NULL));
	assert_int_equal(listed, count);
	for (size_t i = 0; i < listed; i++)
		assert_true(is_whole(other, &messages[i], i + 1, i % 2 ? size : 500));
	free(messages);
}

static void fill(struct fixture *fixture, uint64_t from, uint64_t count)
{
	for (uint64_t i = from; i < from + count; i++)
		assert_true(deliver(fixture, i, i % 2 ? 500 : LARGE, NULL));
}

static bool has_copy(struct fixture *fixture)
{
	return file_exists(fixture_path(fixture, "backup"));
}

static void test_whole(void **state)
{
	struct fixture *fixture = *state, *other = fixture_new();
	struct store_backup *backup;
	struct store_message *messages;
	size_t listed;

	create_mailbox(fixture, 1);
	fill(fixture, 1, 20);
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, NULL));
	assert_string_equal(store_backup_folder(backup), fixture_path(fixture, "backup"));
	/* All of it goes; but not from the disk, as long as the copy names it. */
	assert_true(list_mailbox(fixture, 1, &messages, &listed, NULL));
	assert_true(remove_messages(fixture, 1, messages, listed, NULL));
	free(messages);
	fixture_wait_for_rows(fixture, "messages", 0);
	fill(fixture, 50, 4);
	assert_int_equal(take_out(backup, other), 10);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 12);
	store_backup_end(&backup);
	assert_null(backup);
	fixture_wait_for_files(fixture, 2);
	assert_false(has_copy(fixture));
	must_hold(other, 20, LARGE);
	fixture_free(&other);
}

/* Mail comes and goes while pages are copied. */
static void test_under_way(void **state)
{
	struct fixture *fixture = *state, *other = fixture_new();
	struct store_backup *backup;
	struct store_message *messages;
	struct error error = { 0 };
	bool is_copied = false;
	uint64_t done, total, number = 1000;
	size_t listed;

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	fill(fixture, 1, 60);
	backup = begin(fixture);
	while (!is_copied) {
		for (int i = 0; i < 3; i++, number++)
			assert_true(deliver_to(fixture, number, 30000, 2, 1, NULL));
		assert_true(list_mailbox(fixture, 2, &messages, &listed, NULL));
		assert_true(remove_messages(fixture, 2, messages, listed / 2, NULL));
		free(messages);
		if (!store_backup_copy(backup, 1000, &is_copied, &done, &total, &error))
			fail_msg("%s", error.text);
	}
	assert_int_equal(take_out(backup, other), 30);
	store_backup_end(&backup);
	must_hold(other, 60, LARGE);
	fixture_close(other);
	fixture_sql(other, "PRAGMA integrity_check");
	fixture_free(&other);
}

/* ---- what stands in its way ---- */

static void test_one_at_a_time(void **state)
{
	struct fixture *fixture = *state;
	struct store_backup *backup;
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	fill(fixture, 1, 2);
	backup = begin(fixture);
	assert_null(store_backup_begin(fixture->store, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_non_null(strstr(error.text, "made already"));
	/* In the middle, and before its first step. */
	store_backup_end(&backup);
	assert_false(has_copy(fixture));
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, &error));
	store_backup_end(&backup);
	store_backup_end(&backup);
	assert_false(has_copy(fixture));
}

static void test_no_room(void **state)
{
	struct fixture *fixture = *state;
	struct store_backup *backup;
	struct error error = { 0 };
	uint64_t free_bytes = 0;

	fixture->owns_free = true;
	atomic_store(&fixture->free_bytes, 65 * (uint64_t)MIB);
	assert_true(fixture_open(fixture, &error));
	create_mailbox(fixture, 1);
	fill(fixture, 1, 4);
	assert_true(store_free_beside_reserve(fixture->store, &free_bytes, &error));
	assert_int_equal(free_bytes, 65 * (uint64_t)MIB);
	set_limits(fixture, 0, 2 * (uint64_t)MIB);
	assert_true(store_free_beside_reserve(fixture->store, &free_bytes, &error));
	assert_int_equal(free_bytes, 63 * (uint64_t)MIB);
	assert_null(store_backup_begin(fixture->store, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	assert_non_null(strstr(error.text, "64 MiB beside the reserve, and there are 63 MiB"));
	assert_false(has_copy(fixture));
	set_limits(fixture, 0, 100 * (uint64_t)MIB);
	assert_true(store_free_beside_reserve(fixture->store, &free_bytes, &error));
	assert_int_equal(free_bytes, 0);
	/* Refused, it is not taken. */
	set_limits(fixture, 0, 0);
	atomic_store(&fixture->free_bytes, 500 * (uint64_t)MIB);
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, &error));
	store_backup_end(&backup);
}

/* Mail needs the room: what the backup holds back is let go of, and the backup says so. */
static void test_mail_comes_first(void **state)
{
	struct fixture *fixture = *state;
	struct store_backup *backup;
	struct store_backup_body body;
	struct store_message *messages;
	struct error error = { 0 };
	bool is_copied, found;
	uint64_t done, total;
	size_t listed;
	struct buf piece;

	fixture->owns_free = true;
	atomic_store(&fixture->free_bytes, 500 * (uint64_t)MIB);
	assert_true(fixture_open(fixture, &error));
	create_mailbox(fixture, 1);
	fill(fixture, 1, 10);
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, &error));
	assert_true(store_backup_next_body(backup, &body, &found, &error) && found);
	assert_true(list_mailbox(fixture, 1, &messages, &listed, NULL));
	assert_true(remove_messages(fixture, 1, messages, listed, NULL));
	free(messages);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 5);
	atomic_store(&fixture->free_bytes, 10 * (uint64_t)MIB);
	set_limits(fixture, 0, 100 * (uint64_t)MIB);
	fixture_wait_for_files(fixture, 0);
	buf_init(&piece, 1000000);
	assert_false(store_backup_copy(backup, 1000, &is_copied, &done, &total, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	assert_non_null(strstr(error.text, "receiving mail comes first"));
	assert_false(store_backup_read_database(backup, 0, 1000, &piece, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	assert_false(store_backup_read_body(backup, &body, 0, 1000, &piece, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	/* The files that are gone are not told as missing. */
	assert_false(store_backup_next_body(backup, &body, &found, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	store_backup_end(&backup);
	buf_clear(&piece);
	assert_false(has_copy(fixture));
}

static void test_lost_bodies(void **state)
{
	struct fixture *fixture = *state;
	struct store_backup *backup;
	struct store_backup_body body;
	struct error error = { 0 };
	bool found = true;
	size_t missing = 0, there = 0;
	char name[80] = "bodies/", id[ID_TEXT_SIZE];
	struct buf piece;

	create_mailbox(fixture, 1);
	fill(fixture, 1, 6);
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, &error));
	assert_true(store_backup_next_body(backup, &body, &found, &error) && found);
	id_text(&body.id, id);
	strcat(name, id);
	buf_init(&piece, 1000000);
	/* Cut short while it is read. */
	assert_int_equal(truncate(fixture_path(fixture, name), LARGE / 2), 0);
	assert_false(store_backup_read_body(backup, &body, 0, LARGE, &piece, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_non_null(strstr(error.text, "became shorter"));
	store_backup_end(&backup);
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, &error));
	for (;;) {
		assert_true(store_backup_next_body(backup, &body, &found, &error));
		if (!found)
			break;
		missing += body.is_missing;
		there += !body.is_missing;
	}
	assert_int_equal(missing, 1);
	assert_int_equal(there, 2);
	/* Gone altogether, after it was listed. */
	body.id = make_id('z', 1);
	body.size = 10;
	assert_false(store_backup_read_body(backup, &body, 0, 10, &piece, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	store_backup_end(&backup);
	buf_clear(&piece);
}

static void test_left_by_a_crash(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { 0 };

	fixture_close(fixture);
	assert_true(folder_create(fixture_path(fixture, "backup"), NULL));
	assert_true(
		file_save(fixture_path(fixture, "backup/lettergate.db"), bytes_of("half"), NULL));
	assert_true(fixture_open(fixture, &error));
	assert_false(has_copy(fixture));
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

/* The copying fails; the store does not. */
static void test_a_disk_that_refuses(void **state)
{
	struct fixture *fixture = *state;
	struct store_backup *backup;
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	fill(fixture, 1, 40);
	fail_database(VFS_WRITE, "backup/lettergate.db", SQLITE_FULL, -1);
	backup = begin(fixture);
	assert_false(wait_for_copy(backup, &error));
	assert_int_equal(error.kind, ERROR_FULL);
	assert_non_null(strstr(error.text, "copying the database"));
	store_backup_end(&backup);
	fail_nothing();
	fail_database(VFS_WRITE, "backup/lettergate.db", SQLITE_IOERR, -1);
	backup = begin(fixture);
	assert_false(wait_for_copy(backup, &error));
	assert_int_equal(error.kind, ERROR_IO);
	store_backup_end(&backup);
	fail_nothing();
	fail_file(FILE_OP_FOLDER_CREATE, "backup", EACCES, 1);
	assert_null(store_backup_begin(fixture->store, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	fail_file(FILE_OP_OPEN, "backup/lettergate.db", EIO, 1);
	assert_null(store_backup_begin(fixture->store, &error));
	assert_int_equal(error.kind, ERROR_IO);
	fail_nothing();
	assert_true(deliver(fixture, 100, 500, &error));
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, &error));
	store_backup_end(&backup);
	assert_false(has_copy(fixture));
}

/* The database is closed after a sync that failed: the copy would be of one that is doubted. */
static void test_a_sync_that_fails(void **state)
{
	struct fixture *fixture = *state;
	struct store_backup *backup;
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	fill(fixture, 1, 400);
	backup = begin(fixture);
	fail_database(VFS_SYNC, "lettergate.db-wal", SQLITE_IOERR, 1);
	(void)deliver(fixture, 500, 500, &error);
	fail_nothing();
	/* Either it was whole before, or it says why not. */
	if (!wait_for_copy(backup, &error))
		assert_non_null(strstr(error.text, "closed while it was copied"));
	store_backup_end(&backup);
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, &error));
	store_backup_end(&backup);
}

/* ---- a copy that came back ---- */

struct seen {
	size_t count;
	uint64_t octets;
	struct id last;
};

static void see(void *context, const struct id *id, uint64_t size)
{
	struct seen *seen = context;

	assert_true(!seen->count || memcmp(&seen->last, id, sizeof *id) < 0);
	seen->last = *id;
	seen->count++;
	seen->octets += size;
}

static void make_image(struct fixture *fixture, const char *path)
{
	struct store_backup *backup;

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	fill(fixture, 1, 12);
	assert_true(deliver_to(fixture, 50, LARGE, 1, 2, NULL));
	backup = begin(fixture);
	assert_true(wait_for_copy(backup, NULL));
	write_database(backup, path);
	store_backup_end(&backup);
}

static void refuses(const char *path, enum error_kind kind, const char *says)
{
	struct store_image_facts facts;
	struct error error = { 0 };

	assert_false(store_image_check(path, &facts, NULL, NULL, &error));
	assert_int_equal(error.kind, kind);
	if (!strstr(error.text, says))
		fail_msg("\"%s\" is not said, but \"%s\"", says, error.text);
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void test_image(void **state)
{
	struct fixture *fixture = *state;
	struct store_image_facts facts;
	struct seen seen = { 0 };
	char path[PATH_SIZE], work[PATH_SIZE], beside[PATH_SIZE + 8];
	struct error error = { 0 };
	struct buf image;

	snprintf(path, sizeof path, "%s", fixture_path(fixture, "image"));
	snprintf(work, sizeof work, "%s", fixture_path(fixture, "work"));
	make_image(fixture, path);
	if (!store_image_check(path, &facts, see, &seen, &error))
		fail_msg("%s", error.text);
	assert_int_equal(facts.schema, 2);
	assert_int_equal(facts.mailboxes, 2);
	assert_int_equal(facts.waiting, 14);
	assert_int_equal(facts.body_files, 7);
	assert_int_equal(seen.count, 7);
	assert_int_equal(seen.octets, facts.body_bytes);
	assert_true(store_image_set(path, "state.restored", "somewhere", &error));
	assert_true(store_image_check(path, &facts, NULL, NULL, &error));
	for (size_t i = 0; i < 3; i++) {
		static const char *const suffixes[] = { "-wal", "-shm", "-journal" };

		snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]);
		assert_false(file_exists(beside));
	}

	/* Cut short, at the end of a page and in one. */
	buf_init(&image, 64 * MIB);
	assert_true(file_load(path, &image, NULL));
	for (size_t size = 0; size < image.size; size += image.size / 23) {
		assert_true(file_save(work, bytes_head(buf_view(&image), size), NULL));
		if (size > 100)
			refuses(work, ERROR_CORRUPT, "");
		else
			assert_false(store_image_check(work, &facts, NULL, NULL, &error) &&
				     facts.mailboxes);
	}
	/* A page of an index or a tree overwritten. */
	for (size_t page = 1; page < 8; page++) {
		uint8_t before[4096];

		memcpy(before, image.data + page * 4096, sizeof before);
		memset(image.data + page * 4096, 0xa5, sizeof before);
		assert_true(file_save(work, buf_view(&image), NULL));
		refuses(work, ERROR_CORRUPT, "");
		memcpy(image.data + page * 4096, before, sizeof before);
	}
	buf_clear(&image);

	assert_true(file_save(work,
		bytes_of("This is no database, but a letter of some length, "
			 "which somebody has called one."),
		NULL));
	refuses(work, ERROR_CORRUPT, "");
	refuses(fixture_path(fixture, "nothing"), ERROR_IO, "");

	/* Empty; of another program, and of a newer one of ours. */
	assert_true(file_save(work, bytes_of(""), NULL));
	refuses(work, ERROR_CORRUPT, "not the tables");
	assert_int_equal(unlink(work), 0);
	run_sql(work, "CREATE TABLE notes (text)");
	refuses(work, ERROR_CORRUPT, "not a database of Lettergate");
	assert_true(file_copy(path, work, NULL, NULL));
	run_sql(work, "PRAGMA user_version = 99");
	refuses(work, ERROR_STATE, "newer version");
	/* What the file itself would have run is not run. */
	assert_true(file_copy(path, work, NULL, NULL));
	run_sql(work, "CREATE TRIGGER t AFTER INSERT ON settings BEGIN DELETE FROM mailboxes; END; "
		      "DROP TABLE counters; CREATE VIEW counters AS SELECT 7 AS waiting");
	if (store_image_check(work, &facts, NULL, NULL, &error))
		assert_int_equal(facts.waiting, 7);
	assert_true(file_copy(path, work, NULL, NULL));
	run_sql(work, "UPDATE bodies SET id = zeroblob(16); PRAGMA writable_schema = ON; "
		      "UPDATE sqlite_schema SET sql = replace(sql, 'length(id) = 16', '1') WHERE "
		      "name = 'bodies'");
	run_sql(work,
		"UPDATE bodies SET id = x'00' WHERE number = (SELECT max(number) FROM bodies)");
	refuses(work, ERROR_CORRUPT, "");
	assert_false(store_image_set(fixture_path(fixture, "no/folder"), "a", "b", &error));
	/* Left with a log: the row is in the file all the same. */
	assert_true(file_copy(path, work, NULL, NULL));
	run_sql(work, "PRAGMA journal_mode = WAL");
	assert_true(store_image_set(work, "state.restored", "elsewhere", &error));
	snprintf(beside, sizeof beside, "%s-wal", work);
	assert_false(file_exists(beside));
	run_sql(work, "CREATE TABLE t AS SELECT 1 / (value = 'elsewhere') AS one FROM settings "
		      "WHERE key = 'state.restored'");
	run_sql(work, "CREATE TABLE u (one NOT NULL); INSERT INTO u SELECT one FROM t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
#define CLOSED(test) cmocka_unit_test_setup_teardown(test, fixture_set_up_closed, fixture_tear_down)
		OPEN(test_whole),
		OPEN(test_under_way),
		OPEN(test_one_at_a_time),
		CLOSED(test_no_room),
		CLOSED(test_mail_comes_first),
		OPEN(test_lost_bodies),
		OPEN(test_left_by_a_crash),
		OPEN(test_a_disk_that_refuses),
		OPEN(test_a_sync_that_fails),
		OPEN(test_image),
	};

	failing_files_set();
	failing_database_set();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_store_read_only.c -- a database with a damaged page: what can be read of it is handed out, nothing is written any
 * more, and that is told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "store/store_backup.h"
#include "test_store_fixture.h"

enum { SMALL = 500, LARGE = 100000, PAGE = 4096 };

struct told {
	atomic_int count;
	struct error why;
};

static void on_damage(void *context, const struct error *why)
{
	struct told *told = context;

	told->why = *why;
	atomic_fetch_add(&told->count, 1);
}

static void on_trouble(void *context, const struct error *trouble)
{
	(void)context;
	(void)trouble;
}

/* Into the fixture, which then closes it. */
static bool open_with(struct fixture *fixture, struct told *told, struct error *error)
{
	const struct store_options options = { .folder = fixture->folder,
		.on_trouble = on_trouble,
		.on_damage = told ? on_damage : NULL,
		.context = told };

	fixture->store = store_open(&options, error);
	return fixture->store != NULL;
}

static long root_of(const struct fixture *fixture, const char *name)
{
	char sql[200];
	sqlite3 *database;
	sqlite3_stmt *read;
	long page;

	snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", name);
	assert_int_equal(
		sqlite3_open(fixture_path(fixture, "lettergate.db"), &database), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &read, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(read), SQLITE_ROW);
	page = (long)sqlite3_column_int64(read, 0);
	sqlite3_finalize(read);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
	return page;
}

/* The page where that table or index begins is overwritten; the store is closed. */
static void damage(const struct fixture *fixture, const char *name)
{
	long page = root_of(fixture, name);
	char garbage[PAGE];
	FILE *file = fopen(fixture_path(fixture, "lettergate.db"), "r+b");

	assert_non_null(file);
	memset(garbage, 0xa5, sizeof garbage);
	assert_int_equal(fseek(file, (page - 1) * PAGE, SEEK_SET), 0);
	assert_int_equal(fwrite(garbage, 1, PAGE, file), PAGE);
	assert_int_equal(fclose(file), 0);
}

static void fill(struct fixture *fixture)
{
	assert_true(fixture_open(fixture, NULL));
	create_mailbox(fixture, 1);
	assert_true(deliver(fixture, 1, SMALL, NULL));
	assert_true(deliver(fixture, 2, LARGE, NULL));
	fixture_close(fixture);
}

static void must_be_read(struct fixture *fixture)
{
	struct store_message *messages;
	size_t count;

	assert_true(list_mailbox(fixture, 1, &messages, &count, NULL));
	assert_int_equal(count, 2);
	assert_true(is_whole(fixture, &messages[0], 1, SMALL));
	assert_true(is_whole(fixture, &messages[1], 2, LARGE));
	free(messages);
	assert_int_equal(counts_of(fixture, 1).received, 2);
}

static void must_refuse(const struct error *error)
{
	assert_int_equal(error->kind, ERROR_CORRUPT);
	assert_non_null(strstr(error->text, "is only read"));
}

static void must_not_be_written(struct fixture *fixture)
{
	const struct id id = make_mailbox(1).id;
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_false(deliver(fixture, 3, SMALL, &error));
	must_refuse(&error);
	assert_false(deliver(fixture, 4, LARGE, &error));
	must_refuse(&error);
	assert_true(list_mailbox(fixture, 1, &messages, &count, NULL));
	assert_false(remove_messages(fixture, 1, messages, count, &error));
	must_refuse(&error);
	free(messages);
	assert_false(store_setting_set(fixture->store, "a", "b", &error));
	must_refuse(&error);
	assert_false(store_mailbox_delete(fixture->store, &id, &error));
	must_refuse(&error);
	assert_null(store_backup_begin(fixture->store, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "would be no backup"));
}

static void test_found_at_the_start(void **state)
{
	static const char *const names[] = { "ledger_signatures", "aliases", "discarded",
		"old_keys" };
	struct fixture *fixture = *state;
	struct told told = { 0 };
	struct error error = { 0 };

	fill(fixture);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		damage(fixture, names[i]);
		assert_false(open_with(fixture, NULL, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
		/* Again and again the same: it does not get worse. */
		for (int round = 0; round < 2; round++) {
			atomic_store(&told.count, 0);
			assert_true(open_with(fixture, &told, &error));
			assert_int_equal(atomic_load(&told.count), 1);
			assert_int_equal(told.why.kind, ERROR_CORRUPT);
			assert_true(store_is_damaged(fixture->store, NULL));
			assert_true(store_is_damaged(fixture->store, &error));
			assert_string_equal(error.text, told.why.text);
			must_be_read(fixture);
			must_not_be_written(fixture);
			must_be_read(fixture);
			assert_int_equal(atomic_load(&told.count), 1);
			fixture_close(fixture);
		}
		assert_int_equal(fixture_count_files(fixture, "bodies"), 1);
	}
}

/* Without its mailboxes nothing can be handed out. */
static void test_nothing_to_read(void **state)
{
	struct fixture *fixture = *state;
	struct told told = { 0 };
	struct error error = { 0 };

	fill(fixture);
	damage(fixture, "mailboxes");
	assert_false(open_with(fixture, &told, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_int_equal(atomic_load(&told.count), 0);
}

/* An index that a start does not look at: the first write that needs it finds the damage. */
static void test_found_by_a_write(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct told told = { 0 };
	struct error error = { 0 };
	size_t count;
	bool is_damaged = false;

	fill(fixture);
	damage(fixture, "messages_collected");
	assert_true(open_with(fixture, &told, &error));
	assert_false(store_is_damaged(fixture->store, NULL));
	set_limits(fixture, INT64_MAX / 4, 0);
	must_be_read(fixture);
	assert_true(list_mailbox(fixture, 1, &messages, &count, NULL));
	for (int i = 0; i < 100 && !is_damaged; i++) {
		assert_false(remove_messages(fixture, 1, messages, 1, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
		is_damaged = store_is_damaged(fixture->store, &error);
	}
	free(messages);
	assert_true(is_damaged);
	assert_int_equal(atomic_load(&told.count), 1);
	must_be_read(fixture);
	must_not_be_written(fixture);
	assert_int_equal(atomic_load(&told.count), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CLOSED(test) cmocka_unit_test_setup_teardown(test, fixture_set_up_closed, fixture_tear_down)
		CLOSED(test_found_at_the_start),
		CLOSED(test_nothing_to_read),
		CLOSED(test_found_by_a_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_store_scan.c -- what the start finds in the folder of bodies, and what it does about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/file.h"
#include "test_store_fixture.h"

enum { LARGE = 200000 };

static const char *body_name(uint64_t number, const char *folder, const char *ending)
{
	static char name[100];
	const struct id id = make_id('y', number);
	char text[ID_TEXT_SIZE];

	id_text(&id, text);
	snprintf(name, sizeof name, "%s/%s%s", folder, text, ending);
	return name;
}

static void put_file(struct fixture *fixture, const char *name)
{
	FILE *file = fopen(fixture_path(fixture, name), "w");

	assert_non_null(file);
	fputs("sealed", file);
	fclose(file);
}

static void reopen(struct fixture *fixture)
{
	struct error error = { 0 };

	fixture_close(fixture);
	if (!fixture_open(fixture, &error))
		fail_msg("%s", error.text);
}

static void test_partial_files_go(void **state)
{
	struct fixture *fixture = *state;

	put_file(fixture, body_name(1, "bodies", ".part"));
	put_file(fixture, body_name(2, "bodies", ".part"));
	reopen(fixture);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 0);
	assert_int_equal(fixture_count_files(fixture, "bodies/lost"), 0);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

static void test_files_without_a_row_are_kept_and_told(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct error error = { 0 }, trouble;
	size_t count;

	create_mailbox(fixture, 1);
	for (uint64_t i = 0; i < 20; i++)
		assert_true(deliver(fixture, i, LARGE, &error));
	for (uint64_t i = 100; i < 107; i++)
		put_file(fixture, body_name(i, "bodies", ""));
	reopen(fixture);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 20);
	assert_int_equal(fixture_count_files(fixture, "bodies/lost"), 7);
	assert_int_equal(fixture_troubles(fixture, &trouble), 1);
	assert_non_null(strstr(trouble.text, "7 sealed messages"));
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	for (uint64_t i = 0; i < 20; i++)
		assert_true(is_whole(fixture, &messages[i], i, LARGE));
	free(messages);
	/* Told once: they are where they belong now. */
	reopen(fixture);
	assert_int_equal(fixture_troubles(fixture, NULL), 1);
	assert_int_equal(fixture_count_files(fixture, "bodies/lost"), 7);
}

static void test_rows_without_a_file_are_told(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct error error = { 0 }, trouble;
	struct buf sealed;
	bool is_end;
	size_t count;

	create_mailbox(fixture, 1);
	for (uint64_t i = 0; i < 10; i++)
		assert_true(deliver(fixture, i, i == 9 ? 10 : LARGE, &error));
	fixture_close(fixture);
	for (uint64_t i = 0; i < 9; i += 4)
		assert_int_equal(unlink(fixture_path(fixture, body_name(i, "bodies", ""))), 0);
	assert_int_equal(truncate(fixture_path(fixture, body_name(1, "bodies", "")), 1000), 0);
	reopen(fixture);
	assert_int_equal(fixture_troubles(fixture, &trouble), 1);
	assert_non_null(strstr(trouble.text, "of 3 messages are missing"));

	/* The messages stay listed; reading says what is wrong with them. */
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 10);
	for (uint64_t i = 0; i < 10; i++) {
		buf_init(&sealed, LARGE);
		if (i % 4 == 0 || i == 1) {
			assert_false(read_piece(
				fixture, &messages[i], 0, LARGE, &sealed, &is_end, &error));
			assert_int_equal(error.kind, ERROR_CORRUPT);
		} else {
			assert_true(is_whole(fixture, &messages[i], i, i == 9 ? 10 : LARGE));
		}
		buf_clear(&sealed);
	}
	free(messages);
}

static void test_other_files_stay(void **state)
{
	static const char *const names[] = { "bodies/notes.txt", "bodies/notes.part", "bodies/0123",
		"bodies/0123.part", "bodies/0123456789abcdef0123456789abcdef.tmp",
		"bodies/0123456789abcdef0123456789abcdeg" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		put_file(fixture, names[i]);
	reopen(fixture);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_true(file_exists(fixture_path(fixture, names[i])));
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

/* The crash between the commit of a removal and its unlink: the row says that the file may go. */
static void test_discarded_files_are_not_lost(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('y', 1);
	char text[ID_TEXT_SIZE], sql[200];

	put_file(fixture, body_name(1, "bodies", ""));
	fixture_close(fixture);
	id_text(&id, text);
	snprintf(
		sql, sizeof sql, "INSERT INTO discarded (id) VALUES (x'%s'), (zeroblob(16))", text);
	fixture_sql(fixture, sql);
	reopen(fixture);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 0);
	assert_int_equal(fixture_count_files(fixture, "bodies/lost"), 0);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
	fixture_close(fixture);
	fixture_sql(fixture, "CREATE TEMP TABLE proof (n CHECK (n = 0));"
			     "INSERT INTO proof SELECT count(*) FROM discarded;");
}

/* The crash in the middle of purging a deleted mailbox. */
static void test_a_purge_goes_on(void **state)
{
	struct fixture *fixture = *state;
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	for (uint64_t i = 0; i < 10; i++)
		assert_true(deliver(fixture, i, LARGE, &error));
	fixture_close(fixture);
	fixture_sql(fixture,
		"DELETE FROM counters; INSERT INTO purges SELECT number FROM mailboxes;"
		"DELETE FROM mailboxes;");
	reopen(fixture);
	for (int i = 0; i < 1000 && fixture_count_files(fixture, "bodies"); i++)
		usleep(10000);
	assert_int_equal(fixture_count_files(fixture, "bodies"), 0);
	fixture_close(fixture);
	fixture_sql(fixture, "CREATE TEMP TABLE proof (n CHECK (n = 0));"
			     "INSERT INTO proof SELECT count(*) FROM messages;"
			     "INSERT INTO proof SELECT count(*) FROM bodies;"
			     "INSERT INTO proof SELECT count(*) FROM purges;");
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		OPEN(test_partial_files_go),
		OPEN(test_files_without_a_row_are_kept_and_told),
		OPEN(test_rows_without_a_file_are_told),
		OPEN(test_other_files_stay),
		OPEN(test_discarded_files_are_not_lost),
		OPEN(test_a_purge_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

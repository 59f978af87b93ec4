/* test_store_damage.c -- a database that somebody has damaged: tables that are not there, rows that cannot be.
 * Whatever is asked says so in words, does nothing by halves, and works again when the damage is mended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_store_ask.h"

/* ---- a store with one of everything, closed ---- */

static void fill(struct fixture *fixture)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_true(fixture_open(fixture, &error));
	set_limits(fixture, INT64_MAX / 4, 0);
	create_mailbox(fixture, 1);
	assert_true(deliver(fixture, 1, ASK_SMALL, &error));
	assert_true(deliver(fixture, 2, ASK_LARGE, &error));
	assert_true(deliver(fixture, 3, ASK_SMALL, &error));
	/* The last one is collected and kept. */
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_true(remove_messages(fixture, 1, messages + 2, 1, &error));
	free(messages);
	assert_true(do_edit_facts(fixture, &error));
	assert_true(do_sign(fixture, &error));
	fixture_close(fixture);
	fixture_sql(fixture,
		"INSERT INTO old_keys SELECT number, 1, zeroblob(32), x'00' FROM mailboxes;"
		"UPDATE mailboxes SET generation = 2;");
}

/* Everything is as fill() left it. */
static void assert_filled(struct fixture *fixture)
{
	const struct store_mailbox_counts counts = counts_of(fixture, 1);
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_int_equal(counts.received, 3);
	assert_int_equal(counts.collected, 1);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 2);
	assert_true(is_whole(fixture, &messages[0], 1, ASK_SMALL));
	assert_true(is_whole(fixture, &messages[1], 2, ASK_LARGE));
	free(messages);
	assert_int_equal(fixture_count_rows(fixture, "mailboxes"), 1);
	assert_int_equal(fixture_count_rows(fixture, "mailboxes WHERE name = 'Another name'"), 1);
	assert_int_equal(fixture_count_rows(fixture, "mailbox_facts"), 1);
	assert_int_equal(fixture_count_rows(fixture, "aliases"), 0);
	assert_int_equal(fixture_count_rows(fixture, "old_keys"), 1);
	assert_int_equal(fixture_count_rows(fixture, "ledger"), 3);
	assert_int_equal(fixture_count_rows(fixture, "ledger_signatures"), 1);
	assert_int_equal(fixture_count_rows(fixture, "settings"), 0);
	assert_int_equal(fixture_count_rows(fixture, "bodies"), 3);
	assert_int_equal(fixture_count_rows(fixture, "discarded"), 0);
	assert_int_equal(fixture_count_rows(fixture, "purges"), 0);
}

/* ---- tables that are not there ---- */

/* By somebody else, who brings it into the database file too: what is in the log alone, and not from this
 * process, would be cut off when the store opens the database again. */
static void move_table(struct fixture *fixture, const char *table, const char *to)
{
	char sql[300];

	snprintf(sql, sizeof sql,
		"PRAGMA busy_timeout = 5000; PRAGMA legacy_alter_table = ON;"
		"ALTER TABLE %s RENAME TO %s; PRAGMA wal_checkpoint(TRUNCATE);",
		table, to);
	fixture_sql(fixture, sql);
}

static void open_or_fail(struct fixture *fixture, const char *what)
{
	struct error error = { 0 };

	if (!fixture_open(fixture, &error))
		fail_msg("%s: %s", what, error.text);
}

static const struct {
	const char *table;
	store_operation *run;
} missing[] = {
	{ "settings", do_set },
	{ "settings", ask_settings },
	{ "mailboxes", ask_list },
	{ "mailboxes", do_deliver },
	{ "mailboxes", do_remove },
	{ "mailboxes", do_create },
	{ "mailboxes", do_suspend },
	{ "mailboxes", do_delete },
	{ "mailboxes", ask_mailbox },
	{ "mailboxes", ask_mailboxes },
	{ "mailboxes", do_edit_name },
	{ "mailboxes", do_rekey },
	{ "mailboxes", ask_old_keys },
	{ "mailboxes", do_quarantine },
	{ "mailboxes", do_restore },
	{ "mailboxes", ask_facts },
	{ "mailbox_facts", do_edit_facts },
	{ "mailbox_facts", ask_facts },
	{ "mailbox_facts", do_delete },
	{ "aliases", do_edit_aliases },
	{ "aliases", do_delete },
	{ "old_keys", do_rekey },
	{ "old_keys", ask_old_keys },
	{ "counters", do_create },
	{ "counters", do_deliver },
	{ "counters", do_remove },
	{ "counters", do_keep },
	{ "counters", do_restore },
	{ "counters", ask_mailbox },
	{ "counters", ask_head },
	{ "messages", ask_list },
	{ "messages", ask_read },
	{ "messages", do_deliver },
	{ "messages", do_remove },
	{ "messages", do_restore },
	{ "messages", ask_copies },
	{ "messages", do_quarantine },
	{ "bodies", ask_read },
	{ "bodies", do_deliver },
	{ "bodies", do_remove },
	{ "ledger", do_deliver },
	{ "ledger", ask_head },
	{ "ledger", ask_ledger },
	{ "ledger_signatures", do_sign },
	{ "ledger_signatures", ask_head },
	{ "ledger_signatures", ask_signatures },
};

static void test_a_start_without_a_table(void **state)
{
	static const char *const tables[] = { "settings", "mailboxes", "counters", "bodies",
		"messages", "discarded", "purges", "mailbox_facts", "aliases", "old_keys", "ledger",
		"ledger_signatures" };
	struct fixture *fixture = *state;

	fill(fixture);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		struct error error = { 0 };

		move_table(fixture, tables[i], "elsewhere");
		assert_false(fixture_open(fixture, &error));
		if (!strstr(error.text, "opening the mail store") || !strstr(error.text, tables[i]))
			fail_msg("%s: %s", tables[i], error.text);
		move_table(fixture, "elsewhere", tables[i]);
	}
	open_or_fail(fixture, "all tables");
	assert_filled(fixture);
}

/* It goes while the store is open. */
static void test_missing_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
		struct fixture *fixture = fixture_new();
		const char *table = missing[i].table;
		struct error error = { 0 };

		fill(fixture);
		open_or_fail(fixture, "filled");
		move_table(fixture, table, "elsewhere");
		if (missing[i].run(fixture, &error))
			fail_msg("row %zu: done without the table %s", i, table);
		if (error.kind != ERROR_IO || !strstr(error.text, table))
			fail_msg("row %zu: without the table %s: %s", i, table, error.text);
		move_table(fixture, "elsewhere", table);
		fixture_close(fixture);
		open_or_fail(fixture, table);
		assert_filled(fixture);
		if (!missing[i].run(fixture, &error))
			fail_msg("row %zu: with the table %s again: %s", i, table, error.text);
		fixture_free(&fixture);
	}
}

/* ---- rows that cannot be ---- */

static const struct {
	const char *damage;
	store_operation *run;
	const char *says;
} rows[] = {
	{ "UPDATE messages SET id = x'00'", ask_list, "a message's id in the database" },
	{ "UPDATE messages SET id = x'00'", ask_copies, "a message's id in the database" },
	{ "UPDATE messages SET sealed_id = x'00'", ask_list, "a message's id in the database" },
	{ "UPDATE bodies SET id = x'00' WHERE sealed IS NOT NULL", ask_read, "a body's id" },
	{ "UPDATE bodies SET sealed = x'00' WHERE sealed IS NOT NULL", ask_read,
		"not as long as the index says" },
	{ "UPDATE bodies SET sealed_size = 499 WHERE sealed IS NOT NULL", ask_read,
		"not as long as the index says" },
	{ "UPDATE ledger SET digest = x'00'", ask_ledger, "a row of the ledger" },
	{ "UPDATE ledger SET link = zeroblob(33)", ask_ledger, "a row of the ledger" },
	{ "UPDATE ledger SET receipt = zeroblob(129)", ask_ledger, "a row of the ledger" },
	{ "UPDATE ledger_signatures SET head = x'00'", ask_signatures,
		"a signature of the ledger" },
	{ "UPDATE ledger_signatures SET signature = x'00'", ask_signatures,
		"a signature of the ledger" },
	{ "UPDATE old_keys SET box_key = x'00'", ask_old_keys, "an old key of a mailbox" },
	{ "UPDATE old_keys SET sealed_secret = zeroblob(257)", ask_old_keys,
		"an old key of a mailbox" },
	{ "UPDATE mailboxes SET box_key = x'00'", ask_mailbox, "a mailbox in the database" },
	{ "UPDATE mailboxes SET key_signature = x'00'", ask_mailboxes,
		"reading the mailboxes: a mailbox in the database" },
	{ "UPDATE mailboxes SET password_wrap = zeroblob(513)", ask_mailbox,
		"a mailbox in the database" },
	{ "UPDATE mailboxes SET id = x'00'", ask_facts, "a mailbox's id in the database" },
	{ "DELETE FROM counters", ask_head, "no counters" },
};

static void test_rows_that_cannot_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture *fixture = fixture_new();
		struct error error = { 0 };
		char sql[300];

		fill(fixture);
		snprintf(sql, sizeof sql, "PRAGMA ignore_check_constraints = ON; %s",
			rows[i].damage);
		fixture_sql(fixture, sql);
		open_or_fail(fixture, rows[i].damage);
		if (rows[i].run(fixture, &error))
			fail_msg("%s: taken as it is", rows[i].damage);
		if (error.kind != ERROR_CORRUPT || !strstr(error.text, rows[i].says))
			fail_msg("%s: %s", rows[i].damage, error.text);
		/* It is that row's trouble and no one else's. */
		assert_true(do_set(fixture, &error));
		assert_int_equal(fixture_troubles(fixture, NULL), 0);
		fixture_free(&fixture);
	}
}

/* ---- what the store does by itself ---- */

static void wait_for_trouble(struct fixture *fixture, const char *says)
{
	struct error trouble = { 0 };

	for (int i = 0; i < 1000 && !fixture_troubles(fixture, &trouble); i++)
		usleep(10000);
	if (!strstr(trouble.text, says))
		fail_msg("'%s' is not in: %s", says, trouble.text);
}

/* A database that could not be opened is tried again once a second. */
static void wait_until_it_works(struct fixture *fixture)
{
	struct error error = { 0 };

	for (int i = 0; i < 1000 && !do_set(fixture, &error); i++)
		usleep(10000);
	if (!do_set(fixture, &error))
		fail_msg("%s", error.text);
}

/* What a deleted mailbox leaves cannot be cleared away, which is told, and is when it can be. */
static void test_work_in_the_background(void **state)
{
	static const char *const tables[] = { "discarded", "messages", "ledger" };

	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		struct fixture *fixture = fixture_new();
		struct error error = { 0 };
		bool is_deleted;

		fill(fixture);
		open_or_fail(fixture, "filled");
		move_table(fixture, tables[i], "elsewhere");
		/* Unless the store has met the damage before, and waits for an end of it. */
		is_deleted = do_delete(fixture, &error);
		wait_for_trouble(fixture, tables[i]);
		move_table(fixture, "elsewhere", tables[i]);
		wait_until_it_works(fixture);
		assert_true(is_deleted || do_delete(fixture, &error));
		fixture_wait_for_rows(fixture, "messages", 0);
		fixture_wait_for_rows(fixture, "ledger", 0);
		fixture_wait_for_rows(fixture, "ledger_signatures", 0);
		fixture_wait_for_rows(fixture, "purges", 0);
		fixture_wait_for_files(fixture, 0);
		fixture_free(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_start_without_a_table, fixture_set_up_closed, fixture_tear_down),
		cmocka_unit_test(test_missing_tables),
		cmocka_unit_test(test_rows_that_cannot_be),
		cmocka_unit_test(test_work_in_the_background),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_store_scale.c -- a mailbox of 100,000 messages: listed from the index alone, opened quickly, its ledger
 * verified. The
 * times are printed; the limits are wide enough for a busy machine and a sanitizer. */
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
#include "store/store_ledger.h"
#include "store_database_internal.h"
#include "test_store_fixture.h"

enum { MESSAGES = 100000, PILE = 1000, FILES = 20000, SIZE = 300 };

static void count_down(struct store_delivery *delivery)
{
	latch_count_down(delivery->context);
}

static void fill(struct fixture *fixture)
{
	static struct store_delivery *pile[PILE];

	for (uint64_t number = 0; number < MESSAGES; number += PILE) {
		struct latch latch;

		latch_init(&latch, PILE);
		for (size_t i = 0; i < PILE; i++) {
			pile[i] = delivery_new(fixture, number + i, SIZE, 1, 1);
			pile[i]->done = count_down;
			pile[i]->context = &latch;
			store_delivery_submit(fixture->store, pile[i]);
		}
		assert_true(latch_wait(&latch));
		for (size_t i = 0; i < PILE; i++) {
			assert_true(pile[i]->ok);
			delivery_free(pile[i]);
		}
		latch_clear(&latch);
	}
}

static double since_ms(int64_t start_us)
{
	return (double)(clock_monotonic_us() - start_us) / 1000;
}

/* Collected at once: the space becomes reusable, and when nothing happens the file shrinks. */
static void collect_all(struct fixture *fixture)
{
	struct store_message *messages;
	struct store_figures full, before, after;
	struct error error = { 0 };
	int64_t start = clock_monotonic_us();
	size_t count;

	assert_true(store_figures(fixture->store, &full, &error));
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_true(remove_messages(fixture, 1, messages, count, &error));
	print_message("removed in %.0f ms\n", since_ms(start));
	free(messages);
	assert_int_equal(count_waiting(fixture, 1), 0);
	assert_int_equal(counts_of(fixture, 1).collected, MESSAGES);
	assert_true(store_figures(fixture->store, &before, &error));
	assert_true(before.reusable_bytes > full.used_bytes / 2);
	after = before;
	for (int i = 0; i < 200 && after.used_bytes >= before.used_bytes; i++) {
		usleep(100000);
		assert_true(store_figures(fixture->store, &after, &error));
	}
	assert_true(after.used_bytes < before.used_bytes);
	assert_true(after.reusable_bytes < before.reusable_bytes);
}

struct chain {
	struct id mailbox;
	uint64_t number;
	uint8_t link[STORE_LINK_SIZE];
};

static bool verify_row(void *context, const struct store_ledger_row *row)
{
	struct chain *chain = context;

	store_ledger_link(&chain->mailbox, chain->link, row, chain->link);
	chain->number++;
	return chain->number == row->number &&
	       memcmp(chain->link, row->link, sizeof chain->link) == 0;
}

static void verify_ledger(struct fixture *fixture)
{
	struct chain chain = { .mailbox = make_id('b', 1) };
	struct error error = { 0 };
	int64_t start = clock_monotonic_us();

	store_ledger_origin(&chain.mailbox, chain.link);
	assert_true(
		store_ledger_each(fixture->store, &chain.mailbox, 1, verify_row, &chain, &error));
	print_message("verified %u rows of the ledger in %.0f ms\n", (unsigned)chain.number,
		since_ms(start));
	assert_int_equal(chain.number, MESSAGES);
	assert_true(since_ms(start) < 10000);
}

static void test_a_full_mailbox(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct error error = { 0 };
	int64_t start;
	size_t count;

	create_mailbox(fixture, 1);
	start = clock_monotonic_us();
	fill(fixture);
	print_message("stored %d messages in %.0f ms\n", MESSAGES, since_ms(start));

	fixture_close(fixture);
	start = clock_monotonic_us();
	assert_true(fixture_open(fixture, &error));
	print_message("opened in %.1f ms\n", since_ms(start));
	assert_true(since_ms(start) < 1000);

	for (int round = 0; round < 2; round++) {
		start = clock_monotonic_us();
		assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
		print_message("listed in %.1f ms\n", since_ms(start));
		assert_true(since_ms(start) < 2000);
		assert_int_equal(count, MESSAGES);
		for (size_t i = 1; i < count; i++)
			assert_true(messages[i - 1].number < messages[i].number);
		free(messages);
	}
	verify_ledger(fixture);
	collect_all(fixture);
}

static void test_lists_and_scans_read_an_index_only(void **state)
{
	static const struct {
		enum statement statement;
		const char *plan;
	} rows[] = {
		{ SQL_MESSAGE_LIST, "USING COVERING INDEX messages_of_mailbox" },
		{ SQL_BODY_FILES, "USING COVERING INDEX bodies_in_files" },
		{ SQL_BODY_FILE_BYTES, "USING COVERING INDEX bodies_in_files" },
		{ SQL_MESSAGE_OF_BODY, "USING COVERING INDEX messages_of_body" },
		{ SQL_PURGE_MESSAGES, "INDEX messages_of_mailbox" },
		{ SQL_MESSAGE_FIND, "USING INTEGER PRIMARY KEY" },
		{ SQL_MESSAGE_READ, "SEARCH messages USING INTEGER PRIMARY KEY" },
		{ SQL_MAILBOX_NEXT, "SEARCH mailboxes USING INTEGER PRIMARY KEY" },
		{ SQL_MESSAGE_PIECE, "SEARCH messages USING INDEX messages_of_mailbox" },
		{ SQL_COLLECTED_PIECE, "SEARCH messages USING INDEX messages_of_mailbox" },
		{ SQL_COLLECTED_LAST, "USING COVERING INDEX messages_of_mailbox" },
		{ SQL_COLLECTED_OLDEST, "USING COVERING INDEX messages_collected" },
		{ SQL_LEDGER_HEAD, "SEARCH ledger USING PRIMARY KEY" },
		{ SQL_LEDGER_PIECE, "SEARCH ledger USING PRIMARY KEY" },
		{ SQL_SIGNATURE_LAST, "SEARCH ledger_signatures USING PRIMARY KEY" },
		{ SQL_SIGNATURE_PIECE, "SEARCH ledger_signatures USING PRIMARY KEY" },
		{ SQL_FACT_NEXT, "SEARCH mailbox_facts USING PRIMARY KEY" },
		{ SQL_ALIAS_NEXT, "SEARCH aliases USING COVERING INDEX aliases_of_mailbox" },
	};
	struct fixture *fixture = *state;
	sqlite3 *database = NULL;

	fixture_close(fixture);
	assert_int_equal(
		sqlite3_open(fixture_path(fixture, "lettergate.db"), &database), SQLITE_OK);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		sqlite3_stmt *explain = NULL;
		char sql[2000], plan[2000] = "";

		snprintf(
			sql, sizeof sql, "EXPLAIN QUERY PLAN %s", statement_sql[rows[i].statement]);
		assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &explain, NULL), SQLITE_OK);
		while (sqlite3_step(explain) == SQLITE_ROW) {
			size_t used = strlen(plan);

			snprintf(plan + used, sizeof plan - used, "%s; ",
				(const char *)sqlite3_column_text(explain, 3));
		}
		sqlite3_finalize(explain);
		if (!strstr(plan, rows[i].plan) || strstr(plan, "TEMP B-TREE"))
			fail_msg("%s\n%s", sql, plan);
	}
	sqlite3_close(database);
}

static void test_many_body_files(void **state)
{
	struct fixture *fixture = *state;
	char *sql = malloc(FILES * 100 + 100);
	size_t used = 0;
	struct error error = { 0 };
	int64_t start;

	assert_non_null(sql);
	fixture_close(fixture);
	used += (size_t)sprintf(sql, "INSERT INTO bodies (id, sealed_size) VALUES ");
	for (uint64_t i = 0; i < FILES; i++) {
		const struct id id = make_id('y', i);
		char text[ID_TEXT_SIZE], name[ID_TEXT_SIZE + 10];
		struct file *file;

		id_text(&id, text);
		snprintf(name, sizeof name, "bodies/%s", text);
		file = file_open(fixture_path(fixture, name), FILE_CREATE, &error);
		assert_non_null(file);
		file_close(&file);
		used += (size_t)sprintf(sql + used, "%s(x'%s',0)", i ? "," : "", text);
	}
	fixture_sql(fixture, sql);
	free(sql);
	start = clock_monotonic_us();
	assert_true(fixture_open(fixture, &error));
	print_message("opened with %d body files in %.1f ms\n", FILES, since_ms(start));
	assert_true(since_ms(start) < 1000);
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		OPEN(test_a_full_mailbox),
		OPEN(test_lists_and_scans_read_an_index_only),
		OPEN(test_many_body_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

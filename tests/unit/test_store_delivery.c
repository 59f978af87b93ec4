/* test_store_delivery.c -- messages in, out and gone again: order, bytes, counters, shared bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/file.h"
#include "test_store_fixture.h"

enum { LARGE = 300000 };

static void prove_rows(struct fixture *fixture, const char *table, int count)
{
	char sql[200];

	snprintf(sql, sizeof sql,
		"CREATE TEMP TABLE proof (n CHECK (n = %d));"
		"INSERT INTO proof SELECT count(*) FROM %s;",
		count, table);
	fixture_sql(fixture, sql);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4000, 8700, 40000, STORE_INLINE_MAX,
		STORE_INLINE_MAX + 1, LARGE, 5000000 };
	enum { COUNT = sizeof sizes / sizeof sizes[0] };
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	create_mailbox(fixture, 1);
	for (size_t i = 0; i < COUNT; i++) {
		if (!deliver(fixture, i, sizes[i], &error))
			fail_msg("%s", error.text);
	}
	for (int round = 0; round < 2; round++) {
		assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
		assert_int_equal(count, COUNT);
		for (size_t i = 0; i < COUNT; i++) {
			const struct id id = make_id('m', 16 * i);

			assert_true(id_is_equal(&messages[i].id, &id));
			assert_int_equal(messages[i].size, sizes[i] + 1);
			assert_int_equal(messages[i].received_us, 2000000 + i);
			assert_true(is_whole(fixture, &messages[i], i, sizes[i]));
			assert_true(i == 0 || messages[i].number > messages[i - 1].number);
		}
		free(messages);
		fixture_close(fixture);
		assert_true(fixture_open(fixture, &error));
	}
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
}

static void test_pieces(void **state)
{
	static const size_t sizes[] = { 300, 8700, STORE_INLINE_MAX + 300 };
	static const size_t pieces[] = { 0, 1, 7, 299, 300, 301, 65536, 1000000 };
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	create_mailbox(fixture, 1);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		assert_true(deliver(fixture, i, sizes[i], &error));
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	for (size_t i = 0; i < count; i++) {
		struct buf expected = make_sealed(i, sizes[i]);

		for (size_t cut = 0; cut < 5600; cut++) {
			/* All offsets of the first and the last 350 bytes, and past the end. */
			size_t offset = cut / 8 < 350 ? cut / 8 : sizes[i] - 347 + cut / 8 - 350;
			size_t at_most = pieces[cut % 8];
			size_t left = offset < sizes[i] ? sizes[i] - offset : 0;
			size_t expect = left < at_most ? left : at_most;
			struct buf sealed;
			bool is_end = false;

			if (sizes[i] == 300 && offset > 303)
				continue;
			buf_init(&sealed, at_most + 3);
			buf_append_text(&sealed, "..");
			assert_true(read_piece(
				fixture, &messages[i], offset, at_most, &sealed, &is_end, &error));
			assert_int_equal(sealed.size, 2 + expect);
			assert_memory_equal(sealed.data + 2, expected.data + offset, expect);
			assert_int_equal(is_end, offset + expect >= sizes[i]);
			buf_clear(&sealed);
		}
		buf_clear(&expected);
	}
	free(messages);
}

static void test_a_wrong_id_or_number_is_not_found(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages, wrong;
	struct error error = { 0 };
	struct buf sealed;
	bool is_end;
	size_t count;

	create_mailbox(fixture, 1);
	assert_true(deliver(fixture, 1, 100, &error));
	assert_true(deliver(fixture, 2, 100, &error));
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	buf_init(&sealed, 100);
	wrong = messages[0];
	wrong.number = messages[1].number;
	assert_false(read_piece(fixture, &wrong, 0, 100, &sealed, &is_end, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* Nor does a removal take the other one. */
	assert_true(remove_messages(fixture, 1, &wrong, 1, &error));
	assert_int_equal(count_waiting(fixture, 1), 2);
	free(messages);
}

static void check_targets(struct fixture *fixture, size_t size)
{
	struct error error = { 0 };
	const struct id fifth = make_id('b', 5);

	assert_true(deliver_to(fixture, size, size, 1, STORE_TARGETS_MAX, &error));
	for (uint64_t box = 1; box <= STORE_TARGETS_MAX; box++) {
		struct store_message *messages;
		size_t count;

		assert_true(list_mailbox(fixture, box, &messages, &count, &error));
		assert_int_equal(count, 1);
		assert_true(is_whole(fixture, &messages[0], size, size));
		free(messages);
	}
	/* One of them is gone: none of the others gets anything. */
	assert_true(store_mailbox_delete(fixture->store, &fifth, &error));
	assert_false(deliver_to(fixture, size + 1, size, 1, STORE_TARGETS_MAX, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	for (uint64_t box = 1; box <= STORE_TARGETS_MAX; box++) {
		if (box == 5)
			continue;
		assert_int_equal(count_waiting(fixture, box), 1);
		assert_int_equal(counts_of(fixture, box).received, 1);
	}
}

static void test_ten_targets_or_none(void **state)
{
	static const size_t sizes[] = { 5000, LARGE };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture *fixture = fixture_new();
		struct error error = { 0 };

		assert_true(fixture_open(fixture, &error));
		for (uint64_t box = 1; box <= STORE_TARGETS_MAX; box++)
			create_mailbox(fixture, box);
		check_targets(fixture, sizes[i]);
		fixture_free(&fixture);
	}
}

static void test_counters(void **state)
{
	struct fixture *fixture = *state;
	struct store_mailbox_counts counts;
	struct store_message *messages;
	struct error error = { 0 };
	uint64_t bytes = 0;
	size_t count;

	create_mailbox(fixture, 1);
	counts = counts_of(fixture, 1);
	assert_int_equal(counts.received + counts.last_received_us + counts.last_collected_us, 0);
	for (uint64_t i = 1; i <= 20; i++) {
		assert_true(deliver(fixture, i, 100 * i, &error));
		bytes += 100 * i + 1;
		counts = counts_of(fixture, 1);
		assert_int_equal(counts.waiting, i);
		assert_int_equal(counts.waiting_bytes, bytes);
		assert_int_equal(counts.last_received_us, 2000000 + i);
	}
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_true(remove_messages(fixture, 1, messages, 5, &error));
	/* Once more, overlapping: what is gone is passed over and not counted again. */
	assert_true(remove_messages(fixture, 1, messages + 3, 4, &error));
	assert_true(remove_messages(fixture, 1, messages, 0, &error));
	counts = counts_of(fixture, 1);
	assert_int_equal(counts.collected, 7);
	assert_int_equal(counts.waiting, 13);
	assert_int_equal(counts.collected_bytes, 2800 + 7);
	assert_int_equal(counts.waiting_bytes, bytes - 2807);
	assert_int_equal(counts.last_collected_us, 3000000);
	free(messages);
	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	counts = counts_of(fixture, 1);
	assert_int_equal(counts.collected, 7);
	assert_int_equal(counts.received, 20);
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, 13);
	assert_true(is_whole(fixture, &messages[0], 8, 800));
	free(messages);
}

static void remove_first(struct fixture *fixture, uint64_t mailbox)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_true(list_mailbox(fixture, mailbox, &messages, &count, &error));
	assert_true(remove_messages(fixture, mailbox, messages, 1, &error));
	free(messages);
}

static void check_shared(struct fixture *fixture, size_t size, size_t files)
{
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	assert_true(deliver_to(fixture, size, size, 1, 3, &error));
	fixture_wait_for_files(fixture, files);
	remove_first(fixture, 1);
	remove_first(fixture, 3);
	/* The last one still has it, after a start too. */
	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	fixture_wait_for_files(fixture, files);
	assert_true(list_mailbox(fixture, 2, &messages, &count, &error));
	assert_true(is_whole(fixture, &messages[0], size, size));
	free(messages);
	remove_first(fixture, 2);
	fixture_wait_for_files(fixture, 0);
}

static void test_a_shared_body_goes_with_its_last_message(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t box = 1; box <= 3; box++)
		create_mailbox(fixture, box);
	check_shared(fixture, 5000, 0);
	check_shared(fixture, LARGE, 1);
	fixture_close(fixture);
	prove_rows(fixture, "messages", 0);
	prove_rows(fixture, "bodies", 0);
}

/* The mailbox is gone at once; what it held alone goes in the background, what it shared stays. */
static void test_a_deleted_mailbox_is_purged(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	for (uint64_t i = 0; i < 40; i++)
		assert_true(deliver(fixture, i, i % 4 ? 3000 : LARGE, &error));
	assert_true(deliver_to(fixture, 100, LARGE, 1, 2, &error));
	assert_int_equal(fixture_count_files(fixture, "bodies"), 11);
	assert_true(store_mailbox_delete(fixture->store, &id, &error));
	fixture_wait_for_files(fixture, 1);
	assert_true(list_mailbox(fixture, 2, &messages, &count, &error));
	assert_int_equal(count, 1);
	assert_true(is_whole(fixture, &messages[0], 100, LARGE));
	free(messages);
	fixture_close(fixture);
	prove_rows(fixture, "messages", 1);
	prove_rows(fixture, "bodies", 1);
	prove_rows(fixture, "purges", 0);
	prove_rows(fixture, "discarded", 0);
}

static void test_numbers_are_not_used_again(void **state)
{
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct error error = { 0 };
	uint64_t last = 0;
	size_t count;

	create_mailbox(fixture, 1);
	for (uint64_t i = 0; i < 5; i++) {
		assert_true(deliver(fixture, i, 10, &error));
		assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
		assert_int_equal(count, 1);
		assert_true(messages[0].number > last);
		last = messages[0].number;
		free(messages);
		remove_first(fixture, 1);
		fixture_close(fixture);
		assert_true(fixture_open(fixture, &error));
	}
}

/* Longer than one group takes of a removal. */
static void test_a_long_removal(void **state)
{
	enum { COUNT = 2500 };
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct store_figures before, after;
	struct error error = { 0 };
	size_t count;

	create_mailbox(fixture, 1);
	for (uint64_t i = 0; i < COUNT; i++)
		assert_true(deliver(fixture, i, i == 700 ? LARGE : 50, &error));
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_int_equal(count, COUNT);
	assert_true(store_figures(fixture->store, &before, &error));
	assert_true(remove_messages(fixture, 1, messages, COUNT, &error));
	assert_true(store_figures(fixture->store, &after, &error));
	assert_in_range(after.commits - before.commits, 3, 4);
	assert_int_equal(count_waiting(fixture, 1), 0);
	assert_int_equal(counts_of(fixture, 1).collected, COUNT);
	fixture_wait_for_files(fixture, 0);
	free(messages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		OPEN(test_sizes),
		OPEN(test_pieces),
		OPEN(test_a_wrong_id_or_number_is_not_found),
		cmocka_unit_test(test_ten_targets_or_none),
		OPEN(test_counters),
		OPEN(test_a_shared_body_goes_with_its_last_message),
		OPEN(test_a_deleted_mailbox_is_purged),
		OPEN(test_numbers_are_not_used_again),
		OPEN(test_a_long_removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_store_ledger.c -- the chain of copies: no gap, every link as documented, nothing that is removed later
 * takes a row along; signatures beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "store/store_ledger.h"
#include "test_store_fixture.h"

/* ---- verifying ---- */

struct chain {
	struct id mailbox;
	uint64_t count;
	uint8_t link[STORE_LINK_SIZE];
	const size_t *
		sizes; /* of deliveries 1, 2, ..., as delivery_new() makes them; NULL: not looked at */
};

static void prove_delivery(const struct store_ledger_row *row, uint64_t number, size_t size)
{
	struct buf sealed = make_sealed(number, size);
	uint8_t hash[DIGEST_SIZE];
	struct digest digest;

	digest_init(&digest, NULL);
	digest_update(&digest, buf_view(&sealed));
	digest_final(&digest, hash);
	buf_clear(&sealed);
	assert_memory_equal(row->digest, hash, sizeof hash);
	assert_int_equal(row->size, size + 1);
	assert_int_equal(row->received_us, 2000000 + number);
	assert_int_equal(row->receipt_size, number % (STORE_RECEIPT_MAX + 1));
	for (size_t i = 0; i < row->receipt_size; i++)
		assert_int_equal(row->receipt[i], number % 250);
}

static bool prove_row(void *context, const struct store_ledger_row *row)
{
	struct chain *chain = context;
	uint8_t link[STORE_LINK_SIZE];

	assert_int_equal(row->number, chain->count + 1);
	store_ledger_link(&chain->mailbox, chain->link, row, link);
	assert_memory_equal(row->link, link, sizeof link);
	if (chain->sizes)
		prove_delivery(row, row->number, chain->sizes[row->number - 1]);
	memcpy(chain->link, link, sizeof link);
	chain->count++;
	return true;
}

/* Gapless, chained, as long as what was received; the head is its end. */
static void prove_ledger(
	struct fixture *fixture, uint64_t mailbox, uint64_t expected, const size_t *sizes)
{
	struct chain chain = { .mailbox = make_id('b', mailbox), .sizes = sizes };
	struct store_ledger_head head;
	struct error error = { 0 };

	store_ledger_origin(&chain.mailbox, chain.link);
	if (!store_ledger_each(fixture->store, &chain.mailbox, 1, prove_row, &chain, &error) ||
		!store_ledger_head(fixture->store, &chain.mailbox, &head, &error))
		fail_msg("%s", error.text);
	assert_int_equal(chain.count, expected);
	assert_int_equal(counts_of(fixture, mailbox).received, expected);
	assert_int_equal(head.first, 1);
	assert_int_equal(head.number, expected);
	assert_memory_equal(head.link, chain.link, sizeof head.link);
}

/* ---- the chain ---- */

/* As docs/internals/store.md has it, written down a second time. */
static void test_the_layout_of_a_link(void **state)
{
	const struct id mailbox = make_id('b', 1);
	struct store_ledger_row row = { .number = 0x0102030405060708,
		.received_us = 0x1112131415161718,
		.size = 0x2122232425262728,
		.receipt_size = 3,
		.receipt = { 0x31, 0x32, 0x33, 0x34 } };
	uint8_t before[STORE_LINK_SIZE], link[STORE_LINK_SIZE], expected[DIGEST_SIZE];
	uint8_t text[32 + 16 + 25 + 32 + 3];
	struct digest digest;

	(void)state;
	memset(before, 0x77, sizeof before);
	memset(row.digest, 0x66, sizeof row.digest);
	memcpy(text, before, 32);
	memcpy(text + 32, mailbox.bytes, 16);
	for (size_t i = 0; i < 24; i++)
		text[48 + i] = (uint8_t)(16 * (i / 8) + i % 8 + 1);
	text[72] = 3;
	memset(text + 73, 0x66, 32);
	memcpy(text + 105, "\x31\x32\x33", 3);
	digest_init(&digest, "lettergate-link1");
	digest_update(&digest, bytes_make(text, sizeof text));
	digest_final(&digest, expected);
	store_ledger_link(&mailbox, before, &row, link);
	assert_memory_equal(link, expected, sizeof link);

	digest_init(&digest, "lettergate-ledg1");
	digest_update(&digest, bytes_make(mailbox.bytes, 16));
	digest_final(&digest, expected);
	store_ledger_origin(&mailbox, link);
	assert_memory_equal(link, expected, sizeof link);
}

static void test_a_row_for_each_copy(void **state)
{
	static const size_t sizes[] = { 0, 1, 300, 8700, STORE_INLINE_MAX, STORE_INLINE_MAX + 1,
		300000, 65536, 5 };
	enum { COUNT = sizeof sizes / sizeof sizes[0] };
	struct fixture *fixture = *state;
	struct store_message *messages;
	struct error error = { 0 };
	size_t count;

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	prove_ledger(fixture, 1, 0, sizes);
	for (uint64_t i = 1; i <= COUNT; i++) {
		/* Every other one to both; one to nobody leaves no row. */
		assert_true(deliver_to(fixture, i, sizes[i - 1], 1, 1 + i % 2, &error));
		assert_false(deliver_to(fixture, 100 + i, 100, 2, 2, &error));
		prove_ledger(fixture, 1, i, sizes);
		prove_ledger(fixture, 2, (i + 1) / 2, NULL);
	}
	assert_true(list_mailbox(fixture, 1, &messages, &count, &error));
	assert_true(remove_messages(fixture, 1, messages, count, &error));
	free(messages);
	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	prove_ledger(fixture, 1, COUNT, sizes);
	assert_true(deliver(fixture, COUNT + 1, 10, &error));
	prove_ledger(fixture, 1, COUNT + 1, NULL);
}

static void test_the_same_body_in_two_mailboxes_makes_other_links(void **state)
{
	struct fixture *fixture = *state;
	const struct id ids[] = { make_id('b', 1), make_id('b', 2) };
	struct store_ledger_head heads[2];
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	assert_true(deliver_to(fixture, 1, 100, 1, 2, &error));
	for (size_t i = 0; i < 2; i++)
		assert_true(store_ledger_head(fixture->store, &ids[i], &heads[i], &error));
	assert_memory_not_equal(heads[0].link, heads[1].link, sizeof heads[0].link);
}

enum { MANY = 700 };

static void fill(struct fixture *fixture)
{
	create_mailbox(fixture, 1);
	for (uint64_t i = 1; i <= MANY; i++)
		assert_true(deliver(fixture, i, 20, NULL));
}

struct excerpt {
	struct fixture *fixture;
	uint64_t first, last, count, at_most;
};

static bool take_excerpt(void *context, const struct store_ledger_row *row)
{
	struct excerpt *excerpt = context;

	if (!excerpt->count++)
		excerpt->first = row->number;
	excerpt->last = row->number;
	/* A row may call the store. */
	counts_of(excerpt->fixture, 1);
	return excerpt->count < excerpt->at_most;
}

/* Longer than one piece: whole, from the middle, ended early; of a mailbox that is not there. */
static void test_read_in_pieces(void **state)
{
	static const struct {
		uint64_t from, at_most, first, last, count;
	} rows[] = {
		{ 0, UINT64_MAX, 1, MANY, MANY },
		{ 1, UINT64_MAX, 1, MANY, MANY },
		{ 257, UINT64_MAX, 257, MANY, MANY - 256 },
		{ MANY, UINT64_MAX, MANY, MANY, 1 },
		{ MANY + 1, UINT64_MAX, 0, 0, 0 },
		{ 100, 300, 100, 399, 300 },
		{ 1, 1, 1, 1, 1 },
		{ 1, 256, 1, 256, 256 },
	};
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1), unknown = make_id('b', 2);
	struct error error = { 0 };

	fill(fixture);
	prove_ledger(fixture, 1, MANY, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct excerpt excerpt = { .fixture = fixture, .at_most = rows[i].at_most };

		assert_true(store_ledger_each(
			fixture->store, &id, rows[i].from, take_excerpt, &excerpt, &error));
		assert_int_equal(excerpt.first, rows[i].first);
		assert_int_equal(excerpt.last, rows[i].last);
		assert_int_equal(excerpt.count, rows[i].count);
	}
	assert_false(store_ledger_each(fixture->store, &unknown, 1, take_excerpt, NULL, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

/* A ledger that somebody cut at its end takes mail; whoever verifies it sees the break. */
static void test_mail_is_received_behind_a_missing_row(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct excerpt excerpt = { .fixture = fixture, .at_most = UINT64_MAX };
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	for (uint64_t i = 1; i <= 3; i++)
		assert_true(deliver(fixture, i, 20, &error));
	fixture_close(fixture);
	fixture_sql(fixture, "DELETE FROM ledger WHERE number = 3");
	assert_true(fixture_open(fixture, &error));
	assert_true(deliver(fixture, 4, 20, &error));
	assert_true(store_ledger_each(fixture->store, &id, 1, take_excerpt, &excerpt, &error));
	assert_int_equal(excerpt.count, 3);
	assert_int_equal(excerpt.last, 4);
}

/* ---- signatures ---- */

static struct store_signature make_signature(uint64_t number, int fill)
{
	struct store_signature signature = {
		.number = number, .generation = (uint32_t)fill, .signed_us = 7000000 + fill
	};

	memset(signature.head, fill, sizeof signature.head);
	memset(signature.signature, fill + 1, sizeof signature.signature);
	return signature;
}

static void signing_done(struct store_signing *signing)
{
	latch_count_down(signing->context);
}

static bool keep(struct fixture *fixture, uint64_t mailbox, const struct store_signature *signature,
	struct error *error)
{
	struct latch latch;
	struct store_signing signing = { .mailbox = make_id('b', mailbox),
		.signature = *signature,
		.done = signing_done,
		.context = &latch };

	latch_init(&latch, 1);
	store_signing_submit(fixture->store, &signing);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	*error = signing.error;
	return signing.ok;
}

struct signatures {
	struct store_signature rows[8];
	size_t count;
};

static bool take_signature(void *context, const struct store_signature *signature)
{
	struct signatures *signatures = context;

	signatures->rows[signatures->count++] = *signature;
	return signatures->count < 8;
}

static void assert_signature(const struct store_signature *found, uint64_t number, int fill)
{
	const struct store_signature expected = make_signature(number, fill);

	assert_int_equal(found->number, expected.number);
	assert_int_equal(found->generation, expected.generation);
	assert_int_equal(found->signed_us, expected.signed_us);
	assert_memory_equal(found->head, expected.head, sizeof found->head);
	assert_memory_equal(found->signature, expected.signature, sizeof found->signature);
}

static void head_done(struct store_read *read)
{
	latch_count_down(read->context);
}

/* As a session on a loop asks for it. */
static struct store_ledger_head read_head(struct fixture *fixture, uint64_t mailbox)
{
	struct latch latch;
	struct store_read read = { .what = STORE_READ_LEDGER_HEAD,
		.mailbox = make_id('b', mailbox),
		.done = head_done,
		.context = &latch };

	latch_init(&latch, 1);
	store_read_submit(fixture->store, &read);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	if (!read.ok)
		fail_msg("%s", read.error.text);
	return read.ledger;
}

static void removal_done(struct store_removal *removal)
{
	latch_count_down(removal->context);
}

static bool remove_and_sign(
	struct fixture *fixture, uint64_t mailbox, const struct store_signature *signature)
{
	struct store_message *messages;
	struct latch latch;
	struct store_removal removal = { .mailbox = make_id('b', mailbox),
		.collected_us = 1,
		.signature = signature,
		.done = removal_done,
		.context = &latch };

	latch_init(&latch, 1);
	assert_true(list_mailbox(fixture, mailbox, &messages, &removal.message_count, NULL));
	removal.messages = messages;
	store_removal_submit(fixture->store, &removal);
	assert_true(latch_wait(&latch));
	latch_clear(&latch);
	free(messages);
	return removal.ok;
}

static void test_signatures(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1), other = make_id('b', 2), unknown = make_id('b', 9);
	const struct store_signature first = make_signature(2, 10), later = make_signature(2, 20),
				     last = make_signature(3, 30);
	struct signatures signatures = { .count = 0 };
	struct error error = { 0 };

	create_mailbox(fixture, 1);
	create_mailbox(fixture, 2);
	for (uint64_t i = 1; i <= 3; i++)
		assert_true(deliver(fixture, i, 20, &error));
	assert_int_equal(read_head(fixture, 1).signed_number, 0);
	assert_true(keep(fixture, 1, &first, &error));
	assert_int_equal(read_head(fixture, 1).signed_number, 2);
	/* The same number once more: the older one says more. */
	assert_true(keep(fixture, 1, &later, &error));
	assert_false(keep(fixture, 9, &first, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* Together with a removal, in a group of its own size or empty. */
	assert_true(remove_and_sign(fixture, 1, &last));
	assert_int_equal(count_waiting(fixture, 1), 0);
	assert_int_equal(counts_of(fixture, 1).collected, 3);
	assert_true(remove_and_sign(fixture, 2, &first));
	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	assert_int_equal(read_head(fixture, 1).number, 3);
	assert_int_equal(read_head(fixture, 1).signed_number, 3);
	assert_int_equal(read_head(fixture, 1).signed_us, 7000030);
	assert_true(
		store_signature_each(fixture->store, &id, 0, take_signature, &signatures, &error));
	assert_int_equal(signatures.count, 2);
	assert_signature(&signatures.rows[0], 2, 10);
	assert_signature(&signatures.rows[1], 3, 30);
	signatures.count = 0;
	assert_true(
		store_signature_each(fixture->store, &id, 3, take_signature, &signatures, &error));
	assert_int_equal(signatures.count, 1);
	signatures.count = 0;
	assert_true(store_signature_each(
		fixture->store, &other, 0, take_signature, &signatures, &error));
	assert_int_equal(signatures.count, 1);
	assert_false(store_signature_each(
		fixture->store, &unknown, 0, take_signature, &signatures, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

/* More than one step of the purge, rows and signatures. */
static void test_gone_with_the_mailbox(void **state)
{
	struct fixture *fixture = *state;
	const struct id id = make_id('b', 1);
	struct store_ledger_head head;
	struct store_mailbox again = make_mailbox(1);
	struct error error = { 0 };

	fill(fixture);
	for (uint64_t i = 1; i <= 600; i++) {
		const struct store_signature signature = make_signature(i, 1);

		assert_true(keep(fixture, 1, &signature, &error));
	}
	assert_true(store_mailbox_delete(fixture->store, &id, &error));
	assert_false(store_ledger_head(fixture->store, &id, &head, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* One of the same id that comes after it has nothing of it. */
	assert_true(store_mailbox_create(fixture->store, &again, &error));
	assert_int_equal(read_head(fixture, 1).number, 0);
	assert_true(deliver(fixture, 1, 20, &error));
	prove_ledger(fixture, 1, 1, NULL);
	assert_true(store_mailbox_delete(fixture->store, &id, &error));
	fixture_wait_for_rows(fixture, "purges", 0);
	assert_int_equal(fixture_count_rows(fixture, "ledger"), 0);
	assert_int_equal(fixture_count_rows(fixture, "ledger_signatures"), 0);
	assert_int_equal(fixture_count_rows(fixture, "messages"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
		cmocka_unit_test(test_the_layout_of_a_link),
		OPEN(test_a_row_for_each_copy),
		OPEN(test_the_same_body_in_two_mailboxes_makes_other_links),
		OPEN(test_read_in_pieces),
		OPEN(test_mail_is_received_behind_a_missing_row),
		OPEN(test_signatures),
		OPEN(test_gone_with_the_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

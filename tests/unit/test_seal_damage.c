/* test_seal_damage.c -- whatever was cut short, exchanged, repeated, flipped or addressed to somebody
 * else does not open, and nothing leaves the opener that was not sealed; and messages that were
 * sealed long ago still open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "test_crypto_fixture.h"

enum {
	PREFIX = 25,
	TARGET = 34,
	ENVELOPE = 48 + 80, /* without a prologue */
	CHUNK = SEAL_CHUNK_SIZE + SEAL_CHUNK_OVERHEAD,
};

static uint8_t pattern[3 * SEAL_CHUNK_SIZE];
static struct id body_id;
static struct test_mailbox mailboxes[2];

static int set_up(void **state)
{
	(void)state;
	if (!secret_start(FIXTURE_SLAB_BYTES, NULL))
		return -1;
	test_pattern(pattern, sizeof pattern);
	body_id = random_id();
	test_mailbox_init(&mailboxes[0], "First: prologue\r\n");
	test_mailbox_init(&mailboxes[1], "Other: prologue\r\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_mailbox_clear(&mailboxes[0]);
	test_mailbox_clear(&mailboxes[1]);
	return secret_bytes_in_use() == 0 ? 0 : -1;
}

/* Seals `body` to the first `count` mailboxes. */
static void seal(size_t count, struct bytes body, struct buf *sealed)
{
	buf_init(sealed, FIXTURE_SEALED_MAX);
	test_seal(&body_id, mailboxes, count, body, 1000, sealed);
}

static size_t head_size(size_t count)
{
	return PREFIX + count * (TARGET + ENVELOPE + mailboxes[0].prologue.size) + 24;
}

/* Whether it opens. It gives out the message then; otherwise a beginning of it, at most. */
static bool opens_as(const struct test_mailbox *mailbox, struct bytes sealed, struct bytes body)
{
	struct error error = { .kind = ERROR_NONE };
	struct buf plain;
	bool ok;

	buf_init(&plain, FIXTURE_SEALED_MAX);
	ok = test_open(mailbox, sealed, sealed.size, &plain, &error);
	if (ok)
		assert_true(test_is_message(mailbox, body, buf_view(&plain)));
	else
		assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_true(test_begins_message(mailbox, body, buf_view(&plain)));
	buf_clear(&plain);
	return ok;
}

static void test_every_flipped_bit(void **state)
{
	struct bytes body = bytes_make(pattern, 40);
	struct buf sealed;

	(void)state;
	seal(1, body, &sealed);
	assert_true(opens_as(&mailboxes[0], buf_view(&sealed), body));
	for (size_t bit = 0; bit < 8 * sealed.size; bit++) {
		sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(opens_as(&mailboxes[0], buf_view(&sealed), body));
		sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_clear(&sealed);
}

/* One mailbox's part may be damaged without harm to the other, which notices nothing or refuses. */
static void test_every_flipped_bit_for_two(void **state)
{
	struct bytes body = bytes_make(pattern, 10);
	size_t from = PREFIX + TARGET + ENVELOPE + mailboxes[0].prologue.size;
	size_t behind_ids = from + TARGET - 2;
	size_t envelope = from + TARGET;
	size_t stream = head_size(2) - 24;
	struct buf sealed;

	(void)state;
	seal(2, body, &sealed);
	for (size_t bit = 0; bit < 8 * sealed.size; bit += 3) {
		size_t at = bit / 8;
		bool is_second = at >= from && at < stream;
		bool is_size = at >= behind_ids && at < envelope;

		sealed.data[at] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			opens_as(&mailboxes[0], buf_view(&sealed), body), is_second && !is_size);
		assert_int_equal(opens_as(&mailboxes[1], buf_view(&sealed), body),
			at >= PREFIX && at < from && !(at >= PREFIX + 32 && at < PREFIX + 34));
		sealed.data[at] ^= (uint8_t)(1 << bit % 8);
	}
	buf_clear(&sealed);
}

static void test_every_truncation(void **state)
{
	static const size_t sizes[] = { 0, 40, SEAL_CHUNK_SIZE, 2 * SEAL_CHUNK_SIZE + 5 };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct bytes body = bytes_make(pattern, sizes[i]);
		struct buf sealed;

		seal(1, body, &sealed);
		for (size_t size = 0; size < sealed.size; size++) {
			/* All of the head, then around the ends of chunks. */
			size_t in_stream = size > head_size(1) ? size - head_size(1) : 0;

			if (in_stream > 60 && (in_stream + 20) % CHUNK > 40 &&
				sealed.size - size > 20)
				continue;
			assert_false(
				opens_as(&mailboxes[0], bytes_head(buf_view(&sealed), size), body));
		}
		assert_true(opens_as(&mailboxes[0], buf_view(&sealed), body));
		buf_clear(&sealed);
	}
}

static void test_something_behind_the_end(void **state)
{
	static const size_t sizes[] = { 0, 40, SEAL_CHUNK_SIZE - 1, SEAL_CHUNK_SIZE };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct bytes body = bytes_make(pattern, sizes[i]);
		struct buf sealed;

		seal(1, body, &sealed);
		assert_true(buf_append_byte(&sealed, 0));
		assert_false(opens_as(&mailboxes[0], buf_view(&sealed), body));
		assert_true(buf_append(&sealed, bytes_make(pattern, 100)));
		assert_false(opens_as(&mailboxes[0], buf_view(&sealed), body));
		buf_clear(&sealed);
	}
}

/* The parts of the stream in another order; ends with a whole last chunk each time. */
static void test_rearranged_chunks(void **state)
{
	static const struct {
		int order[4];
		size_t count;
		bool opens;
	} rows[] = {
		{ { 0, 1, 2 }, 3, true },
		{ { 1, 0, 2 }, 3, false },
		{ { 0, 2, 1 }, 3, false },
		{ { 2, 1, 0 }, 3, false },
		{ { 0, 2 }, 2, false },
		{ { 1, 2 }, 2, false },
		{ { 2 }, 1, false },
		{ { 0, 1 }, 2, false },
		{ { 0 }, 1, false },
		{ { 0 }, 0, false },
		{ { 0, 0, 1, 2 }, 4, false },
		{ { 0, 1, 1, 2 }, 4, false },
		{ { 0, 1, 2, 2 }, 4, false },
	};
	struct bytes body = bytes_make(pattern, 3 * SEAL_CHUNK_SIZE);
	struct buf sealed;

	(void)state;
	seal(1, body, &sealed);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf changed;

		buf_init(&changed, FIXTURE_SEALED_MAX);
		assert_true(buf_append(&changed, bytes_head(buf_view(&sealed), head_size(1))));
		for (size_t j = 0; j < rows[i].count; j++) {
			size_t at = head_size(1) + (size_t)rows[i].order[j] * CHUNK;

			assert_true(buf_append(&changed, bytes_make(sealed.data + at, CHUNK)));
		}
		assert_int_equal(opens_as(&mailboxes[0], buf_view(&changed), body), rows[i].opens);
		buf_clear(&changed);
	}
	buf_clear(&sealed);
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

static void test_exchanged_envelopes(void **state)
{
	struct bytes body = bytes_make(pattern, 40);
	size_t envelope = ENVELOPE + mailboxes[0].prologue.size;
	struct buf sealed;
	uint8_t *first, *second;

	(void)state;
	assert_int_equal(mailboxes[0].prologue.size, mailboxes[1].prologue.size);
	seal(2, body, &sealed);
	first = sealed.data + PREFIX;
	second = first + TARGET + envelope;

	/* Each under the other's ids. */
	swap_bytes(first + TARGET, second + TARGET, envelope);
	assert_false(opens_as(&mailboxes[0], buf_view(&sealed), body));
	assert_false(opens_as(&mailboxes[1], buf_view(&sealed), body));
	/* With their ids: the order of targets means nothing. */
	swap_bytes(first, second, TARGET);
	assert_true(opens_as(&mailboxes[0], buf_view(&sealed), body));
	assert_true(opens_as(&mailboxes[1], buf_view(&sealed), body));
	/* One of them twice. */
	memcpy(first, second, TARGET + envelope);
	assert_true(opens_as(&mailboxes[0], buf_view(&sealed), body));
	assert_false(opens_as(&mailboxes[1], buf_view(&sealed), body));
	buf_clear(&sealed);
}

/* Parts of one message in another one, for the same mailbox and by the same sender. */
static void test_parts_of_another_message(void **state)
{
	struct bytes body = bytes_make(pattern, 40);
	size_t envelope = ENVELOPE + mailboxes[0].prologue.size;
	struct id other_body = random_id();
	struct buf a, b, mixed;

	(void)state;
	seal(1, body, &a);
	buf_init(&b, FIXTURE_SEALED_MAX);

	/* All ids are the same, only the message key is not. */
	test_seal(&body_id, mailboxes, 1, body, 1000, &b);
	buf_init(&mixed, FIXTURE_SEALED_MAX);
	assert_true(buf_append(&mixed, bytes_head(buf_view(&a), head_size(1) - 24)));
	assert_true(buf_append(&mixed, bytes_skip(buf_view(&b), head_size(1) - 24)));
	assert_false(opens_as(&mailboxes[0], buf_view(&mixed), body));
	buf_clear(&mixed);
	buf_clear(&b);

	/* The envelope of another body: its key opens neither, and the body id tells. */
	test_seal(&other_body, mailboxes, 1, body, 1000, &b);
	swap_bytes(a.data + PREFIX + TARGET, b.data + PREFIX + TARGET, envelope);
	assert_false(opens_as(&mailboxes[0], buf_view(&a), body));
	assert_false(opens_as(&mailboxes[0], buf_view(&b), body));
	/* All of it behind the prefix of another body: the envelope is whole, its body id is not
	 * the one outside. */
	swap_bytes(a.data + PREFIX + TARGET, b.data + PREFIX + TARGET, envelope);
	swap_bytes(a.data, b.data, PREFIX);
	assert_false(opens_as(&mailboxes[0], buf_view(&a), body));
	assert_false(opens_as(&mailboxes[0], buf_view(&b), body));
	swap_bytes(a.data, b.data, PREFIX);
	assert_true(opens_as(&mailboxes[0], buf_view(&a), body));
	assert_true(opens_as(&mailboxes[0], buf_view(&b), body));
	buf_clear(&a);
	buf_clear(&b);
}

static void test_not_for_others(void **state)
{
	struct test_mailbox ours = mailboxes[0], theirs = mailboxes[1], wrong;
	struct bytes body = bytes_make(pattern, 40);
	struct buf sealed;

	(void)state;
	seal(1, body, &sealed);
	wrong = theirs;
	assert_false(opens_as(&wrong, buf_view(&sealed), body));
	/* Our ids, the keys of somebody else. */
	wrong.id = ours.id;
	wrong.message = ours.message;
	wrong.prologue = ours.prologue;
	assert_false(opens_as(&wrong, buf_view(&sealed), body));
	wrong.keyring = ours.keyring;
	assert_true(opens_as(&wrong, buf_view(&sealed), body));

	/* Our keys, another message's or mailbox's id: asked for, and written into the head. */
	wrong = ours;
	wrong.message = random_id();
	assert_false(opens_as(&wrong, buf_view(&sealed), body));
	memcpy(sealed.data + PREFIX + 16, wrong.message.bytes, 16);
	assert_false(opens_as(&wrong, buf_view(&sealed), body));
	assert_false(opens_as(&ours, buf_view(&sealed), body));
	memcpy(sealed.data + PREFIX + 16, ours.message.bytes, 16);
	wrong = ours;
	wrong.id = theirs.id;
	assert_false(opens_as(&wrong, buf_view(&sealed), body));
	memcpy(sealed.data + PREFIX, theirs.id.bytes, 16);
	assert_false(opens_as(&wrong, buf_view(&sealed), body));
	memcpy(sealed.data + PREFIX, ours.id.bytes, 16);
	assert_true(opens_as(&ours, buf_view(&sealed), body));
	buf_clear(&sealed);
}

static void test_impossible_heads(void **state)
{
	static const struct {
		size_t at;
		uint8_t value[2];
		size_t size;
	} rows[] = {
		{ 0, { 'l' }, 1 },  /* the magic */
		{ 6, { 0, 0 }, 2 }, /* versions */
		{ 6, { 0, 2 }, 2 },
		{ 6, { 1, 1 }, 2 },
		{ 24, { 0 }, 1 }, /* the count of targets */
		{ 24, { SEAL_TARGETS_MAX + 1 }, 1 },
		{ 24, { 255 }, 1 },
		{ PREFIX + 32, { 0, 0 }, 2 },	    /* the size of the envelope */
		{ PREFIX + 32, { 0, 127 }, 2 },	    /* too short for the ids */
		{ PREFIX + 32, { 0x40, 0x81 }, 2 }, /* longer than any prologue */
		{ PREFIX + 32, { 255, 255 }, 2 },
	};
	struct bytes body = bytes_make(pattern, 40);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct opener *opener = opener_new(
			&mailboxes[0].id, &mailboxes[0].message, mailboxes[0].keyring, NULL);
		struct error error;
		struct buf sealed, plain;
		bool ok = true;

		seal(1, body, &sealed);
		buf_init(&plain, FIXTURE_SEALED_MAX);
		memcpy(sealed.data + rows[i].at, rows[i].value, rows[i].size);
		/* Refused from the field itself, not from what the damage leads to later. */
		for (size_t at = 0; ok && at < PREFIX + TARGET; at++)
			ok = opener_feed(opener, bytes_make(sealed.data + at, 1), &plain, &error);
		assert_false(ok);
		assert_int_equal(error.kind, ERROR_CORRUPT);
		assert_int_equal(plain.size, 0);
		opener_free(&opener);
		buf_clear(&sealed);
		buf_clear(&plain);
	}
}

/* Once it failed it stays failed, even if the right bytes come. */
static void test_dead_after_the_first_failure(void **state)
{
	struct bytes body = bytes_make(pattern, 70000);
	struct opener *opener =
		opener_new(&mailboxes[0].id, &mailboxes[0].message, mailboxes[0].keyring, NULL);
	struct buf sealed, plain;
	struct error error;
	size_t size;

	(void)state;
	seal(1, body, &sealed);
	buf_init(&plain, FIXTURE_SEALED_MAX);
	assert_true(opener_feed(
		opener, bytes_head(buf_view(&sealed), head_size(1) + 10), &plain, &error));
	assert_false(opener_feed(opener, bytes_make(pattern, CHUNK), &plain, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	size = plain.size;
	assert_int_equal(size, mailboxes[0].prologue.size);
	assert_false(opener_feed(opener, buf_view(&sealed), &plain, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_false(opener_finish(opener, &plain, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_int_equal(plain.size, size);
	opener_free(&opener);

	/* The same by an early end, and without an error to fill. */
	opener = opener_new(&mailboxes[0].id, &mailboxes[0].message, mailboxes[0].keyring, NULL);
	assert_false(opener_finish(opener, &plain, NULL));
	assert_false(opener_feed(opener, buf_view(&sealed), &plain, NULL));
	assert_int_equal(plain.size, size);
	opener_free(&opener);
	buf_clear(&sealed);
	buf_clear(&plain);
}

static void test_known_message(void **state)
{
	static const char *const names[] = { "first", "second" };
	struct buf sealed, body;

	(void)state;
	test_known_answer("sealed", &sealed);
	test_known_answer("plain", &body);
	for (size_t i = 0; i < 2; i++) {
		struct test_mailbox known;

		test_mailbox_init_known(&known, names[i]);
		assert_true(opens_as(&known, buf_view(&sealed), buf_view(&body)));
		test_mailbox_clear(&known);
	}
	buf_clear(&sealed);
	buf_clear(&body);
}

static void test_known_message_of_two_chunks(void **state)
{
	static uint8_t sealed[70000];
	FILE *file = fopen(TEST_DATA "/sealed-v1-two-chunks.bin", "rb");
	struct test_mailbox known;
	size_t size;

	(void)state;
	assert_non_null(file);
	size = fread(sealed, 1, sizeof sealed, file);
	fclose(file);
	test_mailbox_init_known(&known, "first");
	assert_true(opens_as(
		&known, bytes_make(sealed, size), bytes_make(pattern, SEAL_CHUNK_SIZE + 100)));
	test_mailbox_clear(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_flipped_bit),
		cmocka_unit_test(test_every_flipped_bit_for_two),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_something_behind_the_end),
		cmocka_unit_test(test_rearranged_chunks),
		cmocka_unit_test(test_exchanged_envelopes),
		cmocka_unit_test(test_parts_of_another_message),
		cmocka_unit_test(test_not_for_others),
		cmocka_unit_test(test_impossible_heads),
		cmocka_unit_test(test_dead_after_the_first_failure),
		cmocka_unit_test(test_known_message),
		cmocka_unit_test(test_known_message_of_two_chunks),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* test_seal.c -- what is sealed opens, however it is cut; and what sealer and opener promise about
 * sizes, ends, limits and the plaintext they hold. Damage is test_seal_damage.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/reader.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "test_crypto_fixture.h"

enum { BODY_MAX = 3 * SEAL_CHUNK_SIZE };

static uint8_t pattern[BODY_MAX];
static struct id body_id;
static struct test_mailbox mailboxes[SEAL_TARGETS_MAX];
static const char PROLOGUE[] = "Return-Path: <alice@example.com>\r\n";

static int set_up(void **state)
{
	(void)state;
	if (!secret_start(FIXTURE_SLAB_BYTES, NULL))
		return -1;
	test_pattern(pattern, sizeof pattern);
	body_id = random_id();
	for (size_t i = 0; i < SEAL_TARGETS_MAX; i++)
		test_mailbox_init(&mailboxes[i], PROLOGUE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < SEAL_TARGETS_MAX; i++)
		test_mailbox_clear(&mailboxes[i]);
	/* Whatever happened in between, every secret was given back. */
	return secret_bytes_in_use() == 0 ? 0 : -1;
}

static void expect_opens(
	const struct test_mailbox *mailbox, struct bytes sealed, size_t piece, struct bytes body)
{
	struct error error;
	struct buf plain;

	buf_init(&plain, FIXTURE_SEALED_MAX);
	assert_true(test_open(mailbox, sealed, piece, &plain, &error));
	assert_true(test_is_message(mailbox, body, buf_view(&plain)));
	buf_clear(&plain);
}

static const size_t body_sizes[] = {
	0,
	1,
	1000,
	SEAL_CHUNK_SIZE - 1,
	SEAL_CHUNK_SIZE,
	SEAL_CHUNK_SIZE + 1,
	2 * SEAL_CHUNK_SIZE - 1,
	2 * SEAL_CHUNK_SIZE,
	2 * SEAL_CHUNK_SIZE + 1,
	BODY_MAX,
};

static void test_bodies_in_pieces(void **state)
{
	static const size_t pieces[] = { 1, 17, 4096, SEAL_CHUNK_SIZE - 1, SEAL_CHUNK_SIZE,
		SEAL_CHUNK_SIZE + 1, SEAL_CHUNK_SIZE + 17, SEAL_CHUNK_SIZE + 18, BODY_MAX + 1000 };
	struct buf sealed;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	for (size_t i = 0; i < sizeof body_sizes / sizeof body_sizes[0]; i++) {
		struct bytes body = bytes_make(pattern, body_sizes[i]);

		for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
			test_seal(&body_id, mailboxes, 1, body, pieces[j], &sealed);
			for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++)
				expect_opens(&mailboxes[0], buf_view(&sealed), pieces[k], body);
			buf_clear(&sealed);
		}
	}
}

/* A small message, cut in two at every place. */
static void test_every_cut(void **state)
{
	const struct test_mailbox *mailbox = &mailboxes[1];
	struct bytes body = bytes_make(pattern, 50);
	struct buf sealed;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	test_seal(&body_id, mailboxes, 3, body, 50, &sealed);
	for (size_t cut = 0; cut <= sealed.size; cut++) {
		struct opener *opener =
			opener_new(&mailbox->id, &mailbox->message, mailbox->keyring, NULL);
		struct buf plain;

		buf_init(&plain, FIXTURE_SEALED_MAX);
		assert_non_null(opener);
		assert_true(opener_feed(opener, bytes_head(buf_view(&sealed), cut), &plain, NULL));
		assert_true(opener_feed(opener, bytes_skip(buf_view(&sealed), cut), &plain, NULL));
		assert_true(opener_finish(opener, &plain, NULL));
		assert_true(test_is_message(mailbox, body, buf_view(&plain)));
		opener_free(&opener);
		buf_clear(&plain);
	}
	buf_clear(&sealed);
}

static void test_pieces_of_nothing(void **state)
{
	const struct bytes nothing = { NULL, 0 };
	struct seal_target target = { mailboxes[0].id, mailboxes[0].message,
		mailboxes[0].public_keys.box, nothing };
	struct buf sealed, plain;
	struct sealer *sealer;
	struct opener *opener;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	buf_init(&plain, FIXTURE_SEALED_MAX);
	sealer = sealer_new(&body_id, &target, 1, &sealed, NULL);
	assert_non_null(sealer);
	assert_true(sealer_write(sealer, nothing, &sealed, NULL));
	assert_true(sealer_write(sealer, bytes_make(pattern, 3), &sealed, NULL));
	assert_true(sealer_write(sealer, nothing, &sealed, NULL));
	assert_true(sealer_finish(sealer, &sealed, NULL));
	sealer_free(&sealer);

	opener = opener_new(&mailboxes[0].id, &mailboxes[0].message, mailboxes[0].keyring, NULL);
	assert_non_null(opener);
	assert_true(opener_feed(opener, nothing, &plain, NULL));
	assert_true(opener_feed(opener, buf_view(&sealed), &plain, NULL));
	assert_true(opener_feed(opener, nothing, &plain, NULL));
	assert_true(opener_finish(opener, &plain, NULL));
	assert_true(bytes_equal(buf_view(&plain), bytes_make(pattern, 3)));
	opener_free(&opener);
	opener_free(&opener);
	sealer_free(&sealer);
	buf_clear(&sealed);
	buf_clear(&plain);
}

static void test_each_mailbox_sees_its_own_prologue(void **state)
{
	static char prologues[SEAL_TARGETS_MAX][SEAL_PROLOGUE_MAX + 1];
	struct test_mailbox own[SEAL_TARGETS_MAX];
	struct bytes body = bytes_make(pattern, 70000);
	struct buf sealed;

	(void)state;
	for (size_t i = 0; i < SEAL_TARGETS_MAX; i++) {
		memset(prologues[i], (int)('a' + i), SEAL_PROLOGUE_MAX);
		own[i] = mailboxes[i];
		/* From none to the longest. */
		own[i].prologue =
			bytes_make(prologues[i], i * SEAL_PROLOGUE_MAX / (SEAL_TARGETS_MAX - 1));
	}
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	test_seal(&body_id, own, SEAL_TARGETS_MAX, body, 8192, &sealed);
	for (size_t i = 0; i < SEAL_TARGETS_MAX; i++)
		expect_opens(&own[i], buf_view(&sealed), 3000, body);
	buf_clear(&sealed);
}

/* One mailbox may be a target twice: each message opens by its own id. */
static void test_a_mailbox_twice(void **state)
{
	struct test_mailbox twice[2] = { mailboxes[0], mailboxes[0] };
	struct buf sealed;

	(void)state;
	twice[1].message = random_id();
	twice[1].prologue = bytes_of("Another: one\r\n");
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	test_seal(&body_id, twice, 2, bytes_of("body"), 4, &sealed);
	expect_opens(&twice[0], buf_view(&sealed), 100, bytes_of("body"));
	expect_opens(&twice[1], buf_view(&sealed), 100, bytes_of("body"));
	buf_clear(&sealed);
}

static void test_sizes(void **state)
{
	struct seal_target targets[SEAL_TARGETS_MAX];

	(void)state;
	/* The format itself: a change would make stored mail unreadable. */
	assert_int_equal(SEAL_CHUNK_SIZE, 65536);
	assert_int_equal(SEAL_CHUNK_OVERHEAD, 17);
	for (size_t i = 0; i < SEAL_TARGETS_MAX; i++)
		targets[i] = (struct seal_target){ mailboxes[i].id, mailboxes[i].message,
			mailboxes[i].public_keys.box, bytes_make(pattern, SEAL_PROLOGUE_MAX) };
	for (size_t i = 0; i < sizeof body_sizes / sizeof body_sizes[0]; i++) {
		size_t count = i % SEAL_TARGETS_MAX + 1;
		struct sealer *sealer;
		struct buf sealed;
		size_t head;

		buf_init(&sealed, FIXTURE_SEALED_MAX);
		sealer = sealer_new(&body_id, targets, count, &sealed, NULL);
		assert_non_null(sealer);
		head = sealed.size;
		assert_int_equal(head, 49 + count * (34 + 48 + 80 + SEAL_PROLOGUE_MAX));
		assert_true(head <= SEAL_HEAD_MAX);
		assert_true(
			sealer_write(sealer, bytes_make(pattern, body_sizes[i]), &sealed, NULL));
		assert_true(sealer_finish(sealer, &sealed, NULL));
		assert_int_equal(sealed.size - head, seal_stream_size(body_sizes[i]));
		sealer_free(&sealer);
		buf_clear(&sealed);
	}
	assert_int_equal(seal_stream_size(0), 17);
	assert_int_equal(seal_stream_size(65536), 65536 + 17);
	assert_int_equal(seal_stream_size(65537), 65537 + 2 * 17);
}

/* Without any key: which body, for which mailboxes, which messages, and where the stream begins. */
static void test_head_describes_itself(void **state)
{
	struct bytes body = bytes_make(pattern, 321);
	struct reader reader;
	struct buf sealed;
	struct id id;
	size_t envelope;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	test_seal(&body_id, mailboxes, 4, body, 100, &sealed);
	reader_init(&reader, buf_view(&sealed));
	assert_true(bytes_equal_text(reader_view(&reader, 6), "LGMAIL"));
	assert_int_equal(reader_u16(&reader), 1);
	reader_copy(&reader, id.bytes, sizeof id.bytes);
	assert_true(id_is_equal(&id, &body_id));
	assert_int_equal(reader_u8(&reader), 4);
	for (size_t i = 0; i < 4; i++) {
		reader_copy(&reader, id.bytes, sizeof id.bytes);
		assert_true(id_is_equal(&id, &mailboxes[i].id));
		reader_copy(&reader, id.bytes, sizeof id.bytes);
		assert_true(id_is_equal(&id, &mailboxes[i].message));
		envelope = reader_u16(&reader);
		/* What RETR will send can be told, but for a final CRLF. */
		assert_int_equal(envelope - 128, strlen(PROLOGUE));
		reader_view(&reader, envelope);
	}
	reader_view(&reader, 24);
	assert_int_equal(reader.rest.size, seal_stream_size(body.size));
	assert_false(reader.failed);
	buf_clear(&sealed);
}

static bool contains(struct bytes hay, const char *needle)
{
	size_t size = strlen(needle);

	for (size_t i = 0; i + size <= hay.size; i++) {
		if (memcmp(hay.data + i, needle, size) == 0)
			return true;
	}
	return false;
}

static void test_nothing_readable_inside(void **state)
{
	static const char text[] = "Subject: a secret word that must not be found on the disk\r\n";
	struct bytes body = bytes_of(text);
	struct buf sealed, again;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	buf_init(&again, FIXTURE_SEALED_MAX);
	test_seal(&body_id, mailboxes, 2, body, body.size, &sealed);
	assert_true(contains(body, "secret"));
	assert_false(contains(buf_view(&sealed), "secret"));
	assert_false(contains(buf_view(&sealed), "Subj"));
	assert_false(contains(buf_view(&sealed), "alice"));
	/* The same again looks like another message: a fresh key for each. */
	test_seal(&body_id, mailboxes, 2, body, body.size, &again);
	assert_int_equal(sealed.size, again.size);
	assert_memory_not_equal(sealed.data + sealed.size - body.size,
		again.data + again.size - body.size, body.size);
	buf_clear(&sealed);
	buf_clear(&again);
}

static void test_refused_targets(void **state)
{
	static const uint8_t zero_key[BOX_KEY_SIZE];
	static const struct {
		size_t count;
		size_t prologue;
		bool zero;
		enum error_kind kind;
	} rows[] = {
		{ 0, 0, false, ERROR_INVALID },
		{ SEAL_TARGETS_MAX + 1, 0, false, ERROR_INVALID },
		{ 1, SEAL_PROLOGUE_MAX + 1, false, ERROR_INVALID },
		{ 1, 0, true, ERROR_CORRUPT },
		{ 3, 10, true, ERROR_CORRUPT },
	};
	struct seal_target targets[SEAL_TARGETS_MAX + 1];
	struct error error;
	struct buf sealed;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	assert_true(buf_append_text(&sealed, "before"));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t j = 0; j <= SEAL_TARGETS_MAX; j++)
			targets[j] = (struct seal_target){ mailboxes[0].id, mailboxes[0].message,
				mailboxes[0].public_keys.box,
				bytes_make(pattern, rows[i].prologue) };
		if (rows[i].zero)
			targets[rows[i].count - 1].box_key = zero_key;
		assert_null(sealer_new(&body_id, targets, rows[i].count, &sealed, &error));
		assert_int_equal(error.kind, rows[i].kind);
		assert_true(bytes_equal_text(buf_view(&sealed), "before"));
	}
	buf_clear(&sealed);
}

static void test_no_room_for_the_sealed(void **state)
{
	struct seal_target target = { mailboxes[0].id, mailboxes[0].message,
		mailboxes[0].public_keys.box, bytes_of("x") };
	const size_t head = 49 + 34 + 48 + 80 + 1;
	struct sealer *sealer;
	struct error error;
	struct buf sealed;

	(void)state;
	for (size_t maximum = 0; maximum < head; maximum++) {
		buf_init(&sealed, maximum);
		assert_null(sealer_new(&body_id, &target, 1, &sealed, &error));
		assert_int_equal(error.kind, ERROR_MEMORY);
		assert_int_equal(sealed.size, 0);
		buf_clear(&sealed);
	}

	/* A chunk that finds no room ends the sealer: a part of the message would be missing. */
	buf_init(&sealed, head + 1000);
	sealer = sealer_new(&body_id, &target, 1, &sealed, &error);
	assert_non_null(sealer);
	assert_false(sealer_write(sealer, bytes_make(pattern, 70000), &sealed, &error));
	assert_int_equal(error.kind, ERROR_MEMORY);
	assert_int_equal(sealed.size, head);
	sealed.maximum = FIXTURE_SEALED_MAX;
	assert_false(sealer_write(sealer, bytes_of("x"), &sealed, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_false(sealer_finish(sealer, &sealed, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_int_equal(sealed.size, head);
	sealer_free(&sealer);
	buf_clear(&sealed);

	/* The same for one that was held back. */
	buf_init(&sealed, head + 1000);
	sealer = sealer_new(&body_id, &target, 1, &sealed, &error);
	assert_true(sealer_write(sealer, bytes_make(pattern, SEAL_CHUNK_SIZE), &sealed, &error));
	assert_false(sealer_write(sealer, bytes_of("x"), &sealed, &error));
	assert_int_equal(error.kind, ERROR_MEMORY);
	assert_false(sealer_finish(sealer, &sealed, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_int_equal(sealed.size, head);
	sealer_free(&sealer);
	buf_clear(&sealed);
}

static void test_no_room_for_the_plain(void **state)
{
	const struct test_mailbox *mailbox = &mailboxes[0];
	struct bytes body = bytes_make(pattern, 70000);
	size_t whole = mailbox->prologue.size + body.size;
	const size_t maxima[] = { 0, mailbox->prologue.size - 1, mailbox->prologue.size,
		mailbox->prologue.size + SEAL_CHUNK_SIZE - 1,
		mailbox->prologue.size + SEAL_CHUNK_SIZE, whole - 1, whole };
	struct buf sealed;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	test_seal(&body_id, mailbox, 1, body, 5000, &sealed);
	for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
		struct error error = { .kind = ERROR_NONE };
		struct buf plain;

		buf_init(&plain, maxima[i]);
		assert_int_equal(test_open(mailbox, buf_view(&sealed), 1000, &plain, &error),
			maxima[i] == whole);
		assert_int_equal(error.kind, maxima[i] == whole ? ERROR_NONE : ERROR_MEMORY);
		assert_true(test_begins_message(mailbox, body, buf_view(&plain)));
		buf_clear(&plain);
	}
	buf_clear(&sealed);
}

static void test_no_secret_memory(void **state)
{
	/* What is left, and who runs out: the state of the stream, then the letter; the opener, then
	 * its letter. */
	static const size_t left[] = { 0, 64, 128 };
	const struct test_mailbox *mailbox = &mailboxes[0];
	struct seal_target target = { mailbox->id, mailbox->message, mailbox->public_keys.box,
		mailbox->prologue };
	struct buf sealed, none, plain;
	struct opener *opener;
	struct error error;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	buf_init(&none, FIXTURE_SEALED_MAX);
	buf_init(&plain, FIXTURE_SEALED_MAX);
	test_seal(&body_id, mailbox, 1, bytes_of("body"), 4, &sealed);
	for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
		test_slab_exhaust(left[i]);
		assert_null(sealer_new(&body_id, &target, 1, &none, &error));
		assert_int_equal(error.kind, ERROR_BUSY);
		assert_int_equal(none.size, 0);

		error.kind = ERROR_NONE;
		opener = opener_new(&mailbox->id, &mailbox->message, mailbox->keyring, &error);
		assert_int_equal(opener != NULL, left[i] == 128);
		if (opener) {
			assert_false(opener_feed(opener, buf_view(&sealed), &plain, &error));
			assert_int_equal(error.kind, ERROR_BUSY);
			assert_false(opener_feed(opener, buf_view(&sealed), &plain, &error));
			assert_int_equal(error.kind, ERROR_BUSY);
			opener_free(&opener);
		}
		assert_int_equal(error.kind, ERROR_BUSY);
		assert_int_equal(plain.size, 0);
		test_slab_release();
	}
	/* And then it works again. */
	expect_opens(mailbox, buf_view(&sealed), 1000, bytes_of("body"));
	buf_clear(&sealed);
	buf_clear(&none);
	buf_clear(&plain);
}

static void test_after_the_end(void **state)
{
	const struct test_mailbox *mailbox = &mailboxes[0];
	struct seal_target target = { mailbox->id, mailbox->message, mailbox->public_keys.box,
		mailbox->prologue };
	struct buf sealed, plain;
	struct sealer *sealer;
	struct opener *opener;
	struct error error;
	size_t size;

	(void)state;
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	buf_init(&plain, FIXTURE_SEALED_MAX);
	sealer = sealer_new(&body_id, &target, 1, &sealed, &error);
	assert_true(sealer_write(sealer, bytes_of("body"), &sealed, &error));
	assert_true(sealer_finish(sealer, &sealed, &error));
	size = sealed.size;
	assert_false(sealer_write(sealer, bytes_of("more"), &sealed, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_false(sealer_finish(sealer, &sealed, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_int_equal(sealed.size, size);
	sealer_free(&sealer);

	opener = opener_new(&mailbox->id, &mailbox->message, mailbox->keyring, &error);
	assert_true(opener_feed(opener, buf_view(&sealed), &plain, &error));
	assert_true(opener_finish(opener, &plain, &error));
	size = plain.size;
	assert_false(opener_feed(opener, buf_view(&sealed), &plain, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_false(opener_finish(opener, &plain, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_int_equal(plain.size, size);
	opener_free(&opener);
	buf_clear(&sealed);
	buf_clear(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies_in_pieces),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_pieces_of_nothing),
		cmocka_unit_test(test_each_mailbox_sees_its_own_prologue),
		cmocka_unit_test(test_a_mailbox_twice),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_head_describes_itself),
		cmocka_unit_test(test_nothing_readable_inside),
		cmocka_unit_test(test_refused_targets),
		cmocka_unit_test(test_no_room_for_the_sealed),
		cmocka_unit_test(test_no_room_for_the_plain),
		cmocka_unit_test(test_no_secret_memory),
		cmocka_unit_test(test_after_the_end),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

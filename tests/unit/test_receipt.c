/* test_receipt.c -- a receipt gives the SHA-256 of what was written to the sealer, to its mailbox, for its
 * message, whatever became of the message; and to nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/receipt.h"
#include "crypto/secret.h"
#include "test_crypto_fixture.h"

static uint8_t pattern[3 * SEAL_CHUNK_SIZE];
static struct id body_id;
static struct test_mailbox mailboxes[SEAL_TARGETS_MAX];

static int set_up(void **state)
{
	(void)state;
	if (!secret_start(FIXTURE_SLAB_BYTES, NULL))
		return -1;
	test_pattern(pattern, sizeof pattern);
	body_id = random_id();
	for (size_t i = 0; i < SEAL_TARGETS_MAX; i++)
		test_mailbox_init(&mailboxes[i], i % 2 ? "Odd: one\r\n" : "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < SEAL_TARGETS_MAX; i++)
		test_mailbox_clear(&mailboxes[i]);
	return secret_bytes_in_use() == 0 ? 0 : -1;
}

static struct sealer *begin(size_t count, struct buf *sealed)
{
	struct seal_target targets[SEAL_TARGETS_MAX];
	struct sealer *sealer;

	for (size_t i = 0; i < count; i++)
		targets[i] = (struct seal_target){ mailboxes[i].id, mailboxes[i].message,
			mailboxes[i].public_keys.box, mailboxes[i].prologue };
	buf_init(sealed, FIXTURE_SEALED_MAX);
	sealer = sealer_new(&body_id, targets, count, sealed, NULL);
	assert_non_null(sealer);
	return sealer;
}

/* The receipts of `body` for the first `count` mailboxes; also the sealed message, if it is wanted. */
static void seal(size_t count, struct bytes body, size_t piece,
	uint8_t receipts[][SEAL_RECEIPT_SIZE], struct buf *sealed)
{
	struct buf own;
	struct sealer *sealer = begin(count, sealed ? sealed : &own);
	struct buf *out = sealed ? sealed : &own;

	for (; body.size; body = bytes_skip(body, piece))
		assert_true(sealer_write(sealer, bytes_head(body, piece), out, NULL));
	assert_true(sealer_finish(sealer, out, NULL));
	for (size_t i = 0; i < count; i++)
		assert_true(sealer_receipt(sealer, i, receipts[i]));
	sealer_free(&sealer);
	if (!sealed)
		buf_clear(&own);
}

static bool opens(const struct test_mailbox *mailbox, const uint8_t *receipt, struct bytes body)
{
	uint8_t sha256[SHA256_SIZE], before[SHA256_SIZE], expected[SHA256_SIZE];
	struct error error = { .kind = ERROR_NONE };
	size_t in_use = secret_bytes_in_use();
	struct sha256 hash;
	bool ok;

	memset(before, 0xaa, sizeof before);
	memcpy(sha256, before, sizeof sha256);
	ok = receipt_open(
		receipt, &mailbox->id, &mailbox->message, mailbox->keyring, sha256, &error);
	assert_int_equal(secret_bytes_in_use(), in_use);
	if (!ok) {
		assert_int_equal(error.kind, ERROR_CORRUPT);
		assert_memory_equal(sha256, before, sizeof sha256);
		return false;
	}
	sha256_init(&hash);
	sha256_update(&hash, body);
	sha256_final(&hash, expected);
	assert_memory_equal(sha256, expected, sizeof sha256);
	return true;
}

static void test_sizes_and_pieces(void **state)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 1000, SEAL_CHUNK_SIZE - 1, SEAL_CHUNK_SIZE,
		SEAL_CHUNK_SIZE + 1, 3 * SEAL_CHUNK_SIZE };
	static const size_t pieces[] = { 17, 4096, SEAL_CHUNK_SIZE, 3 * SEAL_CHUNK_SIZE };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
			struct bytes body = bytes_make(pattern, sizes[i]);
			uint8_t receipts[1][SEAL_RECEIPT_SIZE];

			seal(1, body, pieces[j], receipts, NULL);
			assert_true(opens(&mailboxes[0], receipts[0], body));
		}
	}
}

/* Each its own, over the same content, without the prologue, which each has another one of. */
static void test_many_targets(void **state)
{
	struct bytes body = bytes_make(pattern, 1000);
	uint8_t receipts[SEAL_TARGETS_MAX][SEAL_RECEIPT_SIZE];

	(void)state;
	seal(SEAL_TARGETS_MAX, body, 100, receipts, NULL);
	for (size_t i = 0; i < SEAL_TARGETS_MAX; i++) {
		for (size_t j = 0; j < SEAL_TARGETS_MAX; j++)
			assert_int_equal(opens(&mailboxes[i], receipts[j], body), i == j);
	}
}

static void test_every_bit_counts(void **state)
{
	struct bytes body = bytes_of("body");
	uint8_t receipts[1][SEAL_RECEIPT_SIZE];

	(void)state;
	seal(1, body, 4, receipts, NULL);
	assert_true(opens(&mailboxes[0], receipts[0], body));
	for (size_t bit = 0; bit < 8 * SEAL_RECEIPT_SIZE; bit++) {
		/* X25519 takes no notice of the highest bit (RFC 7748 section 5); the nonce does. */
		receipts[0][bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(opens(&mailboxes[0], receipts[0], body));
		receipts[0][bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* A key of low order has no secret to share. */
	memset(receipts[0], 0, BOX_KEY_SIZE);
	assert_false(opens(&mailboxes[0], receipts[0], body));
}

static void test_mailbox_and_message_are_bound(void **state)
{
	struct bytes body = bytes_of("body");
	uint8_t receipts[2][SEAL_RECEIPT_SIZE];
	struct test_mailbox wrong;

	(void)state;
	seal(2, body, 4, receipts, NULL);
	for (size_t bit = 0; bit < 8 * sizeof(struct id); bit++) {
		wrong = mailboxes[0];
		wrong.id.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(opens(&wrong, receipts[0], body));
		wrong = mailboxes[0];
		wrong.message.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(opens(&wrong, receipts[0], body));
	}
	wrong = mailboxes[0];
	wrong.keyring = mailboxes[1].keyring;
	assert_false(opens(&wrong, receipts[0], body));
	wrong = mailboxes[1];
	wrong.id = mailboxes[0].id;
	wrong.message = mailboxes[0].message;
	assert_false(opens(&wrong, receipts[1], body));
	assert_true(opens(&mailboxes[1], receipts[1], body));
}

/* Of generation 1, opened with the keys of generation 3; not the other way round. */
static void test_generations(void **state)
{
	struct bytes body = bytes_of("body");
	struct test_mailbox own = mailboxes[0], before;
	uint8_t receipts[1][SEAL_RECEIPT_SIZE];

	(void)state;
	test_mailbox_init(&mailboxes[0], "");
	seal(1, body, 4, receipts, NULL);
	before = mailboxes[0];
	before.keyring =
		mailbox_keyring_open(&before.public_keys, before.secret_keys, NULL, 0, NULL);
	assert_non_null(before.keyring);
	test_mailbox_rekey(&mailboxes[0]);
	test_mailbox_rekey(&mailboxes[0]);
	assert_true(opens(&mailboxes[0], receipts[0], body));
	assert_true(opens(&before, receipts[0], body));
	seal(1, body, 4, receipts, NULL);
	assert_true(opens(&mailboxes[0], receipts[0], body));
	assert_false(opens(&before, receipts[0], body));
	mailbox_keyring_free(&before.keyring);
	test_mailbox_clear(&mailboxes[0]);
	mailboxes[0] = own;
}

/* One key for both: with the same nonce the one would show what the other one hides. */
static void test_shares_the_ephemeral_key_and_nothing_else(void **state)
{
	enum { ENVELOPE = 24 + 1 + 34 };
	uint8_t receipts[1][SEAL_RECEIPT_SIZE], forged[SEAL_RECEIPT_SIZE];
	struct bytes body = bytes_of("body");
	struct buf sealed;

	(void)state;
	seal(1, body, 4, receipts, &sealed);
	assert_memory_equal(sealed.data + ENVELOPE, receipts[0], BOX_KEY_SIZE);
	/* The beginning of the envelope is no receipt. */
	memcpy(forged, sealed.data + ENVELOPE, sizeof forged);
	assert_false(opens(&mailboxes[0], forged, body));
	assert_memory_not_equal(forged + BOX_KEY_SIZE, receipts[0] + BOX_KEY_SIZE, 16);
	buf_clear(&sealed);
}

static void test_when_there_is_a_receipt(void **state)
{
	uint8_t receipt[SEAL_RECEIPT_SIZE];
	size_t in_use = secret_bytes_in_use();
	struct sealer *sealer;
	struct error error;
	struct buf sealed;

	(void)state;
	sealer = begin(2, &sealed);
	assert_false(sealer_receipt(sealer, 0, receipt));
	assert_true(sealer_write(sealer, bytes_of("body"), &sealed, NULL));
	assert_false(sealer_receipt(sealer, 0, receipt));
	assert_true(secret_bytes_in_use() > in_use);
	assert_true(sealer_finish(sealer, &sealed, NULL));
	/* The sealer is there, its keys are not. */
	assert_int_equal(secret_bytes_in_use(), in_use);
	assert_true(sealer_receipt(sealer, 1, receipt));
	assert_true(opens(&mailboxes[1], receipt, bytes_of("body")));
	assert_false(sealer_receipt(sealer, 2, receipt));
	assert_false(sealer_receipt(sealer, SIZE_MAX, receipt));
	/* Refused, and still there. */
	assert_false(sealer_write(sealer, bytes_of("more"), &sealed, NULL));
	assert_false(sealer_finish(sealer, &sealed, NULL));
	assert_true(sealer_receipt(sealer, 0, receipt));
	assert_true(opens(&mailboxes[0], receipt, bytes_of("body")));
	sealer_free(&sealer);
	buf_clear(&sealed);

	/* A message that could not be sealed to its end has none. */
	sealer = begin(1, &sealed);
	sealed.maximum = sealed.size;
	assert_true(sealer_write(sealer, bytes_of("body"), &sealed, &error));
	assert_false(sealer_finish(sealer, &sealed, &error));
	assert_int_equal(error.kind, ERROR_MEMORY);
	assert_false(sealer_receipt(sealer, 0, receipt));
	sealer_free(&sealer);
	assert_int_equal(secret_bytes_in_use(), in_use);
	buf_clear(&sealed);
}

static void test_known_receipt(void **state)
{
	uint8_t receipt[SEAL_RECEIPT_SIZE], expected[SHA256_SIZE], sha256[SHA256_SIZE];
	struct test_mailbox known;

	(void)state;
	test_mailbox_init_known(&known, "first");
	test_known_bytes("first-receipt", receipt, sizeof receipt);
	test_known_bytes("plain-sha256", expected, sizeof expected);
	assert_true(receipt_open(receipt, &known.id, &known.message, known.keyring, sha256, NULL));
	assert_memory_equal(sha256, expected, sizeof sha256);
	test_mailbox_clear(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_and_pieces),
		cmocka_unit_test(test_many_targets),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_mailbox_and_message_are_bound),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_shares_the_ephemeral_key_and_nothing_else),
		cmocka_unit_test(test_when_there_is_a_receipt),
		cmocka_unit_test(test_known_receipt),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

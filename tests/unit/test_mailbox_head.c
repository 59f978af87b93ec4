/* test_mailbox_head.c -- a signed head verifies as it was signed, for its own mailbox, and in no other way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/mailbox_head.h"
#include "crypto/secret.h"
#include "test_crypto_fixture.h"

static struct test_mailbox mailbox;
static struct mailbox_head head;
static uint8_t signature[HEAD_SIGNATURE_SIZE];

static int set_up(void **state)
{
	(void)state;
	if (!secret_start(FIXTURE_SLAB_BYTES, NULL))
		return -1;
	test_mailbox_init(&mailbox, "");
	head = (struct mailbox_head){
		.mailbox = mailbox.id,
		.number = 0x0102030405060708,
		.time_us = 1700000000123456,
		.generation = 3,
	};
	test_pattern(head.link, sizeof head.link);
	mailbox_head_sign(mailbox.keyring, &head, signature);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_mailbox_clear(&mailbox);
	return secret_bytes_in_use() == 0 ? 0 : -1;
}

static bool verifies(const struct mailbox_head *as)
{
	struct error error = { .kind = ERROR_NONE };

	if (mailbox_head_verify(mailbox.public_keys.identity, as, signature, &error))
		return true;
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_true(error.text[0]);
	return false;
}

static void test_every_bit_counts(void **state)
{
	static const struct {
		size_t offset, size;
	} fields[] = {
		{ offsetof(struct mailbox_head, mailbox), sizeof head.mailbox },
		{ offsetof(struct mailbox_head, number), sizeof head.number },
		{ offsetof(struct mailbox_head, link), sizeof head.link },
		{ offsetof(struct mailbox_head, time_us), sizeof head.time_us },
		{ offsetof(struct mailbox_head, generation), sizeof head.generation },
	};

	(void)state;
	assert_true(verifies(&head));
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		for (size_t bit = 0; bit < 8 * fields[i].size; bit++) {
			struct mailbox_head other = head;

			((uint8_t *)&other)[fields[i].offset + bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(verifies(&other));
		}
	}
	for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(verifies(&head));
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(verifies(&head));
}

static void test_of_another_mailbox(void **state)
{
	uint8_t theirs[HEAD_SIGNATURE_SIZE];
	struct test_mailbox other;
	struct error error;

	(void)state;
	test_mailbox_init(&other, "");
	/* Our head by their identity: neither under ours nor under theirs. */
	mailbox_head_sign(other.keyring, &head, theirs);
	assert_false(mailbox_head_verify(mailbox.public_keys.identity, &head, theirs, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_false(mailbox_head_verify(other.public_keys.identity, &head, theirs, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	test_mailbox_clear(&other);
}

/* What an identity signs for one purpose is nothing for another. */
static void test_domains(void **state)
{
	static const char purpose[] = "lettergate mailbox head 1";
	uint8_t text[25 + 16 + 8 + 32 + 8 + 4], own[HEAD_SIGNATURE_SIZE];
	struct mailbox_public_keys keys = mailbox.public_keys;

	(void)state;
	memcpy(text, purpose, 25);
	memcpy(text + 25, head.mailbox.bytes, 16);
	memcpy(text + 41, "\1\2\3\4\5\6\7\10", 8);
	memcpy(text + 49, head.link, 32);
	memcpy(text + 81, "\0\6\12\44\30\40\42\100", 8);
	memcpy(text + 89, "\0\0\0\3", 4);
	crypto_sign_detached(own, NULL, text, sizeof text, mailbox.secret_keys->identity);
	assert_memory_equal(own, signature, sizeof own);
	crypto_sign_detached(own, NULL, text + 25, sizeof text - 25, mailbox.secret_keys->identity);
	assert_false(mailbox_head_verify(mailbox.public_keys.identity, &head, own, NULL));

	memcpy(keys.signature, signature, sizeof keys.signature);
	assert_false(mailbox_keys_verify(&keys, &mailbox.id, NULL));
	assert_false(mailbox_head_verify(
		mailbox.public_keys.identity, &head, mailbox.public_keys.signature, NULL));
}

static void test_known_head(void **state)
{
	uint8_t expected[HEAD_SIGNATURE_SIZE], made[HEAD_SIGNATURE_SIZE];
	struct mailbox_head known_head = {
		.number = 0x0102030405060708,
		.time_us = 1700000000123456,
		.generation = 2,
	};
	struct test_mailbox known;

	(void)state;
	test_mailbox_init_known(&known, "first");
	known_head.mailbox = known.id;
	test_known_bytes("plain-digest", known_head.link, sizeof known_head.link);
	test_known_bytes("first-head-signature", expected, sizeof expected);
	assert_true(mailbox_head_verify(known.public_keys.identity, &known_head, expected, NULL));
	/* Ed25519 has one signature for a text (RFC 8032). */
	mailbox_head_sign(known.keyring, &known_head, made);
	assert_memory_equal(made, expected, sizeof made);
	test_mailbox_clear(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_of_another_mailbox),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_known_head),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* test_mailbox_keys.c -- the id authenticates the identity, the identity the box key, and secret
 * halves are told from those of other mailboxes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/secret.h"
#include "test_crypto_fixture.h"

static int set_up(void **state)
{
	(void)state;
	return secret_start(FIXTURE_SLAB_BYTES, NULL) ? 0 : -1;
}

static void test_generated_keys_fit(void **state)
{
	struct test_mailbox a, b;
	struct error error;

	(void)state;
	test_mailbox_init(&a, "");
	test_mailbox_init(&b, "");
	assert_true(mailbox_keys_verify(&a.public_keys, &a.id, &error));
	assert_true(mailbox_keys_match(&a.public_keys, a.secret_keys));
	assert_true(mailbox_keys_verify(&b.public_keys, &b.id, &error));
	assert_true(mailbox_keys_match(&b.public_keys, b.secret_keys));

	assert_false(id_is_equal(&a.id, &b.id));
	assert_memory_not_equal(a.public_keys.box, b.public_keys.box, BOX_KEY_SIZE);
	assert_memory_not_equal(a.secret_keys, b.secret_keys, sizeof *a.secret_keys);
	test_mailbox_clear(&a);
	test_mailbox_clear(&b);
}

/* Someone who can write to the data folder tries to have mail sealed to a key of his own. */
static void test_exchanged_keys_do_not_verify(void **state)
{
	struct mailbox_public_keys forged;
	struct test_mailbox ours, theirs;
	struct error error;

	(void)state;
	test_mailbox_init(&ours, "");
	test_mailbox_init(&theirs, "");

	forged = ours.public_keys;
	memcpy(forged.box, theirs.public_keys.box, BOX_KEY_SIZE);
	assert_false(mailbox_keys_verify(&forged, &ours.id, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);

	/* With a signature too, but by another identity. */
	memcpy(forged.signature, theirs.public_keys.signature, KEY_SIGNATURE_SIZE);
	assert_false(mailbox_keys_verify(&forged, &ours.id, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);

	/* All of another mailbox, under our id. */
	assert_false(mailbox_keys_verify(&theirs.public_keys, &ours.id, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	test_mailbox_clear(&ours);
	test_mailbox_clear(&theirs);
}

/* The forger signs what the format asks for, our mailbox id and his box key, with an identity of his
 * own: all is right but the identity, which the id does not belong to. */
static void test_another_identity_does_not_verify(void **state)
{
	static const char purpose[] = "lettergate mailbox box key 1";
	uint8_t text[sizeof purpose - 1 + sizeof(struct id) + 4 + BOX_KEY_SIZE];
	struct mailbox_public_keys forged;
	struct test_mailbox ours, theirs;
	struct error error;
	struct id id;

	(void)state;
	test_mailbox_init(&ours, "");
	test_mailbox_init(&theirs, "");
	forged = theirs.public_keys;
	memcpy(text, purpose, sizeof purpose - 1);
	memcpy(text + sizeof purpose - 1, ours.id.bytes, sizeof ours.id.bytes);
	memcpy(text + sizeof text - BOX_KEY_SIZE - 4, "\0\0\0\1", 4);
	memcpy(text + sizeof text - BOX_KEY_SIZE, forged.box, BOX_KEY_SIZE);
	crypto_sign_detached(
		forged.signature, NULL, text, sizeof text, theirs.secret_keys->identity);
	assert_false(mailbox_keys_verify(&forged, &ours.id, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);

	/* The same steps make what verifies, when the id is the forger's own. */
	id = mailbox_keys_id(&forged);
	memcpy(text + sizeof purpose - 1, id.bytes, sizeof id.bytes);
	crypto_sign_detached(
		forged.signature, NULL, text, sizeof text, theirs.secret_keys->identity);
	assert_true(mailbox_keys_verify(&forged, &theirs.id, &error));
	test_mailbox_clear(&ours);
	test_mailbox_clear(&theirs);
}

/* Signed by the right identity, and yet one that no keyring takes: mail sealed to it would stay. */
static void test_generations_that_cannot_be(void **state)
{
	static const struct {
		uint32_t generation;
		bool can_be;
	} rows[] = {
		{ 0, false },
		{ MAILBOX_GENERATION_FIRST, true },
		{ MAILBOX_GENERATIONS_MAX, true },
		{ MAILBOX_GENERATIONS_MAX + 1, false },
		{ UINT32_MAX, false },
	};
	static const char purpose[] = "lettergate mailbox box key 1";
	struct test_mailbox mailbox;
	struct error error;

	(void)state;
	test_mailbox_init(&mailbox, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint32_t generation = rows[i].generation;
		struct buf text;

		buf_init(&text, 256);
		assert_true(buf_append_text(&text, purpose) &&
			    buf_append(&text, bytes_make(mailbox.id.bytes, sizeof(struct id))) &&
			    buf_append_u32(&text, generation) &&
			    buf_append(&text, bytes_make(mailbox.public_keys.box, BOX_KEY_SIZE)));
		mailbox.public_keys.generation = generation;
		crypto_sign_detached(mailbox.public_keys.signature, NULL, text.data, text.size,
			mailbox.secret_keys->identity);
		error.kind = ERROR_NONE;
		assert_int_equal(mailbox_keys_verify(&mailbox.public_keys, &mailbox.id, &error),
			rows[i].can_be);
		assert_int_equal(error.kind, rows[i].can_be ? ERROR_NONE : ERROR_CORRUPT);
		buf_clear(&text);
	}
	test_mailbox_clear(&mailbox);
}

static void test_every_bit_counts(void **state)
{
	struct mailbox_public_keys damaged;
	struct test_mailbox mailbox;
	struct error error;

	(void)state;
	test_mailbox_init(&mailbox, "");
	for (size_t bit = 0; bit < 8 * sizeof damaged; bit++) {
		damaged = mailbox.public_keys;
		((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(mailbox_keys_verify(&damaged, &mailbox.id, &error));
		assert_int_equal(error.kind, ERROR_CORRUPT);
	}
	for (size_t bit = 0; bit < 8 * sizeof(struct id); bit++) {
		struct id id = mailbox.id;

		id.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(mailbox_keys_verify(&mailbox.public_keys, &id, &error));
	}
	test_mailbox_clear(&mailbox);
}

static void test_secret_halves_of_others_do_not_match(void **state)
{
	struct test_mailbox a, b;

	(void)state;
	test_mailbox_init(&a, "");
	test_mailbox_init(&b, "");
	assert_false(mailbox_keys_match(&a.public_keys, b.secret_keys));

	memcpy(b.secret_keys->box, a.secret_keys->box, sizeof b.secret_keys->box);
	assert_false(mailbox_keys_match(&a.public_keys, b.secret_keys));

	/* The public half that libsodium keeps behind the seed is right, the seed is not. */
	memcpy(b.secret_keys->identity + 32, a.secret_keys->identity + 32, 32);
	assert_false(mailbox_keys_match(&a.public_keys, b.secret_keys));

	memcpy(b.secret_keys->identity, a.secret_keys->identity, 32);
	assert_true(mailbox_keys_match(&a.public_keys, b.secret_keys));

	/* The other way round. */
	b.secret_keys->identity[63] ^= 1;
	assert_false(mailbox_keys_match(&a.public_keys, b.secret_keys));
	test_mailbox_clear(&a);
	test_mailbox_clear(&b);
}

static void test_known_answers(void **state)
{
	static const char *const names[] = { "first", "second" };
	struct error error;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct test_mailbox mailbox;
		struct id id;

		test_mailbox_init_known(&mailbox, names[i]);
		id = mailbox_keys_id(&mailbox.public_keys);
		assert_true(id_is_equal(&id, &mailbox.id));
		assert_true(mailbox_keys_verify(&mailbox.public_keys, &mailbox.id, &error));
		assert_true(mailbox_keys_match(&mailbox.public_keys, mailbox.secret_keys));
		test_mailbox_clear(&mailbox);
	}
}

static void test_no_secret_memory(void **state)
{
	struct mailbox_secret_keys *secret_keys = NULL;
	struct mailbox_public_keys public_keys;
	struct error error;

	(void)state;
	test_slab_exhaust(0);
	assert_false(mailbox_keys_generate(&public_keys, &secret_keys, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_null(secret_keys);
	test_slab_release();
	assert_int_equal(secret_bytes_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generated_keys_fit),
		cmocka_unit_test(test_exchanged_keys_do_not_verify),
		cmocka_unit_test(test_another_identity_does_not_verify),
		cmocka_unit_test(test_generations_that_cannot_be),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_secret_halves_of_others_do_not_match),
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_no_secret_memory),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

/* test_mailbox_keyring.c -- rekey, and the chain of old keys that a keyring is opened from: with it mail of
 * every generation opens, and nobody can lengthen, shorten or bend it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/key_wrap.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "test_crypto_fixture.h"

/* As the format page has it. */
struct letter {
	uint8_t box[32];
	uint8_t signature[KEY_SIGNATURE_SIZE];
};

static struct test_mailbox mailbox; /* of generation 3 */

static int set_up(void **state)
{
	(void)state;
	if (!secret_start(FIXTURE_SLAB_BYTES, NULL))
		return -1;
	test_mailbox_init(&mailbox, "Return-Path: <>\r\n");
	test_mailbox_rekey(&mailbox);
	test_mailbox_rekey(&mailbox);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_mailbox_clear(&mailbox);
	return secret_bytes_in_use() == 0 ? 0 : -1;
}

/* ERROR_NONE when a keyring opens. Nothing is left of one that does not. */
static enum error_kind open_with(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys, const struct mailbox_old_key *old,
	size_t count)
{
	struct error error = { .kind = ERROR_NONE };
	size_t in_use = secret_bytes_in_use();
	struct mailbox_keyring *keyring =
		mailbox_keyring_open(public_keys, secret_keys, old, count, &error);

	assert_int_equal(keyring == NULL, error.kind != ERROR_NONE);
	mailbox_keyring_free(&keyring);
	assert_null(keyring);
	assert_int_equal(secret_bytes_in_use(), in_use);
	return error.kind;
}

static enum error_kind open_chain(const struct mailbox_old_key *old, size_t count)
{
	return open_with(&mailbox.public_keys, mailbox.secret_keys, old, count);
}

static void test_rekey(void **state)
{
	struct mailbox_secret_keys *new_secret = NULL;
	struct mailbox_public_keys new_public;
	struct mailbox_old_key old;
	struct test_mailbox own;
	struct id id;

	(void)state;
	test_mailbox_init(&own, "");
	assert_int_equal(own.public_keys.generation, 1);
	assert_true(mailbox_keys_rekey(
		&own.public_keys, own.secret_keys, &new_public, &new_secret, &old, NULL));
	assert_int_equal(new_public.generation, 2);
	assert_true(mailbox_keys_verify(&new_public, &own.id, NULL));
	assert_true(mailbox_keys_match(&new_public, new_secret));
	id = mailbox_keys_id(&new_public);
	assert_true(id_is_equal(&id, &own.id));
	assert_memory_not_equal(new_public.box, own.public_keys.box, BOX_KEY_SIZE);
	assert_false(mailbox_keys_match(&new_public, own.secret_keys));
	assert_false(mailbox_keys_match(&own.public_keys, new_secret));

	assert_int_equal(old.generation, 1);
	assert_memory_equal(old.box, own.public_keys.box, BOX_KEY_SIZE);
	assert_int_equal(open_with(&new_public, new_secret, &old, 1), ERROR_NONE);
	/* The way back is closed: who has the keys from before opens nothing of the new ones. */
	assert_int_equal(open_with(&new_public, own.secret_keys, &old, 1), ERROR_CORRUPT);
	secret_free(new_secret);
	test_mailbox_clear(&own);
}

static void test_rekey_is_refused(void **state)
{
	/* What is left: nothing, or room for the new keys without the letter. */
	static const size_t left[] = { 0, 128 };
	struct mailbox_secret_keys *new_secret = NULL;
	struct mailbox_public_keys new_public;
	struct mailbox_old_key old;
	struct test_mailbox other;
	struct error error;
	size_t in_use;

	(void)state;
	test_mailbox_init(&other, "");
	in_use = secret_bytes_in_use();
	assert_false(mailbox_keys_rekey(
		&mailbox.public_keys, other.secret_keys, &new_public, &new_secret, &old, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
		test_slab_exhaust(left[i]);
		assert_false(mailbox_keys_rekey(&mailbox.public_keys, mailbox.secret_keys,
			&new_public, &new_secret, &old, &error));
		assert_int_equal(error.kind, ERROR_BUSY);
		test_slab_release();
		assert_int_equal(secret_bytes_in_use(), in_use);
	}
	assert_null(new_secret);
	test_mailbox_clear(&other);
}

/* Up to the last generation each message opens, whichever key it was sealed to; there is none after it. */
static void test_all_generations(void **state)
{
	static struct buf sealed[MAILBOX_GENERATIONS_MAX];
	struct mailbox_secret_keys *new_secret = NULL;
	struct mailbox_public_keys new_public;
	struct mailbox_old_key old;
	struct id body = random_id();
	struct test_mailbox own;
	struct error error;

	(void)state;
	test_mailbox_init(&own, "");
	for (size_t i = 0; i < MAILBOX_GENERATIONS_MAX; i++) {
		if (i)
			test_mailbox_rekey(&own);
		assert_int_equal(own.public_keys.generation, i + 1);
		buf_init(&sealed[i], FIXTURE_SEALED_MAX);
		test_seal(&body, &own, 1, bytes_of("body"), 4, &sealed[i]);
	}
	for (size_t i = 0; i < MAILBOX_GENERATIONS_MAX; i++) {
		struct buf plain;

		buf_init(&plain, FIXTURE_SEALED_MAX);
		assert_true(test_open(&own, buf_view(&sealed[i]), 1000, &plain, &error));
		assert_true(bytes_equal_text(buf_view(&plain), "body"));
		buf_clear(&plain);
		buf_clear(&sealed[i]);
	}
	assert_false(mailbox_keys_rekey(
		&own.public_keys, own.secret_keys, &new_public, &new_secret, &old, &error));
	assert_int_equal(error.kind, ERROR_STATE);
	assert_null(new_secret);
	test_mailbox_clear(&own);
}

/* What was sealed after a rekey is closed to the keys from before, and to every other mailbox. */
static void test_what_rekey_protects(void **state)
{
	struct test_mailbox own, before;
	struct id body = random_id();
	struct buf sealed, plain;
	struct error error;

	(void)state;
	test_mailbox_init(&own, "");
	before = own;
	before.secret_keys = secret_new(sizeof *before.secret_keys);
	memcpy(before.secret_keys, own.secret_keys, sizeof *own.secret_keys);
	before.keyring =
		mailbox_keyring_open(&before.public_keys, before.secret_keys, NULL, 0, NULL);
	test_mailbox_rekey(&own);
	buf_init(&sealed, FIXTURE_SEALED_MAX);
	buf_init(&plain, FIXTURE_SEALED_MAX);
	test_seal(&body, &own, 1, bytes_of("body"), 4, &sealed);
	assert_false(test_open(&before, buf_view(&sealed), 1000, &plain, &error));
	assert_int_equal(error.kind, ERROR_CORRUPT);
	assert_int_equal(plain.size, 0);
	assert_true(test_open(&own, buf_view(&sealed), 1000, &plain, &error));
	buf_clear(&sealed);
	buf_clear(&plain);
	test_mailbox_clear(&before);
	test_mailbox_clear(&own);
}

static void test_chains(void **state)
{
	const struct mailbox_old_key *old = mailbox.old;
	const struct mailbox_old_key swapped[] = { old[1], old[0] };
	const struct mailbox_old_key twice[] = { old[0], old[0] };
	const struct mailbox_old_key longer[] = { old[0], old[1], old[1] };
	static struct mailbox_old_key far[1000];
	struct mailbox_public_keys ahead = mailbox.public_keys;

	(void)state;
	assert_int_equal(open_chain(old, 2), ERROR_NONE);
	/* Too short: mail of the missing generations would not open. */
	assert_int_equal(open_chain(NULL, 0), ERROR_CORRUPT);
	assert_int_equal(open_chain(old, 1), ERROR_CORRUPT);
	assert_int_equal(open_chain(old + 1, 1), ERROR_CORRUPT);
	assert_int_equal(open_chain(swapped, 2), ERROR_CORRUPT);
	assert_int_equal(open_chain(twice, 2), ERROR_CORRUPT);
	assert_int_equal(open_chain(longer, 3), ERROR_CORRUPT);
	/* More than there can be, whatever the generation says. */
	ahead.generation = sizeof far / sizeof far[0] + 1;
	assert_int_equal(open_with(&ahead, mailbox.secret_keys, far, sizeof far / sizeof far[0]),
		ERROR_CORRUPT);
	ahead.generation = 0;
	assert_int_equal(open_with(&ahead, mailbox.secret_keys, NULL, SIZE_MAX), ERROR_CORRUPT);
}

static void test_every_bit_counts(void **state)
{
	struct mailbox_old_key damaged[2];

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof damaged; bit++) {
		memcpy(damaged, mailbox.old, sizeof damaged);
		((uint8_t *)damaged)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(open_chain(damaged, 2), ERROR_CORRUPT);
	}
}

static void seal_link(struct mailbox_old_key *link, const struct letter *letter,
	const uint8_t newer[BOX_KEY_SIZE])
{
	assert_int_equal(crypto_box_seal(link->sealed_secret, (const uint8_t *)letter,
				 sizeof *letter, newer),
		0);
}

static void open_letter(const struct test_mailbox *of, struct letter *letter)
{
	assert_int_equal(
		crypto_box_seal_open((uint8_t *)letter, of->old[0].sealed_secret,
			sizeof of->old[0].sealed_secret, of->public_keys.box, of->secret_keys->box),
		0);
}

/* Anybody can seal to the newest public key. What he seals must be vouched for all the same. */
static void test_forged_links(void **state)
{
	struct mailbox_old_key chain[2] = { mailbox.old[0], mailbox.old[1] };
	struct test_mailbox forger;
	struct letter letter, genuine;

	(void)state;
	open_letter(&mailbox, &genuine);
	seal_link(&chain[0], &genuine, mailbox.public_keys.box);
	assert_int_equal(open_chain(chain, 2), ERROR_NONE); /* written by the rules */

	/* A pair of his own, with a signature by another identity, and with ours on another key. */
	test_mailbox_init(&forger, "");
	memcpy(letter.box, forger.secret_keys->box, sizeof letter.box);
	memcpy(letter.signature, forger.public_keys.signature, sizeof letter.signature);
	memcpy(chain[0].box, forger.public_keys.box, BOX_KEY_SIZE);
	seal_link(&chain[0], &letter, mailbox.public_keys.box);
	assert_int_equal(open_chain(chain, 2), ERROR_CORRUPT);
	memcpy(letter.signature, genuine.signature, sizeof letter.signature);
	seal_link(&chain[0], &letter, mailbox.public_keys.box);
	assert_int_equal(open_chain(chain, 2), ERROR_CORRUPT);

	/* The public half is ours, the secret one is not. In the last link, where nothing comes after it that
	 * would not open. */
	memcpy(chain, mailbox.old, sizeof chain);
	assert_int_equal(crypto_box_seal_open((uint8_t *)&letter, chain[1].sealed_secret,
				 sizeof chain[1].sealed_secret, chain[0].box, genuine.box),
		0);
	memcpy(letter.box, forger.secret_keys->box, sizeof letter.box);
	seal_link(&chain[1], &letter, chain[0].box);
	assert_int_equal(open_chain(chain, 2), ERROR_CORRUPT);
	test_mailbox_clear(&forger);
}

/* Whatever the identity itself has signed, there is one number for each place in the chain. */
static void test_numbers(void **state)
{
	static const uint32_t numbers[] = { 0, 1, 2, 4, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		struct mailbox_old_key chain[2] = { mailbox.old[0], mailbox.old[1] };
		struct letter letter;
		struct buf text;

		open_letter(&mailbox, &letter);
		buf_init(&text, 256);
		assert_true(buf_append_text(&text, "lettergate mailbox box key 1") &&
			    buf_append(&text, bytes_make(mailbox.id.bytes, sizeof(struct id))) &&
			    buf_append_u32(&text, numbers[i]) &&
			    buf_append(&text, bytes_make(chain[0].box, BOX_KEY_SIZE)));
		crypto_sign_detached(letter.signature, NULL, text.data, text.size,
			mailbox.secret_keys->identity);
		chain[0].generation = numbers[i];
		seal_link(&chain[0], &letter, mailbox.public_keys.box);
		assert_int_equal(
			open_chain(chain, 2), numbers[i] == 2 ? ERROR_NONE : ERROR_CORRUPT);
		buf_clear(&text);
	}
}

/* A genuine old key of the mailbox in the place of another generation; of another mailbox, in the same. */
static void test_links_of_others(void **state)
{
	struct mailbox_old_key chain[2] = { mailbox.old[0], mailbox.old[1] };
	struct test_mailbox own, other;
	struct letter letter;

	(void)state;
	test_mailbox_init(&own, "");
	test_mailbox_rekey(&own);
	open_letter(&own, &letter);
	test_mailbox_rekey(&own);
	/* Generation 1, sealed again to 3 and named 2. */
	chain[0] = chain[1] = own.old[1];
	chain[0].generation = 2;
	seal_link(&chain[0], &letter, own.public_keys.box);
	seal_link(&chain[1], &letter, chain[0].box);
	assert_int_equal(open_with(&own.public_keys, own.secret_keys, chain, 2), ERROR_CORRUPT);

	test_mailbox_init(&other, "");
	test_mailbox_rekey(&other);
	open_letter(&other, &letter);
	test_mailbox_clear(&own);
	test_mailbox_init(&own, "");
	test_mailbox_rekey(&own);
	chain[0] = other.old[0];
	seal_link(&chain[0], &letter, own.public_keys.box);
	assert_int_equal(open_with(&own.public_keys, own.secret_keys, chain, 1), ERROR_CORRUPT);
	assert_int_equal(open_with(&own.public_keys, own.secret_keys, own.old, 1), ERROR_NONE);
	test_mailbox_clear(&own);
	test_mailbox_clear(&other);
}

static void test_other_secret_keys(void **state)
{
	struct test_mailbox other;

	(void)state;
	test_mailbox_init(&other, "");
	assert_int_equal(
		open_with(&mailbox.public_keys, other.secret_keys, mailbox.old, 2), ERROR_CORRUPT);
	assert_int_equal(
		open_with(&other.public_keys, mailbox.secret_keys, NULL, 0), ERROR_CORRUPT);
	test_mailbox_clear(&other);
}

static void test_secret_memory(void **state)
{
	/* Nothing, too little for the keyring, the keyring without room for the letter. */
	static const size_t left[] = { 0, 64, 320 };
	struct mailbox_keyring *none = NULL;
	size_t in_use = secret_bytes_in_use();
	struct mailbox_keyring *keyring;
	struct test_mailbox own;

	(void)state;
	for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
		test_slab_exhaust(left[i]);
		assert_int_equal(open_chain(mailbox.old, 2), ERROR_BUSY);
		test_slab_release();
	}
	assert_int_equal(secret_bytes_in_use(), in_use);
	mailbox_keyring_free(&none);

	/* As much as there are keys: what the header says of one and of the most. */
	test_mailbox_init(&own, "");
	in_use = secret_bytes_in_use();
	keyring = mailbox_keyring_open(&own.public_keys, own.secret_keys, NULL, 0, NULL);
	assert_int_equal(secret_bytes_in_use() - in_use, 192);
	mailbox_keyring_free(&keyring);
	while (own.public_keys.generation < MAILBOX_GENERATIONS_MAX)
		test_mailbox_rekey(&own);
	in_use = secret_bytes_in_use();
	keyring = mailbox_keyring_open(
		&own.public_keys, own.secret_keys, own.old, own.old_count, NULL);
	assert_int_equal(secret_bytes_in_use() - in_use, 2176);
	mailbox_keyring_free(&keyring);
	test_mailbox_clear(&own);
}

/* The wraps of the new keys are wraps like any others; those of the keys before fit no more. */
static void test_wraps_after_rekey(void **state)
{
	static const struct wrap_cost cheap = { 12 * 1024, 3 };
	static const struct {
		enum wrap_kind kind;
		const char *phrase;
	} rows[] = { { WRAP_PASSWORD, "first" }, { WRAP_PASSWORD, "second" },
		{ WRAP_RECOVERY, "000G-40R4-0M30-E209-185G-R38E-1WHQ" } };
	struct mailbox_secret_keys *opened;
	struct test_mailbox own;
	struct buf wrap, before;

	(void)state;
	buf_init(&before, WRAP_SIZE_MAX);
	test_mailbox_init(&own, "");
	assert_true(key_wrap(
		WRAP_PASSWORD, &own.id, own.secret_keys, bytes_of("first"), &cheap, &before, NULL));
	test_mailbox_rekey(&own);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_init(&wrap, WRAP_SIZE_MAX);
		assert_true(key_wrap(rows[i].kind, &own.id, own.secret_keys,
			bytes_of(rows[i].phrase), &cheap, &wrap, NULL));
		assert_true(key_unwrap(rows[i].kind, &own.id, buf_view(&wrap),
			bytes_of(rows[i].phrase), &opened, NULL));
		assert_int_equal(
			open_with(&own.public_keys, opened, own.old, own.old_count), ERROR_NONE);
		secret_free(opened);
		buf_clear(&wrap);
	}
	assert_true(key_unwrap(
		WRAP_PASSWORD, &own.id, buf_view(&before), bytes_of("first"), &opened, NULL));
	assert_int_equal(
		open_with(&own.public_keys, opened, own.old, own.old_count), ERROR_CORRUPT);
	secret_free(opened);
	buf_clear(&before);
	test_mailbox_clear(&own);
}

static void test_known_answers(void **state)
{
	struct test_mailbox known;
	struct buf sealed, body, plain;
	struct error error;

	(void)state;
	test_mailbox_init_known(&known, "first");
	known.old[0].generation = known.public_keys.generation++;
	memcpy(known.old[0].box, known.public_keys.box, BOX_KEY_SIZE);
	test_known_bytes("rekeyed-old-secret", known.old[0].sealed_secret, OLD_KEY_SEALED_SIZE);
	test_known_bytes("rekeyed-box-public", known.public_keys.box, BOX_KEY_SIZE);
	test_known_bytes("rekeyed-key-signature", known.public_keys.signature, KEY_SIGNATURE_SIZE);
	test_known_bytes("rekeyed-box-secret", known.secret_keys->box, 32);
	assert_true(mailbox_keys_verify(&known.public_keys, &known.id, NULL));
	mailbox_keyring_free(&known.keyring);
	known.keyring =
		mailbox_keyring_open(&known.public_keys, known.secret_keys, known.old, 1, &error);
	assert_non_null(known.keyring);

	test_known_answer("sealed", &sealed);
	test_known_answer("plain", &body);
	buf_init(&plain, FIXTURE_SEALED_MAX);
	assert_true(test_open(&known, buf_view(&sealed), 100, &plain, &error));
	assert_true(test_is_message(&known, buf_view(&body), buf_view(&plain)));
	buf_clear(&sealed);
	buf_clear(&body);
	buf_clear(&plain);
	test_mailbox_clear(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_rekey_is_refused),
		cmocka_unit_test(test_all_generations),
		cmocka_unit_test(test_what_rekey_protects),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_forged_links),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_links_of_others),
		cmocka_unit_test(test_other_secret_keys),
		cmocka_unit_test(test_secret_memory),
		cmocka_unit_test(test_wraps_after_rekey),
		cmocka_unit_test(test_known_answers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

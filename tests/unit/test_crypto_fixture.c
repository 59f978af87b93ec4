/* test_crypto_fixture.c -- see the header. */
#include "test_crypto_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/secret.h"

static void open_keyring(struct test_mailbox *mailbox)
{
	mailbox->keyring = mailbox_keyring_open(&mailbox->public_keys, mailbox->secret_keys,
		mailbox->old, mailbox->old_count, NULL);
	assert_non_null(mailbox->keyring);
}

void test_mailbox_rekey(struct test_mailbox *mailbox)
{
	struct mailbox_secret_keys *new_secret;
	struct mailbox_old_key old;

	/* The public keys in place, as a caller may. */
	assert_true(mailbox_keys_rekey(&mailbox->public_keys, mailbox->secret_keys,
		&mailbox->public_keys, &new_secret, &old, NULL));
	secret_free(mailbox->secret_keys);
	mailbox->secret_keys = new_secret;
	memmove(mailbox->old + 1, mailbox->old, mailbox->old_count * sizeof old);
	mailbox->old[0] = old;
	mailbox->old_count++;
	mailbox_keyring_free(&mailbox->keyring);
	open_keyring(mailbox);
}

void test_mailbox_init(struct test_mailbox *mailbox, const char *prologue)
{
	mailbox->old_count = 0;
	assert_true(mailbox_keys_generate(&mailbox->public_keys, &mailbox->secret_keys, NULL));
	open_keyring(mailbox);
	mailbox->id = mailbox_keys_id(&mailbox->public_keys);
	mailbox->message = random_id();
	mailbox->prologue = bytes_of(prologue);
}

void test_mailbox_clear(struct test_mailbox *mailbox)
{
	mailbox_keyring_free(&mailbox->keyring);
	secret_free(mailbox->secret_keys);
	mailbox->secret_keys = NULL;
}

void test_seal(const struct id *body, const struct test_mailbox *mailboxes, size_t count,
	struct bytes plain, size_t piece, struct buf *sealed)
{
	struct seal_target targets[SEAL_TARGETS_MAX];
	struct sealer *sealer;
	struct error error;

	for (size_t i = 0; i < count; i++)
		targets[i] = (struct seal_target){ mailboxes[i].id, mailboxes[i].message,
			mailboxes[i].public_keys.box, mailboxes[i].prologue };
	sealer = sealer_new(body, targets, count, sealed, &error);
	assert_non_null(sealer);
	for (; plain.size; plain = bytes_skip(plain, piece))
		assert_true(sealer_write(sealer, bytes_head(plain, piece), sealed, &error));
	assert_true(sealer_finish(sealer, sealed, &error));
	sealer_free(&sealer);
	assert_null(sealer);
}

bool test_open(const struct test_mailbox *mailbox, struct bytes sealed, size_t piece,
	struct buf *plain, struct error *error)
{
	struct opener *opener =
		opener_new(&mailbox->id, &mailbox->message, mailbox->keyring, error);
	bool ok = true;

	assert_non_null(opener);
	for (; ok && sealed.size; sealed = bytes_skip(sealed, piece)) {
		struct bytes fed = bytes_head(sealed, piece);
		size_t before = plain->size;

		ok = opener_feed(opener, fed, plain, error);
		assert_true(plain->size - before <= SEAL_PROLOGUE_MAX + fed.size + SEAL_CHUNK_SIZE);
	}
	ok = ok && opener_finish(opener, plain, error);
	opener_free(&opener);
	assert_null(opener);
	return ok;
}

bool test_begins_message(const struct test_mailbox *mailbox, struct bytes body, struct bytes plain)
{
	struct bytes head = bytes_head(plain, mailbox->prologue.size);
	struct bytes rest = bytes_skip(plain, mailbox->prologue.size);

	return bytes_equal(head, bytes_head(mailbox->prologue, head.size)) &&
	       rest.size <= body.size && bytes_equal(rest, bytes_head(body, rest.size));
}

bool test_is_message(const struct test_mailbox *mailbox, struct bytes body, struct bytes plain)
{
	return plain.size == mailbox->prologue.size + body.size &&
	       test_begins_message(mailbox, body, plain);
}

static void *taken[FIXTURE_SLAB_BYTES / 64];
static size_t taken_count;

void test_slab_exhaust(size_t left)
{
	void *kept = left ? secret_new(left) : NULL;
	size_t size = 65536;

	assert_true(!left || kept);
	while (size >= 64) {
		void *secret = secret_new(size);

		if (secret)
			taken[taken_count++] = secret;
		else
			size /= 2;
	}
	secret_free(kept);
}

void test_slab_release(void)
{
	while (taken_count)
		secret_free(taken[--taken_count]);
}

void test_known_answer(const char *name, struct buf *value)
{
	FILE *file = fopen(TEST_DATA "/format-v1.txt", "r");
	static char line[8192];
	bool found = false;

	assert_non_null(file);
	while (!found && fgets(line, sizeof line, file)) {
		struct bytes hex = bytes_of(line);
		struct bytes word;
		uint8_t *space;

		if (!bytes_split(&hex, ' ', &word) || !bytes_equal_text(word, name))
			continue;
		hex = bytes_head(hex, bytes_find(hex, '\n'));
		buf_init(value, hex.size / 2);
		assert_true(buf_reserve(value, hex.size / 2, &space));
		assert_true(hex_decode(hex, space, hex.size / 2));
		buf_commit(value, hex.size / 2);
		found = true;
	}
	fclose(file);
	assert_true(found);
}

void test_known_bytes(const char *name, void *data, size_t size)
{
	struct buf value;

	test_known_answer(name, &value);
	assert_int_equal(value.size, size);
	memcpy(data, value.data, size);
	buf_clear(&value);
}

void test_mailbox_init_known(struct test_mailbox *mailbox, const char *which)
{
	static char prologues[2][256];
	char *prologue = prologues[which[0] == 's'];
	struct buf text;
	char name[64];

	mailbox->secret_keys = secret_new(sizeof *mailbox->secret_keys);
	assert_non_null(mailbox->secret_keys);

	const struct {
		const char *suffix;
		void *data;
		size_t size;
	} rows[] = {
		{ "identity-public", mailbox->public_keys.identity, IDENTITY_KEY_SIZE },
		{ "box-public", mailbox->public_keys.box, BOX_KEY_SIZE },
		{ "key-signature", mailbox->public_keys.signature, KEY_SIGNATURE_SIZE },
		{ "identity-secret", mailbox->secret_keys->identity, 64 },
		{ "box-secret", mailbox->secret_keys->box, 32 },
		{ "mailbox-id", mailbox->id.bytes, sizeof mailbox->id.bytes },
		{ "message-id", mailbox->message.bytes, sizeof mailbox->message.bytes },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(name, sizeof name, "%s-%s", which, rows[i].suffix);
		test_known_bytes(name, rows[i].data, rows[i].size);
	}
	mailbox->public_keys.generation = MAILBOX_GENERATION_FIRST;
	mailbox->old_count = 0;
	open_keyring(mailbox);
	snprintf(name, sizeof name, "%s-prologue", which);
	test_known_answer(name, &text);
	assert_true(bytes_copy_text(buf_view(&text), prologue, sizeof prologues[0]));
	mailbox->prologue = bytes_of(prologue);
	buf_clear(&text);
}

void test_pattern(uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
}

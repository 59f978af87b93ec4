/* fuzz_opener.c -- a message is sealed, the input says how it is spoilt and in which pieces it is fed.
 * What the opener gives out must always be a beginning of what was sealed; it may come to the end
 * only with all of it; and with one target no change at all may go unnoticed. Input can also be fed
 * as it is, which must never open. The receipt opens whatever became of the message. What is read without a key
 * fits what opens.
 *
 * The first byte holds options, the second the size of the pieces, two the size of the body and the
 * generation of keys that it is sealed to; the rest are changes, or raw bytes. Keys are made at the
 * start: a finding repeats with any keys. */
#include <stdlib.h>

#include "base/reader.h"
#include "crypto/random.h"
#include "crypto/receipt.h"
#include "crypto/seal.h"
#include "crypto/sealed_head.h"
#include "crypto/secret.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MAILBOXES = 3,
	SEALED_MAX = 1 << 20,
	SIZE_BITS = 9,
	/* The options. */
	TARGETS_MASK = 3,
	OPENED_SHIFT = 2, /* which of the targets opens it */
	AROUND_A_CHUNK = 16,
	WITH_PROLOGUE = 32,
	RAW_BEHIND_MAGIC = 64,
	RAW = 128,
};

/* The first has one generation of keys, the last has MAILBOXES. */
static struct mailbox {
	struct mailbox_public_keys public_keys[MAILBOXES]; /* the oldest first */
	size_t generations;
	struct mailbox_keyring *keyring;
	struct id id, message;
} mailboxes[MAILBOXES];
static uint8_t pattern[SEAL_CHUNK_SIZE + 1024];

static void check(bool fact)
{
	if (!fact)
		abort();
}

static void make(struct mailbox *mailbox, size_t generations)
{
	struct mailbox_secret_keys *secret_keys, *new_secret;
	struct mailbox_old_key old[MAILBOXES]; /* the newest last */

	mailbox->generations = generations;
	check(mailbox_keys_generate(&mailbox->public_keys[0], &secret_keys, NULL));
	mailbox->id = mailbox_keys_id(&mailbox->public_keys[0]);
	mailbox->message = random_id();
	for (size_t i = 1; i < generations; i++) {
		check(mailbox_keys_rekey(&mailbox->public_keys[i - 1], secret_keys,
			&mailbox->public_keys[i], &new_secret, &old[MAILBOXES - i], NULL));
		secret_free(secret_keys);
		secret_keys = new_secret;
	}
	mailbox->keyring = mailbox_keyring_open(&mailbox->public_keys[generations - 1], secret_keys,
		&old[MAILBOXES - generations + 1], generations - 1, NULL);
	check(mailbox->keyring != NULL);
	secret_free(secret_keys);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	check(secret_start(1 << 20, NULL));
	for (size_t i = 0; i < MAILBOXES; i++)
		make(&mailboxes[i], i + 1);
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = (uint8_t)(i * 7 + i / 251);
	return 0;
}

static void check_receipt(
	const struct sealer *sealer, size_t targets, size_t target, struct bytes body)
{
	const struct mailbox *mailbox = &mailboxes[target];
	uint8_t receipt[SEAL_RECEIPT_SIZE], expected[SHA256_SIZE], sha256[SHA256_SIZE];
	struct sha256 hash;

	sha256_init(&hash);
	sha256_update(&hash, body);
	sha256_final(&hash, expected);
	check(sealer_receipt(sealer, target, receipt));
	check(receipt_open(
		receipt, &mailbox->id, &mailbox->message, mailbox->keyring, sha256, NULL));
	check(memcmp(sha256, expected, sizeof sha256) == 0);
	check(!sealer_receipt(sealer, targets, receipt));
}

static void seal(size_t targets, size_t generation, struct bytes prologue, struct bytes body,
	struct buf *sealed)
{
	struct seal_target target[MAILBOXES];
	struct id id = random_id();
	struct sealer *sealer;

	for (size_t i = 0; i < targets; i++)
		target[i] = (struct seal_target){ mailboxes[i].id, mailboxes[i].message,
			mailboxes[i].public_keys[generation % mailboxes[i].generations].box,
			prologue };
	sealer = sealer_new(&id, target, targets, sealed, NULL);
	check(sealer && sealer_write(sealer, body, sealed, NULL) &&
		sealer_finish(sealer, sealed, NULL));
	check_receipt(sealer, targets, generation % targets, body);
	sealer_free(&sealer);
}

/* An offset into `size` bytes: counted from the front, or from the end. */
static size_t offset_in(uint16_t value, size_t size)
{
	size_t at = (size_t)(value & 0x7fff) % (size + 1);

	return value & 0x8000 ? size - at : at;
}

static void replace(struct buf *sealed, size_t at, size_t removed, struct bytes added)
{
	struct buf changed;

	buf_init(&changed, SEALED_MAX);
	check(buf_append(&changed, bytes_head(buf_view(sealed), at)) &&
		buf_append(&changed, added) &&
		buf_append(&changed, bytes_skip(buf_view(sealed), at + removed)));
	buf_clear(sealed);
	*sealed = changed;
}

/* One change after the other, as long as the input lasts. */
static void spoil(struct buf *sealed, struct reader *input)
{
	for (int i = 0; i < 8 && input->rest.size; i++) {
		uint8_t what = reader_u8(input);
		size_t at = offset_in(reader_u16(input), sealed->size);
		uint8_t value = reader_u8(input);
		struct bytes rest = bytes_skip(buf_view(sealed), at);

		if (input->failed)
			return;
		switch (what % 5) {
		case 0:
			if (rest.size)
				sealed->data[at] ^= value;
			break;
		case 1:
			replace(sealed, at, rest.size, (struct bytes){ NULL, 0 });
			break;
		case 2:
			replace(sealed, at, value, (struct bytes){ NULL, 0 });
			break;
		case 3:
			replace(sealed, at, what & 128 ? value : 0,
				reader_view(input, value % (input->rest.size + 1)));
			break;
		case 4: { /* a part of it comes once more */
			struct buf copy;

			buf_init(&copy, SEALED_MAX);
			check(buf_append(&copy, bytes_head(rest, value * 4u)));
			replace(sealed, offset_in(reader_u16(input), sealed->size),
				what & 128 ? copy.size : 0, buf_view(&copy));
			buf_clear(&copy);
			break;
		}
		}
	}
}

static bool open_in_pieces(
	const struct mailbox *mailbox, struct bytes sealed, size_t piece, struct buf *plain)
{
	struct error error = { .kind = ERROR_NONE };
	struct opener *opener = opener_new(&mailbox->id, &mailbox->message, mailbox->keyring, NULL);
	bool ok = true;

	check(opener != NULL);
	for (; ok && sealed.size; sealed = bytes_skip(sealed, piece)) {
		struct bytes fed = bytes_head(sealed, piece);
		size_t before = plain->size;

		ok = opener_feed(opener, fed, plain, &error);
		check(plain->size - before <= SEAL_PROLOGUE_MAX + fed.size + SEAL_CHUNK_SIZE);
	}
	ok = ok && opener_finish(opener, plain, &error);
	check(ok || error.kind == ERROR_CORRUPT);
	/* Over is over. */
	check(!opener_feed(opener, bytes_of("x"), plain, NULL));
	check(!opener_finish(opener, plain, NULL));
	opener_free(&opener);
	return ok;
}

/* False: it is refused. */
static bool read_head(struct bytes sealed, struct sealed_head *head)
{
	struct error error = { .kind = ERROR_NONE };
	bool ok = sealed_head_read(bytes_head(sealed, SEAL_HEAD_MAX), sealed.size, head, &error);

	check(ok ? head->target_count >= 1 && head->target_count <= SEAL_TARGETS_MAX
		 : error.kind == ERROR_CORRUPT && error.text[0] != '\0');
	return ok;
}

static void check_head(const struct mailbox *mailbox, struct bytes sealed, size_t plain_size)
{
	struct sealed_head head;
	bool is_found = false;

	check(read_head(sealed, &head));
	for (size_t i = 0; i < head.target_count; i++)
		is_found |= id_is_equal(&head.targets[i].mailbox, &mailbox->id) &&
			    id_is_equal(&head.targets[i].message, &mailbox->message) &&
			    head.targets[i].size == plain_size;
	check(is_found);
}

static void feed_raw(struct bytes raw, bool behind_magic, size_t piece)
{
	struct buf sealed, plain;

	buf_init(&sealed, SEALED_MAX);
	buf_init(&plain, SEALED_MAX);
	if (behind_magic)
		check(buf_append(&sealed, bytes_make("LGMAIL\0\1", 8)));
	check(buf_append(&sealed, raw));
	check(!open_in_pieces(&mailboxes[0], buf_view(&sealed), piece, &plain));
	check(plain.size == 0);
	(void)read_head(buf_view(&sealed), &(struct sealed_head){ .target_count = 0 });
	buf_clear(&sealed);
	buf_clear(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf sealed, spoilt, plain;
	struct bytes prologue, body, rest;
	struct reader input;
	size_t targets, opened, piece, in_use = secret_bytes_in_use();
	uint16_t size_and_generation;
	uint8_t options;
	bool is_changed;

	reader_init(&input, bytes_make(data, size));
	options = reader_u8(&input);
	/* Small ones mostly, and one that takes all at once. */
	piece = reader_u8(&input);
	piece = piece == 255 ? SEALED_MAX : piece + 1;
	if (options & RAW) {
		feed_raw(input.rest, options & RAW_BEHIND_MAGIC, piece);
		return 0;
	}
	targets = (options & TARGETS_MASK) % MAILBOXES + 1;
	opened = (size_t)(options >> OPENED_SHIFT & TARGETS_MASK) % targets;
	size_and_generation = reader_u16(&input);
	body = bytes_make(pattern, size_and_generation % (1 << SIZE_BITS));
	if (options & AROUND_A_CHUNK) {
		body.size += SEAL_CHUNK_SIZE - 256;
		piece *= 64;
	}
	prologue = bytes_of(options & WITH_PROLOGUE ? "Return-Path: <>\r\n" : "");

	buf_init(&sealed, SEALED_MAX);
	buf_init(&spoilt, SEALED_MAX);
	buf_init(&plain, SEALED_MAX);
	seal(targets, size_and_generation >> SIZE_BITS, prologue, body, &sealed);
	check(buf_append(&spoilt, buf_view(&sealed)));
	spoil(&spoilt, &input);
	is_changed = !bytes_equal(buf_view(&sealed), buf_view(&spoilt));

	if (open_in_pieces(&mailboxes[opened], buf_view(&spoilt), piece, &plain)) {
		check(!is_changed || targets > 1);
		check(plain.size == prologue.size + body.size);
		check_head(&mailboxes[opened], buf_view(&spoilt), plain.size);
	} else {
		check(is_changed);
	}
	rest = bytes_skip(buf_view(&plain), prologue.size);
	check(bytes_equal(
		bytes_head(buf_view(&plain), prologue.size), bytes_head(prologue, plain.size)));
	check(rest.size <= body.size && bytes_equal(rest, bytes_head(body, rest.size)));
	check(secret_bytes_in_use() == in_use);
	buf_clear(&sealed);
	buf_clear(&spoilt);
	buf_clear(&plain);
	return 0;
}

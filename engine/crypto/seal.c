/* seal.c -- the sealer: encrypts one message to its mailboxes while it arrives.
 *
 * The message key and the state of the stream live in secret memory. A chunk is held back until more
 * arrives, since the last one, full or not, carries the tag that ends the message; so one chunk of
 * plaintext is all that a sealer holds, and it is wiped with the sealer. Chunks that are whole in
 * the caller's bytes are sealed from there. Opening is seal_open.c's part.
 *
 * An envelope is what crypto_box_seal() makes, taken apart here to keep the shared key until the end: with
 * it the receipt costs one more box, where a box of its own would take two more X25519. */
#include "crypto/seal.h"

#include <stdlib.h>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "receipt_internal.h"
#include "sealed_format_internal.h"

/* In secret memory, up to sealer_finish(). */
struct sealer_secrets {
	crypto_secretstream_xchacha20poly1305_state stream;
	uint8_t ephemeral[crypto_box_SECRETKEYBYTES];
	uint8_t shared[][crypto_box_BEFORENMBYTES]; /* for each target */
};

struct sealer {
	struct sealer_secrets *secrets;
	struct sha256 content;
	size_t target_count;
	uint8_t receipt_nonces[SEAL_TARGETS_MAX][RECEIPT_NONCE_SIZE];
	uint8_t receipts[SEAL_TARGETS_MAX][SEAL_RECEIPT_SIZE];
	bool has_receipts;
	uint8_t prefix[SEALED_PREFIX_SIZE];
	bool is_first; /* no chunk was sealed yet */
	bool is_over;  /* finished, or failed half-way */
	size_t filled;
	size_t most_filled; /* what has to be wiped */
	uint8_t chunk[SEAL_CHUNK_SIZE];
};

static bool check_targets(const struct seal_target *targets, size_t count, struct error *error)
{
	if (!count || count > SEAL_TARGETS_MAX)
		return error_set(error, ERROR_INVALID, "a message goes to 1 to %d mailboxes",
			SEAL_TARGETS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (targets[i].prologue.size > SEAL_PROLOGUE_MAX)
			return error_set(error, ERROR_INVALID,
				"trace headers of %zu octets are longer than %d",
				targets[i].prologue.size, SEAL_PROLOGUE_MAX);
	}
	return true;
}

static size_t envelope_size(const struct seal_target *target)
{
	return ENVELOPE_MIN + target->prologue.size;
}

/* Seals the letter to the target `index` as crypto_box_seal() does, and begins the receipt. */
static bool seal_letter(struct sealer *sealer, size_t index, const struct seal_target *target,
	struct bytes letter, uint8_t *envelope)
{
	struct sealer_secrets *secrets = sealer->secrets;
	uint8_t *shared = secrets->shared[index];
	crypto_generichash_blake2b_state state;
	uint8_t nonce[crypto_box_NONCEBYTES];

	crypto_box_keypair(envelope, secrets->ephemeral);
	if (crypto_box_beforenm(shared, target->box_key, secrets->ephemeral) != 0)
		return false;
	crypto_generichash_blake2b_init(&state, NULL, 0, sizeof nonce);
	crypto_generichash_blake2b_update(&state, envelope, BOX_KEY_SIZE);
	crypto_generichash_blake2b_update(&state, target->box_key, BOX_KEY_SIZE);
	crypto_generichash_blake2b_final(&state, nonce, sizeof nonce);
	crypto_box_easy_afternm(envelope + BOX_KEY_SIZE, letter.data, letter.size, nonce, shared);

	memcpy(sealer->receipts[index], envelope, BOX_KEY_SIZE);
	receipt_nonce(envelope, target->box_key, &target->mailbox, &target->message,
		sealer->receipt_nonces[index]);
	return true;
}

/* Completes the letter, whose message key is there already, and seals it. */
static bool append_target(struct sealer *sealer, size_t index, const struct id *body,
	const struct seal_target *target, uint8_t *letter, struct buf *sealed, struct error *error)
{
	size_t size = LETTER_FIXED_SIZE + target->prologue.size;
	uint8_t *at = letter + SEALED_KEY_SIZE;
	uint8_t *envelope;

	memcpy(at, body->bytes, sizeof body->bytes);
	at += sizeof body->bytes;
	memcpy(at, target->mailbox.bytes, sizeof target->mailbox.bytes);
	at += sizeof target->mailbox.bytes;
	memcpy(at, target->message.bytes, sizeof target->message.bytes);
	at += sizeof target->message.bytes;
	if (target->prologue.size)
		memcpy(at, target->prologue.data, target->prologue.size);

	if (!buf_append(sealed, bytes_make(target->mailbox.bytes, sizeof target->mailbox.bytes)) ||
		!buf_append(
			sealed, bytes_make(target->message.bytes, sizeof target->message.bytes)) ||
		!buf_append_u16(sealed, (uint16_t)envelope_size(target)) ||
		!buf_reserve(sealed, envelope_size(target), &envelope))
		return error_set_memory(error);
	if (!seal_letter(sealer, index, target, bytes_make(letter, size), envelope))
		return error_set(error, ERROR_CORRUPT,
			"nothing can be encrypted to a mailbox's public key; restore the mailbox "
			"from a backup");
	buf_commit(sealed, envelope_size(target));
	return true;
}

static bool append_head(struct sealer *sealer, const struct id *body,
	const struct seal_target *targets, size_t count, uint8_t *letter, struct buf *sealed,
	struct error *error)
{
	uint8_t *header;

	if (!buf_append(sealed, bytes_make(sealer->prefix, sizeof sealer->prefix)) ||
		!buf_append_byte(sealed, (uint8_t)count))
		return error_set_memory(error);
	for (size_t i = 0; i < count; i++) {
		if (!append_target(sealer, i, body, &targets[i], letter, sealed, error))
			return false;
	}
	sodium_memzero(sealer->secrets->ephemeral, sizeof sealer->secrets->ephemeral);
	if (!buf_reserve(sealed, SEALED_STREAM_HEADER_SIZE, &header))
		return error_set_memory(error);
	crypto_secretstream_xchacha20poly1305_init_push(&sealer->secrets->stream, header, letter);
	buf_commit(sealed, SEALED_STREAM_HEADER_SIZE);
	return true;
}

static void make_prefix(const struct id *body, uint8_t prefix[SEALED_PREFIX_SIZE])
{
	memcpy(prefix, SEALED_MAGIC, SEALED_MAGIC_SIZE);
	prefix[SEALED_MAGIC_SIZE] = 0;
	prefix[SEALED_MAGIC_SIZE + 1] = SEALED_VERSION;
	memcpy(prefix + SEALED_MAGIC_SIZE + 2, body->bytes, sizeof body->bytes);
}

struct sealer *sealer_new(const struct id *body, const struct seal_target *targets, size_t count,
	struct buf *sealed, struct error *error)
{
	size_t start = sealed->size;
	size_t prologue_max = 0;
	struct sealer *sealer;
	uint8_t *letter = NULL;
	bool ok = false;

	if (!check_targets(targets, count, error))
		return NULL;
	sealer = malloc(sizeof *sealer);
	if (!sealer) {
		error_set_memory(error);
		return NULL;
	}
	sealer->is_first = true;
	sealer->is_over = false;
	sealer->has_receipts = false;
	sealer->target_count = count;
	sealer->filled = sealer->most_filled = 0;
	sha256_init(&sealer->content);
	make_prefix(body, sealer->prefix);
	for (size_t i = 0; i < count; i++) {
		if (targets[i].prologue.size > prologue_max)
			prologue_max = targets[i].prologue.size;
	}
	sealer->secrets =
		secret_new(sizeof *sealer->secrets + count * sizeof sealer->secrets->shared[0]);
	letter = secret_new(LETTER_FIXED_SIZE + prologue_max);
	if (!sealer->secrets || !letter) {
		error_set(error, ERROR_BUSY, "no secret memory is free; try again");
		goto out;
	}
	crypto_secretstream_xchacha20poly1305_keygen(letter);
	ok = append_head(sealer, body, targets, count, letter, sealed, error);
out:
	secret_free(letter);
	if (!ok) {
		sealed->size = start;
		sealer_free(&sealer);
	}
	return sealer;
}

void sealer_free(struct sealer **sealer)
{
	if (!*sealer)
		return;
	sodium_memzero((*sealer)->chunk, (*sealer)->most_filled);
	sha256_clear(&(*sealer)->content);
	secret_free((*sealer)->secrets);
	free(*sealer);
	*sealer = NULL;
}

static bool seal_chunk(struct sealer *sealer, struct bytes plain, uint8_t tag, struct buf *sealed,
	struct error *error)
{
	uint8_t *space;

	if (!buf_reserve(sealed, plain.size + SEAL_CHUNK_OVERHEAD, &space)) {
		sealer->is_over = true;
		return error_set_memory(error);
	}
	crypto_secretstream_xchacha20poly1305_push(&sealer->secrets->stream, space, NULL,
		plain.data, plain.size, sealer->is_first ? sealer->prefix : NULL,
		sealer->is_first ? sizeof sealer->prefix : 0, tag);
	buf_commit(sealed, plain.size + SEAL_CHUNK_OVERHEAD);
	sealer->is_first = false;
	return true;
}

static bool refuse(struct error *error)
{
	return error_set(error, ERROR_STATE, "the message is sealed already, or could not be");
}

/* More follows, so what is held back is not the last chunk. */
static bool seal_held(struct sealer *sealer, struct buf *sealed, struct error *error)
{
	if (!seal_chunk(sealer, bytes_make(sealer->chunk, SEAL_CHUNK_SIZE),
		    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE, sealed, error))
		return false;
	sealer->filled = 0;
	return true;
}

bool sealer_write(
	struct sealer *sealer, struct bytes plain, struct buf *sealed, struct error *error)
{
	if (sealer->is_over)
		return refuse(error);
	sha256_update(&sealer->content, plain);
	while (plain.size) {
		struct bytes part;

		if (sealer->filled == SEAL_CHUNK_SIZE && !seal_held(sealer, sealed, error))
			return false;
		if (!sealer->filled && plain.size > SEAL_CHUNK_SIZE) {
			part = bytes_head(plain, SEAL_CHUNK_SIZE);
			if (!seal_chunk(sealer, part,
				    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE, sealed,
				    error))
				return false;
		} else {
			part = bytes_head(plain, SEAL_CHUNK_SIZE - sealer->filled);
			memcpy(sealer->chunk + sealer->filled, part.data, part.size);
			sealer->filled += part.size;
			if (sealer->filled > sealer->most_filled)
				sealer->most_filled = sealer->filled;
		}
		plain = bytes_skip(plain, part.size);
	}
	return true;
}

static void make_receipts(struct sealer *sealer)
{
	uint8_t sha256[SHA256_SIZE];

	sha256_final(&sealer->content, sha256);
	for (size_t i = 0; i < sealer->target_count; i++)
		crypto_box_easy_afternm(sealer->receipts[i] + RECEIPT_AT_BOX, sha256, sizeof sha256,
			sealer->receipt_nonces[i], sealer->secrets->shared[i]);
	sodium_memzero(sha256, sizeof sha256);
	sealer->has_receipts = true;
}

bool sealer_finish(struct sealer *sealer, struct buf *sealed, struct error *error)
{
	if (sealer->is_over)
		return refuse(error);
	sealer->is_over = true;
	if (!seal_chunk(sealer, bytes_make(sealer->chunk, sealer->filled),
		    crypto_secretstream_xchacha20poly1305_TAG_FINAL, sealed, error))
		return false;
	make_receipts(sealer);
	secret_free(sealer->secrets);
	sealer->secrets = NULL;
	return true;
}

bool sealer_receipt(const struct sealer *sealer, size_t target, uint8_t receipt[SEAL_RECEIPT_SIZE])
{
	if (!sealer->has_receipts || target >= sealer->target_count)
		return false;
	memcpy(receipt, sealer->receipts[target], SEAL_RECEIPT_SIZE);
	return true;
}

uint64_t seal_stream_size(uint64_t plain_size)
{
	uint64_t chunks = plain_size / SEAL_CHUNK_SIZE + (plain_size % SEAL_CHUNK_SIZE != 0);

	return plain_size + (chunks ? chunks : 1) * SEAL_CHUNK_OVERHEAD;
}

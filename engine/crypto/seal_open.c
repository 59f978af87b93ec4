/* seal_open.c -- the opener: takes a sealed message in pieces of any length and gives out what has
 * verified.
 *
 * Each step wants a piece of known size, which is used where it lies when the caller's bytes hold it
 * whole, and gathered otherwise. No size comes from the message but an envelope's, which is at most
 * ENVELOPE_MAX; envelopes of other mailboxes are passed over without being kept. So an opener's
 * memory is fixed whatever it is fed.
 *
 * Nothing leaves before it is authenticated: the envelope as a whole, with the three ids inside it,
 * then chunk by chunk. That a message ends where its sender ended it is known at the last chunk
 * alone, which is what opener_finish() is for. */
#include "crypto/seal.h"

#include <stdlib.h>

#include "base/reader.h"
#include "crypto/secret.h"
#include "mailbox_keyring_internal.h"
#include "sealed_format_internal.h"

enum step {
	STEP_PREFIX,
	STEP_TARGET,
	STEP_ENVELOPE,
	STEP_STREAM_HEADER,
	STEP_CHUNK,
	STEP_END,  /* the tagged chunk was opened: nothing may follow */
	STEP_OVER, /* finished or failed */
};

/* In secret memory. */
struct opener_secrets {
	uint8_t key[SEALED_KEY_SIZE];
	crypto_secretstream_xchacha20poly1305_state stream;
};

struct opener {
	struct id mailbox;
	struct id message;
	const struct mailbox_keyring *keyring;
	struct opener_secrets *secrets;

	enum step step;
	enum error_kind failure;
	uint8_t prefix[SEALED_PREFIX_SIZE];
	unsigned targets_left;
	bool has_key;
	bool is_first; /* no chunk was opened yet */

	size_t wanted; /* the size of the step's piece */
	size_t passed_over;
	size_t filled;
	uint8_t piece[SEALED_CHUNK_MAX];
};

static void go_to(struct opener *opener, enum step step, size_t wanted)
{
	opener->step = step;
	opener->wanted = wanted;
}

struct opener *opener_new(const struct id *mailbox, const struct id *message,
	const struct mailbox_keyring *keyring, struct error *error)
{
	struct opener *opener = malloc(sizeof *opener);

	if (!opener) {
		error_set_memory(error);
		return NULL;
	}
	opener->secrets = secret_new(sizeof *opener->secrets);
	if (!opener->secrets) {
		error_set(error, ERROR_BUSY, "no secret memory is free; try again");
		free(opener);
		return NULL;
	}
	opener->mailbox = *mailbox;
	opener->message = *message;
	opener->keyring = keyring;
	opener->failure = ERROR_NONE;
	opener->has_key = false;
	opener->is_first = true;
	opener->passed_over = opener->filled = 0;
	go_to(opener, STEP_PREFIX, SEALED_PREFIX_SIZE + SEALED_COUNT_SIZE);
	return opener;
}

void opener_free(struct opener **opener)
{
	if (!*opener)
		return;
	secret_free((*opener)->secrets);
	free(*opener);
	*opener = NULL;
}

static bool is_damaged(struct error *error)
{
	return error_set(error, ERROR_CORRUPT, "the stored message is damaged or was altered");
}

static bool take_prefix(
	struct opener *opener, struct bytes piece, struct buf *plain, struct error *error)
{
	struct reader reader;
	uint16_t version;

	(void)plain;
	reader_init(&reader, piece);
	if (!bytes_equal_text(reader_view(&reader, SEALED_MAGIC_SIZE), SEALED_MAGIC))
		return error_set(error, ERROR_CORRUPT, "this is not a stored message");
	version = reader_u16(&reader);
	if (version != SEALED_VERSION)
		return error_set(error, ERROR_CORRUPT,
			"the stored message has format %u, this version knows %d", version,
			SEALED_VERSION);
	reader_view(&reader, sizeof(struct id));
	opener->targets_left = reader_u8(&reader);
	if (!opener->targets_left || opener->targets_left > SEAL_TARGETS_MAX)
		return is_damaged(error);
	memcpy(opener->prefix, piece.data, sizeof opener->prefix);
	go_to(opener, STEP_TARGET, SEALED_TARGET_SIZE);
	return true;
}

/* An envelope was dealt with: what comes next? */
static bool end_target(struct opener *opener, struct error *error)
{
	opener->targets_left--;
	if (opener->targets_left) {
		go_to(opener, STEP_TARGET, SEALED_TARGET_SIZE);
		return true;
	}
	go_to(opener, STEP_STREAM_HEADER, SEALED_STREAM_HEADER_SIZE);
	return opener->has_key ||
	       error_set(error, ERROR_CORRUPT, "the stored message is not one of this mailbox");
}

static bool take_target(
	struct opener *opener, struct bytes piece, struct buf *plain, struct error *error)
{
	struct id mailbox, message;
	struct reader reader;
	size_t size;

	(void)plain;
	reader_init(&reader, piece);
	reader_copy(&reader, mailbox.bytes, sizeof mailbox.bytes);
	reader_copy(&reader, message.bytes, sizeof message.bytes);
	size = reader_u16(&reader);
	if (size < ENVELOPE_MIN || size > ENVELOPE_MAX)
		return is_damaged(error);
	if (!opener->has_key && id_is_equal(&mailbox, &opener->mailbox) &&
		id_is_equal(&message, &opener->message)) {
		go_to(opener, STEP_ENVELOPE, size);
		return true;
	}
	opener->passed_over = size;
	return end_target(opener, error);
}

/* The ids inside an opened letter are the ones outside and the ones asked for. */
static bool letter_fits(const struct opener *opener, const uint8_t *letter)
{
	const uint8_t *body = letter + SEALED_KEY_SIZE;
	const uint8_t *mailbox = body + sizeof(struct id);
	const uint8_t *message = mailbox + sizeof(struct id);

	return memcmp(body, opener->prefix + SEALED_PREFIX_SIZE - sizeof(struct id),
		       sizeof(struct id)) == 0 &&
	       memcmp(mailbox, opener->mailbox.bytes, sizeof(struct id)) == 0 &&
	       memcmp(message, opener->message.bytes, sizeof(struct id)) == 0;
}

static bool open_letter(const struct opener *opener, struct bytes envelope, uint8_t *letter)
{
	for (size_t i = 0; i < opener->keyring->count; i++) {
		const struct keyring_box *box = &opener->keyring->boxes[i];

		if (crypto_box_seal_open(letter, envelope.data, envelope.size, box->public_key,
			    box->secret_key) == 0)
			return letter_fits(opener, letter);
	}
	return false;
}

static bool take_envelope(
	struct opener *opener, struct bytes piece, struct buf *plain, struct error *error)
{
	size_t size = piece.size - SEALED_BOX_OVERHEAD;
	uint8_t *letter = secret_new(size);
	bool ok = false;

	if (!letter)
		return error_set(error, ERROR_BUSY, "no secret memory is free; try again");
	if (!open_letter(opener, piece, letter)) {
		is_damaged(error);
		goto out;
	}
	if (!buf_append(plain, bytes_make(letter + LETTER_FIXED_SIZE, size - LETTER_FIXED_SIZE))) {
		error_set_memory(error);
		goto out;
	}
	memcpy(opener->secrets->key, letter, sizeof opener->secrets->key);
	opener->has_key = true;
	ok = end_target(opener, error);
out:
	secret_free(letter);
	return ok;
}

static bool take_stream_header(
	struct opener *opener, struct bytes piece, struct buf *plain, struct error *error)
{
	(void)plain;
	if (crypto_secretstream_xchacha20poly1305_init_pull(
		    &opener->secrets->stream, piece.data, opener->secrets->key) != 0)
		return is_damaged(error);
	go_to(opener, STEP_CHUNK, SEALED_CHUNK_MAX);
	return true;
}

/* A whole chunk, or at the end of the message a shorter one. There is one way to write a body: only
 * the last chunk is short, and only an empty body has an empty one. */
static bool take_chunk(
	struct opener *opener, struct bytes piece, struct buf *plain, struct error *error)
{
	size_t size = piece.size - SEAL_CHUNK_OVERHEAD;
	uint8_t *space;
	uint8_t tag;

	if (!size && !opener->is_first)
		return is_damaged(error);
	/* One octet at least, so that there is a place to point to. */
	if (!buf_reserve(plain, size ? size : 1, &space))
		return error_set_memory(error);
	if (crypto_secretstream_xchacha20poly1305_pull(&opener->secrets->stream, space, NULL, &tag,
		    piece.data, piece.size, opener->is_first ? opener->prefix : NULL,
		    opener->is_first ? sizeof opener->prefix : 0) != 0)
		return is_damaged(error);
	opener->is_first = false;
	if (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL)
		go_to(opener, STEP_END, 1);
	else if (tag != crypto_secretstream_xchacha20poly1305_TAG_MESSAGE || size < SEAL_CHUNK_SIZE)
		return is_damaged(error);
	buf_commit(plain, size);
	return true;
}

static bool take_end(
	struct opener *opener, struct bytes piece, struct buf *plain, struct error *error)
{
	(void)opener;
	(void)piece;
	(void)plain;
	return is_damaged(error);
}

static bool (*const take[])(
	struct opener *opener, struct bytes piece, struct buf *plain, struct error *error) = {
	[STEP_PREFIX] = take_prefix,
	[STEP_TARGET] = take_target,
	[STEP_ENVELOPE] = take_envelope,
	[STEP_STREAM_HEADER] = take_stream_header,
	[STEP_CHUNK] = take_chunk,
	[STEP_END] = take_end,
};

/* The step's piece, in *sealed itself when it lies there whole. False when more bytes are needed. */
static bool next_piece(struct opener *opener, struct bytes *sealed, struct bytes *piece)
{
	struct bytes part;

	if (!sealed->size)
		return false;
	if (opener->passed_over) {
		part = bytes_head(*sealed, opener->passed_over);
		opener->passed_over -= part.size;
		*sealed = bytes_skip(*sealed, part.size);
		return next_piece(opener, sealed, piece);
	}
	part = bytes_head(*sealed, opener->wanted - opener->filled);
	*sealed = bytes_skip(*sealed, part.size);
	if (part.size == opener->wanted) {
		*piece = part;
		return true;
	}
	memcpy(opener->piece + opener->filled, part.data, part.size);
	opener->filled += part.size;
	if (opener->filled < opener->wanted)
		return false;
	*piece = bytes_make(opener->piece, opener->filled);
	opener->filled = 0;
	return true;
}

static bool give_up(struct opener *opener, enum error_kind kind)
{
	opener->step = STEP_OVER;
	opener->failure = kind;
	return false;
}

static bool refuse(const struct opener *opener, struct error *error)
{
	if (opener->failure == ERROR_NONE)
		return error_set(error, ERROR_STATE, "the message was opened to its end already");
	return error_set(error, opener->failure, "the message could not be opened");
}

bool opener_feed(struct opener *opener, struct bytes sealed, struct buf *plain, struct error *error)
{
	struct error own;
	struct bytes piece;

	if (!error)
		error = &own;
	if (opener->step == STEP_OVER)
		return refuse(opener, error);
	while (next_piece(opener, &sealed, &piece)) {
		if (!take[opener->step](opener, piece, plain, error))
			return give_up(opener, error->kind);
	}
	return true;
}

bool opener_finish(struct opener *opener, struct buf *plain, struct error *error)
{
	struct error own;

	if (!error)
		error = &own;
	if (opener->step == STEP_OVER)
		return refuse(opener, error);
	if (opener->step == STEP_CHUNK && opener->filled >= SEAL_CHUNK_OVERHEAD &&
		!take_chunk(opener, bytes_make(opener->piece, opener->filled), plain, error))
		return give_up(opener, error->kind);
	if (opener->step != STEP_END) {
		error_set(error, ERROR_CORRUPT, "the end of the stored message is missing");
		return give_up(opener, error->kind);
	}
	opener->step = STEP_OVER;
	return true;
}

/* message_read.c -- asks a reading thread of the store and waits for it. What has verified is in memory until the next
 * step, and wiped. */
#include "service/message_read.h"

#include <assert.h>
#include <stdlib.h>

#include "platform/semaphore.h"

struct message_read {
	struct store *store;
	struct opener *opener;
	struct store_read read;
	struct buf plain;
	bool is_finished;
	struct semaphore *answered;
};

static void on_read(struct store_read *answered)
{
	struct message_read *read = answered->context;

	semaphore_post(read->answered);
}

static bool read_sealed(struct message_read *read, struct error *error)
{
	read->read.sealed.size = 0;
	store_read_submit(read->store, &read->read);
	semaphore_wait(read->answered);
	if (!read->read.ok && error)
		*error = read->read.error;
	read->read.offset += read->read.sealed.size;
	return read->read.ok;
}

static bool open_sealed(struct message_read *read, struct error *error)
{
	uint8_t *space;

	/* Once, so that growing leaves no plaintext behind in freed memory. */
	if (!read->plain.data && !buf_reserve(&read->plain, MESSAGE_READ_PLAIN_MAX, &space))
		return error_set_memory(error);
	if (!opener_feed(read->opener, buf_view(&read->read.sealed), &read->plain, error))
		return false;
	read->is_finished = read->read.is_end;
	return !read->is_finished || opener_finish(read->opener, &read->plain, error);
}

static void wipe_piece(struct message_read *read)
{
	if (read->plain.data)
		memory_wipe(read->plain.data, read->plain.size);
	read->plain.size = 0;
}

struct message_read *message_read_new(struct store *store, const struct id *mailbox,
	const struct store_message *message, const struct mailbox_keyring *keyring,
	struct error *error)
{
	struct message_read *read = calloc(1, sizeof *read);

	if (!read) {
		error_set_memory(error);
		return NULL;
	}
	read->store = store;
	read->read.what = STORE_READ_BODY;
	read->read.mailbox = *mailbox;
	read->read.message = *message;
	read->read.at_most = MESSAGE_READ_BYTES;
	read->read.done = on_read;
	read->read.context = read;
	buf_init(&read->read.sealed, MESSAGE_READ_BYTES);
	buf_init(&read->plain, MESSAGE_READ_PLAIN_MAX);
	read->answered = semaphore_new(error);
	/* The sealed bytes name the id from before a restore. */
	if (read->answered)
		read->opener = opener_new(mailbox, &message->sealed_id, keyring, error);
	if (!read->opener)
		message_read_free(&read);
	return read;
}

bool message_read_next(
	struct message_read *read, struct bytes *piece, bool *is_end, struct error *error)
{
	assert(!read->is_finished);
	wipe_piece(read);
	/* The head alone, or less than a chunk, gives nothing yet. */
	do {
		if (!read_sealed(read, error) || !open_sealed(read, error))
			return false;
	} while (!read->plain.size && !read->is_finished);
	*piece = buf_view(&read->plain);
	*is_end = read->is_finished;
	return true;
}

void message_read_free(struct message_read **read)
{
	struct message_read *freed = *read;

	if (!freed)
		return;
	opener_free(&freed->opener);
	buf_clear(&freed->read.sealed);
	buf_wipe(&freed->plain);
	semaphore_free(&freed->answered);
	free(freed);
	*read = NULL;
}

/* collection.c -- ciphertext from a reading thread, plaintext to the session. What verifies is in memory for
 * as long as it takes to send, and wiped. */
#include "service/collection.h"

#include <assert.h>
#include <stdlib.h>

#include "crypto/seal.h"

enum {
	READ_BYTES = 128 * 1024,
	/* What one read may open to: the prologue, what was read, and a chunk held back before. */
	PLAIN_MAX = SEAL_PROLOGUE_MAX + READ_BYTES + SEAL_CHUNK_SIZE,
};

struct collection {
	struct store *store;
	struct loop *loop;
	struct loop_task task;
	struct opener *opener;
	struct store_read read;
	struct buf plain;
	bool is_finished;
	void (*done)(void *context, const struct error *why);
	void *context;
};

static void on_read(struct store_read *read)
{
	struct collection *collection = read->context;

	loop_post(collection->loop, &collection->task);
}

static void read_on(struct collection *collection)
{
	loop_hold(collection->loop);
	store_read_submit(collection->store, &collection->read);
}

static bool open_piece(struct collection *collection, struct error *error)
{
	struct store_read *read = &collection->read;
	uint8_t *space;
	/* Once, so that growing leaves no plaintext behind in freed memory. */
	size_t room = read->sealed.size + SEAL_CHUNK_SIZE + SEAL_PROLOGUE_MAX;

	if (room > PLAIN_MAX)
		room = PLAIN_MAX;
	if (!collection->plain.data && !buf_reserve(&collection->plain, room, &space))
		return error_set_memory(error);
	if (!opener_feed(collection->opener, buf_view(&read->sealed), &collection->plain, error))
		return false;
	collection->is_finished = read->is_end;
	return !read->is_end || opener_finish(collection->opener, &collection->plain, error);
}

/* On the loop. */
static void take_read(struct loop_task *task)
{
	struct collection *collection = list_entry(task, struct collection, task);
	struct store_read *read = &collection->read;
	struct loop *loop = collection->loop;
	struct error error;
	bool ok = read->ok;

	if (ok) {
		read->offset += read->sealed.size;
		ok = open_piece(collection, &error);
	} else {
		error = read->error;
	}
	read->sealed.size = 0;
	/* The head alone, or less than a chunk: nothing to send yet. */
	if (ok && !collection->plain.size && !collection->is_finished)
		read_on(collection);
	else
		collection->done(collection->context, ok ? NULL : &error);
	loop_release(loop);
}

struct collection *collection_new(struct store *store, struct loop *loop, const struct id *mailbox,
	const struct store_message *message, const struct mailbox_keyring *keyring,
	struct error *error)
{
	struct collection *collection = calloc(1, sizeof *collection);

	if (!collection) {
		error_set_memory(error);
		return NULL;
	}
	collection->store = store;
	collection->loop = loop;
	collection->task.run = take_read;
	collection->read.what = STORE_READ_BODY;
	collection->read.mailbox = *mailbox;
	collection->read.message = *message;
	collection->read.at_most = READ_BYTES;
	collection->read.done = on_read;
	collection->read.context = collection;
	buf_init(&collection->read.sealed, READ_BYTES);
	buf_init(&collection->plain, PLAIN_MAX);
	collection->opener = opener_new(mailbox, &message->sealed_id, keyring, error);
	if (!collection->opener)
		collection_free(&collection);
	return collection;
}

void collection_fetch(struct collection *collection,
	void (*done)(void *context, const struct error *why), void *context)
{
	collection->done = done;
	collection->context = context;
	assert(!collection->is_finished);
	buf_wipe(&collection->plain);
	read_on(collection);
}

bool collection_is_finished(const struct collection *collection)
{
	return collection->is_finished;
}

struct bytes collection_piece(const struct collection *collection)
{
	return buf_view(&collection->plain);
}

void collection_free(struct collection **collection)
{
	if (!*collection)
		return;
	opener_free(&(*collection)->opener);
	buf_clear(&(*collection)->read.sealed);
	buf_wipe(&(*collection)->plain);
	free(*collection);
	*collection = NULL;
}

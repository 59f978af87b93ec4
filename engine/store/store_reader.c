/* store_reader.c -- lists, bodies and heads of ledgers, read by a few threads with a connection each, so
 * that a slow disk holds up readers and nobody else.
 *
 * The invariant: no read transaction outlives one request. A snapshot that stays open would keep the
 * log from being emptied. */
#include <assert.h>
#include <stdlib.h>

#include "platform/file.h"
#include "store_internal.h"

static struct store_read *read_of(struct list *link)
{
	return list_entry(link, struct store_read, request.link);
}

/* ---- lists ---- */

bool message_copy(sqlite3_stmt *row, struct store_message *message, struct error *error)
{
	message->number = (uint64_t)sqlite3_column_int64(row, 0);
	message->size = (uint64_t)sqlite3_column_int64(row, 2);
	message->received_us = sqlite3_column_int64(row, 3);
	return (statement_copy(row, 1, message->id.bytes, sizeof message->id.bytes) &&
		       statement_copy(row, sqlite3_column_type(row, 4) == SQLITE_NULL ? 1 : 4,
			       message->sealed_id.bytes, sizeof message->sealed_id.bytes)) ||
	       error_set(error, ERROR_CORRUPT, "a message's id in the database is damaged");
}

static bool add_message(
	struct store_read *read, size_t *capacity, sqlite3_stmt *list, struct error *error)
{
	if (read->message_count == *capacity) {
		size_t larger = *capacity ? *capacity * 2 : 16;
		struct store_message *moved = realloc(read->messages, larger * sizeof *moved);

		if (!moved)
			return error_set_memory(error);
		read->messages = moved;
		*capacity = larger;
	}
	return message_copy(list, &read->messages[read->message_count++], error);
}

static bool list_messages(struct database *database, struct store_read *read, int64_t mailbox)
{
	sqlite3_stmt *list = database_statement(database, SQL_MESSAGE_LIST, &read->error);
	size_t capacity = 0;
	bool has_row = true;
	bool ok = list != NULL;

	if (list)
		sqlite3_bind_int64(list, 1, mailbox);
	while (ok && has_row) {
		ok = database_step(database, list, &has_row, &read->error);
		if (ok && has_row)
			ok = add_message(read, &capacity, list, &read->error);
	}
	statement_end(list);
	return ok;
}

static bool read_list(struct store *store, struct database *database, struct store_read *read)
{
	int64_t mailbox = 0;

	(void)store;
	if (!mailbox_number(database, &read->mailbox, &mailbox, &read->error))
		return false;
	if (list_messages(database, read, mailbox))
		return true;
	free(read->messages);
	read->messages = NULL;
	read->message_count = 0;
	return false;
}

/* ---- bodies ---- */

struct place {
	struct id body;
	uint64_t size;
	bool is_in_file;
};

static size_t piece_of(const struct store_read *read, uint64_t size)
{
	uint64_t left = read->offset < size ? size - read->offset : 0;

	return left < read->at_most ? (size_t)left : read->at_most;
}

/* Bytes in the database are copied right here, while the row is at hand. */
static bool copy_inline(struct store_read *read, sqlite3_stmt *find, const struct place *place)
{
	const uint8_t *sealed = sqlite3_column_blob(find, 2);
	size_t piece = piece_of(read, place->size);

	if ((uint64_t)sqlite3_column_bytes(find, 2) != place->size)
		return error_set(&read->error, ERROR_CORRUPT,
			"the stored message is not as long as the index says");
	if (!piece)
		return true;
	if (!sealed)
		return error_set_memory(&read->error);
	return buf_append(&read->sealed, bytes_make(sealed + read->offset, piece)) ||
	       error_set_memory(&read->error);
}

static bool find_place(struct database *database, struct store_read *read, struct place *place)
{
	sqlite3_stmt *find = database_statement(database, SQL_MESSAGE_READ, &read->error);
	bool found = false;
	bool ok;

	if (!find)
		return false;
	sqlite3_bind_int64(find, 1, (int64_t)read->message.number);
	sqlite3_bind_blob(
		find, 2, read->message.id.bytes, sizeof read->message.id.bytes, SQLITE_STATIC);
	ok = database_step(database, find, &found, &read->error);
	if (ok && !found)
		ok = error_set(&read->error, ERROR_NOT_FOUND, "the message is no longer there");
	if (ok) {
		place->is_in_file = sqlite3_column_type(find, 2) == SQLITE_NULL;
		place->size = (uint64_t)sqlite3_column_int64(find, 1);
		ok = statement_copy(find, 0, place->body.bytes, sizeof place->body.bytes) ||
		     error_set(
			     &read->error, ERROR_CORRUPT, "a body's id in the database is damaged");
	}
	if (ok && !place->is_in_file)
		ok = copy_inline(read, find, place);
	statement_end(find);
	return ok;
}

static bool copy_from_file(struct store *store, struct store_read *read, const struct place *place)
{
	size_t piece = piece_of(read, place->size);
	size_t before = read->sealed.size;
	char path[PATH_SIZE];
	struct file *file;
	bool ok;

	if (!piece)
		return true;
	if (!body_path(store, &place->body, false, path, &read->error))
		return false;
	file = file_open(path, FILE_READ, &read->error);
	if (!file)
		return false;
	ok = file_read_at(file, read->offset, piece, &read->sealed, &read->error);
	file_close(&file);
	if (ok && read->sealed.size - before != piece)
		ok = error_set(
			&read->error, ERROR_CORRUPT, "%s is shorter than the index says", path);
	return ok;
}

static bool read_body(struct store *store, struct database *database, struct store_read *read)
{
	struct place place = { .size = 0 };

	if (!find_place(database, read, &place))
		return false;
	if (place.is_in_file && !copy_from_file(store, read, &place)) {
		/* Removed meanwhile, or is it missing? */
		if (read->error.kind == ERROR_NOT_FOUND && find_place(database, read, &place))
			read->error.kind = ERROR_CORRUPT;
		return false;
	}
	read->is_end = read->offset + piece_of(read, place.size) >= place.size;
	return true;
}

/* ---- ledgers ---- */

static bool read_head(struct store *store, struct database *database, struct store_read *read)
{
	(void)store;
	return ledger_read_head(database, &read->mailbox, &read->ledger, &read->error);
}

/* ---- the pool ---- */

static void answer(struct store *store, struct database *database, struct store_read *read)
{
	static bool (*const kinds[])(struct store *, struct database *, struct store_read *) = {
		[STORE_READ_LIST] = read_list,
		[STORE_READ_BODY] = read_body,
		[STORE_READ_LEDGER_HEAD] = read_head,
	};

	if (database_use(database, &read->error)) {
		read->ok = kinds[read->what](store, database, read);
		database_leave(database);
	}
	if (!read->ok)
		error_prefix(&read->error, "reading from the mail store");
	read->done(read);
}

static struct store_read *take(struct readers *readers)
{
	struct list *link;

	mutex_lock(readers->mutex);
	while (list_is_empty(&readers->waiting) && !readers->is_stopping)
		condition_wait(readers->filled, readers->mutex);
	link = list_take_first(&readers->waiting);
	mutex_unlock(readers->mutex);
	return link ? read_of(link) : NULL;
}

static void run(void *context)
{
	struct reader *reader = context;
	struct store_read *read;

	while ((read = take(&reader->store->readers)))
		answer(reader->store, reader->database, read);
}

void store_read_submit(struct store *store, struct store_read *read)
{
	struct readers *readers = &store->readers;

	read->ok = false;
	read->error = (struct error){ 0 };
	read->messages = NULL;
	read->message_count = 0;
	read->is_end = false;
	mutex_lock(readers->mutex);
	list_append(&readers->waiting, &read->request.link);
	condition_signal(readers->filled);
	mutex_unlock(readers->mutex);
}

bool readers_init(struct store *store, struct error *error)
{
	struct readers *readers = &store->readers;

	list_init(&readers->waiting);
	for (size_t i = 0; i < READER_COUNT; i++) {
		readers->pool[i].store = store;
		readers->pool[i].database = &store->databases[DATABASE_READER + i];
	}
	readers->mutex = mutex_new(error);
	readers->filled = readers->mutex ? condition_new(error) : NULL;
	return readers->mutex && readers->filled;
}

bool readers_start(struct store *store, struct error *error)
{
	for (size_t i = 0; i < READER_COUNT; i++) {
		struct reader *reader = &store->readers.pool[i];

		reader->thread = thread_start("store-read", run, reader, error);
		if (!reader->thread)
			return false;
	}
	return true;
}

void readers_stop(struct store *store)
{
	struct readers *readers = &store->readers;

	if (!readers->filled)
		return;
	mutex_lock(readers->mutex);
	readers->is_stopping = true;
	condition_broadcast(readers->filled);
	mutex_unlock(readers->mutex);
	for (size_t i = 0; i < READER_COUNT; i++)
		thread_join(&readers->pool[i].thread);
}

void readers_clear(struct readers *readers)
{
	condition_free(&readers->filled);
	mutex_free(&readers->mutex);
}

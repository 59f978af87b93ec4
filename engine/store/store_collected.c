/* store_collected.c -- collected messages that are kept for a while: gone through, purged, and brought back.
 * A removal makes them (store_removal.c); the keeper says when they go (store_room.c).
 *
 * The invariant: purging moves no counter, since what is collected stays counted as such; a restore moves
 * back in its transaction exactly what it makes wait again. */
#include "store/store_collected.h"

#include <assert.h>
#include <stdlib.h>

#include "store_internal.h"

enum { RESTORE_BATCH = 200 };

/* ---- messages by their state ---- */

static bool take_copy(sqlite3_stmt *found, void *row, struct error *error)
{
	struct store_copy *copy = row;

	copy->collected_us = sqlite3_column_int64(found, 5);
	copy->ledger_number = (uint64_t)sqlite3_column_int64(found, 6);
	return message_copy(found, &copy->message, error);
}

struct visit {
	store_copy_visit *row;
	void *context;
};

static bool visit_copy(void *context, const void *row)
{
	const struct visit *visit = context;

	return visit->row(visit->context, row);
}

static bool each_from(struct store *store, const struct id *mailbox, enum store_state state,
	uint64_t from, struct visit *visit, struct error *error)
{
	const struct pieces pieces = {
		.statement = SQL_MESSAGE_PIECE,
		.state = (int)state,
		.row_size = sizeof(struct store_copy),
		.take = take_copy,
		.visit = visit_copy,
		.context = visit,
	};

	if (pieces_each(store, mailbox, from, &pieces, error))
		return true;
	error_prefix(error, "reading a mailbox's messages");
	return false;
}

bool store_copy_each(struct store *store, const struct id *mailbox, enum store_state state,
	store_copy_visit *row, void *context, struct error *error)
{
	struct visit visit = { row, context };

	return each_from(store, mailbox, state, 0, &visit, error);
}

struct page {
	struct store_copy *copies;
	size_t capacity, count;
};

static bool add_to_page(void *context, const struct store_copy *copy)
{
	struct page *page = context;

	page->copies[page->count++] = *copy;
	return page->count < page->capacity;
}

bool store_copy_page(struct store *store, const struct id *mailbox, enum store_state state,
	uint64_t from, struct store_copy *copies, size_t capacity, size_t *count,
	struct error *error)
{
	struct page page = { .copies = copies, .capacity = capacity };
	struct visit visit = { add_to_page, &page };
	bool ok = each_from(store, mailbox, state, from, &visit, error);

	*count = page.count;
	return ok;
}

/* ---- purging ---- */

struct row {
	int64_t number, body;
};

struct purge {
	int64_t before_us;
	size_t at_most;
	size_t count;
	struct row *rows;
};

static bool list_oldest(struct database *writer, struct purge *purge, struct error *error)
{
	sqlite3_stmt *list = database_statement(writer, SQL_COLLECTED_OLDEST, error);
	bool has_row = true;
	bool ok = list != NULL;

	purge->count = 0;
	if (!list)
		return false;
	sqlite3_bind_int64(list, 1, purge->before_us);
	sqlite3_bind_int64(list, 2, (int64_t)purge->at_most);
	while (ok && has_row && purge->count < purge->at_most) {
		ok = database_step(writer, list, &has_row, error);
		if (ok && has_row)
			purge->rows[purge->count++] = (struct row){
				sqlite3_column_int64(list, 0),
				sqlite3_column_int64(list, 1),
			};
	}
	statement_end(list);
	return ok;
}

static bool purge_step(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	struct purge *purge = arguments;

	if (!list_oldest(store_writer(store), purge, error))
		return false;
	for (size_t i = 0; i < purge->count; i++) {
		if (!removal_message(
			    store, purge->rows[i].number, purge->rows[i].body, file_bytes, error))
			return false;
	}
	return true;
}

bool collected_purge(
	struct store *store, int64_t before_us, size_t at_most, size_t *purged, struct error *error)
{
	struct purge purge = { .before_us = before_us, .at_most = at_most };
	bool ok;

	purge.rows = calloc(at_most, sizeof *purge.rows);
	if (!purge.rows)
		return error_set_memory(error);
	ok = committer_free_space(
		store, "deleting mail that was collected", purge_step, &purge, error);
	*purged = ok ? purge.count : 0;
	free(purge.rows);
	return ok;
}

/* ---- restoring ---- */

struct restore {
	struct store_restoration *restoration;
	/* Up to the last one that was collected when it began: what it brings back gets higher numbers, and
	 * may be collected again meanwhile. */
	int64_t after, last;
	struct store_message messages[RESTORE_BATCH];
	size_t count;
};

static bool find_last(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	struct restore *restore = arguments;
	struct database *writer = store_writer(store);
	sqlite3_stmt *find = database_statement(writer, SQL_COLLECTED_LAST, error);
	int64_t mailbox = 0;
	bool has_row = false;
	bool ok;

	(void)file_bytes;
	if (!find || !mailbox_number(writer, &restore->restoration->mailbox, &mailbox, error))
		return false;
	sqlite3_bind_int64(find, 1, mailbox);
	ok = database_step(writer, find, &has_row, error);
	if (ok && has_row)
		restore->last = sqlite3_column_int64(find, 0);
	statement_end(find);
	return ok;
}

static bool list_batch(
	struct database *writer, int64_t mailbox, struct restore *restore, struct error *error)
{
	sqlite3_stmt *list = database_statement(writer, SQL_COLLECTED_PIECE, error);
	bool has_row = true;
	bool ok = list != NULL;

	restore->count = 0;
	if (!list)
		return false;
	sqlite3_bind_int64(list, 1, mailbox);
	sqlite3_bind_int64(list, 2, restore->after);
	sqlite3_bind_int64(list, 3, restore->last);
	sqlite3_bind_int64(list, 4, restore->restoration->collected_since_us);
	sqlite3_bind_int64(list, 5, RESTORE_BATCH);
	while (ok && has_row && restore->count < RESTORE_BATCH) {
		ok = database_step(writer, list, &has_row, error);
		if (ok && has_row)
			ok = message_copy(list, &restore->messages[restore->count++], error);
	}
	statement_end(list);
	return ok;
}

/* A new row, since its number must be a new one; the body has a message at any time. */
static bool restore_message(struct database *writer, const struct store_message *message,
	const struct id *id, struct error *error)
{
	sqlite3_stmt *insert = database_statement(writer, SQL_MESSAGE_RESTORE, error);
	sqlite3_stmt *erase = database_statement(writer, SQL_MESSAGE_DELETE, error);

	if (!insert || !erase)
		return false;
	sqlite3_bind_int64(insert, 1, (int64_t)message->number);
	sqlite3_bind_blob(insert, 2, id->bytes, sizeof id->bytes, SQLITE_STATIC);
	sqlite3_bind_int64(erase, 1, (int64_t)message->number);
	return database_run(writer, insert, error) && database_run(writer, erase, error);
}

static bool count_restored(struct database *writer, int64_t mailbox, const struct restore *restore,
	struct error *error)
{
	sqlite3_stmt *update = database_statement(writer, SQL_COUNTERS_RESTORED, error);
	uint64_t bytes = 0;

	if (!update)
		return false;
	for (size_t i = 0; i < restore->count; i++)
		bytes += restore->messages[i].size;
	sqlite3_bind_int64(update, 1, mailbox);
	sqlite3_bind_int64(update, 2, (int64_t)restore->count);
	sqlite3_bind_int64(update, 3, (int64_t)bytes);
	return database_run(writer, update, error);
}

static bool restore_batch(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	struct restore *restore = arguments;
	struct store_restoration *restoration = restore->restoration;
	struct database *writer = store_writer(store);
	int64_t mailbox = 0;

	(void)file_bytes;
	if (!mailbox_number(writer, &restoration->mailbox, &mailbox, error) ||
		!list_batch(writer, mailbox, restore, error))
		return false;
	for (size_t i = 0; i < restore->count; i++) {
		struct id id;

		restoration->make_id(restoration->context, &restore->messages[i], &id);
		if (!restore_message(writer, &restore->messages[i], &id, error))
			return false;
	}
	return count_restored(writer, mailbox, restore, error);
}

bool store_mailbox_restore(
	struct store *store, struct store_restoration *restoration, struct error *error)
{
	struct restore *restore = calloc(1, sizeof *restore);
	bool ok;

	restoration->restored = 0;
	if (!restore)
		return error_set_memory(error);
	restore->restoration = restoration;
	restore->count = RESTORE_BATCH;
	ok = committer_perform(store, "looking for what was collected", find_last, restore, error);
	while (ok && restore->count == RESTORE_BATCH) {
		ok = committer_perform(
			store, "bringing collected mail back", restore_batch, restore, error);
		if (!ok || !restore->count)
			break;
		restoration->restored += restore->count;
		restore->after = (int64_t)restore->messages[restore->count - 1].number;
	}
	free(restore);
	return ok;
}

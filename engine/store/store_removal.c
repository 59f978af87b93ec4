/* store_removal.c -- messages go: collected ones, unless they are kept (store_collected.c), and those of a
 * deleted mailbox.
 *
 * The invariant: a body goes in the transaction that takes its last message, and never because a count
 * said so: the messages themselves are asked. A body's file is only written down as discarded here;
 * the keeper unlinks it after the commit. */
#include <stdlib.h>

#include "store_internal.h"

/* Messages of one removal in one group; a long one takes its turn with deliveries. */
enum { SLICE = 1000 };

static struct store_removal *removal_of(struct store_request *request)
{
	return list_entry(request, struct store_removal, request);
}

static size_t slice_of(struct store_request *request)
{
	size_t left = removal_of(request)->message_count - request->progress;

	return left < SLICE ? left : SLICE;
}

static void removal_measure(struct store_request *request, size_t *rows, size_t *bytes)
{
	*rows = slice_of(request);
	*bytes = 0;
}

/* ---- bodies ---- */

static bool is_used(struct database *writer, int64_t body, bool *used, struct error *error)
{
	sqlite3_stmt *ask = database_statement(writer, SQL_MESSAGE_OF_BODY, error);
	bool ok;

	if (!ask)
		return false;
	sqlite3_bind_int64(ask, 1, body);
	ok = database_step(writer, ask, used, error);
	statement_end(ask);
	return ok;
}

static bool discard_file(struct store *store, const struct id *id, struct error *error)
{
	struct database *writer = store_writer(store);
	sqlite3_stmt *discard = database_statement(writer, SQL_DISCARD_INSERT, error);

	if (!discard)
		return false;
	sqlite3_bind_blob(discard, 1, id->bytes, sizeof id->bytes, NULL);
	store->committer.has_discarded = true;
	return database_run(writer, discard, error);
}

static bool remove_body(struct store *store, int64_t body, int64_t *file_bytes, struct error *error)
{
	struct database *writer = store_writer(store);
	sqlite3_stmt *get = database_statement(writer, SQL_BODY_GET, error);
	sqlite3_stmt *erase = database_statement(writer, SQL_BODY_DELETE, error);
	struct id id = { { 0 } };
	bool found = false, is_in_file = false;
	bool ok;

	if (!get || !erase)
		return false;
	sqlite3_bind_int64(get, 1, body);
	ok = database_step(writer, get, &found, error);
	if (found && sqlite3_column_int(get, 2)) {
		is_in_file = statement_copy(get, 0, id.bytes, sizeof id.bytes);
		*file_bytes -= sqlite3_column_int64(get, 1);
	}
	statement_end(get);
	sqlite3_bind_int64(erase, 1, body);
	return ok && database_run(writer, erase, error) &&
	       (!is_in_file || discard_file(store, &id, error));
}

bool removal_message(
	struct store *store, int64_t number, int64_t body, int64_t *file_bytes, struct error *error)
{
	struct database *writer = store_writer(store);
	sqlite3_stmt *erase = database_statement(writer, SQL_MESSAGE_DELETE, error);
	bool used = false;

	if (!erase)
		return false;
	sqlite3_bind_int64(erase, 1, number);
	if (!database_run(writer, erase, error) || !is_used(writer, body, &used, error))
		return false;
	return used || remove_body(store, body, file_bytes, error);
}

/* ---- collected messages ---- */

static bool find_message(struct database *writer, int64_t mailbox,
	const struct store_message *message, int64_t *body, int64_t *size, bool *found,
	struct error *error)
{
	sqlite3_stmt *find = database_statement(writer, SQL_MESSAGE_FIND, error);
	bool ok;

	if (!find)
		return false;
	sqlite3_bind_int64(find, 1, (int64_t)message->number);
	sqlite3_bind_blob(find, 2, message->id.bytes, sizeof message->id.bytes, NULL);
	sqlite3_bind_int64(find, 3, mailbox);
	ok = database_step(writer, find, found, error);
	if (*found) {
		*body = sqlite3_column_int64(find, 0);
		*size = sqlite3_column_int64(find, 1);
	}
	statement_end(find);
	return ok;
}

static bool count_collected(struct database *writer, int64_t mailbox, int64_t count, int64_t bytes,
	int64_t collected_us, struct error *error)
{
	sqlite3_stmt *update = database_statement(writer, SQL_COUNTERS_COLLECTED, error);

	if (!update)
		return false;
	sqlite3_bind_int64(update, 1, mailbox);
	sqlite3_bind_int64(update, 2, count);
	sqlite3_bind_int64(update, 3, bytes);
	sqlite3_bind_int64(update, 4, collected_us);
	return database_run(writer, update, error);
}

static bool keep_message(
	struct database *writer, int64_t number, int64_t collected_us, struct error *error)
{
	sqlite3_stmt *keep = database_statement(writer, SQL_MESSAGE_COLLECT, error);

	if (!keep)
		return false;
	sqlite3_bind_int64(keep, 1, number);
	sqlite3_bind_int64(keep, 2, collected_us);
	return database_run(writer, keep, error);
}

/* One of the slice, if it still waits. */
static bool remove_one(struct store *store, struct store_request *request, int64_t mailbox,
	const struct store_message *message, int64_t *count, int64_t *bytes, struct error *error)
{
	struct database *writer = store_writer(store);
	int64_t number = (int64_t)message->number, body = 0, size = 0;
	bool keeps = atomic_load(&store->room.keep_us) > 0;
	bool found = false;

	if (!find_message(writer, mailbox, message, &body, &size, &found, error))
		return false;
	if (!found)
		return true;
	*count += 1;
	*bytes += size;
	return keeps ? keep_message(writer, number, removal_of(request)->collected_us, error)
		     : removal_message(store, number, body, &request->file_bytes, error);
}

static bool removal_run(struct store *store, struct store_request *request, struct error *error)
{
	const struct store_removal *removal = removal_of(request);
	struct database *writer = store_writer(store);
	int64_t mailbox = 0, count = 0, bytes = 0;
	enum store_mailbox_status status;
	bool found = false;

	if (!mailbox_find(writer, &removal->mailbox, &mailbox, &status, &found, error))
		return false;
	if (!found)
		return true;
	if (removal->signature && !request->progress &&
		!signature_insert(writer, mailbox, removal->signature, error))
		return false;
	for (size_t i = 0; i < slice_of(request); i++) {
		if (!remove_one(store, request, mailbox, &removal->messages[request->progress + i],
			    &count, &bytes, error))
			return false;
	}
	return !count ||
	       count_collected(writer, mailbox, count, bytes, removal->collected_us, error);
}

static bool removal_has_more(struct store_request *request)
{
	request->progress += slice_of(request);
	return request->progress < removal_of(request)->message_count;
}

static void removal_finish(struct store *store, struct store_request *request)
{
	struct store_removal *removal = removal_of(request);

	(void)store;
	removal->ok = !request->has_failed;
	removal->done(removal);
}

static const struct store_request_type removal_type = {
	.doing = "deleting collected messages",
	.frees_space = true,
	.measure = removal_measure,
	.run = removal_run,
	.has_more = removal_has_more,
	.finish = removal_finish,
};

void store_removal_submit(struct store *store, struct store_removal *removal)
{
	removal->ok = false;
	removal->error = (struct error){ 0 };
	removal->request =
		(struct store_request){ .type = &removal_type, .error = &removal->error };
	committer_submit(store, &removal->request);
}

/* ---- deleted mailboxes ---- */

struct row {
	int64_t number, body;
};

static bool list_rows(struct database *writer, int64_t mailbox, struct row *rows, size_t at_most,
	size_t *count, struct error *error)
{
	sqlite3_stmt *list = database_statement(writer, SQL_PURGE_MESSAGES, error);
	bool has_row = true;
	bool ok = list != NULL;

	*count = 0;
	if (!list)
		return false;
	sqlite3_bind_int64(list, 1, mailbox);
	sqlite3_bind_int64(list, 2, (int64_t)at_most);
	while (ok && has_row && *count < at_most) {
		ok = database_step(writer, list, &has_row, error);
		if (ok && has_row)
			rows[(*count)++] = (struct row){
				sqlite3_column_int64(list, 0),
				sqlite3_column_int64(list, 1),
			};
	}
	statement_end(list);
	return ok;
}

static bool next_purge(struct database *writer, int64_t *mailbox, bool *found, struct error *error)
{
	sqlite3_stmt *next = database_statement(writer, SQL_PURGE_NEXT, error);
	bool ok;

	if (!next)
		return false;
	ok = database_step(writer, next, found, error);
	if (*found)
		*mailbox = sqlite3_column_int64(next, 0);
	statement_end(next);
	return ok;
}

/* The messages have gone: what the ledger held, and then the mailbox's number itself. */
static bool end_purge(struct database *writer, int64_t mailbox, size_t at_most, struct error *error)
{
	sqlite3_stmt *erase = database_statement(writer, SQL_PURGE_DELETE, error);
	bool more = false;

	if (!erase || !ledger_purge(writer, mailbox, at_most, &more, error))
		return false;
	if (more)
		return true;
	sqlite3_bind_int64(erase, 1, mailbox);
	return database_run(writer, erase, error);
}

bool removal_purge(
	struct store *store, size_t at_most, int64_t *file_bytes, bool *more, struct error *error)
{
	struct database *writer = store_writer(store);
	struct row *rows = NULL;
	int64_t mailbox = 0;
	size_t count = 0;
	bool ok = false;

	if (!next_purge(writer, &mailbox, more, error))
		return false;
	if (!*more)
		return true;
	rows = calloc(at_most, sizeof *rows);
	if (!rows)
		return error_set_memory(error);
	if (!list_rows(writer, mailbox, rows, at_most, &count, error))
		goto out;
	for (size_t i = 0; i < count; i++) {
		if (!removal_message(store, rows[i].number, rows[i].body, file_bytes, error))
			goto out;
	}
	ok = count == at_most || end_purge(writer, mailbox, at_most, error);
out:
	free(rows);
	return ok;
}

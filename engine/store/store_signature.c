/* store_signature.c -- signatures over the heads of ledgers: kept as they come, alone or with the removal of
 * what was collected, and read in pieces. Whether one holds is asked by whoever verifies the ledger. */
#include "store_internal.h"

/* ---- keeping ---- */

bool signature_insert(struct database *writer, int64_t mailbox,
	const struct store_signature *signature, struct error *error)
{
	sqlite3_stmt *insert = database_statement(writer, SQL_SIGNATURE_INSERT, error);

	if (!insert)
		return false;
	sqlite3_bind_int64(insert, 1, mailbox);
	sqlite3_bind_int64(insert, 2, (int64_t)signature->number);
	sqlite3_bind_int64(insert, 3, signature->generation);
	sqlite3_bind_int64(insert, 4, signature->signed_us);
	sqlite3_bind_blob(insert, 5, signature->head, sizeof signature->head, SQLITE_STATIC);
	sqlite3_bind_blob(
		insert, 6, signature->signature, sizeof signature->signature, SQLITE_STATIC);
	return database_run(writer, insert, error);
}

static struct store_signing *signing_of(struct store_request *request)
{
	return list_entry(request, struct store_signing, request);
}

static bool signing_run(struct store *store, struct store_request *request, struct error *error)
{
	const struct store_signing *signing = signing_of(request);
	struct database *writer = store_writer(store);
	int64_t mailbox = 0;

	return mailbox_number(writer, &signing->mailbox, &mailbox, error) &&
	       signature_insert(writer, mailbox, &signing->signature, error);
}

static void signing_finish(struct store *store, struct store_request *request)
{
	struct store_signing *signing = signing_of(request);

	(void)store;
	signing->ok = !request->has_failed;
	signing->done(signing);
}

static const struct store_request_type signing_type = {
	.doing = "keeping the ledger's signature",
	.run = signing_run,
	.finish = signing_finish,
};

void store_signing_submit(struct store *store, struct store_signing *signing)
{
	signing->ok = false;
	signing->error = (struct error){ 0 };
	signing->request =
		(struct store_request){ .type = &signing_type, .error = &signing->error };
	committer_submit(store, &signing->request);
}

/* ---- reading ---- */

bool signature_read_last(struct database *database, int64_t mailbox, uint64_t *number,
	int64_t *signed_us, struct error *error)
{
	sqlite3_stmt *last = database_statement(database, SQL_SIGNATURE_LAST, error);
	bool found = false;
	bool ok;

	if (!last)
		return false;
	sqlite3_bind_int64(last, 1, mailbox);
	ok = database_step(database, last, &found, error);
	*number = found ? (uint64_t)sqlite3_column_int64(last, 0) : 0;
	*signed_us = found ? sqlite3_column_int64(last, 1) : 0;
	statement_end(last);
	return ok;
}

static bool take_row(sqlite3_stmt *found, void *to, struct error *error)
{
	struct store_signature *row = to;

	*row = (struct store_signature){
		.number = (uint64_t)sqlite3_column_int64(found, 0),
		.generation = (uint32_t)sqlite3_column_int64(found, 1),
		.signed_us = sqlite3_column_int64(found, 2),
	};
	return (statement_copy(found, 3, row->head, sizeof row->head) &&
		       statement_copy(found, 4, row->signature, sizeof row->signature)) ||
	       error_set(error, ERROR_CORRUPT,
		       "a signature of the ledger in the database is damaged");
}

struct visit {
	store_signature_visit *row;
	void *context;
};

static bool visit_row(void *context, const void *row)
{
	const struct visit *visit = context;

	return visit->row(visit->context, row);
}

bool store_signature_each(struct store *store, const struct id *mailbox, uint64_t from,
	store_signature_visit *row, void *context, struct error *error)
{
	struct visit visit = { row, context };
	const struct pieces pieces = {
		.statement = SQL_SIGNATURE_PIECE,
		.row_size = sizeof(struct store_signature),
		.take = take_row,
		.visit = visit_row,
		.context = &visit,
	};

	if (pieces_each(store, mailbox, from, &pieces, error))
		return true;
	error_prefix(error, "reading the ledger's signatures");
	return false;
}

/* store_ledger.c -- the chain of a mailbox's copies: its links, a row at each delivery, and its rows read in
 * pieces.
 *
 * The invariant: rows are only added, each in the savepoint that adds its message and counts it as
 * received; so the number of a mailbox's last row is its count of received copies. The layout of what is
 * hashed is in docs/internals/store.md, "The ledger"; a link that is out in the world does not change. */
#include "crypto/digest.h"
#include "store_internal.h"

/* ---- links ---- */

/* Big-endian, like every format of the project. */
static void put_number(uint8_t *at, uint64_t number)
{
	for (size_t i = 0; i < 8; i++)
		at[i] = (uint8_t)(number >> 8 * (7 - i));
}

void store_ledger_origin(const struct id *mailbox, uint8_t link[STORE_LINK_SIZE])
{
	struct digest digest;

	digest_init(&digest, "lettergate-ledg1");
	digest_update(&digest, bytes_make(mailbox->bytes, sizeof mailbox->bytes));
	digest_final(&digest, link);
}

void store_ledger_link(const struct id *mailbox, const uint8_t before[STORE_LINK_SIZE],
	const struct store_ledger_row *row, uint8_t link[STORE_LINK_SIZE])
{
	uint8_t facts[25];
	struct digest digest;

	put_number(facts, row->number);
	put_number(facts + 8, (uint64_t)row->received_us);
	put_number(facts + 16, row->size);
	facts[24] = (uint8_t)row->receipt_size;
	digest_init(&digest, "lettergate-link1");
	digest_update(&digest, bytes_make(before, STORE_LINK_SIZE));
	digest_update(&digest, bytes_make(mailbox->bytes, sizeof mailbox->bytes));
	digest_update(&digest, bytes_make(facts, sizeof facts));
	digest_update(&digest, bytes_make(row->digest, sizeof row->digest));
	digest_update(&digest, bytes_make(row->receipt, row->receipt_size));
	digest_final(&digest, link);
}

/* ---- the head ---- */

static bool find_head(struct database *database, int64_t mailbox, const struct id *id,
	struct store_ledger_head *head, struct error *error)
{
	sqlite3_stmt *find = database_statement(database, SQL_LEDGER_HEAD, error);
	bool found = false;
	bool ok;

	*head = (struct store_ledger_head){ 0 };
	if (!find)
		return false;
	sqlite3_bind_int64(find, 1, mailbox);
	ok = database_step(database, find, &found, error);
	if (ok && found) {
		head->number = (uint64_t)sqlite3_column_int64(find, 0);
		head->first = (uint64_t)sqlite3_column_int64(find, 1) + 1;
		/* Without a row: it is about to begin, or somebody took the last one away. Mail is received
		 * either way, and the check of the ledger tells. */
		if (!statement_copy(find, 2, head->link, sizeof head->link))
			store_ledger_origin(id, head->link);
	}
	statement_end(find);
	if (ok && !found)
		ok = error_set(error, ERROR_CORRUPT, "the mailbox has no counters");
	return ok;
}

bool ledger_read_head(struct database *database, const struct id *mailbox,
	struct store_ledger_head *head, struct error *error)
{
	int64_t number = 0;

	return mailbox_number(database, mailbox, &number, error) &&
	       find_head(database, number, mailbox, head, error) &&
	       signature_read_last(database, number, &head->signed_number, &head->signed_us, error);
}

bool store_ledger_head(struct store *store, const struct id *mailbox,
	struct store_ledger_head *head, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	bool ok;

	if (!database_use(database, error))
		return false;
	ok = ledger_read_head(database, mailbox, head, error);
	database_leave(database);
	if (!ok)
		error_prefix(error, "reading the ledger");
	return ok;
}

/* ---- a row ---- */

bool ledger_append(struct database *writer, int64_t mailbox,
	const struct store_delivery_target *target, int64_t received_us,
	const uint8_t digest[STORE_DIGEST_SIZE], uint64_t *number, struct error *error)
{
	sqlite3_stmt *insert = database_statement(writer, SQL_LEDGER_INSERT, error);
	struct store_ledger_head head;
	struct store_ledger_row row = { .received_us = received_us, .size = target->size };

	if (!insert || !find_head(writer, mailbox, &target->mailbox, &head, error))
		return false;
	*number = row.number = head.number + 1;
	memcpy(row.digest, digest, sizeof row.digest);
	memcpy(row.receipt, target->receipt, target->receipt_size);
	row.receipt_size = target->receipt_size;
	store_ledger_link(&target->mailbox, head.link, &row, row.link);
	sqlite3_bind_int64(insert, 1, mailbox);
	sqlite3_bind_int64(insert, 2, (int64_t)row.number);
	sqlite3_bind_int64(insert, 3, row.received_us);
	sqlite3_bind_int64(insert, 4, (int64_t)row.size);
	sqlite3_bind_blob(insert, 5, row.digest, sizeof row.digest, SQLITE_STATIC);
	sqlite3_bind_blob(insert, 6, row.link, sizeof row.link, SQLITE_STATIC);
	sqlite3_bind_blob64(insert, 7, row.receipt, row.receipt_size, SQLITE_STATIC);
	return database_run(writer, insert, error);
}

/* ---- reading ---- */

static bool take_row(sqlite3_stmt *found, void *to, struct error *error)
{
	struct store_ledger_row *row = to;
	size_t receipt = (size_t)sqlite3_column_bytes(found, 5);

	*row = (struct store_ledger_row){
		.number = (uint64_t)sqlite3_column_int64(found, 0),
		.received_us = sqlite3_column_int64(found, 1),
		.size = (uint64_t)sqlite3_column_int64(found, 2),
		.receipt_size = receipt,
	};
	return (statement_copy(found, 3, row->digest, sizeof row->digest) &&
		       statement_copy(found, 4, row->link, sizeof row->link) &&
		       receipt <= sizeof row->receipt &&
		       (!receipt || statement_copy(found, 5, row->receipt, receipt))) ||
	       error_set(error, ERROR_CORRUPT, "a row of the ledger in the database is damaged");
}

struct visit {
	store_ledger_visit *row;
	void *context;
};

static bool visit_row(void *context, const void *row)
{
	const struct visit *visit = context;

	return visit->row(visit->context, row);
}

bool store_ledger_each(struct store *store, const struct id *mailbox, uint64_t from,
	store_ledger_visit *row, void *context, struct error *error)
{
	struct visit visit = { row, context };
	const struct pieces pieces = {
		.statement = SQL_LEDGER_PIECE,
		.row_size = sizeof(struct store_ledger_row),
		.take = take_row,
		.visit = visit_row,
		.context = &visit,
	};

	if (pieces_each(store, mailbox, from, &pieces, error))
		return true;
	error_prefix(error, "reading the ledger");
	return false;
}

/* ---- of a deleted mailbox ---- */

bool ledger_purge(
	struct database *writer, int64_t mailbox, size_t at_most, bool *more, struct error *error)
{
	static const enum statement steps[] = { SQL_LEDGER_DELETE, SQL_SIGNATURES_DELETE };

	*more = false;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !*more; i++) {
		sqlite3_stmt *erase = database_statement(writer, steps[i], error);

		if (!erase)
			return false;
		sqlite3_bind_int64(erase, 1, mailbox);
		sqlite3_bind_int64(erase, 2, (int64_t)at_most);
		if (!database_run(writer, erase, error))
			return false;
		*more = (size_t)sqlite3_changes(writer->handle) == at_most;
	}
	return true;
}

/* store_mailbox.c -- mailboxes: made, shown, suspended, deleted.
 *
 * The keys and wraps pass through as they are; the counters beside them change only in the
 * transactions of deliveries and removals, and the schema checks received = waiting + collected. */
#include <stdio.h>

#include "store_internal.h"

/* ---- rows ---- */

bool mailbox_find(struct database *database, const struct id *id, int64_t *number,
	enum store_mailbox_status *status, bool *found, struct error *error)
{
	sqlite3_stmt *find = database_statement(database, SQL_MAILBOX_FIND, error);
	bool ok;

	*found = false;
	if (!find)
		return false;
	sqlite3_bind_blob(find, 1, id->bytes, sizeof id->bytes, SQLITE_STATIC);
	ok = database_step(database, find, found, error);
	if (*found) {
		*number = sqlite3_column_int64(find, 0);
		*status = sqlite3_column_int(find, 1) == STORE_MAILBOX_ACTIVE
				  ? STORE_MAILBOX_ACTIVE
				  : STORE_MAILBOX_SUSPENDED;
	}
	statement_end(find);
	return ok;
}

bool mailbox_number(
	struct database *database, const struct id *id, int64_t *number, struct error *error)
{
	enum store_mailbox_status status;
	bool found = false;

	if (!mailbox_find(database, id, number, &status, &found, error))
		return false;
	return found || error_set(error, ERROR_NOT_FOUND, "there is no such mailbox");
}

static void copy_text(sqlite3_stmt *row, int column, char *text, size_t capacity)
{
	const char *found = (const char *)sqlite3_column_text(row, column);

	snprintf(text, capacity, "%s", found ? found : "");
}

static bool copy_wrap(sqlite3_stmt *row, int column, uint8_t *wrap, size_t *size)
{
	size_t found = (size_t)sqlite3_column_bytes(row, column);

	*size = found;
	return found <= STORE_WRAP_MAX && (!found || statement_copy(row, column, wrap, found));
}

/* In the order of MAILBOX in store_sql.c. */
static bool copy_mailbox(sqlite3_stmt *row, struct store_mailbox *mailbox,
	struct store_mailbox_counts *counts, struct error *error)
{
	*mailbox = (struct store_mailbox){ 0 };
	copy_text(row, 2, mailbox->name, sizeof mailbox->name);
	copy_text(row, 3, mailbox->description, sizeof mailbox->description);
	mailbox->status = sqlite3_column_int(row, 4) == STORE_MAILBOX_ACTIVE
				  ? STORE_MAILBOX_ACTIVE
				  : STORE_MAILBOX_SUSPENDED;
	mailbox->is_temporary = sqlite3_column_int(row, 5) != 0;
	mailbox->created_us = sqlite3_column_int64(row, 6);
	mailbox->generation = (uint32_t)sqlite3_column_int64(row, 20);
	*counts = (struct store_mailbox_counts){
		.waiting = (uint64_t)sqlite3_column_int64(row, 12),
		.waiting_bytes = (uint64_t)sqlite3_column_int64(row, 13),
		.received = (uint64_t)sqlite3_column_int64(row, 14),
		.received_bytes = (uint64_t)sqlite3_column_int64(row, 15),
		.collected = (uint64_t)sqlite3_column_int64(row, 16),
		.collected_bytes = (uint64_t)sqlite3_column_int64(row, 17),
		.last_received_us = sqlite3_column_int64(row, 18),
		.last_collected_us = sqlite3_column_int64(row, 19),
	};
	return (statement_copy(row, 1, mailbox->id.bytes, sizeof mailbox->id.bytes) &&
		       statement_copy(
			       row, 7, mailbox->identity_key, sizeof mailbox->identity_key) &&
		       statement_copy(row, 8, mailbox->box_key, sizeof mailbox->box_key) &&
		       statement_copy(
			       row, 9, mailbox->key_signature, sizeof mailbox->key_signature) &&
		       copy_wrap(row, 10, mailbox->password_wrap, &mailbox->password_wrap_size) &&
		       copy_wrap(row, 11, mailbox->recovery_wrap, &mailbox->recovery_wrap_size)) ||
	       error_set(error, ERROR_CORRUPT, "a mailbox in the database is damaged");
}

/* Steps a prepared query to its one row or none. */
static bool take_row(struct database *database, sqlite3_stmt *query, int64_t *number, bool *found,
	struct store_mailbox *mailbox, struct store_mailbox_counts *counts, struct error *error)
{
	bool ok = database_step(database, query, found, error);

	if (ok && *found) {
		*number = sqlite3_column_int64(query, 0);
		ok = copy_mailbox(query, mailbox, counts, error);
	}
	statement_end(query);
	return ok;
}

static bool next_row(struct store *store, int64_t *number, bool *found,
	struct store_mailbox *mailbox, struct store_mailbox_counts *counts, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	sqlite3_stmt *next;
	bool ok = false;

	if (!database_use(database, error))
		return false;
	next = database_statement(database, SQL_MAILBOX_NEXT, error);
	if (next) {
		sqlite3_bind_int64(next, 1, *number);
		ok = take_row(database, next, number, found, mailbox, counts, error);
	}
	database_leave(database);
	return ok;
}

bool store_mailbox_each(
	struct store *store, store_mailbox_row *row, void *context, struct error *error)
{
	struct store_mailbox mailbox;
	struct store_mailbox_counts counts;
	int64_t number = 0;
	bool found = true;
	bool ok = true;

	/* A row at a time, so that `row` may call the store. */
	while (ok && found) {
		ok = next_row(store, &number, &found, &mailbox, &counts, error);
		if (ok && found)
			row(context, &mailbox, &counts);
	}
	if (!ok)
		error_prefix(error, "reading the mailboxes");
	return ok;
}

bool store_mailbox_get(struct store *store, const struct id *id, struct store_mailbox *mailbox,
	struct store_mailbox_counts *counts, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	sqlite3_stmt *get;
	int64_t number = 0;
	bool found = false;
	bool ok = false;

	if (!database_use(database, error))
		return false;
	get = database_statement(database, SQL_MAILBOX_GET, error);
	if (get) {
		sqlite3_bind_blob(get, 1, id->bytes, sizeof id->bytes, SQLITE_STATIC);
		ok = take_row(database, get, &number, &found, mailbox, counts, error);
	}
	database_leave(database);
	if (ok && !found)
		ok = error_set(error, ERROR_NOT_FOUND, "there is no such mailbox");
	return ok;
}

/* ---- changes, on the committer ---- */

static bool create(struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	const struct store_mailbox *mailbox = arguments;
	struct database *writer = store_writer(store);
	sqlite3_stmt *insert = database_statement(writer, SQL_MAILBOX_INSERT, error);
	sqlite3_stmt *count = database_statement(writer, SQL_COUNTERS_INSERT, error);

	(void)file_bytes;
	if (!insert || !count)
		return false;
	sqlite3_bind_blob(insert, 1, mailbox->id.bytes, sizeof mailbox->id.bytes, SQLITE_STATIC);
	sqlite3_bind_text(insert, 2, mailbox->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(insert, 3, mailbox->description, -1, SQLITE_STATIC);
	sqlite3_bind_int(insert, 4, (int)mailbox->status);
	sqlite3_bind_int(insert, 5, mailbox->is_temporary);
	sqlite3_bind_int64(insert, 6, mailbox->created_us);
	sqlite3_bind_blob(
		insert, 7, mailbox->identity_key, sizeof mailbox->identity_key, SQLITE_STATIC);
	sqlite3_bind_blob(insert, 8, mailbox->box_key, sizeof mailbox->box_key, SQLITE_STATIC);
	sqlite3_bind_blob(
		insert, 9, mailbox->key_signature, sizeof mailbox->key_signature, SQLITE_STATIC);
	sqlite3_bind_blob64(
		insert, 10, mailbox->password_wrap, mailbox->password_wrap_size, SQLITE_STATIC);
	if (mailbox->recovery_wrap_size)
		sqlite3_bind_blob64(insert, 11, mailbox->recovery_wrap, mailbox->recovery_wrap_size,
			SQLITE_STATIC);
	sqlite3_bind_int64(insert, 12, mailbox->generation);
	if (!database_run(writer, insert, error)) {
		if (writer->failed_code == SQLITE_CONSTRAINT_UNIQUE)
			error_set(error, ERROR_EXISTS, "there is a mailbox with this id already");
		return false;
	}
	sqlite3_bind_int64(count, 1, sqlite3_last_insert_rowid(writer->handle));
	return database_run(writer, count, error);
}

bool store_mailbox_create(
	struct store *store, const struct store_mailbox *mailbox, struct error *error)
{
	struct store_mailbox copy = *mailbox;

	if (copy.password_wrap_size > STORE_WRAP_MAX || copy.recovery_wrap_size > STORE_WRAP_MAX)
		return error_set(error, ERROR_INVALID, "the mailbox's wrapped keys are too long");
	copy.name[STORE_NAME_SIZE - 1] = '\0';
	copy.description[STORE_DESCRIPTION_SIZE - 1] = '\0';
	return committer_perform(store, "creating a mailbox", create, &copy, error);
}

struct status_change {
	const struct id *id;
	enum store_mailbox_status status;
};

static bool set_status(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	const struct status_change *change = arguments;
	struct database *writer = store_writer(store);
	sqlite3_stmt *set = database_statement(writer, SQL_MAILBOX_SET_STATUS, error);

	(void)file_bytes;
	if (!set)
		return false;
	sqlite3_bind_blob(set, 1, change->id->bytes, sizeof change->id->bytes, SQLITE_STATIC);
	sqlite3_bind_int(set, 2, (int)change->status);
	if (!database_run(writer, set, error))
		return false;
	return sqlite3_changes(writer->handle) > 0 ||
	       error_set(error, ERROR_NOT_FOUND, "there is no such mailbox");
}

bool store_mailbox_set_status(struct store *store, const struct id *id,
	enum store_mailbox_status status, struct error *error)
{
	struct status_change change = { id, status };

	return committer_perform(store, "changing a mailbox's status", set_status, &change, error);
}

/* The mailbox goes at once; its messages, out of everybody's sight from then on, go in small steps. */
static bool delete_number(struct store *store, int64_t number, struct error *error)
{
	static const enum statement steps[] = { SQL_FACTS_DELETE, SQL_ALIASES_DELETE,
		SQL_OLD_KEYS_DELETE, SQL_COUNTERS_DELETE, SQL_MAILBOX_DELETE, SQL_PURGE_INSERT };
	struct database *writer = store_writer(store);

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		sqlite3_stmt *step = database_statement(writer, steps[i], error);

		if (!step)
			return false;
		sqlite3_bind_int64(step, 1, number);
		if (!database_run(writer, step, error))
			return false;
	}
	return true;
}

static bool delete_one(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	int64_t number = 0;

	(void)file_bytes;
	return mailbox_number(store_writer(store), arguments, &number, error) &&
	       delete_number(store, number, error);
}

bool store_mailbox_delete(struct store *store, const struct id *id, struct error *error)
{
	struct id copy = *id;

	if (!committer_free_space(store, "deleting a mailbox", delete_one, &copy, error))
		return false;
	keeper_purge(store);
	return true;
}

static bool delete_temporary(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	struct database *writer = store_writer(store);
	sqlite3_stmt *next = database_statement(writer, SQL_MAILBOX_NEXT_TEMPORARY, error);
	bool found = true;
	bool ok = next != NULL;

	(void)arguments;
	(void)file_bytes;
	while (ok && found) {
		int64_t number = 0;

		ok = database_step(writer, next, &found, error);
		if (ok && found)
			number = sqlite3_column_int64(next, 0);
		statement_end(next);
		if (ok && found)
			ok = delete_number(store, number, error);
	}
	return ok;
}

bool mailbox_delete_temporary(struct store *store, struct error *error)
{
	return committer_free_space(
		store, "removing what a self-test left", delete_temporary, NULL, error);
}

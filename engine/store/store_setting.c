/* store_setting.c -- the settings that differ from their defaults, as text. What they mean and whether
 * they are right is config's. */
#include "store_internal.h"

struct row {
	struct buf key, value;
	bool found;
};

enum { SETTING_MAX = 1024 * 1024 };

static bool copy_text(sqlite3_stmt *statement, int column, struct buf *text, struct error *error)
{
	const char *found = (const char *)sqlite3_column_text(statement, column);

	buf_clear(text);
	if (found && buf_append_text(text, found) && buf_text(text))
		return true;
	return error_set_memory(error);
}

/* The row behind `row->key`, or the first one. */
static bool next_row(struct database *database, struct row *row, struct error *error)
{
	sqlite3_stmt *next = database_statement(database, SQL_SETTING_NEXT, error);
	bool ok;

	if (!next)
		return false;
	sqlite3_bind_text(
		next, 1, row->key.size ? (const char *)row->key.data : "", -1, SQLITE_TRANSIENT);
	ok = database_step(database, next, &row->found, error);
	if (ok && row->found)
		ok = copy_text(next, 0, &row->key, error) && copy_text(next, 1, &row->value, error);
	statement_end(next);
	return ok;
}

bool store_setting_each(
	struct store *store, store_setting_row *each, void *context, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	struct row row = { .found = true };
	bool ok = true;

	buf_init(&row.key, SETTING_MAX);
	buf_init(&row.value, SETTING_MAX);
	/* A row at a time, so that `each` may call the store. */
	while (ok && row.found) {
		ok = database_use(database, error);
		if (!ok)
			break;
		ok = next_row(database, &row, error);
		database_leave(database);
		if (ok && row.found)
			each(context, (const char *)row.key.data, (const char *)row.value.data);
	}
	buf_clear(&row.key);
	buf_clear(&row.value);
	if (!ok)
		error_prefix(error, "reading the settings");
	return ok;
}

struct change {
	const char *key, *value;
};

static bool change_setting(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	const struct change *change = arguments;
	struct database *writer = store_writer(store);
	sqlite3_stmt *statement = database_statement(
		writer, change->value ? SQL_SETTING_SET : SQL_SETTING_DELETE, error);

	(void)file_bytes;
	if (!statement)
		return false;
	sqlite3_bind_text(statement, 1, change->key, -1, SQLITE_STATIC);
	if (change->value)
		sqlite3_bind_text(statement, 2, change->value, -1, SQLITE_STATIC);
	return database_run(writer, statement, error);
}

bool store_setting_set(struct store *store, const char *key, const char *value, struct error *error)
{
	struct change change = { key, value };

	if (value && strlen(value) >= SETTING_MAX)
		return error_set(error, ERROR_INVALID, "the value of %s is too long", key);
	return committer_perform(store, "saving a setting", change_setting, &change, error);
}

/* store_database.c -- opening, closing and stepping; which pragmas a connection lives with.
 *
 * The invariant: a connection that closes never checkpoints by itself. SQLite's last close would copy
 * the WAL, sync and delete it even after a sync has failed, and so repeat a sync that must never be
 * repeated (docs/internals/store.md, "A failed sync"). */
#include "store_database_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

enum { BUSY_TIMEOUT_MS = 5000, SETTLE_TIMEOUT_MS = 100 };

static const struct {
	int code; /* primary */
	enum error_kind kind;
} kinds[] = {
	{ SQLITE_FULL, ERROR_FULL },
	{ SQLITE_NOMEM, ERROR_MEMORY },
	{ SQLITE_BUSY, ERROR_BUSY },
	{ SQLITE_LOCKED, ERROR_BUSY },
	{ SQLITE_CORRUPT, ERROR_CORRUPT },
	{ SQLITE_NOTADB, ERROR_CORRUPT },
	{ SQLITE_FORMAT, ERROR_CORRUPT },
	{ SQLITE_CONSTRAINT, ERROR_EXISTS },
	{ SQLITE_PERM, ERROR_DENIED },
	{ SQLITE_AUTH, ERROR_DENIED },
	{ SQLITE_READONLY, ERROR_DENIED },
};

static enum error_kind kind_of(int code)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (kinds[i].code == (code & 0xff))
			return kinds[i].kind;
	}
	return ERROR_IO;
}

bool database_failed(struct database *database, int code, struct error *error, const char *doing)
{
	enum error_kind kind = kind_of(code);
	int os_code = database->handle ? sqlite3_system_errno(database->handle) : 0;

	database->failed_code = code;
	if (kind == ERROR_CORRUPT)
		return error_set(error, kind,
			"%s: the database is damaged (%s). Stop the gateway, keep a copy of its "
			"folder, then restore a backup of it",
			doing, sqlite3_errstr(code));
	if ((kind == ERROR_IO || kind == ERROR_DENIED) && os_code) {
		error_set_os(error, os_code, "%s: %s", doing, sqlite3_errstr(code));
		/* The system's code may be an older one; SQLite's decides. */
		if (error)
			error->kind = kind;
		return false;
	}
	return error_set(error, kind, "%s: %s", doing,
		database->handle && sqlite3_extended_errcode(database->handle) == code
			? sqlite3_errmsg(database->handle)
			: sqlite3_errstr(code));
}

bool database_init(struct database *database, struct error *error)
{
	*database = (struct database){ .mutex = mutex_new(error) };
	return database->mutex != NULL;
}

void database_clear(struct database *database)
{
	assert(!database->handle);
	mutex_free(&database->mutex);
}

bool database_open(
	struct database *database, const struct database_options *options, struct error *error)
{
	char pragmas[400];
	int code;

	database->failed_code = SQLITE_OK;
	code = sqlite3_open_v2(options->path, &database->handle,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
	if (code != SQLITE_OK) {
		database_failed(database, code, error, "opening the database");
		goto failed;
	}
	sqlite3_extended_result_codes(database->handle, 1);
	sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
	sqlite3_db_config(database->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(database->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Freed pages are not overwritten: what they held was sealed, and the keys' wraps, which are
	 * small and lie beside live rows, FAST does overwrite. Nothing spills to a temporary file. */
	snprintf(pragmas, sizeof pragmas,
		"PRAGMA synchronous = %s; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -%d; "
		"PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = FAST; "
		"PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON; PRAGMA query_only = %s;",
		options->without_sync ? "OFF" : "FULL", options->cache_kib,
		options->is_reader ? "ON" : "OFF");
	if (!database_exec(database, pragmas, error))
		goto failed;
	return true;
failed:
	database_close(database, false);
	return false;
}

void database_close(struct database *database, bool settle)
{
	int code;

	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_finalize(database->statements[i]);
		database->statements[i] = NULL;
	}
	if (settle && database->handle)
		sqlite3_db_config(database->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	code = sqlite3_close(database->handle);
	assert(code == SQLITE_OK);
	(void)code;
	database->handle = NULL;
}

bool database_is_down(struct error *error)
{
	error_set(error, ERROR_IO,
		"the database is closed since writing to the disk failed; it is opened again as "
		"soon as "
		"the disk allows");
	if (error)
		error->os_code = DATABASE_DOWN;
	return false;
}

bool database_use(struct database *database, struct error *error)
{
	mutex_lock(database->mutex);
	if (database->handle)
		return true;
	mutex_unlock(database->mutex);
	return database_is_down(error);
}

void database_leave(struct database *database)
{
	mutex_unlock(database->mutex);
}

bool database_exec(struct database *database, const char *sql, struct error *error)
{
	int code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);

	if (code != SQLITE_OK)
		return database_failed(database, code, error, "preparing the database");
	return true;
}

bool database_integer(
	struct database *database, const char *sql, int64_t *value, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	bool has_row = false, ok;
	int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return database_failed(database, code, error, "reading the database");
	ok = database_step(database, statement, &has_row, error);
	if (ok)
		*value = has_row ? sqlite3_column_int64(statement, 0) : 0;
	(void)sqlite3_finalize(statement);
	return ok;
}

sqlite3_stmt *database_statement(
	struct database *database, enum statement which, struct error *error)
{
	int code;

	if (database->statements[which])
		return database->statements[which];
	code = sqlite3_prepare_v3(database->handle, statement_sql[which], -1,
		SQLITE_PREPARE_PERSISTENT, &database->statements[which], NULL);
	if (code != SQLITE_OK)
		database_failed(database, code, error, "preparing a statement");
	return database->statements[which];
}

bool database_step(
	struct database *database, sqlite3_stmt *statement, bool *has_row, struct error *error)
{
	int code = sqlite3_step(statement);

	*has_row = code == SQLITE_ROW;
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return true;
	return database_failed(database, code, error, "using the database");
}

bool database_run(struct database *database, sqlite3_stmt *statement, struct error *error)
{
	bool has_row = true;
	bool ok = true;

	while (ok && has_row)
		ok = database_step(database, statement, &has_row, error);
	statement_end(statement);
	return ok;
}

void statement_end(sqlite3_stmt *statement)
{
	if (!statement)
		return;
	/* The code of the last step again, which was looked at. */
	(void)sqlite3_reset(statement);
	/* Parameters point to memory that the next request does not know. */
	(void)sqlite3_clear_bindings(statement);
}

bool statement_copy(sqlite3_stmt *statement, int column, void *data, size_t size)
{
	const void *blob = sqlite3_column_blob(statement, column);

	if (!blob || (size_t)sqlite3_column_bytes(statement, column) != size)
		return false;
	memcpy(data, blob, size);
	return true;
}

bool database_settle(struct database *database, struct error *error)
{
	int code;

	/* Only another program can be in the way; the log may as well stay then. */
	sqlite3_busy_timeout(database->handle, SETTLE_TIMEOUT_MS);
	code = sqlite3_wal_checkpoint_v2(
		database->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
	if (code != SQLITE_OK)
		return database_failed(database, code, error, "moving the log into the database");
	return true;
}

/* store_database_internal.h -- one connection to the database: its pragmas, its prepared statements,
 * and SQLite's codes as errors.
 *
 * A connection is used under its mutex. While the database is down (a sync has failed and it could not
 * be opened again) there is no handle, and database_use() says so. */
#ifndef LG_STORE_DATABASE_INTERNAL_H
#define LG_STORE_DATABASE_INTERNAL_H

#include <sqlite3.h>

#include "base/bytes.h"
#include "base/error.h"
#include "platform/thread.h"

/* Each is prepared once per connection, when it is first needed; store_sql.c has the texts. */
enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_SAVEPOINT,
	SQL_RELEASE,
	SQL_ROLLBACK_TO,
	SQL_MAILBOX_INSERT,
	SQL_MAILBOX_NEXT,
	SQL_MAILBOX_GET,
	SQL_MAILBOX_FIND,
	SQL_MAILBOX_SET_STATUS,
	SQL_MAILBOX_DELETE,
	SQL_MAILBOX_NEXT_TEMPORARY,
	SQL_MAILBOX_DESCRIBE,
	SQL_MAILBOX_SET_WRAPS,
	SQL_MAILBOX_REKEY,
	SQL_OLD_KEY_INSERT,
	SQL_OLD_KEYS,
	SQL_OLD_KEYS_DELETE,
	SQL_FACT_INSERT,
	SQL_FACT_SET,
	SQL_FACTS_DELETE,
	SQL_FACT_NEXT,
	SQL_ALIAS_INSERT,
	SQL_ALIASES_DELETE,
	SQL_ALIAS_NEXT,
	SQL_COUNTERS_INSERT,
	SQL_COUNTERS_RECEIVED,
	SQL_COUNTERS_COLLECTED,
	SQL_COUNTERS_RESTORED,
	SQL_COUNTERS_DELETE,
	SQL_SETTING_NEXT,
	SQL_SETTING_SET,
	SQL_SETTING_DELETE,
	SQL_BODY_INSERT,
	SQL_BODY_GET,
	SQL_BODY_DELETE,
	SQL_BODY_FILES,
	SQL_BODY_FILE_BYTES,
	SQL_BODY_NEXT_FILE,
	SQL_BODY_FIND_FILE,
	SQL_MESSAGE_INSERT,
	SQL_MESSAGE_LIST,
	SQL_MESSAGE_PIECE,
	SQL_MESSAGE_READ,
	SQL_MESSAGE_FIND,
	SQL_MESSAGE_COLLECT,
	SQL_MESSAGE_QUARANTINE,
	SQL_MESSAGE_RELEASE,
	SQL_MESSAGE_DELETE,
	SQL_MESSAGE_OF_BODY,
	SQL_COLLECTED_OLDEST,
	SQL_COLLECTED_LAST,
	SQL_COLLECTED_PIECE,
	SQL_MESSAGE_RESTORE,
	SQL_LEDGER_HEAD,
	SQL_LEDGER_INSERT,
	SQL_LEDGER_PIECE,
	SQL_LEDGER_DELETE,
	SQL_SIGNATURE_INSERT,
	SQL_SIGNATURE_LAST,
	SQL_SIGNATURE_PIECE,
	SQL_SIGNATURES_DELETE,
	SQL_DISCARD_INSERT,
	SQL_DISCARD_NEXT,
	SQL_DISCARD_DELETE,
	SQL_PURGE_INSERT,
	SQL_PURGE_NEXT,
	SQL_PURGE_MESSAGES,
	SQL_PURGE_DELETE,
	SQL_VACUUM,
	SQL_PAGES,
	STATEMENT_COUNT,
};

extern const char *const statement_sql[STATEMENT_COUNT];

struct database {
	struct mutex *mutex;
	sqlite3 *handle;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	int failed_code; /* SQLite's extended code of the last failure */
};

struct database_options {
	const char *path;
	int cache_kib;
	bool is_reader;	   /* refuses to write */
	bool without_sync; /* for the power-cut test */
};

bool database_init(struct database *database, struct error *error);
void database_clear(struct database *database); /* closed before */

/* The file must exist. */
bool database_open(
	struct database *database, const struct database_options *options, struct error *error);
/* Never checkpoints, unless `settle`: see docs/internals/store.md, "A failed sync". */
void database_close(struct database *database, bool settle);

/* Locks the connection for one request. ERROR_IO, and not locked, when the database is down. */
bool database_use(struct database *database, struct error *error);
void database_leave(struct database *database);
/* Sets that error, with DATABASE_DOWN for its code; returns false. */
enum { DATABASE_DOWN = -1 };
bool database_is_down(struct error *error);

/* Fills the error from SQLite's code and remembers that; returns false. */
bool database_failed(struct database *database, int code, struct error *error, const char *doing);
/* SQL without parameters and without rows. */
bool database_exec(struct database *database, const char *sql, struct error *error);
/* The first integer of the first row. */
bool database_integer(
	struct database *database, const char *sql, int64_t *value, struct error *error);

/* The statement, ready for its parameters; NULL with the error set. It must end with database_run()
 * or statement_end() before the next request, since a statement that is not reset holds a snapshot. */
sqlite3_stmt *database_statement(
	struct database *database, enum statement which, struct error *error);
/* To its end, and resets it. */
bool database_run(struct database *database, sqlite3_stmt *statement, struct error *error);
/* One row or the end of them: *has_row says which. */
bool database_step(
	struct database *database, sqlite3_stmt *statement, bool *has_row, struct error *error);
void statement_end(sqlite3_stmt *statement);

/* Copies a blob column of exactly that size; false when it has another one. */
bool statement_copy(sqlite3_stmt *statement, int column, void *data, size_t size);
/* Moves every page of the WAL into the database, syncs, and empties the WAL. */
bool database_settle(struct database *database, struct error *error);

#endif

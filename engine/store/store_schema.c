/* store_schema.c -- the tables, and the numbered steps by which an older database becomes this one.
 *
 * The invariant: a step and the number that says it was done are one transaction, so a crash leaves a
 * database of some version, never one in between. A number once released is not edited: what comes later
 * is a new row of the table. user_version is the number, application_id says that the file is ours. */
#include "store_schema_internal.h"

#include <stdio.h>
#include <string.h>

/* "Lgte" */
enum { APPLICATION_ID = 0x4c677465, SCHEMA_VERSION = 2 };

/* What is read for every message comes first in its row, the large column last, so that looking at a
 * row does not walk through its overflow pages.
 *
 * mailboxes	number is the order of creation. The counters have a table of their own, since they change
 *		with each message and the wraps and texts beside them do not.
 * bodies	sealed is NULL when the bytes are in bodies/ID.
 * messages	number is the order of arrival. Several messages can share a body. No index over id: its
 *		pages would be hit at random, two of them dirty for each message of a large store.
 *		mailbox is no foreign key: a deleted mailbox's messages go later, from `purges`.
 * discarded	body files whose last message has gone, until their unlink is on the disk.
 * purges	mailboxes that were deleted and whose messages have not all gone yet. */
static const char version_1[] =
	"CREATE TABLE settings ("
	"	key TEXT NOT NULL PRIMARY KEY,"
	"	value TEXT NOT NULL"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE mailboxes ("
	"	number INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
	"	status INTEGER NOT NULL,"
	"	is_temporary INTEGER NOT NULL,"
	"	created_us INTEGER NOT NULL,"
	"	name TEXT NOT NULL,"
	"	description TEXT NOT NULL,"
	"	identity_key BLOB NOT NULL CHECK (length(identity_key) = 32),"
	"	box_key BLOB NOT NULL CHECK (length(box_key) = 32),"
	"	key_signature BLOB NOT NULL CHECK (length(key_signature) = 64),"
	"	password_wrap BLOB NOT NULL,"
	"	recovery_wrap BLOB"
	") STRICT;"

	"CREATE TABLE counters ("
	"	mailbox INTEGER PRIMARY KEY REFERENCES mailboxes (number),"
	"	waiting INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),"
	"	waiting_bytes INTEGER NOT NULL DEFAULT 0 CHECK (waiting_bytes >= 0),"
	"	received INTEGER NOT NULL DEFAULT 0,"
	"	received_bytes INTEGER NOT NULL DEFAULT 0,"
	"	collected INTEGER NOT NULL DEFAULT 0,"
	"	collected_bytes INTEGER NOT NULL DEFAULT 0,"
	"	last_received_us INTEGER NOT NULL DEFAULT 0,"
	"	last_collected_us INTEGER NOT NULL DEFAULT 0,"
	"	CHECK (received = waiting + collected),"
	"	CHECK (received_bytes = waiting_bytes + collected_bytes)"
	") STRICT;"

	"CREATE TABLE bodies ("
	"	number INTEGER PRIMARY KEY,"
	"	id BLOB NOT NULL CHECK (length(id) = 16),"
	"	sealed_size INTEGER NOT NULL,"
	"	sealed BLOB"
	") STRICT;"
	"CREATE INDEX bodies_in_files ON bodies (id, sealed_size, sealed) WHERE sealed IS NULL;"

	"CREATE TABLE messages ("
	"	number INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	id BLOB NOT NULL CHECK (length(id) = 16),"
	"	mailbox INTEGER NOT NULL,"
	"	body INTEGER NOT NULL REFERENCES bodies (number),"
	"	received_us INTEGER NOT NULL,"
	"	size INTEGER NOT NULL,"
	"	state INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX messages_of_mailbox ON messages (mailbox, state, number, id, size, "
	"received_us);"
	"CREATE INDEX messages_of_body ON messages (body);"

	"CREATE TABLE discarded (id BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;"
	"CREATE TABLE purges (mailbox INTEGER PRIMARY KEY) STRICT;";

/* What came with server mode.
 *
 * mailbox_facts	what the mailbox is told beyond its name; service knows the keys.
 * aliases		addresses that lead to the mailbox. The second index is for one mailbox's.
 * old_keys		the box keys of earlier generations, each secret sealed to the next key.
 * counters		ledger_before: how many copies were received before the ledger began. 0, but in a
 *			store that was migrated: nothing can be said for certain about older copies.
 * ledger		a row for each copy, never changed. Clustered by mailbox, so that it grows at the
 *			end of the mailbox's own pages. mailbox is no foreign key: a deleted mailbox's rows
 *			go later, from `purges`, and so do its signatures.
 * messages		collected_us is when it became COLLECTED; the index has the oldest of those first.
 *			ledger_number 0: from before the ledger. sealed_id is NULL but in a restored message:
 *			the id that the sealed bytes name. The index of LIST holds it too. */
static const char version_2[] =
	"CREATE TABLE mailbox_facts ("
	"	mailbox INTEGER NOT NULL REFERENCES mailboxes (number),"
	"	key TEXT NOT NULL,"
	"	value TEXT NOT NULL,"
	"	PRIMARY KEY (mailbox, key)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE aliases ("
	"	address TEXT NOT NULL PRIMARY KEY,"
	"	mailbox INTEGER NOT NULL REFERENCES mailboxes (number)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX aliases_of_mailbox ON aliases (mailbox, address);"

	"ALTER TABLE mailboxes ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;"
	"CREATE TABLE old_keys ("
	"	mailbox INTEGER NOT NULL REFERENCES mailboxes (number),"
	"	generation INTEGER NOT NULL,"
	"	box_key BLOB NOT NULL CHECK (length(box_key) = 32),"
	"	sealed_secret BLOB NOT NULL CHECK (length(sealed_secret) <= 256),"
	"	PRIMARY KEY (mailbox, generation)"
	") STRICT, WITHOUT ROWID;"

	"ALTER TABLE counters ADD COLUMN ledger_before INTEGER NOT NULL DEFAULT 0;"
	"UPDATE counters SET ledger_before = received;"
	"CREATE TABLE ledger ("
	"	mailbox INTEGER NOT NULL,"
	"	number INTEGER NOT NULL,"
	"	received_us INTEGER NOT NULL,"
	"	size INTEGER NOT NULL,"
	"	digest BLOB NOT NULL CHECK (length(digest) = 32),"
	"	link BLOB NOT NULL CHECK (length(link) = 32),"
	"	receipt BLOB NOT NULL CHECK (length(receipt) <= 128),"
	"	PRIMARY KEY (mailbox, number)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE ledger_signatures ("
	"	mailbox INTEGER NOT NULL,"
	"	number INTEGER NOT NULL,"
	"	generation INTEGER NOT NULL,"
	"	signed_us INTEGER NOT NULL,"
	"	head BLOB NOT NULL CHECK (length(head) = 32),"
	"	signature BLOB NOT NULL CHECK (length(signature) = 64),"
	"	PRIMARY KEY (mailbox, number)"
	") STRICT, WITHOUT ROWID;"

	"ALTER TABLE messages ADD COLUMN collected_us INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE messages ADD COLUMN ledger_number INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE messages ADD COLUMN sealed_id BLOB;"
	"DROP INDEX messages_of_mailbox;"
	"CREATE INDEX messages_of_mailbox ON messages (mailbox, state, number, id, size, "
	"received_us, sealed_id);"
	"CREATE INDEX messages_collected ON messages (collected_us, body, state) WHERE state = 1;";

/* Row n makes version n + 1 out of version n. */
static const char *const migrations[SCHEMA_VERSION] = {
	version_1,
	version_2,
};

/* These decide the layout of the file and must come before its first table. 4 KiB pages: a sealed
 * message of 8 KiB fills two overflow pages and a seventh of a leaf, a lone commit touches nine pages. */
static const char layout[] = "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;";

static bool set_up_log(struct database *database, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	const char *mode = NULL;
	int code = sqlite3_prepare_v2(
		database->handle, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
	bool ok = false;

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code != SQLITE_ROW) {
		database_failed(database, code, error, "opening the database's log");
		goto out;
	}
	mode = (const char *)sqlite3_column_text(statement, 0);
	ok = mode && strcmp(mode, "wal") == 0;
	if (!ok)
		error_set(error, ERROR_IO,
			"this file system cannot hold the database's log: put the data folder on a "
			"local disk");
out:
	(void)sqlite3_finalize(statement);
	return ok;
}

static bool migrate(struct database *database, int64_t version, struct error *error)
{
	char number[100];

	snprintf(number, sizeof number, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		APPLICATION_ID, (int)version + 1);
	if (database_exec(database, "BEGIN IMMEDIATE", error) &&
		database_exec(database, migrations[version], error) &&
		database_exec(database, number, error) && database_exec(database, "COMMIT", error))
		return true;
	error_prefix(error, "bringing the database to version %d", (int)version + 1);
	if (!sqlite3_get_autocommit(database->handle))
		(void)database_exec(database, "ROLLBACK", NULL);
	return false;
}

/* An empty file is ours to fill; a database of another program is not. */
static bool check_application(struct database *database, int64_t version, struct error *error)
{
	int64_t application = 0, objects = 0;

	if (!database_integer(database, "PRAGMA application_id", &application, error))
		return false;
	if (application == APPLICATION_ID)
		return true;
	if (!database_integer(database, "SELECT count(*) FROM sqlite_schema", &objects, error))
		return false;
	if (application == 0 && version == 0 && objects == 0)
		return true;
	return error_set(error, ERROR_CORRUPT,
		"the file lettergate.db in the data folder is not a database of Lettergate: move "
		"it away "
		"or choose another data folder");
}

bool schema_check(struct database *database, int64_t *version, struct error *error)
{
	if (!database_integer(database, "PRAGMA user_version", version, error) ||
		!check_application(database, *version, error))
		return false;
	return (*version <= SCHEMA_VERSION && *version >= 0) ||
	       error_set(error, ERROR_STATE,
		       "the data folder was written by a newer version of Lettergate (database "
		       "version "
		       "%lld, this program knows %d): install that version again",
		       (long long)*version, SCHEMA_VERSION);
}

bool schema_bring_up(struct database *database, struct error *error)
{
	int64_t version = 0;

	if (!schema_check(database, &version, error))
		return false;
	if (version == 0 && !database_exec(database, layout, error))
		return false;
	if (!set_up_log(database, error))
		return false;
	while (version < SCHEMA_VERSION) {
		if (!migrate(database, version, error))
			return false;
		version++;
	}
	return true;
}

/* Reads a little of each table. What a full check would find (minutes for a large store) comes out
 * when the damaged page is read; this finds a file that is cut short or was overwritten. */
bool schema_look(struct database *database, struct error *error)
{
	static const char *const looks[] = {
		"SELECT number FROM mailboxes ORDER BY number DESC LIMIT 1",
		"SELECT mailbox FROM counters ORDER BY mailbox DESC LIMIT 1",
		"SELECT value FROM settings ORDER BY key LIMIT 1",
		"SELECT sealed FROM bodies ORDER BY number DESC LIMIT 1",
		"SELECT body FROM messages ORDER BY number DESC LIMIT 1",
		"SELECT 1 FROM messages INDEXED BY messages_of_mailbox WHERE mailbox = 1",
		"SELECT id FROM discarded LIMIT 1",
		"SELECT mailbox FROM purges LIMIT 1",
		"SELECT value FROM mailbox_facts ORDER BY mailbox LIMIT 1",
		"SELECT mailbox FROM aliases ORDER BY address LIMIT 1",
		"SELECT generation FROM old_keys ORDER BY mailbox LIMIT 1",
		"SELECT link FROM ledger ORDER BY mailbox DESC, number DESC LIMIT 1",
		"SELECT head FROM ledger_signatures ORDER BY mailbox DESC, number DESC LIMIT 1",
	};
	int64_t value = 0;

	for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
		if (!database_integer(database, looks[i], &value, error))
			return false;
	}
	return true;
}

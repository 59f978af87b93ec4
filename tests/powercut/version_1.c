/* version_1.c -- see the header. The tables are written down here once more, as they were released: what a
 * migration begins with must not follow the engine's own text. */
#include "version_1.h"

#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "platform/file.h"
#include "platform/paths.h"
#include "platform/semaphore.h"
#include "store/store_collected.h"
#include "store/store_ledger.h"

static const char schema[] =
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

enum { LARGE = 100000, LARGE_NUMBER = 7, SHARED_NUMBER = 9, SMALL = 300 };

/* ---- what it is made of ---- */

struct id version_1_id(char kind, uint64_t number)
{
	struct id id;

	memset(id.bytes, kind, sizeof id.bytes);
	id.bytes[14] = (uint8_t)(number >> 8);
	id.bytes[15] = (uint8_t)number;
	return id;
}

static size_t size_of(uint64_t number)
{
	return number == LARGE_NUMBER ? LARGE : SMALL + (size_t)number;
}

static struct buf sealed_of(uint64_t number)
{
	struct buf sealed;
	uint8_t *space;

	buf_init(&sealed, LARGE);
	if (!buf_reserve(&sealed, size_of(number), &space))
		abort();
	for (size_t i = 0; i < size_of(number); i++)
		space[i] = (uint8_t)(i * 7 + number);
	buf_commit(&sealed, size_of(number));
	return sealed;
}

/* ---- writing ---- */

static bool run(sqlite3 *database, const char *sql, struct error *error)
{
	return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK ||
	       error_set(error, ERROR_IO, "%s: %s", sql, sqlite3_errmsg(database));
}

/* The SQL has one parameter for a blob, or none. */
static bool run_with(sqlite3 *database, const char *sql, struct bytes blob, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_bind_blob64(statement, 1, blob.data, blob.size, SQLITE_STATIC) ==
			  SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_DONE;

	sqlite3_finalize(statement);
	return ok || error_set(error, ERROR_IO, "%s: %s", sql, sqlite3_errmsg(database));
}

static bool write_mailbox(sqlite3 *database, uint64_t number, struct error *error)
{
	const struct id id = version_1_id('b', number);
	char text[ID_TEXT_SIZE], sql[1000];

	id_text(&id, text);
	snprintf(sql, sizeof sql,
		"INSERT INTO mailboxes (id, status, is_temporary, created_us, name, description, "
		"identity_key, box_key, key_signature, password_wrap, recovery_wrap) VALUES "
		"(x'%s', %d, 0, %d, 'Mailbox %d', 'As it was', zeroblob(32), "
		"CAST(printf('%%032d', %d) AS BLOB), zeroblob(64), zeroblob(146), %s);"
		"INSERT INTO counters (mailbox) VALUES (last_insert_rowid());",
		text, number == 2, (int)number * 1000, (int)number, (int)number,
		number == 1 ? "zeroblob(146)" : "NULL");
	return run(database, sql, error);
}

static bool write_file(
	const char *folder, const char *name, struct bytes content, struct error *error)
{
	char path[PATH_SIZE];

	return path_join(folder, name, path, error) && file_save(path, content, error);
}

static bool write_body(sqlite3 *database, const char *folder, uint64_t number, struct error *error)
{
	const struct id id = version_1_id('y', number);
	struct buf sealed = sealed_of(number);
	char text[ID_TEXT_SIZE], sql[300], name[100];
	bool is_large = sealed.size > STORE_INLINE_MAX;
	bool ok;

	id_text(&id, text);
	snprintf(name, sizeof name, "bodies/%s", text);
	snprintf(sql, sizeof sql, "INSERT INTO bodies VALUES (%d, x'%s', %zu, %s)", (int)number,
		text, sealed.size, is_large ? "NULL" : "?1");
	ok = is_large ? run(database, sql, error) &&
				write_file(folder, name, buf_view(&sealed), error)
		      : run_with(database, sql, buf_view(&sealed), error);
	buf_clear(&sealed);
	return ok;
}

static bool write_message(
	sqlite3 *database, uint64_t mailbox, uint64_t message, uint64_t body, struct error *error)
{
	const struct id id = version_1_id('m', message);
	char text[ID_TEXT_SIZE], sql[500];

	id_text(&id, text);
	snprintf(sql, sizeof sql,
		"INSERT INTO messages (id, mailbox, body, received_us, size, state) "
		"VALUES (x'%s', %d, %d, %d, %d, 0);"
		"UPDATE counters SET waiting = waiting + 1, waiting_bytes = waiting_bytes + %d, "
		"received = received + 1, received_bytes = received_bytes + %d, "
		"last_received_us = %d WHERE mailbox = %d",
		text, (int)mailbox, (int)body, 5000 + (int)message, (int)size_of(body) + 2,
		(int)size_of(body) + 2, (int)size_of(body) + 2, 5000 + (int)message, (int)mailbox);
	return run(database, sql, error);
}

static bool write_mail(sqlite3 *database, const char *folder, struct error *error)
{
	for (uint64_t i = 1; i <= VERSION_1_WAITING; i++) {
		if (!write_body(database, folder, i, error) ||
			!write_message(database, 1, i, i, error))
			return false;
	}
	/* One of the messages is in the second mailbox too, and a deleted mailbox left one of its own. */
	return write_message(database, 2, 100, SHARED_NUMBER, error) &&
	       write_body(database, folder, 200, error) &&
	       write_message(database, 9, 200, 200, error);
}

static bool fill(sqlite3 *database, const char *folder, struct error *error)
{
	char sql[500];

	snprintf(sql, sizeof sql,
		"UPDATE counters SET received = received + %d, collected = %d, "
		"received_bytes = received_bytes + 777, collected_bytes = 777, "
		"last_collected_us = 6000 WHERE mailbox = 1;"
		"INSERT INTO settings VALUES ('hostname', 'gate.example');"
		"INSERT INTO purges VALUES (9);"
		"INSERT INTO discarded VALUES (x'64646464646464646464646464646464');",
		VERSION_1_COLLECTED, VERSION_1_COLLECTED);
	for (uint64_t i = 1; i <= 3; i++) {
		if (!write_mailbox(database, i, error))
			return false;
	}
	return write_mail(database, folder, error) && run(database, sql, error) &&
	       write_file(folder, "bodies/64646464646464646464646464646464",
		       bytes_of("to be unlinked"), error);
}

bool version_1_write(const char *folder, struct error *error)
{
	char path[PATH_SIZE], lost[PATH_SIZE];
	sqlite3 *database = NULL;
	bool ok = path_join(folder, "lettergate.db", path, error) &&
		  path_join(folder, "bodies/lost", lost, error) && folder_create(lost, error);

	if (!ok)
		return false;
	ok = (sqlite3_open(path, &database) == SQLITE_OK ||
		     error_set(error, ERROR_IO, "%s could not be created", path)) &&
	     run(database,
		     "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; "
		     "PRAGMA journal_mode = WAL; BEGIN;",
		     error) &&
	     run(database, schema, error) && fill(database, folder, error) &&
	     run(database, "PRAGMA application_id = 0x4c677465; PRAGMA user_version = 1; COMMIT;",
		     error);
	sqlite3_close(database);
	return ok;
}

/* ---- reading ---- */

static void on_read(struct store_read *read)
{
	semaphore_post(read->context);
}

static bool perform(struct store *store, struct store_read *read, struct error *error)
{
	struct semaphore *done = semaphore_new(error);

	if (!done)
		return false;
	read->done = on_read;
	read->context = done;
	store_read_submit(store, read);
	semaphore_wait(done);
	semaphore_free(&done);
	if (!read->ok && error)
		*error = read->error;
	return read->ok;
}

static bool check_body(struct store *store, const struct store_message *message, uint64_t number,
	struct error *error)
{
	struct store_read read = { .what = STORE_READ_BODY, .message = *message, .at_most = LARGE };
	struct buf expected = sealed_of(number);
	bool ok;

	buf_init(&read.sealed, LARGE);
	ok = perform(store, &read, error) &&
	     ((read.is_end && bytes_equal(buf_view(&read.sealed), buf_view(&expected))) ||
		     error_set(error, ERROR_CORRUPT, "body %d differs", (int)number));
	buf_clear(&read.sealed);
	buf_clear(&expected);
	return ok;
}

static bool check_list(
	struct store *store, uint64_t mailbox, size_t expected, uint64_t first, struct error *error)
{
	struct store_read read = { .what = STORE_READ_LIST, .mailbox = version_1_id('b', mailbox) };
	bool ok = perform(store, &read, error) &&
		  (read.message_count == expected ||
			  error_set(error, ERROR_CORRUPT, "%zu messages in mailbox %d",
				  read.message_count, (int)mailbox));

	for (size_t i = 0; ok && i < expected; i++) {
		const struct id id = version_1_id('m', first + i);
		const struct store_message *message = &read.messages[i];
		uint64_t body = first == 100 ? SHARED_NUMBER : first + i;

		if (!id_is_equal(&message->id, &id) || !id_is_equal(&message->sealed_id, &id) ||
			message->size != size_of(body) + 2 ||
			message->received_us != (int64_t)(5000 + first + i))
			ok = error_set(error, ERROR_CORRUPT, "message %d is another one", (int)i);
		ok = ok && check_body(store, message, body, error);
	}
	free(read.messages);
	return ok;
}

/* ---- judging ---- */

static bool check_mailbox(struct store *store, uint64_t number, uint64_t waiting,
	uint64_t collected, struct error *error)
{
	const struct id id = version_1_id('b', number);
	struct store_mailbox_counts counts;
	struct store_ledger_head head;
	struct store_mailbox mailbox;
	char name[50], key[33];

	snprintf(name, sizeof name, "Mailbox %d", (int)number);
	snprintf(key, sizeof key, "%032d", (int)number);
	if (!store_mailbox_get(store, &id, &mailbox, &counts, error) ||
		!store_ledger_head(store, &id, &head, error))
		return false;
	return (strcmp(mailbox.name, name) == 0 && mailbox.generation == 1 &&
		       memcmp(mailbox.box_key, key, 32) == 0 && mailbox.password_wrap_size == 146 &&
		       mailbox.recovery_wrap_size == (number == 1 ? 146 : 0) &&
		       mailbox.created_us == (int64_t)number * 1000 &&
		       (mailbox.status == STORE_MAILBOX_SUSPENDED) == (number == 2) &&
		       counts.waiting == waiting && counts.collected == collected &&
		       counts.received == waiting + collected && head.number == counts.received &&
		       head.first == counts.received + 1 && !head.signed_number) ||
	       error_set(error, ERROR_CORRUPT, "mailbox %d is another one", (int)number);
}

static void take_setting(void *context, const char *key, const char *value)
{
	*(bool *)context = strcmp(key, "hostname") == 0 && strcmp(value, "gate.example") == 0;
}

static void count_mailbox(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	(void)mailbox;
	(void)counts;
	*(size_t *)context += 1;
}

bool version_1_check(struct store *store, struct error *error)
{
	bool has_setting = false;
	size_t mailboxes = 0;

	if (!store_setting_each(store, take_setting, &has_setting, error) ||
		!store_mailbox_each(store, count_mailbox, &mailboxes, error))
		return false;
	if (!has_setting || mailboxes != 3)
		return error_set(error, ERROR_CORRUPT, "%zu mailboxes, the setting is %s",
			mailboxes, has_setting ? "there" : "lost");
	return check_mailbox(store, 1, VERSION_1_WAITING, VERSION_1_COLLECTED, error) &&
	       check_mailbox(store, 2, 1, 0, error) && check_mailbox(store, 3, 0, 0, error) &&
	       check_list(store, 1, VERSION_1_WAITING, 1, error) &&
	       check_list(store, 2, 1, 100, error) && check_list(store, 3, 0, 0, error);
}

/* store_sql.c -- every statement of the store. store_schema.c has the tables that they speak of. */
#include "store_database_internal.h"

/* A message's row is in the covering index whole, so that listing a mailbox reads nothing else. */
#define COUNTERS                                                                         \
	"waiting, waiting_bytes, received, received_bytes, collected, collected_bytes, " \
	"last_received_us, last_collected_us"
#define MAILBOX                                                                                    \
	"number, id, name, description, status, is_temporary, created_us, identity_key, box_key, " \
	"key_signature, password_wrap, recovery_wrap, " COUNTERS                                   \
	" FROM mailboxes JOIN counters ON counters.mailbox = mailboxes.number "

const char *const statement_sql[STATEMENT_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_SAVEPOINT] = "SAVEPOINT request",
	[SQL_RELEASE] = "RELEASE request",
	[SQL_ROLLBACK_TO] = "ROLLBACK TO request",

	[SQL_MAILBOX_INSERT] =
		"INSERT INTO mailboxes (id, name, description, status, is_temporary, created_us, "
		"identity_key, box_key, key_signature, password_wrap, recovery_wrap) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[SQL_MAILBOX_NEXT] = "SELECT " MAILBOX "WHERE number > ?1 ORDER BY number LIMIT 1",
	[SQL_MAILBOX_GET] = "SELECT " MAILBOX "WHERE id = ?1",
	[SQL_MAILBOX_FIND] = "SELECT number, status FROM mailboxes WHERE id = ?1",
	[SQL_MAILBOX_SET_STATUS] = "UPDATE mailboxes SET status = ?2 WHERE id = ?1",
	[SQL_MAILBOX_DELETE] = "DELETE FROM mailboxes WHERE number = ?1",
	[SQL_MAILBOX_NEXT_TEMPORARY] = "SELECT number FROM mailboxes WHERE is_temporary LIMIT 1",

	[SQL_COUNTERS_INSERT] = "INSERT INTO counters (mailbox) VALUES (?1)",
	[SQL_COUNTERS_RECEIVED] =
		"UPDATE counters SET waiting = waiting + 1, waiting_bytes = waiting_bytes + ?2, "
		"received = received + 1, received_bytes = received_bytes + ?2, "
		"last_received_us = max(last_received_us, ?3) WHERE mailbox = ?1",
	[SQL_COUNTERS_COLLECTED] =
		"UPDATE counters SET waiting = waiting - ?2, waiting_bytes = waiting_bytes - ?3, "
		"collected = collected + ?2, collected_bytes = collected_bytes + ?3, "
		"last_collected_us = max(last_collected_us, ?4) WHERE mailbox = ?1",
	[SQL_COUNTERS_DELETE] = "DELETE FROM counters WHERE mailbox = ?1",

	[SQL_SETTING_NEXT] = "SELECT key, value FROM settings WHERE key > ?1 ORDER BY key LIMIT 1",
	[SQL_SETTING_SET] = "INSERT INTO settings (key, value) VALUES (?1, ?2) "
			    "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	[SQL_SETTING_DELETE] = "DELETE FROM settings WHERE key = ?1",

	[SQL_BODY_INSERT] = "INSERT INTO bodies (id, sealed_size, sealed) VALUES (?1, ?2, ?3)",
	[SQL_BODY_GET] = "SELECT id, sealed_size, sealed IS NULL FROM bodies WHERE number = ?1",
	[SQL_BODY_DELETE] = "DELETE FROM bodies WHERE number = ?1",
	/* Ids come in the order of their bytes: the start-up scan merges them with the folder. */
	[SQL_BODY_FILES] = "SELECT id, 1 AS has_row FROM bodies INDEXED BY bodies_in_files WHERE "
			   "sealed IS NULL "
			   "UNION ALL SELECT id, 0 FROM discarded ORDER BY id",
	[SQL_BODY_FILE_BYTES] = "SELECT total(sealed_size) FROM bodies INDEXED BY bodies_in_files "
				"WHERE sealed IS NULL",

	[SQL_MESSAGE_INSERT] = "INSERT INTO messages (id, mailbox, body, received_us, size, state) "
			       "VALUES (?1, ?2, ?3, ?4, ?5, 0)",
	[SQL_MESSAGE_LIST] =
		"SELECT number, id, size, received_us FROM messages INDEXED BY messages_of_mailbox "
		"WHERE mailbox = ?1 AND state = 0 ORDER BY number",
	/* The join leaves out messages whose mailbox was deleted and that wait to be purged. */
	[SQL_MESSAGE_READ] = "SELECT bodies.id, bodies.sealed_size, bodies.sealed FROM messages "
			     "JOIN mailboxes ON mailboxes.number = messages.mailbox "
			     "JOIN bodies ON bodies.number = messages.body "
			     "WHERE messages.number = ?1 AND messages.id = ?2",
	[SQL_MESSAGE_FIND] = "SELECT body, size FROM messages "
			     "WHERE number = ?1 AND id = ?2 AND mailbox = ?3 AND state = 0",
	[SQL_MESSAGE_DELETE] = "DELETE FROM messages WHERE number = ?1",
	[SQL_MESSAGE_OF_BODY] = "SELECT 1 FROM messages INDEXED BY messages_of_body "
				"WHERE body = ?1 LIMIT 1",

	[SQL_DISCARD_INSERT] = "INSERT OR IGNORE INTO discarded (id) VALUES (?1)",
	[SQL_DISCARD_NEXT] = "SELECT id FROM discarded WHERE id > ?1 ORDER BY id LIMIT ?2",
	[SQL_DISCARD_DELETE] = "DELETE FROM discarded WHERE id = ?1",

	[SQL_PURGE_INSERT] = "INSERT INTO purges (mailbox) VALUES (?1)",
	[SQL_PURGE_NEXT] = "SELECT mailbox FROM purges ORDER BY mailbox LIMIT 1",
	[SQL_PURGE_MESSAGES] = "SELECT number, body FROM messages WHERE mailbox = ?1 LIMIT ?2",
	[SQL_PURGE_DELETE] = "DELETE FROM purges WHERE mailbox = ?1",

	[SQL_VACUUM] = "PRAGMA incremental_vacuum(256)",
	[SQL_PAGES] = "SELECT page_count, freelist_count FROM pragma_page_count, "
		      "pragma_freelist_count",
};

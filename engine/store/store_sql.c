/* store_sql.c -- every statement of the store. store_schema.c has the tables that they speak of. */
#include "store_database_internal.h"

#define COUNTERS                                                                         \
	"waiting, waiting_bytes, received, received_bytes, collected, collected_bytes, " \
	"last_received_us, last_collected_us"
#define MAILBOX                                                                                    \
	"number, id, name, description, status, is_temporary, created_us, identity_key, box_key, " \
	"key_signature, password_wrap, recovery_wrap, " COUNTERS ", generation"                    \
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
		"identity_key, box_key, key_signature, password_wrap, recovery_wrap, generation) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[SQL_MAILBOX_NEXT] = "SELECT " MAILBOX "WHERE number > ?1 ORDER BY number LIMIT 1",
	[SQL_MAILBOX_GET] = "SELECT " MAILBOX "WHERE id = ?1",
	[SQL_MAILBOX_FIND] = "SELECT number, status FROM mailboxes WHERE id = ?1",
	[SQL_MAILBOX_SET_STATUS] = "UPDATE mailboxes SET status = ?2 WHERE id = ?1",
	[SQL_MAILBOX_DELETE] = "DELETE FROM mailboxes WHERE number = ?1",
	[SQL_MAILBOX_NEXT_TEMPORARY] = "SELECT number FROM mailboxes WHERE is_temporary LIMIT 1",

	/* NULL leaves a text as it is. */
	[SQL_MAILBOX_DESCRIBE] = "UPDATE mailboxes SET name = coalesce(?2, name), "
				 "description = coalesce(?3, description) WHERE number = ?1",
	/* Only while the password's wrap is the one that the caller knows. ?4 says whether the recovery
	 * wrap changes, since its NULL is a value. */
	[SQL_MAILBOX_SET_WRAPS] =
		"UPDATE mailboxes SET password_wrap = coalesce(?3, password_wrap), "
		"recovery_wrap = CASE WHEN ?4 THEN ?5 ELSE recovery_wrap END "
		"WHERE number = ?1 AND password_wrap = ?2",
	[SQL_MAILBOX_REKEY] = "UPDATE mailboxes SET generation = ?2, box_key = ?3, "
			      "key_signature = ?4, password_wrap = ?5, recovery_wrap = ?6 "
			      "WHERE number = ?1",
	[SQL_OLD_KEY_INSERT] = "INSERT INTO old_keys (mailbox, generation, box_key, sealed_secret) "
			       "SELECT number, generation, box_key, ?4 FROM mailboxes "
			       "WHERE number = ?1 AND password_wrap = ?2 AND generation + 1 = ?3",
	[SQL_OLD_KEYS] = "SELECT generation, box_key, sealed_secret FROM old_keys "
			 "WHERE mailbox = ?1 ORDER BY generation DESC",
	[SQL_OLD_KEYS_DELETE] = "DELETE FROM old_keys WHERE mailbox = ?1",

	[SQL_FACT_INSERT] = "INSERT INTO mailbox_facts (mailbox, key, value) VALUES (?1, ?2, ?3)",
	[SQL_FACT_SET] = "INSERT INTO mailbox_facts (mailbox, key, value) VALUES (?1, ?2, ?3) "
			 "ON CONFLICT (mailbox, key) DO UPDATE SET value = excluded.value",
	[SQL_FACTS_DELETE] = "DELETE FROM mailbox_facts WHERE mailbox = ?1",
	[SQL_FACT_NEXT] = "SELECT mailboxes.number, mailboxes.id, key, value FROM mailbox_facts "
			  "CROSS JOIN mailboxes ON mailboxes.number = mailbox_facts.mailbox "
			  "WHERE (mailbox_facts.mailbox, key) > (?1, ?2) "
			  "ORDER BY mailbox_facts.mailbox, key LIMIT 1",
	[SQL_ALIAS_INSERT] = "INSERT INTO aliases (mailbox, address) VALUES (?1, ?2)",
	[SQL_ALIASES_DELETE] = "DELETE FROM aliases WHERE mailbox = ?1",
	[SQL_ALIAS_NEXT] = "SELECT mailboxes.number, mailboxes.id, address, '' "
			   "FROM aliases INDEXED BY aliases_of_mailbox "
			   "CROSS JOIN mailboxes ON mailboxes.number = aliases.mailbox "
			   "WHERE (aliases.mailbox, address) > (?1, ?2) "
			   "ORDER BY aliases.mailbox, address LIMIT 1",

	[SQL_COUNTERS_INSERT] = "INSERT INTO counters (mailbox) VALUES (?1)",
	[SQL_COUNTERS_RECEIVED] =
		"UPDATE counters SET waiting = waiting + 1, waiting_bytes = waiting_bytes + ?2, "
		"received = received + 1, received_bytes = received_bytes + ?2, "
		"last_received_us = max(last_received_us, ?3) WHERE mailbox = ?1",
	[SQL_COUNTERS_COLLECTED] =
		"UPDATE counters SET waiting = waiting - ?2, waiting_bytes = waiting_bytes - ?3, "
		"collected = collected + ?2, collected_bytes = collected_bytes + ?3, "
		"last_collected_us = max(last_collected_us, ?4) WHERE mailbox = ?1",
	[SQL_COUNTERS_RESTORED] =
		"UPDATE counters SET waiting = waiting + ?2, waiting_bytes = waiting_bytes + ?3, "
		"collected = collected - ?2, collected_bytes = collected_bytes - ?3 "
		"WHERE mailbox = ?1",
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
	[SQL_BODY_NEXT_FILE] = "SELECT id, sealed_size FROM bodies INDEXED BY bodies_in_files "
			       "WHERE sealed IS NULL AND id > ?1 ORDER BY id LIMIT 1",
	[SQL_BODY_FIND_FILE] = "SELECT number, sealed_size FROM bodies INDEXED BY bodies_in_files "
			       "WHERE sealed IS NULL AND id = ?1",

	[SQL_MESSAGE_INSERT] =
		"INSERT INTO messages (id, mailbox, body, received_us, size, state, ledger_number) "
		"VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
	/* All of it is in the index, so that listing a mailbox reads nothing else. */
	[SQL_MESSAGE_LIST] =
		"SELECT number, id, size, received_us, sealed_id FROM messages "
		"INDEXED BY messages_of_mailbox WHERE mailbox = ?1 AND state = 0 ORDER BY number",
	[SQL_MESSAGE_PIECE] =
		"SELECT number, id, size, received_us, sealed_id, collected_us, ledger_number "
		"FROM messages INDEXED BY messages_of_mailbox "
		"WHERE mailbox = ?1 AND state = ?4 AND number >= ?2 ORDER BY number LIMIT ?3",
	/* The join leaves out messages whose mailbox was deleted and that wait to be purged. */
	[SQL_MESSAGE_READ] = "SELECT bodies.id, bodies.sealed_size, bodies.sealed FROM messages "
			     "JOIN mailboxes ON mailboxes.number = messages.mailbox "
			     "JOIN bodies ON bodies.number = messages.body "
			     "WHERE messages.number = ?1 AND messages.id = ?2",
	[SQL_MESSAGE_FIND] = "SELECT body, size FROM messages "
			     "WHERE number = ?1 AND id = ?2 AND mailbox = ?3 AND state = 0",
	[SQL_MESSAGE_COLLECT] =
		"UPDATE messages SET state = 1, collected_us = ?2 WHERE number = ?1",
	[SQL_MESSAGE_QUARANTINE] = "UPDATE messages SET state = 2 "
				   "WHERE number = ?1 AND id = ?2 AND mailbox = ?3 AND state = 0",
	[SQL_MESSAGE_RELEASE] = "UPDATE messages SET state = 0 WHERE body = ?1 AND state = 2",
	[SQL_MESSAGE_DELETE] = "DELETE FROM messages WHERE number = ?1",
	[SQL_MESSAGE_OF_BODY] = "SELECT 1 FROM messages INDEXED BY messages_of_body "
				"WHERE body = ?1 LIMIT 1",

	[SQL_COLLECTED_OLDEST] =
		"SELECT number, body FROM messages INDEXED BY messages_collected "
		"WHERE state = 1 AND collected_us < ?1 ORDER BY collected_us LIMIT ?2",
	[SQL_COLLECTED_LAST] = "SELECT max(number) FROM messages INDEXED BY messages_of_mailbox "
			       "WHERE mailbox = ?1 AND state = 1",
	[SQL_COLLECTED_PIECE] =
		"SELECT number, id, size, received_us, sealed_id "
		"FROM messages INDEXED BY messages_of_mailbox WHERE mailbox = ?1 AND state = 1 "
		"AND number > ?2 AND number <= ?3 AND collected_us >= ?4 ORDER BY number LIMIT ?5",
	[SQL_MESSAGE_RESTORE] =
		"INSERT INTO messages "
		"(id, mailbox, body, received_us, size, state, ledger_number, sealed_id) "
		"SELECT ?2, mailbox, body, received_us, size, 0, ledger_number, "
		"coalesce(sealed_id, id) FROM messages WHERE number = ?1",

	/* The last row of a ledger is the one with the number of received copies. */
	[SQL_LEDGER_HEAD] =
		"SELECT received, ledger_before, ledger.link FROM counters LEFT JOIN ledger "
		"ON ledger.mailbox = counters.mailbox AND ledger.number = counters.received "
		"WHERE counters.mailbox = ?1",
	[SQL_LEDGER_INSERT] =
		"INSERT INTO ledger (mailbox, number, received_us, size, digest, link, receipt) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_LEDGER_PIECE] = "SELECT number, received_us, size, digest, link, receipt FROM ledger "
			     "WHERE mailbox = ?1 AND number >= ?2 ORDER BY number LIMIT ?3",
	[SQL_LEDGER_DELETE] =
		"DELETE FROM ledger WHERE mailbox = ?1 AND number IN "
		"(SELECT number FROM ledger WHERE mailbox = ?1 ORDER BY number LIMIT ?2)",
	/* The first signature of a number stays: it says since when that head was there. */
	[SQL_SIGNATURE_INSERT] = "INSERT OR IGNORE INTO ledger_signatures "
				 "(mailbox, number, generation, signed_us, head, signature) "
				 "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_SIGNATURE_LAST] = "SELECT number, signed_us FROM ledger_signatures "
			       "WHERE mailbox = ?1 ORDER BY number DESC LIMIT 1",
	[SQL_SIGNATURE_PIECE] =
		"SELECT number, generation, signed_us, head, signature FROM ledger_signatures "
		"WHERE mailbox = ?1 AND number >= ?2 ORDER BY number LIMIT ?3",
	[SQL_SIGNATURES_DELETE] = "DELETE FROM ledger_signatures WHERE mailbox = ?1 AND number IN "
				  "(SELECT number FROM ledger_signatures WHERE mailbox = ?1 ORDER "
				  "BY number LIMIT ?2)",

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

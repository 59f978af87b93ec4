/* store_keys.c -- wraps exchanged and box keys followed by others, each change compared with what it was made
 * from. The invariant: a box key that is replaced leaves its row in old_keys in the same transaction, so
 * that mail sealed to it stays readable. */
#include "store/store_keys.h"

#include "store_internal.h"

static void bind_blob(sqlite3_stmt *statement, int parameter, struct bytes bytes)
{
	sqlite3_bind_blob64(statement, parameter, bytes.data, bytes.size, SQLITE_STATIC);
}

/* Empty stays NULL. */
static void bind_wrap(sqlite3_stmt *statement, int parameter, struct bytes wrap)
{
	if (wrap.size)
		bind_blob(statement, parameter, wrap);
}

static bool check_changed(struct database *writer, struct error *error)
{
	return sqlite3_changes(writer->handle) > 0 ||
	       error_set(error, ERROR_STATE,
		       "the mailbox's password or keys were changed meanwhile: try again with the "
		       "new password");
}

static bool check_wraps(struct bytes password, struct bytes recovery, struct error *error)
{
	return (password.size <= STORE_WRAP_MAX && recovery.size <= STORE_WRAP_MAX) ||
	       error_set(error, ERROR_INVALID, "the mailbox's wrapped keys are too long");
}

/* ---- wraps ---- */

struct exchange {
	const struct id *mailbox;
	const struct store_wraps_change *change;
};

static bool set_wraps(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	const struct exchange *exchange = arguments;
	const struct store_wraps_change *change = exchange->change;
	struct database *writer = store_writer(store);
	sqlite3_stmt *set = database_statement(writer, SQL_MAILBOX_SET_WRAPS, error);
	int64_t mailbox = 0;

	(void)file_bytes;
	if (!set || !mailbox_number(writer, exchange->mailbox, &mailbox, error))
		return false;
	sqlite3_bind_int64(set, 1, mailbox);
	bind_blob(set, 2, change->expected);
	bind_wrap(set, 3, change->password);
	sqlite3_bind_int(set, 4, change->sets_recovery);
	bind_wrap(set, 5, change->recovery);
	return database_run(writer, set, error) && check_changed(writer, error);
}

bool store_mailbox_set_wraps(struct store *store, const struct id *mailbox,
	const struct store_wraps_change *change, struct error *error)
{
	struct exchange exchange = { mailbox, change };

	return check_wraps(change->password, change->recovery, error) &&
	       committer_perform(
		       store, "changing a mailbox's password", set_wraps, &exchange, error);
}

/* ---- the next generation ---- */

struct succession {
	const struct id *mailbox;
	const struct store_rekey *rekey;
};

/* The key that the mailbox has now; nothing when it is not the one that the caller saw. */
static bool keep_old_key(struct database *writer, int64_t mailbox, const struct store_rekey *rekey,
	struct error *error)
{
	sqlite3_stmt *insert = database_statement(writer, SQL_OLD_KEY_INSERT, error);

	if (!insert)
		return false;
	sqlite3_bind_int64(insert, 1, mailbox);
	bind_blob(insert, 2, rekey->expected);
	sqlite3_bind_int64(insert, 3, rekey->generation);
	bind_blob(insert, 4, rekey->sealed_secret);
	return database_run(writer, insert, error) && check_changed(writer, error);
}

static bool set_key(struct database *writer, int64_t mailbox, const struct store_rekey *rekey,
	struct error *error)
{
	sqlite3_stmt *set = database_statement(writer, SQL_MAILBOX_REKEY, error);

	if (!set)
		return false;
	sqlite3_bind_int64(set, 1, mailbox);
	sqlite3_bind_int64(set, 2, rekey->generation);
	bind_blob(set, 3, bytes_make(rekey->box_key, sizeof rekey->box_key));
	bind_blob(set, 4, bytes_make(rekey->key_signature, sizeof rekey->key_signature));
	bind_blob(set, 5, rekey->password);
	bind_wrap(set, 6, rekey->recovery);
	return database_run(writer, set, error);
}

static bool read_old_keys(struct database *database, int64_t mailbox, struct store_old_key *keys,
	size_t *count, struct error *error);

static bool succeed(struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	const struct succession *succession = arguments;
	struct store_old_key keys[STORE_GENERATIONS_MAX - 1];
	struct database *writer = store_writer(store);
	int64_t mailbox = 0;
	size_t count = 0;

	(void)file_bytes;
	if (!mailbox_number(writer, succession->mailbox, &mailbox, error) ||
		!read_old_keys(writer, mailbox, keys, &count, error))
		return false;
	if (count == STORE_GENERATIONS_MAX - 1)
		return error_set(error, ERROR_STATE,
			"the mailbox has had %d keys, and no more are possible: create another "
			"mailbox",
			STORE_GENERATIONS_MAX);
	return keep_old_key(writer, mailbox, succession->rekey, error) &&
	       set_key(writer, mailbox, succession->rekey, error);
}

bool store_mailbox_rekey(struct store *store, const struct id *mailbox,
	const struct store_rekey *rekey, struct error *error)
{
	struct succession succession = { mailbox, rekey };

	if (!rekey->password.size || !rekey->sealed_secret.size ||
		rekey->sealed_secret.size > STORE_OLD_SECRET_MAX)
		return error_set(error, ERROR_INVALID, "the mailbox's new keys are not complete");
	return check_wraps(rekey->password, rekey->recovery, error) &&
	       committer_perform(store, "giving a mailbox new keys", succeed, &succession, error);
}

/* ---- old keys ---- */

static bool copy_key(sqlite3_stmt *row, struct store_old_key *key, struct error *error)
{
	size_t size = (size_t)sqlite3_column_bytes(row, 2);

	*key = (struct store_old_key){
		.generation = (uint32_t)sqlite3_column_int64(row, 0),
		.sealed_secret_size = size,
	};
	return (size <= sizeof key->sealed_secret &&
		       statement_copy(row, 1, key->box_key, sizeof key->box_key) &&
		       statement_copy(row, 2, key->sealed_secret, size)) ||
	       error_set(
		       error, ERROR_CORRUPT, "an old key of a mailbox in the database is damaged");
}

static bool read_old_keys(struct database *database, int64_t mailbox, struct store_old_key *keys,
	size_t *count, struct error *error)
{
	sqlite3_stmt *read = database_statement(database, SQL_OLD_KEYS, error);
	bool has_row = true;
	bool ok = read != NULL;

	*count = 0;
	if (!read)
		return false;
	sqlite3_bind_int64(read, 1, mailbox);
	while (ok && has_row) {
		ok = database_step(database, read, &has_row, error);
		if (!ok || !has_row)
			break;
		ok = *count < STORE_GENERATIONS_MAX - 1
			     ? copy_key(read, &keys[(*count)++], error)
			     : error_set(error, ERROR_CORRUPT,
				       "the mailbox has more old keys in the database than are "
				       "possible");
	}
	statement_end(read);
	return ok;
}

bool store_mailbox_old_keys(struct store *store, const struct id *mailbox,
	struct store_old_key *keys, size_t *count, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	int64_t number = 0;
	bool ok;

	if (!database_use(database, error))
		return false;
	ok = mailbox_number(database, mailbox, &number, error) &&
	     read_old_keys(database, number, keys, count, error);
	database_leave(database);
	if (!ok)
		error_prefix(error, "reading a mailbox's old keys");
	return ok;
}

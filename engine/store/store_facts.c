/* store_facts.c -- name, description, facts and aliases of a mailbox: replaced together, read row by row.
 * What a fact means, and what an address may look like, is service's. */
#include "store/store_facts.h"

#include "store_internal.h"

/* ---- an edit, on the committer ---- */

struct change {
	const struct id *mailbox;
	const struct store_mailbox_edit *edit;
};

/* One row of two texts behind the mailbox; the second may be missing. */
static bool insert(struct database *writer, enum statement which, int64_t mailbox,
	const char *first, const char *second, struct error *error)
{
	sqlite3_stmt *statement = database_statement(writer, which, error);

	if (!statement)
		return false;
	sqlite3_bind_int64(statement, 1, mailbox);
	sqlite3_bind_text(statement, 2, first, -1, SQLITE_STATIC);
	if (second)
		sqlite3_bind_text(statement, 3, second, -1, SQLITE_STATIC);
	return database_run(writer, statement, error);
}

static bool erase(
	struct database *writer, enum statement which, int64_t mailbox, struct error *error)
{
	sqlite3_stmt *statement = database_statement(writer, which, error);

	if (!statement)
		return false;
	sqlite3_bind_int64(statement, 1, mailbox);
	return database_run(writer, statement, error);
}

static bool is_taken(const struct database *writer)
{
	return writer->failed_code == SQLITE_CONSTRAINT_PRIMARYKEY ||
	       writer->failed_code == SQLITE_CONSTRAINT_UNIQUE;
}

static bool replace_facts(struct database *writer, int64_t mailbox,
	const struct store_mailbox_edit *edit, struct error *error)
{
	if (!erase(writer, SQL_FACTS_DELETE, mailbox, error))
		return false;
	for (size_t i = 0; i < edit->fact_count; i++) {
		if (insert(writer, SQL_FACT_INSERT, mailbox, edit->facts[i].key,
			    edit->facts[i].value, error))
			continue;
		return is_taken(writer) ? error_set(error, ERROR_EXISTS, "%s is given twice",
						  edit->facts[i].key)
					: false;
	}
	return true;
}

static bool replace_aliases(struct database *writer, int64_t mailbox,
	const struct store_mailbox_edit *edit, struct error *error)
{
	if (!erase(writer, SQL_ALIASES_DELETE, mailbox, error))
		return false;
	for (size_t i = 0; i < edit->alias_count; i++) {
		if (insert(writer, SQL_ALIAS_INSERT, mailbox, edit->aliases[i], NULL, error))
			continue;
		return is_taken(writer)
			       ? error_set(error, ERROR_EXISTS,
					 "the address %s is taken: it leads to another mailbox, or "
					 "is given twice",
					 edit->aliases[i])
			       : false;
	}
	return true;
}

static bool describe(struct database *writer, int64_t mailbox,
	const struct store_mailbox_edit *edit, struct error *error)
{
	sqlite3_stmt *set = database_statement(writer, SQL_MAILBOX_DESCRIBE, error);

	if (!set)
		return false;
	sqlite3_bind_int64(set, 1, mailbox);
	sqlite3_bind_text(set, 2, edit->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(set, 3, edit->description, -1, SQLITE_STATIC);
	return database_run(writer, set, error);
}

static bool change_mailbox(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	const struct change *change = arguments;
	const struct store_mailbox_edit *edit = change->edit;
	struct database *writer = store_writer(store);
	int64_t mailbox = 0;

	(void)file_bytes;
	return mailbox_number(writer, change->mailbox, &mailbox, error) &&
	       describe(writer, mailbox, edit, error) &&
	       (!edit->sets_facts || replace_facts(writer, mailbox, edit, error)) &&
	       (!edit->sets_aliases || replace_aliases(writer, mailbox, edit, error));
}

/* ---- what is refused ---- */

static bool fits(const char *text, size_t capacity)
{
	return !text || strlen(text) < capacity;
}

static bool is_key(const char *text, size_t capacity)
{
	return text[0] && fits(text, capacity);
}

static bool check_fact(const struct store_fact *fact, struct error *error)
{
	return (is_key(fact->key, STORE_FACT_KEY_SIZE) &&
		       fits(fact->value, STORE_FACT_VALUE_MAX)) ||
	       error_set(error, ERROR_INVALID, "what the mailbox is told of '%.64s' is too long",
		       fact->key);
}

static bool check(const struct store_mailbox_edit *edit, struct error *error)
{
	if (!fits(edit->name, STORE_NAME_SIZE) || !fits(edit->description, STORE_DESCRIPTION_SIZE))
		return error_set(
			error, ERROR_INVALID, "the mailbox's name or description is too long");
	for (size_t i = 0; edit->sets_facts && i < edit->fact_count; i++) {
		if (!check_fact(&edit->facts[i], error))
			return false;
	}
	for (size_t i = 0; edit->sets_aliases && i < edit->alias_count; i++) {
		if (!is_key(edit->aliases[i], STORE_ALIAS_SIZE))
			return error_set(error, ERROR_INVALID,
				"the address '%.64s' is empty or too long", edit->aliases[i]);
	}
	return true;
}

bool store_mailbox_edit(struct store *store, const struct id *mailbox,
	const struct store_mailbox_edit *edit, struct error *error)
{
	struct change change = { mailbox, edit };

	return check(edit, error) &&
	       committer_perform(store, "changing a mailbox", change_mailbox, &change, error);
}

/* ---- one fact ---- */

struct setting {
	const struct id *mailbox;
	const struct store_fact *fact;
};

static bool set_fact(struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	const struct setting *setting = arguments;
	struct database *writer = store_writer(store);
	int64_t mailbox = 0;

	(void)file_bytes;
	return mailbox_number(writer, setting->mailbox, &mailbox, error) &&
	       insert(writer, SQL_FACT_SET, mailbox, setting->fact->key, setting->fact->value,
		       error);
}

bool store_fact_set(struct store *store, const struct id *mailbox, const struct store_fact *fact,
	struct error *error)
{
	struct setting setting = { mailbox, fact };

	return check_fact(fact, error) &&
	       committer_perform(store, "noting a fact of a mailbox", set_fact, &setting, error);
}

/* ---- reading ---- */

/* A row of either table: its place in the order, and what it says. */
struct row {
	int64_t number;
	struct id mailbox;
	struct buf first, second;
	bool found;
};

static bool copy_text(sqlite3_stmt *statement, int column, struct buf *text, struct error *error)
{
	const char *found = (const char *)sqlite3_column_text(statement, column);

	text->size = 0;
	if (found && buf_append_text(text, found) && buf_text(text))
		return true;
	return error_set_memory(error);
}

/* The row behind this one. */
static bool next_row(
	struct database *database, enum statement which, struct row *row, struct error *error)
{
	sqlite3_stmt *next = database_statement(database, which, error);
	bool ok;

	if (!next)
		return false;
	sqlite3_bind_int64(next, 1, row->number);
	sqlite3_bind_text(next, 2, row->first.size ? (const char *)row->first.data : "", -1,
		SQLITE_TRANSIENT);
	ok = database_step(database, next, &row->found, error);
	if (ok && row->found) {
		row->number = sqlite3_column_int64(next, 0);
		ok = (statement_copy(next, 1, row->mailbox.bytes, sizeof row->mailbox.bytes) ||
			     error_set(error, ERROR_CORRUPT,
				     "a mailbox's id in the database is damaged")) &&
		     copy_text(next, 2, &row->first, error) &&
		     copy_text(next, 3, &row->second, error);
	}
	statement_end(next);
	return ok;
}

struct walk {
	enum statement statement;
	store_fact_row *fact;
	store_alias_row *alias;
	void *context;
};

static void show(const struct walk *walk, const struct row *row)
{
	if (walk->fact)
		walk->fact(walk->context, &row->mailbox, (const char *)row->first.data,
			(const char *)row->second.data);
	else
		walk->alias(walk->context, &row->mailbox, (const char *)row->first.data);
}

/* A row at a time, so that the caller may call the store. The order begins with the mailbox's number:
 * the rows of one mailbox are together, and none of its texts is empty. */
static bool each(
	struct store *store, const struct id *mailbox, const struct walk *walk, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	struct row row = { .found = true };
	bool ok = true;

	buf_init(&row.first, STORE_ALIAS_SIZE);
	buf_init(&row.second, STORE_FACT_VALUE_MAX);
	if (mailbox) {
		ok = database_use(database, error);
		if (ok) {
			ok = mailbox_number(database, mailbox, &row.number, error);
			database_leave(database);
		}
	}
	while (ok && row.found) {
		ok = database_use(database, error);
		if (!ok)
			break;
		ok = next_row(database, walk->statement, &row, error);
		database_leave(database);
		row.found = row.found && (!mailbox || id_is_equal(&row.mailbox, mailbox));
		if (ok && row.found)
			show(walk, &row);
	}
	buf_clear(&row.first);
	buf_clear(&row.second);
	if (!ok)
		error_prefix(error, "reading what the mailboxes are told");
	return ok;
}

bool store_fact_each(struct store *store, const struct id *mailbox, store_fact_row *row,
	void *context, struct error *error)
{
	const struct walk walk = { .statement = SQL_FACT_NEXT, .fact = row, .context = context };

	return each(store, mailbox, &walk, error);
}

bool store_alias_each(struct store *store, const struct id *mailbox, store_alias_row *row,
	void *context, struct error *error)
{
	const struct walk walk = { .statement = SQL_ALIAS_NEXT, .alias = row, .context = context };

	return each(store, mailbox, &walk, error);
}

/* store_connections.c -- the connections of the store, opened and closed together.
 *
 * After a failed sync all of them must be closed at once: only then does the next one that opens rebuild
 * the index of the log, with nothing counted as copied, and settling copies every committed page again
 * (docs/internals/store.md, "A failed sync"). */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

#include "store_internal.h"
#include "store_schema_internal.h"

/* How much each may keep in memory; the whole process is to rest in 12 MiB. */
static const struct {
	int cache_kib;
	bool is_reader;
} plans[DATABASE_COUNT] = {
	[DATABASE_WRITER] = { 2048, false },
	[DATABASE_CONTROL] = { 128, true },
	[DATABASE_KEEPER] = { 64, true },
	[DATABASE_READER] = { 256, true },
	[DATABASE_READER + 1] = { 256, true },
};

/* SQLite would set aside 20 pages for each connection at once, and most of them do with a few. Once in a process, since
 * it is for all of it; where somebody else uses SQLite already it is left as it is. */
static void save_memory(void)
{
	static atomic_flag is_busy = ATOMIC_FLAG_INIT;
	static bool is_done;

	while (atomic_flag_test_and_set(&is_busy))
		;
	if (!is_done)
		sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
	is_done = true;
	atomic_flag_clear(&is_busy);
}

bool store_connections_init(struct store *store, struct error *error)
{
	save_memory();
	for (size_t i = 0; i < DATABASE_COUNT; i++) {
		if (!database_init(&store->databases[i], error))
			return false;
	}
	return true;
}

void store_connections_clear(struct store *store)
{
	for (size_t i = 0; i < DATABASE_COUNT; i++)
		database_clear(&store->databases[i]);
}

static bool open_one(struct store *store, size_t which, struct error *error)
{
	const struct database_options options = {
		.path = store->database_path,
		.cache_kib = plans[which].cache_kib,
		.is_reader = plans[which].is_reader,
		.without_sync = store->options.without_sync,
	};

	return database_open(&store->databases[which], &options, error);
}

static int count_pages(void *context, sqlite3 *handle, const char *name, int pages)
{
	(void)handle;
	(void)name;
	*(int *)context = pages;
	return SQLITE_OK;
}

/* On a full disk the start does without: deleting must work then, and nothing says that a sync failed. */
static bool renew_log(struct store *store, struct error *error)
{
	struct error own = { 0 };

	if (!log_renew(store, &own) && (store->log.is_known || own.kind != ERROR_FULL)) {
		if (error)
			*error = own;
		return false;
	}
	return true;
}

/* Another program that reads the database just now keeps its log, which may stay: it is on the disk. On a
 * full disk the ballast makes room. */
static bool settle(struct store *store, struct error *error)
{
	struct database *writer = store_writer(store);

	if (database_settle(writer, error))
		return true;
	if ((writer->failed_code & 0xff) == SQLITE_FULL && ballast_release(store))
		return database_settle(writer, error);
	return (writer->failed_code & 0xff) == SQLITE_BUSY;
}

static void close_all(struct store *store)
{
	backup_writer_closes(store);
	for (size_t i = 0; i < DATABASE_COUNT; i++)
		database_close(&store->databases[i], false);
}

static bool open_readers(struct store *store, struct error *error)
{
	bool ok = true;

	for (size_t i = DATABASE_WRITER + 1; ok && i < DATABASE_COUNT; i++)
		ok = open_one(store, i, error);
	return ok;
}

/* What of a damaged database can be read is read, as far as its mailboxes can. */
static bool open_damaged(struct store *store, const struct error *why)
{
	int64_t sum;
	bool ok;

	close_all(store);
	ok = open_readers(store, NULL) &&
	     database_integer(&store->databases[DATABASE_CONTROL],
		     "SELECT sum(length(password_wrap)) + sum(counters.waiting) FROM mailboxes "
		     "JOIN counters ON counters.mailbox = mailboxes.number",
		     &sum, NULL);
	if (ok)
		damage_note(store, why);
	else
		close_all(store);
	return ok;
}

static bool is_damaged(const struct store *store, const struct database *writer)
{
	return store->options.on_damage && (writer->failed_code & 0xff) == SQLITE_CORRUPT;
}

bool store_connections_open(struct store *store, struct error *error)
{
	struct database *writer = store_writer(store);
	struct error own = { 0 };
	bool ok;

	if (!renew_log(store, error))
		return false;
	writer->failed_code = SQLITE_OK;
	ok = open_one(store, DATABASE_WRITER, &own) && schema_bring_up(writer, &own) &&
	     settle(store, &own) && schema_look(writer, &own);
	if (ok) {
		/* The log is empty or as good as its last byte. */
		log_forget(store);
		store->committer.pages_in_log = 0;
		sqlite3_wal_hook(writer->handle, count_pages, &store->committer.pages_in_log);
	}
	ok = ok && open_readers(store, &own);
	if (ok || (is_damaged(store, writer) && open_damaged(store, &own)))
		return true;
	close_all(store);
	if (error)
		*error = own;
	return false;
}

/* Nobody holds two of them, so any order does. */
static void lock_all(struct store *store)
{
	for (size_t i = 0; i < DATABASE_COUNT; i++)
		mutex_lock(store->databases[i].mutex);
}

static void unlock_all(struct store *store)
{
	for (size_t i = 0; i < DATABASE_COUNT; i++)
		mutex_unlock(store->databases[i].mutex);
}

void store_connections_shut(struct store *store)
{
	lock_all(store);
	close_all(store);
	unlock_all(store);
}

bool store_connections_reopen(struct store *store, struct error *error)
{
	bool ok;

	lock_all(store);
	close_all(store);
	ok = damage_is_there(store) ? open_readers(store, error)
				    : store_connections_open(store, error);
	unlock_all(store);
	return ok;
}

void store_connections_finish(struct store *store)
{
	struct database *writer = store_writer(store);
	struct error error = { 0 };
	bool is_settled;

	backup_writer_closes(store);
	for (size_t i = DATABASE_WRITER + 1; i < DATABASE_COUNT; i++)
		database_close(&store->databases[i], false);
	if (!writer->handle)
		return;
	is_settled = database_settle(writer, &error);
	if (!is_settled && error.kind != ERROR_BUSY)
		store_trouble(store, &error);
	database_close(writer, is_settled);
}

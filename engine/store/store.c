/* store.c -- opening and closing the data folder, and its figures.
 *
 * The order of the start keeps what a crash may have left from being touched before it is understood:
 * the database first, its log settled; then files and rows are made to agree; then the threads that
 * change either. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "platform/file.h"
#include "store_internal.h"

void store_trouble(struct store *store, const struct error *trouble)
{
	if (store->options.on_trouble)
		store->options.on_trouble(store->options.context, trouble);
}

bool store_sync_folder(struct store *store, const char *folder, struct error *error)
{
	return store->options.without_sync || folder_sync(folder, error);
}

static bool find_places(struct store *store, struct error *error)
{
	const char *folder = store->options.folder;

	if ((size_t)snprintf(store->folder, sizeof store->folder, "%s", folder) >=
		sizeof store->folder)
		return error_set(error, ERROR_INVALID, "the data folder's path is too long");
	store->options.folder = store->folder;
	if (!path_join(store->folder, "lettergate.db", store->database_path, error) ||
		!path_join(store->folder, "bodies", store->bodies, error) ||
		!path_join(store->bodies, "lost", store->lost, error))
		return false;
	if (!file_exists(store->folder))
		return error_set(
			error, ERROR_NOT_FOUND, "there is no data folder %s", store->folder);
	return true;
}

static bool is_body(void *context, const char *name)
{
	bool *found = context;
	struct id id;

	*found = id_parse(bytes_of(name), &id);
	return !*found;
}

static bool measure(const char *path, uint64_t *size, struct error *error)
{
	struct file *file = file_open(path, FILE_READ, error);
	bool ok = file && file_size(file, size, error);

	file_close(&file);
	return ok;
}

/* An empty store is begun only where nothing says that there was one: keys and mail are not replaced
 * because a file is missing. A log beside an empty database would be deleted by SQLite. Before any
 * connection opens, since closing a file drops every lock of this process on it (fcntl(2)). */
static bool check_is_new(struct store *store, struct error *error)
{
	char log[PATH_SIZE];
	uint64_t size = 0;
	bool has_bodies = false;

	if (file_exists(store->database_path) && !measure(store->database_path, &size, error))
		return false;
	if (size > 0)
		return true;
	if (!path_join(store->folder, "lettergate.db-wal", log, error) ||
		(file_exists(log) && !measure(log, &size, error)) ||
		(file_exists(store->bodies) &&
			!folder_each(store->bodies, is_body, &has_bodies, error)))
		return false;
	if (size > 0 || has_bodies)
		return error_set(error, ERROR_CORRUPT,
			"the database lettergate.db in %s is missing or empty, but there is mail "
			"beside "
			"it: put the file back or restore a backup. To begin anew, choose an empty "
			"data "
			"folder",
			store->folder);
	return true;
}

/* The file exists, owner-only, before SQLite sees it: log and index take its mode. */
static bool create_files(struct store *store, struct error *error)
{
	struct file *file;

	if (!file_exists(store->database_path)) {
		file = file_open(store->database_path, FILE_CREATE, error);
		if (!file)
			return false;
		file_close(&file);
	}
	return folder_create(store->lost, error) &&
	       store_sync_folder(store, store->bodies, error) &&
	       store_sync_folder(store, store->folder, error);
}

static bool init_parts(struct store *store, struct error *error)
{
	return store_connections_init(store, error) && room_init(&store->room, error) &&
	       committer_init(&store->committer, error) && syncers_init(&store->syncers, error) &&
	       readers_init(store, error) && keeper_init(&store->keeper, error) &&
	       backup_init(&store->backup, error);
}

static void clear_parts(struct store *store)
{
	backup_clear(&store->backup);
	keeper_clear(&store->keeper);
	readers_clear(&store->readers);
	syncers_clear(&store->syncers);
	committer_clear(&store->committer);
	room_clear(&store->room);
	store_connections_clear(store);
}

/* Each stop is harmless when its start has not happened. */
static void stop_threads(struct store *store)
{
	syncers_stop(store);
	readers_stop(store);
	keeper_stop(store);
	committer_stop(store);
}

/* What an earlier run left is made to agree, before anybody can add to it. */
static bool tidy_up(struct store *store, struct error *error)
{
	/* Nothing is changed where nothing can be relied on. */
	if (damage_is_there(store))
		return true;
	backup_remove_left(store);
	return mailbox_delete_temporary(store, error) && store_scan(store, error);
}

struct store *store_open(const struct store_options *options, struct error *error)
{
	struct store *store = calloc(1, sizeof *store);

	if (!store) {
		error_set_memory(error);
		return NULL;
	}
	store->options = *options;
	if (!init_parts(store, error) || !find_places(store, error) ||
		!check_is_new(store, error) || !create_files(store, error))
		goto failed;
	ballast_find(store);
	if (!store_connections_open(store, error))
		goto failed;
	room_measure(store, &store->databases[DATABASE_CONTROL]);
	if (!committer_start(store, error) || !tidy_up(store, error) ||
		!syncers_start(store, error) || !readers_start(store, error) ||
		!keeper_start(store, error))
		goto failed;
	return store;
failed:
	error_prefix(error, "opening the mail store");
	store_close(&store);
	return NULL;
}

void store_close(struct store **store)
{
	if (!*store)
		return;
	stop_threads(*store);
	log_forget(*store);
	store_connections_finish(*store);
	clear_parts(*store);
	free(*store);
	*store = NULL;
}

static bool count_pages(
	struct database *database, struct store_figures *figures, struct error *error)
{
	sqlite3_stmt *statement = database_statement(database, SQL_PAGES, error);
	int64_t page_size = 0;
	bool has_row = false;
	bool ok = statement && database_integer(database, "PRAGMA page_size", &page_size, error) &&
		  database_step(database, statement, &has_row, error);

	if (ok && has_row) {
		figures->used_bytes = (uint64_t)(sqlite3_column_int64(statement, 0) * page_size);
		figures->reusable_bytes =
			(uint64_t)(sqlite3_column_int64(statement, 1) * page_size);
	}
	statement_end(statement);
	return ok;
}

bool store_figures(struct store *store, struct store_figures *figures, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	struct committer *committer = &store->committer;
	bool ok;

	*figures = (struct store_figures){ 0 };
	if (!folder_free_bytes(store->folder, &figures->free_bytes, error) ||
		!database_use(database, error))
		return false;
	ok = count_pages(database, figures, error);
	database_leave(database);
	mutex_lock(committer->mutex);
	figures->used_bytes += (uint64_t)(committer->file_bytes + committer->log_bytes);
	figures->commits = committer->commits;
	figures->deliveries = committer->messages;
	mutex_unlock(committer->mutex);
	figures->reserve_bytes = (uint64_t)atomic_load(&store->room.reserve_bytes);
	figures->is_short = atomic_load(&store->room.left) < 0;
	return ok;
}

/* store_scan.c -- at the start, files and rows are made to agree.
 *
 * bodies/ID.part was never acknowledged to anybody and goes. A file without a row is moved to
 * bodies/lost and told: nothing is deleted because an index does not name it. A row without its file is
 * told too. The folder is read once and merged with the index in the order of ids, so that the cost of a
 * file is a few microseconds. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/file.h"
#include "store_internal.h"

struct scan {
	struct store *store;
	struct id *files;
	size_t count, capacity;
	size_t lost, missing;
	struct id first_missing;
	bool has_failed;
	struct error error;
};

static bool add_file(struct scan *scan, const struct id *id)
{
	if (scan->count == scan->capacity) {
		size_t larger = scan->capacity ? scan->capacity * 2 : 1024;
		struct id *moved = realloc(scan->files, larger * sizeof *moved);

		if (!moved)
			return error_set_memory(&scan->error);
		scan->files = moved;
		scan->capacity = larger;
	}
	scan->files[scan->count++] = *id;
	return true;
}

static bool remove_partial(struct scan *scan, const struct id *id)
{
	char path[PATH_SIZE];
	struct error error = { 0 };

	if (!body_path(scan->store, id, true, path, &error) || !file_remove(path, &error))
		store_trouble(scan->store, &error);
	return true;
}

/* Names that are none of ours stay where they are. */
static bool look_at(void *context, const char *name)
{
	struct scan *scan = context;
	struct bytes rest = bytes_of(name);
	struct bytes stem = { 0 };
	struct id id;

	bytes_split(&rest, '.', &stem);
	if (!id_parse(stem, &id))
		return true;
	if (bytes_equal_text(rest, "part"))
		return remove_partial(scan, &id);
	scan->has_failed = stem.size == strlen(name) && !add_file(scan, &id);
	return !scan->has_failed;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct id));
}

static void move_to_lost(struct scan *scan, const struct id *id)
{
	char from[PATH_SIZE], to[PATH_SIZE], text[ID_TEXT_SIZE];
	struct error error = { 0 };

	id_text(id, text);
	if (body_path(scan->store, id, false, from, &error) &&
		path_join(scan->store->lost, text, to, &error) && file_rename(from, to, &error))
		scan->lost++;
	else
		store_trouble(scan->store, &error);
}

static void note_missing(struct scan *scan, const struct id *id)
{
	if (!scan->missing++)
		scan->first_missing = *id;
}

/* Both sides come in the order of their ids. */
static bool merge(struct scan *scan, struct database *database, struct error *error)
{
	sqlite3_stmt *rows = database_statement(database, SQL_BODY_FILES, error);
	struct id row = { { 0 } };
	bool has_row = true;
	bool ok = rows != NULL;
	size_t next = 0;

	while (ok && has_row) {
		int order = -1;

		ok = database_step(database, rows, &has_row, error);
		if (!ok || (has_row && !statement_copy(rows, 0, row.bytes, sizeof row.bytes)))
			break;
		for (; next < scan->count; next++) {
			order = has_row ? compare(&scan->files[next], &row) : -1;
			if (order >= 0)
				break;
			move_to_lost(scan, &scan->files[next]);
		}
		if (has_row && next < scan->count && order == 0)
			next++;
		else if (has_row && sqlite3_column_int(rows, 1))
			note_missing(scan, &row);
	}
	statement_end(rows);
	return ok;
}

static bool measure_files(struct store *store, struct database *database, struct error *error)
{
	sqlite3_stmt *total = database_statement(database, SQL_BODY_FILE_BYTES, error);
	bool has_row = false;
	bool ok = total && database_step(database, total, &has_row, error);

	if (ok && has_row) {
		mutex_lock(store->committer.mutex);
		store->committer.file_bytes = sqlite3_column_int64(total, 0);
		mutex_unlock(store->committer.mutex);
	}
	statement_end(total);
	return ok;
}

static bool tell(struct scan *scan, struct error *error)
{
	struct error trouble = { 0 };
	char text[ID_TEXT_SIZE];

	if (scan->lost) {
		if (!store_sync_folder(scan->store, scan->store->lost, error) ||
			!store_sync_folder(scan->store, scan->store->bodies, error))
			return false;
		error_set(&trouble, ERROR_CORRUPT,
			"%zu sealed messages on the disk are in no mailbox; they were moved to %s. "
			"After a power cut these are messages whose sender was told to send again; "
			"if anything else has happened to the data folder, they may be all there "
			"is: "
			"lettergatectl storage recover brings them back",
			scan->lost, scan->store->lost);
		store_trouble(scan->store, &trouble);
	}
	if (scan->missing) {
		id_text(&scan->first_missing, text);
		error_set(&trouble, ERROR_CORRUPT,
			"the sealed bytes of %zu messages are missing from %s (the first is %s): "
			"put the files back, from a backup if need be; lettergatectl storage "
			"recover "
			"finds those in bodies/lost",
			scan->missing, scan->store->bodies, text);
		store_trouble(scan->store, &trouble);
	}
	return true;
}

bool store_scan(struct store *store, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	struct scan scan = { .store = store };
	struct error swept = { 0 };
	bool ok = false;

	if (!keeper_sweep(store, &swept))
		store_trouble(store, &swept);
	if (!folder_each(store->bodies, look_at, &scan, error))
		goto out;
	if (scan.has_failed) {
		*error = scan.error;
		goto out;
	}
	if (scan.count)
		qsort(scan.files, scan.count, sizeof *scan.files, compare);
	if (!database_use(database, error))
		goto out;
	ok = merge(&scan, database, error) && measure_files(store, database, error);
	database_leave(database);
	ok = ok && tell(&scan, error);
out:
	free(scan.files);
	return ok;
}

/* store_backup.c -- the copy of a store that goes on. Its pages are copied by the committer, on the connection that
 * writes: SQLite then puts what is written to copied pages into the copy, too, and need not begin again
 * (sqlite3_backup_step(), c3ref/backup_finish.html).
 *
 * The invariant: SQLite's objects belong to the committer's thread until the copying has ended, and nothing of them
 * outlives the connection that they read from. Whoever waits for the copying shares what is under the mutex. */
#include "store/store_backup.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/folder_tree.h"
#include "store_internal.h"

const char STORE_BACKUP_FOLDER[] = "backup";

enum {
	STEP_PAGES = 64,
	/* Beside the copy something must be left for the mail of that time. */
	ROOM_BESIDE = 64 * 1024 * 1024,
	/* It begins anew when a transaction is rolled back of which a part is in the copy. */
	ROUNDS_MAX = 8,
	COPY_CACHE_KIB = 1024,
};

struct store_backup {
	struct store *store;
	char folder[PATH_SIZE];
	char path[PATH_SIZE];
	struct database copy; /* once it is copied */
	struct file *database;
	uint64_t database_bytes, body_bytes;
	int64_t schema;
	/* the list of bodies, and the one that is being read */
	struct id last;
	bool has_last;
	struct file *body;
	struct id open_body;
	bool is_ready;
};

/* ---- what is shared with the committer ---- */

bool backup_init(struct backup *backup, struct error *error)
{
	backup->mutex = mutex_new(error);
	backup->changed = backup->mutex ? condition_new(error) : NULL;
	return backup->changed != NULL;
}

void backup_clear(struct backup *backup)
{
	assert(!backup->steps && !backup->copy);
	condition_free(&backup->changed);
	mutex_free(&backup->mutex);
}

bool backup_is_copying(struct store *store)
{
	return atomic_load(&store->backup.is_copying);
}

static bool folder_of(const struct store *store, char folder[PATH_SIZE], struct error *error)
{
	return path_join(store->folder, STORE_BACKUP_FOLDER, folder, error);
}

void backup_remove_left(struct store *store)
{
	char folder[PATH_SIZE];
	struct error error = { 0 };

	if (folder_of(store, folder, &error) && file_exists(folder) &&
		!folder_tree_remove(folder, &error))
		store_trouble(store, &error);
}

/* ---- on the committer ---- */

/* Ends the copying, one way or the other; `why` NULL: it is complete. */
static void end_copying(struct store *store, const struct error *why)
{
	struct backup *backup = &store->backup;
	struct error own = { 0 };
	int code = sqlite3_backup_finish(backup->steps);

	if (!why && code != SQLITE_OK) {
		error_set(&own, ERROR_IO, "copying the database: %s", sqlite3_errstr(code));
		why = &own;
	}
	code = sqlite3_close(backup->copy);
	assert(code == SQLITE_OK);
	backup->steps = NULL;
	backup->copy = NULL;
	mutex_lock(backup->mutex);
	backup->state = why ? BACKUP_FAILED : BACKUP_COPIED;
	if (why)
		backup->error = *why;
	atomic_store(&backup->is_copying, false);
	condition_broadcast(backup->changed);
	mutex_unlock(backup->mutex);
}

/* In a transaction of its own that nobody needs after a crash: without a journal, without syncs. */
static bool open_copy(struct store *store, struct error *error)
{
	struct backup *backup = &store->backup;
	char pragmas[160];
	int code = sqlite3_open_v2(backup->path, &backup->copy,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);

	snprintf(pragmas, sizeof pragmas,
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; "
		"PRAGMA synchronous = OFF; PRAGMA cache_size = -%d;",
		COPY_CACHE_KIB);
	if (code == SQLITE_OK)
		code = sqlite3_exec(backup->copy, pragmas, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		backup->steps = sqlite3_backup_init(
			backup->copy, "main", store_writer(store)->handle, "main");
	if (backup->steps)
		return true;
	return error_set(error, (code & 0xff) == SQLITE_FULL ? ERROR_FULL : ERROR_IO,
		"making a copy of the database: %s",
		backup->copy ? sqlite3_errmsg(backup->copy) : sqlite3_errstr(code));
}

static bool failed(int code, struct error *error)
{
	return error_set(error, (code & 0xff) == SQLITE_FULL ? ERROR_FULL : ERROR_IO,
		"copying the database: %s", sqlite3_errstr(code));
}

static bool note_progress(struct backup *backup, int pages, struct error *error)
{
	int64_t all = sqlite3_backup_pagecount(backup->steps);
	bool goes_on;

	mutex_lock(backup->mutex);
	backup->pages = all;
	backup->pages_left = sqlite3_backup_remaining(backup->steps);
	backup->pages_copied += pages;
	goes_on = backup->pages_copied <= ROUNDS_MAX * all + STEP_PAGES;
	condition_broadcast(backup->changed);
	mutex_unlock(backup->mutex);
	return goes_on || error_set(error, ERROR_BUSY,
				  "the database changes faster than it can be copied; try again "
				  "when there is less to do");
}

static bool copy_pages(struct store *store, int pages, bool *is_complete, struct error *error)
{
	struct backup *backup = &store->backup;
	int code;

	if (!backup->steps && !open_copy(store, error))
		return false;
	code = sqlite3_backup_step(backup->steps, pages);
	*is_complete = code == SQLITE_DONE;
	if (code == SQLITE_OK || code == SQLITE_DONE)
		return note_progress(backup, pages, error);
	/* Another connection is in the way for a moment. */
	if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
		return note_progress(backup, pages, error);
	return failed(code, error);
}

static bool must_stop(struct backup *backup)
{
	bool stops;

	mutex_lock(backup->mutex);
	stops = backup->must_stop;
	mutex_unlock(backup->mutex);
	return stops || atomic_load(&backup->is_broken);
}

void backup_step(struct store *store, int pages_written)
{
	struct backup *backup = &store->backup;
	struct error error = { .kind = ERROR_CANCELLED, .text = "the backup was given up" };
	bool is_complete = false;

	if (!backup_is_copying(store))
		return;
	/* More than the database has grown by, or there would be no end to it. */
	if (must_stop(backup) || (!store->committer.is_open && !database_is_down(&error)) ||
		!copy_pages(store, STEP_PAGES + 2 * pages_written, &is_complete, &error))
		end_copying(store, &error);
	else if (is_complete)
		end_copying(store, NULL);
}

void backup_writer_closes(struct store *store)
{
	struct error error = { 0 };

	if (!store->backup.steps && !store->backup.copy)
		return;
	error_set(&error, ERROR_IO, "the database was closed while it was copied; try again");
	end_copying(store, &error);
}

/* ---- room ---- */

void backup_break(struct store *store)
{
	struct backup *backup = &store->backup;

	mutex_lock(backup->mutex);
	if (backup->is_taken && !atomic_exchange(&backup->is_broken, true))
		keeper_release(store);
	mutex_unlock(backup->mutex);
}

static bool check_unbroken(const struct store *store, struct error *error)
{
	return !atomic_load(&store->backup.is_broken) ||
	       error_set(error, ERROR_FULL,
		       "the disk has become full while the backup was made, so it was given up: "
		       "receiving mail comes first. Delete files, or move the data folder");
}

bool store_free_beside_reserve(struct store *store, uint64_t *bytes, struct error *error)
{
	uint64_t reserve = (uint64_t)atomic_load(&store->room.reserve_bytes), free_bytes = 0;

	if (!room_ask_free(store, &free_bytes))
		return error_set(error, ERROR_IO, "the free space of the disk cannot be read");
	*bytes = free_bytes > reserve ? free_bytes - reserve : 0;
	return true;
}

static bool check_room(struct store *store, struct error *error)
{
	struct database *database = &store->databases[DATABASE_CONTROL];
	int64_t pages = 0;
	uint64_t needed, free_bytes = 0;
	bool ok;

	if (!store_free_beside_reserve(store, &free_bytes, error) || !database_use(database, error))
		return false;
	ok = database_integer(database, "PRAGMA page_count", &pages, error);
	database_leave(database);
	if (!ok)
		return false;
	needed = (uint64_t)pages * PAGE_BYTES;
	mutex_lock(store->backup.mutex);
	store->backup.pages = store->backup.pages_left = pages;
	mutex_unlock(store->backup.mutex);
	return free_bytes >= needed + ROOM_BESIDE ||
	       error_set(error, ERROR_FULL,
		       "a backup needs room for a copy of the database: %llu MiB beside the "
		       "reserve, "
		       "and there are %llu MiB. Delete files, or move the data folder",
		       (unsigned long long)((needed + ROOM_BESIDE) >> 20),
		       (unsigned long long)(free_bytes >> 20));
}

/* ---- from beginning to end ---- */

static bool take(struct store *store, struct error *error)
{
	struct backup *backup = &store->backup;
	bool ok;

	if (store_is_damaged(store, NULL))
		return error_set(error, ERROR_STATE,
			"the database is damaged: a copy of it would be no backup. Export the "
			"mailboxes, and restore the last good backup");
	mutex_lock(backup->mutex);
	ok = !backup->is_taken;
	if (ok) {
		backup->is_taken = true;
		backup->must_stop = false;
		backup->pages_copied = 0;
		backup->state = BACKUP_COPYING;
		atomic_store(&backup->is_broken, false);
	}
	mutex_unlock(backup->mutex);
	return ok ||
	       error_set(error, ERROR_BUSY, "a backup is being made already; wait for it to end");
}

static bool make_files(struct store_backup *backup, struct error *error)
{
	struct file *file;

	if (!folder_of(backup->store, backup->folder, error) ||
		!path_join(backup->folder, "lettergate.db", backup->path, error))
		return false;
	backup_remove_left(backup->store);
	/* Owner-only before SQLite sees it. */
	file = folder_create(backup->folder, error) ? file_open(backup->path, FILE_CREATE, error)
						    : NULL;
	file_close(&file);
	return file_exists(backup->path);
}

static void start_copying(struct store_backup *backup)
{
	struct store *store = backup->store;

	memcpy(store->backup.path, backup->path, sizeof store->backup.path);
	atomic_store(&store->backup.is_copying, true);
	committer_wake(store);
}

struct store_backup *store_backup_begin(struct store *store, struct error *error)
{
	struct store_backup *backup = calloc(1, sizeof *backup);

	if (!backup) {
		error_set_memory(error);
		return NULL;
	}
	if (!take(store, error)) {
		free(backup);
		return NULL;
	}
	backup->store = store;
	keeper_hold(store);
	if (!database_init(&backup->copy, error) || !check_room(store, error) ||
		!make_files(backup, error)) {
		store_backup_end(&backup);
		return NULL;
	}
	start_copying(backup);
	return backup;
}

static void stop_copying(struct store *store)
{
	struct backup *backup = &store->backup;

	mutex_lock(backup->mutex);
	backup->must_stop = true;
	mutex_unlock(backup->mutex);
	committer_wake(store);
	mutex_lock(backup->mutex);
	while (atomic_load(&backup->is_copying))
		condition_wait(backup->changed, backup->mutex);
	mutex_unlock(backup->mutex);
}

static void give_back(struct store *store)
{
	struct backup *backup = &store->backup;

	mutex_lock(backup->mutex);
	if (!atomic_load(&backup->is_broken))
		keeper_release(store);
	backup->is_taken = false;
	mutex_unlock(backup->mutex);
}

void store_backup_end(struct store_backup **backup)
{
	struct store_backup *ended = *backup;

	if (!ended)
		return;
	stop_copying(ended->store);
	file_close(&ended->body);
	file_close(&ended->database);
	database_close(&ended->copy, false);
	database_clear(&ended->copy);
	backup_remove_left(ended->store);
	give_back(ended->store);
	free(ended);
	*backup = NULL;
}

/* ---- the copy, once it is whole ---- */

/* It says of itself that it has a log, as the original does; a file that stands alone has none. */
static bool finish_copy(struct store_backup *backup, struct error *error)
{
	const struct database_options options = {
		.path = backup->path, .cache_kib = COPY_CACHE_KIB, .without_sync = true
	};
	struct database *copy = &backup->copy;
	int64_t bytes = 0;

	if (!database_open(copy, &options, error) ||
		!database_exec(copy,
			"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE;", error) ||
		!database_integer(copy, "PRAGMA user_version", &backup->schema, error) ||
		!database_integer(copy, statement_sql[SQL_BODY_FILE_BYTES], &bytes, error))
		return false;
	backup->body_bytes = (uint64_t)bytes;
	/* From here on it is read with our own calls, too: closing those drops SQLite's locks on it, and
	 * nobody else knows of this file. */
	backup->database = file_open(backup->path, FILE_READ, error);
	backup->is_ready =
		backup->database && file_size(backup->database, &backup->database_bytes, error);
	return backup->is_ready;
}

bool store_backup_copy(struct store_backup *backup, int64_t wait_us, bool *is_copied,
	uint64_t *done, uint64_t *total, struct error *error)
{
	struct backup *shared = &backup->store->backup;
	int64_t end_us = clock_monotonic_us() + wait_us, left_us = wait_us;
	enum backup_state state;

	mutex_lock(shared->mutex);
	while (shared->state == BACKUP_COPYING && left_us > 0) {
		condition_wait_for(shared->changed, shared->mutex, left_us);
		left_us = end_us - clock_monotonic_us();
	}
	state = shared->state;
	*total = (uint64_t)shared->pages * PAGE_BYTES;
	*done = (uint64_t)(shared->pages - shared->pages_left) * PAGE_BYTES;
	if (state == BACKUP_FAILED && error)
		*error = shared->error;
	mutex_unlock(shared->mutex);
	*is_copied = state == BACKUP_COPIED;
	if (!check_unbroken(backup->store, error) || state == BACKUP_FAILED)
		return false;
	return !*is_copied || backup->is_ready || finish_copy(backup, error);
}

uint64_t store_backup_database_bytes(const struct store_backup *backup)
{
	return backup->database_bytes;
}

uint64_t store_backup_body_bytes(const struct store_backup *backup)
{
	return backup->body_bytes;
}

int64_t store_backup_schema(const struct store_backup *backup)
{
	return backup->schema;
}

const char *store_backup_folder(const struct store_backup *backup)
{
	return backup->folder;
}

bool store_backup_read_database(struct store_backup *backup, uint64_t offset, size_t at_most,
	struct buf *out, struct error *error)
{
	return check_unbroken(backup->store, error) &&
	       file_read_at(backup->database, offset, at_most, out, error);
}

/* ---- bodies ---- */

/* A file that is not there or has another size is missing; one that cannot be looked at is not. */
static bool look_for_bytes(
	const struct store_backup *backup, struct store_backup_body *body, struct error *error)
{
	struct error why = { .kind = ERROR_NONE };
	char path[PATH_SIZE];
	struct file *file;
	uint64_t size = 0;
	bool ok;

	if (!body_path(backup->store, &body->id, false, path, error))
		return false;
	file = file_open(path, FILE_READ, &why);
	ok = file && file_size(file, &size, &why);
	file_close(&file);
	body->is_missing = !ok || size != body->size;
	if (ok || why.kind == ERROR_NOT_FOUND)
		return true;
	if (error)
		*error = why;
	return false;
}

bool store_backup_next_body(struct store_backup *backup, struct store_backup_body *body,
	bool *found, struct error *error)
{
	sqlite3_stmt *next = database_statement(&backup->copy, SQL_BODY_NEXT_FILE, error);
	bool ok;

	*found = false;
	if (!next)
		return false;
	sqlite3_bind_blob(next, 1, backup->last.bytes,
		backup->has_last ? (int)sizeof backup->last.bytes : 0, SQLITE_STATIC);
	ok = database_step(&backup->copy, next, found, error);
	if (ok && *found) {
		body->size = (uint64_t)sqlite3_column_int64(next, 1);
		ok = statement_copy(next, 0, body->id.bytes, sizeof body->id.bytes) ||
		     error_set(error, ERROR_CORRUPT, "a body's id in the database is damaged");
	}
	statement_end(next);
	if (!ok || !*found)
		return ok;
	backup->last = body->id;
	backup->has_last = true;
	/* Not when it went because the unlinks could not be held back any longer. */
	return look_for_bytes(backup, body, error) && check_unbroken(backup->store, error);
}

bool store_backup_read_body(struct store_backup *backup, const struct store_backup_body *body,
	uint64_t offset, size_t at_most, struct buf *out, struct error *error)
{
	uint64_t left = offset < body->size ? body->size - offset : 0;
	size_t before = out->size, wanted = left < at_most ? (size_t)left : at_most;
	char path[PATH_SIZE];

	if (!check_unbroken(backup->store, error))
		return false;
	if (!backup->body || !id_is_equal(&backup->open_body, &body->id)) {
		file_close(&backup->body);
		if (!body_path(backup->store, &body->id, false, path, error))
			return false;
		backup->body = file_open(path, FILE_READ, error);
		backup->open_body = body->id;
	}
	if (!backup->body || !file_read_at(backup->body, offset, wanted, out, error))
		return false;
	return out->size - before == wanted ||
	       error_set(error, ERROR_CORRUPT,
		       "a file of bodies/ became shorter while it was copied");
}

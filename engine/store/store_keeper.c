/* store_keeper.c -- housekeeping beside the traffic: moves the log into the database, unlinks discarded
 * bodies, empties deleted mailboxes, looks after the room on the disk (store_room.c), and gives space back
 * when nothing else happens.
 *
 * The invariant: a file is unlinked only when its row in `discarded` is committed, and the row goes only
 * when the unlink is on the disk; so a crash at any point neither loses a body that a message names nor
 * brings a deleted one back as lost. Every write goes through the committer like anybody's. When there
 * is nothing to do the thread sleeps until it is woken. */
#include <assert.h>

#include "platform/file.h"
#include "store_internal.h"

enum {
	CHECKPOINT_PAGES = 1000,
	IDLE_US = 2000000,
	SWEEP_BATCH = 256,
	PURGE_BATCH = 500,
	SPARE_PAGES = 4096, /* free pages kept for the next mail: 16 MiB */
	VACUUM_STEPS = 8,
	LOG_BYTES_AT_REST = 4 * 1024 * 1024,
};
/* At rest: for what was kept long enough meanwhile. */
static const int64_t rest_us = 3600 * INT64_C(1000000);

struct tasks {
	bool checkpoint, sweep, purge, look, tidy;
};

bool keeper_is_stopping(struct store *store)
{
	struct keeper *keeper = &store->keeper;
	bool stopping;

	mutex_lock(keeper->mutex);
	stopping = keeper->is_stopping;
	mutex_unlock(keeper->mutex);
	return stopping;
}

/* A failure is told once, and again only after it went well in between. That the database is down the
 * committer has told. */
static bool note_failure(
	struct store *store, bool failed_before, bool ok, const struct error *error)
{
	if (!ok && !failed_before && error->os_code != DATABASE_DOWN && !keeper_is_stopping(store))
		store_trouble(store, error);
	return !ok;
}

/* ---- checkpoints ---- */

static int move_log(struct store *store, int mode, int *moved, struct error *error)
{
	struct database *database = &store->databases[DATABASE_KEEPER];
	int in_log = 0, code;

	if (!database_use(database, NULL))
		return SQLITE_BUSY;
	code = sqlite3_wal_checkpoint_v2(database->handle, NULL, mode, &in_log, moved);
	if (code != SQLITE_OK && code != SQLITE_BUSY)
		database_failed(database, code, error, "moving the log into the database");
	database_leave(database);
	return code;
}

static void checkpoint(struct store *store, int mode)
{
	struct keeper *keeper = &store->keeper;
	struct error error = { 0 };
	int moved = 0;
	int code = move_log(store, mode, &moved, &error);

	/* A write that found no room is not a sync that failed: it may be tried again. */
	if ((code & 0xff) == SQLITE_FULL && ballast_release(store))
		code = move_log(store, mode, &moved, &error);
	switch (code & 0xff) {
	case SQLITE_OK:
		mutex_lock(keeper->mutex);
		keeper->pages_moved = moved;
		mutex_unlock(keeper->mutex);
		if (mode == SQLITE_CHECKPOINT_TRUNCATE)
			committer_log_emptied(store);
		keeper->disk_is_full = false;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_NOMEM:
		break;
	case SQLITE_FULL:
		keeper->disk_is_full = note_failure(store, keeper->disk_is_full, false, &error);
		break;
	default:
		committer_reopen(store, &error);
	}
}

/* ---- discarded bodies ---- */

struct batch {
	struct id ids[SWEEP_BATCH];
	size_t count;
};

void keeper_hold(struct store *store)
{
	mutex_lock(store->keeper.mutex);
	store->keeper.holds++;
	mutex_unlock(store->keeper.mutex);
}

void keeper_release(struct store *store)
{
	struct keeper *keeper = &store->keeper;

	mutex_lock(keeper->mutex);
	assert(keeper->holds);
	keeper->holds--;
	keeper->must_sweep = true;
	condition_signal(keeper->wake);
	mutex_unlock(keeper->mutex);
}

static bool is_held(struct store *store)
{
	bool held;

	mutex_lock(store->keeper.mutex);
	held = store->keeper.holds > 0;
	mutex_unlock(store->keeper.mutex);
	return held;
}

static bool next_batch(
	struct store *store, struct bytes after, struct batch *batch, struct error *error)
{
	struct database *database = &store->databases[DATABASE_KEEPER];
	sqlite3_stmt *next;
	bool has_row = true;
	bool ok;

	batch->count = 0;
	if (!database_use(database, error))
		return false;
	next = database_statement(database, SQL_DISCARD_NEXT, error);
	ok = next != NULL;
	if (next) {
		sqlite3_bind_blob64(next, 1, after.data, after.size, SQLITE_STATIC);
		sqlite3_bind_int(next, 2, SWEEP_BATCH);
	}
	while (ok && has_row) {
		ok = database_step(database, next, &has_row, error);
		if (ok && has_row &&
			statement_copy(next, 0, batch->ids[batch->count].bytes,
				sizeof batch->ids[batch->count].bytes))
			batch->count++;
	}
	statement_end(next);
	database_leave(database);
	return ok;
}

static bool forget(struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	const struct batch *batch = arguments;
	struct database *writer = store_writer(store);
	sqlite3_stmt *erase = database_statement(writer, SQL_DISCARD_DELETE, error);

	(void)file_bytes;
	if (!erase)
		return false;
	for (size_t i = 0; i < batch->count; i++) {
		sqlite3_bind_blob(
			erase, 1, batch->ids[i].bytes, sizeof batch->ids[i].bytes, SQLITE_STATIC);
		if (!database_run(writer, erase, error))
			return false;
	}
	return true;
}

/* Leaves in the batch what is gone; *error is set when something was not to be removed. */
static bool unlink_batch(struct store *store, struct batch *batch, struct error *error)
{
	char path[PATH_SIZE];
	size_t gone = 0;
	bool ok = true;

	for (size_t i = 0; i < batch->count; i++) {
		struct error own = { 0 };

		if (body_path(store, &batch->ids[i], false, path, &own) &&
			!file_remove(path, &own) && own.kind != ERROR_NOT_FOUND) {
			*error = own;
			ok = false;
			continue;
		}
		batch->ids[gone++] = batch->ids[i];
	}
	batch->count = gone;
	return ok;
}

bool keeper_sweep(struct store *store, struct error *error)
{
	struct batch batch = { .count = SWEEP_BATCH };
	struct id last = { { 0 } };
	struct bytes after = bytes_of("");
	bool ok = true;
	bool is_last = false;

	while (!is_last) {
		if (!next_batch(store, after, &batch, error))
			return false;
		is_last = batch.count < SWEEP_BATCH;
		/* Asked behind the list: what was discarded by then is in no copy that a hold is for. */
		if (!batch.count || is_held(store))
			break;
		last = batch.ids[batch.count - 1];
		after = bytes_make(last.bytes, sizeof last.bytes);
		ok = unlink_batch(store, &batch, error) && ok;
		if (!batch.count)
			continue;
		if (!store_sync_folder(store, store->bodies, error) ||
			!committer_free_space(
				store, "forgetting removed files", forget, &batch, error))
			return false;
	}
	return ok;
}

/* ---- deleted mailboxes ---- */

static bool purge_step(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	return removal_purge(store, PURGE_BATCH, file_bytes, arguments, error);
}

static bool purge(struct store *store, struct error *error)
{
	bool more = true;

	while (more && !keeper_is_stopping(store)) {
		if (!committer_free_space(
			    store, "emptying a deleted mailbox", purge_step, &more, error))
			return false;
	}
	return true;
}

/* ---- when nothing happens ---- */

static bool vacuum_step(
	struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	sqlite3_stmt *vacuum = database_statement(store_writer(store), SQL_VACUUM, error);

	(void)arguments;
	(void)file_bytes;
	return vacuum && database_run(store_writer(store), vacuum, error);
}

static bool has_spare_pages(struct store *store)
{
	struct database *database = &store->databases[DATABASE_KEEPER];
	sqlite3_stmt *pages;
	bool has_row = false;
	int64_t spare = 0;

	if (!database_use(database, NULL))
		return false;
	pages = database_statement(database, SQL_PAGES, NULL);
	if (pages && database_step(database, pages, &has_row, NULL) && has_row)
		spare = sqlite3_column_int64(pages, 1);
	statement_end(pages);
	database_leave(database);
	return spare > SPARE_PAGES;
}

/* What could not be done before gets another try; then a bounded piece of giving space back. True:
 * there is more. */
static bool tidy(struct store *store, struct tasks *tasks)
{
	struct keeper *keeper = &store->keeper;
	bool more = false;

	tasks->sweep = keeper->sweep_failed;
	tasks->purge = keeper->purge_failed;
	tasks->look = true;
	for (int i = 0; i < VACUUM_STEPS; i++) {
		more = has_spare_pages(store);
		if (!more ||
			!committer_perform(store, "giving space back", vacuum_step, NULL, NULL))
			break;
	}
	checkpoint(store, committer_log_bytes(store) > LOG_BYTES_AT_REST
				  ? SQLITE_CHECKPOINT_TRUNCATE
				  : SQLITE_CHECKPOINT_PASSIVE);
	return more || keeper->sweep_failed || keeper->purge_failed;
}

/* ---- the thread ---- */

/* True: something is left to be looked at again. */
static bool work(struct store *store, const struct tasks *tasks)
{
	struct keeper *keeper = &store->keeper;
	struct error error = { 0 };
	bool more = false;
	bool ok;

	if (tasks->checkpoint)
		checkpoint(store, SQLITE_CHECKPOINT_PASSIVE);
	if (tasks->purge) {
		ok = purge(store, &error);
		keeper->purge_failed = note_failure(store, keeper->purge_failed, ok, &error);
	}
	if (tasks->sweep) {
		ok = keeper_sweep(store, &error);
		keeper->sweep_failed = note_failure(store, keeper->sweep_failed, ok, &error);
	}
	if (tasks->look) {
		ok = room_keep(store, &more, &error);
		keeper->look_failed = note_failure(store, keeper->look_failed, ok, &error);
	}
	return more;
}

/* Waits for something to do; false when the thread is to end. */
static bool next_tasks(struct keeper *keeper, struct tasks *tasks)
{
	uint64_t groups;

	*tasks = (struct tasks){ .checkpoint = false };
	groups = keeper->groups;
	while (!keeper->is_stopping && !keeper->must_checkpoint && !keeper->must_sweep &&
		!keeper->must_purge && !keeper->must_look) {
		if (keeper->is_resting) {
			tasks->look = !condition_wait_for(keeper->wake, keeper->mutex, rest_us);
			if (tasks->look)
				break;
		} else if (!condition_wait_for(keeper->wake, keeper->mutex, IDLE_US)) {
			tasks->tidy = groups == keeper->groups;
			groups = keeper->groups;
			if (tasks->tidy)
				break;
		}
	}
	tasks->checkpoint = keeper->must_checkpoint;
	tasks->sweep = keeper->must_sweep;
	tasks->purge = keeper->must_purge;
	tasks->look |= keeper->must_look;
	keeper->must_checkpoint = keeper->must_sweep = keeper->must_purge = false;
	keeper->must_look = false;
	return !keeper->is_stopping;
}

static void run(void *context)
{
	struct store *store = context;
	struct keeper *keeper = &store->keeper;
	struct tasks tasks;

	mutex_lock(keeper->mutex);
	while (next_tasks(keeper, &tasks)) {
		uint64_t groups = keeper->groups;
		bool more = true;

		mutex_unlock(keeper->mutex);
		if (damage_is_there(store)) {
			more = false;
		} else {
			if (tasks.tidy)
				more = tidy(store, &tasks);
			more |= work(store, &tasks);
		}
		mutex_lock(keeper->mutex);
		keeper->is_resting = !more && groups == keeper->groups;
	}
	mutex_unlock(keeper->mutex);
}

void keeper_notice(struct store *store, int pages_in_log, bool has_discarded)
{
	struct keeper *keeper = &store->keeper;

	mutex_lock(keeper->mutex);
	keeper->groups++;
	/* The log has begun anew: what was moved of the old one does not count. */
	if (pages_in_log < keeper->pages_moved)
		keeper->pages_moved = 0;
	if (pages_in_log - keeper->pages_moved >= CHECKPOINT_PAGES)
		keeper->must_checkpoint = true;
	keeper->must_sweep |= has_discarded;
	if (keeper->is_resting || keeper->must_checkpoint || keeper->must_sweep)
		condition_signal(keeper->wake);
	keeper->is_resting = false;
	mutex_unlock(keeper->mutex);
}

void keeper_purge(struct store *store)
{
	struct keeper *keeper = &store->keeper;

	mutex_lock(keeper->mutex);
	keeper->must_purge = true;
	condition_signal(keeper->wake);
	mutex_unlock(keeper->mutex);
}

void keeper_look(struct store *store)
{
	struct keeper *keeper = &store->keeper;

	mutex_lock(keeper->mutex);
	keeper->must_look = true;
	condition_signal(keeper->wake);
	mutex_unlock(keeper->mutex);
}

bool keeper_init(struct keeper *keeper, struct error *error)
{
	keeper->mutex = mutex_new(error);
	keeper->wake = condition_new(error);
	return keeper->mutex && keeper->wake;
}

bool keeper_start(struct store *store, struct error *error)
{
	struct keeper *keeper = &store->keeper;

	/* What the last run did not come to. */
	mutex_lock(keeper->mutex);
	keeper->must_sweep = keeper->must_purge = keeper->must_look = true;
	mutex_unlock(keeper->mutex);
	keeper->thread = thread_start("store-keeper", run, store, error);
	return keeper->thread != NULL;
}

void keeper_stop(struct store *store)
{
	struct keeper *keeper = &store->keeper;

	if (!keeper->thread)
		return;
	mutex_lock(keeper->mutex);
	keeper->is_stopping = true;
	condition_signal(keeper->wake);
	mutex_unlock(keeper->mutex);
	thread_join(&keeper->thread);
}

void keeper_clear(struct keeper *keeper)
{
	condition_free(&keeper->wake);
	mutex_free(&keeper->mutex);
}

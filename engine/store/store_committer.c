/* store_committer.c -- the one thread that writes: it takes whatever waits into one transaction with one
 * sync, and answers after that.
 *
 * The invariant: a request that ends well has been in a COMMIT that SQLite reported as synced. A sync or
 * COMMIT that failed is never repeated: its group fails, every connection is closed, and the database is
 * opened anew from what is known to be on the disk (docs/internals/store.md, "A failed sync"). */
#include <assert.h>
#include <stdio.h>

#include "platform/clock.h"
#include "store_internal.h"

enum {
	GROUP_REQUESTS = 256,
	GROUP_ROWS = 4096,
	GROUP_BYTES = 16 * 1024 * 1024,
	REOPEN_INTERVAL_US = 1000000,
	IDLE_US = 1000000,
	LOG_BYTES_MAX = 64 * 1024 * 1024,
};

struct group {
	struct list requests;
	size_t count, rows, bytes;
	bool must_reopen;
	bool has_committed;
	struct error cause; /* of must_reopen */
};

/* ---- the queue ---- */

bool committer_init(struct committer *committer, struct error *error)
{
	list_init(&committer->waiting);
	committer->mutex = mutex_new(error);
	committer->filled = condition_new(error);
	committer->settled = condition_new(error);
	return committer->mutex && committer->filled && committer->settled;
}

void committer_clear(struct committer *committer)
{
	assert(!committer->waiting.next || list_is_empty(&committer->waiting));
	condition_free(&committer->settled);
	condition_free(&committer->filled);
	mutex_free(&committer->mutex);
}

void committer_submit(struct store *store, struct store_request *request)
{
	struct committer *committer = &store->committer;

	mutex_lock(committer->mutex);
	list_append(&committer->waiting, &request->link);
	condition_signal(committer->filled);
	mutex_unlock(committer->mutex);
}

void committer_wake(struct store *store)
{
	mutex_lock(store->committer.mutex);
	condition_signal(store->committer.filled);
	mutex_unlock(store->committer.mutex);
}

void committer_reopen(struct store *store, const struct error *cause)
{
	struct committer *committer = &store->committer;

	mutex_lock(committer->mutex);
	committer->must_reopen = true;
	committer->reopen_cause = *cause;
	condition_signal(committer->filled);
	mutex_unlock(committer->mutex);
}

static bool has_room(struct group *group, struct store_request *request)
{
	size_t rows = 1, bytes = 0;

	if (request->type->measure)
		request->type->measure(request, &rows, &bytes);
	/* One always goes, whatever its size. */
	if (group->count && (group->count == GROUP_REQUESTS || group->rows + rows > GROUP_ROWS ||
				    group->bytes + bytes > GROUP_BYTES))
		return false;
	group->count++;
	group->rows += rows;
	group->bytes += bytes;
	return true;
}

/* Takes the next group; false when the thread is to end. An empty group only looks after the database. */
static bool take_group(struct store *store, struct group *group)
{
	struct committer *committer = &store->committer;
	struct list *link;
	bool goes_on;

	*group = (struct group){ .count = 0 };
	list_init(&group->requests);
	mutex_lock(committer->mutex);
	while (list_is_empty(&committer->waiting) && !committer->is_stopping &&
		!committer->must_reopen && !backup_is_copying(store)) {
		if (committer->is_resting)
			condition_wait(committer->filled, committer->mutex);
		else if (!condition_wait_for(committer->filled, committer->mutex, IDLE_US))
			break;
	}
	while ((link = committer->waiting.next) != &committer->waiting) {
		struct store_request *request = list_entry(link, struct store_request, link);

		if (!has_room(group, request))
			break;
		list_remove(link);
		list_append(&group->requests, link);
		request->has_failed = false;
	}
	group->must_reopen = committer->must_reopen;
	group->cause = committer->reopen_cause;
	goes_on = !committer->is_stopping || group->count > 0 || group->must_reopen;
	committer->must_reopen = false;
	mutex_unlock(committer->mutex);
	return goes_on;
}

int64_t committer_log_bytes(struct store *store)
{
	int64_t bytes;

	mutex_lock(store->committer.mutex);
	bytes = store->committer.log_bytes;
	mutex_unlock(store->committer.mutex);
	return bytes;
}

void committer_log_emptied(struct store *store)
{
	mutex_lock(store->committer.mutex);
	store->committer.log_bytes = 0;
	mutex_unlock(store->committer.mutex);
}

/* ---- one group ---- */

static void fail(struct store_request *request, const struct error *error)
{
	if (request->has_failed)
		return;
	request->has_failed = true;
	*request->error = *error;
	if (request->type->doing)
		error_prefix(request->error, "%s", request->type->doing);
}

static void fail_all(struct group *group, const struct error *error)
{
	struct list *link;

	list_for_each (link, &group->requests)
		fail(list_entry(link, struct store_request, link), error);
}

/* Names for the synced files of the group, then one folder sync for all of them. */
static bool prepare(struct store *store, struct group *group, struct error *error)
{
	struct list *link;
	bool has_renamed = false;

	if (group->count)
		room_refresh(store);
	list_for_each (link, &group->requests) {
		struct store_request *request = list_entry(link, struct store_request, link);
		struct error own = { 0 };

		if (request->type->prepare &&
			!request->type->prepare(store, request, &has_renamed, &own))
			fail(request, &own);
	}
	if (!has_renamed || store_sync_folder(store, store->bodies, error))
		return true;
	store_trouble(store, error);
	return false;
}

static bool run_statement(struct store *store, enum statement which, struct error *error)
{
	struct database *writer = store_writer(store);
	sqlite3_stmt *statement = database_statement(writer, which, error);

	return statement && database_run(writer, statement, error);
}

/* Whether the trouble is in the file or the disk, so that this connection is not to be trusted. */
static bool is_fatal(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_FULL:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_NOMEM:
	case SQLITE_CONSTRAINT:
		return false;
	default:
		return true;
	}
}

static bool is_full(const struct database *writer)
{
	return (writer->failed_code & 0xff) == SQLITE_FULL;
}

/* One request in a savepoint of its own, so that it fails alone. False: the transaction is lost. */
static bool run_request(struct store *store, struct store_request *request, struct error *error)
{
	struct database *writer = store_writer(store);
	struct error own = { 0 };

	if (!run_statement(store, SQL_SAVEPOINT, error))
		return false;
	request->file_bytes = 0;
	writer->failed_code = SQLITE_OK;
	if (request->type->run(store, request, &own))
		return run_statement(store, SQL_RELEASE, error);
	/* SQLite gives up the whole transaction after some failures (lang_transaction.html, 3.1). What
	 * frees space gives it up itself, to be tried again without the others. */
	if (is_fatal(writer->failed_code) || sqlite3_get_autocommit(writer->handle) ||
		(request->type->frees_space && is_full(writer))) {
		*error = own;
		return false;
	}
	fail(request, &own);
	return run_statement(store, SQL_ROLLBACK_TO, error) &&
	       run_statement(store, SQL_RELEASE, error);
}

/* A sync of the same file has failed on another connection meanwhile. Where the system tells only one of
 * them, this COMMIT's own sync says nothing. */
static bool is_doubtful(struct store *store, struct error *error)
{
	struct committer *committer = &store->committer;
	bool is_doubtful_now;

	mutex_lock(committer->mutex);
	is_doubtful_now = committer->must_reopen;
	if (is_doubtful_now)
		*error = committer->reopen_cause;
	mutex_unlock(committer->mutex);
	return is_doubtful_now;
}

static bool run_transaction(struct store *store, struct group *group, struct error *error)
{
	struct list *link;
	bool has_work = false;

	if (!run_statement(store, SQL_BEGIN, error))
		return false;
	list_for_each (link, &group->requests) {
		struct store_request *request = list_entry(link, struct store_request, link);

		if (request->has_failed)
			continue;
		if (!run_request(store, request, error))
			return false;
		has_work |= !request->has_failed;
	}
	if (!has_work)
		return run_statement(store, SQL_ROLLBACK, error);
	group->has_committed =
		run_statement(store, SQL_COMMIT, error) && !is_doubtful(store, error);
	return group->has_committed;
}

/* Leaves no transaction open after a failure; says whether the connection can go on. */
static bool recover(struct store *store)
{
	struct database *writer = store_writer(store);
	int code = writer->failed_code;

	if (!sqlite3_get_autocommit(writer->handle) && !run_statement(store, SQL_ROLLBACK, NULL))
		return false;
	return !is_fatal(code) && sqlite3_get_autocommit(writer->handle);
}

/* After a transaction that found no room: once more, with what frees space alone. Nothing was committed,
 * since the write of a frame failed and not a sync, so this repeats none. */
static bool run_freeing(struct store *store, struct group *group, struct error *error)
{
	struct list *link;
	bool has_freeing = false;

	if (!is_full(store_writer(store)) || !recover(store))
		return false;
	list_for_each (link, &group->requests) {
		struct store_request *request = list_entry(link, struct store_request, link);

		if (!request->type->frees_space)
			fail(request, error);
		has_freeing |= !request->has_failed;
	}
	if (!has_freeing)
		return false;
	(void)ballast_release(store);
	return run_transaction(store, group, error);
}

/* ---- keeping the database open ---- */

/* Closes every connection, and opens them again if the last attempt is a second ago. */
static void reopen(struct store *store, struct error *error)
{
	struct committer *committer = &store->committer;
	int64_t now = clock_monotonic_us();

	committer->is_open = false;
	if (now < committer->next_attempt_us && !damage_is_there(store)) {
		store_connections_shut(store);
		error_set(error, ERROR_IO, "the database was opened less than a second ago");
		return;
	}
	committer->next_attempt_us = now + REOPEN_INTERVAL_US;
	committer->is_open = store_connections_reopen(store, error) && !damage_is_there(store);
	if (committer->is_open)
		committer_log_emptied(store);
}

static void reopen_after(struct store *store, const struct error *cause)
{
	struct error trouble = *cause, error = { 0 };

	/* A damaged tree is not written to again: what is read of it may still be whole. */
	if ((store_writer(store)->failed_code & 0xff) == SQLITE_CORRUPT && store->options.on_damage)
		damage_note(store, cause);
	reopen(store, &error);
	if (damage_is_there(store))
		return;
	if (store->committer.is_open)
		error_prefix(&trouble, "the database was closed and opened again after a failure; "
				       "the mail of that "
				       "moment was refused and will be sent again");
	else
		error_prefix(&trouble,
			"no mail can be received or collected until the disk works again (%s)",
			error.text);
	store_trouble(store, &trouble);
}

static bool is_open(struct store *store, struct error *error)
{
	struct committer *committer = &store->committer;
	struct error trouble = { 0 };

	if (damage_is_there(store))
		return damage_refuses(store, error);
	if (!committer->is_open && clock_monotonic_us() >= committer->next_attempt_us) {
		reopen(store, NULL);
		if (committer->is_open) {
			error_set(&trouble, ERROR_NONE, "the database is open again");
			store_trouble(store, &trouble);
		}
	}
	return committer->is_open || database_is_down(error);
}

/* When the keeper's checkpoints never reach the end of the log, since it grows meanwhile, it is emptied
 * here, where nothing grows. */
static bool make_room(struct store *store, struct error *error)
{
	struct database *writer = store_writer(store);
	int code;

	if ((int64_t)store->committer.pages_in_log * PAGE_BYTES < LOG_BYTES_MAX)
		return true;
	code = sqlite3_wal_checkpoint_v2(
		writer->handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	if ((code & 0xff) == SQLITE_FULL && ballast_release(store))
		code = sqlite3_wal_checkpoint_v2(
			writer->handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	if (!is_fatal(code))
		return true;
	return database_failed(writer, code, error, "moving the log into the database");
}

/* ---- the thread ---- */

static void finish_group(struct store *store, struct group *group)
{
	struct committer *committer = &store->committer;
	struct list *link;

	while ((link = list_take_first(&group->requests))) {
		struct store_request *request = list_entry(link, struct store_request, link);

		if (!request->has_failed && request->file_bytes) {
			mutex_lock(committer->mutex);
			committer->file_bytes += request->file_bytes;
			mutex_unlock(committer->mutex);
		}
		if (!request->has_failed && request->type->has_more &&
			request->type->has_more(request))
			committer_submit(store, request);
		else
			request->type->finish(store, request);
	}
}

static void note_commit(struct store *store)
{
	struct committer *committer = &store->committer;
	int64_t log_bytes = (int64_t)committer->pages_in_log * PAGE_BYTES;

	log_note_commit(store, committer->pages_in_log);
	mutex_lock(committer->mutex);
	committer->commits++;
	if (log_bytes > committer->log_bytes)
		committer->log_bytes = log_bytes;
	mutex_unlock(committer->mutex);
}

static void run_group(struct store *store, struct group *group)
{
	struct committer *committer = &store->committer;
	struct error error = { 0 };
	int pages_before = committer->pages_in_log;

	committer->has_discarded = false;
	/* Nothing is written on connections that somebody has doubts about. */
	if (group->must_reopen)
		reopen_after(store, &group->cause);
	group->must_reopen = false;
	if (!is_open(store, &error) || !prepare(store, group, &error)) {
		fail_all(group, &error);
	} else if (group->count && !run_transaction(store, group, &error) &&
		   !run_freeing(store, group, &error)) {
		fail_all(group, &error);
		if (!recover(store)) {
			group->must_reopen = true;
			group->cause = error;
		}
	}
	if (group->has_committed)
		note_commit(store);
	finish_group(store, group);
	if (group->has_committed && !make_room(store, &group->cause))
		group->must_reopen = true;
	if (group->must_reopen)
		reopen_after(store, &group->cause);
	if (group->has_committed)
		keeper_notice(store, committer->pages_in_log, committer->has_discarded);
	/* An empty group means that for a while nothing came: the next wait is for as long as it takes,
	 * unless the database is still to be opened. */
	committer->is_resting = !group->count && (committer->is_open || damage_is_there(store)) &&
				!backup_is_copying(store);
	if (committer->is_resting && committer->is_open)
		(void)sqlite3_db_release_memory(store_writer(store)->handle);
	/* The log may have begun anew. */
	backup_step(store, committer->pages_in_log >= pages_before
				   ? committer->pages_in_log - pages_before
				   : committer->pages_in_log);
}

static void run(void *context)
{
	struct store *store = context;
	struct group group;

	while (take_group(store, &group))
		run_group(store, &group);
}

bool committer_start(struct store *store, struct error *error)
{
	store->committer.is_open = !damage_is_there(store);
	store->committer.thread = thread_start("committer", run, store, error);
	return store->committer.thread != NULL;
}

void committer_stop(struct store *store)
{
	struct committer *committer = &store->committer;

	if (!committer->thread)
		return;
	mutex_lock(committer->mutex);
	committer->is_stopping = true;
	condition_signal(committer->filled);
	mutex_unlock(committer->mutex);
	thread_join(&committer->thread);
}

/* ---- writes that their caller waits for ---- */

struct blocking {
	struct store_request request;
	store_work *work;
	void *arguments;
	bool is_done;
};

static bool blocking_run(struct store *store, struct store_request *request, struct error *error)
{
	struct blocking *blocking = list_entry(request, struct blocking, request);

	return blocking->work(store, blocking->arguments, &request->file_bytes, error);
}

static void blocking_finish(struct store *store, struct store_request *request)
{
	struct blocking *blocking = list_entry(request, struct blocking, request);

	mutex_lock(store->committer.mutex);
	blocking->is_done = true;
	condition_broadcast(store->committer.settled);
	mutex_unlock(store->committer.mutex);
}

static const struct store_request_type blocking_type = {
	.run = blocking_run,
	.finish = blocking_finish,
};

static const struct store_request_type freeing_type = {
	.frees_space = true,
	.run = blocking_run,
	.finish = blocking_finish,
};

static bool perform(struct store *store, const struct store_request_type *type, const char *doing,
	store_work *work, void *arguments, struct error *error)
{
	struct error own = { 0 };
	struct blocking blocking = {
		.request = { .type = type, .error = error ? error : &own },
		.work = work,
		.arguments = arguments,
	};

	committer_submit(store, &blocking.request);
	mutex_lock(store->committer.mutex);
	while (!blocking.is_done)
		condition_wait(store->committer.settled, store->committer.mutex);
	mutex_unlock(store->committer.mutex);
	if (blocking.request.has_failed)
		error_prefix(blocking.request.error, "%s", doing);
	return !blocking.request.has_failed;
}

bool committer_perform(struct store *store, const char *doing, store_work *work, void *arguments,
	struct error *error)
{
	return perform(store, &blocking_type, doing, work, arguments, error);
}

bool committer_free_space(struct store *store, const char *doing, store_work *work, void *arguments,
	struct error *error)
{
	return perform(store, &freeing_type, doing, work, arguments, error);
}

/* storage_move.c -- checks first, so that what can be refused is refused while the gateway runs. What is copied here is
 * looked at again by the next start; nothing of the store in use is touched. */
#include "service/storage_move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "platform/file.h"
#include "platform/folder_tree.h"
#include "store/store_move.h"

enum { STEP_BYTES = 64 * 1024 * 1024 };

#define MIB (UINT64_C(1024) * 1024)
/* Beside what is there: the ballast, and the mail that comes meanwhile. */
static const uint64_t room_beside = STORE_BALLAST_BYTES + 64 * MIB;

struct storage_move {
	struct service *service;
	char data_folder[PATH_SIZE];
	struct storage_request request;
	struct store_move *files;
	bool is_marked, is_requested;
};

/* ---- the folder ---- */

struct looking {
	const char *folder;
	bool is_empty;
};

/* The root of a disk has a lost+found, which is its own. */
static bool look_at(void *context, const char *name)
{
	struct looking *looking = context;

	looking->is_empty = strcmp(name, "lost+found") == 0;
	return looking->is_empty;
}

static bool check_empty(const struct storage_move *move, struct error *error)
{
	const char *folder = move->request.to;
	struct looking looking = { folder, true };

	/* Back into the data folder, where certificates and logs lie. */
	if (strcmp(folder, move->data_folder) == 0)
		looking.is_empty = !store_move_is_store(folder);
	else if (!folder_each(folder, look_at, &looking, error))
		return false;
	return looking.is_empty ||
	       error_set(error, ERROR_EXISTS, "%.300s is not empty; name a new or an empty folder",
		       folder);
}

static bool is_inside(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/';
}

static bool check_place(const struct storage_move *move, const char *to, struct error *error)
{
	if (strcmp(to, move->request.from) == 0)
		return error_set(error, ERROR_STATE, "the mail is in %.300s already", to);
	if (is_inside(to, move->request.from) || is_inside(to, move->data_folder))
		return error_set(error, ERROR_INVALID,
			"%.300s lies in the folder that is in use; name one beside it, or on "
			"another disk",
			to);
	return true;
}

static void log_trouble(void *context, const struct error *trouble)
{
	(void)context;
	log_event(LOG_WARNING, "storage.trial", "why=\"%s\"", trouble->text);
}

/* Where a database with a log cannot be made, none can be moved to. */
static bool try_store(const struct storage_move *move, struct error *error)
{
	struct store_options options = { .on_trouble = log_trouble };
	char folder[PATH_SIZE];
	struct store *store = NULL;
	bool ok;

	if (!path_join(move->request.to, "trial", folder, error) || !folder_create(folder, error))
		return false;
	options.folder = folder;
	store = store_open(&options, error);
	ok = store != NULL;
	store_close(&store);
	return folder_tree_remove(folder, ok ? error : NULL) && ok;
}

static bool check_room(const struct storage_move *move, struct error *error)
{
	struct store_figures figures;
	uint64_t free_bytes = 0, needed;

	if (!store_figures(move->service->store, &figures, error) ||
		!folder_free_bytes(move->request.to, &free_bytes, error))
		return false;
	needed = figures.used_bytes + figures.reserve_bytes + room_beside;
	return free_bytes >= needed ||
	       error_set(error, ERROR_FULL,
		       "there are %llu MiB free in %.300s, and the mail needs %llu MiB with the "
		       "reserve",
		       (unsigned long long)(free_bytes / MIB), move->request.to,
		       (unsigned long long)(needed / MIB));
}

/* ---- from beginning to end ---- */

static bool check_state(struct service *service, struct error *error)
{
	if (store_is_damaged(service->store, NULL))
		return error_set(error, ERROR_STATE,
			"the database is damaged; restore a backup before the mail is moved");
	if (atomic_load(&service->is_taking_backup))
		return error_set(error, ERROR_BUSY,
			"a backup is being verified or restored; wait for it to end");
	if (atomic_load(&service->doubts) & SERVICE_RESTORED)
		return error_set(error, ERROR_STATE,
			"the last restore waits for its confirmation, and the folder with the "
			"store "
			"from before would stay behind: lettergatectl backup confirm");
	return true;
}

/* What an attempt left that was cut short is its own to be replaced. */
static bool prepare_folder(struct storage_move *move, struct error *error)
{
	const char *to = move->request.to;

	if (storage_is_marked(to, move->data_folder) &&
		(!store_move_remove(to, error) || !storage_unmark(to, error)))
		return false;
	if (!check_empty(move, error) || !check_room(move, error) || !try_store(move, error))
		return false;
	move->is_marked = storage_mark(to, move->data_folder, error);
	return move->is_marked;
}

/* Looked at by the name that was given, before anything is made, and by its real one. */
static bool take_folder(struct storage_move *move, const char *target, struct error *error)
{
	bool is_new = !file_exists(target), ok;

	if (target[0] != '/')
		return error_set(error, ERROR_INVALID,
			"\"%.300s\" is no whole path: name the folder as in /srv/lettergate",
			target);
	if (!check_place(move, target, error) || !folder_create(target, error))
		return false;
	ok = path_canonical(target, move->request.to, error) &&
	     check_place(move, move->request.to, error) && prepare_folder(move, error);
	if (!ok && is_new)
		folder_remove(target, NULL);
	return ok;
}

struct storage_move *storage_move_new(struct service *service, const char *data_folder,
	const char *storage_folder, const char *target, struct error *error)
{
	struct storage_move *move;

	if (!check_state(service, error))
		return NULL;
	if (atomic_exchange(&service->is_moving, true)) {
		error_set(error, ERROR_BUSY, "the mail is being moved already");
		return NULL;
	}
	move = calloc(1, sizeof *move);
	if (!move) {
		atomic_store(&service->is_moving, false);
		error_set_memory(error);
		return NULL;
	}
	move->service = service;
	snprintf(move->data_folder, sizeof move->data_folder, "%s", data_folder);
	snprintf(move->request.from, sizeof move->request.from, "%s", storage_folder);
	if (take_folder(move, target, error))
		move->files = store_move_new(storage_folder, move->request.to, error);
	if (!move->files)
		storage_move_free(&move);
	return move;
}

bool storage_move_next(struct storage_move *move, uint64_t *done, uint64_t *total, bool *is_end,
	struct error *error)
{
	bool ok =
		store_move_next(move->files, STEP_BYTES, &move->service->is_ending, is_end, error);

	store_move_progress(move->files, done, total);
	if (ok && *is_end) {
		ok = storage_request_write(move->data_folder, &move->request, error);
		move->is_requested = ok;
	}
	if (!ok)
		error_prefix(error, "moving the mail");
	return ok;
}

void storage_move_free(struct storage_move **move)
{
	struct storage_move *freed = *move;
	struct error error;

	if (!freed)
		return;
	store_move_free(&freed->files);
	/* What does not go now goes when the folder is named again. */
	if (freed->is_marked && !freed->is_requested &&
		(!store_move_remove(freed->request.to, &error) ||
			!storage_unmark(freed->request.to, &error)))
		log_event(LOG_WARNING, "storage.left", "why=\"%s\"", error.text);
	atomic_store(&freed->service->is_moving, false);
	free(freed);
	*move = NULL;
}

const char *storage_move_target(const struct storage_move *move)
{
	return move->request.to;
}

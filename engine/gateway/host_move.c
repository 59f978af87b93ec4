/* host_move.c -- where the store is, and the end of a move, with the data folder locked and nothing of the store open.
 *
 * A move has a request in the data folder (service/storage_place.h), and its target a mark. In this order:
 *
 *	copy		what is not in the target yet: bodies, database, log; each synced before it gets its name, the
 *			folders after it
 *	switch		the file `storage` of the data folder is replaced: from here on the store is the new one
 *	clear		the files of the old one are removed, then the mark, then the request
 *
 * The invariant: the store is where `storage` says, and there it is whole. Before the switch the old one is not
 * touched; after it the new one is on the disk. A start that was cut short is done again by the next one, and which half
 * of it is to be done `storage` tells. A move that fails before the switch is given up; a switch that fails ends the
 * start, since nobody knows then what the disk has. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host_internal.h"
#include "platform/file.h"
#include "service/storage_place.h"
#include "store/store_move.h"

/* A folder of its own goes, too, when nothing else is in it. */
static void remove_folder(const char *folder)
{
	char lock[PATH_SIZE];

	if (path_join(folder, "lock", lock, NULL) && file_exists(lock))
		file_remove(lock, NULL);
	folder_remove(folder, NULL);
}

/* Only behind a switch that is on the disk. */
static bool clear(
	const char *data_folder, const struct storage_request *request, struct error *error)
{
	if (!folder_sync(data_folder, error) || !store_move_remove(request->from, error) ||
		!storage_unmark(request->to, error) || !storage_request_remove(data_folder, error))
		return false;
	if (strcmp(request->from, data_folder) != 0)
		remove_folder(request->from);
	return true;
}

/* The request last: as long as it is there, the copy is known to be one. */
static void give_up(
	const char *data_folder, const struct storage_request *request, const struct error *why)
{
	struct error error;

	log_event(LOG_ERROR, "storage.not-moved", "to=\"%s\" why=\"%s\"", request->to, why->text);
	if (storage_is_marked(request->to, data_folder) &&
		(!store_move_remove(request->to, &error) || !storage_unmark(request->to, &error)))
		log_event(LOG_WARNING, "storage.left", "why=\"%s\"", error.text);
	if (!storage_request_remove(data_folder, &error))
		log_event(LOG_WARNING, "storage.left", "why=\"%s\"", error.text);
}

static bool copy(
	const char *data_folder, const struct storage_request *request, struct error *error)
{
	if (!storage_is_marked(request->to, data_folder))
		return error_set(error, ERROR_STATE,
			"%.300s is not the folder any more that was prepared for it", request->to);
	return store_move_finish(request->from, request->to, error);
}

/* The request is not one of the store that is in use. */
static bool is_stale(const struct storage_request *request, const char *storage_folder)
{
	return strcmp(request->from, storage_folder) != 0 &&
	       strcmp(request->to, storage_folder) != 0;
}

/* False: it is not known on which side of the switch the disk is. The next start reads that. */
static bool end_move(const char *data_folder, char storage_folder[PATH_SIZE],
	const struct storage_request *request, struct error *trouble, struct error *error)
{
	struct error why = { .kind = ERROR_NONE };
	bool is_switched = strcmp(request->to, storage_folder) == 0;

	if (is_stale(request, storage_folder))
		error_set(&why, ERROR_STATE, "the mail is in another folder meanwhile");
	else if (!is_switched)
		copy(data_folder, request, &why);
	if (why.kind != ERROR_NONE) {
		give_up(data_folder, request, &why);
		error_set(trouble, why.kind, "The mail could not be moved to %.200s: %.250s",
			request->to, why.text);
		return true;
	}
	if (!is_switched && !storage_place_write(data_folder, request->to, error)) {
		error_prefix(error, "moving the mail to %.200s", request->to);
		return false;
	}
	memcpy(storage_folder, request->to, PATH_SIZE);
	log_event(LOG_INFO, "storage.moved", "from=\"%s\" to=\"%s\"", request->from, request->to);
	/* What does not go now goes at the next start. */
	if (!clear(data_folder, request, &why))
		log_event(LOG_WARNING, "storage.left", "why=\"%s\"", why.text);
	return true;
}

/* A disk that is not mounted has a folder in its place in which a new store would be begun. */
static bool check_store(const char *data_folder, const char *storage_folder, struct error *error)
{
	if (strcmp(data_folder, storage_folder) == 0 || store_move_is_store(storage_folder))
		return true;
	return error_set(error, ERROR_NOT_FOUND,
		"the mail is kept in %.200s, as the file %.200s/storage says, and it is not there: "
		"mount that disk, or correct the file",
		storage_folder, data_folder);
}

bool host_move(const char *data_folder, char storage_folder[PATH_SIZE], struct error *trouble,
	struct error *error)
{
	struct storage_request *request = calloc(1, sizeof *request);
	bool found = false, ok;

	*trouble = (struct error){ .kind = ERROR_NONE };
	if (!request)
		return error_set_memory(error);
	ok = storage_place_read(data_folder, storage_folder, error) &&
	     storage_request_read(data_folder, request, &found, error);
	if (ok && found)
		ok = end_move(data_folder, storage_folder, request, trouble, error);
	free(request);
	return ok && check_store(data_folder, storage_folder, error);
}

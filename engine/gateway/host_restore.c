/* host_restore.c -- a backup that was taken in and made ready (service/backup_sink.h) is put in the place of the store,
 * before anything of the store is open and with the data folder locked.
 *
 * In the folder of the store lie, in this order of what happens to them:
 *
 *	restore/tls		copied to tls.restore beside tls/ (which may be on another disk), tls/ is moved to
 *				before-restore-TIME/, tls.restore becomes tls/; then restore/tls goes
 *	restore/bodies		bodies/ is moved to before-restore-TIME/, restore/bodies becomes bodies/
 *	restore/lettergate.db	the log and the database are moved there, restore/lettergate.db becomes the database
 *	restore/		becomes incoming/, which is removed, if not now then by the next start
 *
 * The invariant: as long as restore/NAME is there, whatever is called NAME beside it is the old one; when it is not,
 * NAME is the new one. So each step can be told to be done or not, a start that was cut short is finished by the
 * next one, and nothing is opened before. What was there is whole in before-restore-TIME/, and nothing of it is deleted. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host_internal.h"
#include "platform/file.h"
#include "platform/folder_tree.h"
#include "service/backup_sink.h"

enum { NAME_MAX_SIZE = 64, TLS_FILE_MAX = 1024 * 1024 };

struct restoring {
	const char *storage, *data;
	char ready[PATH_SIZE];
	char before[PATH_SIZE];	     /* in the storage folder */
	char data_before[PATH_SIZE]; /* in the data folder; the same, unless the store was moved */
};

/* ---- moving ---- */

static bool move(
	const char *from_folder, const char *to_folder, const char *name, struct error *error)
{
	char from[PATH_SIZE], to[PATH_SIZE];

	if (!path_join(from_folder, name, from, error) || !path_join(to_folder, name, to, error))
		return false;
	return !file_exists(from) || file_rename(from, to, error);
}

/* The old ones out, on the disk before the new one comes. */
static bool exchange(const struct restoring *restoring, const char *name, const char *const *old,
	size_t old_count, struct error *error)
{
	char ready[PATH_SIZE];

	if (!path_join(restoring->ready, name, ready, error))
		return false;
	if (!file_exists(ready))
		return true;
	for (size_t i = 0; i < old_count; i++) {
		if (!move(restoring->storage, restoring->before, old[i], error))
			return false;
	}
	return folder_sync(restoring->before, error) && folder_sync(restoring->storage, error) &&
	       move(restoring->ready, restoring->storage, name, error) &&
	       folder_sync(restoring->storage, error) && folder_sync(restoring->ready, error);
}

/* ---- certificates and keys ---- */

struct copying {
	const char *from, *to;
	struct error *error;
	bool ok;
};

static bool copy_content(const char *from, const char *to, struct error *error)
{
	struct file *file = NULL;
	struct buf content;
	bool ok;

	buf_init(&content, TLS_FILE_MAX);
	ok = file_load(from, &content, error);
	if (ok)
		file = file_open(to, FILE_REPLACE, error);
	ok = file && file_write(file, buf_view(&content), error) && file_sync(file, error);
	file_close(&file);
	buf_wipe(&content);
	return ok;
}

static bool copy_file(void *context, const char *name)
{
	struct copying *copying = context;
	char from[PATH_SIZE], to[PATH_SIZE];

	copying->ok = path_join(copying->from, name, from, copying->error) &&
		      path_join(copying->to, name, to, copying->error) &&
		      copy_content(from, to, copying->error);
	return copying->ok;
}

static bool copy_folder(const char *from, const char *to, struct error *error)
{
	struct copying copying = { from, to, error, true };

	if (file_exists(to) && !folder_tree_remove(to, error))
		return false;
	return folder_create(to, error) && folder_each(from, copy_file, &copying, error) &&
	       copying.ok && folder_sync(to, error);
}

/* When the old one is in its place already, what is called tls is the new one or is not there yet. */
static bool exchange_tls(const struct restoring *restoring, struct error *error)
{
	char ready[PATH_SIZE], copy[PATH_SIZE], present[PATH_SIZE], before[PATH_SIZE];

	if (!path_join(restoring->ready, "tls", ready, error) ||
		!path_join(restoring->data, "tls.restore", copy, error) ||
		!path_join(restoring->data, "tls", present, error) ||
		!path_join(restoring->data_before, "tls", before, error))
		return false;
	if (!file_exists(ready))
		return true;
	if (!file_exists(before) || !file_exists(present)) {
		if (!copy_folder(ready, copy, error))
			return false;
		if (file_exists(present) && !file_rename(present, before, error))
			return false;
		if (!folder_sync(restoring->data_before, error) ||
			!folder_sync(restoring->data, error) ||
			!file_rename(copy, present, error) || !folder_sync(restoring->data, error))
			return false;
	}
	return folder_tree_remove(ready, error) && folder_sync(restoring->ready, error);
}

/* ---- the whole ---- */

static bool read_before(
	const struct restoring *restoring, char name[NAME_MAX_SIZE], struct error *error)
{
	static const char prefix[] = "before-restore-";
	char path[PATH_SIZE];
	struct buf content;
	bool ok;

	buf_init(&content, NAME_MAX_SIZE - 1);
	ok = path_join(restoring->ready, BACKUP_BEFORE, path, error) &&
	     file_load(path, &content, error);
	if (ok && (!bytes_copy_text(buf_view(&content), name, NAME_MAX_SIZE) ||
			  strncmp(name, prefix, sizeof prefix - 1) != 0 || strchr(name, '/')))
		ok = error_set(error, ERROR_CORRUPT,
			"%s is damaged. Move the folder restore away to begin with the store that "
			"is there",
			path);
	buf_clear(&content);
	return ok;
}

static bool find_places(struct restoring *restoring, struct error *error)
{
	char name[NAME_MAX_SIZE];

	return read_before(restoring, name, error) &&
	       path_join(restoring->storage, name, restoring->before, error) &&
	       path_join(restoring->data, name, restoring->data_before, error) &&
	       folder_create(restoring->before, error) &&
	       folder_create(restoring->data_before, error) &&
	       folder_sync(restoring->storage, error) && folder_sync(restoring->data, error);
}

static bool put_in_place(struct restoring *restoring, struct error *error)
{
	static const char *const bodies[] = { "bodies" };
	static const char *const database[] = { "lettergate.db-wal", "lettergate.db-shm",
		"lettergate.db" };
	char incoming[PATH_SIZE];

	return find_places(restoring, error) && exchange_tls(restoring, error) &&
	       exchange(restoring, bodies[0], bodies, 1, error) &&
	       exchange(restoring, database[2], database, 3, error) &&
	       path_join(restoring->storage, BACKUP_INCOMING, incoming, error) &&
	       file_rename(restoring->ready, incoming, error) &&
	       folder_sync(restoring->storage, error);
}

/* What was cut short while it came, and what is left of a restore. It takes room, and is in nobody's way. */
static void remove_incoming(const char *incoming)
{
	struct error error;

	if (file_exists(incoming) && !folder_tree_remove(incoming, &error))
		log_event(LOG_WARNING, "backup.left", "why=\"%s\"", error.text);
}

bool host_restore(const char *storage_folder, const char *data_folder, struct error *error)
{
	struct restoring *restoring = calloc(1, sizeof *restoring);
	char incoming[PATH_SIZE];
	bool ok;

	if (!restoring)
		return error_set_memory(error);
	restoring->storage = storage_folder;
	restoring->data = data_folder;
	ok = path_join(storage_folder, BACKUP_INCOMING, incoming, error) &&
	     path_join(storage_folder, BACKUP_READY, restoring->ready, error);
	if (ok)
		remove_incoming(incoming);
	if (ok && file_exists(restoring->ready)) {
		ok = put_in_place(restoring, error);
		if (ok)
			log_event(LOG_INFO, "backup.restored", "before=\"%s\"", restoring->before);
		else
			error_prefix(error, "putting a backup in place");
	}
	if (ok)
		remove_incoming(incoming);
	free(restoring);
	return ok;
}

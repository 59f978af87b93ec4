/* ctl_receiver.c -- pieces become files. The names come from the gateway and are checked here, too: nothing is
 * written but below PATH.part. */
#include <stdio.h>
#include <string.h>

#include "ctl_transfer_internal.h"
#include "platform/file.h"

static bool part_of(const char *path, char part[PATH_SIZE], struct error *error)
{
	if ((size_t)snprintf(part, PATH_SIZE, "%s.part", path) < PATH_SIZE)
		return true;
	return error_set(error, ERROR_INVALID, "the path %.200s is too long", path);
}

static bool check_paths(const char *path, const char *part, struct error *error)
{
	char parent[PATH_SIZE];

	ctl_tree_parent(path, parent);
	if (!ctl_tree_is_folder(parent))
		return error_set(error, ERROR_NOT_FOUND, "there is no folder %.400s", parent);
	if (file_exists(path) && !ctl_tree_is_empty(path))
		return error_set(error, ERROR_EXISTS,
			"%.300s is there already and would be overwritten; name another, or remove "
			"it",
			path);
	if (file_exists(part))
		return error_set(error, ERROR_EXISTS,
			"%.300s is left from an attempt that was cut short; remove it", part);
	return true;
}

bool ctl_receiver_check(const char *path, struct error *error)
{
	char clean[PATH_SIZE], part[PATH_SIZE];

	return ctl_tree_path(path, clean, error) && part_of(clean, part, error) &&
	       check_paths(clean, part, error);
}

bool ctl_receiver_begin(
	struct ctl_receiver *receiver, const char *path, bool is_file, struct error *error)
{
	memset(receiver, 0, sizeof *receiver);
	receiver->is_file = is_file;
	if (!ctl_tree_path(path, receiver->path, error) ||
		!part_of(receiver->path, receiver->part, error) ||
		!check_paths(receiver->path, receiver->part, error))
		return false;
	if (is_file && file_exists(receiver->path))
		return error_set(error, ERROR_EXISTS,
			"%.300s is a folder: name the file to be written", receiver->path);
	if (is_file)
		receiver->file = file_open(receiver->part, FILE_CREATE, error);
	receiver->is_begun =
		is_file ? receiver->file != NULL : folder_create(receiver->part, error);
	return receiver->is_begun;
}

static bool open_entry(struct ctl_receiver *receiver, const char *entry, struct error *error)
{
	char path[PATH_SIZE], parent[PATH_SIZE];

	if (!path_join(receiver->part, entry, path, error))
		return false;
	ctl_tree_parent(path, parent);
	if (folder_create(parent, error))
		receiver->file = file_open(path, FILE_CREATE, error);
	return receiver->file != NULL;
}

/* An empty folder; its name ends in "/". */
static bool make_folder(const char *part, const char *entry, struct error *error)
{
	char path[PATH_SIZE];

	return path_join(part, entry, path, error) && folder_create(path, error);
}

bool ctl_receiver_take(
	struct ctl_receiver *receiver, const struct transfer_piece *piece, struct error *error)
{
	bool ok;

	if (!transfer_order_step(&receiver->order, piece, error))
		return false;
	if (!*piece->entry)
		return true;
	/* One file has one entry, however it is called. */
	if (!receiver->file && receiver->is_file)
		return error_set(error, ERROR_INVALID, "more than one file came");
	if (transfer_entry_is_folder(piece->entry))
		return make_folder(receiver->part, piece->entry, error);
	if (!receiver->file && !open_entry(receiver, piece->entry, error))
		return false;
	ok = !piece->data.size || file_write(receiver->file, buf_view(&piece->data), error);
	if (!piece->is_entry_end)
		return ok;
	ok = ok && file_sync(receiver->file, error);
	file_close(&receiver->file);
	return ok;
}

static bool leave_file(void *context, const char *path, const char *entry, struct error *error)
{
	(void)context;
	(void)path;
	(void)entry;
	(void)error;
	return true;
}

static bool sync_folder(void *context, const char *path, struct error *error)
{
	(void)context;
	return folder_sync(path, error);
}

bool ctl_receiver_finish(struct ctl_receiver *receiver, struct error *error)
{
	static const struct ctl_tree_visitor syncer = { leave_file, sync_folder };
	char parent[PATH_SIZE];

	ctl_tree_parent(receiver->path, parent);
	/* No entry came for the one file: it is empty. */
	if (receiver->file && !file_sync(receiver->file, error))
		return false;
	file_close(&receiver->file);
	if (!receiver->is_file && !ctl_tree_walk(receiver->part, &syncer, NULL, error))
		return false;
	/* Somebody else may have put something there meanwhile: an empty folder alone gives way. */
	if (file_exists(receiver->path) &&
		(receiver->is_file || !folder_remove(receiver->path, NULL)))
		return error_set(
			error, ERROR_EXISTS, "%.300s has appeared meanwhile", receiver->path);
	if (!file_rename(receiver->part, receiver->path, error))
		return false;
	receiver->is_begun = false;
	return folder_sync(parent, error);
}

void ctl_receiver_clear(struct ctl_receiver *receiver)
{
	file_close(&receiver->file);
	if (receiver->is_begun && receiver->is_file)
		file_remove(receiver->part, NULL);
	else if (receiver->is_begun)
		ctl_tree_remove(receiver->part, NULL);
	receiver->is_begun = false;
}

/* ctl_sender.c -- files become pieces. What is sent is listed first, so that progress has a total. */
#include <stdlib.h>
#include <string.h>

#include "ctl_transfer_internal.h"
#include "platform/file.h"

static bool size_of(const char *path, uint64_t *size, struct error *error)
{
	struct file *file = file_open(path, FILE_READ, error);
	bool ok = file && file_size(file, size, error);

	file_close(&file);
	return ok;
}

static bool make_room(struct ctl_sender *sender)
{
	size_t capacity = sender->capacity ? 2 * sender->capacity : 16;
	struct ctl_sender_file *files;

	if (sender->count < sender->capacity)
		return true;
	files = realloc(sender->files, capacity * sizeof *files);
	if (!files)
		return false;
	sender->files = files;
	sender->capacity = capacity;
	return true;
}

static bool add_file(void *context, const char *path, const char *entry, struct error *error)
{
	struct ctl_sender *sender = context;
	struct ctl_sender_file *file;

	if (!transfer_entry_is_valid(entry))
		return error_set(error, ERROR_INVALID,
			"%.200s has a name that cannot be sent: too long, or with a colon, a "
			"backslash or the like",
			path);
	if (!make_room(sender))
		return error_set_memory(error);
	file = &sender->files[sender->count];
	*file = (struct ctl_sender_file){ .path = strdup(path), .entry = strdup(entry) };
	sender->count++;
	if (!file->path || !file->entry)
		return error_set_memory(error);
	if (!size_of(path, &file->size, error))
		return false;
	sender->total += file->size;
	return true;
}

bool ctl_sender_begin(struct ctl_sender *sender, const char *path, struct error *error)
{
	static const struct ctl_tree_visitor lister = { add_file, NULL };
	char clean[PATH_SIZE];
	const char *slash;

	memset(sender, 0, sizeof *sender);
	if (!ctl_tree_path(path, clean, error))
		return false;
	if (ctl_tree_is_folder(clean))
		return ctl_tree_walk(clean, &lister, sender, error);
	slash = strrchr(clean, '/');
	return add_file(sender, clean, slash ? slash + 1 : clean, error);
}

bool ctl_sender_next(struct ctl_sender *sender, struct transfer_piece *piece, struct error *error)
{
	const struct ctl_sender_file *sent;

	transfer_piece_reset(piece);
	piece->is_end = sender->index == sender->count;
	if (piece->is_end)
		return true;
	sent = &sender->files[sender->index];
	if (!sender->file)
		sender->file = file_open(sent->path, FILE_READ, error);
	if (!sender->file || !file_read_at(sender->file, sender->offset, TRANSFER_PIECE_MAX,
				     &piece->data, error))
		return false;
	memcpy(piece->entry, sent->entry, strlen(sent->entry) + 1);
	sender->offset += piece->data.size;
	sender->done += piece->data.size;
	piece->is_entry_end = piece->data.size < TRANSFER_PIECE_MAX || sender->offset >= sent->size;
	if (piece->is_entry_end) {
		file_close(&sender->file);
		sender->offset = 0;
		sender->index++;
	}
	return true;
}

void ctl_sender_clear(struct ctl_sender *sender)
{
	file_close(&sender->file);
	for (size_t i = 0; i < sender->count; i++) {
		free(sender->files[i].path);
		free(sender->files[i].entry);
	}
	free(sender->files);
	memset(sender, 0, sizeof *sender);
}

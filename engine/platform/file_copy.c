/* file_copy.c -- in pieces of fixed size, over file.h. */
#include "platform/file_copy.h"

#include <stdio.h>

#include "platform/file.h"
#include "platform/paths.h"

enum { PIECE = 1024 * 1024 };

static bool copy_content(
	struct file *from, struct file *to, const atomic_bool *stop, struct error *error)
{
	uint64_t offset = 0;
	struct buf piece;
	bool ok = true, is_end = false;

	buf_init(&piece, PIECE);
	while (ok && !is_end) {
		piece.size = 0;
		if (stop && atomic_load(stop))
			ok = error_set(error, ERROR_CANCELLED, "the copying was given up");
		else
			ok = file_read_at(from, offset, PIECE, &piece, error) &&
			     (!piece.size || file_write(to, buf_view(&piece), error));
		offset += piece.size;
		is_end = piece.size < PIECE;
	}
	buf_clear(&piece);
	return ok && file_sync(to, error);
}

bool file_copy(const char *from, const char *to, const atomic_bool *stop, struct error *error)
{
	struct file *source = NULL, *target = NULL;
	char part[PATH_SIZE];
	bool ok;

	if ((size_t)snprintf(part, sizeof part, "%s.part", to) >= sizeof part)
		return error_set(error, ERROR_INVALID, "the path %.200s is too long", to);
	source = file_open(from, FILE_READ, error);
	if (source)
		target = file_open(part, FILE_REPLACE, error);
	ok = target && copy_content(source, target, stop, error);
	file_close(&source);
	ok = ok && file_rename(part, to, error);
	if (target && !ok)
		file_remove(part, NULL);
	file_close(&target);
	return ok;
}

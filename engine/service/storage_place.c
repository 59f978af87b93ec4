/* storage_place.c -- paths as text, a line each. A path with a line end in it is refused when it is written. */
#include "service/storage_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/file.h"

const char STORAGE_MARK[] = "moving";

static const char place_name[] = "storage";
static const char request_name[] = "storage.move";

enum { LINES_MAX = 2, TEXT_MAX = LINES_MAX * (PATH_SIZE + 1) };

/* *found: the file is there, and had that many lines that are whole paths. */
static bool read_lines(const char *folder, const char *name, char lines[][PATH_SIZE], size_t count,
	bool *found, struct error *error)
{
	char path[PATH_SIZE];
	struct bytes rest, line;
	struct buf text;
	bool ok = true;

	*found = false;
	if (!path_join(folder, name, path, error))
		return false;
	if (!file_exists(path))
		return true;
	buf_init(&text, TEXT_MAX);
	ok = file_load(path, &text, error);
	rest = buf_view(&text);
	for (size_t i = 0; ok && i < count; i++)
		ok = (bytes_split(&rest, '\n', &line) && line.size && line.data[0] == '/' &&
			     bytes_copy_text(line, lines[i], PATH_SIZE)) ||
		     error_set(error, ERROR_CORRUPT,
			     "%.400s is damaged: it names a folder by its whole path, in a line",
			     path);
	buf_clear(&text);
	*found = ok;
	return ok;
}

static bool write_lines(const char *folder, const char *name, const char *const *lines,
	size_t count, struct error *error)
{
	char path[PATH_SIZE];
	struct buf text;
	bool ok = path_join(folder, name, path, error);

	buf_init(&text, TEXT_MAX);
	for (size_t i = 0; ok && i < count; i++) {
		if (strchr(lines[i], '\n'))
			ok = error_set(error, ERROR_INVALID, "a path has a line end in it");
		else
			ok = (buf_append_text(&text, lines[i]) && buf_append_byte(&text, '\n')) ||
			     error_set_memory(error);
	}
	ok = ok && file_save(path, buf_view(&text), error);
	buf_clear(&text);
	return ok;
}

static bool remove_file(const char *folder, const char *name, struct error *error)
{
	char path[PATH_SIZE];

	return path_join(folder, name, path, error) &&
	       (!file_exists(path) || (file_remove(path, error) && folder_sync(folder, error)));
}

bool storage_place_read(const char *data_folder, char storage[PATH_SIZE], struct error *error)
{
	char line[1][PATH_SIZE];
	bool found;

	if (!read_lines(data_folder, place_name, line, 1, &found, error))
		return false;
	snprintf(storage, PATH_SIZE, "%s", found ? line[0] : data_folder);
	return true;
}

bool storage_place_write(const char *data_folder, const char *storage, struct error *error)
{
	if (strcmp(storage, data_folder) == 0)
		return remove_file(data_folder, place_name, error);
	return write_lines(data_folder, place_name, &storage, 1, error);
}

bool storage_request_read(
	const char *data_folder, struct storage_request *request, bool *found, struct error *error)
{
	char lines[LINES_MAX][PATH_SIZE];

	if (!read_lines(data_folder, request_name, lines, LINES_MAX, found, error))
		return false;
	if (*found) {
		memcpy(request->from, lines[0], sizeof request->from);
		memcpy(request->to, lines[1], sizeof request->to);
	}
	return true;
}

bool storage_request_write(
	const char *data_folder, const struct storage_request *request, struct error *error)
{
	const char *const lines[] = { request->from, request->to };

	return write_lines(data_folder, request_name, lines, LINES_MAX, error);
}

bool storage_request_remove(const char *data_folder, struct error *error)
{
	return remove_file(data_folder, request_name, error);
}

bool storage_is_marked(const char *folder, const char *data_folder)
{
	char line[1][PATH_SIZE];
	bool found;

	return read_lines(folder, STORAGE_MARK, line, 1, &found, NULL) && found &&
	       strcmp(line[0], data_folder) == 0;
}

bool storage_mark(const char *folder, const char *data_folder, struct error *error)
{
	return write_lines(folder, STORAGE_MARK, &data_folder, 1, error);
}

bool storage_unmark(const char *folder, struct error *error)
{
	return remove_file(folder, STORAGE_MARK, error);
}

/* folder_tree.c -- every name is tried as a file first: so what is a link to a folder goes as the link that it is. */
#include "platform/folder_tree.h"

#include <stdlib.h>

#include "platform/file.h"
#include "platform/paths.h"

enum { DEPTH_MAX = 16 };

struct removal {
	const char *folder;
	unsigned depth;
	size_t removed;
	bool has_failed;
	struct error error;
};

static bool remove_folder(const char *path, unsigned depth, struct error *error);

static bool remove_name(void *context, const char *name)
{
	struct removal *removal = context;
	char *path = malloc(PATH_SIZE);
	bool ok = path || error_set_memory(&removal->error);

	ok = ok && path_join(removal->folder, name, path, &removal->error) &&
	     (file_remove(path, NULL) || remove_folder(path, removal->depth + 1, &removal->error));
	free(path);
	removal->removed += ok;
	removal->has_failed = !ok;
	return ok;
}

static bool remove_folder(const char *path, unsigned depth, struct error *error)
{
	struct removal removal = { .folder = path, .depth = depth };

	if (depth > DEPTH_MAX)
		return error_set(error, ERROR_INVALID, "%s: folders in folders without end", path);
	/* Whether names that go meanwhile make others be passed over is not said (POSIX readdir()). */
	do {
		removal.removed = 0;
		if (!folder_each(path, remove_name, &removal, error))
			return false;
		if (removal.has_failed) {
			if (error)
				*error = removal.error;
			return false;
		}
	} while (removal.removed);
	return folder_remove(path, error);
}

bool folder_tree_remove(const char *path, struct error *error)
{
	return remove_folder(path, 0, error);
}

/* ctl_tree.c -- folders with all that is in them. Depth is bounded, since a link may lead back up. */
#include <stdlib.h>
#include <string.h>

#include "ctl_transfer_internal.h"
#include "platform/file.h"

enum { DEPTH_MAX = 16 };

struct names {
	char **list;
	size_t count, capacity;
	bool has_failed;
};

static bool add_name(void *context, const char *name)
{
	struct names *names = context;

	if (names->count == names->capacity) {
		size_t capacity = names->capacity ? 2 * names->capacity : 16;
		char **list = realloc(names->list, capacity * sizeof *list);

		if (list) {
			names->list = list;
			names->capacity = capacity;
		}
	}
	if (names->count < names->capacity && (names->list[names->count] = strdup(name)))
		names->count++;
	else
		names->has_failed = true;
	return !names->has_failed;
}

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

static int compare(const void *a, const void *b)
{
	const char *const *one = a, *const *other = b;

	return strcmp(*one, *other);
}

static bool names_read(struct names *names, const char *path, struct error *error)
{
	if (!folder_each(path, add_name, names, error))
		return false;
	if (names->has_failed)
		return error_set_memory(error);
	if (names->count)
		qsort(names->list, names->count, sizeof *names->list, compare);
	return true;
}

struct walk {
	const struct ctl_tree_visitor *visitor;
	void *context;
};

static bool walk_folder(const struct walk *walk, const char *path, const char *entry,
	unsigned depth, struct error *error);

/* The name below the folder that the walk began with. */
static bool join_entry(
	const char *entry, const char *name, char below[PATH_SIZE], struct error *error)
{
	if (*entry)
		return path_join(entry, name, below, error);
	return bytes_copy_text(bytes_of(name), below, PATH_SIZE) ||
	       error_set(error, ERROR_INVALID, "the name %.100s is too long", name);
}

static bool walk_name(const struct walk *walk, const char *folder, const char *entry,
	const char *name, unsigned depth, struct error *error)
{
	char *path = malloc(PATH_SIZE), *below = malloc(PATH_SIZE);
	bool ok = false;

	if (!path || !below)
		error_set_memory(error);
	else if (path_join(folder, name, path, error) && join_entry(entry, name, below, error))
		ok = ctl_tree_is_folder(path)
			     ? walk_folder(walk, path, below, depth + 1, error)
			     : walk->visitor->file(walk->context, path, below, error);
	free(path);
	free(below);
	return ok;
}

static bool walk_folder(const struct walk *walk, const char *path, const char *entry,
	unsigned depth, struct error *error)
{
	struct names names = { .list = NULL };
	bool ok;

	if (depth > DEPTH_MAX)
		return error_set(error, ERROR_INVALID, "%s: folders in folders without end", path);
	ok = names_read(&names, path, error);
	for (size_t i = 0; ok && i < names.count; i++)
		ok = walk_name(walk, path, entry, names.list[i], depth, error);
	names_free(&names);
	return ok && (!walk->visitor->folder || walk->visitor->folder(walk->context, path, error));
}

bool ctl_tree_walk(const char *path, const struct ctl_tree_visitor *visitor, void *context,
	struct error *error)
{
	const struct walk walk = { visitor, context };

	return walk_folder(&walk, path, "", 0, error);
}

static bool stop_at_once(void *context, const char *name)
{
	bool *has_one = context;

	(void)name;
	*has_one = true;
	return false;
}

bool ctl_tree_is_folder(const char *path)
{
	bool has_one;

	return folder_each(path, stop_at_once, &has_one, NULL);
}

bool ctl_tree_is_empty(const char *path)
{
	bool has_one = false;

	return folder_each(path, stop_at_once, &has_one, NULL) && !has_one;
}

static bool remove_file(void *context, const char *path, const char *entry, struct error *error)
{
	(void)context;
	(void)entry;
	return file_remove(path, error);
}

static bool remove_folder(void *context, const char *path, struct error *error)
{
	(void)context;
	return folder_remove(path, error);
}

bool ctl_tree_remove(const char *path, struct error *error)
{
	static const struct ctl_tree_visitor remover = { remove_file, remove_folder };

	return ctl_tree_walk(path, &remover, NULL, error);
}

bool ctl_tree_path(const char *path, char clean[PATH_SIZE], struct error *error)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	if (length && bytes_copy_text(bytes_make(path, length), clean, PATH_SIZE))
		return true;
	return error_set(error, ERROR_INVALID, "the path is empty or too long");
}

void ctl_tree_parent(const char *path, char parent[PATH_SIZE])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	/* Of "/x" it is "/", of "x" it is "." */
	if (slash == path)
		bytes_copy_text(bytes_of("/"), parent, PATH_SIZE);
	else
		bytes_copy_text(
			slash ? bytes_make(path, length) : bytes_of("."), parent, PATH_SIZE);
}

/* store_move.c -- every file is copied to NAME.part, synced and renamed (file_copy.h): so a body that is called by its
 * id has all its octets, and its size is enough to know it by. The database and its log are copied whole each time. */
#include "store/store_move.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "platform/file.h"
#include "platform/file_copy.h"
#include "platform/folder_tree.h"
#include "platform/paths.h"
#include "store/store_backup.h"

static const char database_name[] = "lettergate.db";
static const char log_name[] = "lettergate.db-wal";

/* Not the ballast, which each place makes anew; not what only a running gateway has a use for. */
static const char *const copied[] = { database_name, log_name };
static const char *const removed[] = { "lettergate.db", "lettergate.db-wal", "lettergate.db-shm",
	"lettergate.db.part", "lettergate.db-wal.part", "ballast" };
static const char *const folders[] = { "bodies", "bodies/lost" };

enum {
	FOLDERS = sizeof folders / sizeof folders[0],
	NAME_SIZE = ID_TEXT_SIZE + 8, /* ID.part */
};

struct entry {
	unsigned folder;
	char name[NAME_SIZE];
};

struct entries {
	struct entry *list;
	size_t count, capacity;
	unsigned folder; /* that is being listed */
	bool has_failed;
};

/* ---- lists ---- */

/* A body, or one that did not become one. */
static bool is_ours(const char *name)
{
	struct bytes rest = bytes_of(name), stem = { 0 };
	struct id id;

	bytes_split(&rest, '.', &stem);
	return id_parse(stem, &id) && (stem.size == strlen(name) || bytes_equal_text(rest, "part"));
}

static bool add(void *context, const char *name)
{
	struct entries *entries = context;
	struct entry *larger;

	if (!is_ours(name) || strlen(name) >= NAME_SIZE)
		return true;
	if (entries->count == entries->capacity) {
		entries->capacity = entries->capacity ? 2 * entries->capacity : 1024;
		larger = realloc(entries->list, entries->capacity * sizeof *larger);
		entries->has_failed = !larger;
		if (!larger)
			return false;
		entries->list = larger;
	}
	entries->list[entries->count].folder = entries->folder;
	memcpy(entries->list[entries->count++].name, name, strlen(name) + 1);
	return true;
}

static bool list(const char *folder, struct entries *entries, struct error *error)
{
	char path[PATH_SIZE];

	*entries = (struct entries){ .count = 0 };
	for (unsigned i = 0; i < FOLDERS; i++) {
		entries->folder = i;
		if (!path_join(folder, folders[i], path, error))
			return false;
		if (file_exists(path) && !folder_each(path, add, entries, error))
			return false;
		if (entries->has_failed)
			return error_set_memory(error);
	}
	return true;
}

static bool is_part(const struct entry *entry)
{
	return strchr(entry->name, '.') != NULL;
}

static bool path_of(
	const char *folder, const struct entry *entry, char path[PATH_SIZE], struct error *error)
{
	char inner[PATH_SIZE];

	return path_join(folder, folders[entry->folder], inner, error) &&
	       path_join(inner, entry->name, path, error);
}

bool store_move_is_store(const char *folder)
{
	char path[PATH_SIZE];
	bool is_there = false;

	for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
		is_there |= path_join(folder, removed[i], path, NULL) && file_exists(path);
	return is_there || (path_join(folder, folders[0], path, NULL) && file_exists(path));
}

/* ---- copying ---- */

struct store_move {
	char from[PATH_SIZE], to[PATH_SIZE];
	struct entries entries;
	size_t next;
};

static bool make_folders(const char *to, struct error *error)
{
	char path[PATH_SIZE];

	for (unsigned i = 0; i < FOLDERS; i++) {
		if (!path_join(to, folders[i], path, error) || !folder_create(path, error))
			return false;
	}
	return true;
}

struct store_move *store_move_new(const char *from, const char *to, struct error *error)
{
	struct store_move *move = calloc(1, sizeof *move);

	if (!move) {
		error_set_memory(error);
		return NULL;
	}
	if (!bytes_copy_text(bytes_of(from), move->from, sizeof move->from) ||
		!bytes_copy_text(bytes_of(to), move->to, sizeof move->to))
		error_set(error, ERROR_INVALID, "the path of the folder is too long");
	else if (make_folders(to, error) && list(from, &move->entries, error))
		return move;
	store_move_free(&move);
	return NULL;
}

void store_move_free(struct store_move **move)
{
	if (!*move)
		return;
	free((*move)->entries.list);
	free(*move);
	*move = NULL;
}

static bool size_of(const char *path, uint64_t *size)
{
	struct file *file = file_open(path, FILE_READ, NULL);
	bool ok = file && file_size(file, size, NULL);

	file_close(&file);
	return ok;
}

static bool copy_body(struct store_move *move, const struct entry *entry, uint64_t *octets,
	const atomic_bool *stop, struct error *error)
{
	char from[PATH_SIZE], to[PATH_SIZE];
	struct error why = { .kind = ERROR_NONE };
	uint64_t size = 0, present = 0;

	*octets = 0;
	if (!path_of(move->from, entry, from, error) || !path_of(move->to, entry, to, error))
		return false;
	/* Collected meanwhile. */
	if (is_part(entry) || !file_exists(from))
		return true;
	if (size_of(from, &size) && size_of(to, &present) && size == present)
		return true;
	*octets = size;
	if (file_copy(from, to, stop, &why) || !file_exists(from))
		return true;
	if (error)
		*error = why;
	return false;
}

bool store_move_next(struct store_move *move, uint64_t at_most, const atomic_bool *stop,
	bool *is_end, struct error *error)
{
	uint64_t octets, copied_octets = 0;

	while (move->next < move->entries.count && copied_octets < at_most) {
		if (!copy_body(move, &move->entries.list[move->next], &octets, stop, error))
			return false;
		copied_octets += octets;
		move->next++;
	}
	*is_end = move->next == move->entries.count;
	return true;
}

void store_move_progress(const struct store_move *move, uint64_t *done, uint64_t *total)
{
	*done = move->next;
	*total = move->entries.count;
}

/* ---- the end ---- */

static bool copy_bodies(const char *from, const char *to, struct error *error)
{
	struct store_move *move = store_move_new(from, to, error);
	bool is_end = false;
	bool ok = move && store_move_next(move, UINT64_MAX, NULL, &is_end, error);

	store_move_free(&move);
	return ok;
}

/* What was copied, and collected after that. */
static bool remove_surplus(const char *from, const char *to, struct error *error)
{
	struct entries entries;
	char path[PATH_SIZE];
	bool ok = list(to, &entries, error);

	for (size_t i = 0; ok && i < entries.count; i++) {
		ok = path_of(from, &entries.list[i], path, error);
		if (ok && (is_part(&entries.list[i]) || !file_exists(path)))
			ok = path_of(to, &entries.list[i], path, error) && file_remove(path, error);
	}
	free(entries.list);
	return ok;
}

static bool sync_folders(const char *folder, struct error *error)
{
	char path[PATH_SIZE];

	for (unsigned i = FOLDERS; i-- > 0;) {
		if (!path_join(folder, folders[i], path, error) || !folder_sync(path, error))
			return false;
	}
	return folder_sync(folder, error);
}

/* A log that is not there must not be there from before. */
static bool copy_database(const char *from, const char *to, struct error *error)
{
	char source[PATH_SIZE], target[PATH_SIZE];

	for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
		if (!path_join(from, copied[i], source, error) ||
			!path_join(to, copied[i], target, error))
			return false;
		if (file_exists(source) ? !file_copy(source, target, NULL, error)
					: file_exists(target) && !file_remove(target, error))
			return false;
	}
	return true;
}

bool store_move_finish(const char *from, const char *to, struct error *error)
{
	return copy_bodies(from, to, error) && remove_surplus(from, to, error) &&
	       copy_database(from, to, error) && sync_folders(to, error);
}

static bool remove_bodies(const char *folder, struct error *error)
{
	struct entries entries;
	char path[PATH_SIZE];
	bool ok = list(folder, &entries, error);

	for (size_t i = 0; ok && i < entries.count; i++)
		ok = path_of(folder, &entries.list[i], path, error) && file_remove(path, error);
	free(entries.list);
	for (unsigned i = FOLDERS; ok && i-- > 0;) {
		ok = path_join(folder, folders[i], path, error);
		/* What somebody else put there stays, and the folder with it. */
		if (ok && file_exists(path))
			folder_remove(path, NULL);
	}
	return ok;
}

bool store_move_remove(const char *folder, struct error *error)
{
	char path[PATH_SIZE];

	/* The database first: without it, nothing that is left is taken for a store. */
	for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++) {
		if (!path_join(folder, removed[i], path, error) ||
			(file_exists(path) && !file_remove(path, error)))
			return false;
	}
	if (!path_join(folder, STORE_BACKUP_FOLDER, path, error) ||
		(file_exists(path) && !folder_tree_remove(path, error)))
		return false;
	return remove_bodies(folder, error) && folder_sync(folder, error);
}

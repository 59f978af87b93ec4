/* store_ballast.c -- the file `ballast`: real blocks that nobody needs, given up when a full disk stands in
 * the way of a deletion, a purge or a checkpoint, so that these can make the disk less full. Made again
 * when there is room for twice its size. */
#include "platform/clock.h"
#include "platform/file.h"
#include "store_internal.h"

/* What fails, by a quota for one, costs the others room while it is tried. */
static const int64_t retry_interval_us = 3600 * INT64_C(1000000);

static bool ballast_path(const struct store *store, char path[PATH_SIZE], struct error *error)
{
	return path_join(store->folder, "ballast", path, error);
}

static bool has_size(const char *path, uint64_t wanted)
{
	struct file *file = file_open(path, FILE_READ, NULL);
	uint64_t size = 0;
	bool ok = file && file_size(file, &size, NULL) && size == wanted;

	file_close(&file);
	return ok;
}

void ballast_find(struct store *store)
{
	char path[PATH_SIZE];

	store->room.has_ballast = store->options.ballast_bytes && ballast_path(store, path, NULL) &&
				  has_size(path, store->options.ballast_bytes);
}

bool ballast_release(struct store *store)
{
	struct room *room = &store->room;
	struct error trouble = { 0 };
	char path[PATH_SIZE];
	bool is_released;

	mutex_lock(room->mutex);
	is_released =
		room->has_ballast && ballast_path(store, path, NULL) && file_remove(path, NULL);
	if (is_released) {
		room->has_ballast = false;
		room->is_short = true; /* so that its end is told */
	}
	mutex_unlock(room->mutex);
	if (!is_released)
		return false;
	error_set(&trouble, ERROR_FULL,
		"the disk is full; the data folder's ballast was given up, so that mail can still "
		"be collected and deleted. Mail is refused for the time being, and senders try "
		"again. Delete files, or move the data folder");
	store_trouble(store, &trouble);
	keeper_look(store);
	return true;
}

static bool make(const char *path, uint64_t bytes, struct error *error)
{
	struct file *file = file_open(path, FILE_REPLACE, error);
	bool ok = file && file_allocate(file, bytes, error);

	file_close(&file);
	if (!ok)
		(void)file_remove(path, NULL);
	return ok;
}

bool ballast_make(struct store *store, bool *missing, struct error *error)
{
	struct room *room = &store->room;
	uint64_t bytes = store->options.ballast_bytes, free_bytes = 0;
	char path[PATH_SIZE];
	bool has_ballast, ok;

	mutex_lock(room->mutex);
	has_ballast = room->has_ballast;
	mutex_unlock(room->mutex);
	if (!bytes || has_ballast || clock_monotonic_us() < room->next_ballast_us)
		return true;
	/* Free pages of the database are room for mail, but not for this. */
	*missing = atomic_load(&room->left) < (long long)(2 * bytes) ||
		   !room_ask_free(store, &free_bytes) || free_bytes < 2 * bytes;
	if (*missing)
		return true;
	ok = ballast_path(store, path, error) && make(path, bytes, error);
	if (!ok) {
		room->next_ballast_us = clock_monotonic_us() + retry_interval_us;
		error_prefix(error, "making the data folder's ballast");
		return false;
	}
	room_note(store, (int64_t)bytes);
	mutex_lock(room->mutex);
	room->has_ballast = true;
	mutex_unlock(room->mutex);
	return true;
}

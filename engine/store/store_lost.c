/* store_lost.c -- the way back from bodies/lost.
 *
 * The invariant: a file changes folders by one rename, behind the commit of what then names it (or, in a delivery,
 * right before it, as any body). So a crash leaves it in one of the two, and the next start brings what has no row to
 * bodies/lost again. */
#include "store/store_lost.h"

#include <stdlib.h>

#include "platform/file.h"
#include "store_internal.h"

bool lost_path(
	const struct store *store, const struct id *id, char path[PATH_SIZE], struct error *error)
{
	char text[ID_TEXT_SIZE];

	id_text(id, text);
	return path_join(store->lost, text, path, error);
}

/* ---- the list ---- */

struct listing {
	struct id *ids;
	size_t count, capacity;
	bool has_failed;
};

static bool add_name(void *context, const char *name)
{
	struct listing *listing = context;
	struct id id, *larger;

	/* Names that are none of ours stay where they are. */
	if (!id_parse(bytes_of(name), &id))
		return true;
	if (listing->count == listing->capacity) {
		listing->capacity = listing->capacity ? 2 * listing->capacity : 256;
		larger = realloc(listing->ids, listing->capacity * sizeof *larger);
		listing->has_failed = !larger;
		if (!larger)
			return false;
		listing->ids = larger;
	}
	listing->ids[listing->count++] = id;
	return true;
}

bool store_lost_each(
	struct store *store, store_lost_visit *visit, void *context, struct error *error)
{
	struct listing listing = { .count = 0 };
	bool ok = folder_each(store->lost, add_name, &listing, error);

	if (ok && listing.has_failed)
		ok = error_set_memory(error);
	for (size_t i = 0; ok && i < listing.count; i++) {
		if (!visit(context, &listing.ids[i]))
			break;
	}
	free(listing.ids);
	return ok;
}

bool store_lost_read(struct store *store, const struct id *id, size_t at_most, struct buf *out,
	struct store_lost_facts *facts, struct error *error)
{
	char path[PATH_SIZE];
	struct file *file;
	bool ok;

	if (!lost_path(store, id, path, error))
		return false;
	file = file_open(path, FILE_READ, error);
	ok = file && file_size(file, &facts->size, error) &&
	     file_modified_us(file, &facts->modified_us, error) &&
	     file_read_at(file, 0, at_most, out, error);
	file_close(&file);
	return ok;
}

/* ---- back to its row ---- */

struct returning {
	const struct id *id;
	uint64_t size; /* of the lost file */
	bool is_named;
};

static bool size_of(const char *path, uint64_t *size)
{
	struct file *file = file_open(path, FILE_READ, NULL);
	bool ok = file && file_size(file, size, NULL);

	file_close(&file);
	return ok;
}

/* The same file twice: a crash between the two folders can leave that. */
static bool check_place(
	struct store *store, const struct id *id, uint64_t size, struct error *error)
{
	char path[PATH_SIZE];
	uint64_t present = 0;

	if (!body_path(store, id, false, path, error))
		return false;
	return !size_of(path, &present) || present != size ||
	       error_set(error, ERROR_EXISTS, "the message has its file; this is a second one");
}

static bool release(struct store *store, void *arguments, int64_t *file_bytes, struct error *error)
{
	struct returning *returning = arguments;
	struct database *writer = store_writer(store);
	sqlite3_stmt *find = database_statement(writer, SQL_BODY_FIND_FILE, error);
	sqlite3_stmt *set = database_statement(writer, SQL_MESSAGE_RELEASE, error);
	int64_t number = 0;
	uint64_t size = 0;
	bool ok;

	(void)file_bytes;
	if (!find || !set)
		return false;
	sqlite3_bind_blob(
		find, 1, returning->id->bytes, sizeof returning->id->bytes, SQLITE_STATIC);
	ok = database_step(writer, find, &returning->is_named, error);
	if (ok && returning->is_named) {
		number = sqlite3_column_int64(find, 0);
		size = (uint64_t)sqlite3_column_int64(find, 1);
	}
	statement_end(find);
	if (!ok || !returning->is_named)
		return ok;
	if (size != returning->size)
		return error_set(error, ERROR_CORRUPT,
			"the file has %llu octets, and the message had %llu",
			(unsigned long long)returning->size, (unsigned long long)size);
	if (!check_place(store, returning->id, size, error))
		return false;
	sqlite3_bind_int64(set, 1, number);
	return database_run(writer, set, error);
}

bool store_lost_return(
	struct store *store, const struct id *id, bool *is_named, struct error *error)
{
	struct returning returning = { .id = id };
	char from[PATH_SIZE], to[PATH_SIZE];
	bool ok;

	*is_named = false;
	if (!lost_path(store, id, from, error) || !body_path(store, id, false, to, error))
		return false;
	if (!size_of(from, &returning.size))
		return error_set(error, ERROR_IO, "the file cannot be read");
	/* Out of quarantine first: without its file a message goes there again by itself, and a file that is in its
	 * place would not take it out. */
	ok = committer_perform(store, "giving a file back", release, &returning, error);
	*is_named = returning.is_named;
	return ok &&
	       (!returning.is_named || (file_rename(from, to, error) &&
					       store_sync_folder(store, store->bodies, error) &&
					       store_lost_sync(store, error)));
}

bool store_lost_sync(struct store *store, struct error *error)
{
	return store_sync_folder(store, store->lost, error);
}

/* store_log.c -- how much of the write-ahead log is known to be on the disk, and making it so before a
 * connection opens.
 *
 * After a sync has failed, the system may show bytes that never reached the disk and call them clean, so
 * that no later sync writes them. Were the log then read as it looks, later mail would stand behind a
 * gap that a power cut opens, and pages of a refused group could reach the database without their log.
 * So the frames of the last COMMIT that was synced, and no more, are written to a new log, which is
 * synced before it takes the old one's place. SQLite keeps its own account only while a connection is
 * open; here it is kept beside it: the log's header, whose salts change when the log begins anew, and
 * the number of frames. The layout is in fileformat2.html, section 4. */
#include <stdio.h>

#include "platform/file.h"
#include "store_internal.h"

enum {
	FRAME_HEADER_SIZE = 24,
	PAGE_SIZE_OFFSET = 8,
	COPY_PIECE = 256 * 1024,
};

static bool log_path(
	const struct store *store, const char *ending, char path[PATH_SIZE], struct error *error)
{
	if ((size_t)snprintf(path, PATH_SIZE, "%s-wal%s", store->database_path, ending) < PATH_SIZE)
		return true;
	return error_set(error, ERROR_INVALID, "the data folder's path is too long");
}

static bool read_header(struct file *file, uint8_t header[LOG_HEADER_SIZE], struct error *error)
{
	struct buf read;
	bool ok;

	buf_init(&read, LOG_HEADER_SIZE);
	ok = file_read_at(file, 0, LOG_HEADER_SIZE, &read, error) && read.size == LOG_HEADER_SIZE;
	if (ok)
		memcpy(header, read.data, LOG_HEADER_SIZE);
	buf_clear(&read);
	return ok;
}

void log_note_commit(struct store *store, int frames)
{
	struct log_mark *mark = &store->log;
	char path[PATH_SIZE];

	if (!mark->file && log_path(store, "", path, NULL))
		mark->file = file_open(path, FILE_READ, NULL);
	mark->frames = frames;
	/* Without a header to compare, the whole log will be kept. */
	mark->is_known = mark->file && read_header(mark->file, mark->header, NULL);
}

void log_forget(struct store *store)
{
	file_close(&store->log.file);
	store->log = (struct log_mark){ .is_known = false };
}

/* The first so many bytes of the log are on the disk, as far as anybody knows. */
static bool measure_good(
	struct store *store, struct file *file, uint64_t *good, struct error *error)
{
	const struct log_mark *mark = &store->log;
	uint8_t header[LOG_HEADER_SIZE];
	uint64_t size = 0, page_size = 0;

	if (!file_size(file, &size, error))
		return false;
	*good = size;
	if (!mark->is_known || !size)
		return true;
	/* Another header: a log that began anew and has no commit yet. The old one was complete in the
	 * database and synced, or SQLite would not have begun anew. */
	*good = 0;
	if (size < LOG_HEADER_SIZE)
		return true;
	if (!read_header(file, header, error))
		return false;
	if (memcmp(header, mark->header, LOG_HEADER_SIZE) != 0)
		return true;
	for (size_t i = 0; i < 4; i++)
		page_size = page_size << 8 | header[PAGE_SIZE_OFFSET + i];
	*good = LOG_HEADER_SIZE + (uint64_t)mark->frames * (FRAME_HEADER_SIZE + page_size);
	if (*good <= size)
		return true;
	return error_set(error, ERROR_CORRUPT,
		"the database's log is shorter than it was: stop the gateway and keep a copy of "
		"its "
		"folder");
}

static bool copy(struct file *from, struct file *to, uint64_t size, struct error *error)
{
	struct buf piece;
	uint64_t done = 0;
	bool ok = true;

	buf_init(&piece, COPY_PIECE);
	while (ok && done < size) {
		size_t want = size - done < COPY_PIECE ? (size_t)(size - done) : COPY_PIECE;

		piece.size = 0;
		ok = file_read_at(from, done, want, &piece, error);
		if (ok && piece.size != want)
			ok = error_set(error, ERROR_IO, "the database's log ended early");
		ok = ok && file_write(to, buf_view(&piece), error);
		done += want;
	}
	buf_clear(&piece);
	return ok;
}

static bool write_anew(struct store *store, struct file *log, uint64_t good, struct error *error)
{
	char path[PATH_SIZE], renewed[PATH_SIZE];
	struct file *file;
	bool ok;

	if (!log_path(store, "", path, error) || !log_path(store, ".new", renewed, error))
		return false;
	file = file_open(renewed, FILE_REPLACE, error);
	if (!file)
		return false;
	ok = copy(log, file, good, error) &&
	     (store->options.without_sync || file_sync(file, error));
	file_close(&file);
	if (ok)
		ok = file_rename(renewed, path, error) &&
		     store_sync_folder(store, store->folder, error);
	else
		(void)file_remove(renewed, NULL);
	return ok;
}

bool log_renew(struct store *store, struct error *error)
{
	char path[PATH_SIZE];
	struct file *file = NULL;
	uint64_t good = 0;
	bool ok = false;

	if (!log_path(store, "", path, error))
		return false;
	if (!file_exists(path))
		return true;
	file = file_open(path, FILE_READ, error);
	if (file && measure_good(store, file, &good, error))
		ok = write_anew(store, file, good, error);
	file_close(&file);
	if (!ok)
		error_prefix(error, "writing the database's log anew");
	return ok;
}

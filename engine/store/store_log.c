/* store_log.c -- how much of the write-ahead log is known to be on the disk, and making it so before a
 * connection opens.
 *
 * After a sync has failed, the system may show bytes that never reached the disk and call them clean, so
 * that no later sync writes them. Were the log then read as it looks, later mail would stand behind a
 * gap that a power cut opens, and pages of a refused group could reach the database without their log.
 * So the log is cut off behind the last COMMIT that was synced, and what is left is written over itself,
 * byte for byte, and synced: in place, so that it needs no space and a crash meanwhile changes nothing.
 *
 * SQLite keeps its own account of the log only while a connection is open; here it is kept beside it:
 * the log's header, whose salts change when the log begins anew, and the number of frames. The layout is
 * in fileformat2.html, section 4. SQLite's own file layer does the writing, as it does all other writing
 * to this file. */
#include <stdio.h>
#include <stdlib.h>

#include "platform/file.h"
#include "store_internal.h"

enum {
	FRAME_HEADER_SIZE = 24,
	PAGE_SIZE_OFFSET = 8,
	PIECE = 65536, /* the largest page, and so the most that this layer is ever asked for */
};

/* ---- the account ---- */

static bool log_path(const struct store *store, char path[PATH_SIZE], struct error *error)
{
	if ((size_t)snprintf(path, PATH_SIZE, "%s-wal", store->database_path) < PATH_SIZE)
		return true;
	return error_set(error, ERROR_INVALID, "the data folder's path is too long");
}

static bool read_header(struct file *file, uint8_t header[LOG_HEADER_SIZE])
{
	struct buf read;
	bool ok;

	buf_init(&read, LOG_HEADER_SIZE);
	ok = file_read_at(file, 0, LOG_HEADER_SIZE, &read, NULL) && read.size == LOG_HEADER_SIZE;
	if (ok)
		memcpy(header, read.data, LOG_HEADER_SIZE);
	buf_clear(&read);
	return ok;
}

void log_note_commit(struct store *store, int frames)
{
	struct log_mark *mark = &store->log;
	char path[PATH_SIZE];

	if (!mark->file && log_path(store, path, NULL))
		mark->file = file_open(path, FILE_READ, NULL);
	mark->frames = frames;
	/* Without a header to compare, the whole log will be kept. */
	mark->is_known = mark->file && read_header(mark->file, mark->header);
}

void log_forget(struct store *store)
{
	file_close(&store->log.file);
	store->log = (struct log_mark){ .is_known = false };
}

/* ---- the log itself, while no connection is open ---- */

struct log_file {
	sqlite3_filename name;
	sqlite3_file *file;
	uint8_t *piece;
};

static bool failed(int code, struct error *error)
{
	return error_set(error, (code & 0xff) == SQLITE_FULL ? ERROR_FULL : ERROR_IO,
		"writing the database's log anew: %s", sqlite3_errstr(code));
}

static void log_close(struct log_file *log)
{
	if (log->file && log->file->pMethods)
		log->file->pMethods->xClose(log->file);
	free(log->file);
	free(log->piece);
	sqlite3_free_filename(log->name);
}

/* log_close() is for what this leaves, whether it went well or not. */
static bool log_open(struct log_file *log, const char *path, struct error *error)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL;
	int code;

	log->name = sqlite3_create_filename(path, "", "", 0, NULL);
	log->piece = malloc(PIECE);
	log->file = vfs ? calloc(1, (size_t)vfs->szOsFile) : NULL;
	if (!log->name || !log->piece || !log->file) {
		error_set_memory(error);
		return false;
	}
	code = vfs->xOpen(vfs, log->name, log->file, flags, &flags);
	return code == SQLITE_OK || failed(code, error);
}

/* How many bytes of it are on the disk, as far as anybody knows. */
static bool measure_good(const struct log_mark *mark, sqlite3_file *file, int64_t size,
	int64_t *good, struct error *error)
{
	uint8_t header[LOG_HEADER_SIZE];
	int64_t page_size = 0;
	int code;

	*good = size;
	if (!mark->is_known || !size)
		return true;
	/* Another header: a log that began anew and has no commit yet. The old one was complete in the
	 * database and synced, or SQLite would not have begun anew. */
	*good = 0;
	if (size < LOG_HEADER_SIZE)
		return true;
	code = file->pMethods->xRead(file, header, LOG_HEADER_SIZE, 0);
	if (code != SQLITE_OK)
		return failed(code, error);
	if (memcmp(header, mark->header, LOG_HEADER_SIZE) != 0)
		return true;
	for (size_t i = 0; i < 4; i++)
		page_size = page_size << 8 | header[PAGE_SIZE_OFFSET + i];
	*good = LOG_HEADER_SIZE + mark->frames * (FRAME_HEADER_SIZE + page_size);
	if (*good <= size)
		return true;
	return error_set(error, ERROR_CORRUPT,
		"the database's log is shorter than it was: stop the gateway and keep a copy of "
		"its "
		"folder");
}

static int write_over(struct log_file *log, int64_t good)
{
	const sqlite3_io_methods *methods = log->file->pMethods;
	int code = SQLITE_OK;

	for (int64_t done = 0; code == SQLITE_OK && done < good; done += PIECE) {
		int size = good - done < PIECE ? (int)(good - done) : PIECE;

		code = methods->xRead(log->file, log->piece, size, done);
		if (code == SQLITE_OK)
			code = methods->xWrite(log->file, log->piece, size, done);
	}
	return code;
}

/* Cuts off what is not good, writes the rest over itself, syncs. */
static bool renew(struct store *store, struct log_file *log, struct error *error)
{
	const sqlite3_io_methods *methods = log->file->pMethods;
	sqlite3_int64 size = 0;
	int64_t good = 0;
	int code = methods->xFileSize(log->file, &size);

	if (code != SQLITE_OK)
		return failed(code, error);
	if (!measure_good(&store->log, log->file, size, &good, error))
		return false;
	code = write_over(log, good);
	if (code == SQLITE_OK && good < size)
		code = methods->xTruncate(log->file, good);
	if (code == SQLITE_OK && !store->options.without_sync)
		code = methods->xSync(log->file, SQLITE_SYNC_NORMAL);
	return code == SQLITE_OK || failed(code, error);
}

bool log_renew(struct store *store, struct error *error)
{
	struct log_file log = { .file = NULL };
	char path[PATH_SIZE];
	bool ok;

	if (!log_path(store, path, error))
		return false;
	if (!file_exists(path))
		return true;
	ok = log_open(&log, path, error) && renew(store, &log, error);
	log_close(&log);
	return ok;
}

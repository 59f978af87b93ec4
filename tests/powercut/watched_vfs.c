/* watched_vfs.c -- the shim: what reads or changes a file or makes it durable passes the watch, the rest goes
 * straight through. Temporary files without a name are nobody's business. */
#include "watched_vfs.h"

#include <sqlite3.h>

struct watched_file {
	sqlite3_file base;
	const char *path;	 /* SQLite keeps it until the close; NULL: not watched */
	bool is_folder_unsynced; /* a log or journal whose first sync takes its folder along */
	unsigned seen_failures;	 /* of syncs of this file, by whomever */
	sqlite3_file *real;	 /* behind this struct */
};

/* The files whose sync has failed: the database and its log. */
enum { FAILED_MAX = 8, FAILED_PATH_SIZE = 4096 };

struct failed {
	char path[FAILED_PATH_SIZE];
	unsigned failures;
};

static struct failed failed_files[FAILED_MAX];
static const struct vfs_watch *current;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim;

static int before(const struct vfs_event *event)
{
	return current->before ? current->before(current->context, event) : SQLITE_OK;
}

static int after(int code, const struct vfs_event *event)
{
	if (code == SQLITE_OK && current->after)
		current->after(current->context, event);
	return code;
}

static struct watched_file *watched(sqlite3_file *file)
{
	return (struct watched_file *)(void *)file;
}

static sqlite3_file *real(sqlite3_file *file)
{
	return watched(file)->real;
}

static int shim_close(sqlite3_file *file)
{
	return real(file)->pMethods ? real(file)->pMethods->xClose(real(file)) : SQLITE_OK;
}

static int shim_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
	const struct vfs_event event = {
		.operation = VFS_READ, .path = watched(file)->path, .offset = (uint64_t)offset
	};
	int code = event.path ? before(&event) : SQLITE_OK;

	return code == SQLITE_OK ? real(file)->pMethods->xRead(real(file), data, size, offset)
				 : code;
}

static int shim_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
	const struct vfs_event event = {
		.operation = VFS_WRITE,
		.path = watched(file)->path,
		.offset = (uint64_t)offset,
		.written = bytes_make(data, (size_t)size),
	};
	int code = event.path ? before(&event) : SQLITE_OK;

	if (code == SQLITE_OK)
		code = real(file)->pMethods->xWrite(real(file), data, size, offset);
	return event.path ? after(code, &event) : code;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	const struct vfs_event event = {
		.operation = VFS_TRUNCATE, .path = watched(file)->path, .offset = (uint64_t)size
	};
	int code = event.path ? before(&event) : SQLITE_OK;

	if (code == SQLITE_OK)
		code = real(file)->pMethods->xTruncate(real(file), size);
	return event.path ? after(code, &event) : code;
}

static sqlite3_mutex *failed_mutex(void)
{
	return sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
}

static struct failed *find_failed(const char *path)
{
	struct failed *free_one = NULL;

	for (size_t i = 0; i < FAILED_MAX; i++) {
		if (strcmp(failed_files[i].path, path) == 0)
			return &failed_files[i];
		if (!free_one && !*failed_files[i].path)
			free_one = &failed_files[i];
	}
	if (free_one)
		sqlite3_snprintf(FAILED_PATH_SIZE, free_one->path, "%s", path);
	return free_one;
}

/* Brings the file up to date with failures elsewhere, after adding its own; true when there were any that
 * it had not seen. */
static bool see_failures(struct watched_file *file, unsigned own)
{
	struct failed *failed;
	bool is_news = false;

	sqlite3_mutex_enter(failed_mutex());
	failed = find_failed(file->path);
	if (failed) {
		failed->failures += own;
		is_news = file->seen_failures != failed->failures;
		file->seen_failures = failed->failures;
	}
	sqlite3_mutex_leave(failed_mutex());
	return is_news;
}

static int shim_sync(sqlite3_file *file, int flags)
{
	const struct vfs_event event = {
		.operation = VFS_SYNC,
		.path = watched(file)->path,
		.syncs_folder = watched(file)->is_folder_unsynced,
	};
	int code = event.path ? before(&event) : SQLITE_OK;

	if (event.path && see_failures(watched(file), code != SQLITE_OK) && code == SQLITE_OK)
		code = SQLITE_IOERR_FSYNC;
	if (code == SQLITE_OK)
		code = real(file)->pMethods->xSync(real(file), flags);
	if (code == SQLITE_OK)
		watched(file)->is_folder_unsynced = false;
	return event.path ? after(code, &event) : code;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real(file)->pMethods->xFileSize(real(file), size);
}

static int shim_lock(sqlite3_file *file, int lock)
{
	return real(file)->pMethods->xLock(real(file), lock);
}

static int shim_unlock(sqlite3_file *file, int lock)
{
	return real(file)->pMethods->xUnlock(real(file), lock);
}

static int shim_check_lock(sqlite3_file *file, int *is_reserved)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), is_reserved);
}

static int shim_control(sqlite3_file *file, int operation, void *argument)
{
	return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int shim_sector(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int shim_characteristics(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
	const struct vfs_event event = { .operation = VFS_MAP, .path = watched(file)->path };
	int code = event.path ? before(&event) : SQLITE_OK;

	return code == SQLITE_OK
		       ? real(file)->pMethods->xShmMap(real(file), page, size, extend, memory)
		       : code;
}

static int shim_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static int shim_shm_unmap(sqlite3_file *file, int delete_it)
{
	return real(file)->pMethods->xShmUnmap(real(file), delete_it);
}

/* Version 2: without memory mapping, which would pass the watch by. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_check_lock,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_characteristics,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

static int vfs_open(
	sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *flags_out)
{
	const int logs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
	const struct vfs_event event = { .operation = VFS_OPEN, .path = path };
	bool creates = (flags & SQLITE_OPEN_CREATE) != 0;
	int code = SQLITE_OK;

	(void)vfs;
	*watched(file) = (struct watched_file){
		.path = path,
		.is_folder_unsynced = creates && (flags & logs),
		.real = (sqlite3_file *)(void *)(watched(file) + 1),
	};
	if (path && creates)
		code = before(&event);
	if (code == SQLITE_OK)
		code = real_vfs->xOpen(real_vfs, path, real(file), flags, flags_out);
	if (code == SQLITE_OK)
		file->pMethods = &methods;
	if (code == SQLITE_OK && path)
		see_failures(watched(file), 0);
	return path && creates ? after(code, &event) : code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	const struct vfs_event event = {
		.operation = VFS_DELETE, .path = path, .syncs_folder = sync_folder != 0
	};
	int code = before(&event);

	(void)vfs;
	if (code == SQLITE_OK)
		code = real_vfs->xDelete(real_vfs, path, sync_folder);
	return after(code, &event);
}

bool watched_vfs_register(const struct vfs_watch *watch)
{
	real_vfs = sqlite3_vfs_find(NULL);
	if (!real_vfs)
		return false;
	current = watch;
	memset(failed_files, 0, sizeof failed_files);
	shim = *real_vfs;
	shim.zName = "watched";
	shim.pNext = NULL;
	shim.szOsFile = (int)sizeof(struct watched_file) + real_vfs->szOsFile;
	shim.xOpen = vfs_open;
	shim.xDelete = vfs_delete;
	return sqlite3_vfs_register(&shim, 1) == SQLITE_OK;
}

void watched_vfs_unregister(void)
{
	sqlite3_vfs_unregister(&shim);
	sqlite3_vfs_register(real_vfs, 1);
	current = NULL;
}

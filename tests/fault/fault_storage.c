/* fault_storage.c -- see the header. They say in turn that the disk is full, that it is broken and, of steps, that there is
 * no memory. */
#include "fault_storage.h"

#include <errno.h>
#include <sqlite3.h>

#include "fault_point.h"
#include "platform/file_watch.h"
#include "watched_vfs.h"

static int before_file(
	void *context, enum file_operation operation, const char *path, const char *other)
{
	size_t number = fault_point(FAULT_FILE);

	(void)context;
	(void)path;
	(void)other;
	if (!number)
		return 0;
	return operation != FILE_OP_READ && number % 2 ? ENOSPC : EIO;
}

static int before_database(void *context, const struct vfs_event *event)
{
	static const int codes[] = {
		[VFS_OPEN] = SQLITE_CANTOPEN,
		[VFS_WRITE] = SQLITE_IOERR_WRITE,
		[VFS_TRUNCATE] = SQLITE_IOERR_TRUNCATE,
		[VFS_SYNC] = SQLITE_IOERR_FSYNC,
		[VFS_DELETE] = SQLITE_IOERR_DELETE,
		[VFS_READ] = SQLITE_IOERR_READ,
		[VFS_MAP] = SQLITE_IOERR_SHMMAP,
	};
	size_t number = fault_point(FAULT_DATABASE);

	(void)context;
	if (!number)
		return SQLITE_OK;
	return event->operation == VFS_WRITE && number % 2 ? SQLITE_FULL : codes[event->operation];
}

int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);

int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
	static const int codes[] = { SQLITE_FULL, SQLITE_IOERR, SQLITE_NOMEM };
	size_t number = fault_point(FAULT_STEP);

	return number ? codes[number % (sizeof codes / sizeof codes[0])]
		      : __real_sqlite3_step(statement);
}

bool fault_storage_start(void)
{
	static const struct file_watch files = { .before = before_file };
	static const struct vfs_watch database = { .before = before_database };

	file_watch_set(&files);
	return watched_vfs_register(&database);
}

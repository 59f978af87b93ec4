/* watched_vfs.h -- SQLite's own file operations, looked at and failed as platform/file_watch.h does it
 * for everybody else's.
 *
 * A shim over the default VFS that becomes the default itself, so that store_open() gets it without
 * knowing. One watch per process, set before any database opens. */
#ifndef LG_TESTS_WATCHED_VFS_H
#define LG_TESTS_WATCHED_VFS_H

#include "base/bytes.h"

enum vfs_operation {
	VFS_OPEN, /* may create the file */
	VFS_WRITE,
	VFS_TRUNCATE,
	VFS_SYNC,
	VFS_DELETE,
	VFS_READ, /* before alone */
	VFS_MAP,  /* of shared memory; before alone */
};

struct vfs_event {
	enum vfs_operation operation;
	const char *path;
	uint64_t offset;      /* WRITE: where; TRUNCATE: the new size */
	struct bytes written; /* WRITE */
	/* SYNC, DELETE: the folder's entries are on the disk too. SQLite's unix VFS syncs the folder at
	 * the first sync of a log or journal that it may have created. */
	bool syncs_folder;
};

struct vfs_watch {
	void *context;
	/* Before the operation: 0, or the SQLite code to fail it with. A sync that fails so fails once
	 * more on each other connection that has the file open, as Linux reports it. */
	int (*before)(void *context, const struct vfs_event *event);
	/* After it went well. */
	void (*after)(void *context, const struct vfs_event *event);
};

bool watched_vfs_register(const struct vfs_watch *watch);
void watched_vfs_unregister(void); /* after the last database closed */

#endif

/* file_watch.h -- the place where tests look at, record or fail what goes to the disk.
 *
 * Nothing in the programs sets a watch; without one the calls cost a pointer check. The power-cut
 * test records every operation and the replies that promise something, then replays prefixes with
 * unsynced writes dropped. */
#ifndef LG_PLATFORM_FILE_WATCH_H
#define LG_PLATFORM_FILE_WATCH_H

#include "base/bytes.h"

enum file_operation {
	FILE_OP_OPEN, /* for writing: created or emptied */
	FILE_OP_WRITE,
	FILE_OP_READ,
	FILE_OP_SYNC,
	FILE_OP_RENAME, /* other: the new path */
	FILE_OP_REMOVE,
	FILE_OP_FOLDER_CREATE,
	FILE_OP_FOLDER_SYNC,
};

struct file_watch {
	void *context;
	/* Before the operation. Returns 0 to let it happen, or an errno value to fail it with. */
	int (*before)(
		void *context, enum file_operation operation, const char *path, const char *other);
	/* After it happened. For WRITE: where and what. */
	void (*after)(void *context, enum file_operation operation, const char *path,
		const char *other, uint64_t offset, struct bytes written);
	/* A reply that promises durability is about to leave: "smtp 250 ID", "pop3 deleted ID". */
	void (*promise)(void *context, const char *what);
};

/* Set before threads start, or NULL. */
void file_watch_set(const struct file_watch *watch);
const struct file_watch *file_watch_get(void);
void file_watch_promise(const char *what);

#endif

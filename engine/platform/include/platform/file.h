/* file.h -- files as the store and the certificates need them: owner-only, whole writes, syncs that
 * are checked. Every call passes the watch (file_watch.h), by which tests record and fail them.
 * Paths are UTF-8. Blocking; errors name the path. */
#ifndef LG_PLATFORM_FILE_H
#define LG_PLATFORM_FILE_H

#include "base/buf.h"
#include "base/error.h"

struct file;

enum file_mode {
	FILE_READ,
	FILE_CREATE,  /* for writing; must not exist (ERROR_EXISTS); owner-only */
	FILE_REPLACE, /* for writing; emptied when it exists; owner-only */
	FILE_APPEND,  /* for writing behind what is there; owner-only */
};

struct file *file_open(const char *path, enum file_mode mode, struct error *error);
void file_close(struct file **file); /* no sync; sets NULL; NULL is allowed */
bool file_write(struct file *file, struct bytes bytes, struct error *error); /* all, at the end */
/* Gives an empty file that size in real blocks, so that no write there meets a full disk: ERROR_FULL now
 * instead. What it holds is not said. */
bool file_allocate(struct file *file, uint64_t size, struct error *error);
/* Appends up to `size` bytes from `offset` to *out; fewer only at the end of the file. */
bool file_read_at(
	struct file *file, uint64_t offset, size_t size, struct buf *out, struct error *error);
bool file_size(struct file *file, uint64_t *size, struct error *error);
/* When its content was last written. */
bool file_modified_us(struct file *file, int64_t *modified_us, struct error *error);
/* The content (and the size) is on the disk. After a failure nothing may be assumed: never retry. */
bool file_sync(struct file *file, struct error *error);

bool file_rename(const char *from, const char *to, struct error *error); /* replaces */
bool file_remove(const char *path, struct error *error);		 /* ERROR_NOT_FOUND too */
bool file_exists(const char *path);
bool file_make_private(const char *path, struct error *error); /* for this user alone (0600) */
/* Whole small files. Writing goes by a temporary file, a sync, a rename and a folder sync, so that a
 * crash leaves the old or the new content. */
bool file_load(const char *path, struct buf *out, struct error *error);
bool file_save(const char *path, struct bytes content, struct error *error);

bool folder_create(const char *path, struct error *error); /* owner-only, with parents; may exist */
/* ERROR_DENIED: it belongs to another user than ours, or others may put something into it. */
bool folder_check_own(const char *path, struct error *error);
bool folder_remove(const char *path, struct error *error); /* an empty one */
bool folder_sync(const char *path, struct error *error);   /* creations, renames, removals */
/* Calls `entry` for each name but "." and ".."; stops when it returns false. */
typedef bool folder_entry(void *context, const char *name);
bool folder_each(const char *path, folder_entry *entry, void *context, struct error *error);
/* Of the file system: what this user may still fill, and its whole size. */
bool folder_free_bytes(const char *path, uint64_t *free_bytes, struct error *error);
bool folder_total_bytes(const char *path, uint64_t *total_bytes, struct error *error);

#endif

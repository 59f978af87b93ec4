/* test_store_watch.h -- fails one operation of the store, or all from one on: the project's own file
 * calls by the file watch, SQLite's by the watched VFS. */
#ifndef LG_TESTS_STORE_WATCH_H
#define LG_TESTS_STORE_WATCH_H

#include <stdbool.h>

#include "platform/file_watch.h"
#include "watched_vfs.h"

/* Both once per program, before any store opens. */
void failing_files_set(void);
void failing_database_set(void);

/* Operations whose path ends in `suffix` fail with `code` (an errno value; for SQLite's own, a code of
 * SQLite): the next `count` of them, or all when it is negative. */
void fail_file(enum file_operation operation, const char *suffix, int code, int count);
void fail_database(enum vfs_operation operation, const char *suffix, int code, int count);
/* What fails on the database's side ends as soon as a file with that suffix is removed. */
void fail_until_removed(const char *suffix);
void fail_nothing(void);
/* How many did fail since fail_nothing(). */
int failed_count(void);

#endif

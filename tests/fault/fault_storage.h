/* fault_storage.h -- file operations that fail: the engine's own by the platform floor's watch, SQLite's by
 * the watched VFS, and the steps of statements. */
#ifndef LG_TESTS_FAULT_STORAGE_H
#define LG_TESTS_FAULT_STORAGE_H

#include <stdbool.h>

bool fault_storage_start(void); /* in each process, before a database opens */

#endif

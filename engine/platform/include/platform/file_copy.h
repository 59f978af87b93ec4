/* file_copy.h -- a large file, copied to another folder, maybe on another disk. */
#ifndef LG_PLATFORM_FILE_COPY_H
#define LG_PLATFORM_FILE_COPY_H

#include <stdatomic.h>

#include "base/error.h"

/* Makes `to`, in the place of a file of that name, from TO.part, which is synced before it gets the name; the folder is
 * not. After a failure TO.part is removed. `stop`, which may be NULL, ends it with ERROR_CANCELLED. */
bool file_copy(const char *from, const char *to, const atomic_bool *stop, struct error *error);

#endif

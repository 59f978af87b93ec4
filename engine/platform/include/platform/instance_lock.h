/* instance_lock.h -- one gateway per data folder. Held by the process, given up by the system when it
 * ends however it ends. */
#ifndef LG_PLATFORM_INSTANCE_LOCK_H
#define LG_PLATFORM_INSTANCE_LOCK_H

#include "base/error.h"

struct instance_lock;

/* ERROR_BUSY when another process (or this one) holds it; the text names its process id. */
struct instance_lock *instance_lock_take(const char *path, struct error *error);
void instance_lock_release(struct instance_lock **lock);

#endif

/* semaphore.h -- a thread waits for what another one does for it: the answer of the store, of a hashing thread, of a
 * session on a loop. */
#ifndef LG_PLATFORM_SEMAPHORE_H
#define LG_PLATFORM_SEMAPHORE_H

#include "base/error.h"

struct semaphore;

struct semaphore *semaphore_new(struct error *error); /* at 0; NULL: no memory */
void semaphore_free(struct semaphore **semaphore);    /* sets NULL; NULL is allowed */

/* Adds one. What was written before is seen by who waits, who may free the semaphore at once. */
void semaphore_post(struct semaphore *semaphore);
/* Waits until there is one, and takes it. */
void semaphore_wait(struct semaphore *semaphore);

#endif

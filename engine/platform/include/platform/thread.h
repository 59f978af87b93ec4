/* thread.h -- threads, mutexes and conditions. Allocation failures are errors like any other;
 * locking itself cannot fail. */
#ifndef LG_PLATFORM_THREAD_H
#define LG_PLATFORM_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct thread;
struct mutex;
struct condition;

/* `name` shows in debuggers (15 characters). The thread gets no signals. */
struct thread *thread_start(
	const char *name, void (*run)(void *context), void *context, struct error *error);
void thread_join(struct thread **thread); /* waits, frees, sets NULL; NULL is allowed */

struct mutex *mutex_new(struct error *error);
void mutex_free(struct mutex **mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

struct condition *condition_new(struct error *error);
void condition_free(struct condition **condition);
void condition_wait(struct condition *condition, struct mutex *mutex);
/* False when the time ran out. */
bool condition_wait_for(struct condition *condition, struct mutex *mutex, int64_t timeout_us);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

unsigned thread_core_count(void); /* at least 1 */

#endif

/* semaphore.c -- a number, and a condition that it is not 0. */
#include "platform/semaphore.h"

#include <stdlib.h>

#include "platform/thread.h"

struct semaphore {
	struct mutex *mutex;
	struct condition *changed;
	unsigned count; /* under the mutex */
};

struct semaphore *semaphore_new(struct error *error)
{
	struct semaphore *semaphore = calloc(1, sizeof *semaphore);

	if (!semaphore) {
		error_set_memory(error);
		return NULL;
	}
	semaphore->mutex = mutex_new(error);
	semaphore->changed = semaphore->mutex ? condition_new(error) : NULL;
	if (!semaphore->changed)
		semaphore_free(&semaphore);
	return semaphore;
}

void semaphore_free(struct semaphore **semaphore)
{
	struct semaphore *freed = *semaphore;

	if (!freed)
		return;
	condition_free(&freed->changed);
	mutex_free(&freed->mutex);
	free(freed);
	*semaphore = NULL;
}

void semaphore_post(struct semaphore *semaphore)
{
	mutex_lock(semaphore->mutex);
	semaphore->count++;
	condition_signal(semaphore->changed);
	mutex_unlock(semaphore->mutex);
}

void semaphore_wait(struct semaphore *semaphore)
{
	mutex_lock(semaphore->mutex);
	while (!semaphore->count)
		condition_wait(semaphore->changed, semaphore->mutex);
	semaphore->count--;
	mutex_unlock(semaphore->mutex);
}

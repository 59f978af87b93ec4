/* notices.c -- one bit per topic. */
#include "service/notices.h"

#include <stdlib.h>

#include "platform/thread.h"

struct notices {
	struct mutex *mutex;
	uint32_t topics;
	void (*wake)(void *context);
	void *context;
};

struct notices *notices_new(struct error *error)
{
	struct notices *notices = calloc(1, sizeof *notices);

	if (notices && (notices->mutex = mutex_new(error)))
		return notices;
	error_set_memory(error);
	free(notices);
	return NULL;
}

void notices_free(struct notices **notices)
{
	if (!*notices)
		return;
	mutex_free(&(*notices)->mutex);
	free(*notices);
	*notices = NULL;
}

void notices_watch(struct notices *notices, void (*wake)(void *context), void *context)
{
	mutex_lock(notices->mutex);
	notices->wake = wake;
	notices->context = context;
	/* What was noted before somebody watched: nothing else would wake for it, or for what follows. */
	if (notices->topics && wake)
		wake(context);
	mutex_unlock(notices->mutex);
}

void notices_note(struct notices *notices, uint32_t topics)
{
	mutex_lock(notices->mutex);
	/* Called inside the lock, so that no wake follows notices_watch(NULL). */
	if (!notices->topics && notices->wake)
		notices->wake(notices->context);
	notices->topics |= topics;
	mutex_unlock(notices->mutex);
}

uint32_t notices_take(struct notices *notices)
{
	uint32_t topics;

	mutex_lock(notices->mutex);
	topics = notices->topics;
	notices->topics = 0;
	mutex_unlock(notices->mutex);
	return topics;
}

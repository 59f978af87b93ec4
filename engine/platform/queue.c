/* queue.c -- a ring of pointers under one mutex. */
#include "platform/queue.h"

#include <assert.h>
#include <stdlib.h>

#include "platform/thread.h"

struct queue {
	struct mutex *mutex;
	struct condition *filled;
	void **items;
	size_t capacity;
	size_t first;
	size_t count;
	bool is_closed;
};

struct queue *queue_new(size_t capacity, struct error *error)
{
	struct queue *queue = calloc(1, sizeof *queue);

	if (!queue) {
		error_set_memory(error);
		return NULL;
	}
	queue->capacity = capacity;
	queue->items = calloc(capacity, sizeof *queue->items);
	queue->mutex = mutex_new(error);
	queue->filled = condition_new(error);
	if (!queue->items || !queue->mutex || !queue->filled) {
		error_set_memory(error);
		queue_free(&queue);
	}
	return queue;
}

void queue_free(struct queue **queue)
{
	if (!*queue)
		return;
	assert((*queue)->count == 0);
	mutex_free(&(*queue)->mutex);
	condition_free(&(*queue)->filled);
	free((*queue)->items);
	free(*queue);
	*queue = NULL;
}

bool queue_push(struct queue *queue, void *item)
{
	bool fits;

	mutex_lock(queue->mutex);
	fits = !queue->is_closed && queue->count < queue->capacity;
	if (fits) {
		queue->items[(queue->first + queue->count++) % queue->capacity] = item;
		condition_signal(queue->filled);
	}
	mutex_unlock(queue->mutex);
	return fits;
}

static void *take(struct queue *queue)
{
	void *item;

	if (!queue->count)
		return NULL;
	item = queue->items[queue->first];
	queue->first = (queue->first + 1) % queue->capacity;
	queue->count--;
	return item;
}

void *queue_pop(struct queue *queue)
{
	void *item;

	mutex_lock(queue->mutex);
	while (!queue->count && !queue->is_closed)
		condition_wait(queue->filled, queue->mutex);
	item = take(queue);
	mutex_unlock(queue->mutex);
	return item;
}

void *queue_try_pop(struct queue *queue)
{
	void *item;

	mutex_lock(queue->mutex);
	item = take(queue);
	mutex_unlock(queue->mutex);
	return item;
}

void queue_close(struct queue *queue)
{
	mutex_lock(queue->mutex);
	queue->is_closed = true;
	condition_broadcast(queue->filled);
	mutex_unlock(queue->mutex);
}

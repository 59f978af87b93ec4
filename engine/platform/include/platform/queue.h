/* queue.h -- a bounded first-in first-out queue of pointers between threads. Ownership moves with the
 * pointer. */
#ifndef LG_PLATFORM_QUEUE_H
#define LG_PLATFORM_QUEUE_H

#include <stddef.h>

#include "base/error.h"

struct queue;

struct queue *queue_new(size_t capacity, struct error *error);
void queue_free(struct queue **queue); /* must be empty */
/* False at once when it is full or closed: the item stays the caller's. */
bool queue_push(struct queue *queue, void *item);
/* Waits for an item; NULL once the queue is closed and empty. */
void *queue_pop(struct queue *queue);
/* Without waiting; NULL when there is none. */
void *queue_try_pop(struct queue *queue);
/* Nothing more goes in; waiting threads wake. */
void queue_close(struct queue *queue);

#endif

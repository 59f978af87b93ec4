/* outbox.c -- a queue that moves its content to the front only when the end of the memory is
 * reached.
 *
 * Invariant: everything outside of [start, start + size) is zero. */
#include "outbox_internal.h"

#include "base/buf.h"

void outbox_init(struct outbox *outbox, uint8_t *data, size_t capacity)
{
	*outbox = (struct outbox){ .data = data, .capacity = capacity };
}

size_t outbox_room(const struct outbox *outbox)
{
	return outbox->capacity - outbox->size;
}

static void move_to_front(struct outbox *outbox)
{
	size_t old_end = outbox->start + outbox->size;

	memmove(outbox->data, outbox->data + outbox->start, outbox->size);
	memory_wipe(outbox->data + outbox->size, old_end - outbox->size);
	outbox->start = 0;
}

bool outbox_append(struct outbox *outbox, struct bytes bytes)
{
	if (bytes.size > outbox_room(outbox))
		return false;
	if (bytes.size > outbox->capacity - outbox->start - outbox->size)
		move_to_front(outbox);
	if (bytes.size)
		memcpy(outbox->data + outbox->start + outbox->size, bytes.data, bytes.size);
	outbox->size += bytes.size;
	return true;
}

size_t outbox_take(struct outbox *outbox, uint8_t *space, size_t capacity)
{
	size_t count = outbox->size < capacity ? outbox->size : capacity;

	if (!count)
		return 0;
	memcpy(space, outbox->data + outbox->start, count);
	memory_wipe(outbox->data + outbox->start, count);
	outbox->start += count;
	outbox->size -= count;
	if (!outbox->size)
		outbox->start = 0;
	return count;
}

void outbox_wipe(struct outbox *outbox)
{
	memory_wipe(outbox->data + outbox->start, outbox->size);
	outbox->start = outbox->size = 0;
}

/* outbox_internal.h -- bytes that wait to be pulled, in fixed memory of the owner.
 *
 * What was taken is overwritten, since a client's outbox carries passwords. Appending is all or
 * nothing. */
#ifndef LG_PROTO_OUTBOX_INTERNAL_H
#define LG_PROTO_OUTBOX_INTERNAL_H

#include "base/bytes.h"

struct outbox {
	uint8_t *data; /* the owner's array */
	size_t capacity;
	size_t start;
	size_t size;
};

void outbox_init(struct outbox *outbox, uint8_t *data, size_t capacity);
size_t outbox_room(const struct outbox *outbox);
bool outbox_append(struct outbox *outbox, struct bytes bytes);
/* Moves up to `capacity` bytes into `space`; returns how many. */
size_t outbox_take(struct outbox *outbox, uint8_t *space, size_t capacity);
void outbox_wipe(struct outbox *outbox);

#endif

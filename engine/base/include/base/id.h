/* id.h -- the 128-bit ids of mailboxes, messages and bodies, and the written form of a mailbox id:
 * "mbx-" and 32 lower-case hex digits. */
#ifndef LG_BASE_ID_H
#define LG_BASE_ID_H

#include "base/bytes.h"

struct id {
	uint8_t bytes[16];
};

enum {
	ID_TEXT_SIZE = 33,	   /* 32 hex digits and NUL */
	MAILBOX_ID_TEXT_SIZE = 37, /* "mbx-", 32 hex digits and NUL */
};

static inline bool id_is_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void id_text(const struct id *id, char text[ID_TEXT_SIZE]);
bool id_parse(struct bytes text, struct id *id);
void mailbox_id_text(const struct id *id, char text[MAILBOX_ID_TEXT_SIZE]);
/* Either case is taken, since mail systems fold the case of addresses. */
bool mailbox_id_parse(struct bytes text, struct id *id);

#endif

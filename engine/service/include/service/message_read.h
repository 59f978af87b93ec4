/* message_read.h -- one sealed message read and opened on a thread that may wait: what collection.h is for loops. */
#ifndef LG_SERVICE_MESSAGE_READ_H
#define LG_SERVICE_MESSAGE_READ_H

#include "crypto/mailbox_keyring.h"
#include "crypto/seal.h"
#include "store/store.h"

enum {
	MESSAGE_READ_BYTES = 128 * 1024, /* of ciphertext at a time */
	/* The most that one step gives: the prologue, what was read, and a chunk held back before. */
	MESSAGE_READ_PLAIN_MAX = SEAL_PROLOGUE_MAX + MESSAGE_READ_BYTES + SEAL_CHUNK_SIZE,
};

struct message_read;

/* Borrows the keyring until message_read_free(). */
struct message_read *message_read_new(struct store *store, const struct id *mailbox,
	const struct store_message *message, const struct mailbox_keyring *keyring,
	struct error *error);
/* The next piece of what has verified, valid until the next call. With *is_end the whole message has. ERROR_CORRUPT:
 * it does not verify, or its bytes are missing; ERROR_NOT_FOUND: it is gone. After an error nothing follows. */
bool message_read_next(
	struct message_read *read, struct bytes *piece, bool *is_end, struct error *error);
void message_read_free(struct message_read **read); /* wipes; sets NULL */

#endif

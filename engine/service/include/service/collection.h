/* collection.h -- one sealed message on its way out: read from the store in pieces and opened, on the
 * session's loop. The counterpart of delivery.h. */
#ifndef LG_SERVICE_COLLECTION_H
#define LG_SERVICE_COLLECTION_H

#include "crypto/mailbox_keyring.h"
#include "net/loop.h"
#include "store/store.h"

struct collection;

/* Borrows the keyring until collection_free(). */
struct collection *collection_new(struct store *store, struct loop *loop, const struct id *mailbox,
	const struct store_message *message, const struct mailbox_keyring *keyring,
	struct error *error);

/* Fetches the next piece; not when it is finished. `done` runs on the loop, later: `why` is NULL and
 * collection_piece() holds what has verified; else what prevented it (ERROR_CORRUPT: it does not verify),
 * and nothing more can be fetched. One fetch at a time. */
void collection_fetch(struct collection *collection,
	void (*done)(void *context, const struct error *why), void *context);
/* Valid until the next fetch. */
struct bytes collection_piece(const struct collection *collection);
/* The piece is the last one: the whole message has verified. */
bool collection_is_finished(const struct collection *collection);
/* Wipes; sets NULL. Not while a fetch is under way. */
void collection_free(struct collection **collection);

#endif

/* store_keys.h -- a mailbox's wraps exchanged, and its box key followed by another one.
 *
 * The store does not know what the bytes are. It sees to it that two changes cannot cross: each names the
 * password wrap that it was made from, and changes nothing when that is no longer the one. */
#ifndef LG_STORE_STORE_KEYS_H
#define LG_STORE_STORE_KEYS_H

#include "store/store.h"

enum {
	STORE_GENERATIONS_MAX = 32, /* of one mailbox; a rekey beyond is refused */
	STORE_OLD_SECRET_MAX = 256,
};

struct store_wraps_change {
	struct bytes expected; /* the password wrap that the caller has seen */
	struct bytes password; /* empty: stays as it is */
	bool sets_recovery;
	struct bytes recovery; /* when set: empty removes it */
};

/* ERROR_STATE: the password wrap is another one meanwhile, and nothing has changed. */
bool store_mailbox_set_wraps(struct store *store, const struct id *mailbox,
	const struct store_wraps_change *change, struct error *error);

struct store_rekey {
	struct bytes expected; /* as above */
	uint32_t generation;   /* the one after the mailbox's */
	uint8_t box_key[32];
	uint8_t key_signature[64];
	struct bytes
		password; /* both wraps hold the new secret; an empty recovery wrap is removed */
	struct bytes recovery;
	struct bytes sealed_secret; /* of the generation that ends here */
};

/* In one transaction. ERROR_STATE: the wrap or the generation is another one meanwhile, or it would be the
 * 33rd generation. */
bool store_mailbox_rekey(struct store *store, const struct id *mailbox,
	const struct store_rekey *rekey, struct error *error);

struct store_old_key {
	uint32_t generation;
	uint8_t box_key[32];
	uint8_t sealed_secret[STORE_OLD_SECRET_MAX];
	size_t sealed_secret_size;
};

/* The newest first; `keys` has room for STORE_GENERATIONS_MAX - 1. For a hashing thread, or any other that
 * may block. */
bool store_mailbox_old_keys(struct store *store, const struct id *mailbox,
	struct store_old_key *keys, size_t *count, struct error *error);

#endif

/* keyring_load.c -- out of the store's rows what the keyring opens. */
#include "service/keyring_load.h"

#include <string.h>

#include "store/store_keys.h"

static size_t take_older(const struct store_old_key *stored, size_t stored_count,
	uint32_t generation, struct mailbox_old_key *old)
{
	size_t count = 0;

	for (size_t i = 0; i < stored_count; i++) {
		if (stored[i].generation >= generation ||
			stored[i].sealed_secret_size != sizeof old[count].sealed_secret)
			continue;
		old[count].generation = stored[i].generation;
		memcpy(old[count].box, stored[i].box_key, sizeof old[count].box);
		memcpy(old[count].sealed_secret, stored[i].sealed_secret,
			sizeof old[count].sealed_secret);
		count++;
	}
	return count;
}

struct mailbox_keyring *keyring_load(struct store *store, const struct id *mailbox,
	const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys, struct error *error)
{
	struct store_old_key stored[STORE_GENERATIONS_MAX - 1];
	struct mailbox_old_key old[STORE_GENERATIONS_MAX - 1];
	struct mailbox_keyring *keyring;
	size_t count = 0;

	/* Most mailboxes never get there, and need no look into the store. */
	if (public_keys->generation > MAILBOX_GENERATION_FIRST &&
		!store_mailbox_old_keys(store, mailbox, stored, &count, error))
		return NULL;
	count = take_older(stored, count, public_keys->generation, old);
	keyring = mailbox_keyring_open(public_keys, secret_keys, old, count, error);
	if (!keyring)
		error_prefix(error, "opening the keys of the mailbox");
	return keyring;
}

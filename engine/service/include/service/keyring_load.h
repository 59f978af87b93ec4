/* keyring_load.h -- all keys of a mailbox, once its newest secret keys are open: those of former generations lie in the
 * store, sealed to them. */
#ifndef LG_SERVICE_KEYRING_LOAD_H
#define LG_SERVICE_KEYRING_LOAD_H

#include "crypto/mailbox_keyring.h"
#include "store/store.h"

/* The caller's; NULL: not all of them open. The store may know of a rekey that came after `public_keys` were looked up:
 * what it keeps since is no part of these keys. Blocking. */
struct mailbox_keyring *keyring_load(struct store *store, const struct id *mailbox,
	const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys, struct error *error);

#endif

/* gateway_keys.h -- whether a mailbox that was found opens with what its administrator was told. */
#ifndef LG_TESTS_GATEWAY_KEYS_H
#define LG_TESTS_GATEWAY_KEYS_H

#include "crypto/mailbox_keyring.h"
#include "gateway_load.h"

/* With one of `count` states of its keys, all of it: the password and the recovery code, or that it has none, open
 * keys of that generation, and with them those of all earlier ones. ERROR_CORRUPT: with none of them. */
struct mailbox_keyring *gateway_keys_open(struct store *store, const struct store_mailbox *stored,
	const struct gateway_keys *states, size_t count, struct error *error);

#endif

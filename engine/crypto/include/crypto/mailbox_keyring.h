/* mailbox_keyring.h -- all secret keys of a mailbox while somebody is logged in to it: the identity, and
 * the box keys of every generation, so that mail opens that was sealed before a rekey.
 *
 * It lies in secret memory, 192 octets for one generation, 2,176 for the most. Read by any number of threads
 * at a time. */
#ifndef LG_CRYPTO_MAILBOX_KEYRING_H
#define LG_CRYPTO_MAILBOX_KEYRING_H

#include "crypto/mailbox_keys.h"

struct mailbox_keyring;

/* From the newest keys and all old ones, newest first: generation - 1 of them. Copies what it needs.
 * ERROR_CORRUPT: the secret halves do not belong to the public ones, or an old key is missing, out of
 * order, does not open, or is none that the identity has signed. ERROR_BUSY: no secret memory is free.
 * NULL then. Three public-key operations for each old key: for hashing threads, where there are any. */
struct mailbox_keyring *mailbox_keyring_open(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys, const struct mailbox_old_key *old,
	size_t old_count, struct error *error);
void mailbox_keyring_free(struct mailbox_keyring **keyring); /* wipes; sets NULL */

#endif

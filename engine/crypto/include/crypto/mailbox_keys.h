/* mailbox_keys.h -- the keys of a mailbox: an Ed25519 identity, whose hash is the mailbox id, and an
 * X25519 key pair that the identity has signed.
 *
 * The address that senders use thereby authenticates the key that mail is sealed to: whoever can
 * write to the data folder cannot put another key in its place without changing the address. */
#ifndef LG_CRYPTO_MAILBOX_KEYS_H
#define LG_CRYPTO_MAILBOX_KEYS_H

#include "base/error.h"
#include "base/id.h"

enum { IDENTITY_KEY_SIZE = 32, BOX_KEY_SIZE = 32, KEY_SIGNATURE_SIZE = 64 };

struct mailbox_public_keys {
	uint8_t identity[IDENTITY_KEY_SIZE];
	uint8_t box[BOX_KEY_SIZE];
	uint8_t signature[KEY_SIGNATURE_SIZE]; /* by the identity over the box key */
};

/* Lives in secret memory only. */
struct mailbox_secret_keys {
	uint8_t identity[64];
	uint8_t box[32];
};

/* *secret is in secret memory; free it with secret_free(). ERROR_BUSY when the slab is full. */
bool mailbox_keys_generate(struct mailbox_public_keys *public_keys,
	struct mailbox_secret_keys **secret_keys, struct error *error);

/* BLAKE2b-128 of the identity's public key. */
struct id mailbox_keys_id(const struct mailbox_public_keys *public_keys);

/* The identity hashes to `id` and its signature on the box key holds; else ERROR_CORRUPT. */
bool mailbox_keys_verify(
	const struct mailbox_public_keys *public_keys, const struct id *id, struct error *error);

/* The secret halves belong to the public ones. */
bool mailbox_keys_match(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys);

#endif

/* mailbox_keys.h -- the keys of a mailbox: an Ed25519 identity, whose hash is the mailbox id, and an
 * X25519 key pair, the box keys, that the identity has signed.
 *
 * The address that senders use thereby authenticates the key that mail is sealed to: whoever can
 * write to the data folder cannot put another key in its place without changing the address.
 *
 * The identity stays as long as the mailbox. The box keys may be replaced; each pair has a generation,
 * counted from MAILBOX_GENERATION_FIRST, which the identity signs with the key. */
#ifndef LG_CRYPTO_MAILBOX_KEYS_H
#define LG_CRYPTO_MAILBOX_KEYS_H

#include "base/error.h"
#include "base/id.h"

enum {
	IDENTITY_KEY_SIZE = 32,
	BOX_KEY_SIZE = 32,
	KEY_SIGNATURE_SIZE = 64,
	OLD_KEY_SEALED_SIZE = 48 + 32 + KEY_SIGNATURE_SIZE,

	MAILBOX_GENERATION_FIRST = 1,
	/* All of them are kept, and a login opens all of them. */
	MAILBOX_GENERATIONS_MAX = 32,
};

struct mailbox_public_keys {
	uint8_t identity[IDENTITY_KEY_SIZE];
	uint8_t box[BOX_KEY_SIZE];
	uint32_t generation;
	uint8_t signature[KEY_SIGNATURE_SIZE]; /* by the identity over generation and box key */
};

/* Lives in secret memory only. */
struct mailbox_secret_keys {
	uint8_t identity[64];
	uint8_t box[32];
};

/* Box keys that were replaced. Opens with the secret box key of the next generation. No secret. */
struct mailbox_old_key {
	uint32_t generation;
	uint8_t box[BOX_KEY_SIZE];
	uint8_t sealed_secret[OLD_KEY_SEALED_SIZE];
};

/* *secret is in secret memory; free it with secret_free(). ERROR_BUSY when the slab is full. */
bool mailbox_keys_generate(struct mailbox_public_keys *public_keys,
	struct mailbox_secret_keys **secret_keys, struct error *error);

/* BLAKE2b-128 of the identity's public key. */
struct id mailbox_keys_id(const struct mailbox_public_keys *public_keys);

/* The identity hashes to `id`, the generation is one that can be, and the signature on it and the box
 * key holds; else ERROR_CORRUPT. */
bool mailbox_keys_verify(
	const struct mailbox_public_keys *public_keys, const struct id *id, struct error *error);

/* The secret halves belong to the public ones. */
bool mailbox_keys_match(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys);

/* New box keys of the next generation under the same identity. *new_secret is in secret memory, the
 * caller's; *old is to be kept as long as the mailbox. Nothing is in force before the caller has stored
 * new_public, old and new wraps of new_secret together, and removed every wrap of the keys before: those
 * do not fit any more. ERROR_CORRUPT: the halves do not belong together. ERROR_STATE: it is the last
 * generation. ERROR_BUSY: no secret memory is free. */
bool mailbox_keys_rekey(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys, struct mailbox_public_keys *new_public,
	struct mailbox_secret_keys **new_secret, struct mailbox_old_key *old, struct error *error);

#endif

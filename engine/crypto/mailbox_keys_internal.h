/* mailbox_keys_internal.h -- what an identity has signed, which halves belong together, and what is
 * inside a sealed old key (docs/internals/sealed-format.md), shared by mailbox_keys.c and
 * mailbox_keyring.c. */
#ifndef LG_CRYPTO_MAILBOX_KEYS_INTERNAL_H
#define LG_CRYPTO_MAILBOX_KEYS_INTERNAL_H

#include "crypto/mailbox_keys.h"

/* In secret memory. The signature is the one that the public keys of that generation had. */
struct old_key_letter {
	uint8_t box[32];
	uint8_t signature[KEY_SIGNATURE_SIZE];
};

/* `identity` is the public one. */
bool mailbox_keys_is_signed(const uint8_t identity[IDENTITY_KEY_SIZE], const struct id *id,
	uint32_t generation, const uint8_t box_key[BOX_KEY_SIZE],
	const uint8_t signature[KEY_SIGNATURE_SIZE]);
bool mailbox_keys_is_box_pair(
	const uint8_t public_key[BOX_KEY_SIZE], const uint8_t secret_key[BOX_KEY_SIZE]);

#endif

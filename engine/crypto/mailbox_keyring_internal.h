/* mailbox_keyring_internal.h -- what a keyring holds, for those that open and sign with it. */
#ifndef LG_CRYPTO_MAILBOX_KEYRING_INTERNAL_H
#define LG_CRYPTO_MAILBOX_KEYRING_INTERNAL_H

#include "crypto/mailbox_keyring.h"

struct keyring_box {
	uint8_t public_key[BOX_KEY_SIZE];
	uint8_t secret_key[32];
};

/* In secret memory. */
struct mailbox_keyring {
	uint8_t identity[64];
	uint32_t count;
	struct keyring_box boxes[]; /* the newest first */
};

#endif

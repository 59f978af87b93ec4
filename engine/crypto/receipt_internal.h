/* receipt_internal.h -- what a receipt is made of (docs/internals/sealed-format.md), for the sealer.
 *
 *	ephemeral	the public key that the envelope begins with (32)
 *	box		of the SHA-256, under the key that the envelope's box has, with a nonce of its own (48) */
#ifndef LG_CRYPTO_RECEIPT_INTERNAL_H
#define LG_CRYPTO_RECEIPT_INTERNAL_H

#include "crypto/receipt.h"

enum { RECEIPT_AT_BOX = BOX_KEY_SIZE, RECEIPT_NONCE_SIZE = 24 };

void receipt_nonce(const uint8_t ephemeral[BOX_KEY_SIZE], const uint8_t box_key[BOX_KEY_SIZE],
	const struct id *mailbox, const struct id *message, uint8_t nonce[RECEIPT_NONCE_SIZE]);

#endif

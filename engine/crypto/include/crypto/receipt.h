/* receipt.h -- what a mailbox can prove of a message after the message is gone: the SHA-256 of its content
 * as it was received, sealed to the mailbox. sealer_receipt() (seal.h) makes it. */
#ifndef LG_CRYPTO_RECEIPT_H
#define LG_CRYPTO_RECEIPT_H

#include "crypto/mailbox_keyring.h"
#include "crypto/seal.h"
#include "crypto/sha256.h"

/* ERROR_CORRUPT, and sha256 as it was: damaged, or of another mailbox or message. */
bool receipt_open(const uint8_t receipt[SEAL_RECEIPT_SIZE], const struct id *mailbox,
	const struct id *message, const struct mailbox_keyring *keyring,
	uint8_t sha256[SHA256_SIZE], struct error *error);

#endif

/* mailbox_head.h -- the head of a mailbox's ledger, signed by the mailbox's identity (Ed25519): proof, for
 * whoever kept it outside the data folder, of what the ledger held at that time. */
#ifndef LG_CRYPTO_MAILBOX_HEAD_H
#define LG_CRYPTO_MAILBOX_HEAD_H

#include "crypto/digest.h"
#include "crypto/mailbox_keyring.h"

enum { HEAD_SIGNATURE_SIZE = 64 };

struct mailbox_head {
	struct id mailbox;
	uint64_t number;	   /* of the last row */
	uint8_t link[DIGEST_SIZE]; /* of the chain, with that row */
	int64_t time_us;	   /* of the signature */
	uint32_t generation;	   /* of the box key at that time */
};

/* `keyring` is that of head->mailbox, else nothing verifies. */
void mailbox_head_sign(const struct mailbox_keyring *keyring, const struct mailbox_head *head,
	uint8_t signature[HEAD_SIGNATURE_SIZE]);
/* The identity hashes to head->mailbox and has signed exactly this head; else ERROR_CORRUPT. */
bool mailbox_head_verify(const uint8_t identity[IDENTITY_KEY_SIZE], const struct mailbox_head *head,
	const uint8_t signature[HEAD_SIGNATURE_SIZE], struct error *error);

#endif

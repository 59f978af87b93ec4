/* receipt.c -- the nonce of a receipt, and opening it.
 *
 * A receipt shares the key of its envelope, so its nonce must never be the envelope's: that one is plain
 * BLAKE2b, this one carries a purpose. Mailbox and message are in the nonce and nowhere else: a receipt
 * of another message has another one and does not open. */
#include "crypto/receipt.h"

#include <sodium.h>

#include "mailbox_keyring_internal.h"
#include "receipt_internal.h"

_Static_assert(RECEIPT_NONCE_SIZE == crypto_box_NONCEBYTES, "XSalsa20");
_Static_assert(
	SEAL_RECEIPT_SIZE == RECEIPT_AT_BOX + crypto_box_MACBYTES + SHA256_SIZE, "the receipt");

static const char nonce_purpose[] = "lettergate-rcpt1";
_Static_assert(sizeof nonce_purpose - 1 == crypto_generichash_blake2b_PERSONALBYTES, "BLAKE2b");

void receipt_nonce(const uint8_t ephemeral[BOX_KEY_SIZE], const uint8_t box_key[BOX_KEY_SIZE],
	const struct id *mailbox, const struct id *message, uint8_t nonce[RECEIPT_NONCE_SIZE])
{
	crypto_generichash_blake2b_state state;

	crypto_generichash_blake2b_init_salt_personal(
		&state, NULL, 0, RECEIPT_NONCE_SIZE, NULL, (const uint8_t *)nonce_purpose);
	crypto_generichash_blake2b_update(&state, ephemeral, BOX_KEY_SIZE);
	crypto_generichash_blake2b_update(&state, box_key, BOX_KEY_SIZE);
	crypto_generichash_blake2b_update(&state, mailbox->bytes, sizeof mailbox->bytes);
	crypto_generichash_blake2b_update(&state, message->bytes, sizeof message->bytes);
	crypto_generichash_blake2b_final(&state, nonce, RECEIPT_NONCE_SIZE);
}

bool receipt_open(const uint8_t receipt[SEAL_RECEIPT_SIZE], const struct id *mailbox,
	const struct id *message, const struct mailbox_keyring *keyring,
	uint8_t sha256[SHA256_SIZE], struct error *error)
{
	uint8_t nonce[RECEIPT_NONCE_SIZE];

	for (size_t i = 0; i < keyring->count; i++) {
		const struct keyring_box *box = &keyring->boxes[i];

		receipt_nonce(receipt, box->public_key, mailbox, message, nonce);
		if (crypto_box_open_easy(sha256, receipt + RECEIPT_AT_BOX,
			    SEAL_RECEIPT_SIZE - RECEIPT_AT_BOX, nonce, receipt,
			    box->secret_key) == 0)
			return true;
	}
	return error_set(error, ERROR_CORRUPT,
		"the receipt does not verify: it is damaged, or belongs to another message");
}

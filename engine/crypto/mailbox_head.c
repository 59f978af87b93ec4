/* mailbox_head.c -- the signed text begins with a purpose of its own, and has a size of its own, so that no
 * signature on a head passes for one on a box key, or the other way round. */
#include "crypto/mailbox_head.h"

#include <sodium.h>

#include "big_endian_internal.h"
#include "mailbox_keyring_internal.h"

_Static_assert(HEAD_SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");

static const char purpose[] = "lettergate mailbox head 1";

enum {
	PURPOSE_SIZE = sizeof purpose - 1,
	AT_MAILBOX = PURPOSE_SIZE,
	AT_NUMBER = AT_MAILBOX + sizeof(struct id),
	AT_LINK = AT_NUMBER + 8,
	AT_TIME = AT_LINK + DIGEST_SIZE,
	AT_GENERATION = AT_TIME + 8,
	SIGNED_SIZE = AT_GENERATION + 4,
};

static void make_signed(const struct mailbox_head *head, uint8_t text[SIGNED_SIZE])
{
	memcpy(text, purpose, PURPOSE_SIZE);
	memcpy(text + AT_MAILBOX, head->mailbox.bytes, sizeof head->mailbox.bytes);
	put_u64(text + AT_NUMBER, head->number);
	memcpy(text + AT_LINK, head->link, sizeof head->link);
	put_u64(text + AT_TIME, (uint64_t)head->time_us);
	put_u32(text + AT_GENERATION, head->generation);
}

void mailbox_head_sign(const struct mailbox_keyring *keyring, const struct mailbox_head *head,
	uint8_t signature[HEAD_SIGNATURE_SIZE])
{
	uint8_t text[SIGNED_SIZE];

	make_signed(head, text);
	crypto_sign_detached(signature, NULL, text, sizeof text, keyring->identity);
}

bool mailbox_head_verify(const uint8_t identity[IDENTITY_KEY_SIZE], const struct mailbox_head *head,
	const uint8_t signature[HEAD_SIGNATURE_SIZE], struct error *error)
{
	struct mailbox_public_keys keys;
	uint8_t text[SIGNED_SIZE];
	struct id hashed;

	memcpy(keys.identity, identity, sizeof keys.identity);
	hashed = mailbox_keys_id(&keys);
	if (!id_is_equal(&hashed, &head->mailbox))
		return error_set(error, ERROR_CORRUPT,
			"the identity key is not the one that the mailbox id was made from");
	make_signed(head, text);
	if (crypto_sign_verify_detached(signature, text, sizeof text, identity) != 0)
		return error_set(error, ERROR_CORRUPT,
			"the ledger's head does not carry the mailbox's signature");
	return true;
}

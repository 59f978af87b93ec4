/* mailbox_keys.c -- making and checking the keys of a mailbox.
 *
 * Ed25519 (RFC 8032) for the identity, X25519 (RFC 7748) for sealing, BLAKE2b (RFC 7693) for the id.
 * Both the hash and the signature carry a purpose of their own, so that nothing which an identity
 * signs or hashes elsewhere can be passed off as one of them. docs/internals/sealed-format.md has
 * the bytes. Where the keys are kept, and under what, is key_wrap.c's business. */
#include "crypto/mailbox_keys.h"

#include <sodium.h>

#include "crypto/secret.h"

_Static_assert(IDENTITY_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(BOX_KEY_SIZE == crypto_box_PUBLICKEYBYTES, "X25519");
_Static_assert(KEY_SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");
_Static_assert(
	sizeof((struct mailbox_secret_keys *)0)->identity == crypto_sign_SECRETKEYBYTES, "Ed25519");
_Static_assert(sizeof((struct mailbox_secret_keys *)0)->box == crypto_box_SECRETKEYBYTES, "X25519");

/* The personalisation parameter of BLAKE2b: exactly 16 characters. */
static const char id_purpose[] = "lettergate-mbxid";
_Static_assert(sizeof id_purpose - 1 == crypto_generichash_blake2b_PERSONALBYTES, "BLAKE2b");

static const char signature_purpose[] = "lettergate mailbox box key 1";

enum {
	PURPOSE_SIZE = sizeof signature_purpose - 1,
	SIGNED_SIZE = PURPOSE_SIZE + sizeof(struct id) + BOX_KEY_SIZE,
};

/* What the identity signs: the purpose, the mailbox id, the box key. */
static void make_signed(
	const struct id *id, const uint8_t box_key[BOX_KEY_SIZE], uint8_t text[SIGNED_SIZE])
{
	memcpy(text, signature_purpose, PURPOSE_SIZE);
	memcpy(text + PURPOSE_SIZE, id->bytes, sizeof id->bytes);
	memcpy(text + PURPOSE_SIZE + sizeof id->bytes, box_key, BOX_KEY_SIZE);
}

bool mailbox_keys_generate(struct mailbox_public_keys *public_keys,
	struct mailbox_secret_keys **secret_keys, struct error *error)
{
	struct mailbox_secret_keys *made = secret_new(sizeof *made);
	uint8_t text[SIGNED_SIZE];
	struct id id;

	if (!made)
		return error_set(error, ERROR_BUSY, "no secret memory is free; try again");
	crypto_sign_keypair(public_keys->identity, made->identity);
	crypto_box_keypair(public_keys->box, made->box);
	id = mailbox_keys_id(public_keys);
	make_signed(&id, public_keys->box, text);
	crypto_sign_detached(public_keys->signature, NULL, text, sizeof text, made->identity);
	*secret_keys = made;
	return true;
}

struct id mailbox_keys_id(const struct mailbox_public_keys *public_keys)
{
	struct id id;

	crypto_generichash_blake2b_salt_personal(id.bytes, sizeof id.bytes, public_keys->identity,
		sizeof public_keys->identity, NULL, 0, NULL, (const uint8_t *)id_purpose);
	return id;
}

bool mailbox_keys_verify(
	const struct mailbox_public_keys *public_keys, const struct id *id, struct error *error)
{
	struct id hashed = mailbox_keys_id(public_keys);
	uint8_t text[SIGNED_SIZE];

	if (!id_is_equal(&hashed, id))
		return error_set(error, ERROR_CORRUPT,
			"the stored identity key is not the one that the mailbox id was made from");
	make_signed(id, public_keys->box, text);
	if (crypto_sign_verify_detached(
		    public_keys->signature, text, sizeof text, public_keys->identity) != 0)
		return error_set(error, ERROR_CORRUPT,
			"the stored encryption key does not carry the mailbox's signature");
	return true;
}

bool mailbox_keys_match(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys)
{
	uint8_t signature[crypto_sign_BYTES];
	uint8_t box[BOX_KEY_SIZE];

	if (crypto_scalarmult_base(box, secret_keys->box) != 0 ||
		memcmp(box, public_keys->box, sizeof box) != 0)
		return false;
	/* libsodium keeps the public key behind the seed and believes it. A signature that verifies
	 * shows that both are ours, without a second copy of the seed in ordinary memory. */
	crypto_sign_detached(signature, NULL, box, sizeof box, secret_keys->identity);
	return crypto_sign_verify_detached(signature, box, sizeof box, public_keys->identity) == 0;
}

/* mailbox_keys.c -- making, checking and replacing the keys of a mailbox.
 *
 * Ed25519 (RFC 8032) for the identity, X25519 (RFC 7748) for sealing, BLAKE2b (RFC 7693) for the id.
 * Both the hash and the signature carry a purpose of their own, so that nothing which an identity
 * signs or hashes elsewhere can be passed off as one of them. docs/internals/sealed-format.md has
 * the bytes. Where the keys are kept, and under what, is key_wrap.c's business; opening with all
 * generations is mailbox_keyring.c's. */
#include "crypto/mailbox_keys.h"

#include <sodium.h>

#include "big_endian_internal.h"
#include "crypto/secret.h"
#include "mailbox_keys_internal.h"

_Static_assert(IDENTITY_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(BOX_KEY_SIZE == crypto_box_PUBLICKEYBYTES, "X25519");
_Static_assert(KEY_SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");
_Static_assert(
	sizeof((struct mailbox_secret_keys *)0)->identity == crypto_sign_SECRETKEYBYTES, "Ed25519");
_Static_assert(sizeof((struct mailbox_secret_keys *)0)->box == crypto_box_SECRETKEYBYTES, "X25519");
_Static_assert(OLD_KEY_SEALED_SIZE == crypto_box_SEALBYTES + sizeof(struct old_key_letter),
	"the sealed box");

/* The personalisation parameter of BLAKE2b: exactly 16 characters. */
static const char id_purpose[] = "lettergate-mbxid";
_Static_assert(sizeof id_purpose - 1 == crypto_generichash_blake2b_PERSONALBYTES, "BLAKE2b");

static const char signature_purpose[] = "lettergate mailbox box key 1";

enum {
	PURPOSE_SIZE = sizeof signature_purpose - 1,
	SIGNED_AT_ID = PURPOSE_SIZE,
	SIGNED_AT_GENERATION = SIGNED_AT_ID + sizeof(struct id),
	SIGNED_AT_BOX = SIGNED_AT_GENERATION + 4,
	SIGNED_SIZE = SIGNED_AT_BOX + BOX_KEY_SIZE,
};

/* What the identity signs: the purpose, the mailbox id, the generation, the box key. */
static void make_signed(const struct id *id, uint32_t generation,
	const uint8_t box_key[BOX_KEY_SIZE], uint8_t text[SIGNED_SIZE])
{
	memcpy(text, signature_purpose, PURPOSE_SIZE);
	memcpy(text + SIGNED_AT_ID, id->bytes, sizeof id->bytes);
	put_u32(text + SIGNED_AT_GENERATION, generation);
	memcpy(text + SIGNED_AT_BOX, box_key, BOX_KEY_SIZE);
}

bool mailbox_keys_is_signed(const uint8_t identity[IDENTITY_KEY_SIZE], const struct id *id,
	uint32_t generation, const uint8_t box_key[BOX_KEY_SIZE],
	const uint8_t signature[KEY_SIGNATURE_SIZE])
{
	uint8_t text[SIGNED_SIZE];

	make_signed(id, generation, box_key, text);
	return crypto_sign_verify_detached(signature, text, sizeof text, identity) == 0;
}

/* A new box key pair under the identity that is there. */
static void make_box_keys(struct mailbox_public_keys *public_keys,
	struct mailbox_secret_keys *secret_keys, uint32_t generation)
{
	struct id id = mailbox_keys_id(public_keys);
	uint8_t text[SIGNED_SIZE];

	crypto_box_keypair(public_keys->box, secret_keys->box);
	public_keys->generation = generation;
	make_signed(&id, generation, public_keys->box, text);
	crypto_sign_detached(
		public_keys->signature, NULL, text, sizeof text, secret_keys->identity);
}

bool mailbox_keys_generate(struct mailbox_public_keys *public_keys,
	struct mailbox_secret_keys **secret_keys, struct error *error)
{
	struct mailbox_secret_keys *made = secret_new(sizeof *made);

	if (!made)
		return error_set(error, ERROR_BUSY, "no secret memory is free; try again");
	crypto_sign_keypair(public_keys->identity, made->identity);
	make_box_keys(public_keys, made, MAILBOX_GENERATION_FIRST);
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
	uint32_t generation = public_keys->generation;

	if (!id_is_equal(&hashed, id))
		return error_set(error, ERROR_CORRUPT,
			"the stored identity key is not the one that the mailbox id was made from");
	if (!mailbox_keys_is_signed(public_keys->identity, id, generation, public_keys->box,
		    public_keys->signature))
		return error_set(error, ERROR_CORRUPT,
			"the stored encryption key does not carry the mailbox's signature");
	/* Signed or not: mail that was sealed to it could not be collected. */
	if (generation < MAILBOX_GENERATION_FIRST || generation > MAILBOX_GENERATIONS_MAX)
		return error_set(error, ERROR_CORRUPT,
			"the stored encryption key has generation %u, this version knows %d to %d",
			generation, MAILBOX_GENERATION_FIRST, MAILBOX_GENERATIONS_MAX);
	return true;
}

bool mailbox_keys_is_box_pair(
	const uint8_t public_key[BOX_KEY_SIZE], const uint8_t secret_key[BOX_KEY_SIZE])
{
	uint8_t made[BOX_KEY_SIZE];

	return crypto_scalarmult_base(made, secret_key) == 0 &&
	       memcmp(made, public_key, sizeof made) == 0;
}

bool mailbox_keys_match(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys)
{
	uint8_t signature[crypto_sign_BYTES];
	const uint8_t *box = public_keys->box;

	if (!mailbox_keys_is_box_pair(box, secret_keys->box))
		return false;
	/* libsodium keeps the public key behind the seed and believes it. A signature that verifies
	 * shows that both are ours, without a second copy of the seed in ordinary memory. */
	crypto_sign_detached(signature, NULL, box, BOX_KEY_SIZE, secret_keys->identity);
	return crypto_sign_verify_detached(signature, box, BOX_KEY_SIZE, public_keys->identity) ==
	       0;
}

bool mailbox_keys_rekey(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys, struct mailbox_public_keys *new_public,
	struct mailbox_secret_keys **new_secret, struct mailbox_old_key *old, struct error *error)
{
	struct mailbox_public_keys made_public = *public_keys;
	struct mailbox_secret_keys *made = NULL;
	struct old_key_letter *letter = NULL;
	bool ok = false;

	if (!mailbox_keys_match(public_keys, secret_keys))
		return error_set(error, ERROR_CORRUPT,
			"the secret keys do not belong to the mailbox; restore its keys from a "
			"backup");
	if (public_keys->generation >= MAILBOX_GENERATIONS_MAX)
		return error_set(error, ERROR_STATE,
			"the mailbox has had %d encryption keys, which is the most that are kept; "
			"create a new mailbox and direct the senders to it",
			MAILBOX_GENERATIONS_MAX);
	made = secret_new(sizeof *made);
	letter = secret_new(sizeof *letter);
	if (!made || !letter) {
		error_set(error, ERROR_BUSY, "no secret memory is free; try again");
		goto out;
	}
	memcpy(made->identity, secret_keys->identity, sizeof made->identity);
	make_box_keys(&made_public, made, public_keys->generation + 1);

	memcpy(letter->box, secret_keys->box, sizeof letter->box);
	memcpy(letter->signature, public_keys->signature, sizeof letter->signature);
	old->generation = public_keys->generation;
	memcpy(old->box, public_keys->box, sizeof old->box);
	/* Fails for a key of low order alone; this one was made just now. */
	crypto_box_seal(
		old->sealed_secret, (const uint8_t *)letter, sizeof *letter, made_public.box);
	*new_public = made_public;
	*new_secret = made;
	made = NULL;
	ok = true;
out:
	secret_free(letter);
	secret_free(made);
	return ok;
}

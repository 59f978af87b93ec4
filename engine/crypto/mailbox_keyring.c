/* mailbox_keyring.c -- follows the chain of old keys: each is sealed to the generation after it, so the
 * newest secret, which alone is under the password, opens them one after the other.
 *
 * A sealed box shows nothing about who made it. What makes a link genuine is inside it: the signature by
 * which the identity vouched for that key while it was the newest. It covers mailbox, generation and key,
 * so nobody can slip in a key of his own, or exchange links between mailboxes and generations. A chain
 * with a gap is refused, not used as far as it goes: mail of the missing generations would be taken for
 * damaged. */
#include "crypto/mailbox_keyring.h"

#include <sodium.h>

#include "crypto/secret.h"
#include "mailbox_keyring_internal.h"
#include "mailbox_keys_internal.h"

static bool open_link(const struct mailbox_public_keys *public_keys,
	const struct mailbox_old_key *old, struct old_key_letter *letter,
	const struct keyring_box *newer, struct keyring_box *opened)
{
	struct id id = mailbox_keys_id(public_keys);

	if (crypto_box_seal_open((uint8_t *)letter, old->sealed_secret, sizeof old->sealed_secret,
		    newer->public_key, newer->secret_key) != 0 ||
		!mailbox_keys_is_box_pair(old->box, letter->box) ||
		!mailbox_keys_is_signed(
			public_keys->identity, &id, old->generation, old->box, letter->signature))
		return false;
	memcpy(opened->public_key, old->box, sizeof opened->public_key);
	memcpy(opened->secret_key, letter->box, sizeof opened->secret_key);
	return true;
}

static bool open_chain(struct mailbox_keyring *keyring,
	const struct mailbox_public_keys *public_keys, const struct mailbox_old_key *old,
	size_t old_count, struct error *error)
{
	struct old_key_letter *letter = secret_new(sizeof *letter);
	bool ok = true;

	if (!letter)
		return error_set(error, ERROR_BUSY, "no secret memory is free; try again");
	for (size_t i = 0; ok && i < old_count; i++) {
		struct keyring_box *boxes = keyring->boxes;

		ok = old[i].generation == public_keys->generation - 1 - i &&
		     open_link(public_keys, &old[i], letter, &boxes[i], &boxes[i + 1]);
		if (!ok)
			error_set(error, ERROR_CORRUPT,
				"the mailbox's former encryption key %u does not open; restore the "
				"mailbox from a backup",
				public_keys->generation - 1 - (uint32_t)i);
	}
	secret_free(letter);
	return ok;
}

static bool check(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys, size_t old_count, struct error *error)
{
	if (!mailbox_keys_match(public_keys, secret_keys))
		return error_set(
			error, ERROR_CORRUPT, "the secret keys do not belong to the mailbox");
	/* Before a size is made of it. */
	if (old_count >= MAILBOX_GENERATIONS_MAX || public_keys->generation != old_count + 1)
		return error_set(error, ERROR_CORRUPT,
			"the mailbox has encryption key %u and %zu former ones; restore it from a "
			"backup",
			public_keys->generation, old_count);
	return true;
}

struct mailbox_keyring *mailbox_keyring_open(const struct mailbox_public_keys *public_keys,
	const struct mailbox_secret_keys *secret_keys, const struct mailbox_old_key *old,
	size_t old_count, struct error *error)
{
	size_t count = old_count + 1;
	struct mailbox_keyring *keyring;

	if (!check(public_keys, secret_keys, old_count, error))
		return NULL;
	keyring = secret_new(sizeof *keyring + count * sizeof keyring->boxes[0]);
	if (!keyring) {
		error_set(error, ERROR_BUSY, "no secret memory is free; try again");
		return NULL;
	}
	memcpy(keyring->identity, secret_keys->identity, sizeof keyring->identity);
	keyring->count = (uint32_t)count;
	memcpy(keyring->boxes[0].public_key, public_keys->box, BOX_KEY_SIZE);
	memcpy(keyring->boxes[0].secret_key, secret_keys->box, sizeof secret_keys->box);
	if (old_count && !open_chain(keyring, public_keys, old, old_count, error))
		mailbox_keyring_free(&keyring);
	return keyring;
}

void mailbox_keyring_free(struct mailbox_keyring **keyring)
{
	secret_free(*keyring);
	*keyring = NULL;
}

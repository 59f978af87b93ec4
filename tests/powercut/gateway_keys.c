/* gateway_keys.c -- see the header. */
#include "gateway_keys.h"

#include "crypto/secret.h"
#include "store/store_keys.h"

struct opening {
	struct store *store;
	const struct store_mailbox *stored;
	struct mailbox_public_keys public_keys;
	struct error *error;
};

static bool read_public_keys(struct opening *opening)
{
	const struct store_mailbox *stored = opening->stored;
	struct mailbox_public_keys *keys = &opening->public_keys;

	memcpy(keys->identity, stored->identity_key, IDENTITY_KEY_SIZE);
	keys->generation = stored->generation;
	memcpy(keys->box, stored->box_key, BOX_KEY_SIZE);
	memcpy(keys->signature, stored->key_signature, KEY_SIGNATURE_SIZE);
	return mailbox_keys_verify(keys, &stored->id, opening->error);
}

static bool unwrap(struct opening *opening, enum wrap_kind kind, const uint8_t *wrap, size_t size,
	const char *phrase, struct mailbox_secret_keys **secret_keys)
{
	char canonical[RECOVERY_CODE_SIZE];

	if (kind == WRAP_RECOVERY &&
		!recovery_code_normalise(bytes_of(phrase), canonical, opening->error))
		return false;
	return key_unwrap(kind, &opening->stored->id, bytes_make(wrap, size),
		       bytes_of(kind == WRAP_RECOVERY ? canonical : phrase), secret_keys,
		       opening->error) &&
	       mailbox_keys_match(&opening->public_keys, *secret_keys);
}

/* The secret keys of a state that fits; NULL: it is another one. */
static struct mailbox_secret_keys *try_state(
	struct opening *opening, const struct gateway_keys *keys)
{
	const struct store_mailbox *stored = opening->stored;
	struct mailbox_secret_keys *by_password = NULL, *by_code = NULL;
	bool ok = keys->generation == stored->generation &&
		  unwrap(opening, WRAP_PASSWORD, stored->password_wrap, stored->password_wrap_size,
			  keys->password, &by_password);

	if (ok && *keys->code)
		ok = unwrap(opening, WRAP_RECOVERY, stored->recovery_wrap,
			stored->recovery_wrap_size, keys->code, &by_code);
	else if (ok)
		ok = !stored->recovery_wrap_size;
	secret_free(by_code);
	if (ok)
		return by_password;
	secret_free(by_password);
	return NULL;
}

static struct mailbox_keyring *open_keyring(
	struct opening *opening, const struct mailbox_secret_keys *secret_keys)
{
	struct store_old_key stored[STORE_GENERATIONS_MAX - 1];
	struct mailbox_old_key old[STORE_GENERATIONS_MAX - 1];
	size_t count = 0;

	if (!store_mailbox_old_keys(
		    opening->store, &opening->stored->id, stored, &count, opening->error))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		old[i].generation = stored[i].generation;
		memcpy(old[i].box, stored[i].box_key, sizeof old[i].box);
		memcpy(old[i].sealed_secret, stored[i].sealed_secret, sizeof old[i].sealed_secret);
	}
	return mailbox_keyring_open(&opening->public_keys, secret_keys, old, count, opening->error);
}

struct mailbox_keyring *gateway_keys_open(struct store *store, const struct store_mailbox *stored,
	const struct gateway_keys *states, size_t count, struct error *error)
{
	struct opening opening = { .store = store, .stored = stored, .error = error };
	struct mailbox_keyring *keyring = NULL;
	struct mailbox_secret_keys *secret_keys = NULL;

	if (!read_public_keys(&opening))
		return NULL;
	for (size_t i = 0; i < count && !secret_keys; i++)
		secret_keys = try_state(&opening, &states[i]);
	if (secret_keys)
		keyring = open_keyring(&opening, secret_keys);
	else
		error_set(error, ERROR_CORRUPT,
			"it opens neither with the password, the code and the keys before a change "
			"nor with those after it");
	secret_free(secret_keys);
	return keyring;
}

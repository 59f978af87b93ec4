/* mailbox_access.c -- opening a mailbox's keys with a phrase, and wrapping them under one. The hashing itself is done
 * on the hashing threads, beside logins and in turn with them. */
#include "service/mailbox_access.h"

#include <string.h>

#include "crypto/secret.h"
#include "platform/clock.h"
#include "service/keyring_load.h"
#include "store/store_keys.h"

const char MAILBOX_ACCESS_NETWORK[] = "the control interface";

/* ---- guessing ---- */

static struct login_attempt attempt_at(struct service *service, const char *mailbox)
{
	struct service_settings settings;

	service_settings(service, &settings);
	return (struct login_attempt){
		.address = MAILBOX_ACCESS_NETWORK,
		.name = bytes_of(mailbox),
		.many = settings.login_failures,
		.now_us = clock_monotonic_us(),
		.wall_now_us = clock_wall_us(),
	};
}

/* Both a login's way: the answer to a wrong phrase waits. A control thread cannot wait, so it takes no next one. */
static bool may_try(struct service *service, const char *mailbox, struct error *error)
{
	struct login_attempt attempt = attempt_at(service, mailbox);
	uint64_t closed_ms = login_guard_closed_ms(service->login_guard, &attempt);

	return !closed_ms ||
	       error_set(error, ERROR_BUSY,
		       "several passwords were wrong: wait %llu seconds, then try again",
		       (unsigned long long)(closed_ms + 999) / 1000);
}

static void count_failure(struct service *service, const char *mailbox)
{
	struct login_attempt attempt = attempt_at(service, mailbox);

	login_guard_failed(service->login_guard, &attempt);
}

/* ---- opening ---- */

static bool read_keys(struct service *service, const struct id *mailbox,
	struct mailbox_access *access, struct error *error)
{
	struct store_mailbox *stored = &access->stored;
	struct store_mailbox_counts counts;

	if (!store_mailbox_get(service->store, mailbox, stored, &counts, error))
		return false;
	memcpy(access->public_keys.identity, stored->identity_key, IDENTITY_KEY_SIZE);
	access->public_keys.generation = stored->generation;
	memcpy(access->public_keys.box, stored->box_key, BOX_KEY_SIZE);
	memcpy(access->public_keys.signature, stored->key_signature, KEY_SIGNATURE_SIZE);
	return mailbox_keys_verify(&access->public_keys, mailbox, error);
}

static bool unwrap_password(struct service *service, struct bytes phrase,
	struct mailbox_access *access, struct error *error)
{
	const struct store_mailbox *stored = &access->stored;

	return hashing_unwrap(service->hashing, WRAP_PASSWORD, &stored->id,
		bytes_make(stored->password_wrap, stored->password_wrap_size), phrase,
		&access->secret_keys, error);
}

/* What reads as a code is tried as one first: it hardly ever is a password. */
static bool unwrap_either(struct service *service, struct bytes phrase,
	struct mailbox_access *access, struct error *error)
{
	const struct store_mailbox *stored = &access->stored;
	char code[RECOVERY_CODE_SIZE];
	bool ok = false, goes_on = true;

	if (stored->recovery_wrap_size && recovery_code_normalise(phrase, code, NULL)) {
		ok = hashing_unwrap(service->hashing, WRAP_RECOVERY, &stored->id,
			bytes_make(stored->recovery_wrap, stored->recovery_wrap_size),
			bytes_of(code), &access->secret_keys, error);
		goes_on = !ok && error->kind == ERROR_DENIED;
	}
	memory_wipe(code, sizeof code);
	if (goes_on)
		ok = unwrap_password(service, phrase, access, error);
	if (!ok && error->kind == ERROR_DENIED)
		error_set(error, ERROR_DENIED,
			"this is neither the password of the mailbox nor its recovery code");
	return ok;
}

static bool unwrap(struct service *service, enum mailbox_phrase which, struct bytes phrase,
	struct mailbox_access *access, struct error *error)
{
	if (which == MAILBOX_PASSWORD_OR_CODE)
		return unwrap_either(service, phrase, access, error);
	return unwrap_password(service, phrase, access, error);
}

bool mailbox_access_open(struct service *service, const struct id *mailbox,
	enum mailbox_phrase which, struct bytes phrase, struct mailbox_access *access,
	struct error *error)
{
	char id[MAILBOX_ID_TEXT_SIZE];
	struct error why = { .kind = ERROR_NONE };

	access->secret_keys = NULL;
	mailbox_id_text(mailbox, id);
	if (!may_try(service, id, &why) || !read_keys(service, mailbox, access, &why))
		goto failed;
	if (!unwrap(service, which, phrase, access, &why)) {
		if (why.kind == ERROR_DENIED)
			count_failure(service, id);
		goto failed;
	}
	if (mailbox_keys_match(&access->public_keys, access->secret_keys))
		return true;
	error_set(&why, ERROR_CORRUPT,
		"the keys under the password are not those of the mailbox; restore a backup of "
		"the data folder");
failed:
	mailbox_access_close(access);
	if (error)
		*error = why;
	return false;
}

void mailbox_access_close(struct mailbox_access *access)
{
	secret_free(access->secret_keys);
	access->secret_keys = NULL;
}

struct mailbox_keyring *mailbox_access_keyring(struct service *service, const struct id *mailbox,
	struct bytes password, uint32_t *generation, struct error *error)
{
	struct mailbox_access access = { .secret_keys = NULL };
	struct mailbox_keyring *keyring;

	if (!mailbox_access_open(service, mailbox, MAILBOX_PASSWORD, password, &access, error))
		return NULL;
	*generation = access.public_keys.generation;
	keyring = keyring_load(
		service->store, mailbox, &access.public_keys, access.secret_keys, error);
	mailbox_access_close(&access);
	return keyring;
}

/* ---- wraps ---- */

static bool wrap_into(struct hashing *hashing, enum wrap_kind kind, const struct id *mailbox,
	const struct mailbox_secret_keys *secret_keys, struct bytes phrase,
	uint8_t wrap[STORE_WRAP_MAX], size_t *wrap_size, struct error *error)
{
	struct buf wrapped;
	bool ok;

	buf_init(&wrapped, STORE_WRAP_MAX);
	ok = hashing_wrap(hashing, kind, mailbox, secret_keys, phrase, &wrapped, error);
	if (ok) {
		memcpy(wrap, wrapped.data, wrapped.size);
		*wrap_size = wrapped.size;
	}
	buf_clear(&wrapped);
	return ok;
}

bool mailbox_access_wrap_password(struct hashing *hashing,
	const struct mailbox_secret_keys *secret_keys, struct bytes password,
	struct store_mailbox *stored, struct error *error)
{
	return wrap_into(hashing, WRAP_PASSWORD, &stored->id, secret_keys, password,
		stored->password_wrap, &stored->password_wrap_size, error);
}

bool mailbox_access_wrap_recovery(struct hashing *hashing,
	const struct mailbox_secret_keys *secret_keys, char code[RECOVERY_CODE_SIZE],
	struct store_mailbox *stored, struct error *error)
{
	char canonical[RECOVERY_CODE_SIZE];
	bool ok;

	recovery_code_generate(code);
	ok = recovery_code_normalise(bytes_of(code), canonical, error) &&
	     wrap_into(hashing, WRAP_RECOVERY, &stored->id, secret_keys, bytes_of(canonical),
		     stored->recovery_wrap, &stored->recovery_wrap_size, error);
	memory_wipe(canonical, sizeof canonical);
	if (!ok)
		memory_wipe(code, RECOVERY_CODE_SIZE);
	return ok;
}

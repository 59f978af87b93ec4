/* mailbox_access_change.c -- another password, another recovery code, other box keys. Each change has the same steps:
 * open what is stored, wrap anew beside it, and, with the directory's changes held back, exchange it if it is still
 * what was opened. Until the store has committed, everything old is in force. */
#include "service/mailbox_access.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "crypto/secret.h"
#include "service/password_strength.h"
#include "store/store_keys.h"

static struct bytes password_wrap(const struct store_mailbox *mailbox)
{
	return bytes_make(mailbox->password_wrap, mailbox->password_wrap_size);
}

static struct bytes recovery_wrap(const struct store_mailbox *mailbox)
{
	return bytes_make(mailbox->recovery_wrap, mailbox->recovery_wrap_size);
}

/* The store compares the password's wrap alone. */
static bool check_recovery_unchanged(struct service *service, const struct store_mailbox *seen,
	struct store_mailbox *now, struct error *error)
{
	struct store_mailbox_counts counts;

	if (!store_mailbox_get(service->store, &seen->id, now, &counts, error))
		return false;
	return bytes_equal(recovery_wrap(seen), recovery_wrap(now)) ||
	       error_set(error, ERROR_STATE,
		       "the mailbox's recovery code was changed meanwhile: nothing was done, try "
		       "again");
}

/* `changed` is what `seen` becomes; name, status and what else is not ours are taken as they are by then. */
typedef bool exchange_step(struct service *service, const struct store_mailbox *seen,
	const struct store_mailbox *changed, const void *details, struct error *error);

static bool commit(struct service *service, const struct store_mailbox *seen,
	struct store_mailbox *changed, exchange_step *exchange, const void *details,
	struct error *error)
{
	struct store_mailbox now;
	bool ok;

	mutex_lock(service->changing);
	ok = check_recovery_unchanged(service, seen, &now, error) &&
	     exchange(service, seen, changed, details, error);
	if (ok) {
		memcpy(changed->name, now.name, sizeof changed->name);
		changed->status = now.status;
		ok = directory_put(service->directory, changed, error);
	}
	mutex_unlock(service->changing);
	return ok;
}

static bool exchange_wraps(struct service *service, const struct store_mailbox *seen,
	const struct store_mailbox *changed, const void *details, struct error *error)
{
	const struct store_wraps_change change = {
		.expected = password_wrap(seen),
		.password = password_wrap(changed),
		.sets_recovery = true,
		.recovery = recovery_wrap(changed),
	};

	(void)details;
	return store_mailbox_set_wraps(service->store, &seen->id, &change, error);
}

static void log_change(const char *event, const struct id *mailbox)
{
	char id[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(mailbox, id);
	log_event(LOG_INFO, event, "mailbox=%s", id);
}

/* ---- the password ---- */

static bool check_strength(struct service *service, const struct id *mailbox, struct bytes password,
	struct error *error)
{
	char id[MAILBOX_ID_TEXT_SIZE], address[MAILBOX_ID_TEXT_SIZE + CONFIG_HOST_SIZE];
	struct service_settings settings;
	struct store_mailbox_counts counts;
	struct store_mailbox stored;

	if (!store_mailbox_get(service->store, mailbox, &stored, &counts, error))
		return false;
	service_settings(service, &settings);
	mailbox_id_text(mailbox, id);
	snprintf(address, sizeof address, "%s@%s", id, settings.hostname);
	return password_strength_check(password, stored.name, address, error);
}

bool mailbox_access_set_password(struct service *service, const struct id *mailbox,
	struct bytes phrase, struct bytes password, char generated[GENERATED_PASSWORD_SIZE],
	struct error *error)
{
	struct mailbox_access access = { .secret_keys = NULL };
	struct store_mailbox changed;
	bool ok = false;

	generated[0] = '\0';
	if (password.size && !check_strength(service, mailbox, password, error))
		return false;
	if (!mailbox_access_open(
		    service, mailbox, MAILBOX_PASSWORD_OR_CODE, phrase, &access, error))
		return false;
	if (!password.size) {
		password_generate(generated);
		password = bytes_of(generated);
	}
	changed = access.stored;
	ok = mailbox_access_wrap_password(
		     service->hashing, access.secret_keys, password, &changed, error) &&
	     commit(service, &access.stored, &changed, exchange_wraps, NULL, error);
	mailbox_access_close(&access);
	if (ok)
		log_change("mailbox.password-changed", mailbox);
	else
		memory_wipe(generated, GENERATED_PASSWORD_SIZE);
	return ok;
}

/* ---- the recovery code ---- */

bool mailbox_access_create_recovery(struct service *service, const struct id *mailbox,
	struct bytes password, char code[RECOVERY_CODE_SIZE], struct error *error)
{
	struct mailbox_access access = { .secret_keys = NULL };
	struct store_mailbox changed;
	bool ok;

	if (!mailbox_access_open(service, mailbox, MAILBOX_PASSWORD, password, &access, error))
		return false;
	changed = access.stored;
	ok = mailbox_access_wrap_recovery(
		     service->hashing, access.secret_keys, code, &changed, error) &&
	     commit(service, &access.stored, &changed, exchange_wraps, NULL, error);
	mailbox_access_close(&access);
	if (ok)
		log_change("mailbox.recovery-created", mailbox);
	else
		memory_wipe(code, RECOVERY_CODE_SIZE);
	return ok;
}

bool mailbox_access_withdraw_recovery(struct service *service, const struct id *mailbox,
	struct bytes password, struct error *error)
{
	struct mailbox_access access = { .secret_keys = NULL };
	struct store_mailbox changed;
	bool ok;

	if (!mailbox_access_open(service, mailbox, MAILBOX_PASSWORD, password, &access, error))
		return false;
	changed = access.stored;
	changed.recovery_wrap_size = 0;
	ok = access.stored.recovery_wrap_size
		     ? commit(service, &access.stored, &changed, exchange_wraps, NULL, error)
		     : error_set(error, ERROR_STATE, "the mailbox has no recovery code");
	mailbox_access_close(&access);
	if (ok)
		log_change("mailbox.recovery-withdrawn", mailbox);
	return ok;
}

/* ---- the keys ---- */

static bool exchange_keys(struct service *service, const struct store_mailbox *seen,
	const struct store_mailbox *changed, const void *details, struct error *error)
{
	const struct mailbox_old_key *old = details;
	struct store_rekey rekey = {
		.expected = password_wrap(seen),
		.generation = changed->generation,
		.password = password_wrap(changed),
		.recovery = recovery_wrap(changed),
		.sealed_secret = bytes_make(old->sealed_secret, sizeof old->sealed_secret),
	};

	memcpy(rekey.box_key, changed->box_key, sizeof rekey.box_key);
	memcpy(rekey.key_signature, changed->key_signature, sizeof rekey.key_signature);
	return store_mailbox_rekey(service->store, &seen->id, &rekey, error);
}

static void set_public_keys(struct store_mailbox *stored, const struct mailbox_public_keys *keys)
{
	stored->generation = keys->generation;
	memcpy(stored->box_key, keys->box, sizeof stored->box_key);
	memcpy(stored->key_signature, keys->signature, sizeof stored->key_signature);
}

bool mailbox_access_rekey(struct service *service, const struct id *mailbox, struct bytes password,
	struct mailbox_rekeyed *rekeyed, struct error *error)
{
	struct mailbox_access access = { .secret_keys = NULL };
	struct mailbox_secret_keys *new_secret = NULL;
	struct mailbox_public_keys new_public;
	struct mailbox_old_key old;
	struct store_mailbox changed;
	bool ok = false;

	memset(rekeyed, 0, sizeof *rekeyed);
	if (!mailbox_access_open(service, mailbox, MAILBOX_PASSWORD, password, &access, error))
		return false;
	if (!mailbox_keys_rekey(
		    &access.public_keys, access.secret_keys, &new_public, &new_secret, &old, error))
		goto out;
	changed = access.stored;
	set_public_keys(&changed, &new_public);
	rekeyed->generation = new_public.generation;
	if (!mailbox_access_wrap_password(service->hashing, new_secret, password, &changed, error))
		goto out;
	if (changed.recovery_wrap_size &&
		!mailbox_access_wrap_recovery(
			service->hashing, new_secret, rekeyed->recovery_code, &changed, error))
		goto out;
	ok = commit(service, &access.stored, &changed, exchange_keys, &old, error);
out:
	secret_free(new_secret);
	mailbox_access_close(&access);
	if (ok)
		log_change("mailbox.rekeyed", mailbox);
	else
		memory_wipe(rekeyed, sizeof *rekeyed);
	return ok;
}

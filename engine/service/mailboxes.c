/* mailboxes.c -- a mailbox is made in the order: keys, wraps, store, directory; so that an address is
 * handed out only for a mailbox that is on the disk. */
#include "service/mailboxes.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"
#include "crypto/secret.h"
#include "platform/clock.h"
#include "service/mailbox_access.h"
#include "service/mailbox_edit.h"
#include "service/password_strength.h"

/* Can be shown anywhere: UTF-8, and nothing that steers a terminal. */
static bool is_plain_text(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < ' ' || text.data[i] == 127)
			return false;
	}
	return utf8_is_valid(text);
}

bool mailboxes_check_texts(const char *name_text, const char *description_text, struct error *error)
{
	struct bytes name = bytes_of(name_text);
	struct bytes description = bytes_of(description_text ? description_text : "");

	if (name_text &&
		(!bytes_trim(name).size || name.size >= STORE_NAME_SIZE || !is_plain_text(name)))
		return error_set(error, ERROR_INVALID,
			"the name of a mailbox has 1 to %d bytes of UTF-8, not only blanks, and no "
			"control characters",
			STORE_NAME_SIZE - 1);
	if (description.size >= STORE_DESCRIPTION_SIZE || !is_plain_text(description))
		return error_set(error, ERROR_INVALID,
			"the description of a mailbox has up to %d bytes of UTF-8 and no control "
			"characters",
			STORE_DESCRIPTION_SIZE - 1);
	return true;
}

static bool wrap_keys(const struct mailboxes *mailboxes, struct mailbox_creation *creation,
	const struct mailbox_secret_keys *keys, struct store_mailbox *mailbox, struct error *error)
{
	struct bytes password = creation->password;

	creation->generated_password[0] = '\0';
	creation->recovery_code[0] = '\0';
	if (!password.size) {
		password_generate(creation->generated_password);
		password = bytes_of(creation->generated_password);
	}
	return mailbox_access_wrap_password(mailboxes->hashing, keys, password, mailbox, error) &&
	       (creation->without_recovery || mailbox_access_wrap_recovery(mailboxes->hashing, keys,
						      creation->recovery_code, mailbox, error));
}

static bool check_password(const struct mailbox_creation *creation, struct error *error)
{
	return !creation->password.size ||
	       password_strength_check(creation->password, creation->name,
		       creation->hostname ? creation->hostname : "", error);
}

bool mailboxes_create(
	const struct mailboxes *mailboxes, struct mailbox_creation *creation, struct error *error)
{
	struct store_mailbox mailbox = { .status = STORE_MAILBOX_ACTIVE };
	struct mailbox_public_keys public_keys;
	struct mailbox_secret_keys *secret_keys = NULL;
	char id[MAILBOX_ID_TEXT_SIZE];
	bool ok = false;

	if (!mailboxes_check_texts(creation->name, creation->description, error))
		return false;
	if (!check_password(creation, error))
		return false;
	if (!mailbox_keys_generate(&public_keys, &secret_keys, error))
		goto out;
	mailbox.id = creation->id = mailbox_keys_id(&public_keys);
	mailbox.is_temporary = creation->is_temporary;
	mailbox.created_us = clock_wall_us();
	snprintf(mailbox.name, sizeof mailbox.name, "%s", creation->name);
	snprintf(mailbox.description, sizeof mailbox.description, "%s",
		creation->description ? creation->description : "");
	memcpy(mailbox.identity_key, public_keys.identity, sizeof mailbox.identity_key);
	mailbox.generation = public_keys.generation;
	memcpy(mailbox.box_key, public_keys.box, sizeof mailbox.box_key);
	memcpy(mailbox.key_signature, public_keys.signature, sizeof mailbox.key_signature);
	if (!wrap_keys(mailboxes, creation, secret_keys, &mailbox, error))
		goto out;
	if (!store_mailbox_create(mailboxes->store, &mailbox, error)) {
		error_prefix(error, "storing the new mailbox");
		goto out;
	}
	if (!directory_put(mailboxes->directory, &mailbox, error))
		goto out;
	mailbox_id_text(&mailbox.id, id);
	log_event(LOG_INFO, "mailbox.created", "mailbox=%s temporary=%d", id, mailbox.is_temporary);
	if (!mailbox.is_temporary)
		notices_note(mailboxes->notices, NOTICE_MAILBOXES);
	ok = true;
out:
	secret_free(secret_keys);
	if (!ok) {
		memory_wipe(creation->generated_password, sizeof creation->generated_password);
		memory_wipe(creation->recovery_code, sizeof creation->recovery_code);
	}
	return ok;
}

bool mailboxes_set_status(const struct mailboxes *mailboxes, const struct id *mailbox,
	enum store_mailbox_status status, struct error *error)
{
	char id[MAILBOX_ID_TEXT_SIZE];
	bool ok;

	mutex_lock(mailboxes->changing);
	ok = store_mailbox_set_status(mailboxes->store, mailbox, status, error);
	if (ok)
		directory_set_status(mailboxes->directory, mailbox, status);
	mutex_unlock(mailboxes->changing);
	if (!ok)
		return false;
	mailbox_id_text(mailbox, id);
	log_event(LOG_INFO,
		status == STORE_MAILBOX_SUSPENDED ? "mailbox.suspended" : "mailbox.resumed",
		"mailbox=%s", id);
	notices_note(mailboxes->notices, NOTICE_MAILBOXES);
	return true;
}

/* Out of the directory last: until it is gone for good senders are told to come back, not that there is no such
 * mailbox. */
static bool delete_suspended(const struct mailboxes *mailboxes, const struct id *mailbox,
	bool *is_temporary, struct error *error)
{
	struct store_mailbox_counts counts;
	struct store_mailbox found;

	if (!store_mailbox_get(mailboxes->store, mailbox, &found, &counts, error))
		return false;
	*is_temporary = found.is_temporary;
	if (!found.is_temporary && found.status != STORE_MAILBOX_SUSPENDED)
		return error_set(error, ERROR_STATE,
			"the mailbox \"%s\" still takes mail: suspend it first", found.name);
	if (!store_mailbox_delete(mailboxes->store, mailbox, error))
		return false;
	directory_remove(mailboxes->directory, mailbox);
	return true;
}

bool mailboxes_delete(
	const struct mailboxes *mailboxes, const struct id *mailbox, struct error *error)
{
	char id[MAILBOX_ID_TEXT_SIZE];
	bool is_temporary = false, ok;

	mutex_lock(mailboxes->changing);
	ok = delete_suspended(mailboxes, mailbox, &is_temporary, error);
	mutex_unlock(mailboxes->changing);
	if (!ok)
		return false;
	mailbox_id_text(mailbox, id);
	log_event(LOG_INFO, "mailbox.deleted", "mailbox=%s", id);
	if (!is_temporary)
		notices_note(mailboxes->notices, NOTICE_MAILBOXES);
	return true;
}

struct loading {
	struct directory *directory;
	struct error *error;
	bool ok;
};

static void load_row(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct loading *loading = context;

	(void)counts;
	if (loading->ok)
		loading->ok = directory_put(loading->directory, mailbox, loading->error);
}

bool mailboxes_load(const struct mailboxes *mailboxes, struct error *error)
{
	struct loading loading = { mailboxes->directory, error, true };

	return store_mailbox_each(mailboxes->store, load_row, &loading, error) && loading.ok &&
	       mailboxes_load_told(mailboxes, error);
}

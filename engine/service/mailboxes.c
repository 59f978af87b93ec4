/* mailboxes.c -- a mailbox is made in the order: keys, wraps, store, directory; so that an address is
 * handed out only for a mailbox that is on the disk. */
#include "service/mailboxes.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"
#include "crypto/secret.h"
#include "platform/clock.h"

enum { SHORTEST_PASSWORD = 12, LONGEST_PASSWORD = 128 };

/* Can be shown anywhere: UTF-8, and nothing that steers a terminal. */
static bool is_plain_text(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < ' ' || text.data[i] == 127)
			return false;
	}
	return utf8_is_valid(text);
}

static bool check_texts(const struct mailbox_creation *creation, struct error *error)
{
	struct bytes name = bytes_of(creation->name);
	struct bytes description = bytes_of(creation->description ? creation->description : "");

	if (!bytes_trim(name).size || name.size >= STORE_NAME_SIZE || !is_plain_text(name))
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

/* A POP3 client sends it in one line: what cannot travel there could never be typed back. */
static bool check_password(struct bytes password, struct error *error)
{
	if (password.size < SHORTEST_PASSWORD || password.size > LONGEST_PASSWORD)
		return error_set(error, ERROR_INVALID,
			"a password has %d to %d bytes; leave it out and a strong one is made",
			SHORTEST_PASSWORD, LONGEST_PASSWORD);
	for (size_t i = 0; i < password.size; i++) {
		if (password.data[i] < ' ' || password.data[i] == 127)
			return error_set(
				error, ERROR_INVALID, "a password has no control characters");
	}
	return true;
}

static bool wrap_into(enum wrap_kind kind, const struct id *id,
	const struct mailbox_secret_keys *keys, struct bytes phrase, uint8_t wrap[STORE_WRAP_MAX],
	size_t *wrap_size, struct error *error)
{
	struct buf wrapped;
	bool ok;

	buf_init(&wrapped, STORE_WRAP_MAX);
	ok = key_wrap(kind, id, keys, phrase, &WRAP_COST_DEFAULT, &wrapped, error);
	if (ok) {
		memcpy(wrap, wrapped.data, wrapped.size);
		*wrap_size = wrapped.size;
	}
	buf_wipe(&wrapped);
	return ok;
}

static bool wrap_keys(struct mailbox_creation *creation, const struct mailbox_secret_keys *keys,
	struct store_mailbox *mailbox, struct error *error)
{
	struct bytes password = creation->password;
	char canonical[RECOVERY_CODE_SIZE];
	bool ok;

	creation->generated_password[0] = '\0';
	if (!password.size) {
		password_generate(creation->generated_password);
		password = bytes_of(creation->generated_password);
	}
	recovery_code_generate(creation->recovery_code);
	ok = wrap_into(WRAP_PASSWORD, &mailbox->id, keys, password, mailbox->password_wrap,
		     &mailbox->password_wrap_size, error) &&
	     recovery_code_normalise(bytes_of(creation->recovery_code), canonical, error) &&
	     wrap_into(WRAP_RECOVERY, &mailbox->id, keys, bytes_of(canonical),
		     mailbox->recovery_wrap, &mailbox->recovery_wrap_size, error);
	memory_wipe(canonical, sizeof canonical);
	return ok;
}

bool mailboxes_create(
	const struct mailboxes *mailboxes, struct mailbox_creation *creation, struct error *error)
{
	struct store_mailbox mailbox = { .status = STORE_MAILBOX_ACTIVE };
	struct mailbox_public_keys public_keys;
	struct mailbox_secret_keys *secret_keys = NULL;
	char id[MAILBOX_ID_TEXT_SIZE];
	bool ok = false;

	if (!check_texts(creation, error))
		return false;
	if (creation->password.size && !check_password(creation->password, error))
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
	if (!wrap_keys(creation, secret_keys, &mailbox, error))
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

	return store_mailbox_each(mailboxes->store, load_row, &loading, error) && loading.ok;
}

/* directory.h -- the mailboxes in memory, as the protocols need them: who exists, whether it takes mail,
 * to which key mail is sealed. Loaded at the start, kept in step by whoever changes a mailbox in the
 * store. Thread-safe; answers are copies.
 *
 * A mailbox whose stored keys do not fit its id (crypto/mailbox_keys.h) is in the directory as broken: it
 * takes no mail (a passing error) and a problem stands until a person has looked. */
#ifndef LG_SERVICE_DIRECTORY_H
#define LG_SERVICE_DIRECTORY_H

#include "base/error.h"
#include "crypto/mailbox_keys.h"
#include "service/problems.h"
#include "store/store.h"

struct directory;

enum directory_state { DIRECTORY_UNKNOWN, DIRECTORY_ACTIVE, DIRECTORY_SUSPENDED, DIRECTORY_BROKEN };

struct directory *directory_new(struct problems *problems, struct error *error);
void directory_free(struct directory **directory);

/* Adds or replaces. Checks the keys. */
bool directory_put(
	struct directory *directory, const struct store_mailbox *mailbox, struct error *error);
void directory_remove(struct directory *directory, const struct id *mailbox);
void directory_set_status(
	struct directory *directory, const struct id *mailbox, enum store_mailbox_status status);

/* *keys is only to be used when ACTIVE or SUSPENDED; may be NULL. */
enum directory_state directory_find(
	struct directory *directory, const struct id *mailbox, struct mailbox_public_keys *keys);
/* The password wrap and the keys that it opens, for a login; false when the mailbox is unknown. A broken one has it, too: who knows the
 * password is told that the mailbox cannot be opened now, not that the password is wrong. */
bool directory_password_wrap(struct directory *directory, const struct id *mailbox,
	uint8_t wrap[STORE_WRAP_MAX], size_t *wrap_size, struct mailbox_public_keys *keys);

#endif

/* directory.h -- the mailboxes in memory, as the protocols need them: who exists, whether it takes mail,
 * to which key mail is sealed. Loaded at the start, kept in step by whoever changes a mailbox in the
 * store. Thread-safe; answers are copies.
 *
 * A mailbox whose stored keys do not fit its id (crypto/mailbox_keys.h) is in the directory as broken: it
 * takes no mail (a passing error) and a problem stands until a person has looked. So is one of which it cannot be
 * read who may deliver to it. */
#ifndef LG_SERVICE_DIRECTORY_H
#define LG_SERVICE_DIRECTORY_H

#include "base/error.h"
#include "crypto/mailbox_keys.h"
#include "mail/address.h"
#include "service/mailbox_facts.h"
#include "service/problems.h"
#include "store/store.h"

struct directory;

enum directory_state { DIRECTORY_UNKNOWN, DIRECTORY_ACTIVE, DIRECTORY_SUSPENDED, DIRECTORY_BROKEN };

struct directory *directory_new(struct problems *problems, struct error *error);
void directory_free(struct directory **directory);

/* Adds or replaces; what it was told stays. Checks the keys. */
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

/* ---- what a mailbox is told ---- */

/* Whether its local part is a mailbox id, of one that is known or not. */
bool directory_address_id(const struct address *address, struct id *mailbox);
/* Where mail to that address goes: a whole mailbox id at any domain, so that a changed host name loses nothing, or
 * an alias. */
enum directory_state directory_find_address(
	struct directory *directory, const struct address *address, struct id *mailbox);

void directory_set_name(struct directory *directory, const struct id *mailbox, const char *name);
/* Empty when it is unknown. */
void directory_name(
	struct directory *directory, const struct id *mailbox, char name[STORE_NAME_SIZE]);

/* Both replace what was told before; of a mailbox that is unknown nothing is kept. False: no memory. A new lock
 * resolves the problems that it decides. */
bool directory_set_facts(struct directory *directory, const struct id *mailbox,
	const struct mailbox_facts *facts, struct error *error);
bool directory_set_aliases(struct directory *directory, const struct id *mailbox,
	const char *const *aliases, size_t count, struct error *error);
/* The facts cannot be read: it takes no mail until they are set, and a problem says so. */
void directory_distrust(
	struct directory *directory, const struct id *mailbox, const struct error *why);
/* Those of mailbox_facts_init() when it is unknown. */
void directory_facts(
	struct directory *directory, const struct id *mailbox, struct mailbox_facts *facts);
/* A mailbox without a lock on tenants has taken a report of one. True: it is the first, and to be written down. */
bool directory_note_tenant(
	struct directory *directory, const struct id *mailbox, const char *tenant);

#endif

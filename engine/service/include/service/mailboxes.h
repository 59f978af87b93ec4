/* mailboxes.h -- making and changing mailboxes: keys, store and directory in one step. Blocking (Argon2,
 * a commit): for control threads. */
#ifndef LG_SERVICE_MAILBOXES_H
#define LG_SERVICE_MAILBOXES_H

#include "crypto/key_wrap.h"
#include "platform/thread.h"
#include "service/directory.h"
#include "service/hashing.h"
#include "service/notices.h"
#include "store/store.h"

struct mailboxes {
	struct store *store;
	struct directory *directory;
	struct notices *notices;
	/* Held over a change of the store and the directory, so that two changes leave both alike. */
	struct mutex *changing;
	struct hashing *hashing; /* for mailboxes_create() */
};

struct mailbox_creation {
	const char *name; /* 1 to 200 octets of UTF-8, no control characters, not only blanks */
	const char *description; /* up to 1000; may be empty */
	/* Empty: one is generated; else ERROR_INVALID when it is weak (service/password_strength.h). */
	struct bytes password;
	const char *hostname; /* of the gateway: no part of a good password */
	bool without_recovery;
	bool is_temporary;
	/* results */
	struct id id;
	char generated_password[GENERATED_PASSWORD_SIZE]; /* empty when one was given; wipe it */
	char recovery_code[RECOVERY_CODE_SIZE];		  /* empty without; wipe it */
};

bool mailboxes_create(
	const struct mailboxes *mailboxes, struct mailbox_creation *creation, struct error *error);
bool mailboxes_set_status(const struct mailboxes *mailboxes, const struct id *mailbox,
	enum store_mailbox_status status, struct error *error);
/* ERROR_STATE while it is active (temporary ones excepted): suspending first is the deliberate step. */
bool mailboxes_delete(
	const struct mailboxes *mailboxes, const struct id *mailbox, struct error *error);
/* As in struct mailbox_creation; NULL is not looked at. ERROR_INVALID. */
bool mailboxes_check_texts(const char *name, const char *description, struct error *error);
/* Fills the directory at the start. */
bool mailboxes_load(const struct mailboxes *mailboxes, struct error *error);

#endif

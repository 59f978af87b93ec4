/* mailbox_access.h -- who may open a mailbox: its keys opened with the password or the recovery code, and both
 * exchanged, while mail arrives and sessions run.
 *
 * A change is made from what was read before and is refused when that has changed meanwhile, so that of two changes
 * at once one fails (ERROR_STATE) instead of both being told that they are in force. The directory has the new
 * keys before the call returns: mail that is taken after it is sealed to them.
 *
 * All of it blocks (hashing threads, a commit): for control threads. */
#ifndef LG_SERVICE_MAILBOX_ACCESS_H
#define LG_SERVICE_MAILBOX_ACCESS_H

#include "crypto/key_wrap.h"
#include "crypto/mailbox_keyring.h"
#include "service/service.h"

/* ---- opening ---- */

/* How wrong phrases from the control interface are counted (login_guard.h). */
extern const char MAILBOX_ACCESS_NETWORK[];

struct mailbox_access {
	struct store_mailbox stored; /* as it was read */
	struct mailbox_public_keys public_keys;
	struct mailbox_secret_keys *secret_keys; /* secret memory */
};

enum mailbox_phrase { MAILBOX_PASSWORD, MAILBOX_PASSWORD_OR_CODE };

/* ERROR_DENIED: not this phrase; as slow as a login, and after a few of them ERROR_BUSY tells how long to wait, also
 * with the right phrase. ERROR_CORRUPT: the stored keys are damaged. */
bool mailbox_access_open(struct service *service, const struct id *mailbox,
	enum mailbox_phrase which, struct bytes phrase, struct mailbox_access *access,
	struct error *error);
void mailbox_access_close(struct mailbox_access *access); /* wipes; also what was not opened */
/* All keys of a mailbox, those of former generations too; the caller's. *generation is that of the newest. Errors as
 * above. */
struct mailbox_keyring *mailbox_access_keyring(struct service *service, const struct id *mailbox,
	struct bytes password, uint32_t *generation, struct error *error);

/* ---- wraps ---- */

/* Into the fields of *stored, for its id. */
bool mailbox_access_wrap_password(struct hashing *hashing,
	const struct mailbox_secret_keys *secret_keys, struct bytes password,
	struct store_mailbox *stored, struct error *error);
/* Makes a code; it is the caller's to show once and to wipe. */
bool mailbox_access_wrap_recovery(struct hashing *hashing,
	const struct mailbox_secret_keys *secret_keys, char code[RECOVERY_CODE_SIZE],
	struct store_mailbox *stored, struct error *error);

/* ---- changes ---- */

/* `phrase` is the old password or the recovery code, which stays in force. With an empty `password` one is made
 * and written to `generated`; wipe it. A weak one is ERROR_INVALID before anything is hashed. */
bool mailbox_access_set_password(struct service *service, const struct id *mailbox,
	struct bytes phrase, struct bytes password, char generated[GENERATED_PASSWORD_SIZE],
	struct error *error);

/* A new code, in the place of the one there may be. */
bool mailbox_access_create_recovery(struct service *service, const struct id *mailbox,
	struct bytes password, char code[RECOVERY_CODE_SIZE], struct error *error);
/* ERROR_STATE: there is none. */
bool mailbox_access_withdraw_recovery(struct service *service, const struct id *mailbox,
	struct bytes password, struct error *error);

struct mailbox_rekeyed {
	uint32_t generation;
	/* A mailbox that had a recovery code gets a new one: the new keys cannot be wrapped under a code that
	 * nobody has typed, and one that may have been read must not open them. Empty: it had none. Wipe it. */
	char recovery_code[RECOVERY_CODE_SIZE];
};
/* New box keys under the same password. ERROR_STATE: it has had all generations that are possible. */
bool mailbox_access_rekey(struct service *service, const struct id *mailbox, struct bytes password,
	struct mailbox_rekeyed *rekeyed, struct error *error);

#endif

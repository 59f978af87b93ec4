/* gateway_load.h -- a whole gateway in this process under the load of real clients over TLS, and what must
 * be left of it after a power cut.
 *
 * The engine itself notes "received ID", "deleting ID" and "deleted ID" (message ids). The clients note
 * what they heard, by numbers of transactions N and of mailboxes I: "client created I", "client answered
 * N ID" (the 250; ID is its first message), "client collecting N I" (before QUIT) and "client collected
 * N I" (QUIT was answered +OK). The seed settles every message, its targets and what a collector does
 * with it; how the threads take turns it does not. */
#ifndef LG_TESTS_GATEWAY_LOAD_H
#define LG_TESTS_GATEWAY_LOAD_H

#include "base/buf.h"
#include "base/id.h"
#include "crypto/mailbox_keyring.h"
#include "recorder.h"
#include "store/store.h"

enum { GATEWAY_MAILBOXES = 4 };

struct gateway_mailbox {
	struct id id;
	char id_text[MAILBOX_ID_TEXT_SIZE];
	char address[512];
	char password[64];
	/* as the store had them when the load was over; the secret ones opened by the password */
	struct store_mailbox stored;
	struct mailbox_public_keys public_keys;
	struct mailbox_keyring *keyring;
};

struct gateway_load {
	uint64_t seed;
	size_t transactions;
	bool without_sync;
	struct gateway_mailbox mailboxes[GATEWAY_MAILBOXES];
	size_t collected; /* messages that the clients deleted */
};

/* Opens the gateway on the folder, works on it, closes it, twice. Called between recorder_start and
 * _stop; clear the load in any case. */
bool gateway_load_run(struct gateway_load *load, struct recording *recording, struct error *error);
/* Opens the mailboxes' keys in the folder by their passwords; after recorder_stop. */
bool gateway_load_keys(struct gateway_load *load, const char *folder, struct error *error);
void gateway_load_clear(struct gateway_load *load);
/* A gateway starts on the folder and stops again. */
bool gateway_load_start_once(const char *folder, struct error *error);

/* A replay_check; `context` is the load. */
bool gateway_load_check(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error);

/* ---- what a transaction is ---- */

/* Octets of the content; initialises *content. It begins with a line that says its number. */
bool gateway_content(uint64_t seed, uint64_t number, struct buf *content);
/* The number in a message that was handed out, and where its content begins. */
bool gateway_content_find(struct bytes message, uint64_t *number, size_t *begin);
/* A bit for each mailbox that gets it; at least one. */
unsigned gateway_targets(uint64_t seed, uint64_t number);

#endif

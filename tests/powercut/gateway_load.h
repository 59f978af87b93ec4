/* gateway_load.h -- a whole gateway in this process under the load of real clients over TLS and of people at its
 * control interface, and what must be left of it after a power cut.
 *
 * The engine itself notes "received ID", "deleting ID" and "deleted ID" (message ids). The clients note
 * what they asked for and heard, by numbers of transactions N, of mailboxes I, of changes K and of backups B: "client
 * created I", "client answered N ID" (the 250; ID is its first message), "client collecting N I" (before QUIT),
 * "client collected N I" (QUIT was answered +OK), "client changing I K" and "client changed I K" (password,
 * recovery code or keys), "client keeping" (collected mail is kept from now on), "client copying B" and "client copied
 * B". The seed settles every message, its targets and what a collector does with it; how the threads take turns it
 * does not. */
#ifndef LG_TESTS_GATEWAY_LOAD_H
#define LG_TESTS_GATEWAY_LOAD_H

#include "base/buf.h"
#include "base/id.h"
#include "crypto/key_wrap.h"
#include "recorder.h"
#include "store/store.h"

enum {
	GATEWAY_MAILBOXES = 4,
	GATEWAY_CHANGES_MAX = 60, /* of one mailbox */
	GATEWAY_BACKUPS_MAX = 4,
};

/* What opens a mailbox. */
struct gateway_keys {
	char password[64];
	char code[RECOVERY_CODE_SIZE]; /* empty: it has none */
	uint32_t generation;
};

struct gateway_mailbox {
	struct id id;
	char id_text[MAILBOX_ID_TEXT_SIZE];
	char address[512];
	struct gateway_keys
		keys[GATEWAY_CHANGES_MAX + 1]; /* after each change; the first: as created */
	size_t asked, changed; /* changes; asked is one more while one is under way */
};

/* What clients know of a transaction; a bit for each mailbox. */
struct gateway_told {
	bool is_answered;
	unsigned collecting, collected;
};

struct gateway_counts {
	size_t collected; /* messages that the clients deleted */
	size_t passwords, codes, rekeys;
	size_t exports, backups;
	size_t put_off; /* exports that a change of keys or a deletion ended */
};

struct gateway_load {
	uint64_t seed;
	size_t transactions;
	bool without_sync;
	const char *copies; /* a folder for backups, outside of what is recorded */
	/* of what was done */
	struct gateway_mailbox mailboxes[GATEWAY_MAILBOXES];
	struct gateway_told *told; /* transactions + 1 */
	struct gateway_counts counts;
};

/* Opens the gateway on the folder, works on it, closes it, twice. Called between recorder_start and
 * _stop; clear the load in any case. */
bool gateway_load_run(struct gateway_load *load, struct recording *recording, struct error *error);
void gateway_load_clear(struct gateway_load *load);
/* A gateway starts on the folder, verifies the ledger of each mailbox, and stops again. */
bool gateway_load_start_once(const char *folder, struct error *error);

/* A replay_check; `context` is the load. */
bool gateway_load_check(void *context, const struct recording *recording, size_t count,
	const char *folder, struct error *error);
/* The same of a backup: what was promised before it began is in it, unless that was asked to go before it ended. */
bool gateway_load_check_backup(struct gateway_load *load, const struct recording *recording,
	size_t number, struct error *error);

/* ---- what a transaction is ---- */

/* Octets of the content; initialises *content. It begins with a line that says its number. */
bool gateway_content(uint64_t seed, uint64_t number, struct buf *content);
/* The number in a message that was handed out, and where its content begins. */
bool gateway_content_find(struct bytes message, uint64_t *number, size_t *begin);
/* The number in a message that was handed out, whose content is what was sent. ERROR_CORRUPT. */
bool gateway_content_compare(const struct gateway_load *load, struct bytes message,
	uint64_t *number, struct error *error);
/* A bit for each mailbox that gets it; at least one. */
unsigned gateway_targets(uint64_t seed, uint64_t number);

#endif

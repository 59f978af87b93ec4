/* quarantine.h -- what is told of messages that did not verify when they were collected. They stay where they are
 * and are in no list (store.h); each is a problem that names mailbox and time, the newest few of a mailbox. */
#ifndef LG_SERVICE_QUARANTINE_H
#define LG_SERVICE_QUARANTINE_H

#include "service/problems.h"
#include "store/store.h"

enum { QUARANTINE_PROBLEMS_MAX = 10 }; /* of one mailbox */

/* `name`: the mailbox's. */
void quarantine_raise(struct problems *problems, int64_t now_us, const struct id *mailbox,
	const char *name, const struct store_message *message, const char *why);
/* At the start: for those of earlier runs. Blocks. */
bool quarantine_load(
	struct store *store, struct problems *problems, int64_t now_us, struct error *error);
/* The mailbox is gone. */
void quarantine_forget(struct problems *problems, const struct id *mailbox);

#endif

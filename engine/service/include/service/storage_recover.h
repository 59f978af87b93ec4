/* storage_recover.h -- files of bodies/lost brought back into their mailboxes: to the rows that name them, or, where
 * there are none, as copies that come anew, with a row of the ledger. Mailbox and message are those that the file itself
 * names, its time is that of the file. Nothing is deleted: what cannot be brought back stays and is named. */
#ifndef LG_SERVICE_STORAGE_RECOVER_H
#define LG_SERVICE_STORAGE_RECOVER_H

#include "service/service.h"

enum { STORAGE_RECOVER_NAMED_MAX = 50, STORAGE_RECOVER_TEXT_SIZE = 300 };

struct storage_recovery {
	uint64_t found;	   /* files in bodies/lost when it began */
	uint64_t returned; /* a row named them */
	uint64_t added;	   /* copies; one file may be several */
	uint64_t left;	   /* files that stay; the first of them in words: */
	char texts[STORAGE_RECOVER_NAMED_MAX][STORAGE_RECOVER_TEXT_SIZE];
};

/* Reads every file of bodies/lost whole. Blocks: for control threads. False: it could not go on; what it did is in
 * *recovery and stays done, and it may be called again. ERROR_BUSY: it runs already. */
bool storage_recover(
	struct service *service, struct storage_recovery *recovery, struct error *error);

#endif

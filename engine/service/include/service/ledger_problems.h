/* ledger_problems.h -- what is told when a ledger is not what it should be. It stands until a verification finds
 * nothing (ledger_verify.h); what only an anchor showed, until one with an anchor does. */
#ifndef LG_SERVICE_LEDGER_PROBLEMS_H
#define LG_SERVICE_LEDGER_PROBLEMS_H

#include "base/id.h"
#include "service/problems.h"

enum ledger_problem { LEDGER_DIFFERS, LEDGER_ANCHOR_DIFFERS, LEDGER_PROBLEM_COUNT };

/* `name` is the mailbox's, `what` the rest of a sentence that began with the ledger. */
void ledger_problem_raise(struct problems *problems, int64_t now_us, enum ledger_problem which,
	const struct id *mailbox, const char *name, const char *what);
void ledger_problem_resolve(
	struct problems *problems, enum ledger_problem which, const struct id *mailbox);
void ledger_problems_forget(struct problems *problems, const struct id *mailbox);

#endif

/* ledger_verify.h -- a ledger held against itself, its signatures, the bodies that are still there, and an anchor that
 * somebody kept elsewhere. No password: receipts stay closed.
 *
 * A difference is a problem (ledger_problems.h) until a verification finds none. docs/internals/ledger.md says what
 * each of them proves. */
#ifndef LG_SERVICE_LEDGER_VERIFY_H
#define LG_SERVICE_LEDGER_VERIFY_H

#include "service/ledger_anchor.h"
#include "service/service.h"

enum { LEDGER_DIFFERENCES_MAX = 50, LEDGER_DIFFERENCE_SIZE = 300 };

struct ledger_verification {
	const struct ledger_anchor *anchor; /* NULL: none was handed in */
	/* the result */
	bool ok;		   /* nothing differs */
	uint64_t rows, signatures; /* looked at */
	uint64_t bodies;	   /* recomputed */
	uint64_t older; /* bodies from before the ledger began, of which it says nothing */
	char differences[LEDGER_DIFFERENCES_MAX][LEDGER_DIFFERENCE_SIZE];
	size_t difference_count; /* of all; the first ones are listed */
};

/* Reads in pieces, while mail comes and is collected; blocks for as long as reading all bodies takes. False: it
 * could not be done, which says nothing of the ledger. ERROR_INVALID: the anchor is another mailbox's. ERROR_BUSY: one is
 * verified already. ERROR_CANCELLED: the gateway stops (service.is_ending). */
bool ledger_verify(struct service *service, const struct id *mailbox, int64_t now_us,
	struct ledger_verification *verification, struct error *error);

#endif

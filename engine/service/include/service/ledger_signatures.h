/* ledger_signatures.h -- the signatures of a ledger beside its rows: for those who go through the rows in order and
 * want the signature of each. Reads some hundred at a time. */
#ifndef LG_SERVICE_LEDGER_SIGNATURES_H
#define LG_SERVICE_LEDGER_SIGNATURES_H

#include "store/store_ledger.h"

enum { LEDGER_SIGNATURES_WINDOW = 64 };

struct ledger_signatures {
	struct store *store;
	struct id mailbox;
	struct store_signature window[LEDGER_SIGNATURES_WINDOW];
	size_t count, at;
	uint64_t next; /* where the next window begins */
	bool is_end;
};

void ledger_signatures_init(
	struct ledger_signatures *signatures, struct store *store, const struct id *mailbox);
/* The next one, in the order of numbers, as often as it is asked; *signature is NULL behind the last. Valid until
 * another window is read. */
bool ledger_signatures_peek(struct ledger_signatures *signatures,
	const struct store_signature **signature, struct error *error);
void ledger_signatures_skip(struct ledger_signatures *signatures);

#endif

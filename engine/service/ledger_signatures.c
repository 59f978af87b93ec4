/* ledger_signatures.c -- a window that moves along the store's signatures. */
#include "service/ledger_signatures.h"

void ledger_signatures_init(
	struct ledger_signatures *signatures, struct store *store, const struct id *mailbox)
{
	*signatures = (struct ledger_signatures){ .store = store, .mailbox = *mailbox };
}

static bool take(void *context, const struct store_signature *signature)
{
	struct ledger_signatures *signatures = context;

	signatures->window[signatures->count++] = *signature;
	signatures->next = signature->number + 1;
	return signatures->count < LEDGER_SIGNATURES_WINDOW;
}

bool ledger_signatures_peek(struct ledger_signatures *signatures,
	const struct store_signature **signature, struct error *error)
{
	*signature = NULL;
	if (signatures->at == signatures->count && !signatures->is_end) {
		signatures->at = signatures->count = 0;
		if (!store_signature_each(signatures->store, &signatures->mailbox, signatures->next,
			    take, signatures, error))
			return false;
		signatures->is_end = signatures->count < LEDGER_SIGNATURES_WINDOW;
	}
	if (signatures->at < signatures->count)
		*signature = &signatures->window[signatures->at];
	return true;
}

void ledger_signatures_skip(struct ledger_signatures *signatures)
{
	signatures->at++;
}

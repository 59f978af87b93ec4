/* ledger_verify_internal.h -- one verification: ledger_verify.c (rows, signatures, anchor) and
 * ledger_verify_bodies.c (what the rows say of messages that are still there). */
#ifndef LG_SERVICE_LEDGER_VERIFY_INTERNAL_H
#define LG_SERVICE_LEDGER_VERIFY_INTERNAL_H

#include "service/ledger_problems.h"
#include "service/ledger_signatures.h"
#include "service/ledger_verify.h"

struct verifier {
	struct service *service;
	struct store_mailbox mailbox;
	struct ledger_verification *verification;
	char first[LEDGER_PROBLEM_COUNT][LEDGER_DIFFERENCE_SIZE]; /* of each kind; empty: none */

	/* rows */
	uint64_t expected;		 /* the number of the next one */
	uint8_t before[STORE_LINK_SIZE]; /* the link that it follows */
	bool knows_before;
	struct ledger_signatures signatures;
	bool has_anchor_row;

	/* What went wrong in the middle of a walk, which must then end. */
	bool has_failed;
	struct error error;
};

PRINTF_LIKE(3, 4)
void verifier_differ(struct verifier *verifier, enum ledger_problem which, const char *format, ...);
/* Also when the gateway is stopping. False: the walk ends. */
bool verifier_goes_on(struct verifier *verifier);

/* Each message that is still there against its row, and all of them against the counts. */
bool verifier_check_bodies(struct verifier *verifier, struct error *error);

#endif

/* ledger_export.h -- the rows of a ledger as a text that other programs read, with their signatures, and for whoever
 * gives the password with the SHA-256 of each message. docs/internals/ledger.md has the columns.
 *
 * A pull: each call appends the next piece; memory is bounded. It ends with the row that was the last one when it
 * began. Blocks: for control threads, one at a time. */
#ifndef LG_SERVICE_LEDGER_EXPORT_H
#define LG_SERVICE_LEDGER_EXPORT_H

#include "service/outgoing.h"
#include "service/service.h"

enum ledger_export_format { LEDGER_EXPORT_CSV, LEDGER_EXPORT_JSON };

struct ledger_export_options {
	struct id mailbox;
	struct bytes password; /* empty: receipts stay closed */
	enum ledger_export_format format;
};

struct ledger_export_report {
	uint64_t rows, total; /* given out, and in all */
	uint64_t signatures;
	uint64_t unopened; /* receipts that do not open with these keys */
};

struct ledger_export;

/* Errors as mailbox_access_open(). The password is not needed after this. */
struct ledger_export *ledger_export_new(
	struct service *service, const struct ledger_export_options *options, struct error *error);
void ledger_export_free(struct ledger_export **exported); /* wipes; sets NULL */

/* Appends to *data, which is empty and has OUTGOING_PIECE_MAX for its maximum. Not after *is_end. */
bool ledger_export_next(
	struct ledger_export *exported, struct buf *data, bool *is_end, struct error *error);
const struct ledger_export_report *ledger_export_report(const struct ledger_export *exported);

#endif

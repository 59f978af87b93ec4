/* ledger_anchor.h -- a signed head of a ledger as text that people and archives can keep: a block of lines in
 * a report mail, or a file. Whoever holds one can later hold the ledger against it. Pure. */
#ifndef LG_SERVICE_LEDGER_ANCHOR_H
#define LG_SERVICE_LEDGER_ANCHOR_H

#include "base/buf.h"
#include "crypto/mailbox_head.h"

struct ledger_anchor {
	struct mailbox_head head;
	uint8_t identity[IDENTITY_KEY_SIZE]; /* hashes to the mailbox's id */
	uint8_t signature[HEAD_SIGNATURE_SIZE];
};

/* Appends the block, lines ended by CRLF. False: *text is at its maximum. */
bool ledger_anchor_append(const struct ledger_anchor *anchor, struct buf *text);
/* Finds the first block in any text, a whole mail with other line ends too. ERROR_NOT_FOUND: there is none.
 * ERROR_INVALID: it is not whole. Does not verify: mailbox_head_verify() does. */
bool ledger_anchor_parse(struct bytes text, struct ledger_anchor *anchor, struct error *error);

#endif

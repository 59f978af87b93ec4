/* ledger_report.h -- the daily report of a ledger as a mail (RFC 5322): a few plain words for whoever reads the
 * archive, and the anchor, the last signed head, which the archive keeps with it. Pure. */
#ifndef LG_SERVICE_LEDGER_REPORT_H
#define LG_SERVICE_LEDGER_REPORT_H

#include "service/ledger_anchor.h"
#include "service/mailbox_facts.h"

enum { LEDGER_REPORT_MAX = 16384 };

struct ledger_report {
	const char *name;     /* of the mailbox */
	const char *hostname; /* of the gateway */
	int64_t time_us;
	/* Without this report. */
	uint64_t received, waiting, collected;
	int64_t last_us;     /* when the last report came; 0: this is the first */
	uint64_t since_last; /* copies since then */
	struct ledger_anchor anchor;
};

/* Appends the mail. False: *mail is at its maximum, which is LEDGER_REPORT_MAX or more. */
bool ledger_report_append(const struct ledger_report *report, struct buf *mail);

/* Whether a head that was signed at that number says anything beyond the last report: one that adds the report
 * itself and nothing else does not, or each report would be followed by another one for ever. */
bool ledger_report_is_news(const struct ledger_reported *last, uint64_t signed_number);
/* One a day (UTC). After a clock was set back, too. */
bool ledger_report_is_due(int64_t last_us, int64_t now_us);

#endif

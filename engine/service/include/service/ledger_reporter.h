/* ledger_reporter.h -- delivers each mailbox's newest signed head into the mailbox, once a day, as a report
 * (ledger_report.h): sealed and counted like any other mail, so that the archive that collects it holds the
 * anchor. Only when something was signed beyond the last report, which the mailbox's facts remember. */
#ifndef LG_SERVICE_LEDGER_REPORTER_H
#define LG_SERVICE_LEDGER_REPORTER_H

#include "net/loop.h"
#include "service/service.h"

struct ledger_reporter;

/* `loop` carries the deliveries, and outlives the reporter. */
struct ledger_reporter *ledger_reporter_new(
	struct service *service, struct loop *loop, struct error *error);
void ledger_reporter_free(struct ledger_reporter **reporter);

/* Looks every hour, for the first time some minutes after this, on a thread of its own. */
bool ledger_reporter_start(struct ledger_reporter *reporter, struct error *error);
void ledger_reporter_stop(struct ledger_reporter *reporter); /* also when it was not started */

/* Every mailbox once. `now_us`: clock_wall_us(). Blocks, as the next one does. */
void ledger_reporter_look(struct ledger_reporter *reporter, int64_t now_us);

/* One mailbox now, also when the day had a report. ERROR_STATE: nothing was signed beyond the last one, or the
 * mailbox takes no mail. ERROR_CORRUPT: the newest signature does not verify, or is not of the row that is there; that
 * is a problem then. */
bool ledger_reporter_deliver(struct ledger_reporter *reporter, const struct id *mailbox,
	int64_t now_us, struct error *error);

#endif

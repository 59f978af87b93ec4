/* gateway_order.h -- whether a recording kept the order that makes a promise true: bytes, sync, promise.
 *
 * The replay draws disks and may be lucky; this looks at every promise and every body of the log, and
 * supposes nothing but SQLite's log format (https://sqlite.org/fileformat2.html#walformat). */
#ifndef LG_TESTS_GATEWAY_ORDER_H
#define LG_TESTS_GATEWAY_ORDER_H

#include "recorder.h"

struct gateway_order {
	size_t received, deleted, bodies, answered, changed; /* that were looked at */
	size_t violations;				     /* each printed, up to a few */
};

/* - "received ID": the transaction that brought the ID into the log was whole, then a sync of the log
 *   began and ended, then came the promise.
 * - "deleted ID": between "deleting ID" and it a transaction and a sync of the log that covers it.
 * - "client changed I K": between "client changing I K" and it, the same.
 * - A body that got its name: its bytes were synced before, its name was before the log held its id.
 * - "client answered N ID": "received ID" came before. */
void gateway_order_check(const struct recording *recording, struct gateway_order *order);

#endif

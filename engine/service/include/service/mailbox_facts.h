/* mailbox_facts.h -- what a mailbox is told beyond its keys: whether its copies carry the envelope, who may
 * deliver, which tenant was the first to, what its ledger's last report said. In the store each is a row of a key and a value
 * (store/store_facts.h); the one place that knows the keys is here. */
#ifndef LG_SERVICE_MAILBOX_FACTS_H
#define LG_SERVICE_MAILBOX_FACTS_H

#include "service/sender_lock.h"
#include "store/store_facts.h"

/* The last report of a ledger (ledger_reporter.h). All zero: there was none. */
struct ledger_reported {
	uint64_t anchor; /* the number of the signed head in it */
	uint64_t row;	 /* its own number: it is a copy like any other */
};

struct mailbox_facts {
	bool envelope_headers; /* its copies carry X-Envelope-From and X-Envelope-To */
	struct sender_lock lock;
	/* The tenant of the first report, shown until a person makes a lock of it; empty: none yet. */
	char tenant_seen[TENANT_SIZE];
	struct ledger_reported reported;
};

/* Of a mailbox that was told nothing. */
void mailbox_facts_init(struct mailbox_facts *facts);

/* Takes a row. ERROR_CORRUPT: it cannot be read, or the key is unknown; *facts is then as it was, or has
 * a part of the row. */
bool mailbox_facts_read(
	struct mailbox_facts *facts, const char *key, const char *value, struct error *error);

enum { MAILBOX_FACTS_MAX = 9, MAILBOX_FACT_VALUE_SIZE = 2048 };

/* The rows of what differs from mailbox_facts_init(), for store_mailbox_edit(). They point into the struct: do
 * not copy it. */
struct mailbox_facts_rows {
	struct store_fact row[MAILBOX_FACTS_MAX];
	char value[MAILBOX_FACTS_MAX][MAILBOX_FACT_VALUE_SIZE];
	size_t count;
};
void mailbox_facts_write(const struct mailbox_facts *facts, struct mailbox_facts_rows *rows);

/* Writes down the last report alone: the others may be unreadable. Blocking. */
bool mailbox_facts_set_reported(struct store *store, const struct id *mailbox,
	const struct ledger_reported *reported, struct error *error);

/* What the store has of the mailbox. Blocking. ERROR_CORRUPT as above, but what could be read is there. */
bool mailbox_facts_load(struct store *store, const struct id *mailbox, struct mailbox_facts *facts,
	struct error *error);

#endif

/* store_collected.h -- messages by their state, and collected ones brought back. */
#ifndef LG_STORE_STORE_COLLECTED_H
#define LG_STORE_STORE_COLLECTED_H

#include "store/store.h"

enum store_state { STORE_WAITING, STORE_COLLECTED, STORE_QUARANTINED };

struct store_copy {
	struct store_message message;
	int64_t collected_us;	/* 0: never, or before its restore */
	uint64_t ledger_number; /* 0: from before the ledger */
};

/* A mailbox's messages in that state, in the order of their arrival, until `row` returns false. Read in
 * pieces, like the ledger (store_ledger.h). `row` may call the store. Blocks. */
typedef bool store_copy_visit(void *context, const struct store_copy *copy);
bool store_copy_each(struct store *store, const struct id *mailbox, enum store_state state,
	store_copy_visit *row, void *context, struct error *error);
/* Up to `capacity` of them, from that number on; fewer: there are no more. For those who stop in between. */
bool store_copy_page(struct store *store, const struct id *mailbox, enum store_state state,
	uint64_t from, struct store_copy *copies, size_t capacity, size_t *count,
	struct error *error);

struct store_restoration {
	struct id mailbox;
	int64_t collected_since_us; /* what was collected then or later; 0: all that is kept */
	/* The id under which a message is listed from now on, so that its collector takes it for a new
	 * one. Called on a thread of the store, which must not be called back. */
	void (*make_id)(void *context, const struct store_message *message, struct id *id);
	void *context;
	/* the result, also of one that failed half-way */
	uint64_t restored;
};

/* Collected messages that are kept wait again, in their old order behind everything that is there. The
 * counts move back; the ledger does not grow. Some hundred a transaction: after a failure or a crash the rest
 * is still collected, and calling it again brings it back. Blocks. */
bool store_mailbox_restore(
	struct store *store, struct store_restoration *restoration, struct error *error);

#endif

/* store_lost.h -- bodies/lost: files that no row named when the store was opened. They are given back to the row that
 * names them now, or delivered once more. What is done with one that is neither is nobody's business here: it stays.
 * Blocks; for one thread at a time. */
#ifndef LG_STORE_STORE_LOST_H
#define LG_STORE_STORE_LOST_H

#include "store/store.h"

/* Calls `visit` for each that is called like a body, until it returns false. The list is made before: `visit` may take
 * them away. */
typedef bool store_lost_visit(void *context, const struct id *id);
bool store_lost_each(
	struct store *store, store_lost_visit *visit, void *context, struct error *error);

struct store_lost_facts {
	uint64_t size;
	int64_t modified_us; /* when the file was written: for want of another time, when the message came */
};
/* Appends the first octets of one. */
bool store_lost_read(struct store *store, const struct id *id, size_t at_most, struct buf *out,
	struct store_lost_facts *facts, struct error *error);

/* *is_named: a row names it. Then the file is in its place, synced, when this returns true, and its messages are out of
 * quarantine. ERROR_CORRUPT: it has not the size that the row says. ERROR_EXISTS: a whole one is in its place already. */
bool store_lost_return(
	struct store *store, const struct id *id, bool *is_named, struct error *error);

/* For a delivery: reads all of the file. It stays where it is until the delivery is committed; in a delivery that
 * fails, it may have gone back to bodies/, from where the next start brings it to bodies/lost. */
struct store_body *store_body_of_lost(
	struct store *store, const struct id *id, struct error *error);
/* Behind such deliveries: that the files have gone from bodies/lost is on the disk. */
bool store_lost_sync(struct store *store, struct error *error);

#endif

/* load_internal.h -- what the load and its check share: numbers as ids, bytes from numbers, waiting. */
#ifndef LG_TESTS_LOAD_INTERNAL_H
#define LG_TESTS_LOAD_INTERNAL_H

#include "platform/thread.h"
#include "store/store.h"

/* A message's number, which is in its id: that of its delivery, of its target, and how often it was brought
 * back. Once it was, it has another id and so another number. */
enum { LOAD_RESTORES_MAX = 8 };
static inline uint64_t load_message(uint64_t delivery, uint64_t target)
{
	return (delivery * STORE_TARGETS_MAX + target) * LOAD_RESTORES_MAX;
}
static inline uint64_t load_delivery(uint64_t message)
{
	return message / LOAD_RESTORES_MAX / STORE_TARGETS_MAX;
}

struct latch {
	struct mutex *mutex;
	struct condition *changed;
	size_t count;
};

bool latch_init(struct latch *latch);
void latch_clear(struct latch *latch);
void latch_add(struct latch *latch, size_t count);
void latch_count_down(struct latch *latch);
void latch_wait(struct latch *latch);

struct id load_id(char kind, uint64_t number);
uint64_t load_number(const struct id *id);
size_t load_size(uint64_t seed, uint64_t number);
/* The sealed bytes of a delivery; initialises *sealed. */
bool load_fill(uint64_t seed, uint64_t number, struct buf *sealed);
/* Waits; *messages is malloc'ed. */
bool load_list(struct store *store, const struct id *mailbox, struct store_message **messages,
	size_t *count, struct error *error);
/* The whole sealed message, appended. */
bool load_read(struct store *store, const struct store_message *message, struct buf *sealed,
	struct error *error);
/* A mailbox's ledger as far as it says something by itself: no gap from number 1 on, chained, as long as what
 * was received. */
bool load_check_chain(
	struct store *store, const struct id *mailbox, uint64_t received, struct error *error);

#endif

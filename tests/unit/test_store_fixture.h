/* test_store_fixture.h -- what the store's tests share: a data folder of their own, mailboxes and sealed
 * bytes made from numbers, and the asynchronous calls waited for. */
#ifndef LG_TESTS_STORE_FIXTURE_H
#define LG_TESTS_STORE_FIXTURE_H

#include <stdatomic.h>

#include "platform/paths.h"
#include "platform/thread.h"
#include "store/store.h"

struct fixture {
	char folder[PATH_SIZE];
	struct store *store;
	/* for the next start */
	uint64_t ballast_bytes;
	bool owns_free; /* the file system has `free_bytes` free, whatever it has */
	atomic_ullong free_bytes;
	/* what on_trouble told */
	struct mutex *mutex;
	int trouble_count;
	struct error trouble; /* the last one */
	char told[8192];      /* all of them, a line each, as far as there is room */
};

/* A new empty folder; no store yet. The cmocka forms put the fixture into *state. */
struct fixture *fixture_new(void);
void fixture_free(struct fixture **fixture); /* closes, removes the folder */
int fixture_set_up(void **state);	     /* with an open store */
int fixture_set_up_closed(void **state);
int fixture_tear_down(void **state);

bool fixture_open(struct fixture *fixture, struct error *error);
void fixture_close(struct fixture *fixture);
int fixture_troubles(struct fixture *fixture, struct error *last);
/* Some trouble says this, now or within ten seconds. */
void fixture_wait_to_be_told(struct fixture *fixture, const char *says);
/* FOLDER/NAME; in a static buffer. */
const char *fixture_path(const struct fixture *fixture, const char *name);
/* Files directly in the folder's `name` that are no folders. */
size_t fixture_count_files(const struct fixture *fixture, const char *name);
/* Runs SQL on the closed store's database. */
void fixture_sql(const struct fixture *fixture, const char *sql);

/* How many rows a table has, whether the store is open or not; waits up to ten seconds for so many. */
size_t fixture_count_rows(const struct fixture *fixture, const char *table);
void fixture_wait_for_rows(const struct fixture *fixture, const char *table, size_t count);
void fixture_wait_for_files(const struct fixture *fixture, size_t count); /* in bodies */

struct id make_id(char kind, uint64_t number);
struct store_mailbox make_mailbox(uint64_t number);
void create_mailbox(struct fixture *fixture, uint64_t number);
/* The sealed bytes of message `number`, `size` of them. */
struct buf make_sealed(uint64_t number, size_t size);

/* Message `number`, with a receipt that is made from it too, and that many sealed bytes into the
 * mailboxes first, first + 1, ...; its ids there are make_id('m', 16 * number + target), its RETR size is
 * `size` + 1. */
bool deliver_to(struct fixture *fixture, uint64_t number, size_t size, uint64_t first_mailbox,
	size_t mailboxes, struct error *error);
bool deliver(struct fixture *fixture, uint64_t number, size_t size, struct error *error);
/* The same in parts, for many at once. */
struct store_delivery *delivery_new(struct fixture *fixture, uint64_t number, size_t size,
	uint64_t first_mailbox, size_t mailboxes);
void delivery_free(struct store_delivery *delivery);

/* A count that threads of the store bring down and a test waits for. */
struct latch {
	struct mutex *mutex;
	struct condition *changed;
	size_t count;
};
void latch_init(struct latch *latch, size_t count);
void latch_clear(struct latch *latch);
void latch_count_down(struct latch *latch);
bool latch_wait(struct latch *latch); /* false after a minute */

/* *messages is the caller's. */
bool list_mailbox(struct fixture *fixture, uint64_t mailbox, struct store_message **messages,
	size_t *count, struct error *error);
size_t count_waiting(struct fixture *fixture, uint64_t mailbox);
bool read_piece(struct fixture *fixture, const struct store_message *message, uint64_t offset,
	size_t at_most, struct buf *sealed, bool *is_end, struct error *error);
/* The message's sealed bytes are those of make_sealed(number, size). */
bool is_whole(
	struct fixture *fixture, const struct store_message *message, uint64_t number, size_t size);
bool remove_messages(struct fixture *fixture, uint64_t mailbox,
	const struct store_message *messages, size_t count, struct error *error);
bool remove_messages_at(struct fixture *fixture, uint64_t mailbox,
	const struct store_message *messages, size_t count, int64_t collected_us,
	struct error *error);
/* Collected messages are kept for that long, and that much is left alone. */
void set_limits(struct fixture *fixture, int64_t keep_us, uint64_t reserve_bytes);
struct store_mailbox_counts counts_of(struct fixture *fixture, uint64_t mailbox);

#endif

/* store_ledger.h -- a mailbox's record of every copy: a row for each, chained, never changed.
 *
 * A row is written in the transaction that stores its message. Its number is the mailbox's count of
 * received copies, so there is no gap, and its link is a digest over the link before it and everything else
 * in the row. docs/internals/store.md has the bytes. What a signature means, and what a receipt holds, is
 * not the store's to know. */
#ifndef LG_STORE_STORE_LEDGER_H
#define LG_STORE_STORE_LEDGER_H

#include "store/store.h"

enum { STORE_DIGEST_SIZE = 32, STORE_SIGNATURE_SIZE = 64 };

struct store_ledger_row {
	uint64_t number;
	int64_t received_us;
	uint64_t size;			   /* as in the delivery's target */
	uint8_t digest[STORE_DIGEST_SIZE]; /* plain BLAKE2b-256 of the sealed bytes */
	uint8_t link[STORE_LINK_SIZE];
	uint8_t receipt[STORE_RECEIPT_MAX];
	size_t receipt_size;
};

/* What the first row's link is made from in the place of a link before it. */
void store_ledger_origin(const struct id *mailbox, uint8_t link[STORE_LINK_SIZE]);
/* The link that the row must have behind `before`; the row's own is not looked at. */
void store_ledger_link(const struct id *mailbox, const uint8_t before[STORE_LINK_SIZE],
	const struct store_ledger_row *row, uint8_t link[STORE_LINK_SIZE]);

/* Both for threads that may block; STORE_READ_LEDGER_HEAD is for loops. */
bool store_ledger_head(struct store *store, const struct id *mailbox,
	struct store_ledger_head *head, struct error *error);
/* Rows from number `from` on, in their order, until `row` returns false. They are read some hundred at a
 * time, each in a read transaction of its own, so that the log can be emptied meanwhile: what arrives while
 * this runs may be among them. `row` may call the store. */
typedef bool store_ledger_visit(void *context, const struct store_ledger_row *row);
bool store_ledger_each(struct store *store, const struct id *mailbox, uint64_t from,
	store_ledger_visit *row, void *context, struct error *error);

/* ---- signatures ---- */

struct store_signature {
	uint64_t number; /* of the ledger's last row then */
	uint32_t generation;
	int64_t signed_us;
	uint8_t head[STORE_LINK_SIZE];
	uint8_t signature[STORE_SIGNATURE_SIZE];
};

/* Keeps a signature, as it is. A number that has one keeps the first. store_removal takes one along too. */
struct store_signing {
	struct id mailbox;
	struct store_signature signature;
	void (*done)(struct store_signing *signing);
	void *context;
	bool ok;
	struct error error;
	struct store_request request;
};

void store_signing_submit(struct store *store, struct store_signing *signing);

/* In the order of their numbers, as store_ledger_each() does it. */
typedef bool store_signature_visit(void *context, const struct store_signature *signature);
bool store_signature_each(struct store *store, const struct id *mailbox, uint64_t from,
	store_signature_visit *row, void *context, struct error *error);

#endif

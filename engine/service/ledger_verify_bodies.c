/* ledger_verify_bodies.c -- messages that wait, are kept after they were collected, or are quarantined: each has the
 * row that it was received with, and sealed bytes of that digest.
 *
 * What is collected and purged while this runs is passed over. */
#include "ledger_verify_internal.h"

#include <stdlib.h>

#include "crypto/digest.h"
#include "platform/clock.h"
#include "platform/semaphore.h"
#include "store/store_collected.h"

enum { ROWS_WINDOW = 256, READ_BYTES = 128 * 1024, COUNTING_TRIES = 5 };

struct bodies {
	struct verifier *verifier;
	enum store_state state;
	/* Rows from one that was asked for on: messages come in the order of arrival, mostly. */
	struct store_ledger_row *rows;
	size_t row_count;
	/* Reading a body. */
	struct semaphore *done;
	struct store_read read;
};

static const char *const words[] = {
	[STORE_WAITING] = "waiting",
	[STORE_COLLECTED] = "collected",
	[STORE_QUARANTINED] = "quarantined",
};

/* ---- rows ---- */

static bool take_row(void *context, const struct store_ledger_row *row)
{
	struct bodies *bodies = context;

	bodies->rows[bodies->row_count++] = *row;
	return bodies->row_count < ROWS_WINDOW;
}

static const struct store_ledger_row *in_window(const struct bodies *bodies, uint64_t number)
{
	for (size_t i = 0; i < bodies->row_count; i++) {
		if (bodies->rows[i].number == number)
			return &bodies->rows[i];
	}
	return NULL;
}

/* *row is NULL when it is not there, or cannot be read, which is told already. */
static bool find_row(struct bodies *bodies, uint64_t number, const struct store_ledger_row **row)
{
	struct verifier *verifier = bodies->verifier;

	*row = in_window(bodies, number);
	if (*row)
		return true;
	bodies->row_count = 0;
	if (!store_ledger_each(verifier->service->store, &verifier->mailbox.id, number, take_row,
		    bodies, &verifier->error) &&
		verifier->error.kind != ERROR_CORRUPT)
		return !(verifier->has_failed = true);
	*row = in_window(bodies, number);
	return true;
}

/* ---- a body ---- */

static void on_read(struct store_read *read)
{
	struct bodies *bodies = read->context;

	semaphore_post(bodies->done);
}

static bool read_piece(struct bodies *bodies)
{
	bodies->read.sealed.size = 0;
	store_read_submit(bodies->verifier->service->store, &bodies->read);
	semaphore_wait(bodies->done);
	bodies->read.offset += bodies->read.sealed.size;
	return bodies->read.ok;
}

static bool compute(
	struct bodies *bodies, const struct store_message *message, uint8_t hash[DIGEST_SIZE])
{
	struct store_read *read = &bodies->read;
	struct digest digest;
	bool ok;

	read->message = *message;
	read->offset = 0;
	digest_init(&digest, NULL);
	do {
		ok = read_piece(bodies);
		if (ok)
			digest_update(&digest, buf_view(&read->sealed));
	} while (ok && !read->is_end && verifier_goes_on(bodies->verifier));
	digest_final(&digest, hash);
	return ok;
}

/* ---- a message ---- */

static void differ(struct bodies *bodies, const struct store_copy *copy, const char *what)
{
	char came[CLOCK_TEXT_SIZE];

	verifier_differ(bodies->verifier, LEDGER_DIFFERS, "the %s message of row %llu, from %s, %s",
		words[bodies->state], (unsigned long long)copy->ledger_number,
		clock_text(copy->message.received_us, came), what);
}

static void judge_body(
	struct bodies *bodies, const struct store_copy *copy, const struct store_ledger_row *row)
{
	struct verifier *verifier = bodies->verifier;
	uint8_t hash[DIGEST_SIZE];

	if (compute(bodies, &copy->message, hash)) {
		bodies->verifier->verification->bodies++;
		if (verifier_goes_on(verifier) && memcmp(hash, row->digest, sizeof hash) != 0)
			differ(bodies, copy, "has another content than was received");
	} else if (bodies->read.error.kind == ERROR_CORRUPT) {
		differ(bodies, copy, "cannot be read whole from the disk");
	} else if (bodies->read.error.kind != ERROR_NOT_FOUND) {
		verifier->error = bodies->read.error;
		verifier->has_failed = true;
	}
}

static bool visit_copy(void *context, const struct store_copy *copy)
{
	struct bodies *bodies = context;
	const struct store_ledger_row *row;

	if (!copy->ledger_number) {
		bodies->verifier->verification->older++;
	} else if (find_row(bodies, copy->ledger_number, &row)) {
		if (!row)
			differ(bodies, copy, "has no row");
		else if (row->size != copy->message.size ||
			 row->received_us != copy->message.received_us)
			differ(bodies, copy, "has another size or time than its row");
		else
			judge_body(bodies, copy, row);
	}
	return verifier_goes_on(bodies->verifier);
}

/* ---- counts ---- */

static bool count_copy(void *context, const struct store_copy *copy)
{
	(void)copy;
	++*(uint64_t *)context;
	return true;
}

/* Twice the same counters: nothing moved in between. */
static bool count_waiting(struct verifier *verifier, struct store_mailbox_counts *counts,
	uint64_t *waiting, bool *is_quiet, struct error *error)
{
	struct store *store = verifier->service->store;
	const struct id *id = &verifier->mailbox.id;
	struct store_mailbox_counts after;
	struct store_mailbox *mailbox = malloc(sizeof *mailbox);
	bool ok;

	*waiting = 0;
	ok = (mailbox || error_set_memory(error)) &&
	     store_mailbox_get(store, id, mailbox, counts, error) &&
	     store_copy_each(store, id, STORE_WAITING, count_copy, waiting, error) &&
	     store_copy_each(store, id, STORE_QUARANTINED, count_copy, waiting, error) &&
	     store_mailbox_get(store, id, mailbox, &after, error);
	*is_quiet = ok && after.received == counts->received && after.waiting == counts->waiting &&
		    after.collected == counts->collected;
	free(mailbox);
	return ok;
}

/* In a mailbox that never rests nothing can be said. */
static bool judge_counts(struct verifier *verifier, struct error *error)
{
	struct store_mailbox_counts counts;
	uint64_t waiting = 0;
	bool is_quiet = false;

	for (int i = 0; i < COUNTING_TRIES && !is_quiet; i++) {
		if (!count_waiting(verifier, &counts, &waiting, &is_quiet, error))
			return false;
	}
	if (counts.received != counts.waiting + counts.collected)
		verifier_differ(verifier, LEDGER_DIFFERS,
			"%llu copies are counted as received, but %llu as waiting and %llu as "
			"collected",
			(unsigned long long)counts.received, (unsigned long long)counts.waiting,
			(unsigned long long)counts.collected);
	if (is_quiet && waiting != counts.waiting)
		verifier_differ(verifier, LEDGER_DIFFERS,
			"%llu copies are counted as waiting, and %llu are there",
			(unsigned long long)counts.waiting, (unsigned long long)waiting);
	return true;
}

/* ---- all of them ---- */

static bool prepare(struct bodies *bodies, struct error *error)
{
	bodies->read = (struct store_read){
		.what = STORE_READ_BODY,
		.mailbox = bodies->verifier->mailbox.id,
		.at_most = READ_BYTES,
		.done = on_read,
		.context = bodies,
	};
	buf_init(&bodies->read.sealed, READ_BYTES);
	bodies->done = semaphore_new(error);
	if (!bodies->done)
		return false;
	bodies->rows = calloc(ROWS_WINDOW, sizeof *bodies->rows);
	return bodies->rows || error_set_memory(error);
}

static void clear(struct bodies *bodies)
{
	free(bodies->rows);
	buf_clear(&bodies->read.sealed);
	semaphore_free(&bodies->done);
}

bool verifier_check_bodies(struct verifier *verifier, struct error *error)
{
	static const enum store_state states[] = { STORE_WAITING, STORE_COLLECTED,
		STORE_QUARANTINED };
	struct bodies bodies = { .verifier = verifier };
	bool ok = prepare(&bodies, error);

	for (size_t i = 0; ok && i < sizeof states / sizeof states[0]; i++) {
		bodies.state = states[i];
		ok = store_copy_each(verifier->service->store, &verifier->mailbox.id, states[i],
			visit_copy, &bodies, error);
		if (ok && verifier->has_failed) {
			*error = verifier->error;
			ok = false;
		}
	}
	clear(&bodies);
	return ok && judge_counts(verifier, error);
}

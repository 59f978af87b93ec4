/* load.c -- deliveries in piles, inline and large, to one to three mailboxes; removals beside them, kept
 * for a while or not, and kept mail brought back; signatures; mailboxes that come and go; the store closed
 * and opened now and then.
 *
 * Words in the recording ("NOTE number [mailbox]"): an intent is noted before the request is submitted,
 * a promise by the `done` that says ok. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "load_internal.h"
#include "platform/clock.h"
#include "platform/file_watch.h"
#include "replay.h"
#include "store/store_collected.h"
#include "store/store_ledger.h"

enum {
	PILE_MAX = 40,
	MAILBOXES_MAX = 1000,
	TARGETS_MAX = 3,
	FAILURES_MAX = 1000,
	FAILURE_PAUSE_US = 200000,
};

static const int64_t keep_us = INT64_C(86400) * 1000000;

struct work {
	const struct load *load;
	struct store *store;
	uint64_t random;
	uint64_t next_number; /* of a delivery */
	uint64_t next_mailbox;
	uint64_t mailboxes[MAILBOXES_MAX]; /* those that are there */
	size_t mailbox_count;
	struct latch latch;
	size_t delivered; /* messages, under the latch's mutex */
	size_t next_close;
	bool has_failed; /* under the latch's mutex, with the error */
	struct error error;
	unsigned failures;
	unsigned restores;
};

/* ---- numbers and bytes ---- */

struct id load_id(char kind, uint64_t number)
{
	struct id id = { { 0 } };
	uint64_t hash = number ^ (uint64_t)(uint8_t)kind << 56;

	hash = replay_random(&hash);
	for (size_t i = 0; i < 8; i++)
		id.bytes[i] = (uint8_t)(hash >> 8 * i);
	for (size_t i = 0; i < 8; i++)
		id.bytes[8 + i] = (uint8_t)(number >> 8 * (7 - i));
	return id;
}

uint64_t load_number(const struct id *id)
{
	uint64_t number = 0;

	for (size_t i = 8; i < 16; i++)
		number = number << 8 | id->bytes[i];
	return number;
}

size_t load_size(uint64_t seed, uint64_t number)
{
	uint64_t random = seed ^ number * 0x9e3779b97f4a7c15u;
	uint64_t kind = replay_random(&random) % 10;

	if (kind < 5)
		return (size_t)(200 + replay_random(&random) % 3000);
	if (kind < 8)
		return (size_t)(8000 + replay_random(&random) % 1500);
	if (kind < 9)
		return (size_t)(STORE_INLINE_MAX - 2 + replay_random(&random) % 5);
	return (size_t)(70000 + replay_random(&random) % 80000);
}

bool load_fill(uint64_t seed, uint64_t number, struct buf *sealed)
{
	size_t size = load_size(seed, number);
	uint64_t random = seed + number;
	uint8_t *space;

	buf_init(sealed, size);
	if (!buf_reserve(sealed, size, &space))
		return false;
	for (size_t i = 0; i < size; i++)
		space[i] = (uint8_t)(i % 8 ? space[i - 1] + 1 : (int)replay_random(&random));
	buf_commit(sealed, size);
	return true;
}

/* A delivery's receipt is its message's number, so that the check knows a row of the ledger again. */
static void fill_receipt(struct store_delivery_target *target, uint64_t message)
{
	target->receipt_size = sizeof message;
	memcpy(target->receipt, &message, sizeof message);
}

static void note(const char *what, uint64_t number, uint64_t mailbox)
{
	char text[100];

	snprintf(text, sizeof text, "store %s %llu %llu", what, (unsigned long long)number,
		(unsigned long long)mailbox);
	file_watch_promise(text);
}

/* ---- waiting ---- */

bool latch_init(struct latch *latch)
{
	*latch = (struct latch){ .mutex = mutex_new(NULL), .changed = condition_new(NULL) };
	return latch->mutex && latch->changed;
}

void latch_clear(struct latch *latch)
{
	condition_free(&latch->changed);
	mutex_free(&latch->mutex);
}

void latch_add(struct latch *latch, size_t count)
{
	mutex_lock(latch->mutex);
	latch->count += count;
	mutex_unlock(latch->mutex);
}

void latch_count_down(struct latch *latch)
{
	mutex_lock(latch->mutex);
	latch->count--;
	condition_signal(latch->changed);
	mutex_unlock(latch->mutex);
}

void latch_wait(struct latch *latch)
{
	mutex_lock(latch->mutex);
	while (latch->count)
		condition_wait(latch->changed, latch->mutex);
	mutex_unlock(latch->mutex);
}

static void note_failure(struct work *work, const struct error *error)
{
	mutex_lock(work->latch.mutex);
	work->has_failed = true;
	work->error = *error;
	mutex_unlock(work->latch.mutex);
}

/* ---- deliveries ---- */

struct parcel {
	struct store_delivery delivery;
	struct work *work;
	uint64_t number;
	uint64_t mailboxes[TARGETS_MAX];
};

static void delivered(struct store_delivery *delivery)
{
	struct parcel *parcel = delivery->context;
	struct latch *latch = &parcel->work->latch;

	for (size_t i = 0; delivery->ok && i < delivery->target_count; i++)
		note("kept", load_message(parcel->number, i), parcel->mailboxes[i]);
	if (!delivery->ok)
		note_failure(parcel->work, &delivery->error);
	mutex_lock(latch->mutex);
	parcel->work->delivered += delivery->ok;
	mutex_unlock(latch->mutex);
	free(parcel);
	latch_count_down(latch);
}

static bool fill_body(struct work *work, struct parcel *parcel, struct error *error)
{
	const struct id id = load_id('y', parcel->number);
	struct buf sealed;
	struct bytes rest;
	bool ok;

	parcel->delivery.body = store_body_new(work->store, &id);
	ok = parcel->delivery.body && load_fill(work->load->seed, parcel->number, &sealed);
	if (!ok)
		return error_set_memory(error);
	for (rest = buf_view(&sealed); ok && rest.size; rest = bytes_skip(rest, 30000))
		ok = store_body_append(parcel->delivery.body, bytes_head(rest, 30000), error);
	buf_clear(&sealed);
	return ok;
}

static bool deliver(struct work *work, struct error *error)
{
	struct parcel *parcel = calloc(1, sizeof *parcel);
	size_t count = 1 + (replay_random(&work->random) % 4 == 0) * TARGETS_MAX / 2;
	size_t first = (size_t)(replay_random(&work->random) % work->mailbox_count);

	if (!parcel)
		return error_set_memory(error);
	if (count > work->mailbox_count)
		count = work->mailbox_count;
	parcel->work = work;
	parcel->number = work->next_number++;
	if (!fill_body(work, parcel, error)) {
		store_body_free(&parcel->delivery.body);
		free(parcel);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		struct store_delivery_target *target = &parcel->delivery.targets[i];

		parcel->mailboxes[i] = work->mailboxes[(first + i) % work->mailbox_count];
		target->mailbox = load_id('b', parcel->mailboxes[i]);
		target->message = load_id('m', load_message(parcel->number, i));
		fill_receipt(target, load_message(parcel->number, i));
		target->size = store_body_size(parcel->delivery.body);
	}
	parcel->delivery.target_count = count;
	parcel->delivery.received_us = clock_wall_us();
	parcel->delivery.done = delivered;
	parcel->delivery.context = parcel;
	latch_add(&work->latch, 1);
	store_delivery_submit(work->store, &parcel->delivery);
	return true;
}

/* ---- removals ---- */

struct departure {
	struct store_removal removal;
	struct store_signature signature;
	struct work *work;
	uint64_t mailbox;
	struct store_message *messages;
};

static void removed(struct store_removal *removal)
{
	struct departure *departure = removal->context;
	struct latch *latch = &departure->work->latch;

	for (size_t i = 0; removal->ok && i < removal->message_count; i++)
		note("removed", load_number(&departure->messages[i].id), 0);
	if (removal->ok && removal->signature)
		note("signed", departure->signature.number, departure->mailbox);
	if (!removal->ok)
		note_failure(departure->work, &removal->error);
	free(departure->messages);
	free(departure);
	latch_count_down(latch);
}

static bool submit_removal(struct work *work, struct error *error)
{
	struct departure *departure = calloc(1, sizeof *departure);
	size_t chosen = (size_t)(replay_random(&work->random) % work->mailbox_count);
	struct id mailbox = load_id('b', work->mailboxes[chosen]);
	struct store_ledger_head head;
	size_t count = 0, kept = 0;

	if (!departure)
		return error_set_memory(error);
	if (!load_list(work->store, &mailbox, &departure->messages, &count, error) ||
		!store_ledger_head(work->store, &mailbox, &head, error)) {
		free(departure->messages);
		free(departure);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (replay_random(&work->random) % 3)
			departure->messages[kept++] = departure->messages[i];
	}
	for (size_t i = 0; i < kept; i++)
		note("removing", load_number(&departure->messages[i].id), 0);
	departure->work = work;
	departure->mailbox = work->mailboxes[chosen];
	departure->signature.number = head.number;
	memcpy(departure->signature.head, head.link, sizeof head.link);
	departure->removal = (struct store_removal){
		.mailbox = mailbox,
		.messages = departure->messages,
		.message_count = kept,
		.collected_us = clock_wall_us(),
		.signature = head.number ? &departure->signature : NULL,
		.done = removed,
		.context = departure,
	};
	latch_add(&work->latch, 1);
	store_removal_submit(work->store, &departure->removal);
	return true;
}

/* ---- what was collected comes back ---- */

struct return_ids {
	uint64_t *numbers;
	size_t count, capacity;
};

/* On the committer: each time that it was brought back a message has the next number. */
static void make_return_id(void *context, const struct store_message *message, struct id *id)
{
	struct return_ids *ids = context;
	uint64_t number = load_number(&message->id) + 1;

	if (ids->count == ids->capacity) {
		ids->capacity = ids->capacity * 2 + 64;
		ids->numbers = realloc(ids->numbers, ids->capacity * sizeof *ids->numbers);
		if (!ids->numbers)
			abort();
	}
	ids->numbers[ids->count++] = number;
	*id = load_id('m', number);
	note("returning", number, 0);
}

static bool step_restore(struct work *work, struct error *error)
{
	size_t chosen = (size_t)(replay_random(&work->random) % work->mailbox_count);
	struct return_ids ids = { NULL, 0, 0 };
	struct store_restoration restoration = {
		.mailbox = load_id('b', work->mailboxes[chosen]),
		.make_id = make_return_id,
		.context = &ids,
	};
	bool ok;

	/* So often at most can one message have been brought back. */
	if (work->restores == LOAD_RESTORES_MAX - 1)
		return true;
	work->restores++;
	ok = store_mailbox_restore(work->store, &restoration, error);
	for (size_t i = 0; ok && i < ids.count; i++)
		note("kept", ids.numbers[i], work->mailboxes[chosen]);
	free(ids.numbers);
	return ok;
}

/* ---- steps ---- */

static bool step_pile(struct work *work, struct error *error)
{
	size_t count = 1 + (size_t)(replay_random(&work->random) % PILE_MAX);
	bool with_removal = replay_random(&work->random) % 3 == 0;

	for (size_t i = 0; i < count; i++) {
		if (!deliver(work, error) ||
			(with_removal && i == count / 2 && !submit_removal(work, error)))
			return false;
	}
	return true;
}

static bool step_create(struct work *work, struct error *error)
{
	struct store_mailbox mailbox = { .created_us = clock_wall_us() };
	/* A number is not tried again, since a failure may have left the mailbox there. */
	uint64_t number = work->next_mailbox++;

	if (work->mailbox_count == MAILBOXES_MAX)
		return true;
	mailbox.id = load_id('b', number);
	snprintf(mailbox.name, sizeof mailbox.name, "%llu", (unsigned long long)number);
	mailbox.password_wrap_size = 200;
	if (!store_mailbox_create(work->store, &mailbox, error))
		return false;
	note("created", number, 0);
	work->mailboxes[work->mailbox_count++] = number;
	return true;
}

static bool step_delete(struct work *work, struct error *error)
{
	size_t chosen = (size_t)(replay_random(&work->random) % work->mailbox_count);
	uint64_t number = work->mailboxes[chosen];
	struct id id = load_id('b', number);

	if (work->mailbox_count < 3)
		return true;
	note("deleting", number, 0);
	if (!store_mailbox_delete(work->store, &id, error))
		return false;
	note("deleted", number, 0);
	work->mailboxes[chosen] = work->mailboxes[--work->mailbox_count];
	return true;
}

static bool open_store(struct work *work, const char *folder, struct error *error)
{
	const struct store_options options = {
		.folder = folder,
		.without_sync = work->load->without_sync,
	};

	/* Sometimes what is collected goes at once, and what was kept before with it. */
	const struct store_limits limits = {
		.keep_collected_us = replay_random(&work->random) % 3 ? keep_us : 0,
	};

	work->store = store_open(&options, error);
	if (work->store)
		store_set_limits(work->store, &limits);
	return work->store != NULL;
}

static bool step(struct work *work, const char *folder, struct error *error)
{
	uint64_t draw = replay_random(&work->random) % 100;

	if (!work->store)
		return open_store(work, folder, error) &&
		       (!work->mailbox_count || step_restore(work, error));
	/* A few times for certain: only a log that began anew shows whether the database was synced. */
	if (work->delivered >= work->next_close) {
		work->next_close += work->load->deliveries / 5 + 1;
		store_close(&work->store);
		return true;
	}
	if (!work->mailbox_count)
		return step_create(work, error);
	if (draw < 60)
		return step_pile(work, error);
	if (draw < 74)
		return submit_removal(work, error);
	if (draw < 80)
		return step_restore(work, error);
	if (draw < 88)
		return step_create(work, error);
	if (draw < 95)
		return step_delete(work, error);
	store_close(&work->store);
	return true;
}

/* Where syncs fail on purpose, so do requests; a while later it is tried again. */
static bool bear_failure(struct work *work)
{
	if (!work->load->fail_one_in || ++work->failures > FAILURES_MAX)
		return false;
	work->has_failed = false;
	usleep(FAILURE_PAUSE_US);
	return true;
}

bool load_run(const struct load *load, struct recording *recording, struct error *error)
{
	struct work work = { .load = load,
		.random = load->seed,
		.next_mailbox = 1,
		.next_close = load->deliveries / 5 };
	bool ok = latch_init(&work.latch) && open_store(&work, recording->folder, error) &&
		  step_create(&work, error);

	recorder_fail_syncs(recording, load->seed, load->fail_one_in);
	while (ok && work.delivered < load->deliveries) {
		ok = step(&work, recording->folder, error);
		latch_wait(&work.latch);
		if (ok && work.has_failed) {
			*error = work.error;
			ok = false;
		}
		ok = ok || bear_failure(&work);
	}
	store_close(&work.store);
	latch_clear(&work.latch);
	return ok;
}

/* transfer.c -- the transfers under way: a few slots behind one mutex. A step marks its slot busy and runs without
 * the mutex, so that a slow disk stops nobody else; who ends a transfer while a step runs only marks it, and the
 * step's thread frees it. A thread of its own ends what nobody asks for any more: what it frees may block. */
#include "transfer_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "method_internal.h"
#include "platform/clock.h"
#include "platform/thread.h"

struct transfer {
	uint64_t number; /* 0: the slot is free */
	const void *owner;
	const struct transfer_source *source; /* one of the two */
	const struct transfer_sink *sink;
	void *context;
	struct transfer_order order; /* only its step's thread, while busy */
	bool is_busy;
	bool is_over; /* to be freed as soon as it is not busy */
	int64_t last_us;
};

struct transfers {
	struct mutex *mutex;
	struct condition *changed;
	struct thread *keeper;
	int64_t silence_us;
	/* under the mutex */
	struct transfer slots[TRANSFERS_MAX];
	uint64_t last_number;
	bool is_ending;
};

static void free_context(const struct transfer *transfer)
{
	if (transfer->source)
		transfer->source->free(transfer->context);
	else
		transfer->sink->free(transfer->context);
}

/* With the mutex, which is let go of meanwhile: the slot is busy until its context is freed, so that the number of
 * contexts is bounded, too. */
static void end(struct transfers *transfers, struct transfer *transfer)
{
	transfer->is_busy = transfer->is_over = true;
	mutex_unlock(transfers->mutex);
	free_context(transfer);
	mutex_lock(transfers->mutex);
	memset(transfer, 0, sizeof *transfer);
}

/* ---- what nobody asks for any more ---- */

/* The next to end, or NULL; *wait_us is when to look again, 0: when something changes. */
static struct transfer *find_silent(struct transfers *transfers, int64_t *wait_us)
{
	int64_t now_us = clock_monotonic_us();

	*wait_us = 0;
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *transfer = &transfers->slots[i];
		int64_t left_us = transfer->last_us + transfers->silence_us - now_us;

		if (!transfer->number || transfer->is_busy)
			continue;
		if (transfer->is_over || left_us <= 0)
			return transfer;
		if (!*wait_us || left_us < *wait_us)
			*wait_us = left_us;
	}
	return NULL;
}

static void keeper_thread(void *context)
{
	struct transfers *transfers = context;
	struct transfer *silent;
	int64_t wait_us;

	mutex_lock(transfers->mutex);
	while (!transfers->is_ending) {
		silent = find_silent(transfers, &wait_us);
		if (silent) {
			log_event(LOG_INFO, "transfer.ended", "number=%llu why=%s",
				(unsigned long long)silent->number,
				silent->is_over ? "caller-gone" : "silence");
			end(transfers, silent);
		} else if (wait_us) {
			condition_wait_for(transfers->changed, transfers->mutex, wait_us);
		} else {
			condition_wait(transfers->changed, transfers->mutex);
		}
	}
	mutex_unlock(transfers->mutex);
}

void transfers_abandon(struct transfers *transfers, const void *owner)
{
	mutex_lock(transfers->mutex);
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		if (transfers->slots[i].number && transfers->slots[i].owner == owner)
			transfers->slots[i].is_over = true;
	}
	condition_signal(transfers->changed);
	mutex_unlock(transfers->mutex);
}

/* ---- beginning ---- */

static struct transfer *free_slot(struct transfers *transfers)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		if (!transfers->slots[i].number)
			return &transfers->slots[i];
	}
	return NULL;
}

/* 0: there are too many. */
static uint64_t add(struct transfers *transfers, const struct transfer *begun)
{
	struct transfer *transfer;
	uint64_t number = 0;

	mutex_lock(transfers->mutex);
	transfer = free_slot(transfers);
	if (transfer) {
		number = ++transfers->last_number;
		*transfer = *begun;
		transfer->number = number;
		transfer->last_us = clock_monotonic_us();
		condition_signal(transfers->changed);
	}
	mutex_unlock(transfers->mutex);
	return number;
}

static json_t *begin(struct control_engine *engine, const struct transfer *begun, const char *form,
	struct error *error)
{
	uint64_t number = add(engine->transfers, begun);
	json_t *answer = NULL;

	if (!number) {
		error_set(error, ERROR_BUSY,
			"%d exports, imports and backups are under way already; wait for one to "
			"end",
			TRANSFERS_MAX);
		free_context(begun);
		return NULL;
	}
	answer = json_pack("{s:I, s:s, s:s}", "transfer", (json_int_t)number, "direction",
		begun->source ? "read" : "write", "form", form);
	if (!answer)
		transfers_cancel(engine->transfers, begun->owner, number, NULL);
	return method_result(answer, error);
}

static const char *const forms[] = {
	[TRANSFER_FOLDER] = "folder",
	[TRANSFER_FILE] = "file",
	[TRANSFER_WORK] = "work",
};

_Static_assert((int)OUTGOING_PIECE_MAX <= (int)TRANSFER_PIECE_MAX &&
		       (int)OUTGOING_ENTRY_SIZE <= (int)TRANSFER_ENTRY_SIZE,
	"what goes out fits into a piece");

void transfer_take_outgoing(struct transfer_piece *piece, const struct outgoing_piece *outgoing)
{
	memcpy(piece->entry, outgoing->entry, strlen(outgoing->entry) + 1);
	piece->is_entry_end = outgoing->is_entry_end;
	piece->is_end = outgoing->is_end;
	piece->done = outgoing->done;
	piece->total = outgoing->total;
}

json_t *transfer_begin_read(struct control_engine *engine, const struct transfer_source *source,
	void *context, struct error *error)
{
	struct transfer begun = { .owner = engine->caller, .source = source, .context = context };

	return begin(engine, &begun, forms[source->form], error);
}

json_t *transfer_begin_write(struct control_engine *engine, const struct transfer_sink *sink,
	void *context, struct error *error)
{
	struct transfer begun = { .owner = engine->caller, .sink = sink, .context = context };

	return begin(engine, &begun, "folder", error);
}

/* ---- steps ---- */

/* With the mutex. */
static struct transfer *find(struct transfers *transfers, const void *owner, uint64_t number)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *transfer = &transfers->slots[i];

		if (number && transfer->number == number && transfer->owner == owner &&
			!transfer->is_over)
			return transfer;
	}
	return NULL;
}

static bool no_such(uint64_t number, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND,
		"there is no transfer %llu on this connection (any more): begin again",
		(unsigned long long)number);
}

/* Makes it busy; NULL: it cannot be. */
static struct transfer *take(struct transfers *transfers, const void *owner, uint64_t number,
	bool is_read, struct error *error)
{
	struct transfer *transfer;

	mutex_lock(transfers->mutex);
	transfer = find(transfers, owner, number);
	if (!transfer) {
		no_such(number, error);
	} else if (transfer->is_busy) {
		error_set(error, ERROR_BUSY, "a step of this transfer is under way already");
		transfer = NULL;
	} else if ((transfer->source != NULL) != is_read) {
		error_set(error, ERROR_INVALID, "this transfer goes the other way");
		transfer = NULL;
	} else {
		transfer->is_busy = true;
	}
	mutex_unlock(transfers->mutex);
	return transfer;
}

static void give_back(struct transfers *transfers, struct transfer *transfer, bool is_over)
{
	mutex_lock(transfers->mutex);
	if (is_over || transfer->is_over) {
		end(transfers, transfer);
	} else {
		transfer->is_busy = false;
		transfer->last_us = clock_monotonic_us();
		condition_signal(transfers->changed);
	}
	mutex_unlock(transfers->mutex);
}

static bool finish(json_t *(*function)(void *context, struct error *error), void *context,
	bool is_end, json_t **result, struct error *error)
{
	if (!is_end || !function)
		return true;
	*result = function(context, error);
	return *result != NULL;
}

bool transfers_read(struct transfers *transfers, const void *owner, uint64_t number,
	struct transfer_piece *piece, json_t **result, struct error *error)
{
	struct transfer *transfer = take(transfers, owner, number, true, error);
	bool ok;

	*result = NULL;
	if (!transfer)
		return false;
	transfer_piece_reset(piece);
	ok = transfer->source->read(transfer->context, piece, error) &&
	     transfer_order_step(&transfer->order, piece, error) &&
	     finish(transfer->source->finish, transfer->context, piece->is_end, result, error);
	give_back(transfers, transfer, !ok || piece->is_end);
	return ok;
}

bool transfers_write(struct transfers *transfers, const void *owner, uint64_t number,
	struct transfer_piece *piece, json_t **result, struct error *error)
{
	struct transfer *transfer = take(transfers, owner, number, false, error);
	bool ok;

	*result = NULL;
	if (!transfer)
		return false;
	ok = transfer_order_step(&transfer->order, piece, error) &&
	     transfer->sink->write(transfer->context, piece, error) &&
	     finish(transfer->sink->finish, transfer->context, piece->is_end, result, error);
	give_back(transfers, transfer, !ok || piece->is_end);
	return ok;
}

bool transfers_cancel(
	struct transfers *transfers, const void *owner, uint64_t number, struct error *error)
{
	struct transfer *transfer;
	bool is_found;

	mutex_lock(transfers->mutex);
	transfer = find(transfers, owner, number);
	is_found = transfer != NULL;
	if (is_found && transfer->is_busy)
		transfer->is_over = true;
	else if (is_found)
		end(transfers, transfer);
	mutex_unlock(transfers->mutex);
	return is_found || no_such(number, error);
}

size_t transfers_count(struct transfers *transfers)
{
	size_t count = 0;

	mutex_lock(transfers->mutex);
	for (size_t i = 0; i < TRANSFERS_MAX; i++)
		count += transfers->slots[i].number != 0;
	mutex_unlock(transfers->mutex);
	return count;
}

/* ---- start and end ---- */

struct transfers *transfers_new(int64_t silence_us, struct error *error)
{
	struct transfers *transfers = calloc(1, sizeof *transfers);

	if (!transfers) {
		error_set_memory(error);
		return NULL;
	}
	transfers->silence_us = silence_us;
	transfers->mutex = mutex_new(error);
	transfers->changed = transfers->mutex ? condition_new(error) : NULL;
	if (transfers->changed)
		transfers->keeper = thread_start("transfers", keeper_thread, transfers, error);
	if (!transfers->keeper)
		transfers_free(&transfers);
	return transfers;
}

void transfers_free(struct transfers **transfers)
{
	struct transfers *freed = *transfers;

	if (!freed)
		return;
	if (freed->keeper) {
		mutex_lock(freed->mutex);
		freed->is_ending = true;
		condition_signal(freed->changed);
		mutex_unlock(freed->mutex);
		thread_join(&freed->keeper);
	}
	for (size_t i = 0; i < TRANSFERS_MAX; i++) {
		if (freed->slots[i].number)
			free_context(&freed->slots[i]);
	}
	mutex_free(&freed->mutex);
	condition_free(&freed->changed);
	free(freed);
	*transfers = NULL;
}

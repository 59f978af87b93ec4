/* storage_recover.c -- one file after the other. The one that a power cut left was never acknowledged, so its sender
 * has sent it again: then there are two copies, which is for the person to know who asks for this. */
#include "service/storage_recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/sealed_head.h"
#include "platform/clock.h"
#include "platform/semaphore.h"
#include "service/quarantine.h"
#include "store/store_lost.h"

struct recovering {
	struct service *service;
	struct storage_recovery *recovery;
	struct semaphore *stored; /* the delivery under way */
	/* what went wrong in the middle of the walk, which must then end */
	bool has_failed;
	struct error error;
};

static void leave(struct recovering *recovering, const struct id *id, const char *why)
{
	struct storage_recovery *recovery = recovering->recovery;
	char text[ID_TEXT_SIZE];

	id_text(id, text);
	if (recovery->left < STORAGE_RECOVER_NAMED_MAX)
		snprintf(recovery->texts[recovery->left], STORAGE_RECOVER_TEXT_SIZE,
			"bodies/lost/%s: %.240s", text, why);
	recovery->left++;
	log_event(LOG_WARNING, "storage.left", "file=%s why=\"%s\"", text, why);
}

/* Of one file alone, or of all that would follow. */
static bool is_of_file(const struct error *error)
{
	return error->kind == ERROR_CORRUPT || error->kind == ERROR_EXISTS ||
	       error->kind == ERROR_NOT_FOUND || error->kind == ERROR_STATE;
}

static bool give_up(struct recovering *recovering, const struct error *why)
{
	recovering->has_failed = true;
	recovering->error = *why;
	return false;
}

/* ---- delivered anew ---- */

static void on_stored(struct store_delivery *delivery)
{
	struct recovering *recovering = delivery->context;

	semaphore_post(recovering->stored);
}

static bool run_delivery(
	struct recovering *recovering, struct store_delivery *delivery, struct error *error)
{
	delivery->done = on_stored;
	delivery->context = recovering;
	store_delivery_submit(recovering->service->store, delivery);
	semaphore_wait(recovering->stored);
	if (!delivery->ok)
		*error = delivery->error;
	return delivery->ok && store_lost_sync(recovering->service->store, error);
}

/* The targets whose mailboxes are here. The receipt is the message's id alone: of the content nothing is known. */
static void add_targets(struct recovering *recovering, const struct sealed_head *head,
	struct store_delivery *delivery)
{
	for (size_t i = 0; i < head->target_count; i++) {
		const struct sealed_head_target *found = &head->targets[i];
		struct store_delivery_target *target = &delivery->targets[delivery->target_count];

		if (directory_find(recovering->service->directory, &found->mailbox, NULL) ==
			DIRECTORY_UNKNOWN)
			continue;
		target->mailbox = found->mailbox;
		target->message = found->message;
		target->size = found->size;
		memcpy(target->receipt, found->message.bytes, sizeof found->message.bytes);
		target->receipt_size = sizeof found->message.bytes;
		delivery->target_count++;
	}
}

/* Asked before: a delivery that the store refuses has its file in bodies/ until the next start. */
static bool check_targets(
	struct recovering *recovering, const struct store_delivery *delivery, struct error *error)
{
	for (size_t i = 0; i < delivery->target_count; i++) {
		if (directory_find(recovering->service->directory, &delivery->targets[i].mailbox,
			    NULL) == DIRECTORY_SUSPENDED)
			return error_set(error, ERROR_STATE,
				"its mailbox is suspended: resume it, and begin again");
	}
	return delivery->target_count ||
	       error_set(error, ERROR_NOT_FOUND, "its mailbox is not here (any more)");
}

static bool deliver(struct recovering *recovering, const struct id *id,
	const struct sealed_head *head, int64_t received_us, struct error *error)
{
	struct store_delivery *delivery = calloc(1, sizeof *delivery);
	bool ok = false;

	if (!delivery)
		return error_set_memory(error);
	delivery->received_us = received_us;
	add_targets(recovering, head, delivery);
	if (check_targets(recovering, delivery, error)) {
		delivery->body = store_body_of_lost(recovering->service->store, id, error);
		ok = delivery->body && run_delivery(recovering, delivery, error);
	}
	if (ok)
		recovering->recovery->added += delivery->target_count;
	free(delivery);
	return ok;
}

/* ---- one file ---- */

static bool read_head(struct recovering *recovering, const struct id *id, struct sealed_head *head,
	int64_t *modified_us, struct error *error)
{
	struct store_lost_facts facts;
	struct buf beginning;
	bool ok;

	buf_init(&beginning, SEAL_HEAD_MAX);
	ok = store_lost_read(
		     recovering->service->store, id, SEAL_HEAD_MAX, &beginning, &facts, error) &&
	     sealed_head_read(buf_view(&beginning), facts.size, head, error);
	buf_clear(&beginning);
	*modified_us = facts.modified_us;
	return ok && (id_is_equal(&head->body, id) ||
			     error_set(error, ERROR_CORRUPT, "it is called like another message"));
}

static bool add(struct recovering *recovering, const struct id *id, struct error *error)
{
	struct sealed_head head;
	int64_t modified_us = 0;

	return read_head(recovering, id, &head, &modified_us, error) &&
	       deliver(recovering, id, &head, modified_us, error);
}

static bool visit(void *context, const struct id *id)
{
	struct recovering *recovering = context;
	struct service *service = recovering->service;
	struct error why = { .kind = ERROR_NONE };
	bool is_named = false;

	if (atomic_load(&service->is_ending)) {
		error_set(&why, ERROR_CANCELLED,
			"the gateway is ending; begin again after its start");
		return give_up(recovering, &why);
	}
	recovering->recovery->found++;
	if (store_lost_return(service->store, id, &is_named, &why)) {
		recovering->recovery->returned += is_named;
		if (is_named || add(recovering, id, &why))
			return true;
	}
	leave(recovering, id, why.text);
	return is_of_file(&why) || give_up(recovering, &why);
}

/* ---- the whole ---- */

static void forget_problems(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	(void)counts;
	quarantine_forget(context, &mailbox->id);
}

/* A message whose file is back is damaged no more. */
static bool reload_problems(struct service *service, struct error *error)
{
	return store_mailbox_each(service->store, forget_problems, service->problems, error) &&
	       quarantine_load(service->store, service->problems, clock_wall_us(), error);
}

static bool recover(struct recovering *recovering, struct error *error)
{
	struct storage_recovery *recovery = recovering->recovery;

	recovering->stored = semaphore_new(error);
	if (!recovering->stored ||
		!store_lost_each(recovering->service->store, visit, recovering, error))
		return false;
	if (recovery->added || recovery->returned)
		notices_note(recovering->service->notices, NOTICE_MAILBOXES);
	log_event(LOG_INFO, "storage.recovered", "found=%llu returned=%llu added=%llu left=%llu",
		(unsigned long long)recovery->found, (unsigned long long)recovery->returned,
		(unsigned long long)recovery->added, (unsigned long long)recovery->left);
	if (recovery->returned && !reload_problems(recovering->service, error))
		return false;
	if (recovering->has_failed && error)
		*error = recovering->error;
	return !recovering->has_failed;
}

bool storage_recover(
	struct service *service, struct storage_recovery *recovery, struct error *error)
{
	struct recovering recovering = { .service = service, .recovery = recovery };
	bool ok;

	*recovery = (struct storage_recovery){ .found = 0 };
	if (atomic_exchange(&service->is_recovering, true))
		return error_set(error, ERROR_BUSY, "this runs already; wait for it to end");
	ok = recover(&recovering, error);
	semaphore_free(&recovering.stored);
	atomic_store(&service->is_recovering, false);
	return ok;
}

/* delivery.c -- trace headers, sealing, and the hand-over to the store. Plaintext exists in the caller's
 * view and in the sealer's one chunk, nowhere else. */
#include "service/delivery.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "platform/clock.h"
#include "platform/file_watch.h"

enum {
	/* The head, or what one write and the end can make of what the sealer held back. */
	SEALED_MAX = SEAL_HEAD_MAX + 2 * (SEAL_CHUNK_SIZE + SEAL_CHUNK_OVERHEAD),
	PROLOGUES_MAX = STORE_TARGETS_MAX * SEAL_PROLOGUE_MAX,
	/* X-Envelope-To of one target. All other fields have less than 2 KiB: four names and addresses of at most
	 * 255 octets each, and words. */
	ENVELOPE_TO_MAX = SEAL_PROLOGUE_MAX - 4096,
	ENVELOPE_RECIPIENT_EXTRA = 6, /* "<", ">,", a fold of three octets */
	ENVELOPE_RECIPIENTS_MAX = ENVELOPE_TO_MAX / ENVELOPE_RECIPIENT_EXTRA,
};

struct delivery {
	struct service *service;
	struct loop *loop;
	struct loop_task task;
	struct sealer *sealer;
	struct buf sealed; /* what the sealer gave out and the body has not taken */
	struct store_delivery stored;
	uint64_t prologue_size[STORE_TARGETS_MAX];
	uint64_t content_size;
	uint8_t last[2]; /* the last two octets of the content */
	char id[ID_TEXT_SIZE];
	void (*done)(void *context, const struct error *why);
	void *context;
};

/* ---- targets ---- */

/* The target of that mailbox; targets->count when it is none. */
static size_t find_target(const struct delivery_targets *targets, const struct id *mailbox)
{
	size_t i = 0;

	while (i < targets->count && !id_is_equal(&targets->mailbox[i], mailbox))
		i++;
	return i;
}

bool delivery_targets_have(const struct delivery_targets *targets, const struct id *mailbox)
{
	return find_target(targets, mailbox) < targets->count;
}

bool delivery_targets_add(struct delivery_targets *targets, const struct id *mailbox)
{
	size_t target = find_target(targets, mailbox);

	if (target == STORE_TARGETS_MAX)
		return false;
	if (target == targets->count)
		targets->mailbox[targets->count++] = *mailbox;
	return true;
}

/* A recipient in the buffer: the target, the size, the address. Takes the first off. */
static bool next_recipient(struct bytes *rest, size_t *target, struct bytes *recipient)
{
	if (!rest->size)
		return false;
	*target = rest->data[0];
	*recipient = bytes_head(bytes_skip(*rest, 2), rest->data[1]);
	*rest = bytes_skip(*rest, 2 + recipient->size);
	return true;
}

/* Those of one target; returns how many. */
static size_t recipients_of(const struct delivery_targets *targets, size_t target,
	struct bytes recipients[ENVELOPE_RECIPIENTS_MAX])
{
	struct bytes rest = buf_view(&targets->recipients), recipient;
	size_t count = 0, owner;

	while (next_recipient(&rest, &owner, &recipient)) {
		if (owner == target)
			recipients[count++] = recipient;
	}
	return count;
}

static bool has_recipient(
	const struct delivery_targets *targets, size_t target, struct bytes address)
{
	struct bytes rest = buf_view(&targets->recipients), recipient;
	size_t owner;

	while (next_recipient(&rest, &owner, &recipient)) {
		if (owner == target && bytes_equal(recipient, address))
			return true;
	}
	return false;
}

bool delivery_targets_add_recipient(
	struct delivery_targets *targets, const struct id *mailbox, struct bytes recipient)
{
	size_t target = find_target(targets, mailbox);
	size_t size = recipient.size + ENVELOPE_RECIPIENT_EXTRA;
	uint8_t head[2] = { (uint8_t)target, (uint8_t)recipient.size };
	uint8_t *space;

	if (target == STORE_TARGETS_MAX || recipient.size > UINT8_MAX)
		return false;
	if (has_recipient(targets, target, recipient))
		return true;
	if (!targets->recipients.maximum)
		buf_init(&targets->recipients, (size_t)STORE_TARGETS_MAX * ENVELOPE_TO_MAX);
	if (targets->recipients_size[target] + size > ENVELOPE_TO_MAX ||
		!buf_reserve(&targets->recipients, sizeof head + recipient.size, &space))
		return false;
	memcpy(space, head, sizeof head);
	memcpy(space + sizeof head, recipient.data, recipient.size);
	buf_commit(&targets->recipients, sizeof head + recipient.size);
	targets->recipients_size[target] += size;
	return delivery_targets_add(targets, mailbox);
}

void delivery_targets_clear(struct delivery_targets *targets)
{
	buf_clear(&targets->recipients);
	*targets = (struct delivery_targets){ .count = 0 };
}

/* ---- the head ---- */

/* The trace headers of one target; the id in them is the message's. */
static bool append_prologue(const struct trace *trace, const struct id *mailbox,
	const struct id *message, const char *hostname, struct buf *prologue)
{
	char recipient[MAILBOX_ID_TEXT_SIZE + CONFIG_HOST_SIZE];
	char id[ID_TEXT_SIZE];
	struct trace own = *trace;

	mailbox_id_text(mailbox, recipient);
	snprintf(recipient + MAILBOX_ID_TEXT_SIZE - 1,
		sizeof recipient - (MAILBOX_ID_TEXT_SIZE - 1), "@%s", hostname);
	id_text(message, id);
	own.recipient = bytes_of(recipient);
	own.id = bytes_of(id);
	return trace_header_append(&own, prologue);
}

struct target_keys {
	struct mailbox_public_keys keys[STORE_TARGETS_MAX];
	struct buf prologues;
	size_t prologue_end[STORE_TARGETS_MAX];
};

static bool prepare_targets(struct delivery *delivery, const struct delivery_targets *targets,
	const struct trace *trace, struct target_keys *found, struct error *error)
{
	struct service_settings settings;
	struct bytes recipients[ENVELOPE_RECIPIENTS_MAX];

	service_settings(delivery->service, &settings);
	for (size_t i = 0; i < targets->count; i++) {
		struct store_delivery_target *target = &delivery->stored.targets[i];
		size_t before = found->prologues.size;
		struct mailbox_facts facts;
		struct trace own = *trace;

		/* It was active at RCPT. The store would refuse it at the end, after all of the content. */
		if (directory_find(delivery->service->directory, &targets->mailbox[i],
			    &found->keys[i]) != DIRECTORY_ACTIVE)
			return error_set(
				error, ERROR_STATE, "a mailbox was suspended or deleted meanwhile");
		target->mailbox = targets->mailbox[i];
		target->message = random_id();
		directory_facts(delivery->service->directory, &target->mailbox, &facts);
		own.has_envelope = trace->has_envelope && facts.envelope_headers;
		own.envelope_to = recipients;
		own.envelope_to_count = recipients_of(targets, i, recipients);
		if (!append_prologue(&own, &target->mailbox, &target->message, settings.hostname,
			    &found->prologues))
			return error_set_memory(error);
		found->prologue_end[i] = found->prologues.size;
		delivery->prologue_size[i] = found->prologues.size - before;
	}
	delivery->stored.target_count = targets->count;
	return true;
}

static bool seal_head(struct delivery *delivery, const struct target_keys *found,
	const struct id *body, struct error *error)
{
	struct seal_target seal_targets[STORE_TARGETS_MAX];
	size_t start = 0;

	for (size_t i = 0; i < delivery->stored.target_count; i++) {
		seal_targets[i] = (struct seal_target){
			.mailbox = delivery->stored.targets[i].mailbox,
			.message = delivery->stored.targets[i].message,
			.box_key = found->keys[i].box,
			.prologue = bytes_make(
				found->prologues.data + start, found->prologue_end[i] - start),
		};
		start = found->prologue_end[i];
	}
	delivery->sealer = sealer_new(
		body, seal_targets, delivery->stored.target_count, &delivery->sealed, error);
	return delivery->sealer != NULL;
}

static bool move_sealed(struct delivery *delivery, struct error *error)
{
	bool ok = store_body_append(delivery->stored.body, buf_view(&delivery->sealed), error);

	delivery->sealed.size = 0;
	return ok;
}

struct delivery *delivery_begin(struct service *service, struct loop *loop,
	const struct delivery_targets *targets, const struct trace *trace, struct error *error)
{
	struct delivery *delivery = calloc(1, sizeof *delivery);
	struct target_keys found;
	struct id body = random_id();
	bool ok = false;

	if (!delivery) {
		error_set_memory(error);
		return NULL;
	}
	delivery->service = service;
	delivery->loop = loop;
	buf_init(&delivery->sealed, SEALED_MAX);
	buf_init(&found.prologues, PROLOGUES_MAX);
	delivery->stored.body = store_body_new(service->store, &body);
	if (!delivery->stored.body)
		error_set_memory(error);
	else
		ok = prepare_targets(delivery, targets, trace, &found, error) &&
		     seal_head(delivery, &found, &body, error) && move_sealed(delivery, error);
	buf_wipe(&found.prologues);
	if (!ok) {
		delivery_discard(&delivery);
		return NULL;
	}
	id_text(&delivery->stored.targets[0].message, delivery->id);
	return delivery;
}

bool delivery_write(struct delivery *delivery, struct bytes content, struct error *error)
{
	struct bytes rest = content;

	/* In pieces of a chunk, so that what the sealer appends stays within its buffer. */
	while (rest.size) {
		struct bytes piece = bytes_head(rest, SEAL_CHUNK_SIZE);

		if (!sealer_write(delivery->sealer, piece, &delivery->sealed, error))
			return false;
		if (delivery->sealed.size && !move_sealed(delivery, error))
			return false;
		rest = bytes_skip(rest, piece.size);
	}
	delivery->content_size += content.size;
	if (content.size >= 2) {
		memcpy(delivery->last, content.data + content.size - 2, 2);
	} else if (content.size == 1) {
		delivery->last[0] = delivery->last[1];
		delivery->last[1] = content.data[0];
	}
	return true;
}

/* On the loop. */
static void report(struct loop_task *task)
{
	struct delivery *delivery = list_entry(task, struct delivery, task);
	struct loop *loop = delivery->loop;

	if (delivery->stored.ok) {
		notices_note(delivery->service->notices, NOTICE_MAILBOXES);
		for (size_t i = 0; i < delivery->stored.target_count; i++) {
			char promise[64] = "received ";

			id_text(&delivery->stored.targets[i].message, promise + strlen(promise));
			file_watch_promise(promise);
		}
	}
	delivery->done(delivery->context, delivery->stored.ok ? NULL : &delivery->stored.error);
	delivery_discard(&delivery);
	loop_release(loop);
}

/* On the committer's thread. */
static void on_stored(struct store_delivery *stored)
{
	struct delivery *delivery = stored->context;

	loop_post(delivery->loop, &delivery->task);
}

/* What the ledger keeps of each copy: the id that the receipt is bound to, and the receipt. */
static void add_receipts(struct delivery *delivery)
{
	for (size_t i = 0; i < delivery->stored.target_count; i++) {
		struct store_delivery_target *target = &delivery->stored.targets[i];

		memcpy(target->receipt, target->message.bytes, sizeof target->message.bytes);
		if (!sealer_receipt(
			    delivery->sealer, i, target->receipt + sizeof target->message.bytes))
			assert(false && "a finished sealer has a receipt for each target");
		target->receipt_size = sizeof target->message.bytes + SEAL_RECEIPT_SIZE;
	}
}

_Static_assert(sizeof(struct id) + SEAL_RECEIPT_SIZE <= STORE_RECEIPT_MAX, "a receipt fits");

bool delivery_finish(struct delivery *delivery,
	void (*done)(void *context, const struct error *why), void *context, struct error *error)
{
	bool ends_line = delivery->last[0] == '\r' && delivery->last[1] == '\n';

	if (!sealer_finish(delivery->sealer, &delivery->sealed, error) ||
		!move_sealed(delivery, error))
		return false;
	add_receipts(delivery);
	/* The key is not needed while the store works. */
	sealer_free(&delivery->sealer);
	for (size_t i = 0; i < delivery->stored.target_count; i++)
		delivery->stored.targets[i].size = delivery->prologue_size[i] +
						   delivery->content_size +
						   (delivery->content_size && !ends_line ? 2 : 0);
	delivery->done = done;
	delivery->context = context;
	delivery->task.run = report;
	delivery->stored.received_us = clock_wall_us();
	delivery->stored.done = on_stored;
	delivery->stored.context = delivery;
	loop_hold(delivery->loop);
	store_delivery_submit(delivery->service->store, &delivery->stored);
	return true;
}

void delivery_discard(struct delivery **delivery)
{
	if (!*delivery)
		return;
	sealer_free(&(*delivery)->sealer);
	/* The store took it from a finished one. */
	store_body_free(&(*delivery)->stored.body);
	buf_wipe(&(*delivery)->sealed);
	free(*delivery);
	*delivery = NULL;
}

const char *delivery_id(const struct delivery *delivery)
{
	return delivery->id;
}

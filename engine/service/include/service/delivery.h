/* delivery.h -- one message on its way into one or more mailboxes: sealed while it arrives, stored when it
 * is complete. Used by a session on its loop; the store's answer comes back to that loop. */
#ifndef LG_SERVICE_DELIVERY_H
#define LG_SERVICE_DELIVERY_H

#include "mail/trace_header.h"
#include "net/loop.h"
#include "service/service.h"

struct delivery;

/* The mailboxes of one transaction. The same mailbox twice is one target: one copy. All zero: none. */
struct delivery_targets {
	struct id mailbox[STORE_TARGETS_MAX];
	size_t count;
	/* The recipients of the envelope, for the targets that want them. */
	struct buf recipients;
	size_t recipients_size[STORE_TARGETS_MAX]; /* in the trace fields */
};

bool delivery_targets_have(const struct delivery_targets *targets, const struct id *mailbox);
/* False: there are STORE_TARGETS_MAX already. */
bool delivery_targets_add(struct delivery_targets *targets, const struct id *mailbox);
/* The same, and X-Envelope-To of that mailbox names the recipient, once. False: there is no room for it, and
 * nothing was added. */
bool delivery_targets_add_recipient(
	struct delivery_targets *targets, const struct id *mailbox, struct bytes recipient);
void delivery_targets_clear(struct delivery_targets *targets);

/* Begins: keys are looked up, the head with each mailbox's trace headers is sealed. `trace` describes the
 * transaction; recipient, id and envelope_to are filled in for each target, and has_envelope holds for those
 * alone that want it. ERROR_STATE: one of the mailboxes takes no
 * mail (any more). */
struct delivery *delivery_begin(struct service *service, struct loop *loop,
	const struct delivery_targets *targets, const struct trace *trace, struct error *error);
/* Seals content. After a failure the delivery can only be discarded. */
bool delivery_write(struct delivery *delivery, struct bytes content, struct error *error);
/* Gives it to the store. `done` runs on the loop: with NULL once every mailbox has it and a crash cannot
 * undo it, else with what prevented it. The delivery is freed after `done`. False: it failed at once
 * (`done` is not called) and can only be discarded. */
bool delivery_finish(struct delivery *delivery,
	void (*done)(void *context, const struct error *why), void *context, struct error *error);
/* Leaves nothing behind; sets NULL. Not after a successful delivery_finish(). */
void delivery_discard(struct delivery **delivery);

/* The id in the Received field of the first target, for logs and the reply; hex. */
const char *delivery_id(const struct delivery *delivery);

#endif

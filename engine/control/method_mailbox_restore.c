/* method_mailbox_restore.c -- collected mail that is kept waits again, for an archive that lost it. */
#include "method_internal.h"

#include "crypto/random.h"
#include "platform/clock.h"
#include "store/store_collected.h"

static void make_id(void *context, const struct store_message *message, struct id *id)
{
	(void)context;
	(void)message;
	*id = random_id();
}

json_t *method_mailbox_restore(struct control_engine *engine, json_t *params, struct error *error)
{
	const char *since = method_text(params, "since");
	struct store_restoration restoration = { .make_id = make_id };
	bool ok;

	if (!method_mailbox(params, &restoration.mailbox, error))
		return NULL;
	if (since && !clock_parse(bytes_of(since), &restoration.collected_since_us)) {
		error_set(error, ERROR_INVALID,
			"\"%.40s\" is not a time: that is 2026-11-24 or 2026-11-24T04:08:06Z, in "
			"UTC",
			since);
		return NULL;
	}
	ok = store_mailbox_restore(engine->service->store, &restoration, error);
	/* A part may have come back before it failed. */
	if (restoration.restored)
		notices_note(engine->service->notices, NOTICE_MAILBOXES);
	if (!ok)
		return NULL;
	return method_result(
		json_pack("{s:I}", "restored", (json_int_t)restoration.restored), error);
}

/* store_quarantine.c -- a message that does not verify is taken out of the list, and of nothing else: it is
 * still counted as waiting, since nobody has it, and its bytes stay for a person to look at. */
#include "store_internal.h"

static struct store_quarantine *quarantine_of(struct store_request *request)
{
	return list_entry(request, struct store_quarantine, request);
}

static bool quarantine_run(struct store *store, struct store_request *request, struct error *error)
{
	const struct store_quarantine *quarantine = quarantine_of(request);
	struct database *writer = store_writer(store);
	sqlite3_stmt *set = database_statement(writer, SQL_MESSAGE_QUARANTINE, error);
	int64_t mailbox = 0;

	if (!set || !mailbox_number(writer, &quarantine->mailbox, &mailbox, error))
		return false;
	sqlite3_bind_int64(set, 1, (int64_t)quarantine->message.number);
	sqlite3_bind_blob(set, 2, quarantine->message.id.bytes, sizeof quarantine->message.id.bytes,
		SQLITE_STATIC);
	sqlite3_bind_int64(set, 3, mailbox);
	return database_run(writer, set, error);
}

static void quarantine_finish(struct store *store, struct store_request *request)
{
	struct store_quarantine *quarantine = quarantine_of(request);

	(void)store;
	quarantine->ok = !request->has_failed;
	quarantine->done(quarantine);
}

static const struct store_request_type quarantine_type = {
	.doing = "setting a damaged message aside",
	.run = quarantine_run,
	.finish = quarantine_finish,
};

void store_quarantine_submit(struct store *store, struct store_quarantine *quarantine)
{
	quarantine->ok = false;
	quarantine->error = (struct error){ 0 };
	quarantine->request =
		(struct store_request){ .type = &quarantine_type, .error = &quarantine->error };
	committer_submit(store, &quarantine->request);
}

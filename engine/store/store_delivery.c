/* store_delivery.c -- one sealed message into the mailboxes of its targets: one body, a message row, a
 * row of the ledger and the counters for each target, all in one savepoint, so that every target has it or
 * none. */
#include <assert.h>

#include "store_internal.h"

static struct store_delivery *delivery_of(struct store_request *request)
{
	return list_entry(request, struct store_delivery, request);
}

struct store_body *delivery_body(struct store_request *request)
{
	return delivery_of(request)->body;
}

static void delivery_measure(struct store_request *request, size_t *rows, size_t *bytes)
{
	const struct store_delivery *delivery = delivery_of(request);

	*rows = delivery->target_count;
	*bytes = body_is_in_file(delivery->body) ? 0 : (size_t)store_body_size(delivery->body);
}

static bool delivery_prepare(
	struct store *store, struct store_request *request, bool *renamed, struct error *error)
{
	struct store_delivery *delivery = delivery_of(request);

	/* What is in a file has taken its room already. */
	if (!room_take(store, body_is_in_file(delivery->body) ? 0 : store_body_size(delivery->body),
		    error))
		return false;
	if (!body_is_in_file(delivery->body))
		return true;
	if (!body_keep(delivery->body, error))
		return false;
	*renamed = true;
	return true;
}

static bool find_target(struct database *writer, const struct store_delivery_target *target,
	int64_t *number, struct error *error)
{
	enum store_mailbox_status status;
	bool found = false;

	if (!mailbox_find(writer, &target->mailbox, number, &status, &found, error))
		return false;
	if (!found)
		return error_set(error, ERROR_NOT_FOUND, "there is no such mailbox");
	if (status != STORE_MAILBOX_ACTIVE)
		return error_set(error, ERROR_STATE, "the mailbox is suspended");
	return true;
}

static bool insert_body(struct database *writer, const struct store_body *body, int64_t *number,
	struct error *error)
{
	sqlite3_stmt *insert = database_statement(writer, SQL_BODY_INSERT, error);

	if (!insert)
		return false;
	sqlite3_bind_blob(insert, 1, body_id(body)->bytes, sizeof body_id(body)->bytes, NULL);
	sqlite3_bind_int64(insert, 2, (int64_t)store_body_size(body));
	if (!body_is_in_file(body)) {
		struct bytes bytes = body_inline(body);

		/* Not NULL, which would say that the bytes are in a file. */
		if (bytes.size)
			sqlite3_bind_blob64(insert, 3, bytes.data, bytes.size, NULL);
		else
			sqlite3_bind_zeroblob(insert, 3, 0);
	}
	if (!database_run(writer, insert, error))
		return false;
	*number = sqlite3_last_insert_rowid(writer->handle);
	return true;
}

static bool insert_message(struct database *writer, const struct store_delivery *delivery,
	const struct store_delivery_target *target, int64_t body, struct error *error)
{
	sqlite3_stmt *insert = database_statement(writer, SQL_MESSAGE_INSERT, error);
	sqlite3_stmt *count = database_statement(writer, SQL_COUNTERS_RECEIVED, error);
	int64_t mailbox = 0;
	uint64_t number = 0;

	if (!insert || !count || !find_target(writer, target, &mailbox, error) ||
		!ledger_append(writer, mailbox, target, delivery->received_us,
			body_digest(delivery->body), &number, error))
		return false;
	sqlite3_bind_blob(insert, 1, target->message.bytes, sizeof target->message.bytes, NULL);
	sqlite3_bind_int64(insert, 2, mailbox);
	sqlite3_bind_int64(insert, 3, body);
	sqlite3_bind_int64(insert, 4, delivery->received_us);
	sqlite3_bind_int64(insert, 5, (int64_t)target->size);
	sqlite3_bind_int64(insert, 6, (int64_t)number);
	sqlite3_bind_int64(count, 1, mailbox);
	sqlite3_bind_int64(count, 2, (int64_t)target->size);
	sqlite3_bind_int64(count, 3, delivery->received_us);
	return database_run(writer, insert, error) && database_run(writer, count, error);
}

static bool delivery_run(struct store *store, struct store_request *request, struct error *error)
{
	const struct store_delivery *delivery = delivery_of(request);
	struct database *writer = store_writer(store);
	int64_t body = 0;

	if (!insert_body(writer, delivery->body, &body, error))
		return false;
	for (size_t i = 0; i < delivery->target_count; i++) {
		if (!insert_message(writer, delivery, &delivery->targets[i], body, error))
			return false;
	}
	if (body_is_in_file(delivery->body))
		request->file_bytes = (int64_t)store_body_size(delivery->body);
	return true;
}

static void delivery_finish(struct store *store, struct store_request *request)
{
	struct store_delivery *delivery = delivery_of(request);

	delivery->ok = !request->has_failed;
	if (delivery->ok) {
		mutex_lock(store->committer.mutex);
		store->committer.messages += delivery->target_count;
		mutex_unlock(store->committer.mutex);
	}
	store_body_free(&delivery->body);
	delivery->done(delivery);
}

static const struct store_request_type delivery_type = {
	.doing = "storing a message",
	.measure = delivery_measure,
	.prepare = delivery_prepare,
	.run = delivery_run,
	.finish = delivery_finish,
};

void delivery_refuse(struct store *store, struct store_request *request)
{
	request->has_failed = true;
	error_prefix(request->error, "%s", delivery_type.doing);
	delivery_finish(store, request);
}

void store_delivery_submit(struct store *store, struct store_delivery *delivery)
{
	struct store_request *request = &delivery->request;

	assert(delivery->target_count >= 1 && delivery->target_count <= STORE_TARGETS_MAX);
	for (size_t i = 0; i < delivery->target_count; i++)
		assert(delivery->targets[i].receipt_size <= STORE_RECEIPT_MAX);
	body_close(delivery->body);
	delivery->ok = false;
	delivery->error = (struct error){ 0 };
	*request = (struct store_request){ .type = &delivery_type, .error = &delivery->error };
	if (body_is_in_file(delivery->body))
		syncers_submit(store, request);
	else
		committer_submit(store, request);
}

/* method_mailbox.c -- mailboxes. The password and the recovery code leave here once, in the answer to
 * mailbox.create, and are kept nowhere. */
#include "method_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static void address_of(
	struct control_engine *engine, const struct id *mailbox, char *address, size_t capacity)
{
	struct service_settings settings;
	char id[MAILBOX_ID_TEXT_SIZE];

	service_settings(engine->service, &settings);
	mailbox_id_text(mailbox, id);
	snprintf(address, capacity, "%s@%s", id, settings.hostname);
}

static json_t *mailbox_row(struct control_engine *engine, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	char id[MAILBOX_ID_TEXT_SIZE], address[MAILBOX_ID_TEXT_SIZE + CONFIG_HOST_SIZE];

	mailbox_id_text(&mailbox->id, id);
	address_of(engine, &mailbox->id, address, sizeof address);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
		"id", id, "address", address, "name", mailbox->name, "description",
		mailbox->description, "status",
		mailbox->status == STORE_MAILBOX_SUSPENDED ? "suspended" : "active", "created",
		method_time(mailbox->created_us), "waiting", (json_int_t)counts->waiting,
		"waiting_bytes", (json_int_t)counts->waiting_bytes, "received",
		(json_int_t)counts->received, "received_bytes", (json_int_t)counts->received_bytes,
		"collected", (json_int_t)counts->collected, "collected_bytes",
		(json_int_t)counts->collected_bytes, "last_received",
		method_time(counts->last_received_us), "last_collected",
		method_time(counts->last_collected_us));
}

struct listing {
	struct control_engine *engine;
	json_t *rows;
};

static void add_row(void *context, const struct store_mailbox *mailbox,
	const struct store_mailbox_counts *counts)
{
	struct listing *listing = context;

	if (!mailbox->is_temporary)
		method_append(&listing->rows, mailbox_row(listing->engine, mailbox, counts));
}

json_t *method_mailbox_rows(struct control_engine *engine, struct error *error)
{
	struct listing listing = { engine, json_array() };

	if (!listing.rows) {
		error_set_memory(error);
		return NULL;
	}
	if (store_mailbox_each(engine->service->store, add_row, &listing, error))
		return method_result(listing.rows, error);
	json_decref(listing.rows);
	return NULL;
}

json_t *method_mailbox_list(struct control_engine *engine, json_t *params, struct error *error)
{
	(void)params;
	return method_mailbox_rows(engine, error);
}

json_t *method_mailbox_show(struct control_engine *engine, json_t *params, struct error *error)
{
	struct store_mailbox_counts counts;
	struct store_mailbox mailbox;
	json_t *row, *told;
	struct id id;

	if (!method_mailbox(params, &id, error) ||
		!store_mailbox_get(engine->service->store, &id, &mailbox, &counts, error))
		return NULL;
	told = method_mailbox_told(engine, &id, error);
	if (!told)
		return NULL;
	row = mailbox_row(engine, &mailbox, &counts);
	if (row && json_object_update(row, told) != 0) {
		json_decref(row);
		row = NULL;
	}
	json_decref(told);
	return method_result(row, error);
}

json_t *method_mailbox_create(struct control_engine *engine, json_t *params, struct error *error)
{
	const char *password = method_text(params, "password");
	const char *recovery = method_text(params, "recovery");
	struct service_settings settings;
	struct mailbox_creation creation = {
		.name = method_text(params, "name"),
		.description = method_text(params, "description"),
		.password = bytes_of(password),
		.hostname = settings.hostname,
		.without_recovery = recovery && strcmp(recovery, "off") == 0,
	};
	char id[MAILBOX_ID_TEXT_SIZE], address[MAILBOX_ID_TEXT_SIZE + CONFIG_HOST_SIZE];
	json_t *result;

	if (password && !*password) {
		error_set(error, ERROR_INVALID, "the password is empty");
		return NULL;
	}
	service_settings(engine->service, &settings);
	if (!mailboxes_create(&engine->mailboxes, &creation, error))
		return NULL;
	mailbox_id_text(&creation.id, id);
	address_of(engine, &creation.id, address, sizeof address);
	result = json_pack("{s:s, s:s, s:s, s:s?}", "id", id, "address", address, "password",
		password ? password : creation.generated_password, "recovery_code",
		*creation.recovery_code ? creation.recovery_code : NULL);
	memory_wipe(creation.generated_password, sizeof creation.generated_password);
	memory_wipe(creation.recovery_code, sizeof creation.recovery_code);
	return method_result(result, error);
}

static json_t *change_status(struct control_engine *engine, json_t *params,
	enum store_mailbox_status status, struct error *error)
{
	struct id id;

	if (!method_mailbox(params, &id, error) ||
		!mailboxes_set_status(&engine->mailboxes, &id, status, error))
		return NULL;
	return method_mailbox_show(engine, params, error);
}

json_t *method_mailbox_suspend(struct control_engine *engine, json_t *params, struct error *error)
{
	return change_status(engine, params, STORE_MAILBOX_SUSPENDED, error);
}

json_t *method_mailbox_resume(struct control_engine *engine, json_t *params, struct error *error)
{
	return change_status(engine, params, STORE_MAILBOX_ACTIVE, error);
}

json_t *method_mailbox_delete(struct control_engine *engine, json_t *params, struct error *error)
{
	char text[MAILBOX_ID_TEXT_SIZE];
	struct id id;

	if (!method_mailbox(params, &id, error) ||
		!mailboxes_delete(&engine->mailboxes, &id, error))
		return NULL;
	mailbox_id_text(&id, text);
	return method_result(json_pack("{s:s}", "deleted", text), error);
}

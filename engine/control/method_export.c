/* method_export.c -- a mailbox's messages as a transfer to whoever knows its password. */
#include <stdlib.h>
#include <string.h>

#include "method_internal.h"
#include "service/mailbox_export.h"
#include "transfer_internal.h"

static bool read_export(void *context, struct transfer_piece *piece, struct error *error)
{
	struct outgoing_piece next;
	bool ok = mailbox_export_next(context, &next, &piece->data, error);

	transfer_take_outgoing(piece, &next);
	return ok;
}

static json_t *damaged_rows(const struct mailbox_export_report *report)
{
	json_t *rows = json_array();
	char id[ID_TEXT_SIZE];

	for (size_t i = 0; i < report->damaged && i < MAILBOX_EXPORT_NAMED_MAX; i++) {
		id_text(&report->named[i].message, id);
		method_append(&rows, json_pack("{s:s, s:o}", "id", id, "received",
					     method_time(report->named[i].received_us)));
	}
	return rows;
}

static json_t *finish_export(void *context, struct error *error)
{
	const struct mailbox_export_report *report = mailbox_export_report(context);

	return method_result(
		json_pack("{s:b, s:I, s:I, s:I, s:I, s:o}", "ok", !report->damaged, "exported",
			(json_int_t)report->exported, "bytes", (json_int_t)report->bytes, "gone",
			(json_int_t)report->gone, "damaged", (json_int_t)report->damaged,
			"damaged_messages", damaged_rows(report)),
		error);
}

static void free_export(void *context)
{
	struct mailbox_export *exported = context;

	mailbox_export_free(&exported);
}

static const struct transfer_source file_source = { TRANSFER_FILE, read_export, finish_export,
	free_export };
static const struct transfer_source folder_source = { TRANSFER_FOLDER, read_export, finish_export,
	free_export };

static enum mailbox_export_format format_of(const char *name)
{
	if (strcmp(name, "mbox") == 0)
		return MAILBOX_EXPORT_MBOX;
	return strcmp(name, "eml") == 0 ? MAILBOX_EXPORT_EML : MAILBOX_EXPORT_MAILDIR;
}

json_t *method_mailbox_export(struct control_engine *engine, json_t *params, struct error *error)
{
	struct mailbox_export_options options = {
		.password = bytes_of(method_text(params, "password")),
		.format = format_of(method_text(params, "format")),
		.with_collected = method_flag(params, "collected"),
	};
	struct mailbox_export *exported;

	if (!method_mailbox(params, &options.mailbox, error))
		return NULL;
	exported = mailbox_export_new(engine->service, &options, error);
	if (!exported)
		return NULL;
	return transfer_begin_read(engine,
		options.format == MAILBOX_EXPORT_MBOX ? &file_source : &folder_source, exported,
		error);
}

/* method_ledger.c -- a ledger verified, exported, and its newest signature reported. */
#include <stdlib.h>
#include <string.h>

#include "method_internal.h"
#include "platform/clock.h"
#include "service/ledger_export.h"
#include "service/ledger_reporter.h"
#include "service/ledger_verify.h"
#include "transfer_internal.h"

/* ---- verify ---- */

/* A report mail, or the block alone. *anchor stays NULL when none was given. */
static bool read_anchor(json_t *params, struct ledger_anchor *space,
	const struct ledger_anchor **anchor, struct error *error)
{
	struct buf text;
	bool ok;

	if (!json_object_get(params, "anchor"))
		return true;
	buf_init(&text, METHOD_FILE_MAX);
	ok = method_file(params, "anchor", &text, error) &&
	     ledger_anchor_parse(buf_view(&text), space, error);
	buf_clear(&text);
	*anchor = ok ? space : NULL;
	return ok;
}

static json_t *difference_rows(const struct ledger_verification *verification)
{
	json_t *rows = json_array();

	for (size_t i = 0; rows && i < verification->difference_count; i++) {
		if (i == LEDGER_DIFFERENCES_MAX) {
			method_append(&rows,
				json_sprintf("and %zu more", verification->difference_count - i));
			break;
		}
		method_append(&rows, json_string(verification->differences[i]));
	}
	return rows;
}

static json_t *verification_row(const struct ledger_verification *verification)
{
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:b, s:o}", "ok", verification->ok, "rows",
		(json_int_t)verification->rows, "signatures", (json_int_t)verification->signatures,
		"bodies", (json_int_t)verification->bodies, "older",
		(json_int_t)verification->older, "anchor", verification->anchor != NULL,
		"differences", difference_rows(verification));
}

json_t *method_ledger_verify(struct control_engine *engine, json_t *params, struct error *error)
{
	struct ledger_verification *verification = calloc(1, sizeof *verification);
	struct ledger_anchor anchor;
	json_t *result = NULL;
	struct id mailbox;

	if (!verification) {
		error_set_memory(error);
		return NULL;
	}
	if (method_mailbox(params, &mailbox, error) &&
		read_anchor(params, &anchor, &verification->anchor, error) &&
		ledger_verify(engine->service, &mailbox, clock_wall_us(), verification, error))
		result = method_result(verification_row(verification), error);
	free(verification);
	return result;
}

/* ---- export ---- */

static bool read_export(void *context, struct transfer_piece *piece, struct error *error)
{
	const struct ledger_export_report *report = ledger_export_report(context);
	bool ok = ledger_export_next(context, &piece->data, &piece->is_end, error);

	strcpy(piece->entry, "ledger");
	piece->is_entry_end = piece->is_end;
	piece->done = report->rows;
	piece->total = report->total;
	return ok;
}

static json_t *finish_export(void *context, struct error *error)
{
	const struct ledger_export_report *report = ledger_export_report(context);

	return method_result(
		json_pack("{s:I, s:I, s:I}", "rows", (json_int_t)report->rows, "signatures",
			(json_int_t)report->signatures, "unopened", (json_int_t)report->unopened),
		error);
}

static void free_export(void *context)
{
	struct ledger_export *exported = context;

	ledger_export_free(&exported);
}

static const struct transfer_source source = { TRANSFER_FILE, read_export, finish_export,
	free_export };

json_t *method_ledger_export(struct control_engine *engine, json_t *params, struct error *error)
{
	const char *format = method_text(params, "format");
	struct ledger_export_options options = {
		.password = bytes_of(method_text(params, "password")),
		.format = format && strcmp(format, "json") == 0 ? LEDGER_EXPORT_JSON
								: LEDGER_EXPORT_CSV,
	};
	struct ledger_export *exported;

	if (!method_mailbox(params, &options.mailbox, error))
		return NULL;
	exported = ledger_export_new(engine->service, &options, error);
	if (!exported)
		return NULL;
	return transfer_begin_read(engine, &source, exported, error);
}

/* ---- report ---- */

json_t *method_ledger_report(struct control_engine *engine, json_t *params, struct error *error)
{
	char text[MAILBOX_ID_TEXT_SIZE];
	struct id mailbox;

	if (!method_mailbox(params, &mailbox, error) ||
		!ledger_reporter_deliver(engine->reporter, &mailbox, clock_wall_us(), error))
		return NULL;
	mailbox_id_text(&mailbox, text);
	return method_result(json_pack("{s:s}", "reported", text), error);
}

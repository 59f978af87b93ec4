/* method_backup.c -- backups as transfers: made, looked at, taken in for the next start; and the person's word after
 * that. */
#include <stdlib.h>
#include <string.h>

#include "method_internal.h"
#include "service/backup_sink.h"
#include "service/backup_source.h"
#include "service/restored.h"
#include "transfer_internal.h"

/* ---- made ---- */

static bool read_backup(void *context, struct transfer_piece *piece, struct error *error)
{
	struct outgoing_piece next;
	bool ok = backup_source_next(context, &next, &piece->data, error);

	transfer_take_outgoing(piece, &next);
	return ok;
}

static json_t *finish_backup(void *context, struct error *error)
{
	const struct backup_source_report *report = backup_source_report(context);

	return method_result(
		json_pack("{s:b, s:s, s:I, s:I, s:I}", "ok", !report->missing, "created",
			report->created, "files", (json_int_t)report->files, "bytes",
			(json_int_t)report->bytes, "missing", (json_int_t)report->missing),
		error);
}

static void free_backup(void *context)
{
	struct backup_source *source = context;

	backup_source_free(&source);
}

static const struct transfer_source backup_source = { TRANSFER_FOLDER, read_backup, finish_backup,
	free_backup };

json_t *method_backup_create(struct control_engine *engine, json_t *params, struct error *error)
{
	struct backup_source *source =
		backup_source_new(engine->service, engine->tls_folder, error);

	(void)params;
	return source ? transfer_begin_read(engine, &backup_source, source, error) : NULL;
}

/* ---- looked at, and taken in ---- */

struct taking {
	struct backup_sink *sink;
	struct control_engine *engine; /* RESTORE: to start again */
};

static bool write_backup(void *context, struct transfer_piece *piece, struct error *error)
{
	const struct taking *taking = context;

	return !*piece->entry || backup_sink_take(taking->sink, piece->entry,
					 buf_view(&piece->data), piece->is_entry_end, error);
}

static void free_taking(void *context)
{
	struct taking *taking = context;

	backup_sink_free(&taking->sink);
	free(taking);
}

static json_t *problem_texts(const struct backup_sink_report *report)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < report->problem_count && i < BACKUP_PROBLEMS_MAX; i++)
		method_append(&rows, json_string(report->problems[i]));
	return rows;
}

static json_t *finish_verify(void *context, struct error *error)
{
	const struct taking *taking = context;
	const struct backup_sink_report *report = backup_sink_report(taking->sink);

	if (!backup_sink_finish(taking->sink, error))
		return NULL;
	return method_result(
		json_pack("{s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "ok",
			!report->problem_count, "text",
			report->problem_count ? "The backup is not whole." : "The backup is whole.",
			"created", report->facts.created, "program", report->facts.program,
			"schema", (json_int_t)report->facts.schema, "files",
			(json_int_t)report->files, "bytes", (json_int_t)report->bytes, "mailboxes",
			(json_int_t)report->image.mailboxes, "waiting",
			(json_int_t)report->image.waiting, "missing", (json_int_t)report->missing,
			"problem_count", (json_int_t)report->problem_count, "problems",
			problem_texts(report)),
		error);
}

static json_t *finish_restore(void *context, struct error *error)
{
	const struct taking *taking = context;
	const struct backup_sink_report *report = backup_sink_report(taking->sink);
	struct control_engine *engine = taking->engine;

	if (!backup_sink_finish(taking->sink, error))
		return NULL;
	if (report->problem_count) {
		error_set(error, ERROR_CORRUPT,
			"the backup is not whole, and nothing was changed: %s (lettergatectl "
			"backup "
			"verify tells more)",
			report->problems[0]);
		return NULL;
	}
	engine->restart(engine->restart_context);
	return method_result(
		json_pack("{s:b, s:s, s:I, s:I, s:s}", "restarting", 1, "created",
			report->facts.created, "mailboxes", (json_int_t)report->image.mailboxes,
			"waiting", (json_int_t)report->image.waiting, "before", report->before),
		error);
}

static const struct transfer_sink verify_sink = { write_backup, finish_verify, free_taking };
static const struct transfer_sink restore_sink = { write_backup, finish_restore, free_taking };

static json_t *begin(struct control_engine *engine, enum backup_sink_use use, struct error *error)
{
	struct taking *taking = calloc(1, sizeof *taking);

	if (!taking) {
		error_set_memory(error);
		return NULL;
	}
	taking->engine = engine;
	taking->sink = backup_sink_new(engine->service, engine->storage_folder, use, error);
	if (!taking->sink) {
		free(taking);
		return NULL;
	}
	return transfer_begin_write(
		engine, use == BACKUP_RESTORE ? &restore_sink : &verify_sink, taking, error);
}

json_t *method_backup_verify(struct control_engine *engine, json_t *params, struct error *error)
{
	(void)params;
	return begin(engine, BACKUP_VERIFY, error);
}

json_t *method_backup_restore(struct control_engine *engine, json_t *params, struct error *error)
{
	(void)params;
	if (!engine->restart) {
		error_set(error, ERROR_STATE,
			"the program that hosts this gateway cannot start it again, which a "
			"restore "
			"needs");
		return NULL;
	}
	return begin(engine, BACKUP_RESTORE, error);
}

json_t *method_backup_confirm(struct control_engine *engine, json_t *params, struct error *error)
{
	(void)params;
	if (!restored_confirm(engine->service, error))
		return NULL;
	return method_result(json_pack("{s:b}", "confirmed", 1), error);
}

/* method_storage.c -- the store moved to another folder, and lost files brought back. */
#include <stdlib.h>
#include <string.h>

#include "method_internal.h"
#include "service/storage_move.h"
#include "service/storage_recover.h"
#include "transfer_internal.h"

/* ---- move ---- */

struct moving {
	struct storage_move *move;
	struct control_engine *engine; /* to start again */
};

static bool read_move(void *context, struct transfer_piece *piece, struct error *error)
{
	const struct moving *moving = context;

	return storage_move_next(moving->move, &piece->done, &piece->total, &piece->is_end, error);
}

static json_t *finish_move(void *context, struct error *error)
{
	const struct moving *moving = context;
	struct control_engine *engine = moving->engine;

	engine->restart(engine->restart_context);
	return method_result(
		json_pack("{s:b, s:s, s:s}", "restarting", 1, "from", engine->storage_folder, "to",
			storage_move_target(moving->move)),
		error);
}

static void free_move(void *context)
{
	struct moving *moving = context;

	storage_move_free(&moving->move);
	free(moving);
}

static const struct transfer_source move_source = { TRANSFER_WORK, read_move, finish_move,
	free_move };

json_t *method_storage_move(struct control_engine *engine, json_t *params, struct error *error)
{
	struct moving *moving;

	if (!engine->restart) {
		error_set(error, ERROR_STATE,
			"the program that hosts this gateway cannot start it again, which a move "
			"needs");
		return NULL;
	}
	moving = calloc(1, sizeof *moving);
	if (!moving) {
		error_set_memory(error);
		return NULL;
	}
	moving->engine = engine;
	moving->move = storage_move_new(engine->service, engine->data_folder,
		engine->storage_folder, method_text(params, "path"), error);
	if (!moving->move) {
		free(moving);
		return NULL;
	}
	return transfer_begin_read(engine, &move_source, moving, error);
}

/* ---- recover ---- */

static json_t *reasons(const struct storage_recovery *recovery)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < recovery->left && i < STORAGE_RECOVER_NAMED_MAX; i++)
		method_append(&rows, json_string(recovery->texts[i]));
	return rows;
}

json_t *method_storage_recover(struct control_engine *engine, json_t *params, struct error *error)
{
	struct storage_recovery *recovery = calloc(1, sizeof *recovery);
	json_t *result = NULL;

	(void)params;
	if (!recovery) {
		error_set_memory(error);
		return NULL;
	}
	if (storage_recover(engine->service, recovery, error))
		result = method_result(
			json_pack("{s:b, s:I, s:I, s:I, s:I, s:o}", "ok", !recovery->left, "found",
				(json_int_t)recovery->found, "returned",
				(json_int_t)recovery->returned, "added",
				(json_int_t)recovery->added, "left", (json_int_t)recovery->left,
				"reasons", reasons(recovery)),
			error);
	free(recovery);
	return result;
}

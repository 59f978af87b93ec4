/* method_transfer.c -- the steps of a transfer as methods. The pieces may hold mail: their memory is wiped. */
#include "method_internal.h"
#include "transfer_internal.h"

static uint64_t number_of(json_t *params)
{
	uint64_t number = 0;

	method_number(params, "transfer", &number);
	return number;
}

/* Ends a transfer of which the caller does not get the step that it asked for. */
static void give_up(struct control_engine *engine, json_t *params)
{
	transfers_cancel(engine->transfers, engine->caller, number_of(params), NULL);
}

/* Adds what finish gave, which it takes. */
static json_t *with_result(json_t *answer, json_t *result, struct error *error)
{
	if (result && json_object_set_new(answer, "result", result) != 0) {
		json_decref(answer);
		answer = NULL;
	}
	return method_result(answer, error);
}

json_t *method_transfer_read(struct control_engine *engine, json_t *params, struct error *error)
{
	struct transfer_piece piece;
	json_t *answer = NULL, *result;

	transfer_piece_init(&piece);
	if (transfers_read(
		    engine->transfers, engine->caller, number_of(params), &piece, &result, error))
		answer = with_result(transfer_piece_pack(&piece), result, error);
	if (!answer && error->kind == ERROR_MEMORY)
		give_up(engine, params);
	transfer_piece_clear(&piece);
	return answer;
}

json_t *method_transfer_write(struct control_engine *engine, json_t *params, struct error *error)
{
	struct transfer_piece piece;
	json_t *answer = NULL, *result;

	transfer_piece_init(&piece);
	/* An error has ended the transfer, also one that its sink never saw. */
	if (!transfer_piece_unpack(params, &piece, error))
		give_up(engine, params);
	else if (transfers_write(engine->transfers, engine->caller, number_of(params), &piece,
			 &result, error))
		answer = with_result(
			json_pack("{s:{s:I, s:I}}", "progress", "done", (json_int_t)piece.done,
				"total", (json_int_t)piece.total),
			result, error);
	if (!answer && error->kind == ERROR_MEMORY)
		give_up(engine, params);
	transfer_piece_clear(&piece);
	return answer;
}

json_t *method_transfer_cancel(struct control_engine *engine, json_t *params, struct error *error)
{
	if (!transfers_cancel(engine->transfers, engine->caller, number_of(params), error))
		return NULL;
	return method_result(json_pack("{s:b}", "cancelled", 1), error);
}

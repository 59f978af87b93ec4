/* ctl_transfer.c -- a transfer from its beginning to its end: step by step, with progress on a terminal. Whatever
 * stops it, nothing that is not whole stays on this side, and the gateway is told. */
#include <string.h>

#include "control/json_memory.h"
#include "ctl_internal.h"
#include "ctl_transfer_internal.h"
#include "platform/clock.h"
#include "platform/file.h"
#include "platform/process.h"
#include "platform/terminal.h"

enum { PROGRESS_EVERY_US = 200 * 1000, MIB = 1024 * 1024 };

struct transferring {
	struct gateway *gateway;
	json_int_t number;
	bool is_work; /* nothing comes but progress */
	bool is_shown;
	int64_t shown_us;
	uint64_t octets;
};

bool ctl_transfer_check(const struct ctl_arguments *arguments, struct error *error)
{
	if (arguments->source && !file_exists(arguments->source))
		return error_set(error, ERROR_NOT_FOUND, "there is no %.400s", arguments->source);
	return !arguments->target || ctl_receiver_check(arguments->target, error);
}

/* ---- steps ---- */

static bool read_problem(const char *json, struct error *error)
{
	json_t *problem = json ? json_memory_load(bytes_of(json), 0, NULL) : NULL;
	const char *message = json_string_value(json_object_get(problem, "message"));

	error_set(error, ERROR_STATE, "%s", message ? message : "the gateway gave no answer");
	json_decref(problem);
	return false;
}

/* Takes `params`, which get the number; new, or NULL. */
static json_t *step(
	struct transferring *transferring, const char *method, json_t *params, struct error *error)
{
	json_t *result = NULL;
	char *text = NULL, *json = NULL;

	if (json_object_set_new(params, "transfer", json_integer(transferring->number)) == 0)
		text = json_memory_dump(params, JSON_COMPACT);
	if (!text)
		error_set_memory(error);
	else if (!gateway_call_wait(transferring->gateway, method, text, &json))
		read_problem(json, error);
	else if (!(result = json_memory_load(bytes_of(json), 0, error)))
		error_prefix(error, "the gateway's answer");
	if (json)
		memory_wipe(json, strlen(json));
	free(json);
	json_memory_free_text(text);
	json_decref(params);
	return result;
}

static void cancel(struct transferring *transferring)
{
	json_decref(step(transferring, "transfer.cancel", json_object(), NULL));
}

static bool check_stop(struct error *error)
{
	if (process_stop_wanted())
		error_set(error, ERROR_CANCELLED, "cancelled; nothing was kept");
	return !process_stop_wanted();
}

static void show_progress(struct transferring *transferring, uint64_t done, uint64_t total)
{
	int64_t now_us = clock_monotonic_us();

	if (!terminal_is(stderr) || now_us - transferring->shown_us < PROGRESS_EVERY_US)
		return;
	transferring->shown_us = now_us;
	transferring->is_shown = true;
	if (total && transferring->is_work)
		fprintf(stderr, "\r%3u %% ",
			(unsigned)(done >= total ? 100 : (double)done * 100 / (double)total));
	else if (total)
		fprintf(stderr, "\r%3u %%, %llu MiB ",
			(unsigned)(done >= total ? 100 : (double)done * 100 / (double)total),
			(unsigned long long)transferring->octets / MIB);
	else
		fprintf(stderr, "\r%llu MiB ", (unsigned long long)transferring->octets / MIB);
}

static void hide_progress(const struct transferring *transferring)
{
	if (transferring->is_shown)
		fprintf(stderr, "\r%40s\r", "");
}

/* ---- the two directions ---- */

/* What the end says, new, maybe an empty object; NULL: it failed. */
static json_t *result_of(json_t *answer)
{
	json_t *result = json_object_get(answer, "result");

	return result ? json_incref(result) : json_object();
}

static bool receive_piece(struct transferring *transferring, struct ctl_receiver *receiver,
	struct transfer_piece *piece, json_t **result, struct error *error)
{
	json_t *answer = step(transferring, "transfer.read", json_object(), error);
	bool ok = answer && transfer_piece_unpack(answer, piece, error) &&
		  ctl_receiver_take(receiver, piece, error);

	transferring->octets += piece->data.size;
	show_progress(transferring, piece->done, piece->total);
	if (ok && piece->is_end)
		*result = result_of(answer);
	json_decref(answer);
	return ok;
}

static json_t *receive_target(
	struct transferring *transferring, const char *target, bool is_file, struct error *error)
{
	struct ctl_receiver receiver;
	struct transfer_piece piece;
	json_t *result = NULL;
	bool ok;

	transfer_piece_init(&piece);
	ok = ctl_receiver_begin(&receiver, target, is_file, error);
	while (ok && !piece.is_end)
		ok = check_stop(error) &&
		     receive_piece(transferring, &receiver, &piece, &result, error);
	ok = ok && ctl_receiver_finish(&receiver, error);
	if (ok)
		json_object_set_new(result, "path", json_string(receiver.path));
	ctl_receiver_clear(&receiver);
	transfer_piece_clear(&piece);
	if (ok)
		return result;
	json_decref(result);
	return NULL;
}

/* Work that the gateway does by itself, step by step. */
static json_t *await_work(struct transferring *transferring, struct error *error)
{
	struct transfer_piece piece;
	json_t *result = NULL, *answer;
	bool ok = true;

	transfer_piece_init(&piece);
	transferring->is_work = true;
	while (ok && !piece.is_end) {
		answer = check_stop(error)
				 ? step(transferring, "transfer.read", json_object(), error)
				 : NULL;
		ok = answer && transfer_piece_unpack(answer, &piece, error);
		if (ok && *piece.entry)
			ok = error_set(
				error, ERROR_INVALID, "the gateway sent what was not asked for");
		show_progress(transferring, piece.done, piece.total);
		if (ok && piece.is_end)
			result = result_of(answer);
		json_decref(answer);
	}
	transfer_piece_clear(&piece);
	return result;
}

static bool send_piece(struct transferring *transferring, struct ctl_sender *sender,
	struct transfer_piece *piece, json_t **result, struct error *error)
{
	json_t *answer, *params;

	if (!ctl_sender_next(sender, piece, error))
		return false;
	params = transfer_piece_pack(piece);
	/* The gateway tells its own. */
	json_object_del(params, "progress");
	answer = step(transferring, "transfer.write", params, error);
	transferring->octets = sender->done;
	show_progress(transferring, sender->done, sender->total);
	if (answer && piece->is_end)
		*result = result_of(answer);
	json_decref(answer);
	return answer != NULL;
}

static json_t *send_source(
	struct transferring *transferring, const char *source, struct error *error)
{
	struct ctl_sender sender;
	struct transfer_piece piece;
	json_t *result = NULL;
	bool ok;

	transfer_piece_init(&piece);
	ok = ctl_sender_begin(&sender, source, error);
	while (ok && !piece.is_end)
		ok = check_stop(error) && send_piece(transferring, &sender, &piece, &result, error);
	ctl_sender_clear(&sender);
	transfer_piece_clear(&piece);
	return result;
}

/* ---- the whole ---- */

static bool is_text(json_t *answer, const char *name, const char *text)
{
	const char *value = json_string_value(json_object_get(answer, name));

	return value && strcmp(value, text) == 0;
}

static void forget_transfer(json_t *answer)
{
	json_object_del(answer, "transfer");
	json_object_del(answer, "direction");
	json_object_del(answer, "form");
}

bool ctl_transfer(struct gateway *gateway, const struct ctl_arguments *arguments, json_t **answer,
	struct error *error)
{
	json_t *number = json_object_get(*answer, "transfer"), *result = NULL;
	struct transferring transferring = { .gateway = gateway };

	if (!json_is_integer(number))
		return true;
	transferring.number = json_integer_value(number);
	process_catch_stop();
	if (is_text(*answer, "direction", "read") && arguments->target)
		result = receive_target(
			&transferring, arguments->target, is_text(*answer, "form", "file"), error);
	else if (is_text(*answer, "form", "work"))
		result = await_work(&transferring, error);
	else if (is_text(*answer, "direction", "write") && arguments->source)
		result = send_source(&transferring, arguments->source, error);
	else
		error_set(error, ERROR_INVALID,
			"the gateway and this program do not agree on what is transferred");
	hide_progress(&transferring);
	if (!result) {
		cancel(&transferring);
		return false;
	}
	forget_transfer(*answer);
	json_object_update(*answer, result);
	json_decref(result);
	return true;
}

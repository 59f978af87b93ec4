/* fault_transfer.c -- an export and a backup, as a front end takes and brings them: piece by piece, from the beginning
 * when one is refused. Unlike lettergatectl this keeps all of it in memory: no operation of the test's own shall be
 * among those that fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/json_memory.h"
#include "control/transfer_piece.h"
#include "fault_session_internal.h"

enum { ENTRY_MAX = 4 * 1024 * 1024, PARAMS_MAX = 512 * 1024 };

/* ---- one transfer ---- */

typedef bool take_piece(void *context, const struct transfer_piece *piece);

/* False: the session has failed, or *call says how it was refused. */
static bool begin(struct session *session, const char *method, const char *params, uint64_t *number,
	struct call *call)
{
	session_try(session, method, params, call);
	if (call->end != CALL_DONE)
		return false;
	*number = (uint64_t)json_integer_value(json_object_get(call->result, "transfer"));
	session_forget(call->result);
	call->result = NULL;
	return *number || session_fail(session, "%s begins no transfer", method);
}

/* Whoever was refused asks no more: its place shall be free for the next try. */
static void cancel(struct session *session, uint64_t number)
{
	char params[60];
	char *text = NULL;

	/* Over the socket it ends with the connection. */
	if (session->calls_over_socket)
		return;
	snprintf(params, sizeof params, "{\"transfer\": %llu}", (unsigned long long)number);
	gateway_call_wait(session->gateway, "transfer.cancel", params, &text);
	free(text);
}

static bool read_piece(
	struct session *session, uint64_t number, struct transfer_piece *piece, struct call *call)
{
	struct error error;
	char params[60];
	bool ok;

	snprintf(params, sizeof params, "{\"transfer\": %llu}", (unsigned long long)number);
	session_try(session, "transfer.read", params, call);
	if (call->end != CALL_DONE)
		return false;
	fault_spare_begin();
	ok = transfer_piece_unpack(call->result, piece, &error);
	fault_spare_end();
	return ok || session_fail(session, "a piece: %.300s", error.text);
}

/* Every piece, and in *call what stands at the end. */
static bool read_all(struct session *session, const char *method, const char *params,
	take_piece *take, void *context, struct call *call)
{
	struct transfer_piece piece;
	uint64_t number = 0;
	bool ok = begin(session, method, params, &number, call);

	transfer_piece_init(&piece);
	for (piece.is_end = false; ok && !piece.is_end;) {
		session_forget(call->result);
		ok = read_piece(session, number, &piece, call);
		fault_spare_begin();
		ok = ok && take(context, &piece);
		fault_spare_end();
	}
	if (!ok && number)
		cancel(session, number);
	fault_spare_begin();
	transfer_piece_clear(&piece);
	fault_spare_end();
	return ok;
}

/* Whether the whole is to be tried again. */
static bool may_try_again(struct session *session, unsigned tries, const struct call *call)
{
	if (session_has_failed(session))
		return false;
	if (call->end == CALL_DENIED)
		return session_fail(
			session, "%s is denied: %.300s", session->record->doing, call->message);
	return session_may_try_again(session, tries, call->message);
}

static bool is_whole(struct session *session, json_t *answer)
{
	json_t *result = json_object_get(answer, "result");
	char *text;

	if (json_is_true(json_object_get(result, "ok")))
		return true;
	text = json_dumps(result, 0);
	session_fail(session, "%s: %.500s", session->record->doing, text ? text : "no result");
	json_memory_free_text(text);
	return false;
}

/* ---- an export ---- */

/* A message that the disk did not give is left out, and the answer says so. */
static bool is_incomplete(json_t *answer, struct call *call)
{
	json_t *result = json_object_get(answer, "result");
	json_int_t damaged = json_integer_value(json_object_get(result, "damaged"));

	if (!json_is_false(json_object_get(result, "ok")) || !damaged)
		return false;
	call->end = CALL_REFUSED;
	snprintf(call->message, sizeof call->message, "%d messages were left out", (int)damaged);
	return true;
}

struct exporting {
	struct session *session;
	unsigned mailbox;
	struct buf entry;
	struct error error;
};

static bool take_mail(void *context, const struct transfer_piece *piece)
{
	struct exporting *exporting = context;
	struct letters *letters = &exporting->session->letters;
	bool ok = true;

	if (!buf_append(&exporting->entry, buf_view(&piece->data)))
		abort();
	if (!piece->is_entry_end)
		return true;
	if (!memmem(exporting->entry.data, exporting->entry.size, "\r\nSubject: Ledger report", 24))
		ok = letters_found(letters, exporting->mailbox, buf_view(&exporting->entry),
			&exporting->error);
	exporting->entry.size = 0;
	return ok || session_fail(exporting->session, "exporting: %.400s", exporting->error.text);
}

static bool export_once(struct session *session, unsigned mailbox, struct call *call)
{
	const struct session_mailbox *of = &session->mailboxes[mailbox];
	struct exporting exporting = { .session = session, .mailbox = mailbox };
	char params[300];
	bool ok;

	snprintf(params, sizeof params,
		"{\"id\": \"%s\", \"format\": \"eml\", \"password\": \"%s\"}", of->id,
		of->password);
	letters_expect(&session->letters, mailbox);
	buf_init(&exporting.entry, ENTRY_MAX);
	ok = read_all(session, "mailbox.export", params, take_mail, &exporting, call) &&
	     !is_incomplete(call->result, call) && is_whole(session, call->result);
	if (ok && !letters_complete(&session->letters, mailbox, &exporting.error))
		ok = session_fail(session, "exporting: %.400s", exporting.error.text);
	session_forget(call->result);
	fault_spare_begin();
	buf_clear(&exporting.entry);
	fault_spare_end();
	return ok;
}

bool session_export(struct session *session, const char *what, unsigned mailbox)
{
	struct call call = { .end = CALL_WRONG };

	session_doing(session, what);
	for (unsigned i = 0; !session_has_failed(session); i++) {
		if (export_once(session, mailbox, &call))
			return true;
		may_try_again(session, i, &call);
	}
	return false;
}

/* ---- a backup ---- */

void session_forget_backup(struct session *session)
{
	struct session_backup *backup = &session->backup;

	fault_spare_begin();
	for (; backup->count; backup->count--)
		buf_clear(&backup->files[backup->count - 1].data);
	fault_spare_end();
}

static bool take_file(void *context, const struct transfer_piece *piece)
{
	struct session_backup *backup = context;
	size_t last = backup->count - 1;

	if (!backup->count || strcmp(backup->files[last].entry, piece->entry) != 0) {
		last = backup->count++;
		if (last == BACKUP_FILES_MAX)
			abort();
		memcpy(backup->files[last].entry, piece->entry, sizeof piece->entry);
		buf_init(&backup->files[last].data, ENTRY_MAX);
	}
	if (!buf_append(&backup->files[last].data, buf_view(&piece->data)))
		abort();
	return true;
}

static int by_entry(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool session_back_up(struct session *session)
{
	struct session_backup *backup = &session->backup;
	struct call call = { .end = CALL_WRONG };

	session_doing(session, "making a backup");
	for (unsigned i = 0; !session_has_failed(session); i++) {
		session_forget_backup(session);
		if (read_all(session, "backup.create", NULL, take_file, backup, &call)) {
			is_whole(session, call.result);
			session_forget(call.result);
			break;
		}
		session_forget(call.result);
		may_try_again(session, i, &call);
	}
	/* The order in which they are to come back. */
	qsort(backup->files, backup->count, sizeof backup->files[0], by_entry);
	return !session_has_failed(session);
}

/* The text of one step; free() it. */
static char *pack_step(uint64_t number, const struct transfer_piece *piece)
{
	json_t *step = transfer_piece_pack(piece);
	char *text;

	if (!step || json_object_set_new(step, "transfer", json_integer((json_int_t)number)) != 0 ||
		json_object_del(step, "progress") != 0)
		abort();
	text = json_dumps(step, JSON_COMPACT);
	json_decref(step);
	return text;
}

static bool write_piece(struct session *session, uint64_t number,
	const struct transfer_piece *piece, struct call *call)
{
	char *text;

	fault_spare_begin();
	text = pack_step(number, piece);
	fault_spare_end();
	session_try(session, "transfer.write", text, call);
	fault_spare_begin();
	json_memory_free_text(text);
	fault_spare_end();
	return call->end == CALL_DONE;
}

static bool write_file(struct session *session, uint64_t number, const char *entry,
	struct bytes rest, bool is_last, struct call *call)
{
	struct transfer_piece piece;
	bool ok = true;

	transfer_piece_init(&piece);
	snprintf(piece.entry, sizeof piece.entry, "%s", entry);
	while (ok && !piece.is_entry_end) {
		fault_spare_begin();
		piece.data.size = 0;
		if (!buf_append(&piece.data, bytes_head(rest, TRANSFER_PIECE_MAX)))
			abort();
		fault_spare_end();
		rest = bytes_skip(rest, piece.data.size);
		piece.is_entry_end = !rest.size;
		piece.is_end = is_last && piece.is_entry_end;
		session_forget(call->result);
		ok = write_piece(session, number, &piece, call);
	}
	fault_spare_begin();
	transfer_piece_clear(&piece);
	fault_spare_end();
	return ok;
}

static bool bring_once(
	struct session *session, const char *method, const char *params, struct call *call)
{
	const struct session_backup *backup = &session->backup;
	uint64_t number = 0;
	bool ok = begin(session, method, params, &number, call);

	for (size_t i = 0; ok && i < backup->count; i++)
		ok = write_file(session, number, backup->files[i].entry,
			buf_view(&backup->files[i].data), i + 1 == backup->count, call);
	if (!ok && number)
		cancel(session, number);
	return ok;
}

bool session_verify_backup(struct session *session)
{
	struct call call = { .end = CALL_WRONG };

	session_doing(session, "looking at the backup");
	for (unsigned i = 0; !session_has_failed(session); i++) {
		if (bring_once(session, "backup.verify", NULL, &call)) {
			is_whole(session, call.result);
			session_forget(call.result);
			break;
		}
		may_try_again(session, i, &call);
	}
	return !session_has_failed(session);
}

bool session_restore_backup(struct session *session)
{
	struct call call = { .end = CALL_WRONG };

	session_doing(session, "putting the backup back");
	for (unsigned i = 0; !session_has_failed(session); i++) {
		bool is_done =
			bring_once(session, "backup.restore", "{\"confirmed\": true}", &call);

		session_forget(call.result);
		call.result = NULL;
		/* It may be in place, and only the answer is missing. */
		if (atomic_load(&session->wants_restart) && !session_restart_gateway(session))
			break;
		if (is_done)
			return true;
		may_try_again(session, i, &call);
	}
	return false;
}

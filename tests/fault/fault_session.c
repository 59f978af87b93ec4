/* fault_session.c -- see the header: the script, and what must hold after it. */
#include "fault_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "control/json_memory.h"
#include "crypto/secret.h"
#include "fault_memory.h"
#include "fault_session_internal.h"
#include "fault_storage.h"
#include "platform/process.h"

/* ---- methods ---- */

static bool create_mailbox(struct session *session, size_t index)
{
	struct session_mailbox *mailbox = &session->mailboxes[index];
	json_t *result = session_call(session, "mailbox.create", "{\"name\": \"Journal\"}");
	bool ok =
		result && session_copy_text(result, "id", mailbox->id, sizeof mailbox->id) &&
		session_copy_text(result, "address", mailbox->address, sizeof mailbox->address) &&
		session_copy_text(result, "password", mailbox->password, sizeof mailbox->password);

	if (!ok)
		session_fail(session, "mailbox.create answers something else");
	session_forget(result);
	return ok;
}

static bool find_ports(struct session *session)
{
	const struct {
		const char *service;
		uint16_t *port;
	} services[] = {
		{ "smtp", &session->smtp },
		{ "smtps", &session->smtps },
		{ "pop3", &session->pop3 },
		{ "pop3s", &session->pop3s },
	};
	json_t *status = session_call(session, "status", NULL);
	json_t *row;
	size_t index, found = 0;

	json_array_foreach(json_object_get(status, "listeners"), index, row)
	{
		const char *service = json_string_value(json_object_get(row, "service"));

		for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
			if (!service || strcmp(service, services[i].service) != 0)
				continue;
			*services[i].port =
				(uint16_t)json_integer_value(json_object_get(row, "port"));
			found += *services[i].port != 0;
		}
	}
	session_forget(status);
	return found == 4 || session_fail(session, "status shows %zu listeners of 4", found);
}

static bool has_no_problem(struct session *session, const char *id)
{
	json_t *status = session_call(session, "status", NULL);
	json_t *row;
	size_t index;

	json_array_foreach(json_object_get(status, "problems"), index, row)
	{
		const char *problem = json_string_value(json_object_get(row, "id"));

		if (problem && strcmp(problem, id) == 0)
			session_fail(session, "the problem \"%s\" is still there", id);
	}
	session_forget(status);
	return !session_has_failed(session);
}

static bool call_on(struct session *session, const char *method, size_t mailbox)
{
	char params[100];
	json_t *result;

	snprintf(params, sizeof params, "{\"id\": \"%s\"}", session->mailboxes[mailbox].id);
	result = session_call(session, method, params);
	session_forget(result);
	return result != NULL;
}

/* When the last QUIT could not sign there is nothing to report; the deletion comes first. */
static bool report_ledger(struct session *session, size_t index)
{
	struct call call = { .end = CALL_REFUSED };
	char params[100];

	snprintf(params, sizeof params, "{\"id\": \"%s\"}", session->mailboxes[index].id);
	session_doing(session, "ledger.report");
	for (unsigned i = 0; call.end == CALL_REFUSED && !session_has_failed(session); i++) {
		session_try(session, "ledger.report", params, &call);
		session_forget(call.result);
		if (call.end == CALL_REFUSED && strstr(call.message, "nothing was signed"))
			return session->record->firing_count != 0 ||
			       session_fail(session, "nothing was signed");
		if (call.end == CALL_REFUSED)
			session_may_try_again(session, i, call.message);
	}
	return call.end == CALL_DONE;
}

/* What was answered holds: the setting has that value when it is read. */
static bool change_setting(struct session *session, const char *key, const char *value)
{
	char params[100], got[100] = "";
	json_t *result;

	snprintf(params, sizeof params, "{\"key\": \"%s\", \"value\": \"%s\"}", key, value);
	result = session_call(session, "settings.set", params);
	session_forget(result);
	if (!result)
		return false;
	snprintf(params, sizeof params, "{\"key\": \"%s\"}", key);
	result = session_call(session, "settings.get", params);
	session_copy_text(result, "value", got, sizeof got);
	session_forget(result);
	return strcmp(got, value) == 0 ||
	       session_fail(session, "%s was set to %s and is %s", key, value, got);
}

/* A try that was refused may have been carried out, when there was no memory for its answer: then the old password is
 * denied, and the new one must do. */
static bool change_password(struct session *session, size_t index, const char *phrase)
{
	static const char password[] = "quartz-lantern-mossy-ferry";
	struct session_mailbox *mailbox = &session->mailboxes[index];
	struct call call = { .end = CALL_WRONG };
	char params[300];

	snprintf(params, sizeof params,
		"{\"id\": \"%s\", \"password\": \"%s\", \"new_password\": \"%s\"}", mailbox->id,
		phrase, password);
	session_doing(session, "mailbox.password");
	for (unsigned i = 0; !session_has_failed(session) && call.end != CALL_DONE; i++) {
		session_try(session, "mailbox.password", params, &call);
		session_forget(call.result);
		if (call.end == CALL_DENIED && i)
			break;
		if (call.end == CALL_DENIED)
			session_fail(session, "mailbox.password is denied: %.300s", call.message);
		if (call.end == CALL_REFUSED)
			session_may_try_again(session, i, call.message);
	}
	bytes_copy_text(bytes_of(password), mailbox->password, sizeof mailbox->password);
	return !session_has_failed(session);
}

static json_t *call_with_password(
	struct session *session, const char *method, size_t index, const char *more)
{
	const struct session_mailbox *mailbox = &session->mailboxes[index];
	char params[300];

	snprintf(params, sizeof params, "{\"id\": \"%s\", \"password\": \"%s\"%s}", mailbox->id,
		mailbox->password, more);
	return session_call(session, method, params);
}

static bool rekey(struct session *session, size_t index)
{
	json_t *result = call_with_password(session, "mailbox.rekey", index, "");

	session_forget(result);
	return result != NULL;
}

/* With a new recovery code, which the answer brings. */
static bool recover(struct session *session, size_t index)
{
	json_t *result =
		call_with_password(session, "mailbox.recovery", index, ", \"action\": \"create\"");
	char code[100];
	bool ok = result && session_copy_text(result, "recovery_code", code, sizeof code);

	if (!ok)
		session_fail(session, "mailbox.recovery gives no code");
	session_forget(result);
	return ok && change_password(session, index, code);
}

static bool add_alias(struct session *session, size_t index)
{
	static const char alias[] = "journal@mail.example.com";
	struct session_mailbox *mailbox = &session->mailboxes[index];
	char params[300];
	json_t *result;

	snprintf(params, sizeof params,
		"{\"id\": \"%s\", \"name\": \"Journal two\", \"aliases\": [\"%s\"]}", mailbox->id,
		alias);
	result = session_call(session, "mailbox.edit", params);
	session_forget(result);
	bytes_copy_text(bytes_of(alias), mailbox->address, sizeof mailbox->address);
	return result != NULL;
}

/* Whatever fails on the way, what is found is that nothing differs. */
static bool verify_ledger(struct session *session, size_t index, bool with_anchor)
{
	json_t *params, *result, *ok;
	char *text, *said;

	fault_spare_begin();
	params = json_pack("{s:s}", "id", session->mailboxes[index].id);
	if (with_anchor)
		json_object_set_new(params, "anchor", json_string(session->report));
	text = json_dumps(params, JSON_COMPACT);
	json_decref(params);
	fault_spare_end();
	result = session_call(session, "ledger.verify", text);
	fault_spare_begin();
	json_memory_free_text(text);
	ok = json_object_get(result, "ok");
	if (result && !json_is_true(ok)) {
		said = json_dumps(result, JSON_COMPACT);
		session_fail(session, "the ledger: %.600s", said);
		json_memory_free_text(said);
	}
	json_decref(result);
	fault_spare_end();
	return !session_has_failed(session);
}

/* ---- the script ---- */

static const struct letter_kind small = { 800, 1, false, false };
static const struct letter_kind large_in_chunks = { LETTERS_LARGE, 3, true, true };
static const struct letter_kind to_two = { 3000, 3, true, false };
static const struct letter_kind large_to_two = { LETTERS_LARGE, 3, false, true };

static bool mail_of_first_day(struct session *session)
{
	return session_send(session, "a small letter", &small) &&
	       session_send(session, "a large letter", &large_in_chunks) &&
	       session_send(session, "a letter to two", &to_two) &&
	       session_collect(session, "looking at what waits", 1, false, false) &&
	       session_collect(session, "collecting with deletion", 0, true, false);
}

static bool keys_of_first_day(struct session *session)
{
	bool ok = change_password(session, 0, session->mailboxes[0].password) &&
		  rekey(session, 1) && recover(session, 1) && add_alias(session, 1) &&
		  session_send(session, "a letter after the rekey", &to_two);

	session_use_socket(session, true);
	ok = ok && session_export(session, "exporting", 1);
	session_use_socket(session, false);
	return ok;
}

/* After a try that was carried out and not answered there is none left to be confirmed. */
static bool confirm_restore(struct session *session)
{
	struct call call = { .end = CALL_REFUSED };

	session_doing(session, "backup.confirm");
	for (unsigned i = 0; call.end == CALL_REFUSED && !session_has_failed(session); i++) {
		session_try(session, "backup.confirm", NULL, &call);
		session_forget(call.result);
		if (call.end == CALL_REFUSED && i && strstr(call.message, "there is no restore"))
			return has_no_problem(session, "restored");
		if (call.end == CALL_REFUSED)
			session_may_try_again(session, i, call.message);
	}
	return call.end == CALL_DONE && has_no_problem(session, "restored");
}

/* What is put back is what is there. */
static bool backup_of_first_day(struct session *session)
{
	session_use_socket(session, true);
	if (!session_back_up(session))
		return false;
	session_use_socket(session, false);
	return session_restore_backup(session) && confirm_restore(session) && find_ports(session) &&
	       session_send(session, "a letter after the restore", &small);
}

static bool first_day(struct session *session)
{
	return session_open_gateway(session) && create_mailbox(session, 0) &&
	       create_mailbox(session, 1) && find_ports(session) && mail_of_first_day(session) &&
	       keys_of_first_day(session) && report_ledger(session, 0) &&
	       change_setting(session, "limits.sessions", "900") &&
	       change_setting(session, "log.level", "debug") &&
	       call_on(session, "mailbox.suspend", 1) && call_on(session, "mailbox.resume", 1) &&
	       backup_of_first_day(session);
}

static bool second_day(struct session *session)
{
	return session_open_gateway(session) && find_ports(session) &&
	       session_send(session, "a letter to two on the second day", &large_to_two) &&
	       session_collect(
		       session, "collecting with deletion on the second day", 1, true, true) &&
	       verify_ledger(session, 0, false) && verify_ledger(session, 1, false) &&
	       session_verify_backup(session);
}

static void run_script(struct session *session)
{
	first_day(session);
	session_close_gateway(session);
	if (!session_has_failed(session))
		second_day(session);
	session_close_gateway(session);
}

/* ---- afterwards ---- */

static bool check_counts(struct session *session)
{
	json_t *list = session_call(session, "mailbox.list", NULL);
	size_t index, known = 0;
	bool ok = true;
	json_t *row;

	json_array_foreach(list, index, row)
	{
		const char *id = json_string_value(json_object_get(row, "id"));

		for (size_t i = 0; id && i < SESSION_MAILBOXES; i++)
			known += strcmp(id, session->mailboxes[i].id) == 0;
		ok &= json_integer_value(json_object_get(row, "received")) ==
		      json_integer_value(json_object_get(row, "waiting")) +
			      json_integer_value(json_object_get(row, "collected"));
	}
	session_forget(list);
	if (known != SESSION_MAILBOXES)
		return session_fail(
			session, "%zu mailboxes are left of %d", known, SESSION_MAILBOXES);
	return ok || session_fail(session, "a mailbox does not count what it holds");
}

static void check_afterwards(struct session *session)
{
	static const struct letter_kind last = { 1000, 3, true, false };

	session->must_succeed = true;
	session->may_be_mute = false;
	(void)(session_open_gateway(session) && find_ports(session) &&
		session_collect(session, "collecting what is left", 0, true, true) &&
		session_collect(session, "collecting what is left, too", 1, true, false) &&
		session_send(session, "a last letter", &last) &&
		session_collect(session, "looking for the last letter alone", 0, false, true) &&
		verify_ledger(session, 0, *session->report) && verify_ledger(session, 1, false) &&
		session_verify_backup(session) && has_no_problem(session, "restored") &&
		check_counts(session));
	session_close_gateway(session);
}

/* AddressSanitizer's; without it nothing is known of leaks. */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static void check_leftovers(struct session *session, uint64_t files_before)
{
	uint64_t files = 0, limit;

	session_doing(session, "looking for what is left");
	session_forget_backup(session);
	if (!process_open_files(&files, &limit) || files != files_before)
		session_fail(session, "%llu descriptors are open, %llu were before",
			(unsigned long long)files, (unsigned long long)files_before);
	if (secret_bytes_in_use() != 0)
		session_fail(session, "%zu bytes of secret memory are not given back",
			secret_bytes_in_use());
	if (!session_has_failed(session) && __lsan_do_recoverable_leak_check &&
		__lsan_do_recoverable_leak_check())
		session_fail(session, "memory is leaked");
}

bool fault_session_run(
	struct fault_record *record, const char *folder, const struct fault_group *group)
{
	struct session *session = calloc(1, sizeof *session);
	uint64_t files = 0, limit;
	bool ok;

	if (!session || !fault_memory_settle() || !fault_storage_start() ||
		!process_open_files(&files, &limit))
		abort();
	session->record = record;
	session->folder = folder;
	session->may_be_mute = group->kind == FAULT_MEMORY;
	snprintf(session->authority, sizeof session->authority, "%s/tls/authority.crt", folder);
	fault_point_arm(record, group);
	run_script(session);
	fault_point_disarm();
	if (!*record->failure)
		check_afterwards(session);
	if (!*record->failure)
		check_leftovers(session, files);
	ok = !*record->failure;
	free(session);
	return ok;
}

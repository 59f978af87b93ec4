/* fault_call.c -- a person at the control interface: tries again when refused for now, and judges how. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fault_client.h"
#include "fault_session_internal.h"

enum { TRIES = 100, PAUSE_US = 50000 };

/* ---- saying what is wrong ---- */

bool session_fail(struct session *session, const char *format, ...)
{
	struct fault_record *record = session->record;
	va_list arguments;

	if (*record->failure)
		return false;
	va_start(arguments, format);
	vsnprintf(record->failure, sizeof record->failure, format, arguments);
	va_end(arguments);
	return false;
}

bool session_has_failed(const struct session *session)
{
	return *session->record->failure != '\0';
}

void session_doing(struct session *session, const char *what)
{
	snprintf(session->record->doing, sizeof session->record->doing, "%s%s",
		session->must_succeed ? "afterwards: " : "", what);
}

bool session_may_try_again(struct session *session, unsigned tries, const char *why)
{
	if (session->must_succeed || tries + 1 == TRIES)
		return session_fail(
			session, "%s: still refused: %.400s", session->record->doing, why);
	usleep(PAUSE_US);
	return true;
}

/* ---- the gateway ---- */

/* On a thread of the gateway. */
static void on_restart(void *context)
{
	struct session *session = context;

	atomic_store(&session->wants_restart, true);
}

bool session_open_gateway(struct session *session)
{
	static const struct gateway_override overrides[] = {
		{ "listen.smtp", "127.0.0.1:0" },
		{ "listen.smtps", "127.0.0.1:0" },
		{ "listen.submission", "127.0.0.1:0" },
		{ "listen.pop3", "127.0.0.1:0" },
		{ "listen.pop3s", "127.0.0.1:0" },
		{ "workers", "1" },
		{ "storage.keep-collected-days", "0" },
		{ "storage.reserve", "1" },
	};
	const struct gateway_options options = {
		.on_restart = on_restart,
		.context = session,
		.data_folder = session->folder,
		.overrides = overrides,
		.override_count = sizeof overrides / sizeof overrides[0],
	};
	struct gateway_error why;

	session_doing(session, "starting the gateway");
	for (unsigned i = 0; !session_has_failed(session); i++) {
		session->gateway = gateway_open(&options, &why);
		if (session->gateway)
			return true;
		if (why.failure != GATEWAY_FAILED || !client_text_is_clear(bytes_of(why.text)))
			return session_fail(session, "the start is refused by: %.300s", why.text);
		session_may_try_again(session, i, why.text);
	}
	return false;
}

bool session_restart_gateway(struct session *session)
{
	struct gateway_error why;

	atomic_store(&session->wants_restart, false);
	for (unsigned i = 0; !session_has_failed(session); i++) {
		if (gateway_restart(session->gateway, &why))
			return true;
		if (!client_text_is_clear(bytes_of(why.text)))
			return session_fail(session, "the restart is refused by: %.300s", why.text);
		session_may_try_again(session, i, why.text);
	}
	return false;
}

void session_close_gateway(struct session *session)
{
	session_use_socket(session, false);
	session_doing(session, "stopping the gateway");
	gateway_close(&session->gateway);
}

void session_use_socket(struct session *session, bool uses)
{
	session->calls_over_socket = uses;
	if (!uses && session->attached)
		gateway_close(&session->attached);
}

/* The handle for a call; NULL: it cannot be had now. */
static struct gateway *handle(struct session *session, struct call *call)
{
	struct gateway_error why;

	if (!session->calls_over_socket)
		return session->gateway;
	if (!session->attached)
		session->attached = gateway_attach(session->folder, &why);
	if (!session->attached) {
		call->end = CALL_REFUSED;
		snprintf(call->message, sizeof call->message, "%.390s", why.text);
		if (!client_text_is_clear(bytes_of(why.text)))
			session_fail(session, "attaching is refused by: %.300s", why.text);
	}
	return session->attached;
}

/* ---- methods ---- */

/* What a passing trouble may be called. A transfer that is gone, since its last answer got lost or came late, can be begun
 * again. */
static bool is_for_now(const char *method, const char *kind)
{
	static const char *const kinds[] = { "busy", "full", "io", "memory", "state", "cancelled" };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	}
	return strcmp(kind, "not-found") == 0 && strncmp(method, "transfer.", 9) == 0;
}

/* A refusal without a text is excused when there was no memory for one. */
static enum call_end judge(
	struct session *session, const char *method, const char *text, char *message, size_t size)
{
	json_t *problem = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
	const char *said = json_string_value(json_object_get(problem, "message"));
	const char *kind =
		json_string_value(json_object_get(json_object_get(problem, "data"), "kind"));
	enum call_end end = CALL_WRONG;

	if (!text && session->may_be_mute)
		end = CALL_REFUSED;
	else if (said && kind && client_text_is_clear(bytes_of(said)))
		end = is_for_now(method, kind)	    ? CALL_REFUSED
		      : strcmp(kind, "denied") == 0 ? CALL_DENIED
						    : CALL_WRONG;
	snprintf(message, size, "%s", said ? said : text ? text : "(no text)");
	json_decref(problem);
	return end;
}

void session_try(struct session *session, const char *method, const char *params, struct call *call)
{
	struct gateway *gateway;
	char *text = NULL;
	bool ok;

	*call = (struct call){ .end = CALL_WRONG };
	gateway = handle(session, call);
	if (!gateway)
		return;
	ok = gateway_call_wait(gateway, method, params, &text);
	fault_spare_begin();
	if (!ok)
		call->end = judge(session, method, text, call->message, sizeof call->message);
	else if ((call->result = json_loads(text, JSON_DECODE_ANY, NULL)))
		call->end = CALL_DONE;
	if (call->end == CALL_WRONG)
		session_fail(
			session, "%s is answered by: %.300s", method, ok ? text : call->message);
	fault_spare_end();
	free(text);
	/* The connection may be what was lost. */
	if (!ok && session->attached)
		gateway_close(&session->attached);
}

void session_forget(json_t *result)
{
	fault_spare_begin();
	json_decref(result);
	fault_spare_end();
}

json_t *session_call(struct session *session, const char *method, const char *params)
{
	session_doing(session, method);
	for (unsigned i = 0; !session_has_failed(session); i++) {
		struct call call;

		session_try(session, method, params, &call);
		if (call.end == CALL_DONE)
			return call.result;
		if (call.end == CALL_DENIED)
			session_fail(session, "%s is denied: %.300s", method, call.message);
		session_may_try_again(session, i, call.message);
	}
	return NULL;
}

bool session_copy_text(json_t *object, const char *key, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && bytes_copy_text(bytes_of(value), text, size);
}

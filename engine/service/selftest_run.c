/* selftest_run.c -- from a blocking caller to a session on a loop and back. */
#include "selftest_run_internal.h"

#include <stdarg.h>
#include <stdio.h>

static void begin(void *context)
{
	struct selftest_run *run = context;
	const struct selftest_target *target = run->target;
	struct conn_options options = {
		.tls = target->tls,
		.implicit_tls = target->implicit_tls,
		.handshake_limit_ms = SELFTEST_LIMIT_MS,
		.server_name = target->server_name,
	};
	struct error error;

	run->conn =
		conn_connect(target->loop, &target->address, &options, run->handler, run, &error);
	if (run->conn)
		conn_set_idle_limit(run->conn, SELFTEST_LIMIT_MS);
	else
		selftest_run_closed(run, &error);
}

void selftest_run_end(void *context, enum conn_end reason)
{
	selftest_run_fail(context, reason == CONN_IDLE ? "the server did not answer in time"
						       : "the gateway is stopping");
}

/* The run belongs to the waiting thread after this. */
void selftest_run_closed(void *context, const struct error *why)
{
	struct selftest_run *run = context;

	if (!run->ok && why && run->failure.kind == ERROR_NONE)
		run->failure = *why;
	semaphore_post(run->done);
}

void selftest_run_fail(struct selftest_run *run, const char *format, ...)
{
	char text[sizeof run->failure.text];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (run->failure.kind == ERROR_NONE)
		error_set(&run->failure, ERROR_STATE, "%s", text);
	conn_abort(run->conn, text);
}

bool selftest_run_session(struct selftest_run *run, const struct selftest_target *target,
	const struct conn_handler *handler, struct error *error)
{
	*run = (struct selftest_run){ .target = target, .handler = handler };
	run->done = semaphore_new(error);
	if (!run->done)
		return false;
	loop_call(target->loop, begin, run);
	semaphore_wait(run->done);
	semaphore_free(&run->done);
	if (!run->ok && run->failure.kind != ERROR_NONE)
		*error = run->failure;
	else if (!run->ok)
		error_set(error, ERROR_STATE, "the connection ended early");
	return run->ok;
}

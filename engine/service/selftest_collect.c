/* selftest_collect.c -- the self-test as an archive: banner, STLS where TLS did not come first, login, RETR and DELE
 * of the one message, QUIT. */
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.h"
#include "proto/pop3_client.h"
#include "selftest_run_internal.h"

struct collector {
	struct selftest_run run;
	struct pop3_client *core;
	const char *user;
	const char *password;
	struct buf *message;
};

static void send_command(
	struct collector *collector, enum pop3_client_command command, const char *argument)
{
	if (!pop3_client_send(collector->core, command, bytes_of(argument)))
		selftest_run_fail(&collector->run, "the test's own command was refused");
}

static void on_status(struct collector *collector, const struct pop3_client_event *event)
{
	if (!event->ok) {
		selftest_run_fail(
			&collector->run, "the server answered -ERR %.*s", BYTES_ARGS(event->text));
		return;
	}
	switch (event->command) {
	case POP3_CLIENT_GREETING:
		if (conn_is_tls(collector->run.conn))
			send_command(collector, POP3_CLIENT_USER, collector->user);
		else
			send_command(collector, POP3_CLIENT_STLS, NULL);
		break;
	case POP3_CLIENT_STLS:
		conn_start_tls(collector->run.conn);
		break;
	case POP3_CLIENT_USER:
		send_command(collector, POP3_CLIENT_PASS, collector->password);
		break;
	case POP3_CLIENT_PASS:
		send_command(collector, POP3_CLIENT_STAT, NULL);
		break;
	case POP3_CLIENT_STAT:
		if (event->text.size < 2 || memcmp(event->text.data, "1 ", 2) != 0)
			selftest_run_fail(&collector->run, "one message should wait, but: %.*s",
				BYTES_ARGS(event->text));
		else
			send_command(collector, POP3_CLIENT_RETR, "1");
		break;
	case POP3_CLIENT_DELE:
		send_command(collector, POP3_CLIENT_QUIT, NULL);
		break;
	case POP3_CLIENT_QUIT:
		collector->run.ok = true;
		conn_finish(collector->run.conn);
		break;
	default:
		break;
	}
}

static void handle(struct collector *collector, const struct pop3_client_event *event)
{
	switch (event->kind) {
	case POP3_CLIENT_EVENT_STATUS:
		on_status(collector, event);
		break;
	case POP3_CLIENT_EVENT_BODY:
		if (!buf_append(collector->message, event->text))
			selftest_run_fail(&collector->run,
				"the message that came back is larger than the one that was sent");
		break;
	case POP3_CLIENT_EVENT_END:
		if (event->command == POP3_CLIENT_RETR)
			send_command(collector, POP3_CLIENT_DELE, "1");
		break;
	case POP3_CLIENT_EVENT_CHALLENGE:
	case POP3_CLIENT_EVENT_LINE:
		break;
	case POP3_CLIENT_EVENT_BROKEN:
		selftest_run_fail(&collector->run, "the server's answer is not POP3");
		break;
	}
}

static bool handle_events(struct collector *collector)
{
	struct pop3_client_event event;
	bool any = false;

	while (pop3_client_next_event(collector->core, &event)) {
		handle(collector, &event);
		any = true;
	}
	return any;
}

static void on_open(void *run)
{
	struct collector *collector = list_entry(run, struct collector, run);

	/* After STLS; with implicit TLS the banner comes first. */
	if (conn_is_tls(collector->run.conn) && !collector->run.target->implicit_tls) {
		pop3_client_tls_started(collector->core);
		send_command(collector, POP3_CLIENT_USER, collector->user);
	}
}

static size_t on_input(void *run, struct bytes in)
{
	struct collector *collector = list_entry(run, struct collector, run);
	size_t total = 0, used;
	bool any;

	do {
		used = pop3_client_feed(collector->core, bytes_skip(in, total));
		total += used;
		/* It may use nothing and still have an event (a CR that was held back). */
		any = handle_events(collector);
	} while ((used || any) && total < in.size);
	return total;
}

static size_t on_output(void *run, uint8_t *space, size_t capacity)
{
	struct collector *collector = list_entry(run, struct collector, run);

	return pop3_client_pull(collector->core, space, capacity);
}

bool selftest_collect(const struct selftest_target *target, const char *user, const char *password,
	struct buf *message, struct error *error)
{
	static const struct conn_handler handler = { on_open, on_input, on_output, selftest_run_end,
		selftest_run_closed };
	struct collector collector = { .user = user, .password = password, .message = message };
	void *memory = secret_new(pop3_client_size());
	bool ok;

	if (!memory)
		return error_set(error, ERROR_BUSY, "no secret memory is left");
	collector.core = pop3_client_init(memory);
	pop3_client_set_dots_behind_lf(collector.core, true);
	ok = selftest_run_session(&collector.run, target, &handler, error);
	pop3_client_clear(collector.core);
	secret_free(memory);
	return ok;
}

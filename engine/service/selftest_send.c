/* selftest_send.c -- the self-test as a mail server: greeting, EHLO, STARTTLS where TLS did not come first, one
 * message, QUIT. Each reply decides the next command. */
#include <stdio.h>

#include "proto/smtp_client.h"
#include "selftest_run_internal.h"

struct sender {
	struct selftest_run run;
	struct smtp_client *core;
	const char *recipient;
	struct bytes message;
	bool is_content_lent;
};

static void send_command(
	struct sender *sender, enum smtp_client_command command, const char *argument)
{
	if (!smtp_client_send(sender->core, command, argument))
		selftest_run_fail(&sender->run, "the test's own command was refused");
}

/* RFC 5321 4.1.4: a client that has no name gives its address. */
static void say_hello(struct sender *sender)
{
	send_command(sender, SMTP_CLIENT_EHLO, "[127.0.0.1]");
}

static void after_ehlo(struct sender *sender)
{
	if (conn_is_tls(sender->run.conn))
		send_command(sender, SMTP_CLIENT_MAIL, "FROM:<>");
	else if (smtp_client_extensions(sender->core) & SMTP_HAS_STARTTLS)
		send_command(sender, SMTP_CLIENT_STARTTLS, NULL);
	else
		selftest_run_fail(&sender->run, "the server does not offer STARTTLS");
}

static void send_recipient(struct sender *sender)
{
	char argument[512];

	snprintf(argument, sizeof argument, "TO:<%s>", sender->recipient);
	send_command(sender, SMTP_CLIENT_RCPT, argument);
}

static void on_reply(struct sender *sender, const struct smtp_client_event *event)
{
	int expected = event->command == SMTP_CLIENT_DATA ? 3 : 2;

	if (event->code / 100 != expected) {
		selftest_run_fail(&sender->run, "the server answered %d %.*s", event->code,
			BYTES_ARGS(event->text));
		return;
	}
	switch (event->command) {
	case SMTP_CLIENT_GREETING:
		say_hello(sender);
		break;
	case SMTP_CLIENT_EHLO:
		after_ehlo(sender);
		break;
	case SMTP_CLIENT_STARTTLS:
		conn_start_tls(sender->run.conn);
		break;
	case SMTP_CLIENT_MAIL:
		send_recipient(sender);
		break;
	case SMTP_CLIENT_RCPT:
		send_command(sender, SMTP_CLIENT_DATA, NULL);
		break;
	case SMTP_CLIENT_AUTH:
	case SMTP_CLIENT_DATA:
	case SMTP_CLIENT_BDAT:
		break;
	case SMTP_CLIENT_CONTENT:
		sender->run.ok = true;
		send_command(sender, SMTP_CLIENT_QUIT, NULL);
		break;
	case SMTP_CLIENT_RSET:
	case SMTP_CLIENT_QUIT:
		conn_finish(sender->run.conn);
		break;
	}
}

static void handle_events(struct sender *sender)
{
	struct smtp_client_event event;

	while (smtp_client_next_event(sender->core, &event)) {
		if (event.kind == SMTP_CLIENT_EVENT_REPLY)
			on_reply(sender, &event);
		else if (event.kind == SMTP_CLIENT_EVENT_BROKEN)
			selftest_run_fail(&sender->run, "the server's reply is not SMTP");
	}
}

static void on_open(void *run)
{
	struct sender *sender = list_entry(run, struct sender, run);

	/* After STARTTLS; with implicit TLS the greeting comes first. */
	if (conn_is_tls(sender->run.conn) && !sender->run.target->implicit_tls) {
		smtp_client_tls_started(sender->core);
		say_hello(sender);
	}
}

static size_t on_input(void *run, struct bytes in)
{
	struct sender *sender = list_entry(run, struct sender, run);
	size_t total = 0, used;

	do {
		used = smtp_client_feed(sender->core, bytes_skip(in, total));
		total += used;
		handle_events(sender);
	} while (used && total < in.size);
	return total;
}

static size_t on_output(void *run, uint8_t *space, size_t capacity)
{
	struct sender *sender = list_entry(run, struct sender, run);

	if (smtp_client_wants_content(sender->core)) {
		if (sender->is_content_lent)
			smtp_client_end_content(sender->core);
		else
			smtp_client_lend_content(sender->core, sender->message);
		sender->is_content_lent = true;
	}
	return smtp_client_pull(sender->core, space, capacity);
}

bool selftest_send(const struct selftest_target *target, const char *recipient,
	struct bytes message, struct error *error)
{
	static const struct conn_handler handler = { on_open, on_input, on_output, selftest_run_end,
		selftest_run_closed };
	struct sender sender = { .recipient = recipient, .message = message };
	bool ok;

	sender.core = smtp_client_new();
	if (!sender.core)
		return error_set_memory(error);
	ok = selftest_run_session(&sender.run, target, &handler, error);
	smtp_client_free(&sender.core);
	return ok;
}

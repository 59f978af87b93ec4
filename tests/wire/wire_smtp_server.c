/* wire_smtp_server.c -- the SMTP server core for wire.h. The client is the peer.
 *
 * OPTION hostname, size, recipients, errors, commands, tls (1 or 0; 1 if not given)
 * EVENT  HELLO EHLO name | STARTTLS | PLAINTEXT <sender> |
 *        MAIL <sender> [size=n] [utf8] [ret=value] [envid=value] |
 *        RCPT <recipient> [notify=value] [orcpt=value] | DATA | BODY text | END | ABORT | CLOSE
 * DO     accept | reply CODE text | tls_started | shut_down text | is_in_transaction 0 or 1 */
#include "proto/smtp_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

struct session {
	char hostname[256];
	struct smtp_server_options options;
	struct smtp_server *server; /* created when the options are known */
};

static void *create(void)
{
	struct session *session = calloc(1, sizeof *session);

	if (!session)
		return NULL;
	snprintf(session->hostname, sizeof session->hostname, "gate.example");
	session->options = (struct smtp_server_options){
		.hostname = session->hostname,
		.max_message_size = 1000,
		.tls = true,
		.max_recipients = 3,
		.max_errors = 20,
	};
	return session;
}

static void destroy(void *core)
{
	struct session *session = core;

	smtp_server_free(&session->server);
	free(session);
}

static bool set_option(void *core, const char *name, const char *value)
{
	struct session *session = core;
	uint64_t number = 0;

	if (session->server)
		return false;
	if (strcmp(name, "hostname") == 0)
		return bytes_copy_text(
			bytes_of(value), session->hostname, sizeof session->hostname);
	if (!bytes_parse_number(bytes_of(value), UINT64_MAX, &number))
		return false;
	if (strcmp(name, "size") == 0)
		session->options.max_message_size = number;
	else if (strcmp(name, "recipients") == 0)
		session->options.max_recipients = (uint32_t)number;
	else if (strcmp(name, "errors") == 0)
		session->options.max_errors = (uint32_t)number;
	else if (strcmp(name, "commands") == 0)
		session->options.max_commands = (uint32_t)number;
	else if (strcmp(name, "tls") == 0)
		session->options.tls = number != 0;
	else
		return false;
	return true;
}

static struct smtp_server *server_of(void *core)
{
	struct session *session = core;

	if (!session->server)
		session->server = smtp_server_new(&session->options);
	if (!session->server)
		abort();
	return session->server;
}

static size_t feed(void *core, struct bytes in)
{
	return smtp_server_feed(server_of(core), in);
}

static size_t pull(void *core, uint8_t *space, size_t capacity)
{
	return smtp_server_pull(server_of(core), space, capacity);
}

static bool describe_value(struct buf *line, const char *name, struct bytes value)
{
	return !value.size || (buf_printf(line, " %s=", name) && buf_append(line, value));
}

static bool describe_mail(const struct smtp_event *event, struct buf *line)
{
	return buf_printf(line, "MAIL <%.*s>", BYTES_ARGS(event->address.whole)) &&
	       (!event->size || buf_printf(line, " size=%" PRIu64, event->size)) &&
	       (!event->utf8 || buf_append_text(line, " utf8")) &&
	       describe_value(line, "ret", event->dsn.ret) &&
	       describe_value(line, "envid", event->dsn.envid);
}

static bool describe(const struct smtp_event *event, struct buf *line, struct buf *body)
{
	const struct bytes address = event->address.whole;

	switch (event->kind) {
	case SMTP_EVENT_HELLO:
		return buf_printf(line, "HELLO %s ", event->extended ? "EHLO" : "HELO") &&
		       buf_append(line, event->text);
	case SMTP_EVENT_STARTTLS:
		return buf_append_text(line, "STARTTLS");
	case SMTP_EVENT_PLAINTEXT:
		return buf_printf(line, "PLAINTEXT <%.*s>", BYTES_ARGS(address));
	case SMTP_EVENT_MAIL:
		return describe_mail(event, line);
	case SMTP_EVENT_RCPT:
		return buf_printf(line, "RCPT <%.*s>", BYTES_ARGS(address)) &&
		       describe_value(line, "notify", event->dsn.notify) &&
		       describe_value(line, "orcpt", event->dsn.orcpt);
	case SMTP_EVENT_DATA:
		return buf_append_text(line, "DATA");
	case SMTP_EVENT_BODY:
		return buf_append(body, event->text);
	case SMTP_EVENT_END:
		return buf_append_text(line, "END");
	case SMTP_EVENT_ABORT:
		return buf_append_text(line, "ABORT");
	case SMTP_EVENT_CLOSE:
		return buf_append_text(line, "CLOSE");
	}
	return false;
}

static bool next_event(void *core, struct buf *line, struct buf *body)
{
	struct smtp_event event;

	if (!smtp_server_next_event(server_of(core), &event))
		return false;
	if (!describe(&event, line, body))
		abort();
	return true;
}

static bool act(void *core, const char *action, const char *arguments)
{
	struct smtp_server *server = server_of(core);
	int code = 0, length = 0;

	if (strcmp(action, "is_in_transaction") == 0)
		return smtp_server_is_in_transaction(server) == (*arguments == '1');
	if (strcmp(action, "tls_started") == 0) {
		smtp_server_tls_started(server);
		return true;
	}
	if (strcmp(action, "shut_down") == 0) {
		smtp_server_shut_down(server, arguments);
		return true;
	}
	if (!smtp_server_needs_answer(server))
		return false;
	if (strcmp(action, "accept") == 0)
		smtp_server_accept(server);
	else if (strcmp(action, "reply") == 0 && sscanf(arguments, "%3d %n", &code, &length) == 1 &&
		 length)
		smtp_server_reply(server, code, arguments + length);
	else
		return false;
	return true;
}

static const struct wire_adapter adapter = {
	.name = "smtp_server",
	.create = create,
	.destroy = destroy,
	.set_option = set_option,
	.feed = feed,
	.next_event = next_event,
	.pull = pull,
	.act = act,
};

int main(int argc, char **argv)
{
	return wire_main(&adapter, argc, argv);
}

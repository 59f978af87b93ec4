/* wire_pop3_server.c -- the POP3 server core for wire.h. The client is the peer.
 *
 * OPTION hostname, version, errors, tls (1 or 0; 1 if not given)
 * EVENT  STLS | LOGIN <user> <password> | RETRIEVE number whole | RETRIEVE number top lines |
 *        BODY_WANTED | UPDATE | CLOSE
 * DO     log_in size... (the id of a message is its number) | refuse text | begin | lend text |
 *        end | accept | tls_started | shut_down text |
 *        deleted number... (checks: exactly these are marked) | logged_in 0 or 1 (checks) |
 *        too_late (a login that is answered after the end) */
#include "proto/pop3_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

enum { MESSAGES_MAX = 64 };

struct session {
	char hostname[512];
	char version[128];
	struct pop3_server_options options;
	struct pop3_server *server; /* created when the options are known */
	struct pop3_message messages[MESSAGES_MAX];
	size_t message_count;
	uint8_t *lent; /* freed at the next event, so that a sanitizer sees a view that is kept */
};

static void *create(void)
{
	struct session *session = calloc(1, sizeof *session);

	if (!session)
		return NULL;
	snprintf(session->hostname, sizeof session->hostname, "gate.example");
	session->options = (struct pop3_server_options){
		.hostname = session->hostname,
		.tls = true,
		.max_errors = 20,
	};
	return session;
}

static void destroy(void *core)
{
	struct session *session = core;

	if (session->server)
		pop3_server_clear(session->server);
	free(session->server);
	free(session->lent);
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
	if (strcmp(name, "version") == 0) {
		session->options.version = session->version;
		return bytes_copy_text(bytes_of(value), session->version, sizeof session->version);
	}
	if (!bytes_parse_number(bytes_of(value), UINT32_MAX, &number))
		return false;
	if (strcmp(name, "errors") == 0)
		session->options.max_errors = (uint32_t)number;
	else if (strcmp(name, "tls") == 0)
		session->options.tls = number != 0;
	else
		return false;
	return true;
}

static struct pop3_server *server_of(void *core)
{
	struct session *session = core;
	void *memory;

	if (!session->server) {
		memory = malloc(pop3_server_size());
		if (!memory)
			abort();
		session->server = pop3_server_init(memory, &session->options);
	}
	return session->server;
}

static size_t feed(void *core, struct bytes in)
{
	return pop3_server_feed(server_of(core), in);
}

static size_t pull(void *core, uint8_t *space, size_t capacity)
{
	return pop3_server_pull(server_of(core), space, capacity);
}

static bool describe(const struct pop3_event *event, struct buf *line)
{
	switch (event->kind) {
	case POP3_EVENT_STLS:
		return buf_append_text(line, "STLS");
	case POP3_EVENT_LOGIN:
		return buf_printf(line, "LOGIN <%.*s> <%.*s>", BYTES_ARGS(event->user),
			BYTES_ARGS(event->password));
	case POP3_EVENT_RETRIEVE:
		return event->whole ? buf_printf(line, "RETRIEVE %zu whole", event->index + 1)
				    : buf_printf(line, "RETRIEVE %zu top %" PRIu64,
					      event->index + 1, event->lines);
	case POP3_EVENT_BODY_WANTED:
		return buf_append_text(line, "BODY_WANTED");
	case POP3_EVENT_UPDATE:
		return buf_append_text(line, "UPDATE");
	case POP3_EVENT_CLOSE:
		return buf_append_text(line, "CLOSE");
	}
	return false;
}

static bool next_event(void *core, struct buf *line, struct buf *body)
{
	struct session *session = core;
	struct pop3_event event;

	(void)body;
	if (!pop3_server_next_event(server_of(core), &event))
		return false;
	free(session->lent);
	session->lent = NULL;
	if (!describe(&event, line))
		abort();
	return true;
}

static void read_messages(struct session *session, const char *sizes)
{
	struct bytes rest = bytes_of(sizes), word;
	uint64_t size;

	while (bytes_split(&rest, ' ', &word)) {
		struct pop3_message *message = &session->messages[session->message_count++];

		if (session->message_count > MESSAGES_MAX ||
			!bytes_parse_number(word, UINT64_MAX, &size))
			abort();
		*message = (struct pop3_message){ .size = size };
		message->id.bytes[15] = (uint8_t)session->message_count;
	}
}

static bool is_deleted_exactly(const struct session *session, const char *numbers)
{
	struct bytes rest = bytes_of(numbers), word;
	bool expected[MESSAGES_MAX] = { false };
	uint64_t number;

	while (bytes_split(&rest, ' ', &word)) {
		if (!bytes_parse_number(word, session->message_count, &number) || !number)
			return false;
		expected[number - 1] = true;
	}
	for (size_t i = 0; i < session->message_count; i++) {
		if (session->messages[i].is_deleted != expected[i])
			return false;
	}
	return true;
}

static void lend(struct session *session, const char *text)
{
	size_t size = strlen(text);

	session->lent = malloc(size ? size : 1);
	if (!session->lent)
		abort();
	memcpy(session->lent, text, size);
	pop3_server_lend(session->server, bytes_make(session->lent, size));
}

static bool answer(struct session *session, const char *action, const char *arguments)
{
	struct pop3_server *server = session->server;

	if (strcmp(action, "log_in") == 0) {
		read_messages(session, arguments);
		pop3_server_log_in(server,
			(struct pop3_maildrop){ session->messages, session->message_count });
	} else if (strcmp(action, "refuse") == 0) {
		pop3_server_refuse(server, arguments);
	} else if (strcmp(action, "begin") == 0) {
		pop3_server_begin(server);
	} else if (strcmp(action, "lend") == 0) {
		lend(session, arguments);
	} else if (strcmp(action, "end") == 0) {
		pop3_server_end(server);
	} else if (strcmp(action, "accept") == 0) {
		pop3_server_accept(server);
	} else {
		return false;
	}
	return true;
}

static bool act(void *core, const char *action, const char *arguments)
{
	struct session *session = core;
	struct pop3_server *server = server_of(core);

	if (strcmp(action, "deleted") == 0)
		return is_deleted_exactly(session, arguments);
	if (strcmp(action, "logged_in") == 0)
		return pop3_server_is_logged_in(server) == (*arguments == '1');
	if (strcmp(action, "tls_started") == 0) {
		pop3_server_tls_started(server);
		return true;
	}
	if (strcmp(action, "shut_down") == 0) {
		pop3_server_shut_down(server, arguments);
		return true;
	}
	if (strcmp(action, "too_late") == 0) {
		pop3_server_log_in(server, (struct pop3_maildrop){ NULL, 0 });
		return !pop3_server_is_logged_in(server);
	}
	return pop3_server_needs_answer(server) && answer(session, action, arguments);
}

static const struct wire_adapter adapter = {
	.name = "pop3_server",
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

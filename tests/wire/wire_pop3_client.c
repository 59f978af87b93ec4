/* wire_pop3_client.c -- the POP3 client core for wire.h. The server is the peer.
 *
 * OPTION dots_behind_lf (1 or 0; 0 if not given)
 * EVENT  OK command text | ERR command text | CHALLENGE text | LINE command text | BODY text | END command | BROKEN
 * DO     send VERB arguments | cannot_send VERB arguments | respond text | tls_started |
 *        extensions BITS | mechanisms BITS (both check; the bits in hex) */
#include "proto/pop3_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

struct session {
	struct pop3_client *client;
	uint8_t *lent; /* the response, freed with the next event */
};

static const char *const names[] = {
	[POP3_CLIENT_GREETING] = "GREETING",
	[POP3_CLIENT_CAPA] = "CAPA",
	[POP3_CLIENT_STLS] = "STLS",
	[POP3_CLIENT_AUTH] = "AUTH",
	[POP3_CLIENT_USER] = "USER",
	[POP3_CLIENT_PASS] = "PASS",
	[POP3_CLIENT_STAT] = "STAT",
	[POP3_CLIENT_LIST] = "LIST",
	[POP3_CLIENT_UIDL] = "UIDL",
	[POP3_CLIENT_RETR] = "RETR",
	[POP3_CLIENT_TOP] = "TOP",
	[POP3_CLIENT_DELE] = "DELE",
	[POP3_CLIENT_RSET] = "RSET",
	[POP3_CLIENT_NOOP] = "NOOP",
	[POP3_CLIENT_QUIT] = "QUIT",
};

static void *create(void)
{
	struct session *session = calloc(1, sizeof *session);
	void *memory = malloc(pop3_client_size());

	if (!session || !memory)
		abort();
	session->client = pop3_client_init(memory);
	return session;
}

static void destroy(void *core)
{
	struct session *session = core;

	pop3_client_clear(session->client);
	free(session->client);
	free(session->lent);
	free(session);
}

static bool set_option(void *core, const char *name, const char *value)
{
	struct session *session = core;

	if (strcmp(name, "dots_behind_lf") != 0)
		return false;
	pop3_client_set_dots_behind_lf(session->client, *value == '1');
	return true;
}

static size_t feed(void *core, struct bytes in)
{
	struct session *session = core;

	return pop3_client_feed(session->client, in);
}

static size_t pull(void *core, uint8_t *space, size_t capacity)
{
	struct session *session = core;

	return pop3_client_pull(session->client, space, capacity);
}

static bool append_text(struct buf *line, struct bytes text)
{
	return !text.size || (buf_append_byte(line, ' ') && buf_append(line, text));
}

static bool describe(const struct pop3_client_event *event, struct buf *line, struct buf *body)
{
	const char *name = names[event->command];

	switch (event->kind) {
	case POP3_CLIENT_EVENT_STATUS:
		return buf_printf(line, "%s %s", event->ok ? "OK" : "ERR", name) &&
		       append_text(line, event->text);
	case POP3_CLIENT_EVENT_CHALLENGE:
		return buf_append_text(line, "CHALLENGE") && append_text(line, event->text);
	case POP3_CLIENT_EVENT_LINE:
		return buf_printf(line, "LINE %s", name) && append_text(line, event->text);
	case POP3_CLIENT_EVENT_BODY:
		return buf_append(body, event->text);
	case POP3_CLIENT_EVENT_END:
		return buf_printf(line, "END %s", name);
	case POP3_CLIENT_EVENT_BROKEN:
		return buf_append_text(line, "BROKEN");
	}
	return false;
}

static bool next_event(void *core, struct buf *line, struct buf *body)
{
	struct session *session = core;
	struct pop3_client_event event;

	if (!pop3_client_next_event(session->client, &event))
		return false;
	free(session->lent);
	session->lent = NULL;
	if (!describe(&event, line, body))
		abort();
	return true;
}

static bool send_command(struct pop3_client *client, const char *line, bool expected)
{
	char verb[16];
	size_t length = strcspn(line, " ");
	struct bytes argument = bytes_skip(bytes_of(line), length + 1);

	if (!bytes_copy_text(bytes_make(line, length), verb, sizeof verb))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(verb, names[i]) == 0)
			return pop3_client_send(client, (enum pop3_client_command)i, argument) ==
			       expected;
	}
	return false;
}

static void respond(struct session *session, const char *text)
{
	size_t size = strlen(text);

	session->lent = malloc(size ? size : 1);
	if (!session->lent)
		abort();
	memcpy(session->lent, text, size);
	pop3_client_respond(session->client, bytes_make(session->lent, size));
}

static bool is_hex(uint32_t bits, const char *expected)
{
	char text[16];

	snprintf(text, sizeof text, "%x", (unsigned)bits);
	return strcmp(text, expected) == 0;
}

static bool act(void *core, const char *action, const char *arguments)
{
	struct session *session = core;

	if (strcmp(action, "send") == 0)
		return send_command(session->client, arguments, true);
	if (strcmp(action, "cannot_send") == 0)
		return send_command(session->client, arguments, false);
	if (strcmp(action, "extensions") == 0)
		return is_hex(pop3_client_extensions(session->client), arguments);
	if (strcmp(action, "mechanisms") == 0)
		return is_hex(pop3_client_mechanisms(session->client), arguments);
	if (strcmp(action, "respond") == 0)
		respond(session, arguments);
	else if (strcmp(action, "tls_started") == 0)
		pop3_client_tls_started(session->client);
	else
		return false;
	return true;
}

static const struct wire_adapter adapter = {
	.name = "pop3_client",
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

/* wire_pop3_client.c -- the POP3 client core for wire.h. The server is the peer.
 *
 * OPTION dots_behind_lf (1 or 0; 0 if not given)
 * EVENT  OK command text | ERR command text | LINE command text | BODY text | END command | BROKEN
 * DO     send VERB arguments | cannot_send VERB arguments | tls_started |
 *        extensions BITS (checks; the bits in hex) */
#include "proto/pop3_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

static const char *const names[] = {
	[POP3_CLIENT_GREETING] = "GREETING",
	[POP3_CLIENT_CAPA] = "CAPA",
	[POP3_CLIENT_STLS] = "STLS",
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
	void *memory = malloc(pop3_client_size());

	return memory ? pop3_client_init(memory) : NULL;
}

static void destroy(void *core)
{
	pop3_client_clear(core);
	free(core);
}

static bool set_option(void *core, const char *name, const char *value)
{
	if (strcmp(name, "dots_behind_lf") != 0)
		return false;
	pop3_client_set_dots_behind_lf(core, *value == '1');
	return true;
}

static size_t feed(void *core, struct bytes in)
{
	return pop3_client_feed(core, in);
}

static size_t pull(void *core, uint8_t *space, size_t capacity)
{
	return pop3_client_pull(core, space, capacity);
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
	struct pop3_client_event event;

	if (!pop3_client_next_event(core, &event))
		return false;
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

static bool act(void *core, const char *action, const char *arguments)
{
	char text[16];

	if (strcmp(action, "send") == 0)
		return send_command(core, arguments, true);
	if (strcmp(action, "cannot_send") == 0)
		return send_command(core, arguments, false);
	if (strcmp(action, "extensions") == 0) {
		snprintf(text, sizeof text, "%x", (unsigned)pop3_client_extensions(core));
		return strcmp(text, arguments) == 0;
	}
	if (strcmp(action, "tls_started") != 0)
		return false;
	pop3_client_tls_started(core);
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

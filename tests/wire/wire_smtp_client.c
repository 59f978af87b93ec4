/* wire_smtp_client.c -- the SMTP client core for wire.h. The server is the peer.
 *
 * EVENT  LINE command code text | REPLY command code text | BROKEN code text
 * DO     send VERB arguments | cannot_send VERB arguments | respond text | chunk SIZE [LAST] | cannot_chunk |
 *        lend text | end | tls_started | wants_content 0 or 1 |
 *        extensions BITS SIZE | mechanisms BITS (both check; the bits in hex) */
#include "proto/smtp_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

struct session {
	struct smtp_client *client;
	uint8_t *lent; /* freed when more is wanted */
};

static const char *const names[] = {
	[SMTP_CLIENT_GREETING] = "GREETING",
	[SMTP_CLIENT_EHLO] = "EHLO",
	[SMTP_CLIENT_STARTTLS] = "STARTTLS",
	[SMTP_CLIENT_AUTH] = "AUTH",
	[SMTP_CLIENT_MAIL] = "MAIL",
	[SMTP_CLIENT_RCPT] = "RCPT",
	[SMTP_CLIENT_DATA] = "DATA",
	[SMTP_CLIENT_BDAT] = "BDAT",
	[SMTP_CLIENT_CONTENT] = "CONTENT",
	[SMTP_CLIENT_RSET] = "RSET",
	[SMTP_CLIENT_QUIT] = "QUIT",
};

static void *create(void)
{
	struct session *session = calloc(1, sizeof *session);

	if (session)
		session->client = smtp_client_new();
	return session;
}

static void destroy(void *core)
{
	struct session *session = core;

	smtp_client_free(&session->client);
	free(session->lent);
	free(session);
}

static bool set_option(void *core, const char *name, const char *value)
{
	(void)core;
	(void)name;
	(void)value;
	return false;
}

static size_t feed(void *core, struct bytes in)
{
	struct session *session = core;

	return smtp_client_feed(session->client, in);
}

static size_t pull(void *core, uint8_t *space, size_t capacity)
{
	struct session *session = core;
	size_t size = smtp_client_pull(session->client, space, capacity);

	if (smtp_client_wants_content(session->client)) {
		free(session->lent);
		session->lent = NULL;
	}
	return size;
}

static bool next_event(void *core, struct buf *line, struct buf *body)
{
	struct session *session = core;
	struct smtp_client_event event;
	bool fits;

	(void)body;
	if (!smtp_client_next_event(session->client, &event))
		return false;
	if (event.kind == SMTP_CLIENT_EVENT_BROKEN)
		fits = buf_printf(line, "BROKEN %d", event.code);
	else
		fits = buf_printf(line, "%s %s %d",
			event.kind == SMTP_CLIENT_EVENT_LINE ? "LINE" : "REPLY",
			names[event.command], event.code);
	if (event.text.size)
		fits = fits && buf_append_byte(line, ' ') && buf_append(line, event.text);
	if (!fits)
		abort();
	return true;
}

static bool send_command(struct session *session, const char *line, bool expected)
{
	char verb[16];
	size_t length = strcspn(line, " ");
	const char *argument = line[length] ? line + length + 1 : NULL;

	if (!bytes_copy_text(bytes_make(line, length), verb, sizeof verb))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(verb, names[i]) == 0)
			return smtp_client_send(session->client, (enum smtp_client_command)i,
				       argument) == expected;
	}
	return false;
}

static struct bytes own(struct session *session, const char *text)
{
	size_t size = strlen(text);

	free(session->lent);
	session->lent = malloc(size ? size : 1);
	if (!session->lent)
		abort();
	memcpy(session->lent, text, size);
	return bytes_make(session->lent, size);
}

static bool send_chunk(struct smtp_client *client, const char *arguments)
{
	char *end;
	unsigned long long size = strtoull(arguments, &end, 10);

	return smtp_client_send_chunk(client, size, strcmp(end, " LAST") == 0);
}

static bool check_mechanisms(const struct session *session, const char *expected)
{
	char text[16];

	snprintf(text, sizeof text, "%x", (unsigned)smtp_client_mechanisms(session->client));
	return strcmp(text, expected) == 0;
}

static bool check_extensions(const struct session *session, const char *expected)
{
	char text[64];

	snprintf(text, sizeof text, "%x %" PRIu64,
		(unsigned)smtp_client_extensions(session->client),
		smtp_client_size_limit(session->client));
	return strcmp(text, expected) == 0;
}

static bool act(void *core, const char *action, const char *arguments)
{
	struct session *session = core;
	struct smtp_client *client = session->client;

	if (strcmp(action, "send") == 0)
		return send_command(session, arguments, true);
	if (strcmp(action, "cannot_send") == 0)
		return send_command(session, arguments, false);
	if (strcmp(action, "extensions") == 0)
		return check_extensions(session, arguments);
	if (strcmp(action, "mechanisms") == 0)
		return check_mechanisms(session, arguments);
	if (strcmp(action, "chunk") == 0)
		return send_chunk(client, arguments);
	if (strcmp(action, "cannot_chunk") == 0)
		return !send_chunk(client, "1");
	if (strcmp(action, "respond") == 0) {
		smtp_client_respond(client, own(session, arguments));
		return true;
	}
	if (strcmp(action, "wants_content") == 0)
		return smtp_client_wants_content(client) == (*arguments == '1');
	if (strcmp(action, "tls_started") == 0) {
		smtp_client_tls_started(client);
		return true;
	}
	if (!smtp_client_wants_content(client))
		return false;
	if (strcmp(action, "lend") == 0)
		smtp_client_lend_content(client, own(session, arguments));
	else if (strcmp(action, "end") == 0)
		smtp_client_end_content(client);
	else
		return false;
	return true;
}

static const struct wire_adapter adapter = {
	.name = "smtp_client",
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

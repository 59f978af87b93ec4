/* pop3_client.c -- writes commands, reads status lines and multi-line answers (RFC 1939 3, RFC
 * 2449), keeps them in step.
 *
 * A ring holds what was sent and is not answered yet, with whether the answer has many lines,
 * which follows from the command and its argument. Invariant: at most one event waits, and
 * nothing is read while it does. An answer that nothing asked for, a line that is neither +OK
 * nor -ERR, or one of more than ANSWER_LINE_MAX octets breaks the session. Dots in content are
 * pop3_client_body.c's. */
#include "proto/pop3_client.h"

#include <assert.h>

#include "base/buf.h"
#include "crlf_line_internal.h"
#include "lent_line_internal.h"
#include "outbox_internal.h"
#include "pop3_client_body_internal.h"
#include "proto/sasl_client.h"

enum {
	/* RFC 2449 4 allows 512; some servers write longer errors. */
	ANSWER_LINE_MAX = 1024,
	/* RFC 2449 4 allows 255; long passwords and tokens take more. */
	COMMAND_LINE_MAX = 1024,
	OUTBOX_SIZE = 2 * COMMAND_LINE_MAX,
};

enum reading {
	READING_STATUS,
	READING_LINES,
	READING_BODY,
	READING_NOTHING_BEFORE_TLS,
	READING_NOTHING,
};

enum answer_shape { ANSWER_LINE, ANSWER_LINES, ANSWER_LINES_WITHOUT_ARGUMENT, ANSWER_BODY };

static const struct {
	const char *verb;
	enum answer_shape shape;
} commands[] = {
	[POP3_CLIENT_GREETING] = { "", ANSWER_LINE },
	[POP3_CLIENT_CAPA] = { "CAPA", ANSWER_LINES },
	[POP3_CLIENT_STLS] = { "STLS", ANSWER_LINE },
	[POP3_CLIENT_AUTH] = { "AUTH", ANSWER_LINE },
	[POP3_CLIENT_USER] = { "USER", ANSWER_LINE },
	[POP3_CLIENT_PASS] = { "PASS", ANSWER_LINE },
	[POP3_CLIENT_STAT] = { "STAT", ANSWER_LINE },
	[POP3_CLIENT_LIST] = { "LIST", ANSWER_LINES_WITHOUT_ARGUMENT },
	[POP3_CLIENT_UIDL] = { "UIDL", ANSWER_LINES_WITHOUT_ARGUMENT },
	[POP3_CLIENT_RETR] = { "RETR", ANSWER_BODY },
	[POP3_CLIENT_TOP] = { "TOP", ANSWER_BODY },
	[POP3_CLIENT_DELE] = { "DELE", ANSWER_LINE },
	[POP3_CLIENT_RSET] = { "RSET", ANSWER_LINE },
	[POP3_CLIENT_NOOP] = { "NOOP", ANSWER_LINE },
	[POP3_CLIENT_QUIT] = { "QUIT", ANSWER_LINE },
};

/* RFC 2449 6, RFC 2595 4. */
static const struct {
	const char *keyword;
	enum pop3_client_extension bit;
} extension_names[] = {
	{ "STLS", POP3_HAS_STLS },
	{ "USER", POP3_HAS_USER },
	{ "UIDL", POP3_HAS_UIDL },
	{ "TOP", POP3_HAS_TOP },
	{ "PIPELINING", POP3_HAS_PIPELINING },
};

struct expected {
	enum pop3_client_command command;
	enum reading then; /* what follows +OK */
};

struct pop3_client {
	enum reading reading;
	bool has_event;
	struct pop3_client_event event;

	struct expected outstanding[POP3_CLIENT_PIPELINE];
	size_t oldest;
	size_t outstanding_count;
	enum pop3_client_command answered; /* whose answer is being read */

	struct lent_line response; /* to a challenge */

	uint32_t extensions;
	uint32_t mechanisms;
	bool dots_behind_lf;
	struct crlf_line line;
	struct pop3_client_body body;
	struct outbox outbox;

	uint8_t line_data[ANSWER_LINE_MAX];
	uint8_t outbox_data[OUTBOX_SIZE];
};

size_t pop3_client_size(void)
{
	return sizeof(struct pop3_client);
}

static void push(struct pop3_client *client, struct expected expected)
{
	size_t slot = (client->oldest + client->outstanding_count++) % POP3_CLIENT_PIPELINE;

	client->outstanding[slot] = expected;
}

struct pop3_client *pop3_client_init(void *memory)
{
	struct pop3_client *client = memory;

	memset(client, 0, sizeof *client);
	crlf_line_init(&client->line, client->line_data, sizeof client->line_data);
	outbox_init(&client->outbox, client->outbox_data, sizeof client->outbox_data);
	push(client, (struct expected){ POP3_CLIENT_GREETING, READING_STATUS });
	return client;
}

void pop3_client_clear(struct pop3_client *client)
{
	memory_wipe(client, sizeof *client);
}

static void raise_event(
	struct pop3_client *client, enum pop3_client_event_kind kind, bool ok, struct bytes text)
{
	client->event = (struct pop3_client_event){
		.kind = kind,
		.command = client->answered,
		.ok = ok,
		.text = text,
	};
	client->has_event = true;
}

static void break_session(struct pop3_client *client)
{
	raise_event(client, POP3_CLIENT_EVENT_BROKEN, false, bytes_make("", 0));
	client->reading = READING_NOTHING;
}

/* "+OK" or "-ERR", then a blank and text, or nothing (RFC 1939 3: in upper case). */
static bool split_status(struct bytes line, bool *ok, struct bytes *text)
{
	struct bytes word = bytes_head(line, bytes_find(line, ' '));

	*ok = bytes_equal_text(word, "+OK");
	*text = bytes_skip(line, word.size + 1);
	return *ok || bytes_equal_text(word, "-ERR");
}

/* "+ " and base64 (RFC 5034 4); some servers leave the blank out when there is nothing behind it. */
static bool is_challenge(const struct pop3_client *client, struct bytes line, struct bytes *text)
{
	*text = bytes_skip(line, 2);
	return client->outstanding[client->oldest].command == POP3_CLIENT_AUTH &&
	       client->response.state == LENT_LINE_NONE && line.size && line.data[0] == '+' &&
	       (line.size == 1 || line.data[1] == ' ');
}

static void run_status(struct pop3_client *client, struct bytes line)
{
	struct expected expected = client->outstanding[client->oldest];
	struct bytes text;
	bool ok;

	if (client->outstanding_count && is_challenge(client, line, &text)) {
		client->answered = POP3_CLIENT_AUTH;
		client->response.state = LENT_LINE_WANTED;
		raise_event(client, POP3_CLIENT_EVENT_CHALLENGE, true, text);
		return;
	}
	/* While a response is owed or half sent, this answers something else. */
	if (!client->outstanding_count || client->response.state != LENT_LINE_NONE ||
		!split_status(line, &ok, &text)) {
		break_session(client);
		return;
	}
	client->oldest = (client->oldest + 1) % POP3_CLIENT_PIPELINE;
	client->outstanding_count--;
	client->answered = expected.command;
	if (expected.command == POP3_CLIENT_CAPA)
		client->extensions = client->mechanisms = 0;
	if (ok)
		client->reading = expected.then;
	if (client->reading == READING_BODY)
		pop3_client_body_start(&client->body, client->dots_behind_lf);
	raise_event(client, POP3_CLIENT_EVENT_STATUS, ok, text);
}

static void note_capability(struct pop3_client *client, struct bytes line)
{
	struct bytes keyword = bytes_head(line, bytes_find(line, ' '));

	for (size_t i = 0; i < sizeof extension_names / sizeof extension_names[0]; i++) {
		if (bytes_equal_nocase(keyword, bytes_of(extension_names[i].keyword)))
			client->extensions |= extension_names[i].bit;
	}
	if (bytes_equal_nocase(keyword, bytes_of("SASL")))
		client->mechanisms = sasl_client_offered(bytes_skip(line, keyword.size));
}

static void end_answer(struct pop3_client *client)
{
	client->reading = READING_STATUS;
	raise_event(client, POP3_CLIENT_EVENT_END, true, bytes_make("", 0));
}

static void run_listed(struct pop3_client *client, struct bytes line)
{
	if (bytes_equal_text(line, ".")) {
		end_answer(client);
		return;
	}
	if (line.size && line.data[0] == '.')
		line = bytes_skip(line, 1);
	if (client->answered == POP3_CLIENT_CAPA)
		note_capability(client, line);
	raise_event(client, POP3_CLIENT_EVENT_LINE, true, line);
}

static void read_line(struct pop3_client *client, struct bytes *rest)
{
	struct bytes line;

	if (!crlf_line_take(&client->line, rest))
		return;
	line = crlf_line_text(&client->line);
	if (client->line.is_too_long || !crlf_line_is_clean(&client->line))
		break_session(client);
	else if (client->reading == READING_STATUS)
		run_status(client, line);
	else
		run_listed(client, line);
}

static void read_body(struct pop3_client *client, struct bytes *rest)
{
	struct bytes piece;

	if (pop3_client_body_next(&client->body, rest, &piece))
		raise_event(client, POP3_CLIENT_EVENT_BODY, true, piece);
	else if (pop3_client_body_is_done(&client->body))
		end_answer(client);
}

static bool drops_input(const struct pop3_client *client)
{
	return client->reading == READING_NOTHING_BEFORE_TLS || client->reading == READING_NOTHING;
}

size_t pop3_client_feed(struct pop3_client *client, struct bytes in)
{
	struct bytes rest = in;

	while (rest.size && !client->has_event && !drops_input(client)) {
		if (client->reading == READING_BODY)
			read_body(client, &rest);
		else
			read_line(client, &rest);
	}
	return drops_input(client) ? in.size : in.size - rest.size;
}

bool pop3_client_next_event(struct pop3_client *client, struct pop3_client_event *event)
{
	struct bytes nothing = bytes_make("", 0);

	/* What was taken from the input in one go may come out in several pieces. */
	if (!client->has_event && client->reading == READING_BODY)
		read_body(client, &nothing);
	if (!client->has_event)
		return false;
	*event = client->event;
	client->has_event = false;
	return true;
}

size_t pop3_client_pull(struct pop3_client *client, uint8_t *space, size_t capacity)
{
	size_t used = outbox_take(&client->outbox, space, capacity);

	if (!client->outbox.size)
		used += lent_line_pull(&client->response, space + used, capacity - used);
	return used;
}

static enum reading reading_after(enum pop3_client_command command, bool has_argument)
{
	if (command == POP3_CLIENT_STLS)
		return READING_NOTHING_BEFORE_TLS;
	switch (commands[command].shape) {
	case ANSWER_LINES:
		return READING_LINES;
	case ANSWER_LINES_WITHOUT_ARGUMENT:
		return has_argument ? READING_STATUS : READING_LINES;
	case ANSWER_BODY:
		return READING_BODY;
	default:
		return READING_STATUS;
	}
}

static bool may_send(const struct pop3_client *client)
{
	size_t newest = client->oldest + client->outstanding_count + POP3_CLIENT_PIPELINE - 1;
	enum pop3_client_command last = client->outstanding[newest % POP3_CLIENT_PIPELINE].command;

	return !drops_input(client) && client->outstanding_count < POP3_CLIENT_PIPELINE &&
	       !(client->outstanding_count &&
		       (last == POP3_CLIENT_STLS || last == POP3_CLIENT_AUTH));
}

static bool is_clean(struct bytes text)
{
	return bytes_find(text, '\r') == text.size && bytes_find(text, '\n') == text.size &&
	       bytes_find(text, '\0') == text.size;
}

bool pop3_client_send(
	struct pop3_client *client, enum pop3_client_command command, struct bytes argument)
{
	struct bytes verb = bytes_of(commands[command].verb);
	size_t size = verb.size + (argument.size ? 1 + argument.size : 0) + 2;

	assert(command != POP3_CLIENT_GREETING);
	if (!may_send(client) || !is_clean(argument) || argument.size > COMMAND_LINE_MAX ||
		size > COMMAND_LINE_MAX || size > outbox_room(&client->outbox))
		return false;
	outbox_append(&client->outbox, verb);
	if (argument.size) {
		outbox_append(&client->outbox, bytes_of(" "));
		outbox_append(&client->outbox, argument);
	}
	outbox_append(&client->outbox, bytes_of("\r\n"));
	push(client, (struct expected){ command, reading_after(command, argument.size > 0) });
	return true;
}

void pop3_client_respond(struct pop3_client *client, struct bytes response)
{
	lent_line_lend(&client->response, response);
}

void pop3_client_tls_started(struct pop3_client *client)
{
	assert(client->reading == READING_NOTHING_BEFORE_TLS);
	client->reading = READING_STATUS;
	client->extensions = client->mechanisms = 0;
	crlf_line_reset(&client->line);
}

void pop3_client_set_dots_behind_lf(struct pop3_client *client, bool set)
{
	client->dots_behind_lf = set;
}

uint32_t pop3_client_extensions(const struct pop3_client *client)
{
	return client->extensions;
}

uint32_t pop3_client_mechanisms(const struct pop3_client *client)
{
	return client->mechanisms;
}

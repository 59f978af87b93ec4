/* smtp_client.c -- writes commands, reads replies (RFC 5321 4.1, 4.2), keeps the two in step.
 *
 * A ring holds what was sent and is not answered yet; a complete reply belongs to its oldest entry.
 * Invariant: at most one event waits, and nothing is read while it does. What a strict reader would
 * not understand (a wrong code, lines of one reply with different codes, a reply that nothing asked
 * for) breaks the session instead of being guessed at: a shifted reply would be taken for the
 * acceptance of a message. The dots of the content are smtp_client_content.c's. */
#include "proto/smtp_client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "crlf_line_internal.h"
#include "lent_line_internal.h"
#include "outbox_internal.h"
#include "proto/sasl_client.h"
#include "smtp_client_content_internal.h"

enum {
	REPLY_LINE_MAX = 1000,
	/* RFC 5321 4.5.3.1.4: 512, and what SIZE, DSN and AUTH add to it. */
	COMMAND_LINE_MAX = 1000,
	/* No server has so much to say; an endless reply is an attack. */
	REPLY_LINES_MAX = 256,
	CODE_SIZE = 3,
	CODE_DATA_GOES_ON = 354,
	CODE_CHALLENGE = 334,
};

enum reading { READING_REPLIES, READING_NOTHING_BEFORE_TLS, READING_NOTHING };

enum content_state { CONTENT_NONE, CONTENT_WANTED, CONTENT_LENT };

struct smtp_client {
	enum reading reading;
	bool has_event;
	struct smtp_client_event event;

	enum smtp_client_command outstanding[SMTP_CLIENT_PIPELINE];
	size_t oldest;
	size_t outstanding_count;

	int reply_code; /* of the reply's first line; 0 before it */
	size_t reply_lines;
	struct crlf_line line;

	uint32_t extensions;
	uint32_t mechanisms;
	uint64_t size_limit;

	struct lent_line response; /* to a challenge */

	enum content_state content_state;
	bool is_chunk;	     /* it is sent as it is */
	uint64_t chunk_left; /* octets of it that have not been lent */
	struct smtp_content content;
	struct outbox outbox;

	uint8_t line_data[REPLY_LINE_MAX];
	/* Room for as many commands as may be outstanding, and for the end of the content. */
	uint8_t outbox_data[(SMTP_CLIENT_PIPELINE + 1) * COMMAND_LINE_MAX];
};

static const char *const verbs[] = {
	[SMTP_CLIENT_EHLO] = "EHLO",
	[SMTP_CLIENT_STARTTLS] = "STARTTLS",
	[SMTP_CLIENT_AUTH] = "AUTH",
	[SMTP_CLIENT_MAIL] = "MAIL",
	[SMTP_CLIENT_RCPT] = "RCPT",
	[SMTP_CLIENT_DATA] = "DATA",
	[SMTP_CLIENT_BDAT] = "BDAT",
	[SMTP_CLIENT_RSET] = "RSET",
	[SMTP_CLIENT_QUIT] = "QUIT",
};

static const struct {
	const char *keyword;
	enum smtp_client_extension bit;
} extension_names[] = {
	{ "STARTTLS", SMTP_HAS_STARTTLS },
	{ "PIPELINING", SMTP_HAS_PIPELINING },
	{ "SIZE", SMTP_HAS_SIZE },
	{ "8BITMIME", SMTP_HAS_8BITMIME },
	{ "CHUNKING", SMTP_HAS_CHUNKING },
	{ "SMTPUTF8", SMTP_HAS_SMTPUTF8 },
	{ "DSN", SMTP_HAS_DSN },
	{ "ENHANCEDSTATUSCODES", SMTP_HAS_ENHANCED_CODES },
};

static void push(struct smtp_client *client, enum smtp_client_command command)
{
	size_t slot = (client->oldest + client->outstanding_count++) % SMTP_CLIENT_PIPELINE;

	client->outstanding[slot] = command;
}

struct smtp_client *smtp_client_new(void)
{
	struct smtp_client *client = calloc(1, sizeof *client);

	if (!client)
		return NULL;
	crlf_line_init(&client->line, client->line_data, sizeof client->line_data);
	outbox_init(&client->outbox, client->outbox_data, sizeof client->outbox_data);
	push(client, SMTP_CLIENT_GREETING);
	return client;
}

void smtp_client_free(struct smtp_client **client)
{
	if (*client) {
		crlf_line_reset(&(*client)->line);
		outbox_wipe(&(*client)->outbox);
	}
	free(*client);
	*client = NULL;
}

static void raise_broken(struct smtp_client *client, int code, struct bytes text)
{
	client->event = (struct smtp_client_event){
		.kind = SMTP_CLIENT_EVENT_BROKEN,
		.code = code,
		.text = text,
	};
	client->has_event = true;
	client->reading = READING_NOTHING;
}

/* RFC 4954 3; "AUTH=" is how it was written before there was an RFC, and some still do. */
static bool note_mechanisms(struct smtp_client *client, struct bytes keyword, struct bytes words)
{
	static const char old[] = "AUTH=";

	if (bytes_starts_with_nocase(keyword, old))
		client->mechanisms |= sasl_client_offered(bytes_skip(keyword, sizeof old - 1));
	else if (!bytes_equal_nocase(keyword, bytes_of("AUTH")))
		return false;
	client->mechanisms |= sasl_client_offered(words);
	return true;
}

/* A line of the reply to EHLO behind its first (RFC 5321 4.1.1.1): a keyword and parameters. */
static void note_extension(struct smtp_client *client, struct bytes text)
{
	struct bytes keyword;
	uint64_t limit;

	text = bytes_trim(text);
	if (!bytes_split(&text, ' ', &keyword) || note_mechanisms(client, keyword, text))
		return;
	for (size_t i = 0; i < sizeof extension_names / sizeof extension_names[0]; i++) {
		if (bytes_equal_nocase(keyword, bytes_of(extension_names[i].keyword))) {
			client->extensions |= extension_names[i].bit;
			if (extension_names[i].bit == SMTP_HAS_SIZE &&
				bytes_parse_number(bytes_trim(text), UINT64_MAX, &limit))
				client->size_limit = limit;
		}
	}
}

static void raise_line(struct smtp_client *client, struct bytes text)
{
	client->event = (struct smtp_client_event){
		.kind = SMTP_CLIENT_EVENT_LINE,
		.command = client->outstanding[client->oldest],
		.code = client->reply_code,
		.text = text,
	};
	client->has_event = true;
}

static void finish_reply(struct smtp_client *client, struct bytes text)
{
	int code = client->reply_code;
	enum smtp_client_command command;

	client->reply_code = 0;
	client->reply_lines = 0;
	if (!client->outstanding_count) {
		raise_broken(client, code, text);
		return;
	}
	command = client->outstanding[client->oldest];
	/* A response is owed or half sent: whatever this answers, it is not that. */
	if (client->response.state != LENT_LINE_NONE) {
		raise_broken(client, code, text);
		return;
	}
	client->oldest = (client->oldest + 1) % SMTP_CLIENT_PIPELINE;
	client->outstanding_count--;
	client->event = (struct smtp_client_event){
		.kind = SMTP_CLIENT_EVENT_REPLY,
		.command = command,
		.code = code,
		.text = text,
	};
	client->has_event = true;
	if (command == SMTP_CLIENT_DATA && code == CODE_DATA_GOES_ON) {
		smtp_content_start(&client->content);
		client->content_state = CONTENT_WANTED;
		client->is_chunk = false;
	}
	if (command == SMTP_CLIENT_AUTH && code == CODE_CHALLENGE) {
		client->response.state = LENT_LINE_WANTED;
		push(client, SMTP_CLIENT_AUTH);
	}
	if (command == SMTP_CLIENT_STARTTLS && code / 100 == 2)
		client->reading = READING_NOTHING_BEFORE_TLS;
}

/* Reply-code = %x32-35 %x30-39 %x30-39, wider in its second digit than RFC 5321 4.2, because some
 * servers are. False: malformed. */
static bool split_line(struct bytes line, int *code, bool *is_last, struct bytes *text)
{
	uint64_t number;

	if (!bytes_parse_number(bytes_head(line, CODE_SIZE), 599, &number) || number < 200)
		return false;
	*code = (int)number;
	*is_last = line.size == CODE_SIZE || line.data[CODE_SIZE] == ' ';
	*text = bytes_skip(line, CODE_SIZE + 1);
	return *is_last || line.data[CODE_SIZE] == '-';
}

static void run_line(struct smtp_client *client)
{
	bool is_first = client->reply_lines++ == 0;
	struct bytes text;
	bool is_last;
	bool is_ehlo;
	int code;

	if (client->line.is_too_long || !crlf_line_is_clean(&client->line) ||
		!split_line(crlf_line_text(&client->line), &code, &is_last, &text) ||
		(!is_first && code != client->reply_code) ||
		client->reply_lines > REPLY_LINES_MAX) {
		raise_broken(client, 0, bytes_make("", 0));
		return;
	}
	client->reply_code = code;
	is_ehlo = client->outstanding_count &&
		  client->outstanding[client->oldest] == SMTP_CLIENT_EHLO;
	if (is_ehlo && is_first) {
		client->extensions = 0;
		client->mechanisms = 0;
		client->size_limit = 0;
	} else if (is_ehlo && code / 100 == 2) {
		note_extension(client, text);
	}
	if (is_last)
		finish_reply(client, text);
	else if (!is_ehlo && client->outstanding_count &&
		 client->outstanding[client->oldest] != SMTP_CLIENT_GREETING)
		raise_line(client, text);
}

size_t smtp_client_feed(struct smtp_client *client, struct bytes in)
{
	struct bytes rest = in;

	while (rest.size && !client->has_event && client->reading == READING_REPLIES) {
		if (crlf_line_take(&client->line, &rest))
			run_line(client);
	}
	return client->reading == READING_REPLIES ? in.size - rest.size : in.size;
}

bool smtp_client_next_event(struct smtp_client *client, struct smtp_client_event *event)
{
	if (!client->has_event)
		return false;
	*event = client->event;
	client->has_event = false;
	return true;
}

static size_t pull_chunk(struct smtp_client *client, uint8_t *space, size_t capacity)
{
	struct bytes run = bytes_head(client->content.piece, capacity);

	if (run.size)
		memcpy(space, run.data, run.size);
	client->content.piece = bytes_skip(client->content.piece, run.size);
	return run.size;
}

static size_t pull_content(struct smtp_client *client, uint8_t *space, size_t capacity)
{
	size_t used = client->is_chunk ? pull_chunk(client, space, capacity)
				       : smtp_content_pull(&client->content, space, capacity);

	if (!client->content.piece.size)
		client->content_state =
			client->is_chunk && !client->chunk_left ? CONTENT_NONE : CONTENT_WANTED;
	return used;
}

size_t smtp_client_pull(struct smtp_client *client, uint8_t *space, size_t capacity)
{
	size_t used = outbox_take(&client->outbox, space, capacity);

	if (client->outbox.size)
		return used;
	used += lent_line_pull(&client->response, space + used, capacity - used);
	if (client->content_state == CONTENT_LENT)
		used += pull_content(client, space + used, capacity - used);
	return used;
}

/* RFC 2920 3.1: what the server takes for the next command, content or handshake depends on the
 * answer to these. */
static bool is_barrier(enum smtp_client_command command)
{
	return command == SMTP_CLIENT_DATA || command == SMTP_CLIENT_STARTTLS ||
	       command == SMTP_CLIENT_AUTH;
}

static bool may_send(const struct smtp_client *client)
{
	size_t newest = client->oldest + client->outstanding_count + SMTP_CLIENT_PIPELINE - 1;

	return client->reading == READING_REPLIES && client->content_state == CONTENT_NONE &&
	       client->outstanding_count < SMTP_CLIENT_PIPELINE &&
	       !(client->outstanding_count &&
		       is_barrier(client->outstanding[newest % SMTP_CLIENT_PIPELINE]));
}

static bool send_line(
	struct smtp_client *client, enum smtp_client_command command, struct bytes text)
{
	size_t size;

	size = strlen(verbs[command]) + (text.size ? 1 + text.size : 0) + 2;
	if (!may_send(client) || size > COMMAND_LINE_MAX || bytes_find(text, '\r') < text.size ||
		bytes_find(text, '\n') < text.size ||
		size + COMMAND_LINE_MAX > outbox_room(&client->outbox))
		return false;
	outbox_append(&client->outbox, bytes_of(verbs[command]));
	if (text.size) {
		outbox_append(&client->outbox, bytes_of(" "));
		outbox_append(&client->outbox, text);
	}
	outbox_append(&client->outbox, bytes_of("\r\n"));
	push(client, command);
	return true;
}

bool smtp_client_send(
	struct smtp_client *client, enum smtp_client_command command, const char *argument)
{
	struct bytes text = bytes_of(argument ? argument : "");

	assert(command != SMTP_CLIENT_GREETING && command != SMTP_CLIENT_CONTENT &&
		command != SMTP_CLIENT_BDAT);
	return send_line(client, command, text);
}

void smtp_client_respond(struct smtp_client *client, struct bytes response)
{
	lent_line_lend(&client->response, response);
}

bool smtp_client_send_chunk(struct smtp_client *client, uint64_t chunk, bool is_last)
{
	char argument[32];

	snprintf(argument, sizeof argument, "%" PRIu64 "%s", chunk, is_last ? " LAST" : "");
	if (!send_line(client, SMTP_CLIENT_BDAT, bytes_of(argument)))
		return false;
	client->is_chunk = true;
	client->chunk_left = chunk;
	client->content.piece = bytes_make("", 0);
	client->content_state = chunk ? CONTENT_WANTED : CONTENT_NONE;
	return true;
}

bool smtp_client_wants_content(const struct smtp_client *client)
{
	return client->content_state == CONTENT_WANTED && client->reading != READING_NOTHING;
}

void smtp_client_lend_content(struct smtp_client *client, struct bytes piece)
{
	assert(client->content_state == CONTENT_WANTED);
	assert(!client->is_chunk || piece.size <= client->chunk_left);
	client->chunk_left -= client->is_chunk ? piece.size : 0;
	smtp_content_lend(&client->content, piece);
	client->content_state = piece.size ? CONTENT_LENT : CONTENT_WANTED;
}

void smtp_client_end_content(struct smtp_client *client)
{
	bool fits;

	assert(client->content_state == CONTENT_WANTED && !client->is_chunk);
	/* smtp_client_send() left room for it. */
	fits = outbox_append(&client->outbox, bytes_of(smtp_content_end(&client->content)));
	assert(fits);
	(void)fits;
	client->content_state = CONTENT_NONE;
	push(client, SMTP_CLIENT_CONTENT);
}

void smtp_client_tls_started(struct smtp_client *client)
{
	assert(client->reading == READING_NOTHING_BEFORE_TLS);
	client->reading = READING_REPLIES;
	client->extensions = 0;
	client->mechanisms = 0;
	client->size_limit = 0;
	crlf_line_reset(&client->line);
}

uint32_t smtp_client_extensions(const struct smtp_client *client)
{
	return client->extensions;
}

uint32_t smtp_client_mechanisms(const struct smtp_client *client)
{
	return client->mechanisms;
}

uint64_t smtp_client_size_limit(const struct smtp_client *client)
{
	return client->size_limit;
}

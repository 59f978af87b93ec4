/* pop3_tap_client.c -- the client's side: a line becomes a command of the table or is refused, and what the server is
 * sent is written anew from verb and numbers, so that nothing else can be in it. */
#include <stdio.h>

#include "pop3_tap_internal.h"

enum arguments { NO_ARGUMENT, MAY_NUMBER, NEEDS_NUMBER, NEEDS_NUMBER_AND_LINES };

/* RFC 1939 5 and 7, RFC 2449 5. What is not here has an answer whose end is not known, or belongs in front of the
 * login. */
static const struct {
	const char *verb;
	enum arguments arguments;
	enum pop3_tap_shape shape; /* of the answer */
	enum pop3_tap_shape shape_with_number;
} commands[] = {
	[POP3_TAP_CAPA] = { "CAPA", NO_ARGUMENT, POP3_TAP_LINES, POP3_TAP_LINES },
	[POP3_TAP_STAT] = { "STAT", NO_ARGUMENT, POP3_TAP_LINE, POP3_TAP_LINE },
	[POP3_TAP_LIST] = { "LIST", MAY_NUMBER, POP3_TAP_CONTENT, POP3_TAP_LINE },
	[POP3_TAP_UIDL] = { "UIDL", MAY_NUMBER, POP3_TAP_CONTENT, POP3_TAP_LINE },
	[POP3_TAP_RETR] = { "RETR", NEEDS_NUMBER, POP3_TAP_LINE, POP3_TAP_KEPT_CONTENT },
	[POP3_TAP_TOP] = { "TOP", NEEDS_NUMBER_AND_LINES, POP3_TAP_LINE, POP3_TAP_CONTENT },
	[POP3_TAP_DELE] = { "DELE", NEEDS_NUMBER, POP3_TAP_LINE, POP3_TAP_LINE },
	[POP3_TAP_RSET] = { "RSET", NO_ARGUMENT, POP3_TAP_LINE, POP3_TAP_LINE },
	[POP3_TAP_NOOP] = { "NOOP", NO_ARGUMENT, POP3_TAP_LINE, POP3_TAP_LINE },
	[POP3_TAP_QUIT] = { "QUIT", NO_ARGUMENT, POP3_TAP_LINE, POP3_TAP_LINE },
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

enum pop3_tap_shape pop3_tap_shape_of(enum pop3_tap_command command, bool has_number)
{
	return has_number ? commands[command].shape_with_number : commands[command].shape;
}

/* ---- the client's line ---- */

static void refuse_line(struct pop3_tap *tap, const char *text)
{
	struct pop3_tap_entry entry = { .is_refused = true };

	snprintf(entry.refusal, sizeof entry.refusal, "%s", text);
	pop3_tap_push(tap, &entry);
	if (++tap->errors >= tap->options.max_errors)
		pop3_tap_shut_down(tap, "too many errors");
}

static bool find_command(struct bytes verb, enum pop3_tap_command *command)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (bytes_equal_nocase(verb, bytes_of(commands[i].verb))) {
			*command = (enum pop3_tap_command)i;
			return true;
		}
	}
	return false;
}

static bool take_number(struct bytes *rest, uint64_t minimum, uint32_t *number)
{
	struct bytes word;
	uint64_t value;

	*rest = bytes_trim(*rest);
	if (!bytes_split(rest, ' ', &word) || !bytes_parse_number(word, UINT32_MAX, &value) ||
		value < minimum)
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool take_arguments(struct bytes rest, struct pop3_tap_entry *entry)
{
	enum arguments arguments = commands[entry->command].arguments;

	rest = bytes_trim(rest);
	if (arguments == NO_ARGUMENT || (arguments == MAY_NUMBER && !rest.size))
		return !rest.size;
	if (!take_number(&rest, 1, &entry->number))
		return false;
	entry->has_lines = arguments == NEEDS_NUMBER_AND_LINES;
	if (entry->has_lines && !take_number(&rest, 0, &entry->lines))
		return false;
	return !bytes_trim(rest).size;
}

void pop3_tap_run_line(struct pop3_tap *tap)
{
	struct bytes line = crlf_line_text(&tap->client_line);
	struct bytes verb = bytes_head(line, bytes_find(line, ' '));
	struct pop3_tap_entry entry = { .is_own = false };

	if (tap->client_line.is_too_long) {
		refuse_line(tap, "this line is too long");
	} else if (!crlf_line_is_clean(&tap->client_line)) {
		refuse_line(tap, "only CRLF ends a line");
	} else if (!find_command(verb, &entry.command)) {
		refuse_line(tap, "this command is not passed on");
	} else if (!take_arguments(bytes_skip(line, verb.size), &entry)) {
		refuse_line(tap, "this command has other arguments");
	} else {
		entry.shape = pop3_tap_shape_of(entry.command, entry.number != 0);
		tap->asked = entry;
		tap->is_deciding = true;
		tap->event =
			(struct pop3_tap_event){ .command = entry.command, .number = entry.number };
		pop3_tap_raise(tap, POP3_TAP_EVENT_COMMAND, bytes_make("", 0));
	}
}

/* ---- the server's ---- */

static bool write_command(struct pop3_tap *tap, const struct pop3_tap_entry *entry)
{
	const char *verb = commands[entry->command].verb;
	char line[POP3_TAP_SENT_MAX + 1];
	int size;

	if (entry->has_lines)
		size = snprintf(
			line, sizeof line, "%s %u %u\r\n", verb, entry->number, entry->lines);
	else if (entry->number)
		size = snprintf(line, sizeof line, "%s %u\r\n", verb, entry->number);
	else
		size = snprintf(line, sizeof line, "%s\r\n", verb);
	return outbox_append(&tap->to_server, bytes_make(line, (size_t)size));
}

static bool is_answer_due(struct pop3_tap *tap)
{
	if (tap->reading != POP3_TAP_READING_STATUS)
		return true;
	for (size_t i = 0; i < tap->count; i++) {
		if (pop3_tap_entry_at(tap, i)->is_sent)
			return true;
	}
	return false;
}

void pop3_tap_send_on(struct pop3_tap *tap)
{
	for (size_t i = 0; i < tap->count; i++) {
		struct pop3_tap_entry *entry = pop3_tap_entry_at(tap, i);

		if (entry->is_sent || entry->is_refused)
			continue;
		if ((!tap->options.server_pipelines && is_answer_due(tap)) ||
			!write_command(tap, entry))
			return;
		entry->is_sent = true;
	}
}

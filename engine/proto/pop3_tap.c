/* pop3_tap.c -- the machine around the two sides: the queue, events, the driver's answers, the end. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "pop3_tap_internal.h"

struct pop3_tap *pop3_tap_new(const struct pop3_tap_options *options)
{
	struct pop3_tap *tap = calloc(1, sizeof *tap);

	if (!tap)
		return NULL;
	tap->options = *options;
	crlf_line_init(&tap->client_line, tap->client_line_data, sizeof tap->client_line_data);
	crlf_line_init(&tap->server_line, tap->server_line_data, sizeof tap->server_line_data);
	outbox_init(&tap->to_server, tap->to_server_data, sizeof tap->to_server_data);
	pop3_passage_init(&tap->to_client);
	return tap;
}

void pop3_tap_free(struct pop3_tap **tap)
{
	free(*tap);
	*tap = NULL;
}

/* ---- the queue ---- */

struct pop3_tap_entry *pop3_tap_entry_at(struct pop3_tap *tap, size_t index)
{
	return &tap->queue[(tap->first + index) % POP3_TAP_QUEUE];
}

void pop3_tap_say_refusals(struct pop3_tap *tap)
{
	while (tap->count && pop3_tap_entry_at(tap, 0)->is_refused &&
		tap->reading == POP3_TAP_READING_STATUS &&
		pop3_passage_room(&tap->to_client) >= POP3_TAP_ANSWER_MAX) {
		struct pop3_tap_entry entry = pop3_tap_pop(tap);

		pop3_tap_say_error(tap, entry.refusal);
	}
}

void pop3_tap_push(struct pop3_tap *tap, const struct pop3_tap_entry *entry)
{
	assert(tap->count < POP3_TAP_QUEUE);
	*pop3_tap_entry_at(tap, tap->count++) = *entry;
	pop3_tap_send_on(tap);
	pop3_tap_say_refusals(tap);
}

struct pop3_tap_entry pop3_tap_pop(struct pop3_tap *tap)
{
	struct pop3_tap_entry entry = *pop3_tap_entry_at(tap, 0);

	tap->first = (tap->first + 1) % POP3_TAP_QUEUE;
	tap->count--;
	return entry;
}

void pop3_tap_say_error(struct pop3_tap *tap, const char *text)
{
	char line[POP3_TAP_REFUSAL_MAX + 16];
	int size = snprintf(line, sizeof line, "-ERR %.*s\r\n", POP3_TAP_REFUSAL_MAX, text);

	pop3_passage_append(&tap->to_client, bytes_make(line, (size_t)size));
}

/* ---- events ---- */

void pop3_tap_raise(struct pop3_tap *tap, enum pop3_tap_event_kind kind, struct bytes text)
{
	tap->event.kind = kind;
	tap->event.text = text;
	tap->has_event = true;
}

/* Of one that the client is reading. */
static bool is_inside_answer(const struct pop3_tap *tap)
{
	return tap->is_inside ||
	       (!tap->answered.is_own && (tap->reading == POP3_TAP_READING_LINES ||
						 tap->reading == POP3_TAP_READING_CONTENT));
}

void pop3_tap_end(struct pop3_tap *tap, enum pop3_tap_event_kind kind)
{
	tap->event = (struct pop3_tap_event){ .command = POP3_TAP_QUIT };
	tap->is_inside = is_inside_answer(tap);
	tap->is_over = kind == POP3_TAP_EVENT_CLOSE;
	tap->is_closing = true;
	tap->is_deciding = false;
	tap->reading = POP3_TAP_READING_NOTHING;
	tap->count = 0;
	pop3_tap_raise(tap, kind, bytes_make("", 0));
}

bool pop3_tap_next_event(struct pop3_tap *tap, struct pop3_tap_event *event)
{
	if (!tap->has_event)
		return false;
	*event = tap->event;
	tap->has_event = false;
	/* Whatever was said to QUIT, its answer is the last one (RFC 1939 6). */
	if (event->kind == POP3_TAP_EVENT_STATUS && event->command == POP3_TAP_QUIT)
		pop3_tap_end(tap, POP3_TAP_EVENT_CLOSE);
	return true;
}

/* ---- the sides ---- */

/* One place of the queue stays for the driver. */
static bool takes_commands(const struct pop3_tap *tap)
{
	return !tap->has_event && !tap->is_deciding && !tap->is_closing &&
	       tap->count < POP3_TAP_QUEUE - 1;
}

size_t pop3_tap_feed_client(struct pop3_tap *tap, struct bytes in)
{
	struct bytes rest = in;

	while (rest.size && takes_commands(tap) && crlf_line_take(&tap->client_line, &rest))
		pop3_tap_run_line(tap);
	return tap->is_closing ? in.size : in.size - rest.size;
}

size_t pop3_tap_pull_client(struct pop3_tap *tap, uint8_t *space, size_t capacity)
{
	pop3_tap_say_refusals(tap);
	return pop3_passage_take(&tap->to_client, space, capacity);
}

size_t pop3_tap_pull_server(struct pop3_tap *tap, uint8_t *space, size_t capacity)
{
	size_t used = outbox_take(&tap->to_server, space, capacity);

	pop3_tap_send_on(tap);
	return used;
}

/* ---- the driver ---- */

void pop3_tap_pass(struct pop3_tap *tap)
{
	if (!tap->is_deciding)
		return;
	tap->is_deciding = false;
	/* Nothing may follow. */
	tap->is_closing = tap->asked.command == POP3_TAP_QUIT;
	pop3_tap_push(tap, &tap->asked);
}

void pop3_tap_refuse(struct pop3_tap *tap, const char *text)
{
	if (!tap->is_deciding)
		return;
	tap->is_deciding = false;
	tap->asked.is_refused = true;
	snprintf(tap->asked.refusal, sizeof tap->asked.refusal, "%s", text);
	pop3_tap_push(tap, &tap->asked);
}

bool pop3_tap_ask(struct pop3_tap *tap, enum pop3_tap_command command, uint32_t number)
{
	struct pop3_tap_entry entry = {
		.command = command,
		.number = number,
		.shape = pop3_tap_shape_of(command, number != 0),
		.is_own = true,
	};

	assert(command == POP3_TAP_UIDL || command == POP3_TAP_LIST || command == POP3_TAP_RETR ||
		command == POP3_TAP_NOOP);
	/* What waits for the driver's word needs a place, too. */
	if (tap->count + tap->is_deciding >= POP3_TAP_QUEUE ||
		tap->reading == POP3_TAP_READING_NOTHING)
		return false;
	/* The driver wants the lines, not what they are made of. */
	if (entry.shape == POP3_TAP_CONTENT)
		entry.shape = POP3_TAP_LINES;
	pop3_tap_push(tap, &entry);
	return true;
}

void pop3_tap_open_gate(struct pop3_tap *tap, uint64_t gate)
{
	pop3_passage_open_gate(&tap->to_client, gate);
}

void pop3_tap_shut_down(struct pop3_tap *tap, const char *text)
{
	if (tap->is_over)
		return;
	if (!is_inside_answer(tap) && !pop3_passage_has_closed_gate(&tap->to_client) &&
		pop3_passage_room(&tap->to_client) >= POP3_TAP_ANSWER_MAX)
		pop3_tap_say_error(tap, text);
	pop3_tap_end(tap, POP3_TAP_EVENT_CLOSE);
}

bool pop3_tap_is_drained(const struct pop3_tap *tap)
{
	return !tap->to_client.size;
}

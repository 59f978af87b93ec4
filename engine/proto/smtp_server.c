/* smtp_server.c -- the machine around the commands: what is fed in goes to the command table or to the
 * content, events and replies wait in fixed memory until they are taken, the driver's answers become
 * replies.
 *
 * Invariants: one command is in work at a time (smtp_server_internal.h says why), so replies leave in
 * the order of the commands (RFC 2920 3.2); only CRLF ends a command, and a line that is too long or
 * holds a bare CR, a bare LF or NUL is refused as a whole, so no part of it is ever run.
 *
 * Left to the driver: sockets, TLS, time limits, who may be delivered to, and safety before 250. */
#include "smtp_server_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const struct smtp_refusal acceptances[] = {
	[SMTP_WAIT_MAIL] = { 250, "2.1.0 Sender ok" },
	[SMTP_WAIT_RCPT] = { 250, "2.1.5 Recipient ok" },
	[SMTP_WAIT_DATA] = { 354, "End data with <CR><LF>.<CR><LF>" },
	[SMTP_WAIT_END] = { 250, "2.0.0 Ok, the message is stored" },
};

struct smtp_server *smtp_server_new(const struct smtp_server_options *options)
{
	struct smtp_server *server = calloc(1, sizeof *server);
	char greeting[SMTP_REPLY_SIZE];

	if (!server)
		return NULL;
	snprintf(server->hostname, sizeof server->hostname, "%s", options->hostname);
	server->max_message_size = options->max_message_size;
	server->max_recipients = options->max_recipients;
	server->announced_recipients = options->announced_recipients ? options->announced_recipients
								     : options->max_recipients;
	server->max_errors = options->max_errors;
	server->max_commands = options->max_commands;
	server->tls = options->tls;
	crlf_line_init(&server->line, server->line_data, sizeof server->line_data);
	outbox_init(&server->outbox, server->outbox_data, sizeof server->outbox_data);
	snprintf(greeting, sizeof greeting, "%s ESMTP Lettergate", server->hostname);
	smtp_server_say(server, 220, greeting);
	return server;
}

void smtp_server_free(struct smtp_server **server)
{
	free(*server);
	*server = NULL;
}

/* ------------------------------------------------------------------ events */

bool smtp_server_can_go_on(const struct smtp_server *server)
{
	return server->wait == SMTP_WAIT_NONE && !server->event_count &&
	       outbox_room(&server->outbox) >= SMTP_STEP_SIZE;
}

void smtp_server_raise(struct smtp_server *server, struct smtp_event event)
{
	assert(server->event_count < SMTP_EVENTS);
	server->events[(server->first_event + server->event_count++) % SMTP_EVENTS] = event;
}

void smtp_server_ask(struct smtp_server *server, enum smtp_wait wait, struct smtp_event event)
{
	server->wait = wait;
	smtp_server_raise(server, event);
}

bool smtp_server_next_event(struct smtp_server *server, struct smtp_event *event)
{
	if (!server->event_count)
		return false;
	*event = server->events[server->first_event];
	server->first_event = (server->first_event + 1) % SMTP_EVENTS;
	server->event_count--;
	return true;
}

bool smtp_server_needs_answer(const struct smtp_server *server)
{
	return server->wait != SMTP_WAIT_NONE;
}

bool smtp_server_is_in_transaction(const struct smtp_server *server)
{
	return server->transaction.recipients || smtp_server_is_in_content(server);
}

bool smtp_server_is_in_content(const struct smtp_server *server)
{
	return server->phase == SMTP_PHASE_CONTENT || server->phase == SMTP_PHASE_CHUNK;
}

void smtp_server_void_transaction(struct smtp_server *server)
{
	if (server->transaction.exists)
		smtp_server_raise(server, (struct smtp_event){ .kind = SMTP_EVENT_ABORT });
	server->transaction = (struct smtp_transaction){ 0 };
}

/* ------------------------------------------------------------------ replies */

/* The text behind "x.y.z " (RFC 3463 2), or all of it. */
static const char *skip_enhanced_code(const char *text)
{
	size_t length = strspn(text, "0123456789.");

	return length >= 5 && text[1] == '.' && text[length] == ' ' ? text + length + 1 : text;
}

void smtp_server_say(struct smtp_server *server, int code, const char *text)
{
	char line[SMTP_REPLY_SIZE];
	size_t size;
	bool fits;

	if (server->has_hello && !server->is_extended)
		text = skip_enhanced_code(text);
	snprintf(line, sizeof line - 2, "%03d %s", code, text);
	size = strlen(line);
	/* A driver's text may quote somebody; it must neither end the reply nor begin another. */
	for (size_t i = 0; i < size; i++) {
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	}
	memcpy(line + size, "\r\n", 2);
	fits = outbox_append(&server->outbox, bytes_make(line, size + 2));
	assert(fits);
	(void)fits;
}

void smtp_server_end(struct smtp_server *server, int code, const char *text)
{
	smtp_server_say(server, code, text);
	smtp_server_raise(server, (struct smtp_event){ .kind = SMTP_EVENT_CLOSE });
	server->phase = SMTP_PHASE_CLOSED;
}

void smtp_server_reject(struct smtp_server *server, int code, const char *text)
{
	if (server->errors++ < server->max_errors) {
		smtp_server_say(server, code, text);
		return;
	}
	smtp_server_void_transaction(server);
	smtp_server_end(server, 421, "4.7.0 Too many errors");
}

void smtp_server_refuse(struct smtp_server *server, int code, const char *text)
{
	if (code >= 500)
		smtp_server_reject(server, code, text);
	else
		smtp_server_say(server, code, text);
}

/* ------------------------------------------------------------------ input */

static void run_line(struct smtp_server *server)
{
	server->commands++; /* whatever the line holds */
	if (server->max_commands && server->commands > server->max_commands) {
		smtp_server_void_transaction(server);
		smtp_server_end(server, 421, "4.7.0 Too many commands without a message");
	} else if (server->line.is_too_long) {
		smtp_server_reject(server, 500, "5.5.2 Line too long");
	} else if (!crlf_line_is_clean(&server->line)) {
		smtp_server_reject(server, 500, "5.5.2 Only CRLF ends a line");
	} else {
		smtp_server_run_command(server, crlf_line_text(&server->line));
	}
}

static void feed_line(struct smtp_server *server, struct bytes *in)
{
	if (server->line_was_used) {
		crlf_line_reset(&server->line);
		server->line_was_used = false;
	}
	if (crlf_line_take(&server->line, in)) {
		server->line_was_used = true;
		run_line(server);
	}
}

size_t smtp_server_feed(struct smtp_server *server, struct bytes in)
{
	const size_t offered = in.size;

	while (in.size) {
		/* Behind STARTTLS: bytes that somebody put in front of the handshake (RFC 3207 6). */
		if (server->phase == SMTP_PHASE_TLS || server->phase == SMTP_PHASE_CLOSED)
			return offered;
		if (!smtp_server_can_go_on(server))
			break;
		if (server->phase == SMTP_PHASE_CONTENT)
			smtp_server_feed_content(server, &in);
		else if (server->phase == SMTP_PHASE_CHUNK)
			smtp_server_feed_chunk(server, &in);
		else
			feed_line(server, &in);
	}
	return offered - in.size;
}

size_t smtp_server_pull(struct smtp_server *server, uint8_t *space, size_t capacity)
{
	return outbox_take(&server->outbox, space, capacity);
}

/* ------------------------------------------------------------------ answers */

static void accepted(struct smtp_server *server, enum smtp_wait wait, int code, const char *text)
{
	if (wait == SMTP_WAIT_DATA && server->is_by_chunk) {
		smtp_server_continue_chunk(server);
		return;
	}
	if (wait == SMTP_WAIT_MAIL)
		server->transaction.exists = true;
	if (wait == SMTP_WAIT_RCPT)
		server->transaction.recipients++;
	if (wait == SMTP_WAIT_DATA)
		smtp_server_start_content(server);
	if (wait == SMTP_WAIT_END) {
		server->transaction = (struct smtp_transaction){ 0 };
		server->commands = 0;
	}
	smtp_server_say(server, code, text);
}

static void refused(struct smtp_server *server, enum smtp_wait wait, int code, const char *text)
{
	/* The driver knows; no ABORT. */
	if (wait == SMTP_WAIT_DATA || wait == SMTP_WAIT_END)
		server->transaction = (struct smtp_transaction){ 0 };
	if (code == 421) {
		smtp_server_void_transaction(server);
		smtp_server_end(server, code, text);
	} else if (wait == SMTP_WAIT_DATA && server->is_by_chunk) {
		smtp_server_swallow_chunk(server, code, text);
	} else {
		smtp_server_refuse(server, code, text);
	}
}

void smtp_server_reply(struct smtp_server *server, int code, const char *text)
{
	const enum smtp_wait wait = server->wait;

	/* After a shut down the answer may still be on its way. */
	if (wait == SMTP_WAIT_NONE)
		return;
	server->wait = SMTP_WAIT_NONE;
	if (code < 400)
		accepted(server, wait, code, text);
	else
		refused(server, wait, code, text);
}

void smtp_server_accept(struct smtp_server *server)
{
	const struct smtp_refusal *acceptance = &acceptances[server->wait];

	smtp_server_reply(server, acceptance->code, acceptance->text);
}

void smtp_server_tls_started(struct smtp_server *server)
{
	smtp_server_void_transaction(server);
	crlf_line_reset(&server->line);
	outbox_wipe(&server->outbox);
	server->line_was_used = false;
	server->has_hello = false;
	server->is_extended = false;
	server->tls = true;
	server->phase = SMTP_PHASE_COMMAND;
}

void smtp_server_shut_down(struct smtp_server *server, const char *text)
{
	struct smtp_event event;

	if (server->phase == SMTP_PHASE_CLOSED)
		return;
	/* What has not been taken is void too, and its place is needed; an ABORT comes all the same. */
	while (smtp_server_next_event(server, &event)) {
		if (event.kind == SMTP_EVENT_ABORT)
			server->transaction.exists = true;
	}
	server->wait = SMTP_WAIT_NONE;
	smtp_server_void_transaction(server);
	if (server->phase == SMTP_PHASE_TLS) {
		/* A reply would run into the handshake. */
		smtp_server_raise(server, (struct smtp_event){ .kind = SMTP_EVENT_CLOSE });
		server->phase = SMTP_PHASE_CLOSED;
		return;
	}
	smtp_server_end(server, 421, text);
}

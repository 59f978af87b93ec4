/* pop3_server.c -- the POP3 server's machine (RFC 1939): when a line is looked at, what may be
 * answered, what is sent next. The commands are in pop3_command.c and pop3_auth.c, the long answers in
 * pop3_listing.c and pop3_body.c.
 *
 * A line is collected in the machine's own memory, run, and overwritten; only the line of PASS or of a
 * response to AUTH stays until the login is answered. What the client sent behind STLS or QUIT is never run:
 * before the handshake it may come from somebody else (RFC 2595 4, RFC 8314 A). */
#include "pop3_server_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

size_t pop3_server_size(void)
{
	return sizeof(struct pop3_server);
}

struct pop3_server *pop3_server_init(void *memory, const struct pop3_server_options *options)
{
	struct pop3_server *server = memory;

	memset(server, 0, sizeof *server);
	server->options = *options;
	server->state = POP3_IN_AUTHORIZATION;
	server->is_tls = options->tls;
	crlf_line_init(&server->line, server->line_data, sizeof server->line_data);
	outbox_init(&server->outbox, server->outbox_data, sizeof server->outbox_data);
	/* Without a <timestamp>, which would offer APOP (RFC 1939 7). */
	pop3_server_ok(server, "%.255s Lettergate ready", options->hostname);
	return server;
}

void pop3_server_clear(struct pop3_server *server)
{
	memory_wipe(server, sizeof *server);
}

static void reply(struct pop3_server *server, const char *status, const char *text)
{
	uint8_t line[POP3_REPLY_MAX];
	size_t size = strlen(status);
	bool fits;

	memcpy(line, status, size);
	while (*text && size < sizeof line - 2) {
		line[size++] = *text >= ' ' && *text <= '~' ? (uint8_t)*text : '?';
		text++;
	}
	line[size++] = '\r';
	line[size++] = '\n';
	/* has_room() saw to it. */
	fits = outbox_append(&server->outbox, bytes_make(line, size));
	assert(fits);
	(void)fits;
}

void pop3_server_ok(struct pop3_server *server, const char *format, ...)
{
	char text[POP3_REPLY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	reply(server, "+OK ", text);
}

void pop3_server_error(struct pop3_server *server, const char *text)
{
	reply(server, "-ERR ", text);
}

void pop3_server_challenge(struct pop3_server *server, const char *base64)
{
	reply(server, "+ ", base64);
}

void pop3_server_nonsense(struct pop3_server *server, const char *text)
{
	pop3_server_error(server, text);
	if (++server->errors >= server->options.max_errors)
		pop3_server_close(server);
}

void pop3_server_raise(struct pop3_server *server, enum pop3_event_kind kind, enum pop3_due due)
{
	server->event.kind = kind;
	server->has_event = true;
	server->due = due;
}

void pop3_server_forget_login(struct pop3_server *server)
{
	crlf_line_reset(&server->line);
	sasl_end(&server->sasl);
	memory_wipe(server->user, sizeof server->user);
	server->user_size = 0;
	server->has_user = false;
	server->event = (struct pop3_event){ 0 };
}

void pop3_server_close(struct pop3_server *server)
{
	pop3_server_forget_login(server);
	server->listing.is_active = false;
	server->body.state = POP3_BODY_NONE;
	pop3_server_raise(server, POP3_EVENT_CLOSE, POP3_DUE_CLOSE);
}

/* Room for the answer to one more command, and for the last words of pop3_server_shut_down(). */
static bool has_room(const struct pop3_server *server)
{
	return outbox_room(&server->outbox) >= (size_t)2 * POP3_REPLY_MAX;
}

static bool is_answering(const struct pop3_server *server)
{
	return server->listing.is_active || server->body.state != POP3_BODY_NONE;
}

static bool takes_commands(const struct pop3_server *server)
{
	return server->due == POP3_DUE_NOTHING && !server->has_event && !is_answering(server) &&
	       has_room(server);
}

static bool drops_input(const struct pop3_server *server)
{
	return server->due == POP3_DUE_HANDSHAKE || server->due == POP3_DUE_CLOSE;
}

size_t pop3_server_feed(struct pop3_server *server, struct bytes in)
{
	struct bytes rest = in;

	while (rest.size && takes_commands(server)) {
		if (!crlf_line_take(&server->line, &rest))
			break;
		if (server->sasl.mechanism)
			pop3_auth_respond(server);
		else
			pop3_command_run(server);
		/* LOGIN shows views into the line until it is answered. */
		if (server->due != POP3_DUE_LOGIN)
			crlf_line_reset(&server->line);
	}
	return drops_input(server) ? in.size : in.size - rest.size;
}

bool pop3_server_next_event(struct pop3_server *server, struct pop3_event *event)
{
	if (!server->has_event)
		return false;
	*event = server->event;
	server->has_event = false;
	return true;
}

static size_t pull_body(struct pop3_server *server, uint8_t *space, size_t capacity)
{
	size_t used = pop3_body_pull(&server->body, space, capacity);

	if (server->body.state == POP3_BODY_WANTING && server->due == POP3_DUE_NOTHING)
		pop3_server_raise(server, POP3_EVENT_BODY_WANTED, POP3_DUE_PIECE);
	return used;
}

size_t pop3_server_pull(struct pop3_server *server, uint8_t *space, size_t capacity)
{
	size_t used = outbox_take(&server->outbox, space, capacity);

	if (server->outbox.size)
		return used;
	if (server->listing.is_active)
		used += pop3_listing_pull(&server->listing, space + used, capacity - used);
	else if (server->body.state != POP3_BODY_NONE)
		used += pull_body(server, space + used, capacity - used);
	return used;
}

bool pop3_server_needs_answer(const struct pop3_server *server)
{
	return server->due != POP3_DUE_NOTHING && !drops_input(server);
}

bool pop3_server_is_logged_in(const struct pop3_server *server)
{
	return server->state == POP3_IN_TRANSACTION;
}

/* True when `due` waits for this answer. After pop3_server_shut_down() an answer that was under way
 * in another thread comes too late and is ignored; any other is our bug. */
static bool settle(struct pop3_server *server, enum pop3_due due)
{
	if (server->due != due) {
		assert(server->due == POP3_DUE_CLOSE);
		return false;
	}
	server->due = POP3_DUE_NOTHING;
	server->has_event = false;
	return true;
}

void pop3_server_log_in(struct pop3_server *server, struct pop3_maildrop maildrop)
{
	if (!settle(server, POP3_DUE_LOGIN))
		return;
	pop3_server_forget_login(server);
	server->state = POP3_IN_TRANSACTION;
	server->maildrop = maildrop;
	for (size_t i = 0; i < maildrop.count; i++) {
		if (maildrop.messages[i].is_deleted)
			continue;
		server->kept_count++;
		server->kept_size += maildrop.messages[i].size;
	}
	pop3_server_ok(server, "%zu messages (%llu octets)", server->kept_count,
		(unsigned long long)server->kept_size);
}

void pop3_server_refuse(struct pop3_server *server, const char *text)
{
	enum pop3_due due = server->due;

	if (due == POP3_DUE_CLOSE)
		return;
	assert(due == POP3_DUE_LOGIN || due == POP3_DUE_RETRIEVE || due == POP3_DUE_UPDATE);
	settle(server, due);
	if (due == POP3_DUE_LOGIN) {
		pop3_server_forget_login(server);
		/* Guessing passwords is nonsense too. */
		pop3_server_nonsense(server, text);
		return;
	}
	pop3_server_error(server, text);
	if (due == POP3_DUE_UPDATE)
		pop3_server_close(server);
}

void pop3_server_begin(struct pop3_server *server)
{
	const struct pop3_event *event = &server->event;

	if (!settle(server, POP3_DUE_RETRIEVE))
		return;
	if (event->whole)
		pop3_server_ok(server, "%llu octets",
			(unsigned long long)server->maildrop.messages[event->index].size);
	else
		pop3_server_ok(server, "top of message follows");
	pop3_body_start(&server->body, event->whole, event->lines);
	pop3_server_raise(server, POP3_EVENT_BODY_WANTED, POP3_DUE_PIECE);
}

void pop3_server_lend(struct pop3_server *server, struct bytes piece)
{
	if (!settle(server, POP3_DUE_PIECE))
		return;
	if (piece.size)
		pop3_body_lend(&server->body, piece);
	else
		/* There is nothing to pull that would raise it. */
		pop3_server_raise(server, POP3_EVENT_BODY_WANTED, POP3_DUE_PIECE);
}

void pop3_server_end(struct pop3_server *server)
{
	if (settle(server, POP3_DUE_PIECE))
		pop3_body_end(&server->body);
}

void pop3_server_accept(struct pop3_server *server)
{
	if (!settle(server, POP3_DUE_UPDATE))
		return;
	pop3_server_ok(server, "bye");
	pop3_server_close(server);
}

void pop3_server_tls_started(struct pop3_server *server)
{
	if (!settle(server, POP3_DUE_HANDSHAKE))
		return;
	pop3_server_forget_login(server);
	server->is_tls = true;
	server->state = POP3_IN_AUTHORIZATION;
}

void pop3_server_shut_down(struct pop3_server *server, const char *text)
{
	if (server->due == POP3_DUE_CLOSE)
		return;
	/* Inside of a multi-line answer the words would be taken for a part of it; behind the
	 * +OK to STLS they would be sent in front of the handshake. */
	if (!is_answering(server) && server->due != POP3_DUE_HANDSHAKE)
		pop3_server_error(server, text);
	pop3_server_close(server);
}

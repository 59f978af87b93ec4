/* smtp_server_content.c -- the content of a message, by DATA (RFC 5321 4.1.1.4) or in chunks (RFC 3030 2).
 * Content leaves as views into the input; nothing is kept.
 *
 * Invariant: whatever happens to the transaction, content is taken in up to the end that its sender
 * gives it (CRLF.CRLF, or BDAT's octets) before anything is read as a command again. What nobody
 * wants is swallowed, and the refusal is said at the end. */
#include "smtp_server_internal.h"

#include <inttypes.h>
#include <stdio.h>

static const char too_large[] = "5.3.4 The message is larger than is accepted";

/* The refusal is copied, since the driver's text may be gone at the end. */
static void swallow(struct smtp_server *server, int code, const char *text)
{
	smtp_server_void_transaction(server);
	server->is_swallowed = true;
	server->refusal_code = code;
	bytes_copy_text(bytes_head(bytes_of(text), sizeof server->refusal_text - 1),
		server->refusal_text, sizeof server->refusal_text);
}

/* The content came to its end. */
static void finish(struct smtp_server *server)
{
	server->phase = SMTP_PHASE_COMMAND;
	if (server->is_swallowed) {
		server->is_swallowed = false;
		smtp_server_refuse(server, server->refusal_code, server->refusal_text);
		return;
	}
	smtp_server_ask(server, SMTP_WAIT_END, (struct smtp_event){ .kind = SMTP_EVENT_END });
}

static void finish_chunk(struct smtp_server *server)
{
	char text[SMTP_REPLY_SIZE];

	if (server->is_swallowed || server->chunk.is_last) {
		finish(server);
		return;
	}
	server->phase = SMTP_PHASE_COMMAND;
	snprintf(text, sizeof text, "2.0.0 %" PRIu64 " octets received",
		server->transaction.received);
	smtp_server_say(server, 250, text);
}

/* Gives out what the maximum allows, so that what leaves does not depend on how the input was cut. */
static void give_out(struct smtp_server *server, struct bytes piece)
{
	const uint64_t room = server->max_message_size - server->transaction.received;
	const bool is_too_large = piece.size > room;

	if (server->is_swallowed)
		return;
	if (is_too_large)
		piece.size = (size_t)room;
	if (piece.size)
		smtp_server_raise(
			server, (struct smtp_event){ .kind = SMTP_EVENT_BODY, .text = piece });
	server->transaction.received += piece.size;
	if (is_too_large)
		swallow(server, 552, too_large);
}

void smtp_server_start_content(struct smtp_server *server)
{
	server->transaction.has_content = true;
	server->phase = SMTP_PHASE_CONTENT;
	dot_decoder_init(&server->decoder);
}

void smtp_server_feed_content(struct smtp_server *server, struct bytes *in)
{
	struct bytes piece;

	while (smtp_server_can_go_on(server)) {
		if (!dot_decoder_next(&server->decoder, in, &piece)) {
			if (dot_decoder_is_done(&server->decoder))
				finish(server);
			return;
		}
		give_out(server, piece);
	}
}

void smtp_server_swallow_chunk(struct smtp_server *server, int code, const char *text)
{
	swallow(server, code, text);
	smtp_server_continue_chunk(server);
}

void smtp_server_start_chunk(struct smtp_server *server, struct smtp_chunk chunk)
{
	if (chunk.size > server->max_message_size - server->transaction.received) {
		smtp_server_swallow_chunk(server, 552, too_large);
		return;
	}
	/* Senders choose the chunks' size, and small ones of a large message are many. */
	if (chunk.size)
		server->commands--;
	if (server->transaction.has_content) {
		smtp_server_continue_chunk(server);
	} else {
		server->is_by_chunk = true;
		smtp_server_ask(
			server, SMTP_WAIT_DATA, (struct smtp_event){ .kind = SMTP_EVENT_DATA });
	}
}

void smtp_server_continue_chunk(struct smtp_server *server)
{
	server->transaction.has_content = server->transaction.exists;
	server->phase = SMTP_PHASE_CHUNK;
	if (!server->chunk.size)
		finish_chunk(server);
}

void smtp_server_feed_chunk(struct smtp_server *server, struct bytes *in)
{
	struct bytes piece = *in;

	if (piece.size > server->chunk.size)
		piece.size = (size_t)server->chunk.size;
	*in = bytes_skip(*in, piece.size);
	server->chunk.size -= piece.size;
	give_out(server, piece);
	if (!server->chunk.size)
		finish_chunk(server);
}

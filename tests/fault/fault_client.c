/* fault_client.c -- see the header. Line by line, with plain calls: nothing of the engine's own protocol cores
 * answers for itself here. */
#include "fault_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/base64.h"
#include "platform/clock.h"

enum {
	ANSWER_S = 10, /* longer is a hang */
	MESSAGE_MAX = 1024 * 1024,
	MESSAGES_MAX = 64,
	CLEAR_MIN = 8,
};

__attribute__((format(printf, 3, 4))) static enum client_end end(
	struct client *client, enum client_end how, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(client->text, sizeof client->text, format, arguments);
	va_end(arguments);
	return how;
}

bool client_text_is_clear(struct bytes text)
{
	size_t letters = 0;

	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < ' ' && text.data[i] != '\t')
			return false;
		letters += text.data[i] >= 'a' && text.data[i] <= 'z';
	}
	return letters >= CLEAR_MIN && !memmem(text.data, text.size, "(null)", strlen("(null)"));
}

/* ---- the line ---- */

static enum client_end lost(struct client *client, int64_t began_us, const struct error *error)
{
	bool is_late = clock_monotonic_us() - began_us >= INT64_C(1000000) * (ANSWER_S - 1);

	return end(client, is_late ? CLIENT_WRONG : CLIENT_LOST, "%s%.300s",
		is_late ? "no answer for ten seconds: " : "", error->text);
}

static enum client_end start_tls(struct client *client)
{
	int64_t began_us = clock_monotonic_us();
	struct error error;

	return tls_dial_start_tls(&client->dial, client->tls, &error)
		       ? CLIENT_DONE
		       : lost(client, began_us, &error);
}

static enum client_end dial(struct client *client)
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	int64_t began_us = clock_monotonic_us();
	struct error error;

	client->dial.socket = -1;
	client->dial.tls = NULL;
	client->tls = tls_dial_context(client->authority, &error);
	if (!client->tls || !tls_dial_open(&client->dial, client->port, &error))
		return lost(client, began_us, &error);
	setsockopt(client->dial.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(client->dial.socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return client->implicit_tls ? start_tls(client) : CLIENT_DONE;
}

static void hang_up(struct client *client)
{
	tls_dial_close(&client->dial);
	SSL_CTX_free(client->tls);
	client->tls = NULL;
}

static enum client_end put(struct client *client, struct bytes bytes)
{
	int64_t began_us = clock_monotonic_us();
	struct error error;

	return tls_dial_write(&client->dial, bytes, &error) ? CLIENT_DONE
							    : lost(client, began_us, &error);
}

/* One line without its end. */
static enum client_end get(struct client *client)
{
	int64_t began_us = clock_monotonic_us();
	struct error error;

	client->line_size = 0;
	for (;;) {
		uint8_t byte;

		if (!tls_dial_fill(&client->dial, &error))
			return lost(client, began_us, &error);
		byte = client->dial.data[client->dial.begin++];
		if (byte == '\n')
			break;
		if (client->line_size == sizeof client->line - 1)
			return end(client, CLIENT_WRONG, "a reply has no end");
		client->line[client->line_size++] = (char)byte;
	}
	client->line_size -= client->line_size && client->line[client->line_size - 1] == '\r';
	client->line[client->line_size] = '\0';
	return CLIENT_DONE;
}

/* ---- SMTP ---- */

static enum client_end smtp_reply(struct client *client, char expected)
{
	enum client_end how;
	struct bytes text;

	do {
		how = get(client);
		if (how != CLIENT_DONE)
			return how;
		if (client->line_size < 4)
			return end(client, CLIENT_WRONG, "the reply \"%.100s\"", client->line);
	} while (client->line[3] == '-');
	if (client->line[0] == expected)
		return CLIENT_DONE;
	text = bytes_skip(bytes_make((const uint8_t *)client->line, client->line_size), 4);
	if (client->line[0] != '4' || text.data[0] != '4' || !client_text_is_clear(text))
		return end(client, CLIENT_WRONG, "the reply \"%.400s\"", client->line);
	return end(client, CLIENT_REFUSED, "%.400s", client->line);
}

__attribute__((format(printf, 3, 4))) static enum client_end smtp(
	struct client *client, char expected, const char *format, ...)
{
	char command[600];
	enum client_end how;
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	how = put(client, bytes_make((const uint8_t *)command, (size_t)size));
	return how == CLIENT_DONE ? smtp_reply(client, expected) : how;
}

static enum client_end greet(struct client *client)
{
	enum client_end how = dial(client);

	if (how == CLIENT_DONE)
		how = smtp_reply(client, '2');
	if (how == CLIENT_DONE)
		how = smtp(client, '2', "EHLO [127.0.0.1]\r\n");
	if (client->implicit_tls || how != CLIENT_DONE)
		return how;
	how = smtp(client, '2', "STARTTLS\r\n");
	if (how == CLIENT_DONE)
		how = start_tls(client);
	return how == CLIENT_DONE ? smtp(client, '2', "EHLO [127.0.0.1]\r\n") : how;
}

static enum client_end put_chunk(struct client *client, struct bytes chunk, const char *last)
{
	char command[60];
	enum client_end how;

	snprintf(command, sizeof command, "BDAT %zu%s\r\n", chunk.size, last);
	how = put(client, bytes_of(command));
	if (how == CLIENT_DONE)
		how = put(client, chunk);
	return how == CLIENT_DONE ? smtp_reply(client, '2') : how;
}

static enum client_end put_content(struct client *client, struct bytes content)
{
	enum client_end how;

	if (client->in_chunks) {
		how = put_chunk(client, bytes_head(content, content.size / 2), "");
		return how == CLIENT_DONE
			       ? put_chunk(client, bytes_skip(content, content.size / 2), " LAST")
			       : how;
	}
	how = smtp(client, '3', "DATA\r\n");
	if (how == CLIENT_DONE)
		how = put(client, content);
	return how == CLIENT_DONE ? smtp(client, '2', ".\r\n") : how;
}

static enum client_end transact(
	struct client *client, const char *const *recipients, struct bytes content)
{
	enum client_end how = smtp(client, '2', "MAIL FROM:<sender@example.com>\r\n");

	for (; how == CLIENT_DONE && *recipients; recipients++)
		how = smtp(client, '2', "RCPT TO:<%s>\r\n", *recipients);
	return how == CLIENT_DONE ? put_content(client, content) : how;
}

enum client_end client_send(
	struct client *client, const char *const *recipients, struct bytes content)
{
	enum client_end how = greet(client);

	if (how == CLIENT_DONE)
		how = transact(client, recipients, content);
	/* What is lost from here on was answered. */
	if (how == CLIENT_DONE && smtp(client, '2', "QUIT\r\n") == CLIENT_WRONG)
		how = CLIENT_WRONG;
	hang_up(client);
	return how;
}

/* ---- POP3 ---- */

static enum client_end pop3_reply(struct client *client)
{
	static const char *const for_now[] = { "-ERR [SYS/TEMP]", "-ERR [IN-USE]" };
	enum client_end how = get(client);
	struct bytes line = bytes_make((const uint8_t *)client->line, client->line_size);

	if (how != CLIENT_DONE || bytes_starts_with_nocase(line, "+OK"))
		return how;
	for (size_t i = 0; i < sizeof for_now / sizeof for_now[0]; i++) {
		if (bytes_starts_with_nocase(line, for_now[i]) && client_text_is_clear(line))
			return end(client, CLIENT_REFUSED, "%.400s", client->line);
	}
	return end(client, CLIENT_WRONG, "the answer \"%.400s\"", client->line);
}

__attribute__((format(printf, 2, 3))) static enum client_end pop3(
	struct client *client, const char *format, ...)
{
	char command[600];
	enum client_end how;
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	how = put(client, bytes_make((const uint8_t *)command, (size_t)size));
	return how == CLIENT_DONE ? pop3_reply(client) : how;
}

/* RFC 4616 in one line (RFC 5034 4). */
static enum client_end authenticate(
	struct client *client, const struct client_collection *collection)
{
	enum client_end how = CLIENT_WRONG;
	struct buf plain, text;

	buf_init(&plain, sizeof client->line);
	buf_init(&text, sizeof client->line);
	if (buf_append(&plain, bytes_make("", 1)) && buf_append_text(&plain, collection->user) &&
		buf_append(&plain, bytes_make("", 1)) &&
		buf_append_text(&plain, collection->password) &&
		base64_encode(buf_view(&plain), &text))
		how = pop3(client, "AUTH PLAIN %.*s\r\n", (int)text.size, (const char *)text.data);
	buf_clear(&plain);
	buf_clear(&text);
	return how;
}

static enum client_end log_in(struct client *client, const struct client_collection *collection)
{
	enum client_end how = dial(client);

	if (how == CLIENT_DONE)
		how = pop3_reply(client);
	if (client->implicit_tls)
		return how == CLIENT_DONE ? authenticate(client, collection) : how;
	if (how == CLIENT_DONE)
		how = pop3(client, "STLS\r\n");
	if (how == CLIENT_DONE)
		how = start_tls(client);
	if (how == CLIENT_DONE)
		how = pop3(client, "USER %s\r\n", collection->user);
	return how == CLIENT_DONE ? pop3(client, "PASS %s\r\n", collection->password) : how;
}

static enum client_end list(struct client *client, unsigned numbers[MESSAGES_MAX], size_t *count)
{
	enum client_end how = pop3(client, "LIST\r\n");

	*count = 0;
	while (how == CLIENT_DONE && (how = get(client)) == CLIENT_DONE) {
		if (strcmp(client->line, ".") == 0)
			break;
		if (*count == MESSAGES_MAX)
			return end(client, CLIENT_WRONG, "the list has no end");
		numbers[(*count)++] = (unsigned)strtoul(client->line, NULL, 10);
	}
	return how;
}

/* Lines come with their ends, the dots that were added without. */
static enum client_end retrieve(struct client *client, unsigned number, struct buf *message)
{
	enum client_end how = pop3(client, "RETR %u\r\n", number);

	message->size = 0;
	while (how == CLIENT_DONE && (how = get(client)) == CLIENT_DONE) {
		const char *line = client->line;

		if (strcmp(line, ".") == 0)
			break;
		if (!buf_append_text(message, *line == '.' ? line + 1 : line) ||
			!buf_append_text(message, "\r\n"))
			return end(client, CLIENT_WRONG, "message %u has no end", number);
	}
	return how;
}

static enum client_end take(struct client *client, const struct client_collection *collection)
{
	unsigned numbers[MESSAGES_MAX];
	size_t count;
	enum client_end how = list(client, numbers, &count);
	struct error error;
	struct buf message;

	buf_init(&message, MESSAGE_MAX);
	for (size_t i = 0; how == CLIENT_DONE && i < count; i++) {
		how = retrieve(client, numbers[i], &message);
		if (how == CLIENT_DONE &&
			!collection->message(collection->context, buf_view(&message), &error))
			how = end(client, CLIENT_WRONG, "%.400s", error.text);
		if (how == CLIENT_DONE && collection->deletes)
			how = pop3(client, "DELE %u\r\n", numbers[i]);
	}
	buf_clear(&message);
	return how;
}

enum client_end client_collect(struct client *client, const struct client_collection *collection)
{
	enum client_end how = log_in(client, collection);

	if (how == CLIENT_DONE)
		how = take(client, collection);
	if (how == CLIENT_DONE) {
		if (collection->deletes)
			collection->deleting(collection->context);
		how = pop3(client, "QUIT\r\n");
	}
	hang_up(client);
	return how;
}

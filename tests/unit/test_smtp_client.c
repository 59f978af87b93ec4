/* test_smtp_client.c -- the client core against this project's own server core, back to back in
 * memory, cut at random; and what dialogues do not show (tests/wire/smtp_client). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/smtp_client.h"
#include "proto/smtp_server.h"
#include "random_text.h"

enum { RECIPIENTS = 25, CONTENT_MAX = 1 << 20 };

/* Both ends and what is between them. */
struct pair {
	struct smtp_client *client;
	struct smtp_server *server;
	struct buf to_server;
	struct buf to_client;
	uint32_t random;

	struct buf content;
	size_t lent;
	uint8_t *piece;
	struct buf arrived;
	size_t recipients;
	size_t replies;
	bool queued;
	bool closed;
};

static void setup(struct pair *pair, uint32_t seed)
{
	const struct smtp_server_options options = {
		.hostname = "gate.example",
		.max_message_size = CONTENT_MAX,
		.tls = true,
		.max_recipients = RECIPIENTS,
		.max_errors = 1,
	};

	*pair = (struct pair){ .random = seed };
	pair->client = smtp_client_new();
	pair->server = smtp_server_new(&options);
	assert_non_null(pair->client);
	assert_non_null(pair->server);
	buf_init(&pair->to_server, CONTENT_MAX);
	buf_init(&pair->to_client, CONTENT_MAX);
	buf_init(&pair->content, CONTENT_MAX);
	buf_init(&pair->arrived, CONTENT_MAX);
	assert_true(random_text(&pair->random, random_below(&pair->random, 100), &pair->content));
}

static void teardown(struct pair *pair)
{
	smtp_client_free(&pair->client);
	smtp_server_free(&pair->server);
	assert_null(pair->client);
	free(pair->piece);
	buf_clear(&pair->to_server);
	buf_clear(&pair->to_client);
	buf_clear(&pair->content);
	buf_clear(&pair->arrived);
}

static void serve(struct pair *pair, const struct smtp_event *event)
{
	switch (event->kind) {
	case SMTP_EVENT_RCPT:
		pair->recipients++;
		break;
	case SMTP_EVENT_BODY:
		assert_true(buf_append(&pair->arrived, event->text));
		break;
	case SMTP_EVENT_CLOSE:
		pair->closed = true;
		break;
	case SMTP_EVENT_HELLO:
	case SMTP_EVENT_MAIL:
	case SMTP_EVENT_DATA:
	case SMTP_EVENT_END:
		break;
	default:
		fail_msg("event %d", (int)event->kind);
	}
	if (smtp_server_needs_answer(pair->server))
		smtp_server_accept(pair->server);
}

static void receive(struct pair *pair, const struct smtp_client_event *event)
{
	bool ok = true;

	assert_int_equal(event->kind, SMTP_CLIENT_EVENT_REPLY);
	pair->replies++;
	switch (event->command) {
	case SMTP_CLIENT_GREETING:
		ok = smtp_client_send(pair->client, SMTP_CLIENT_EHLO, "client.example");
		break;
	case SMTP_CLIENT_EHLO:
		ok = smtp_client_send(pair->client, SMTP_CLIENT_MAIL, "FROM:<a@example.com>");
		for (int i = 0; ok && i < RECIPIENTS; i++)
			ok = smtp_client_send(pair->client, SMTP_CLIENT_RCPT, "TO:<b@example.com>");
		ok = ok && smtp_client_send(pair->client, SMTP_CLIENT_DATA, NULL);
		break;
	case SMTP_CLIENT_CONTENT:
		pair->queued = true;
		ok = smtp_client_send(pair->client, SMTP_CLIENT_QUIT, NULL);
		break;
	default:
		break;
	}
	assert_true(ok);
	assert_in_range(event->code, 200, 399);
}

static void lend(struct pair *pair)
{
	struct bytes rest = bytes_skip(buf_view(&pair->content), pair->lent);
	size_t size;

	free(pair->piece);
	pair->piece = NULL;
	if (!rest.size) {
		smtp_client_end_content(pair->client);
		return;
	}
	size = random_cut(&pair->random, rest.size);
	pair->piece = malloc(size);
	assert_non_null(pair->piece);
	memcpy(pair->piece, rest.data, size);
	pair->lent += size;
	smtp_client_lend_content(pair->client, bytes_make(pair->piece, size));
}

/* A piece of the queue in memory of its own, that is gone after the events. */
static uint8_t *cut(struct pair *pair, const struct buf *queue, size_t *size)
{
	uint8_t *piece;

	*size = queue->size ? random_cut(&pair->random, queue->size) : 0;
	piece = malloc(*size + 1);
	assert_non_null(piece);
	if (*size)
		memcpy(piece, queue->data, *size);
	return piece;
}

static void step_client(struct pair *pair)
{
	struct smtp_client_event event;
	uint8_t *piece, *space;
	size_t size, capacity = random_cut(&pair->random, 4096);

	piece = cut(pair, &pair->to_client, &size);
	buf_consume(&pair->to_client, smtp_client_feed(pair->client, bytes_make(piece, size)));
	while (smtp_client_next_event(pair->client, &event))
		receive(pair, &event);
	free(piece);
	if (smtp_client_wants_content(pair->client))
		lend(pair);
	assert_true(buf_reserve(&pair->to_server, capacity, &space));
	buf_commit(&pair->to_server, smtp_client_pull(pair->client, space, capacity));
}

static void step_server(struct pair *pair)
{
	struct smtp_event event;
	uint8_t *piece, *space;
	size_t size, capacity = random_cut(&pair->random, 4096);

	piece = cut(pair, &pair->to_server, &size);
	buf_consume(&pair->to_server, smtp_server_feed(pair->server, bytes_make(piece, size)));
	while (smtp_server_next_event(pair->server, &event))
		serve(pair, &event);
	free(piece);
	assert_true(buf_reserve(&pair->to_client, capacity, &space));
	buf_commit(&pair->to_client, smtp_server_pull(pair->server, space, capacity));
}

static void test_content_arrives_as_it_was(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 500; seed++) {
		struct pair pair;
		struct buf *sent = &pair.content;

		setup(&pair, seed * 2654435761u);
		while (!pair.closed || pair.to_client.size) {
			step_client(&pair);
			step_server(&pair);
		}
		step_client(&pair);
		if (sent->size &&
			(sent->size < 2 || memcmp(sent->data + sent->size - 2, "\r\n", 2) != 0))
			assert_true(buf_append_text(sent, "\r\n"));
		assert_true(pair.queued);
		assert_int_equal(pair.recipients, RECIPIENTS);
		assert_int_equal(pair.replies, 2 + 1 + RECIPIENTS + 3);
		assert_int_equal(smtp_client_size_limit(pair.client), CONTENT_MAX);
		assert_int_equal(smtp_client_extensions(pair.client) & SMTP_HAS_STARTTLS, 0);
		assert_int_equal(pair.arrived.size, sent->size);
		if (sent->size)
			assert_memory_equal(pair.arrived.data, sent->data, sent->size);
		teardown(&pair);
	}
}

static void greet(struct smtp_client *client)
{
	struct smtp_client_event event;

	assert_int_equal(smtp_client_feed(client, bytes_of("220 x\r\n250")), 7);
	assert_true(smtp_client_next_event(client, &event));
	assert_false(smtp_client_next_event(client, &event));
}

/* As many commands of the greatest length as may be outstanding, without a pull between. */
static void test_the_longest_commands_fit(void **state)
{
	struct smtp_client *client = smtp_client_new();
	char argument[995];
	uint8_t space[64 << 10];

	(void)state;
	assert_non_null(client);
	greet(client);
	memset(argument, 'a', sizeof argument - 1);
	argument[994] = '\0';
	assert_false(smtp_client_send(client, SMTP_CLIENT_MAIL, argument));
	argument[993] = '\0';
	for (int i = 0; i < SMTP_CLIENT_PIPELINE; i++)
		assert_true(smtp_client_send(client, SMTP_CLIENT_MAIL, argument));
	assert_false(smtp_client_send(client, SMTP_CLIENT_RSET, NULL));
	assert_int_equal(
		smtp_client_pull(client, space, sizeof space), 1000 * SMTP_CLIENT_PIPELINE);
	for (int i = 0; i < SMTP_CLIENT_PIPELINE; i++)
		assert_memory_equal(space + 1000 * i + 995, "aaa\r\n", 5);
	smtp_client_free(&client);
}

static void test_large_pieces_fill_large_spaces(void **state)
{
	enum { SPACE = 65536 };
	uint8_t *piece = malloc(SPACE), *space = malloc(SPACE);
	struct smtp_client *client = smtp_client_new();
	struct smtp_client_event event;

	(void)state;
	assert_non_null(piece);
	assert_non_null(space);
	assert_non_null(client);
	for (size_t i = 0; i < SPACE; i++)
		piece[i] = (uint8_t)(i % 76 == 74 ? '\r' : i % 76 == 75 ? '\n' : 'x');
	greet(client);
	assert_true(smtp_client_send(client, SMTP_CLIENT_DATA, NULL));
	assert_int_equal(smtp_client_pull(client, space, SPACE), 6);
	assert_int_equal(smtp_client_feed(client, bytes_of("354 go\r\n")), 8);
	assert_true(smtp_client_next_event(client, &event));
	for (int i = 0; i < 16; i++) {
		assert_true(smtp_client_wants_content(client));
		smtp_client_lend_content(client, bytes_make(piece, SPACE));
		assert_int_equal(smtp_client_pull(client, space, SPACE), SPACE);
		assert_memory_equal(space, piece, SPACE);
	}
	smtp_client_free(&client);
	free(piece);
	free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content_arrives_as_it_was),
		cmocka_unit_test(test_the_longest_commands_fit),
		cmocka_unit_test(test_large_pieces_fill_large_spaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

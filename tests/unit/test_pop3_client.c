/* test_pop3_client.c -- the client core against this project's own server core, back to back in
 * memory, cut at random; and what dialogues do not show (tests/wire/pop3_client). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/pop3_client.h"
#include "proto/pop3_server.h"
#include "random_text.h"

enum { MESSAGES = 12, BODY_MAX = 1 << 20 };

/* Both ends and what is between them. */
struct pair {
	struct pop3_client *client;
	struct pop3_server *server;
	struct buf to_server;
	struct buf to_client;
	uint32_t random;

	struct pop3_message messages[MESSAGES];
	struct buf bodies[MESSAGES];
	size_t sending; /* the message under way at the server */
	size_t sent;
	uint8_t *piece;

	size_t reading; /* the message under way at the client */
	struct buf read;
	size_t bodies_read;
	size_t lines_read;
	bool is_top;
	bool closed;
};

static void append_line_end(struct buf *body)
{
	if (body->size && (body->size < 2 || memcmp(body->data + body->size - 2, "\r\n", 2) != 0))
		assert_true(buf_append_text(body, "\r\n"));
}

static void setup(struct pair *pair, uint32_t seed)
{
	const struct pop3_server_options options = {
		.hostname = "gate.example",
		.tls = true,
		.max_errors = 1,
	};

	*pair = (struct pair){ .random = seed };
	pair->client = malloc(pop3_client_size());
	pair->server = malloc(pop3_server_size());
	assert_non_null(pair->client);
	assert_non_null(pair->server);
	pop3_client_init(pair->client);
	pop3_client_set_dots_behind_lf(pair->client, true);
	pop3_server_init(pair->server, &options);
	buf_init(&pair->to_server, BODY_MAX);
	buf_init(&pair->to_client, BODY_MAX);
	buf_init(&pair->read, BODY_MAX);
	for (size_t i = 0; i < MESSAGES; i++) {
		buf_init(&pair->bodies[i], BODY_MAX);
		assert_true(random_text(
			&pair->random, random_below(&pair->random, 60), &pair->bodies[i]));
		pair->messages[i].id.bytes[0] = (uint8_t)i;
		pair->messages[i].size = pair->bodies[i].size;
	}
}

static void teardown(struct pair *pair)
{
	pop3_client_clear(pair->client);
	pop3_server_clear(pair->server);
	free(pair->client);
	free(pair->server);
	free(pair->piece);
	buf_clear(&pair->to_server);
	buf_clear(&pair->to_client);
	buf_clear(&pair->read);
	for (size_t i = 0; i < MESSAGES; i++)
		buf_clear(&pair->bodies[i]);
}

static void lend_piece(struct pair *pair)
{
	const struct buf *body = &pair->bodies[pair->sending];
	struct bytes rest = bytes_skip(buf_view(body), pair->sent);
	size_t size;

	free(pair->piece);
	pair->piece = NULL;
	if (!rest.size) {
		pop3_server_end(pair->server);
		return;
	}
	size = random_cut(&pair->random, rest.size);
	pair->piece = malloc(size);
	assert_non_null(pair->piece);
	memcpy(pair->piece, rest.data, size);
	pair->sent += size;
	pop3_server_lend(pair->server, bytes_make(pair->piece, size));
}

static void serve(struct pair *pair, const struct pop3_event *event)
{
	switch (event->kind) {
	case POP3_EVENT_LOGIN:
		assert_true(bytes_equal_text(event->user, "mbx-1"));
		assert_true(bytes_equal_text(event->password, " a secret "));
		pop3_server_log_in(
			pair->server, (struct pop3_maildrop){ pair->messages, MESSAGES });
		break;
	case POP3_EVENT_RETRIEVE:
		pair->sending = event->index;
		pair->sent = 0;
		pop3_server_begin(pair->server);
		break;
	case POP3_EVENT_BODY_WANTED:
		lend_piece(pair);
		break;
	case POP3_EVENT_UPDATE:
		pop3_server_accept(pair->server);
		break;
	default:
		assert_int_equal(event->kind, POP3_EVENT_CLOSE);
		pair->closed = true;
	}
}

/* The first `lines` lines of the body, counted as mail/top.h does, in the plainest words. */
static struct bytes top_of(struct bytes body, size_t lines)
{
	bool in_header = true;
	size_t start = 0;

	for (size_t i = 0; i < body.size; i++) {
		size_t length = i - start;

		if (body.data[i] != '\n')
			continue;
		if (!in_header)
			lines--;
		else if (length == 0 || (length == 1 && body.data[start] == '\r'))
			in_header = false;
		if (!in_header && !lines)
			return bytes_head(body, i + 1);
		start = i + 1;
	}
	return body;
}

static void check_body(struct pair *pair)
{
	const struct buf *body = &pair->bodies[pair->reading];
	struct bytes expected = buf_view(body);
	struct buf whole;

	if (pair->is_top)
		expected = top_of(expected, pair->reading);
	buf_init(&whole, BODY_MAX);
	assert_true(buf_append(&whole, expected));
	append_line_end(&whole);
	assert_int_equal(pair->read.size, whole.size);
	if (whole.size)
		assert_memory_equal(pair->read.data, whole.data, whole.size);
	buf_clear(&whole);
}

static void receive(struct pair *pair, const struct pop3_client_event *event)
{
	bool is_body = event->command == POP3_CLIENT_RETR || event->command == POP3_CLIENT_TOP;

	switch (event->kind) {
	case POP3_CLIENT_EVENT_STATUS:
		assert_true(event->ok);
		pair->is_top = event->command == POP3_CLIENT_TOP;
		pair->read.size = 0;
		break;
	case POP3_CLIENT_EVENT_BODY:
		assert_true(is_body);
		assert_true(buf_append(&pair->read, event->text));
		break;
	case POP3_CLIENT_EVENT_LINE:
		pair->lines_read++;
		break;
	case POP3_CLIENT_EVENT_END:
		if (!is_body)
			break;
		check_body(pair);
		pair->bodies_read++;
		pair->reading = (pair->reading + 1) % MESSAGES;
		break;
	default:
		fail_msg("the client found the session broken");
	}
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

static void step_server(struct pair *pair)
{
	struct pop3_event event;
	uint8_t *piece, *space;
	size_t size, capacity = random_cut(&pair->random, 4096);

	piece = cut(pair, &pair->to_server, &size);
	buf_consume(&pair->to_server, pop3_server_feed(pair->server, bytes_make(piece, size)));
	free(piece);
	while (pop3_server_next_event(pair->server, &event))
		serve(pair, &event);
	assert_true(buf_reserve(&pair->to_client, capacity, &space));
	buf_commit(&pair->to_client, pop3_server_pull(pair->server, space, capacity));
	while (pop3_server_next_event(pair->server, &event))
		serve(pair, &event);
}

static void step_client(struct pair *pair)
{
	struct pop3_client_event event;
	uint8_t *piece, *space;
	size_t size, capacity = random_cut(&pair->random, 4096);

	assert_true(buf_reserve(&pair->to_server, capacity, &space));
	buf_commit(&pair->to_server, pop3_client_pull(pair->client, space, capacity));
	piece = cut(pair, &pair->to_client, &size);
	buf_consume(&pair->to_client, pop3_client_feed(pair->client, bytes_make(piece, size)));
	while (pop3_client_next_event(pair->client, &event))
		receive(pair, &event);
	free(piece);
}

static void send_command(struct pair *pair, enum pop3_client_command command, const char *argument)
{
	assert_true(pop3_client_send(pair->client, command, bytes_of(argument)));
}

static void play(struct pair *pair)
{
	char argument[32];

	send_command(pair, POP3_CLIENT_CAPA, NULL);
	send_command(pair, POP3_CLIENT_USER, "mbx-1");
	send_command(pair, POP3_CLIENT_PASS, " a secret ");
	send_command(pair, POP3_CLIENT_UIDL, NULL);
	for (size_t i = 0; i < MESSAGES; i++) {
		snprintf(argument, sizeof argument, "%zu", i + 1);
		send_command(pair, POP3_CLIENT_RETR, argument);
	}
	for (size_t i = 0; i < MESSAGES; i++) {
		snprintf(argument, sizeof argument, "%zu %zu", i + 1, i);
		send_command(pair, POP3_CLIENT_TOP, argument);
	}
	send_command(pair, POP3_CLIENT_DELE, "1");
	send_command(pair, POP3_CLIENT_QUIT, NULL);
	/* The greeting and 30 commands. */
	send_command(pair, POP3_CLIENT_NOOP, NULL);
	assert_false(pop3_client_send(pair->client, POP3_CLIENT_NOOP, bytes_of(NULL)));
	while (!pair->closed || pair->to_client.size) {
		step_client(pair);
		step_server(pair);
	}
}

static void test_bodies_arrive_as_they_were(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 200; seed++) {
		struct pair pair;

		setup(&pair, seed * 2654435761u);
		play(&pair);
		assert_int_equal(pair.bodies_read, 2 * MESSAGES);
		assert_int_equal(pair.lines_read, MESSAGES + 10);
		assert_int_equal(pop3_client_extensions(pair.client),
			POP3_HAS_USER | POP3_HAS_UIDL | POP3_HAS_TOP | POP3_HAS_PIPELINING);
		assert_true(pair.messages[0].is_deleted);
		teardown(&pair);
	}
}

static struct pop3_client *new_client(void)
{
	void *memory = malloc(pop3_client_size());

	assert_non_null(memory);
	return pop3_client_init(memory);
}

static bool memory_holds(const struct pop3_client *client, const char *text)
{
	return memmem(client, pop3_client_size(), text, strlen(text)) != NULL;
}

static void test_secrets_do_not_stay(void **state)
{
	struct pop3_client *client = new_client();
	uint8_t space[5];
	struct buf sent;
	size_t size;

	(void)state;
	buf_init(&sent, 100);
	assert_true(pop3_client_send(client, POP3_CLIENT_PASS, bytes_of("hunter2-Secret")));
	assert_true(memory_holds(client, "hunter2-Secret"));
	while ((size = pop3_client_pull(client, space, sizeof space)))
		assert_true(buf_append(&sent, bytes_make(space, size)));
	assert_string_equal(buf_text(&sent), "PASS hunter2-Secret\r\n");
	assert_false(memory_holds(client, "hunter"));
	assert_false(memory_holds(client, "Secret"));
	assert_true(pop3_client_send(client, POP3_CLIENT_PASS, bytes_of("hunter2-Secret")));
	pop3_client_clear(client);
	for (size_t i = 0; i < pop3_client_size(); i++)
		assert_int_equal(((const uint8_t *)client)[i], 0);
	buf_clear(&sent);
	free(client);
}

static void test_what_is_not_pulled_has_a_limit(void **state)
{
	struct pop3_client *client = new_client();
	char argument[1018];
	uint8_t space[4096];

	(void)state;
	memset(argument, 'p', sizeof argument);
	assert_false(pop3_client_send(client, POP3_CLIENT_PASS, bytes_make(argument, 1018)));
	assert_true(pop3_client_send(client, POP3_CLIENT_PASS, bytes_make(argument, 1017)));
	assert_true(pop3_client_send(client, POP3_CLIENT_PASS, bytes_make(argument, 1017)));
	assert_false(pop3_client_send(client, POP3_CLIENT_QUIT, bytes_of(NULL)));
	assert_int_equal(pop3_client_pull(client, space, sizeof space), 2 * 1024);
	assert_true(pop3_client_send(client, POP3_CLIENT_QUIT, bytes_of(NULL)));
	assert_int_equal(pop3_client_pull(client, space, sizeof space), 6);
	assert_memory_equal(space, "QUIT\r\n", 6);
	pop3_client_clear(client);
	free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies_arrive_as_they_were),
		cmocka_unit_test(test_secrets_do_not_stay),
		cmocka_unit_test(test_what_is_not_pulled_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_pop3_server.c -- what dialogues do not show (tests/wire/pop3_server): large maildrops, large
 * bodies, full spaces, and that passwords do not stay in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/pop3_server.h"
#include "random_text.h"

enum { MANY = 100000, LISTING_SPACE = 4096, BODY_SPACE = 65536 };

struct fixture {
	struct pop3_server *server;
	struct pop3_maildrop maildrop;
	struct buf said;
};

static void setup(struct fixture *fixture, bool tls, size_t count)
{
	const struct pop3_server_options options = {
		.hostname = "gate.example",
		.tls = tls,
		.max_errors = 1000,
	};
	void *memory = malloc(pop3_server_size());

	assert_non_null(memory);
	fixture->server = pop3_server_init(memory, &options);
	fixture->maildrop.count = count;
	fixture->maildrop.messages = calloc(count + 1, sizeof *fixture->maildrop.messages);
	assert_non_null(fixture->maildrop.messages);
	for (size_t i = 0; i < count; i++) {
		struct pop3_message *message = &fixture->maildrop.messages[i];

		message->size = i * i;
		for (size_t j = 0; j < sizeof message->id.bytes; j++)
			message->id.bytes[j] = (uint8_t)(i >> (j % 3 * 8));
	}
	buf_init(&fixture->said, 64 << 20);
}

static void teardown(struct fixture *fixture)
{
	pop3_server_clear(fixture->server);
	free(fixture->server);
	free(fixture->maildrop.messages);
	buf_clear(&fixture->said);
}

static void pull_all(struct fixture *fixture, size_t capacity)
{
	uint8_t *space;
	size_t size;

	do {
		assert_true(buf_reserve(&fixture->said, capacity, &space));
		size = pop3_server_pull(fixture->server, space, capacity);
		assert_true(size <= capacity);
		buf_commit(&fixture->said, size);
	} while (size);
}

/* Feeds all of it; the answers are in `said`. Stops at an event. */
static void say(struct fixture *fixture, const char *text)
{
	struct bytes rest = bytes_of(text);
	size_t used;

	fixture->said.size = 0;
	do {
		used = pop3_server_feed(fixture->server, rest);
		assert_true(used <= rest.size);
		rest = bytes_skip(rest, used);
		pull_all(fixture, LISTING_SPACE);
	} while (rest.size && used);
	assert_int_equal(rest.size, 0);
}

static void expect_said(struct fixture *fixture, const char *text)
{
	assert_string_equal(buf_text(&fixture->said), text);
}

static void expect_event(
	struct fixture *fixture, enum pop3_event_kind kind, struct pop3_event *event)
{
	assert_true(pop3_server_next_event(fixture->server, event));
	assert_int_equal(event->kind, kind);
}

static void log_in(struct fixture *fixture)
{
	struct pop3_event event;

	say(fixture, "USER mbx-1\r\nPASS secret\r\n");
	expect_event(fixture, POP3_EVENT_LOGIN, &event);
	pop3_server_log_in(fixture->server, fixture->maildrop);
	pull_all(fixture, LISTING_SPACE);
}

static void check_listing(struct fixture *fixture, bool ids)
{
	const char *at = buf_text(&fixture->said);
	char line[80], id[ID_TEXT_SIZE];

	assert_non_null(at);
	at = strchr(at, '\n') + 1;
	for (size_t i = 0; i < fixture->maildrop.count; i++) {
		const struct pop3_message *message = &fixture->maildrop.messages[i];

		if (message->is_deleted)
			continue;
		id_text(&message->id, id);
		if (ids)
			snprintf(line, sizeof line, "%zu %s\r\n", i + 1, id);
		else
			snprintf(line, sizeof line, "%zu %llu\r\n", i + 1,
				(unsigned long long)message->size);
		assert_memory_equal(at, line, strlen(line));
		at += strlen(line);
	}
	assert_string_equal(at, ".\r\n");
}

static void test_many_messages_are_listed(void **state)
{
	struct fixture fixture;

	(void)state;
	setup(&fixture, true, MANY);
	for (size_t i = 0; i < MANY; i += 3)
		fixture.maildrop.messages[i].is_deleted = true;
	log_in(&fixture);
	say(&fixture, "LIST\r\n");
	check_listing(&fixture, false);
	say(&fixture, "UIDL\r\n");
	check_listing(&fixture, true);
	teardown(&fixture);
}

/* Whatever the capacity is, the space is filled as long as there is something to say. */
static void test_listing_fills_any_space(void **state)
{
	uint8_t space[300];
	struct fixture fixture;

	(void)state;
	setup(&fixture, true, 50);
	log_in(&fixture);
	for (size_t capacity = 1; capacity < sizeof space; capacity++) {
		size_t size;

		fixture.said.size = 0;
		assert_int_equal(pop3_server_feed(fixture.server, bytes_of("UIDL\r\nNOOP\r\n")), 6);
		for (;;) {
			size = pop3_server_pull(fixture.server, space, capacity);
			assert_true(buf_append(&fixture.said, bytes_make(space, size)));
			if (size < capacity)
				break;
			/* Nothing behind the listing is looked at before it was pulled whole. */
			if (!bytes_equal(bytes_skip(buf_view(&fixture.said), fixture.said.size - 3),
				    bytes_of(".\r\n")))
				assert_int_equal(
					pop3_server_feed(fixture.server, bytes_of("N")), 0);
		}
		check_listing(&fixture, true);
	}
	teardown(&fixture);
}

static void test_totals_follow_every_deletion(void **state)
{
	struct fixture fixture;
	struct pop3_event event;
	uint64_t size = 0;
	size_t count = MANY;
	char text[64], expected[160];

	(void)state;
	setup(&fixture, true, MANY);
	for (size_t i = 0; i < MANY; i++)
		size += fixture.maildrop.messages[i].size;
	log_in(&fixture);
	for (size_t i = MANY; i > 0; i--) {
		size -= fixture.maildrop.messages[i - 1].size;
		count--;
		snprintf(text, sizeof text, "DELE %zu\r\nSTAT\r\n", i);
		snprintf(expected, sizeof expected, "+OK message %zu deleted\r\n+OK %zu %llu\r\n",
			i, count, (unsigned long long)size);
		say(&fixture, text);
		expect_said(&fixture, expected);
	}
	say(&fixture, "LIST\r\nRSET\r\nSTAT\r\n");
	expect_said(&fixture, "+OK 0 messages\r\n.\r\n"
			      "+OK 100000 messages (333328333350000 octets)\r\n"
			      "+OK 100000 333328333350000\r\n");
	assert_false(fixture.maildrop.messages[0].is_deleted);
	assert_false(pop3_server_next_event(fixture.server, &event));
	teardown(&fixture);
}

/* RFC 1939 3 in the plainest words, to compare with. */
static void stuff(struct bytes body, struct buf *out)
{
	bool at_line_start = true;

	for (size_t i = 0; i < body.size; i++) {
		if (at_line_start && body.data[i] == '.')
			assert_true(buf_append_byte(out, '.'));
		assert_true(buf_append_byte(out, body.data[i]));
		at_line_start = body.data[i] == '\n';
	}
	if (body.size && (body.size < 2 || memcmp(body.data + body.size - 2, "\r\n", 2) != 0))
		assert_true(buf_append_text(out, "\r\n"));
	assert_true(buf_append_text(out, ".\r\n"));
}

static void begin_retrieval(struct fixture *fixture)
{
	struct pop3_event event;

	say(fixture, "RETR 1\r\n");
	expect_event(fixture, POP3_EVENT_RETRIEVE, &event);
	assert_true(event.whole);
	pop3_server_begin(fixture->server);
	pull_all(fixture, 1);
	expect_said(fixture, "+OK 0 octets\r\n");
	fixture->said.size = 0;
}

static void retrieve(struct fixture *fixture, struct bytes body, uint32_t *random)
{
	uint8_t space[512], *piece = NULL;
	struct pop3_event event;
	size_t size;

	begin_retrieval(fixture);
	while (pop3_server_needs_answer(fixture->server)) {
		expect_event(fixture, POP3_EVENT_BODY_WANTED, &event);
		/* The piece is the machine's only until now. */
		free(piece);
		piece = NULL;
		if (!body.size) {
			pop3_server_end(fixture->server);
		} else {
			size = random_cut(random, body.size);
			piece = malloc(size);
			assert_non_null(piece);
			memcpy(piece, body.data, size);
			pop3_server_lend(fixture->server, bytes_make(piece, size));
			body = bytes_skip(body, size);
		}
		do {
			size = pop3_server_pull(
				fixture->server, space, random_cut(random, sizeof space));
			assert_true(buf_append(&fixture->said, bytes_make(space, size)));
		} while (size);
	}
	free(piece);
}

static void test_bodies_are_stuffed_wherever_they_are_cut(void **state)
{
	struct fixture fixture;
	struct buf body, expected;
	uint32_t random = 20261124;

	(void)state;
	setup(&fixture, true, 1);
	log_in(&fixture);
	buf_init(&body, 1 << 20);
	buf_init(&expected, 2 << 20);
	for (int round = 0; round < 2000; round++) {
		body.size = expected.size = 0;
		assert_true(random_text(&random, random_below(&random, 40), &body));
		stuff(buf_view(&body), &expected);
		retrieve(&fixture, buf_view(&body), &random);
		assert_int_equal(fixture.said.size, expected.size);
		assert_memory_equal(fixture.said.data, expected.data, expected.size);
	}
	buf_clear(&body);
	buf_clear(&expected);
	teardown(&fixture);
}

/* A pull of 64 KiB gives 64 KiB, so that a record of TLS and a system call are well used. */
static void test_large_pieces_fill_large_spaces(void **state)
{
	uint8_t *piece = malloc(BODY_SPACE), *space = malloc(BODY_SPACE);
	struct fixture fixture;
	struct pop3_event event;

	(void)state;
	assert_non_null(piece);
	assert_non_null(space);
	for (size_t i = 0; i < BODY_SPACE; i++)
		piece[i] = (uint8_t)(i % 76 == 74 ? '\r' : i % 76 == 75 ? '\n' : 'x');
	setup(&fixture, true, 1);
	log_in(&fixture);
	begin_retrieval(&fixture);
	for (int i = 0; i < 16; i++) {
		expect_event(&fixture, POP3_EVENT_BODY_WANTED, &event);
		pop3_server_lend(fixture.server, bytes_make(piece, BODY_SPACE));
		assert_int_equal(pop3_server_pull(fixture.server, space, BODY_SPACE), BODY_SPACE);
		assert_memory_equal(space, piece, BODY_SPACE);
	}
	teardown(&fixture);
	free(piece);
	free(space);
}

static bool memory_holds(const struct fixture *fixture, const char *text)
{
	return memmem(fixture->server, pop3_server_size(), text, strlen(text)) != NULL;
}

static void test_secrets_do_not_stay(void **state)
{
	static const struct {
		const char *said;
		bool tls;
		bool refuse;
	} rows[] = {
		{ "USER Alice-Name\r\nPASS hunter2-Secret\r\n", true, false },
		{ "USER Alice-Name\r\nPASS hunter2-Secret\r\n", true, true },
		{ "USER Alice-Name\r\nPASS hunter2-Secret\r\n", false, false },
		{ "PASS hunter2-Secret\r\n", true, false },
		{ "hunter2-Secret Alice-Name\r\n", true, false },
		{ "PASS hunter2-Secret Alice-Name\n\r\n", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture fixture;
		struct pop3_event event;

		setup(&fixture, rows[i].tls, 0);
		say(&fixture, rows[i].said);
		if (pop3_server_needs_answer(fixture.server)) {
			expect_event(&fixture, POP3_EVENT_LOGIN, &event);
			assert_true(bytes_equal_text(event.user, "Alice-Name"));
			assert_true(bytes_equal_text(event.password, "hunter2-Secret"));
			assert_true(memory_holds(&fixture, "hunter2-Secret"));
			if (rows[i].refuse)
				pop3_server_refuse(fixture.server, "[AUTH] no");
			else
				pop3_server_log_in(fixture.server, fixture.maildrop);
		}
		assert_false(memory_holds(&fixture, "hunter2-Secret"));
		assert_false(memory_holds(&fixture, "Alice-Name"));
		teardown(&fixture);
	}
}

/* In base64 and decoded, in the line and, for LOGIN, in the machine's copy of the name. */
static void test_exchanges_do_not_stay(void **state)
{
	static const struct {
		const char *said;
		bool is_login;
		bool refuse;
	} rows[] = {
		{ "AUTH PLAIN AEFsaWNlLU5hbWUAaHVudGVyMi1TZWNyZXQ=\r\n", true, false },
		{ "AUTH PLAIN\r\nAEFsaWNlLU5hbWUAaHVudGVyMi1TZWNyZXQ=\r\n", true, true },
		{ "AUTH LOGIN QWxpY2UtTmFtZQ==\r\naHVudGVyMi1TZWNyZXQ=\r\n", true, false },
		{ "AUTH LOGIN\r\nQWxpY2UtTmFtZQ==\r\naHVudGVyMi1TZWNyZXQ=\r\n", true, true },
		{ "AUTH LOGIN QWxpY2UtTmFtZQ==\r\n*\r\n", false, false },
		{ "AUTH LOGIN QWxpY2UtTmFtZQ==\r\naHVudGVyMi1TZWNyZXQ\r\n", false, false },
		{ "AUTH PLAIN eABBbGljZS1OYW1lAGh1bnRlcjItU2VjcmV0\r\n", false, false },
		{ "AUTH CRAM-MD5 hunter2-Secret\r\n", false, false },
		{ "USER Alice-Name\r\nAUTH PLAIN !\r\n", false, false },
	};
	static const char *const secrets[] = { "hunter2-Secret", "Alice-Name", "aHVudGVyMi1TZWNyZX",
		"QWxpY2UtTmFtZQ", "AEFsaWNlLU5hbWUA", "h1bnRlcjItU2VjcmV0" };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fixture fixture;
		struct pop3_event event;

		setup(&fixture, true, 0);
		say(&fixture, rows[i].said);
		assert_int_equal(pop3_server_needs_answer(fixture.server), rows[i].is_login);
		if (rows[i].is_login) {
			expect_event(&fixture, POP3_EVENT_LOGIN, &event);
			assert_true(bytes_equal_text(event.user, "Alice-Name"));
			assert_true(bytes_equal_text(event.password, "hunter2-Secret"));
			if (rows[i].refuse)
				pop3_server_refuse(fixture.server, "[AUTH] no");
			else
				pop3_server_log_in(fixture.server, fixture.maildrop);
		}
		for (size_t j = 0; j < sizeof secrets / sizeof secrets[0]; j++)
			assert_false(memory_holds(&fixture, secrets[j]));
		teardown(&fixture);
	}
}

static void test_too_long_secret_does_not_stay(void **state)
{
	struct fixture fixture;
	char text[1101] = "";

	(void)state;
	setup(&fixture, true, 0);
	say(&fixture, "PASS hunter2-Secret");
	assert_true(memory_holds(&fixture, "hunter2-Secret"));
	memset(text, 'x', sizeof text - 1);
	say(&fixture, text);
	assert_false(memory_holds(&fixture, "hunter2-Secret"));
	say(&fixture, "hunter2-Secret\r\n");
	expect_said(&fixture, "-ERR this line is too long\r\n");
	assert_false(memory_holds(&fixture, "hunter2-Secret"));
	teardown(&fixture);
}

static void test_clear_and_handshake_wipe(void **state)
{
	struct fixture fixture;
	struct pop3_event event;

	(void)state;
	setup(&fixture, true, 0);
	say(&fixture, "USER Alice-Name\r\nPASS hunter2-Sec");
	assert_true(memory_holds(&fixture, "hunter2-Sec"));
	pop3_server_clear(fixture.server);
	for (size_t i = 0; i < pop3_server_size(); i++)
		assert_int_equal(((const uint8_t *)fixture.server)[i], 0);
	teardown(&fixture);

	setup(&fixture, false, 0);
	say(&fixture, "STLS\r\nUSER Alice-Name\r\n");
	expect_event(&fixture, POP3_EVENT_STLS, &event);
	pop3_server_tls_started(fixture.server);
	assert_false(memory_holds(&fixture, "Alice-Name"));
	teardown(&fixture);
}

/* A client may send any number of commands before it reads: they wait, nothing is lost. */
static void test_unread_answers_hold_commands_back(void **state)
{
	struct fixture fixture;
	size_t fed = 0, answered = 0;

	(void)state;
	setup(&fixture, true, 0);
	pull_all(&fixture, LISTING_SPACE);
	log_in(&fixture);
	while (pop3_server_feed(fixture.server, bytes_of("NOOP\r\n")) == 6)
		fed++;
	assert_in_range(fed, 10, 1000);
	fixture.said.size = 0;
	pull_all(&fixture, 7);
	for (const char *at = buf_text(&fixture.said); (at = strstr(at, "+OK")); at++)
		answered++;
	assert_int_equal(answered, fed);
	assert_int_equal(pop3_server_feed(fixture.server, bytes_of("NOOP\r\n")), 6);
	teardown(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_messages_are_listed),
		cmocka_unit_test(test_listing_fills_any_space),
		cmocka_unit_test(test_totals_follow_every_deletion),
		cmocka_unit_test(test_bodies_are_stuffed_wherever_they_are_cut),
		cmocka_unit_test(test_large_pieces_fill_large_spaces),
		cmocka_unit_test(test_secrets_do_not_stay),
		cmocka_unit_test(test_exchanges_do_not_stay),
		cmocka_unit_test(test_too_long_secret_does_not_stay),
		cmocka_unit_test(test_clear_and_handshake_wipe),
		cmocka_unit_test(test_unread_answers_hold_commands_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

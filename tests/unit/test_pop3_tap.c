/* test_pop3_tap.c -- the tap between two ends that are played: each dialogue whole, byte by byte and cut at random.
 * A cut must change nothing of what either end gets and of what the driver is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proto/pop3_tap.h"

enum { LOG_SIZE = 1 << 22, ROUNDS = 40 };

/* How the pieces are cut: 0 not at all, 1 into single octets, else the state of a generator. */
struct play {
	struct pop3_tap *tap;
	uint32_t cut;
	bool keeps_gates;    /* else each is opened at once */
	bool keeps_commands; /* else each is passed */
	uint64_t gates[64];
	size_t gate_count;
	struct buf to_server, to_client, events;
	bool was_body;
	bool is_closed, is_broken;
};

static size_t cut(struct play *play, size_t most)
{
	if (play->cut < 2 || !most)
		return play->cut && most ? 1 : most;
	play->cut = play->cut * 1664525u + 1013904223u;
	return 1 + (play->cut >> 8) % most;
}

static void begin_with(struct play *play, uint32_t how, bool server_pipelines)
{
	const struct pop3_tap_options options = {
		.server_pipelines = server_pipelines,
		.max_errors = 3,
	};

	*play = (struct play){ .cut = how };
	buf_init(&play->to_server, LOG_SIZE);
	buf_init(&play->to_client, LOG_SIZE);
	buf_init(&play->events, LOG_SIZE);
	play->tap = pop3_tap_new(&options);
	assert_non_null(play->tap);
}

static void end(struct play *play)
{
	buf_clear(&play->to_server);
	buf_clear(&play->to_client);
	buf_clear(&play->events);
	pop3_tap_free(&play->tap);
	assert_null(play->tap);
}

static void see(struct play *play, const struct pop3_tap_event *event)
{
	static const char *const names[] = { "command", "status", "line", "body", "end", "close",
		"broken" };
	bool is_body = event->kind == POP3_TAP_EVENT_BODY;

	assert_false(play->is_closed);
	if (!is_body || !play->was_body)
		assert_true(buf_printf(&play->events, "\n%s %d %u%s%s ", names[event->kind],
			(int)event->command, event->number, event->is_own ? " own" : "",
			event->kind == POP3_TAP_EVENT_STATUS && !event->ok ? " no" : ""));
	assert_true(buf_append(&play->events, event->text));
	play->was_body = is_body;
	if (event->gate && play->keeps_gates)
		play->gates[play->gate_count++] = event->gate;
	else if (event->gate)
		pop3_tap_open_gate(play->tap, event->gate);
	if (event->kind == POP3_TAP_EVENT_COMMAND && !play->keeps_commands)
		pop3_tap_pass(play->tap);
	play->is_closed = event->kind == POP3_TAP_EVENT_CLOSE;
	play->is_broken |= event->kind == POP3_TAP_EVENT_BROKEN;
}

static bool pull(
	struct play *play, struct buf *log, size_t (*take)(struct pop3_tap *, uint8_t *, size_t))
{
	size_t capacity = cut(play, 4096), size;
	uint8_t *space;

	assert_true(buf_reserve(log, capacity, &space));
	size = take(play->tap, space, capacity);
	assert_true(size <= capacity);
	buf_commit(log, size);
	return size > 0;
}

static bool move_on(struct play *play)
{
	struct pop3_tap_event event;
	bool moved = false;

	while (pop3_tap_next_event(play->tap, &event)) {
		see(play, &event);
		moved = true;
	}
	while (pull(play, &play->to_server, pop3_tap_pull_server) ||
		pull(play, &play->to_client, pop3_tap_pull_client))
		moved = true;
	return moved;
}

/* Returns how much was not taken, which is nothing unless something waits. */
static size_t feed(
	struct play *play, struct bytes text, size_t (*take)(struct pop3_tap *, struct bytes))
{
	bool moved = true;

	while (text.size && moved) {
		size_t size = cut(play, text.size), used;
		uint8_t *piece = malloc(size);

		assert_non_null(piece);
		memcpy(piece, text.data, size);
		used = take(play->tap, bytes_make(piece, size));
		assert_true(used <= size);
		text = bytes_skip(text, used);
		moved = used > 0;
		moved |= move_on(play);
		free(piece);
	}
	move_on(play);
	return text.size;
}

static size_t client(struct play *play, const char *text)
{
	return feed(play, bytes_of(text), pop3_tap_feed_client);
}

static size_t server(struct play *play, const char *text)
{
	return feed(play, bytes_of(text), pop3_tap_feed_server);
}

static void got(struct buf *log, const char *text)
{
	if (!bytes_equal_text(buf_view(log), text))
		fail_msg("expected \"%s\", got \"%.*s\"", text, BYTES_ARGS(buf_view(log)));
	buf_clear(log);
}

/* ---- the tests, each in every way of cutting ---- */

static void every_way(void (*test)(struct play *play), bool server_pipelines)
{
	struct play play;

	for (uint32_t how = 0; how < ROUNDS; how++) {
		begin_with(&play, how, server_pipelines);
		test(&play);
		end(&play);
	}
}

static void play_session(struct play *play)
{
	client(play, "STAT\r\n");
	got(&play->to_server, "STAT\r\n");
	server(play, "+OK 2 320\r\n");
	got(&play->to_client, "+OK 2 320\r\n");
	client(play, "uidl\r\nLIST  2 \r\n");
	got(&play->to_server, "UIDL\r\nLIST 2\r\n");
	server(play, "+OK\r\n1 a\r\n2 b\r\n.\r\n+OK 2 200\r\n");
	got(&play->to_client, "+OK\r\n1 a\r\n2 b\r\n.\r\n+OK 2 200\r\n");
	client(play, "RETR 1\r\n");
	got(&play->to_server, "RETR 1\r\n");
	server(play, "+OK 7 octets\r\nA: b\r\n\r\n..dot\r\n...\r\n.\r\n");
	got(&play->to_client, "+OK 7 octets\r\nA: b\r\n\r\n..dot\r\n...\r\n.\r\n");
	client(play, "DELE 1\r\nQUIT\r\nNOOP\r\n");
	got(&play->to_server, "DELE 1\r\nQUIT\r\n");
	server(play, "+OK gone\r\n+OK bye\r\nwhatever");
	got(&play->to_client, "+OK gone\r\n+OK bye\r\n");
	assert_true(play->is_closed && pop3_tap_is_drained(play->tap));
	got(&play->events,
		"\ncommand 1 0 \nstatus 1 0 2 320"
		"\ncommand 3 0 \ncommand 2 2 \nstatus 3 0 \nstatus 2 2 2 200"
		"\ncommand 4 1 \nstatus 4 1 7 octets\nbody 4 1 A: b\r\n\r\n.dot\r\n..\r\n\nend 4 1 "
		"\ncommand 6 1 \ncommand 9 0 \nstatus 6 1 gone\nstatus 9 0 bye\nclose 9 0 ");
}

/* What the first line announces ends nothing, and neither does a bare LF. */
static void play_content(struct play *play)
{
	static const char message[] =
		"+OK 3 octets\r\n\n.\n.\r\nx\r\n..\r\n.\r.\r\n.\r\r\n\r\n.\r\n";

	client(play, "RETR 4294967295\r\nTOP 1 0\r\n");
	got(&play->to_server, "RETR 4294967295\r\nTOP 1 0\r\n");
	server(play, message);
	got(&play->to_client, message);
	server(play, "+OK\r\nA: b\r\n\r\n.\r\n");
	got(&play->to_client, "+OK\r\nA: b\r\n\r\n.\r\n");
	got(&play->events,
		"\ncommand 4 4294967295 \ncommand 5 1 \nstatus 4 4294967295 3 octets"
		"\nbody 4 4294967295 \n.\n.\r\nx\r\n.\r\n\r.\r\n\r\r\n\r\n\nend 4 4294967295 "
		"\nstatus 5 1 ");
}

static void play_refusals(struct play *play)
{
	client(play, "RETR 1\r\nXTND XMIT\r\nSTAT\r\n");
	got(&play->to_server, "RETR 1\r\nSTAT\r\n");
	got(&play->to_client, "");
	server(play, "-ERR [SYS/TEMP] not now\r\n");
	got(&play->to_client, "-ERR [SYS/TEMP] not now\r\n-ERR this command is not passed on\r\n");
	server(play, "+OK 0 0\r\n");
	got(&play->to_client, "+OK 0 0\r\n");
	client(play, "RETR 0\r\nNOOP\r\n");
	got(&play->to_client, "-ERR this command has other arguments\r\n");
	got(&play->to_server, "NOOP\r\n");
	client(play, "RETR 1\nDELE 1\r\n");
	assert_true(play->is_closed);
}

static void test_arguments(void **state)
{
	static const char *const wrong[] = { "RETR", "RETR x", "RETR 1 2", "RETR 4294967296",
		"RETR -1", "TOP 1", "TOP 1 x", "TOP 1 2 3", "DELE", "STAT 1", "LIST 0", "UIDL a",
		"QUIT now", "", " NOOP", "USER a", "PASS a", "AUTH PLAIN", "STLS", "APOP a b",
		"RETR 1\rDELE 1" };
	struct play play;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		begin_with(&play, 0, true);
		client(&play, wrong[i]);
		client(&play, "\r\n");
		assert_int_equal(play.to_server.size, 0);
		assert_memory_equal(play.to_client.data, "-ERR ", 5);
		end(&play);
	}
	begin_with(&play, 0, true);
	for (size_t i = 0; i < 300; i++)
		client(&play, "N");
	client(&play, "\r\n");
	got(&play.to_client, "-ERR this line is too long\r\n");
	end(&play);
}

static void play_capabilities(struct play *play)
{
	client(play, "CAPA\r\n");
	server(play, "+OK list\r\nTOP\r\nSTLS\r\nSASL PLAIN\r\npipelining\r\nX-NEW thing\r\n"
		     "implementation other\r\nUTF8 USER\r\n.\r\n+OK");
	got(&play->to_client, "+OK list\r\nTOP\r\nimplementation other\r\nPIPELINING\r\n.\r\n");
	client(play, "CAPA\r\n");
	server(play, "\r\n-ERR no\r\n");
}

/* Only the driver gets the answers to what it asked; the client's keep their order around them. */
static void play_own(struct play *play)
{
	assert_true(pop3_tap_ask(play->tap, POP3_TAP_UIDL, 0));
	client(play, "STAT\r\n");
	got(&play->to_server, "UIDL\r\nSTAT\r\n");
	server(play, "+OK\r\n1 one\r\n..2\r\n.\r\n+OK 1 1\r\n");
	got(&play->to_client, "+OK 1 1\r\n");
	play->keeps_commands = true;
	client(play, "DELE 1\r\nNOOP\r\n");
	got(&play->to_server, "");
	assert_true(pop3_tap_ask(play->tap, POP3_TAP_RETR, 1));
	move_on(play);
	got(&play->to_server, "RETR 1\r\n");
	server(play, "+OK\r\nA: b\r\n.\r\n");
	got(&play->to_client, "");
	pop3_tap_refuse(play->tap, "[SYS/TEMP] The mail could not be kept");
	pop3_tap_pass(play->tap); /* nothing waits any more */
	move_on(play);
	got(&play->to_client, "-ERR [SYS/TEMP] The mail could not be kept\r\n");
	got(&play->events, "\ncommand 1 0 \nstatus 3 0 own \nline 3 0 own 1 one\nline 3 0 own .2"
			   "\nend 3 0 own \nstatus 1 0 1 1\ncommand 6 1 \nstatus 4 1 own "
			   "\nbody 4 1 own A: b\r\n\nend 4 1 own ");
}

static void play_serial(struct play *play)
{
	client(play, "STAT\r\nRETR 1\r\nNOOP\r\n");
	got(&play->to_server, "STAT\r\n");
	server(play, "+OK 1 1\r\n");
	got(&play->to_server, "RETR 1\r\n");
	server(play, "+OK\r\nx\r\n");
	got(&play->to_server, "");
	server(play, ".\r\n");
	got(&play->to_server, "NOOP\r\n");
	server(play, "+OK\r\n");
	got(&play->to_client, "+OK 1 1\r\n+OK\r\nx\r\n.\r\n+OK\r\n");
}

/* Everything before the last octet passes; what is behind it waits for its turn. */
static void play_gates(struct play *play)
{
	play->keeps_gates = true;
	client(play, "RETR 1\r\nRETR 2\r\nNOOP\r\n");
	server(play, "+OK\r\na\r\n.\r\n+OK\r\nb\r\n.\r\n+OK done\r\n");
	got(&play->to_client, "+OK\r\na\r\n.\r");
	assert_int_equal(play->gate_count, 2);
	pop3_tap_open_gate(play->tap, play->gates[1]);
	move_on(play);
	got(&play->to_client, "");
	assert_false(pop3_tap_is_drained(play->tap));
	pop3_tap_open_gate(play->tap, play->gates[0]);
	move_on(play);
	got(&play->to_client, "\n+OK\r\nb\r\n.\r\n+OK done\r\n");
	assert_true(pop3_tap_is_drained(play->tap));
}

static void play_closed_gate(struct play *play)
{
	play->keeps_gates = true;
	client(play, "RETR 1\r\nNOOP\r\n");
	server(play, "+OK\r\na\r\n.\r\n");
	pop3_tap_shut_down(play->tap, "[SYS/TEMP] The mail could not be kept");
	move_on(play);
	assert_true(play->is_closed);
	got(&play->to_client, "+OK\r\na\r\n.\r");
}

static void play_shut_down(struct play *play)
{
	client(play, "NOOP\r\n");
	pop3_tap_shut_down(play->tap, "[SYS/TEMP] The mail server went away");
	pop3_tap_shut_down(play->tap, "again");
	move_on(play);
	got(&play->to_client, "-ERR [SYS/TEMP] The mail server went away\r\n");
	assert_true(play->is_closed);
	assert_false(pop3_tap_ask(play->tap, POP3_TAP_NOOP, 0));
	assert_int_equal(client(play, "NOOP\r\n"), 0);
	assert_int_equal(server(play, "+OK\r\n"), 0);
}

static void play_shut_down_inside(struct play *play)
{
	client(play, "RETR 1\r\n");
	server(play, "+OK\r\nhalf of it");
	pop3_tap_shut_down(play->tap, "[SYS/TEMP] The mail server went away");
	move_on(play);
	got(&play->to_client, "+OK\r\nhalf of it");
	assert_true(play->is_closed);
}

static void break_with(struct play *play, const char *command, const char *answer)
{
	client(play, command);
	server(play, answer);
	assert_true(play->is_broken);
	got(&play->to_client, "");
	pop3_tap_shut_down(play->tap, "[SYS/TEMP] The answer of the mail server makes no sense");
	move_on(play);
	assert_true(play->is_closed);
	got(&play->to_client, "-ERR [SYS/TEMP] The answer of the mail server makes no sense\r\n");
}

static void play_nonsense(struct play *play)
{
	break_with(play, "NOOP\r\n", "* OK\r\n");
}

static void play_unasked(struct play *play)
{
	break_with(play, "", "+OK\r\n");
}

static void play_bare_line_end(struct play *play)
{
	break_with(play, "NOOP\r\n", "+OK\n+OK\r\n");
}

static void play_endless_line(struct play *play)
{
	client(play, "NOOP\r\n");
	for (size_t i = 0; i < 2000; i++)
		server(play, "+OK");
	server(play, "\r\n");
	assert_true(play->is_broken);
	got(&play->to_client, "");
}

static void test_dialogues(void **state)
{
	(void)state;
	every_way(play_session, true);
	every_way(play_content, true);
	every_way(play_refusals, true);
	every_way(play_capabilities, true);
	every_way(play_own, true);
	every_way(play_serial, false);
	every_way(play_gates, true);
	every_way(play_closed_gate, true);
	every_way(play_shut_down, true);
	every_way(play_shut_down_inside, true);
	every_way(play_nonsense, true);
	every_way(play_unasked, true);
	every_way(play_bare_line_end, true);
	every_way(play_endless_line, true);
}

/* However many commands come, no more than the queue holds are taken, and none gets lost. */
static void test_many_commands(void **state)
{
	struct play play;
	struct bytes left;
	char commands[100 * 6 + 1], answers[100 * 8 + 1];
	size_t answered = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		memcpy(commands + i * 6, "NOOP\r\n", 7);
		snprintf(answers + i * 8, 9, "+OK %02zu\r\n", i);
	}
	begin_with(&play, 0, true);
	left = bytes_of(commands);
	while (left.size) {
		left = bytes_skip(left, left.size - feed(&play, left, pop3_tap_feed_client));
		assert_true(play.to_server.size <= POP3_TAP_QUEUE * 6);
		for (; answered < 100 - left.size / 6; answered++) {
			struct bytes answer = bytes_make(answers + answered * 8, 8);

			assert_int_equal(feed(&play, answer, pop3_tap_feed_server), 0);
		}
		buf_clear(&play.to_server);
	}
	got(&play.to_client, answers);
	end(&play);
}

/* A client that does not read: the server is not read either, in bounded memory. */
static void test_backpressure(void **state)
{
	uint8_t *content = malloc(1 << 20);
	struct pop3_tap_event event;
	struct play play;
	size_t used = 0;

	(void)state;
	assert_non_null(content);
	memset(content, 'x', 1 << 20);
	begin_with(&play, 0, true);
	client(&play, "RETR 1\r\n");
	server(&play, "+OK\r\n");
	for (;;) {
		size_t taken = pop3_tap_feed_server(
			play.tap, bytes_make(content + used, (1 << 20) - used));

		used += taken;
		if (!taken && !pop3_tap_next_event(play.tap, &event))
			break;
		while (pop3_tap_next_event(play.tap, &event))
			assert_int_equal(event.kind, POP3_TAP_EVENT_BODY);
	}
	assert_in_range(used, 1, 128 * 1024);
	assert_int_equal(
		feed(&play, bytes_make(content + used, (1 << 20) - used), pop3_tap_feed_server), 0);
	server(&play, "\r\n.\r\n");
	assert_int_equal(play.to_client.size, 5 + (1 << 20) + 5);
	free(content);
	end(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogues),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_many_commands),
		cmocka_unit_test(test_backpressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

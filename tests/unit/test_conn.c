/* test_conn.c -- plain connections: taking and keeping input, backpressure, the orderly end, time, and
 * what the peer may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn_session.h"
#include "platform/clock.h"
#include "platform/listener.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

static const struct conn_options plain = { .tls = NULL };

enum { MEBIBYTE = 1024 * 1024, GRACE_MS = 5000 };

struct line {
	struct loop *loop;
	struct session session;
	int far;
};

static void open_line(struct line *line, unsigned habits)
{
	line->loop = start_loop();
	session_init(&line->session, habits);
	line->far = accept_session(line->loop, &line->session, &plain);
	WAIT_FOR(line->session.opened == 1);
	/* on_open has ended, too. */
	session_run(line->loop, &line->session, session_kick);
}

static void close_line(struct line *line)
{
	if (line->far >= 0)
		close(line->far);
	loop_stop(&line->loop, 100);
	assert_int_equal(line->session.closed, 1);
	session_clear(&line->session);
}

/* ---- input ---- */

static void test_echo(void **state)
{
	static const struct {
		size_t size, takes_most;
	} rows[] = { { 1, 0 }, { 5, 1 }, { 65536, 0 }, { 65537, 1000 }, { 200000, 4096 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t *sent = malloc(rows[i].size);
		struct line line;
		uint64_t place = 0;

		assert_non_null(sent);
		for (size_t j = 0; j < rows[i].size; j++)
			sent[j] = pattern_at(j);
		open_line(&line, ECHO);
		session_lock();
		line.session.takes_most = rows[i].takes_most;
		session_unlock();
		assert_int_equal(send(line.far, sent, rows[i].size, MSG_NOSIGNAL), rows[i].size);
		expect_pattern(line.far, &place, rows[i].size);
		assert_false(line.session.was_tls);
		assert_string_equal(line.session.tls, "");
		close_line(&line);
		free(sent);
	}
}

static void test_kept_input(void **state)
{
	struct line line;
	unsigned offers;

	(void)state;
	open_line(&line, 0);
	session_lock();
	line.session.takes_nothing = true;
	session_unlock();
	send_text(line.far, "abc");
	WAIT_FOR(line.session.offers >= 1);
	sleep_ms(50);
	send_text(line.far, "def");
	sleep_ms(50);
	/* Neither spins nor reads on. */
	session_lock();
	offers = line.session.offers;
	session_unlock();
	assert_in_range(offers, 1, 3);
	session_run(line.loop, &line.session, session_kick);
	WAIT_FOR(line.session.offers > offers);
	assert_int_equal(line.session.in.size, 0);
	session_run(line.loop, &line.session, session_take_all);
	WAIT_FOR(line.session.in.size == 6);
	assert_string_equal(buf_text(&line.session.in), "abcdef");
	close_line(&line);
}

/* A session that takes nothing bounds what is read for it: the peer cannot send for ever. */
static void test_kept_input_is_bounded(void **state)
{
	static const uint8_t block[65536];
	struct timeval short_time = { .tv_usec = 300000 };
	struct line line;
	uint64_t sent = 0;
	ssize_t some;

	(void)state;
	open_line(&line, 0);
	session_lock();
	line.session.takes_nothing = true;
	session_unlock();
	setsockopt(line.far, SOL_SOCKET, SO_SNDTIMEO, &short_time, sizeof short_time);
	while ((some = send(line.far, block, sizeof block, MSG_NOSIGNAL)) > 0 &&
		sent < 64 * MEBIBYTE)
		sent += (uint64_t)some;
	assert_true(sent < 64 * MEBIBYTE);
	close_line(&line);
}

/* The loop has one read buffer: what one session does to another connection inside of a callback must
 * not reach the bytes it is looking at. */
static void test_kick_of_another(void **state)
{
	struct line first, second;
	uint64_t place = 0;

	(void)state;
	open_line(&first, 0);
	session_init(&second.session, 0);
	second.far = accept_session(first.loop, &second.session, &plain);
	WAIT_FOR(second.session.opened == 1);
	session_run(first.loop, &second.session, session_kick);
	session_lock();
	second.session.pattern_left = 100000;
	first.session.other = &second.session;
	first.session.habits |= KICK_OTHER_FIRST;
	session_unlock();
	send_text(first.far, "the bytes of the first");
	WAIT_FOR(first.session.in.size == 22);
	assert_string_equal(buf_text(&first.session.in), "the bytes of the first");
	expect_pattern(second.far, &place, 100000);
	close(second.far);
	close_line(&first);
	assert_int_equal(second.session.closed, 1);
	session_clear(&second.session);
}

/* ---- output ---- */

static void test_backpressure(void **state)
{
	enum { SIZE = 64 * MEBIBYTE };
	struct line line;
	uint64_t place = 0, sent;

	(void)state;
	open_line(&line, 0);
	session_lock();
	line.session.pattern_left = SIZE;
	session_unlock();
	session_run(line.loop, &line.session, session_kick);
	send_text(line.far, "input");
	sleep_ms(200);
	session_lock();
	sent = line.session.pattern_sent;
	/* What the system's buffers take, and one piece of ours. */
	assert_true(sent < SIZE / 2);
	assert_int_equal(line.session.offers, 0);
	session_unlock();
	sleep_ms(100);
	session_lock();
	assert_int_equal(line.session.pattern_sent, sent);
	session_unlock();
	expect_pattern(line.far, &place, SIZE);
	WAIT_FOR(line.session.in.size == 5);
	close_line(&line);
}

static void test_finish_flushes(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 65536, 32 * MEBIBYTE };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct line line;
		uint64_t place = 0;

		open_line(&line, 0);
		session_lock();
		line.session.pattern_left = sizes[i];
		session_unlock();
		session_run(line.loop, &line.session, session_finish);
		/* Unread input in the socket would turn the close into a reset (RFC 2525 2.17). */
		for (int j = 0; j < 20; j++)
			send_text(line.far, "input that nobody wants any more");
		sleep_ms(20);
		expect_pattern(line.far, &place, sizes[i]);
		expect_end(line.far);
		send_text(line.far, "and more");
		close(line.far);
		line.far = -1;
		WAIT_FOR(line.session.closed == 1);
		assert_false(line.session.has_why);
		assert_int_equal(line.session.offers, 0);
		close_line(&line);
	}
}

/* ---- time ---- */

static void set_idle_limit(struct session *session)
{
	conn_set_idle_limit(session->conn, 500);
}

static void test_idle(void **state)
{
	struct line line;

	(void)state;
	open_line(&line, FINISH_ON_END);
	session_run(line.loop, &line.session, set_idle_limit);
	/* Each byte begins the time anew. */
	for (int i = 0; i < 16; i++) {
		send_text(line.far, "x");
		sleep_ms(50);
	}
	session_lock();
	assert_int_equal(line.session.idle, 0);
	session_unlock();
	WAIT_FOR(line.session.idle == 1);
	expect_text(line.far, "bye");
	expect_end(line.far);
	close(line.far);
	line.far = -1;
	WAIT_FOR(line.session.closed == 1);
	assert_false(line.session.has_why);
	close_line(&line);
	assert_int_equal(line.session.idle, 1);
}

/* A session that was busy the first time is asked again, or it would stay for ever. */
static void test_idle_again(void **state)
{
	struct line line;

	(void)state;
	open_line(&line, 0);
	session_run(line.loop, &line.session, set_idle_limit);
	WAIT_FOR(line.session.idle == 2);
	assert_int_equal(line.session.closed, 0);
	close_line(&line);
}

static void test_kick_in_end(void **state)
{
	struct line line;

	(void)state;
	open_line(&line, FINISH_ON_END | KICK_IN_END);
	session_run(line.loop, &line.session, set_idle_limit);
	WAIT_FOR(line.session.idle == 1);
	expect_text(line.far, "bye");
	expect_end(line.far);
	close_line(&line);
	assert_int_equal(line.session.deepest, 1);
}

/* ---- other ends ---- */

static void peer_closes(struct line *line)
{
	close(line->far);
	line->far = -1;
}

static void peer_resets(struct line *line)
{
	struct linger at_once = { 1, 0 };

	setsockopt(line->far, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	peer_closes(line);
}

static void we_abort(struct line *line)
{
	session_run(line->loop, &line->session, session_abort);
}

static void test_broken(void **state)
{
	static const struct {
		void (*breaks)(struct line *line);
		enum error_kind kind;
		int os_code;
		const char *says;
	} rows[] = {
		{ peer_closes, ERROR_IO, 0, "the peer closed the connection" },
		{ peer_resets, ERROR_IO, ECONNRESET, "reading" },
		{ we_abort, ERROR_CANCELLED, 0, "the test says so" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct line line;

		open_line(&line, ECHO);
		send_text(line.far, "x");
		expect_text(line.far, "x");
		rows[i].breaks(&line);
		WAIT_FOR(line.session.closed == 1);
		assert_true(line.session.has_why);
		assert_int_equal(line.session.why.kind, rows[i].kind);
		assert_int_equal(line.session.why.os_code, rows[i].os_code);
		assert_non_null(strstr(line.session.why.text, rows[i].says));
		if (line.far >= 0)
			expect_end(line.far);
		close_line(&line);
	}
}

/* The peer goes while its reply is stuck, or while its input is kept. */
static void test_reset_when_stuck(void **state)
{
	struct line line;

	(void)state;
	open_line(&line, 0);
	session_lock();
	line.session.pattern_left = 64 * MEBIBYTE;
	session_unlock();
	session_run(line.loop, &line.session, session_kick);
	sleep_ms(100);
	peer_resets(&line);
	WAIT_FOR(line.session.closed == 1);
	assert_true(line.session.has_why);
	close_line(&line);

	open_line(&line, 0);
	session_lock();
	line.session.takes_nothing = true;
	session_unlock();
	send_text(line.far, "abc");
	WAIT_FOR(line.session.offers >= 1);
	peer_resets(&line);
	sleep_ms(50);
	session_run(line.loop, &line.session, session_take_all);
	WAIT_FOR(line.session.closed == 1);
	assert_string_equal(buf_text(&line.session.in), "abc");
	assert_true(line.session.has_why);
	close_line(&line);
}

static void test_connect(void **state)
{
	struct listener listener;
	struct session session;
	struct error error;
	struct loop *loop = start_loop();
	int far;

	(void)state;
	assert_true(listener_open(&listener, "127.0.0.1", 0, &error));
	session_init(&session, ECHO);
	assert_true(connect_session(loop, &session, listener.address.port, &plain, &error));
	WAIT_FOR(session.opened == 1);
	far = accept((int)listener.socket, NULL, NULL);
	send_text(far, "hello");
	expect_text(far, "hello");
	close(far);
	WAIT_FOR(session.closed == 1);
	session_clear(&session);

	listener_close(&listener);
	session_init(&session, 0);
	if (connect_session(loop, &session, listener.address.port, &plain, &error)) {
		WAIT_FOR(session.closed == 1);
		assert_true(session.has_why);
		error = session.why;
	}
	assert_int_equal(error.os_code, ECONNREFUSED);
	assert_int_equal(session.opened, 0);
	loop_stop(&loop, GRACE_MS);
	session_clear(&session);
}

/* ---- fairness ---- */

struct reader {
	int socket;
	uint64_t got;
};

static void read_all(void *context)
{
	static uint8_t space[65536];
	struct reader *reader = context;
	ssize_t some;

	while ((some = recv(reader->socket, space, sizeof space, 0)) > 0)
		reader->got += (uint64_t)some;
}

/* One that always has something to send, to a peer that reads faster, does not keep the loop. */
static void test_greedy(void **state)
{
	struct line greedy;
	struct session modest;
	struct reader reader;
	struct thread *thread;
	int far;

	(void)state;
	open_line(&greedy, 0);
	session_init(&modest, ECHO);
	far = accept_session(greedy.loop, &modest, &plain);
	reader = (struct reader){ .socket = greedy.far };
	thread = thread_start("reader", read_all, &reader, NULL);
	assert_non_null(thread);
	session_lock();
	greedy.session.habits |= ENDLESS;
	session_unlock();
	/* Not session_run(): it waits for what must not end. */
	send_text(greedy.far, "go");
	for (int i = 0; i < 20; i++) {
		send_text(far, "ping");
		expect_text(far, "ping");
	}
	session_run(greedy.loop, &greedy.session, session_abort);
	thread_join(&thread);
	assert_true(reader.got > 20);
	close(far);
	close_line(&greedy);
	session_clear(&modest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_kept_input),
		cmocka_unit_test(test_kept_input_is_bounded),
		cmocka_unit_test(test_kick_of_another),
		cmocka_unit_test(test_backpressure),
		cmocka_unit_test(test_finish_flushes),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_idle_again),
		cmocka_unit_test(test_kick_in_end),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_reset_when_stuck),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_greedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

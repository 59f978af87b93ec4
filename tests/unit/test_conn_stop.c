/* test_conn_stop.c -- the loop stops while its connections are in every state there is, and what is
 * cut when its time is over. Each session hears of its end exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificate_folder.h"
#include "conn_session.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

enum { MEBIBYTE = 1024 * 1024, STUCK_SIZE = 64 * MEBIBYTE };

static struct certificate_folder folder;
static struct tls_context *server_context;

static int set_up(void **state)
{
	struct error error;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	folder_make_filled(&folder);
	server_context = tls_server_context(folder.path, &error);
	assert_non_null(server_context);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tls_context_free(&server_context);
	folder_discard(&folder);
	return 0;
}

/* ---- the states ---- */

struct stage {
	struct loop *loop;
	struct session session;
	int sockets[4]; /* closed behind the stop */
};

static void set_pattern(struct session *session, uint64_t size)
{
	session_lock();
	session->pattern_left = size;
	session_unlock();
}

static void accept_plain(struct stage *stage)
{
	static const struct conn_options plain = { .tls = NULL };

	stage->sockets[0] = accept_session(stage->loop, &stage->session, &plain);
	WAIT_FOR(stage->session.opened == 1);
	session_run(stage->loop, &stage->session, session_kick);
}

/* The queue of the listener is full, so that the answer to the SYN does not come. */
static void lead_to_connecting(struct stage *stage)
{
	static const struct conn_options plain = { .tls = NULL };
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct error error;
	uint16_t port;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	stage->sockets[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(
		bind(stage->sockets[0], (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(stage->sockets[0], 0), 0);
	port = port_of(stage->sockets[0]);
	address.sin_port = htons(port);
	for (int i = 1; i < 4; i++) {
		stage->sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(stage->sockets[i], (const struct sockaddr *)&address, sizeof address);
	}
	assert_true(connect_session(stage->loop, &stage->session, port, &plain, &error));
	sleep_ms(50);
}

static void lead_to_handshake(struct stage *stage)
{
	struct conn_options options = {
		.tls = server_context, .implicit_tls = true, .handshake_limit_ms = 60000
	};

	stage->sockets[0] = accept_session(stage->loop, &stage->session, &options);
	send_text(stage->sockets[0], "\x16\x03\x01");
	sleep_ms(20);
}

static void lead_to_stuck(struct stage *stage)
{
	accept_plain(stage);
	set_pattern(&stage->session, STUCK_SIZE);
	session_run(stage->loop, &stage->session, session_kick);
}

static void lead_to_stuck_finish(struct stage *stage)
{
	accept_plain(stage);
	set_pattern(&stage->session, STUCK_SIZE);
	session_run(stage->loop, &stage->session, session_finish);
}

static void lead_to_linger(struct stage *stage)
{
	accept_plain(stage);
	session_run(stage->loop, &stage->session, session_finish);
	expect_end(stage->sockets[0]);
}

static void lead_to_kept(struct stage *stage)
{
	accept_plain(stage);
	session_lock();
	stage->session.takes_nothing = true;
	session_unlock();
	send_text(stage->sockets[0], "nobody wants it");
	WAIT_FOR(stage->session.offers >= 1);
}

/* A piece of each of the endless ones is under way all the time. */
static void lead_to_endless(struct stage *stage)
{
	accept_plain(stage);
	session_lock();
	stage->session.habits |= ENDLESS;
	session_unlock();
	session_run(stage->loop, &stage->session, session_kick);
}

static void lead_to_aborted(struct stage *stage)
{
	accept_plain(stage);
	session_run(stage->loop, &stage->session, session_abort);
}

static const struct row {
	const char *name;
	void (*lead)(struct stage *stage);
	unsigned habits;
	unsigned opened, stopping;
	const char *why; /* NULL: an orderly end */
} rows[] = {
	{ "connecting", lead_to_connecting, 0, 0, 0, "the gateway is stopping" },
	{ "handshake", lead_to_handshake, 0, 0, 0, "the gateway is stopping" },
	{ "idle", accept_plain, 0, 1, 1, "the gateway is stopping" },
	{ "idle, polite", accept_plain, FINISH_ON_END, 1, 1, NULL },
	{ "idle, kicking", accept_plain, FINISH_ON_END | KICK_IN_END, 1, 1, NULL },
	{ "stuck", lead_to_stuck, 0, 1, 1, "the gateway is stopping" },
	{ "stuck, polite", lead_to_stuck, FINISH_ON_END, 1, 1, "the gateway is stopping" },
	/* It has said goodbye already. */
	{ "stuck finish", lead_to_stuck_finish, FINISH_ON_END, 1, 0, "the gateway is stopping" },
	{ "lingering", lead_to_linger, FINISH_ON_END, 1, 0, NULL },
	{ "kept input", lead_to_kept, 0, 1, 1, "the gateway is stopping" },
	{ "endless", lead_to_endless, 0, 1, 1, "the gateway is stopping" },
	{ "aborted", lead_to_aborted, 0, 1, 0, "the test says so" },
};

static void check_row(const struct row *row)
{
	struct stage stage = { .loop = start_loop(), .sockets = { -1, -1, -1, -1 } };
	int64_t began;

	session_init(&stage.session, row->habits);
	row->lead(&stage);
	began = clock_monotonic_us();
	loop_stop(&stage.loop, 200);
	assert_true(clock_monotonic_us() - began < 5000000);
	if (stage.session.closed != 1 || stage.session.opened != row->opened ||
		stage.session.stopping != row->stopping || stage.session.deepest != 1 ||
		stage.session.has_why != (row->why != NULL))
		fail_msg("%s: closed %u times, opened %u, stopping %u, deep %u, %s", row->name,
			stage.session.closed, stage.session.opened, stage.session.stopping,
			stage.session.deepest,
			stage.session.has_why ? stage.session.why.text : "orderly");
	if (row->why)
		assert_string_equal(stage.session.why.text, row->why);
	for (size_t i = 0; i < 4; i++) {
		if (stage.sockets[i] >= 0)
			close(stage.sockets[i]);
	}
	session_clear(&stage.session);
}

static void test_each_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_row(&rows[i]);
}

/* Forced without any grace. */
static void test_crowd(void **state)
{
	enum { CROWD = 60 };
	static const struct conn_options plain = { .tls = NULL };
	static const unsigned habits[] = { 0, ECHO, ENDLESS, FINISH_ON_END };
	struct session *sessions = calloc(CROWD, sizeof *sessions);
	struct loop *loop = start_loop();
	int sockets[CROWD];

	(void)state;
	assert_non_null(sessions);
	for (size_t i = 0; i < CROWD; i++) {
		session_init(&sessions[i], habits[i % 4]);
		sockets[i] = accept_session(loop, &sessions[i], &plain);
		send_text(sockets[i], "hello");
	}
	assert_int_equal(loop_load(loop), CROWD);
	loop_stop(&loop, 0);
	for (size_t i = 0; i < CROWD; i++) {
		assert_int_equal(sessions[i].closed, 1);
		close(sockets[i]);
		session_clear(&sessions[i]);
	}
	free(sessions);
}

/* ---- accepted while the loop stops ---- */

static void hold(void *context)
{
	loop_hold(context);
}

static void release(void *context)
{
	loop_release(context);
}

static void stop_loop(void *context)
{
	loop_stop(context, 100);
}

static void test_too_late(void **state)
{
	static const struct conn_options plain = { .tls = NULL };
	struct loop *loop = start_loop(), *stopping = loop;
	struct session early, late;
	struct thread *thread;
	int sockets[2];

	(void)state;
	session_init(&early, 0);
	session_init(&late, 0);
	sockets[0] = accept_session(loop, &early, &plain);
	loop_call(loop, hold, loop);
	thread = thread_start("stop", stop_loop, &stopping, NULL);
	assert_non_null(thread);
	WAIT_FOR(early.closed == 1);
	sockets[1] = accept_session(loop, &late, &plain);
	WAIT_FOR(late.closed == 1);
	expect_end(sockets[1]);
	loop_call(loop, release, loop);
	thread_join(&thread);
	assert_int_equal(late.closed + late.opened, 1);
	assert_string_equal(late.why.text, "the gateway is stopping");
	close(sockets[0]);
	close(sockets[1]);
	session_clear(&early);
	session_clear(&late);
}

/* ---- the linger time ---- */

/* One that does not read its last reply, and one that reads it and then does not go. */
static void test_linger(void **state)
{
	struct stage unread = { .loop = start_loop(), .sockets = { -1 } };
	struct stage staying = { .loop = unread.loop, .sockets = { -1 } };
	int64_t began = clock_monotonic_us(), took;

	(void)state;
	session_init(&unread.session, 0);
	session_init(&staying.session, 0);
	lead_to_stuck_finish(&unread);
	lead_to_linger(&staying);
	/* What the peer says while it lingers neither counts nor buys time. */
	for (int i = 0; i < 8; i++) {
		sleep_ms(1000);
		send_text(staying.sockets[0], "still here");
	}
	WAIT_FOR(unread.session.closed == 1 && staying.session.closed == 1);
	took = clock_monotonic_us() - began;
	assert_in_range(took, 9500000, 17000000);
	assert_true(unread.session.has_why);
	assert_string_equal(unread.session.why.text, "the peer does not read");
	assert_false(staying.session.has_why);
	assert_int_equal(staying.session.offers, 0);
	loop_stop(&unread.loop, 0);
	close(unread.sockets[0]);
	close(staying.sockets[0]);
	session_clear(&unread.session);
	session_clear(&staying.session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_state),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_linger),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

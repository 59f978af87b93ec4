/* test_sessions.c -- places of connections: counted in all and of each network, and the longest silent gives way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/thread.h"
#include "service/sessions.h"

enum { PLACES = 8, ANY = 1000 };

struct connection {
	struct session_place *place;
	bool goes; /* when it is asked */
	unsigned asked;
};

struct waiting {
	struct mutex *mutex;
	struct condition *changed;
	bool is_held, may_go;
};

struct fixture {
	struct sessions *sessions;
	struct loop *loop;
	struct connection connections[2 * PLACES];
	struct waiting waiting;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	fixture->sessions = sessions_new(NULL);
	fixture->loop = loop_start("test", NULL);
	sessions_set_max(fixture->sessions, PLACES);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	loop_stop(&fixture->loop, 1000);
	assert_int_equal(sessions_count(fixture->sessions), 0);
	sessions_free(&fixture->sessions);
	free(fixture);
	return 0;
}

static void do_nothing(void *context)
{
	(void)context;
}

/* All that was posted has run. */
static void settle_loop(struct fixture *fixture)
{
	loop_call(fixture->loop, do_nothing, NULL);
}

static bool on_give_way(void *context)
{
	struct connection *connection = context;

	connection->asked++;
	if (connection->goes)
		session_place_leave(&connection->place);
	return connection->goes;
}

static enum session_refusal enter(
	struct fixture *fixture, size_t number, const char *host, size_t max)
{
	struct connection *connection = &fixture->connections[number];
	struct socket_address peer = { .port = 1 };
	enum session_refusal refusal = SESSION_REFUSED_MEMORY;

	snprintf(peer.host, sizeof peer.host, "%s", host);
	*connection = (struct connection){ .goes = true };
	connection->place = sessions_enter(fixture->sessions, fixture->loop, &peer, max, &refusal);
	if (connection->place)
		session_place_take(connection->place, on_give_way, connection);
	return refusal;
}

static bool is_in(struct fixture *fixture, size_t number)
{
	settle_loop(fixture);
	return fixture->connections[number].place != NULL;
}

static void leave_all(struct fixture *fixture)
{
	settle_loop(fixture);
	for (size_t i = 0; i < 2 * PLACES; i++) {
		if (fixture->connections[i].place)
			session_place_leave(&fixture->connections[i].place);
	}
}

static void test_of_peer(void **state)
{
	struct fixture *fixture = *state;

	enter(fixture, 0, "192.0.2.1", 2);
	enter(fixture, 1, "192.0.2.1", 2);
	assert_true(is_in(fixture, 0) && is_in(fixture, 1));
	assert_int_equal(enter(fixture, 2, "192.0.2.1", 2), SESSION_REFUSED_PEER);
	assert_false(is_in(fixture, 2));
	enter(fixture, 2, "192.0.2.2", 2);
	assert_true(is_in(fixture, 2));
	/* Of IPv6 the network of 64 bits counts. */
	enter(fixture, 3, "2001:db8:0:1::1", 2);
	enter(fixture, 4, "2001:db8:0:1:ffff::2", 2);
	assert_int_equal(enter(fixture, 5, "2001:db8:0:1::3", 2), SESSION_REFUSED_PEER);
	enter(fixture, 5, "2001:db8:0:2::1", 2);
	assert_true(is_in(fixture, 3) && is_in(fixture, 4) && is_in(fixture, 5));
	/* Who leaves makes room. */
	session_place_leave(&fixture->connections[0].place);
	enter(fixture, 0, "192.0.2.1", 2);
	assert_true(is_in(fixture, 0));
	assert_int_equal(sessions_count(fixture->sessions), 6);
	leave_all(fixture);
}

static void test_longest_silent(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < PLACES; i++)
		enter(fixture, i, "192.0.2.1", ANY);
	session_place_renew(fixture->connections[0].place);
	session_place_settle(fixture->connections[1].place);
	enter(fixture, PLACES, "192.0.2.1", ANY);
	assert_true(is_in(fixture, PLACES));
	assert_true(is_in(fixture, 0) && is_in(fixture, 1));
	assert_false(is_in(fixture, 2));
	enter(fixture, PLACES + 1, "192.0.2.1", ANY);
	assert_false(is_in(fixture, 3));
	/* A settled one is not heard of again. */
	session_place_renew(fixture->connections[1].place);
	for (size_t i = 2; i < PLACES; i++) {
		enter(fixture, PLACES + i, "192.0.2.1", ANY);
		assert_true(is_in(fixture, PLACES + i));
	}
	assert_true(is_in(fixture, 1));
	assert_int_equal(fixture->connections[1].asked, 0);
	assert_int_equal(sessions_count(fixture->sessions), PLACES);
	leave_all(fixture);
}

static void test_all_settled(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < PLACES; i++) {
		enter(fixture, i, "192.0.2.1", ANY);
		session_place_settle(fixture->connections[i].place);
	}
	assert_int_equal(enter(fixture, PLACES, "192.0.2.2", ANY), SESSION_REFUSED_FULL);
	assert_false(is_in(fixture, PLACES));
	leave_all(fixture);
}

/* It was asked, and goes on: the newcomer is there as well, and so many at most. */
static void test_goes_on(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < PLACES; i++) {
		enter(fixture, i, "192.0.2.1", ANY);
		fixture->connections[i].goes = false;
	}
	enter(fixture, PLACES, "192.0.2.1", ANY);
	fixture->connections[PLACES].goes = false;
	assert_true(is_in(fixture, 0) && is_in(fixture, PLACES));
	assert_int_equal(fixture->connections[0].asked, 1);
	/* Nothing was won, so no more get in than before. */
	session_place_settle(fixture->connections[0].place);
	for (size_t i = 1; i < PLACES; i++)
		session_place_settle(fixture->connections[i].place);
	session_place_settle(fixture->connections[PLACES].place);
	assert_int_equal(enter(fixture, PLACES + 1, "192.0.2.1", ANY), SESSION_REFUSED_FULL);
	leave_all(fixture);
}

/* Those that go on become no more by taking turns: who comes later needs the room of all who are too many. */
static void test_too_many_go_on(void **state)
{
	struct fixture *fixture = *state;
	size_t most = PLACES + PLACES / 4 + 1, entered = 0;

	for (size_t i = 0; i < 2 * PLACES; i++) {
		enter(fixture, i, "192.0.2.1", ANY);
		fixture->connections[i].goes = false;
		entered += is_in(fixture, i);
		/* Each has spoken since it was asked, so it may be asked again. */
		for (size_t j = 0; j <= i; j++) {
			if (fixture->connections[j].place)
				session_place_renew(fixture->connections[j].place);
		}
	}
	assert_in_range(entered, PLACES, most);
	assert_int_equal(sessions_count(fixture->sessions), entered);
	for (size_t i = 0; i < 2 * PLACES; i++)
		fixture->connections[i].goes = true;
	/* They make room for the newcomer and for what was too much. */
	session_place_leave(&fixture->connections[0].place);
	enter(fixture, 0, "192.0.2.1", ANY);
	assert_true(is_in(fixture, 0));
	assert_int_equal(sessions_count(fixture->sessions), PLACES);
	leave_all(fixture);
}

static void wait_on_loop(void *context)
{
	struct waiting *waiting = context;

	mutex_lock(waiting->mutex);
	waiting->is_held = true;
	condition_broadcast(waiting->changed);
	while (!waiting->may_go)
		condition_wait(waiting->changed, waiting->mutex);
	mutex_unlock(waiting->mutex);
}

static void hold_thread(void *context)
{
	struct fixture *fixture = context;

	loop_call(fixture->loop, wait_on_loop, &fixture->waiting);
}

/* A loop that is busy: no more than a quarter is asked at a time, and a session that ends before its loop asks it is
 * gone. */
static void test_busy_loop(void **state)
{
	struct fixture *fixture = *state;
	struct waiting *waiting = &fixture->waiting;
	struct thread *thread;
	size_t entered = 0;

	*waiting = (struct waiting){ mutex_new(NULL), condition_new(NULL), false, false };
	for (size_t i = 0; i < PLACES; i++)
		enter(fixture, i, "192.0.2.1", ANY);
	settle_loop(fixture);
	thread = thread_start("holder", hold_thread, fixture, NULL);
	mutex_lock(waiting->mutex);
	while (!waiting->is_held)
		condition_wait(waiting->changed, waiting->mutex);
	mutex_unlock(waiting->mutex);
	while (enter(fixture, PLACES + entered, "192.0.2.1", ANY) != SESSION_REFUSED_FULL ||
		fixture->connections[PLACES + entered].place)
		entered++;
	assert_int_equal(entered, PLACES / 4 + 1);
	session_place_leave(&fixture->connections[0].place);
	mutex_lock(waiting->mutex);
	waiting->may_go = true;
	condition_broadcast(waiting->changed);
	mutex_unlock(waiting->mutex);
	thread_join(&thread);
	assert_true(is_in(fixture, PLACES));
	assert_int_equal(fixture->connections[0].asked, 0);
	assert_int_equal(fixture->connections[1].asked, 1);
	assert_int_equal(sessions_count(fixture->sessions), PLACES);
	leave_all(fixture);
	condition_free(&waiting->changed);
	mutex_free(&waiting->mutex);
}

static void test_scarce(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < PLACES; i++) {
		assert_int_equal(sessions_are_scarce(fixture->sessions), i > PLACES * 3 / 4);
		enter(fixture, i, "192.0.2.1", ANY);
	}
	assert_true(sessions_are_scarce(fixture->sessions));
	sessions_set_max(fixture->sessions, 2 * PLACES);
	assert_false(sessions_are_scarce(fixture->sessions));
	leave_all(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_of_peer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_longest_silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_settled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_go_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_busy_loop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scarce, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

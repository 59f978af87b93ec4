/* test_timer.c -- fires when it is due, not after it was let go; and whoever lets go last, loop or owner, frees
 * it: a sanitizer reads along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/loop.h"
#include "net/timer.h"
#include "platform/clock.h"
#include "platform/thread.h"

struct fixture {
	struct loop *loop;
	struct timer *timer;
	struct mutex *mutex;
	struct condition *changed;
	unsigned fired; /* under the mutex */
	unsigned free_at;
	uint64_t delay_ms, repeat_ms;
	bool is_running;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	fixture->loop = loop_start("test", NULL);
	fixture->mutex = mutex_new(NULL);
	fixture->changed = condition_new(NULL);
	*state = fixture;
	return fixture->loop && fixture->mutex && fixture->changed ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	loop_stop(&fixture->loop, 1000);
	/* Behind the loop: it has let go already. */
	timer_free(&fixture->timer);
	assert_null(fixture->timer);
	condition_free(&fixture->changed);
	mutex_free(&fixture->mutex);
	free(fixture);
	return 0;
}

static void on_fire(void *context)
{
	struct fixture *fixture = context;

	mutex_lock(fixture->mutex);
	if (++fixture->fired == fixture->free_at)
		timer_free(&fixture->timer);
	condition_broadcast(fixture->changed);
	mutex_unlock(fixture->mutex);
}

static void make_and_start(void *context)
{
	struct fixture *fixture = context;

	fixture->timer = timer_new(fixture->loop, on_fire, fixture, NULL);
	if (fixture->timer)
		timer_start(fixture->timer, fixture->delay_ms, fixture->repeat_ms);
}

static void let_go(void *context)
{
	struct fixture *fixture = context;

	timer_free(&fixture->timer);
}

static void look(void *context)
{
	struct fixture *fixture = context;

	fixture->is_running = fixture->timer && timer_is_running(fixture->timer);
}

static unsigned wait_until(struct fixture *fixture, unsigned fired, int64_t most_us)
{
	bool in_time = true;
	unsigned result;

	mutex_lock(fixture->mutex);
	while (fixture->fired < fired && in_time)
		in_time = condition_wait_for(fixture->changed, fixture->mutex, most_us);
	result = fixture->fired;
	mutex_unlock(fixture->mutex);
	return result;
}

static void test_fires_once(void **state)
{
	struct fixture *fixture = *state;
	int64_t begun_us = clock_monotonic_us();

	fixture->delay_ms = 50;
	loop_call(fixture->loop, make_and_start, fixture);
	assert_non_null(fixture->timer);
	loop_call(fixture->loop, look, fixture);
	assert_true(fixture->is_running || fixture->fired);
	assert_int_equal(wait_until(fixture, 1, 60000000), 1);
	assert_true(clock_monotonic_us() - begun_us >= 49000);
	assert_int_equal(wait_until(fixture, 2, 150000), 1);
	loop_call(fixture->loop, look, fixture);
	assert_false(fixture->is_running);
	loop_call(fixture->loop, let_go, fixture);
}

static void test_repeats_until_let_go(void **state)
{
	struct fixture *fixture = *state;

	fixture->repeat_ms = 5;
	fixture->free_at = 4;
	loop_call(fixture->loop, make_and_start, fixture);
	assert_int_equal(wait_until(fixture, 4, 60000000), 4);
	assert_int_equal(wait_until(fixture, 5, 100000), 4);
	assert_null(fixture->timer);
}

/* What a session does that learns of the loop's end after its timer did. */
static void test_loop_ends_first(void **state)
{
	struct fixture *fixture = *state;

	fixture->delay_ms = 3600000;
	loop_call(fixture->loop, make_and_start, fixture);
	assert_non_null(fixture->timer);
	loop_stop(&fixture->loop, 1000);
	assert_false(timer_is_running(fixture->timer));
	timer_start(fixture->timer, 0, 0);
	timer_free(&fixture->timer);
	assert_null(fixture->timer);
	timer_free(&fixture->timer);
	assert_int_equal(fixture->fired, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fires_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_repeats_until_let_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_loop_ends_first, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

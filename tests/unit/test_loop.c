/* test_loop.c -- tasks in order from many threads, calls, holds, members, and an end that loses none of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "loop_internal.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

static struct loop *start_loop(void)
{
	struct error error;
	struct loop *loop = loop_start("test", &error);

	if (!loop)
		fail_msg("%s", error.text);
	return loop;
}

static struct thread *start(void (*run)(void *context), void *context)
{
	struct thread *thread = thread_start("test", run, context, NULL);

	assert_non_null(thread);
	return thread;
}

/* ---- tasks ---- */

enum { POSTERS = 4, POSTS = 3000 };

struct numbered {
	struct loop_task task;
	struct poster *poster;
	unsigned number;
};

/* The counts are the loop thread's until it has ended. */
struct poster {
	struct loop *loop;
	pthread_t loop_thread;
	unsigned next;
	bool is_out_of_order, is_elsewhere;
	struct numbered tasks[POSTS];
};

static void run_numbered(struct loop_task *task)
{
	struct numbered *numbered = list_entry(task, struct numbered, task);
	struct poster *poster = numbered->poster;

	if (numbered->number == 0)
		poster->loop_thread = pthread_self();
	poster->is_out_of_order |= numbered->number != poster->next++;
	poster->is_elsewhere |= !pthread_equal(poster->loop_thread, pthread_self());
}

static void post_all(void *context)
{
	struct poster *poster = context;

	for (unsigned i = 0; i < POSTS; i++) {
		poster->tasks[i] = (struct numbered){
			.task.run = run_numbered, .poster = poster, .number = i
		};
		loop_post(poster->loop, &poster->tasks[i].task);
	}
}

static void test_order(void **state)
{
	struct poster *posters = calloc(POSTERS, sizeof *posters);
	struct thread *threads[POSTERS];
	struct loop *loop = start_loop();

	(void)state;
	assert_non_null(posters);
	for (size_t i = 0; i < POSTERS; i++) {
		posters[i].loop = loop;
		threads[i] = start(post_all, &posters[i]);
	}
	for (size_t i = 0; i < POSTERS; i++)
		thread_join(&threads[i]);
	loop_stop(&loop, 0);
	assert_null(loop);
	loop_stop(&loop, 0);
	for (size_t i = 0; i < POSTERS; i++) {
		assert_int_equal(posters[i].next, POSTS);
		assert_false(posters[i].is_out_of_order);
		assert_false(posters[i].is_elsewhere);
		assert_true(pthread_equal(posters[i].loop_thread, posters[0].loop_thread));
	}
	free(posters);
}

struct chain {
	struct loop_task task;
	struct loop *loop;
	unsigned left;
};

static void run_chain(struct loop_task *task)
{
	struct chain *chain = list_entry(task, struct chain, task);

	if (--chain->left)
		loop_post(chain->loop, &chain->task);
}

/* What a posted task posts is run as well, although the loop is stopping by then. */
static void test_chain_at_the_end(void **state)
{
	static const unsigned lengths[] = { 1, 2, 50 };

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct chain chain = { .task.run = run_chain, .left = lengths[i] };

		chain.loop = start_loop();
		loop_post(chain.loop, &chain.task);
		loop_stop(&chain.loop, 0);
		assert_int_equal(chain.left, 0);
	}
}

/* ---- calls ---- */

struct caller {
	struct loop *loop;
	unsigned *counter; /* of the loop's thread: no lock */
	pthread_t thread;
	bool was_wrong;
};

static void count(void *context)
{
	struct caller *caller = context;

	caller->thread = pthread_self();
	++*caller->counter;
}

static void call_often(void *context)
{
	struct caller *caller = context;

	for (unsigned i = 0; i < 500; i++) {
		caller->thread = pthread_self();
		loop_call(caller->loop, count, caller);
		/* It has run when the call returns, and not here. */
		caller->was_wrong |= pthread_equal(caller->thread, pthread_self()) != 0;
	}
}

static void test_calls(void **state)
{
	unsigned counter = 0;
	struct loop *loop = start_loop();
	struct caller callers[POSTERS];
	struct thread *threads[POSTERS];

	(void)state;
	for (size_t i = 0; i < POSTERS; i++) {
		callers[i] = (struct caller){ .loop = loop, .counter = &counter };
		threads[i] = start(call_often, &callers[i]);
	}
	for (size_t i = 0; i < POSTERS; i++) {
		thread_join(&threads[i]);
		assert_false(callers[i].was_wrong);
	}
	loop_stop(&loop, 0);
	assert_int_equal(counter, POSTERS * 500);
}

/* ---- the end ---- */

struct stopper {
	struct loop *loop;
	uint64_t grace_ms;
	struct thread *thread;
	atomic_bool has_ended;
};

static void stop_loop(void *context)
{
	struct stopper *stopper = context;

	loop_stop(&stopper->loop, stopper->grace_ms);
	atomic_store(&stopper->has_ended, true);
}

static void begin_stop(struct stopper *stopper, struct loop *loop, uint64_t grace_ms)
{
	*stopper = (struct stopper){ .loop = loop, .grace_ms = grace_ms };
	stopper->thread = start(stop_loop, stopper);
}

static void hold(void *context)
{
	loop_hold(context);
}

static void release(void *context)
{
	loop_release(context);
}

static void test_hold(void **state)
{
	struct loop *loop = start_loop();
	struct stopper stopper;

	(void)state;
	loop_call(loop, hold, loop);
	loop_call(loop, hold, loop);
	begin_stop(&stopper, loop, 10);
	sleep_ms(150);
	assert_false(atomic_load(&stopper.has_ended));
	/* It still works. */
	loop_call(loop, release, loop);
	sleep_ms(50);
	assert_false(atomic_load(&stopper.has_ended));
	loop_call(loop, release, loop);
	thread_join(&stopper.thread);
	assert_true(atomic_load(&stopper.has_ended));
}

enum when { AT_ONCE, WHEN_FORCED };

struct fake {
	struct loop_member member;
	struct loop *loop;
	enum when ends;
	unsigned asked, forced;
};

static void on_asked(struct loop_member *member)
{
	struct fake *fake = list_entry(member, struct fake, member);

	fake->asked++;
	if (fake->ends == AT_ONCE)
		loop_remove_member(fake->loop, member);
}

static void on_forced(struct loop_member *member)
{
	struct fake *fake = list_entry(member, struct fake, member);

	fake->forced++;
	loop_remove_member(fake->loop, member);
}

static void join(void *context)
{
	struct fake *fake = context;

	loop_add_member(fake->loop, &fake->member);
}

static void fake_init(struct fake *fake, struct loop *loop, enum when ends)
{
	*fake = (struct fake){
		.member = { .on_stopping = on_asked, .close = on_forced },
		.loop = loop,
		.ends = ends,
	};
	list_init(&fake->member.link);
}

static void test_members(void **state)
{
	static const struct {
		enum when ends[3];
		unsigned count;
		bool is_forced;
	} rows[] = {
		{ { AT_ONCE }, 0, false },
		{ { AT_ONCE }, 1, false },
		{ { AT_ONCE, AT_ONCE, AT_ONCE }, 3, false },
		{ { AT_ONCE, WHEN_FORCED, AT_ONCE }, 3, true },
		{ { WHEN_FORCED, WHEN_FORCED, WHEN_FORCED }, 3, true },
	};
	enum { GRACE_MS = 150 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct loop *loop = start_loop();
		struct fake fakes[3];
		int64_t began, took;

		for (size_t j = 0; j < rows[i].count; j++) {
			fake_init(&fakes[j], loop, rows[i].ends[j]);
			loop_call(loop, join, &fakes[j]);
			assert_int_equal(loop_load(loop), j + 1);
		}
		began = clock_monotonic_us();
		loop_stop(&loop, rows[i].is_forced ? GRACE_MS : 60000);
		took = clock_monotonic_us() - began;
		assert_true(took < 20000000);
		/* libuv counts in milliseconds that have begun. */
		if (rows[i].is_forced)
			assert_true(took >= (GRACE_MS - 20) * 1000);
		for (size_t j = 0; j < rows[i].count; j++) {
			assert_int_equal(fakes[j].asked, 1);
			assert_int_equal(fakes[j].forced, rows[i].ends[j] == WHEN_FORCED);
		}
	}
}

static void test_late_member(void **state)
{
	struct loop *loop = start_loop();
	struct stopper stopper;
	struct fake early, late;

	(void)state;
	fake_init(&early, loop, WHEN_FORCED);
	fake_init(&late, loop, AT_ONCE);
	loop_call(loop, join, &early);
	loop_call(loop, hold, loop);
	begin_stop(&stopper, loop, 300);
	sleep_ms(50);
	loop_call(loop, join, &late);
	assert_int_equal(late.asked, 1);
	loop_call(loop, release, loop);
	thread_join(&stopper.thread);
	assert_int_equal(early.asked + early.forced, 2);
	assert_int_equal(late.forced, 0);
}

/* ---- the end under load ---- */

/* Members that come and go, and answers that are posted, while the loop is told to end. */
struct worker {
	struct loop *loop;
	struct fake fake;
	struct loop_task answer;
	unsigned joined;
	bool was_answered;
};

static void run_answer(struct loop_task *task)
{
	struct worker *worker = list_entry(task, struct worker, answer);

	worker->was_answered = true;
	loop_release(worker->loop);
}

static void join_and_leave(void *context)
{
	struct worker *worker = context;

	worker->joined++;
	loop_add_member(worker->loop, &worker->fake.member);
	/* Unless the loop is stopping, and it was told at once. */
	if (!worker->fake.asked)
		loop_remove_member(worker->loop, &worker->fake.member);
	worker->fake.asked = 0;
}

static void work(void *context)
{
	struct worker *worker = context;

	for (unsigned i = 0; i < 200; i++)
		loop_call(worker->loop, join_and_leave, worker);
	loop_post(worker->loop, &worker->answer);
}

static void test_stop_under_load(void **state)
{
	struct loop *loop = start_loop();
	struct worker workers[POSTERS];
	struct thread *threads[POSTERS];
	struct stopper stopper;

	(void)state;
	for (size_t i = 0; i < POSTERS; i++) {
		workers[i] = (struct worker){ .loop = loop, .answer.run = run_answer };
		fake_init(&workers[i].fake, loop, AT_ONCE);
		loop_call(loop, hold, loop);
	}
	for (size_t i = 0; i < POSTERS; i++)
		threads[i] = start(work, &workers[i]);
	begin_stop(&stopper, loop, 0);
	for (size_t i = 0; i < POSTERS; i++)
		thread_join(&threads[i]);
	thread_join(&stopper.thread);
	for (size_t i = 0; i < POSTERS; i++) {
		assert_int_equal(workers[i].joined, 200);
		assert_true(workers[i].was_answered);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_chain_at_the_end),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_late_member),
		cmocka_unit_test(test_stop_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_thread_queue.c -- threads, conditions, clocks, and the bounded queue between threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "platform/clock.h"
#include "platform/queue.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

static struct thread *start(const char *name, void (*run)(void *context), void *context)
{
	struct error error;
	struct thread *thread = thread_start(name, run, context, &error);

	if (!thread)
		fail_msg("%s", error.text);
	return thread;
}

/* ---- queue ---- */

static void test_bounded_in_order(void **state)
{
	static const size_t capacities[] = { 1, 2, 3, 64 };

	(void)state;
	for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
		struct queue *queue = queue_new(capacities[i], NULL);
		char items[400];
		size_t in = 0, out = 0;

		assert_non_null(queue);
		assert_null(queue_try_pop(queue));
		/* Filled, emptied by a part, filled: the ring turns over. */
		while (in < sizeof items - capacities[i]) {
			while (queue_push(queue, &items[in]))
				in++;
			assert_int_equal(in - out, capacities[i]);
			for (size_t taken = 0; taken <= capacities[i] / 2; taken++)
				assert_ptr_equal(queue_pop(queue), &items[out++]);
		}
		while (out < in)
			assert_ptr_equal(queue_try_pop(queue), &items[out++]);
		assert_null(queue_try_pop(queue));
		queue_free(&queue);
		assert_null(queue);
	}
}

static void test_close_keeps_what_is_in(void **state)
{
	struct queue *queue = queue_new(4, NULL);
	char items[3];

	(void)state;
	assert_true(queue_push(queue, &items[0]));
	assert_true(queue_push(queue, &items[1]));
	queue_close(queue);
	assert_false(queue_push(queue, &items[2]));
	assert_ptr_equal(queue_pop(queue), &items[0]);
	assert_ptr_equal(queue_pop(queue), &items[1]);
	assert_null(queue_pop(queue));
	assert_null(queue_pop(queue));
	queue_close(queue);
	queue_free(&queue);
}

struct waiter {
	struct queue *queue;
	atomic_bool has_begun;
	void *got;
};

static void wait_for_item(void *context)
{
	struct waiter *waiter = context;

	atomic_store(&waiter->has_begun, true);
	waiter->got = queue_pop(waiter->queue);
}

static void test_close_wakes_all(void **state)
{
	enum { WAITERS = 5 };
	struct queue *queue = queue_new(4, NULL);
	struct waiter waiters[WAITERS] = { 0 };
	struct thread *threads[WAITERS];

	(void)state;
	for (size_t i = 0; i < WAITERS; i++) {
		waiters[i] = (struct waiter){ .queue = queue, .got = &waiters[i] };
		threads[i] = start("waiter", wait_for_item, &waiters[i]);
	}
	for (size_t i = 0; i < WAITERS; i++) {
		while (!atomic_load(&waiters[i].has_begun))
			sleep_ms(1);
	}
	sleep_ms(20);
	queue_close(queue);
	for (size_t i = 0; i < WAITERS; i++) {
		thread_join(&threads[i]);
		assert_null(waiters[i].got);
	}
	queue_free(&queue);
}

static void test_push_wakes_one(void **state)
{
	struct queue *queue = queue_new(1, NULL);
	struct waiter waiter = { .queue = queue };
	struct thread *thread = start("waiter", wait_for_item, &waiter);

	(void)state;
	while (!atomic_load(&waiter.has_begun))
		sleep_ms(1);
	sleep_ms(10);
	assert_true(queue_push(queue, &waiter));
	thread_join(&thread);
	assert_ptr_equal(waiter.got, &waiter);
	queue_free(&queue);
}

enum { PRODUCERS = 4, CONSUMERS = 3, ITEMS = 5000 };

struct item {
	unsigned producer, number;
	atomic_uint seen;
};

struct crowd {
	struct queue *queue;
	struct item items[PRODUCERS][ITEMS];
	atomic_uint next_producer;
	atomic_uint taken;
	atomic_bool is_out_of_order;
};

static void produce(void *context)
{
	struct crowd *crowd = context;
	unsigned producer = atomic_fetch_add(&crowd->next_producer, 1);

	for (unsigned i = 0; i < ITEMS; i++) {
		struct item *item = &crowd->items[producer][i];

		item->producer = producer;
		item->number = i;
		while (!queue_push(crowd->queue, item))
			sleep_ms(0);
	}
}

/* What one consumer takes of one producer comes in the producer's order. */
static void consume(void *context)
{
	struct crowd *crowd = context;
	int64_t last[PRODUCERS] = { -1, -1, -1, -1 };
	struct item *item;

	while ((item = queue_pop(crowd->queue))) {
		if (item->number <= last[item->producer])
			atomic_store(&crowd->is_out_of_order, true);
		last[item->producer] = item->number;
		atomic_fetch_add(&item->seen, 1);
		atomic_fetch_add(&crowd->taken, 1);
	}
}

static void test_many_producers(void **state)
{
	struct crowd *crowd = calloc(1, sizeof *crowd);
	struct thread *producers[PRODUCERS], *consumers[CONSUMERS];

	(void)state;
	assert_non_null(crowd);
	crowd->queue = queue_new(16, NULL);
	for (size_t i = 0; i < CONSUMERS; i++)
		consumers[i] = start("consumer", consume, crowd);
	for (size_t i = 0; i < PRODUCERS; i++)
		producers[i] = start("producer", produce, crowd);
	for (size_t i = 0; i < PRODUCERS; i++)
		thread_join(&producers[i]);
	queue_close(crowd->queue);
	for (size_t i = 0; i < CONSUMERS; i++)
		thread_join(&consumers[i]);
	assert_int_equal(atomic_load(&crowd->taken), PRODUCERS * ITEMS);
	assert_false(atomic_load(&crowd->is_out_of_order));
	for (size_t i = 0; i < PRODUCERS; i++) {
		for (size_t j = 0; j < ITEMS; j++)
			assert_int_equal(atomic_load(&crowd->items[i][j].seen), 1);
	}
	queue_free(&crowd->queue);
	free(crowd);
}

/* ---- threads, conditions, clocks ---- */

struct facts {
	char name[16];
	bool blocks[3];
};

static void look_around(void *context)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGUSR1 };
	struct facts *facts = context;
	sigset_t set;

	pthread_getname_np(pthread_self(), facts->name, sizeof facts->name);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	for (size_t i = 0; i < 3; i++)
		facts->blocks[i] = sigismember(&set, signals[i]) == 1;
}

static void test_thread_facts(void **state)
{
	static const struct {
		const char *name, *shown;
	} rows[] = { { "accept", "accept" }, { "a-name-that-is-too-long", "a-name-that-is-" } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct facts facts = { "", { false } };
		struct thread *thread = start(rows[i].name, look_around, &facts);
		sigset_t own;

		thread_join(&thread);
		assert_null(thread);
		thread_join(&thread);
		assert_string_equal(facts.name, rows[i].shown);
		for (size_t j = 0; j < 3; j++)
			assert_true(facts.blocks[j]);
		/* The starter's own mask is as it was. */
		pthread_sigmask(SIG_BLOCK, NULL, &own);
		assert_int_equal(sigismember(&own, SIGTERM), 0);
	}
	assert_in_range(thread_core_count(), 1, 4096);
}

static void test_wait_times_out(void **state)
{
	static const int64_t times_us[] = { 0, 1000, 60000, 1200000 };
	struct mutex *mutex = mutex_new(NULL);
	struct condition *condition = condition_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof times_us / sizeof times_us[0]; i++) {
		int64_t began = clock_monotonic_us(), took;
		bool timed_out = false;

		mutex_lock(mutex);
		/* A wake-up without a reason is allowed (POSIX), but not for ever. */
		for (unsigned tries = 0; tries < 100 && !timed_out; tries++)
			timed_out = !condition_wait_for(condition, mutex, times_us[i]);
		mutex_unlock(mutex);
		took = clock_monotonic_us() - began;
		assert_true(timed_out);
		assert_true(took >= times_us[i]);
		assert_true(took < times_us[i] + 5000000);
	}
	condition_free(&condition);
	mutex_free(&mutex);
	condition_free(&condition);
	mutex_free(&mutex);
}

struct flag {
	struct mutex *mutex;
	struct condition *condition;
	bool is_set;
};

static void set_flag(void *context)
{
	struct flag *flag = context;

	sleep_ms(20);
	mutex_lock(flag->mutex);
	flag->is_set = true;
	condition_signal(flag->condition);
	mutex_unlock(flag->mutex);
}

static void test_signal_ends_the_wait(void **state)
{
	struct flag flag = { mutex_new(NULL), condition_new(NULL), false };
	struct thread *thread = start("setter", set_flag, &flag);
	bool in_time = true;

	(void)state;
	mutex_lock(flag.mutex);
	while (!flag.is_set && in_time)
		in_time = condition_wait_for(flag.condition, flag.mutex, 10000000);
	mutex_unlock(flag.mutex);
	thread_join(&thread);
	assert_true(in_time);
	condition_free(&flag.condition);
	mutex_free(&flag.mutex);
}

static void test_clocks(void **state)
{
	int64_t monotonic = clock_monotonic_us(), wall = clock_wall_us();

	(void)state;
	sleep_ms(30);
	assert_in_range(clock_monotonic_us() - monotonic, 30000, 5000000);
	/* 2020 to 2100, in microseconds. */
	assert_in_range(wall, INT64_C(1577836800000000), INT64_C(4102444800000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounded_in_order),
		cmocka_unit_test(test_close_keeps_what_is_in),
		cmocka_unit_test(test_close_wakes_all),
		cmocka_unit_test(test_push_wakes_one),
		cmocka_unit_test(test_many_producers),
		cmocka_unit_test(test_thread_facts),
		cmocka_unit_test(test_wait_times_out),
		cmocka_unit_test(test_signal_ends_the_wait),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_store_threads.c -- everything at once for a few seconds: deliveries small, large and shared,
 * collectors that read and delete, mailboxes that come and go. Then the books must balance. Of most use
 * under ThreadSanitizer (the preset tsan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "test_store_fixture.h"

enum {
	DELIVERERS = 4,
	COLLECTORS = 2,
	MAILBOXES = 4,
	RANGE = 1000000, /* message numbers of one deliverer */
	DURATION_US = 3000000,
};

struct shared {
	struct fixture *fixture;
	int64_t until_us;
	/* under the mutex */
	struct mutex *mutex;
	uint64_t delivered[MAILBOXES + 1];
	uint64_t removed; /* asked for; some by both collectors */
	uint64_t read;
	int failures;
};

struct worker {
	struct shared *shared;
	uint64_t number;
	struct thread *thread;
};

static bool goes_on(const struct shared *shared)
{
	return clock_monotonic_us() < shared->until_us;
}

static void check(struct shared *shared, bool ok, const char *what, const struct error *error)
{
	if (ok)
		return;
	mutex_lock(shared->mutex);
	shared->failures++;
	print_error("%s: %s\n", what, error->text);
	mutex_unlock(shared->mutex);
}

static void run_deliverer(void *context)
{
	static const size_t sizes[] = { 100, 8700, 8700, 40000, 8700, 100000, 1 };
	struct worker *worker = context;
	struct shared *shared = worker->shared;

	for (uint64_t i = 0; goes_on(shared); i++) {
		uint64_t number = worker->number * RANGE + i;
		uint64_t first = 1 + (number + i / 3) % MAILBOXES;
		size_t targets = i % 5 ? 1 : (size_t)(MAILBOXES + 1 - first);
		struct error error = { 0 };
		bool ok = deliver_to(shared->fixture, number, sizes[i % 7], first, targets, &error);

		check(shared, ok, "delivering", &error);
		mutex_lock(shared->mutex);
		for (size_t target = 0; ok && target < targets; target++)
			shared->delivered[first + target]++;
		mutex_unlock(shared->mutex);
	}
}

static bool is_right(struct shared *shared, const struct store_message *message)
{
	struct buf expected =
		make_sealed((uint64_t)(message->received_us - 2000000), message->size - 1);
	struct error error = { 0 };
	struct buf sealed;
	bool is_end = false;
	bool ok;

	buf_init(&sealed, message->size);
	ok = read_piece(shared->fixture, message, 0, message->size, &sealed, &is_end, &error);
	/* The other collector may have been faster. */
	if (!ok && error.kind == ERROR_NOT_FOUND)
		ok = true;
	else
		ok = ok && is_end && bytes_equal(buf_view(&sealed), buf_view(&expected));
	check(shared, ok, "reading", &error);
	buf_clear(&sealed);
	buf_clear(&expected);
	return ok;
}

static void run_collector(void *context)
{
	struct worker *worker = context;
	struct shared *shared = worker->shared;

	for (uint64_t i = worker->number; goes_on(shared); i++) {
		uint64_t mailbox = 1 + i % MAILBOXES;
		struct store_message *messages = NULL;
		struct error error = { 0 };
		size_t count = 0, half;

		check(shared, list_mailbox(shared->fixture, mailbox, &messages, &count, &error),
			"listing", &error);
		half = count / 2;
		for (size_t message = 0; message < half && goes_on(shared); message++)
			is_right(shared, &messages[message]);
		check(shared, remove_messages(shared->fixture, mailbox, messages, half, &error),
			"removing", &error);
		mutex_lock(shared->mutex);
		shared->removed += half;
		mutex_unlock(shared->mutex);
		free(messages);
	}
}

static void run_administrator(void *context)
{
	struct worker *worker = context;
	struct shared *shared = worker->shared;

	for (uint64_t i = 100; goes_on(shared); i++) {
		const struct id id = make_id('b', i);
		const struct store_mailbox mailbox = make_mailbox(i);
		struct store *store = shared->fixture->store;
		struct store_figures figures;
		struct error error = { 0 };

		check(shared, store_mailbox_create(store, &mailbox, &error), "creating", &error);
		for (uint64_t message = 0; message < 5; message++)
			check(shared,
				deliver_to(shared->fixture,
					worker->number * RANGE + i * 5 + message,
					message == 3 ? 100000 : 5000, i, 1, &error),
				"delivering", &error);
		check(shared, store_setting_set(store, "hostname", "a", &error), "setting", &error);
		check(shared, store_figures(store, &figures, &error), "figures", &error);
		counts_of(shared->fixture, 1 + i % MAILBOXES);
		check(shared, store_mailbox_delete(store, &id, &error), "deleting", &error);
	}
}

static void run_all(struct shared *shared)
{
	static const struct {
		void (*run)(void *context);
		size_t count;
	} kinds[] = {
		{ run_deliverer, DELIVERERS },
		{ run_collector, COLLECTORS },
		{ run_administrator, 1 },
	};
	struct worker workers[DELIVERERS + COLLECTORS + 1];
	size_t count = 0;

	for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
		for (size_t i = 0; i < kinds[kind].count; i++, count++) {
			workers[count] = (struct worker){ .shared = shared, .number = count };
			workers[count].thread =
				thread_start("worker", kinds[kind].run, &workers[count], NULL);
			assert_non_null(workers[count].thread);
		}
	}
	for (size_t i = 0; i < count; i++)
		thread_join(&workers[i].thread);
}

static void test_everything_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct shared shared = { .fixture = fixture, .mutex = mutex_new(NULL) };
	struct store_figures figures;
	struct error error = { 0 };

	for (uint64_t box = 1; box <= MAILBOXES; box++)
		create_mailbox(fixture, box);
	shared.until_us = clock_monotonic_us() + DURATION_US;
	run_all(&shared);
	assert_int_equal(shared.failures, 0);
	assert_true(store_figures(fixture->store, &figures, &error));
	print_message("%u messages in %u commits, %u removals\n", (unsigned)figures.deliveries,
		(unsigned)figures.commits, (unsigned)shared.removed);

	fixture_close(fixture);
	assert_true(fixture_open(fixture, &error));
	assert_int_equal(fixture_troubles(fixture, NULL), 0);
	for (uint64_t box = 1; box <= MAILBOXES; box++) {
		struct store_mailbox_counts counts = counts_of(fixture, box);
		struct store_message *messages;
		size_t count;

		assert_int_equal(counts.received, shared.delivered[box]);
		assert_true(list_mailbox(fixture, box, &messages, &count, &error));
		assert_int_equal(count, counts.waiting);
		for (size_t i = 0; i < count; i++)
			assert_true(is_right(&shared, &messages[i]));
		free(messages);
	}
	mutex_free(&shared.mutex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_everything_at_once, fixture_set_up, fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

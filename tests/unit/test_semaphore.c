/* test_semaphore.c -- who waits goes on once for each post, whichever came first, and may free it at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/semaphore.h"
#include "platform/thread.h"

enum { ROUNDS = 2000 };

struct errand {
	struct semaphore *asked, *done;
	unsigned value;
};

static void serve(void *context)
{
	struct errand *errand = context;

	for (unsigned i = 0; i < ROUNDS; i++) {
		semaphore_wait(errand->asked);
		errand->value++;
		semaphore_post(errand->done);
	}
}

static void test_to_and_fro(void **state)
{
	struct errand errand = { semaphore_new(NULL), semaphore_new(NULL), 0 };
	struct thread *thread;

	(void)state;
	assert_non_null(errand.asked);
	assert_non_null(errand.done);
	thread = thread_start("serve", serve, &errand, NULL);
	assert_non_null(thread);
	for (unsigned i = 0; i < ROUNDS; i++) {
		semaphore_post(errand.asked);
		semaphore_wait(errand.done);
		assert_int_equal(errand.value, i + 1);
	}
	thread_join(&thread);
	semaphore_free(&errand.asked);
	semaphore_free(&errand.done);
	assert_null(errand.done);
}

static void post(void *context)
{
	semaphore_post(context);
}

static void test_freed_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		struct semaphore *semaphore = semaphore_new(NULL);
		struct thread *thread;

		assert_non_null(semaphore);
		thread = thread_start("post", post, semaphore, NULL);
		semaphore_wait(semaphore);
		semaphore_free(&semaphore);
		thread_join(&thread);
	}
}

/* Each post counts, before anybody waits. */
static void test_counts(void **state)
{
	struct semaphore *semaphore = semaphore_new(NULL);

	(void)state;
	assert_non_null(semaphore);
	for (unsigned i = 0; i < 3; i++)
		semaphore_post(semaphore);
	for (unsigned i = 0; i < 3; i++)
		semaphore_wait(semaphore);
	semaphore_free(&semaphore);
	semaphore_free(&semaphore);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_and_fro),
		cmocka_unit_test(test_freed_at_once),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

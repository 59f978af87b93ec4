/* test_process.c -- what a process does about itself, each in a child that is thrown away. A child says
 * by its exit status which check failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/process.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

static int harden(void *context)
{
	const bool *not_dumpable = context;
	struct rlimit limit = { 4096, 4096 };
	int sockets[2];

	setrlimit(RLIMIT_CORE, &limit);
	prctl(PR_SET_DUMPABLE, 1);
	if (!process_harden(*not_dumpable, NULL))
		return 1;
	if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0 || limit.rlim_max != 0)
		return 2;
	if (prctl(PR_GET_DUMPABLE) != !*not_dumpable)
		return 3;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0 || close(sockets[1]) != 0)
		return 4;
	/* By default the signal would end the child here. */
	return write(sockets[0], "x", 1) == -1 ? 0 : 5;
}

static void test_harden(void **state)
{
	bool yes = true, no = false;

	(void)state;
	assert_int_equal(child_run(harden, &yes), 0);
	assert_int_equal(child_run(harden, &no), 0);
}

struct limit_row {
	rlim_t soft, hard;
	uint64_t wanted, got;
};

static int raise_limit(void *context)
{
	const struct limit_row *row = context;
	struct rlimit limit = { row->soft, row->hard };
	uint64_t got = 0;

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	if (!process_raise_file_limit(row->wanted, &got, NULL) || got != row->got)
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != row->got)
		return 3;
	return limit.rlim_max == row->hard ? 0 : 4;
}

static void test_file_limit(void **state)
{
	static struct limit_row rows[] = {
		{ 64, 256, 128, 128 },
		{ 64, 256, 256, 256 },
		{ 64, 256, 100000, 256 }, /* as far as it goes */
		{ 64, 256, 10, 64 },	  /* never lowered */
		{ 64, 64, 65, 64 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(child_run(raise_limit, &rows[i]), 0);
}

static void send_later(void *context)
{
	sleep_ms(50);
	kill(getpid(), *(const int *)context);
}

static int wait_for_stop(void *context)
{
	struct thread *thread;

	alarm(20);
	if (!process_block_stop_signals(NULL))
		return 1;
	thread = thread_start("sender", send_later, context, NULL);
	if (!thread)
		return 2;
	if (!process_wait_for_stop())
		return 3;
	thread_join(&thread);
	return 0;
}

/* One that came before the wait is not lost. */
static int stopped_before(void *context)
{
	alarm(20);
	if (!process_block_stop_signals(NULL))
		return 1;
	kill(getpid(), *(const int *)context);
	return process_wait_for_stop() ? 0 : 3;
}

static void test_stop_signals(void **state)
{
	static int signals[] = { SIGINT, SIGTERM, SIGHUP };
	static int other = SIGUSR2;

	(void)state;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		assert_int_equal(child_run(wait_for_stop, &signals[i]), 0);
		assert_int_equal(child_run(stopped_before, &signals[i]), 0);
	}
	assert_int_equal(child_run(stopped_before, &other), 128 + SIGUSR2);
}

static void wake_later(void *context)
{
	(void)context;
	sleep_ms(50);
	process_wake();
}

static int wait_for_wake(void *context)
{
	struct thread *thread;

	(void)context;
	alarm(20);
	if (!process_block_stop_signals(NULL))
		return 1;
	/* One before the wait, one within. */
	process_wake();
	if (process_wait_for_stop())
		return 2;
	thread = thread_start("waker", wake_later, NULL, NULL);
	if (!thread || process_wait_for_stop())
		return 3;
	thread_join(&thread);
	/* And it still stops. */
	kill(getpid(), SIGTERM);
	return process_wait_for_stop() ? 0 : 4;
}

static void test_wake(void **state)
{
	(void)state;
	assert_int_equal(child_run(wait_for_wake, NULL), 0);
}

/* The first is told, the second ends the process. */
static int catch_stop(void *context)
{
	(void)context;
	alarm(20);
	process_catch_stop();
	if (process_stop_wanted())
		return 1;
	raise(SIGINT);
	if (!process_stop_wanted())
		return 2;
	raise(SIGINT);
	return 3;
}

static void test_caught_stop(void **state)
{
	(void)state;
	assert_int_equal(child_run(catch_stop, NULL), 128 + SIGINT);
}

static void test_facts(void **state)
{
	enum { BLOCK = 32 * 1024 * 1024 };
	uint64_t before = process_resident_bytes(), with_block;
	volatile char *block = malloc(BLOCK);

	(void)state;
	assert_non_null(block);
	for (size_t i = 0; i < BLOCK; i += 1024)
		block[i] = 1;
	with_block = process_resident_bytes();
	assert_true(before > 0);
	assert_true(with_block >= before + BLOCK * 9 / 10);
	free((void *)(uintptr_t)block);
	assert_int_equal(process_id(), getpid());
}

static void test_open_files(void **state)
{
	uint64_t before = 0, now = 0, limit = 0;
	struct rlimit actual;
	int ends[2];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &actual), 0);
	assert_true(process_open_files(&before, &limit));
	assert_true(before >= 3);
	assert_true(limit == actual.rlim_cur);
	assert_int_equal(pipe(ends), 0);
	assert_true(process_open_files(&now, &limit));
	assert_int_equal(now, before + 2);
	close(ends[0]);
	close(ends[1]);
}

/* A sanitizer has heaps of its own. */
#ifdef TEST_IS_SANITIZED
enum { MALLOC_IS_REPLACED = true };
#else
enum { MALLOC_IS_REPLACED = false };
#endif

enum { ALLOCATING_MAX = 128 };

static atomic_size_t allocated;
static atomic_bool are_counted;

static void allocate(void *context)
{
	volatile char *block = malloc(1000);

	(void)context;
	if (block)
		block[0] = 1;
	atomic_fetch_add(&allocated, 1);
	while (!atomic_load(&are_counted))
		usleep(1000);
	free((void *)(uintptr_t)block);
}

/* By malloc_info(3). */
static size_t count_heaps(void)
{
	size_t count = 0, size = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	if (!stream || malloc_info(0, stream) != 0 || fclose(stream) != 0)
		return 0;
	for (const char *at = text; (at = strstr(at, "<heap nr=")); at++)
		count++;
	free(text);
	return count;
}

/* More threads than cores, all with memory at once. */
static int use_heaps(void *context)
{
	const bool *shares = context;
	size_t most = thread_core_count() + 1, count = most + 6, heaps;
	struct thread *threads[ALLOCATING_MAX];

	if (count > ALLOCATING_MAX)
		return 0;
	if (*shares)
		process_share_heaps();
	for (size_t i = 0; i < count; i++) {
		threads[i] = thread_start("allocating", allocate, NULL, NULL);
		if (!threads[i])
			return 1;
	}
	while (atomic_load(&allocated) < count)
		usleep(1000);
	heaps = count_heaps();
	atomic_store(&are_counted, true);
	for (size_t i = 0; i < count; i++)
		thread_join(&threads[i]);
	return heaps > 0 && (*shares ? heaps <= most : heaps > most) ? 0 : 2;
}

static void test_heaps_are_shared(void **state)
{
	bool yes = true, no = false;

	(void)state;
	if (MALLOC_IS_REPLACED)
		skip();
	assert_int_equal(child_run(use_heaps, &no), 0);
	assert_int_equal(child_run(use_heaps, &yes), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_files),
		cmocka_unit_test(test_harden),
		cmocka_unit_test(test_file_limit),
		cmocka_unit_test(test_stop_signals),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_caught_stop),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_heaps_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

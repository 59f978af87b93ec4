/* test_notices.c -- one bit per topic, and a wake that is never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/thread.h"
#include "service/notices.h"

struct watcher {
	struct notices *notices;
	int wakes;
};

static void count_wake(void *context)
{
	((struct watcher *)context)->wakes++;
}

static int set_up(void **state)
{
	struct watcher *watcher = calloc(1, sizeof *watcher);

	watcher->notices = notices_new(NULL);
	*state = watcher;
	return watcher->notices ? 0 : -1;
}

static int tear_down(void **state)
{
	struct watcher *watcher = *state;

	notices_free(&watcher->notices);
	assert_null(watcher->notices);
	free(watcher);
	return 0;
}

static void test_gathered(void **state)
{
	struct watcher *watcher = *state;

	notices_watch(watcher->notices, count_wake, watcher);
	assert_int_equal(watcher->wakes, 0);
	notices_note(watcher->notices, NOTICE_MAILBOXES);
	notices_note(watcher->notices, NOTICE_PROBLEMS | NOTICE_MAILBOXES);
	assert_int_equal(watcher->wakes, 1);
	assert_int_equal(notices_take(watcher->notices), NOTICE_MAILBOXES | NOTICE_PROBLEMS);
	assert_int_equal(notices_take(watcher->notices), 0);
	notices_note(watcher->notices, NOTICE_SETTINGS);
	assert_int_equal(watcher->wakes, 2);
	assert_int_equal(notices_take(watcher->notices), NOTICE_SETTINGS);
}

/* Problems of a start are raised before the control interface watches. */
static void test_noted_before_watched(void **state)
{
	struct watcher *watcher = *state;

	notices_note(watcher->notices, NOTICE_PROBLEMS);
	notices_watch(watcher->notices, count_wake, watcher);
	assert_int_equal(watcher->wakes, 1);
	assert_int_equal(notices_take(watcher->notices), NOTICE_PROBLEMS);
	notices_note(watcher->notices, NOTICE_STATUS);
	assert_int_equal(watcher->wakes, 2);
}

static void test_not_watched(void **state)
{
	struct watcher *watcher = *state;

	notices_watch(watcher->notices, count_wake, watcher);
	notices_watch(watcher->notices, NULL, NULL);
	notices_note(watcher->notices, NOTICE_STATUS);
	assert_int_equal(watcher->wakes, 0);
	assert_int_equal(notices_take(watcher->notices), NOTICE_STATUS);
}

enum { NOTES = 20000 };

static void note_many(void *context)
{
	struct watcher *watcher = context;

	for (int i = 0; i < NOTES; i++)
		notices_note(watcher->notices, i % 2 ? NOTICE_STATUS : NOTICE_MAILBOXES);
	notices_note(watcher->notices, NOTICE_CERTIFICATES);
}

/* Whatever the order, what was noted last is either taken or still there, and was woken for. */
static void test_from_two_threads(void **state)
{
	struct watcher *watcher = *state;
	struct thread *thread;
	uint32_t seen = 0;
	int takes = 0;

	notices_watch(watcher->notices, count_wake, watcher);
	thread = thread_start("noting", note_many, watcher, NULL);
	assert_non_null(thread);
	while (!(seen & NOTICE_CERTIFICATES)) {
		uint32_t taken = notices_take(watcher->notices);

		seen |= taken;
		takes += taken != 0;
	}
	thread_join(&thread);
	assert_int_equal(watcher->wakes, takes);
	assert_int_equal(notices_take(watcher->notices), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gathered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_noted_before_watched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_watched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_from_two_threads, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

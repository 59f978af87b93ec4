/* test_instance_lock.c -- one holder at a time, named to the next, and free when it is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/instance_lock.h"
#include "test_platform_fixture.h"

static void check_busy(const char *path, int holder)
{
	struct error error = { .kind = ERROR_NONE };
	char expected[64];

	snprintf(expected, sizeof expected, "process %d)", holder);
	assert_null(instance_lock_take(path, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_non_null(strstr(error.text, expected));
	assert_non_null(strstr(error.text, path));
}

static struct instance_lock *take(const char *path)
{
	struct error error;
	struct instance_lock *lock = instance_lock_take(path, &error);

	if (!lock)
		fail_msg("%s", error.text);
	return lock;
}

static void test_second_take(void **state)
{
	const char *path = scratch_path(state, "lock");
	struct instance_lock *lock = take(path);

	assert_int_equal(mode_of(path), 0600);
	/* A refused try neither takes it away nor changes who is named. */
	check_busy(path, getpid());
	check_busy(path, getpid());
	instance_lock_release(&lock);
	assert_null(lock);
	instance_lock_release(&lock);
	lock = take(path);
	instance_lock_release(&lock);
	/* It is never removed, or two processes could lock two files of one name. */
	assert_int_equal(access(path, F_OK), 0);
}

struct child {
	const char *path;
	int told[2], hold[2]; /* pipes: "I have it", "you may end" */
	int ends_by;	      /* a signal, or 0 */
};

static int hold_lock(void *context)
{
	struct child *child = context;
	struct instance_lock *lock = instance_lock_take(child->path, NULL);
	char byte = lock ? 'y' : 'n';

	if (write(child->told[1], &byte, 1) != 1 || read(child->hold[0], &byte, 1) != 1)
		return 2;
	if (child->ends_by)
		raise(child->ends_by);
	return 0;
}

static void test_dead_child(void **state)
{
	static const struct {
		int ends_by, status;
	} rows[] = { { 0, 0 }, { SIGKILL, 128 + SIGKILL } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct child child = { .path = scratch_path(state, "lock"),
			.ends_by = rows[i].ends_by };
		struct instance_lock *lock;
		char byte = '?';
		int pid;

		assert_int_equal(pipe(child.told) | pipe(child.hold), 0);
		pid = child_start(hold_lock, &child);
		assert_int_equal(read(child.told[0], &byte, 1), 1);
		assert_int_equal(byte, 'y');
		check_busy(child.path, pid);
		assert_int_equal(write(child.hold[1], "x", 1), 1);
		assert_int_equal(child_end(pid), rows[i].status);
		lock = take(child.path);
		check_busy(child.path, getpid());
		instance_lock_release(&lock);
		for (int end = 0; end < 2; end++) {
			close(child.told[end]);
			close(child.hold[end]);
		}
	}
}

/* What a program that we start inherits must not keep the lock. */
static int run_sleep(void *context)
{
	(void)context;
	execlp("sleep", "sleep", "30", (char *)NULL);
	return 1;
}

static void test_not_inherited(void **state)
{
	const char *path = scratch_path(state, "lock");
	struct instance_lock *lock = take(path);
	int pid = child_start(run_sleep, NULL);
	char link[64], target[64] = "";

	/* Until the child is the other program, its copy of the descriptor counts. */
	snprintf(link, sizeof link, "/proc/%d/exe", pid);
	for (int tries = 0; tries < 500 && !strstr(target, "bin/"); tries++) {
		ssize_t size = readlink(link, target, sizeof target - 1);

		target[size > 0 ? size : 0] = '\0';
		if (strstr(target, "/test_"))
			target[0] = '\0';
		sleep_ms(10);
	}
	assert_non_null(strstr(target, "bin/"));
	instance_lock_release(&lock);
	lock = take(path);
	instance_lock_release(&lock);
	kill(pid, SIGKILL);
	assert_int_equal(child_end(pid), 128 + SIGKILL);
}

static void test_errors(void **state)
{
	static const struct {
		const char *name;
		enum error_kind kind;
	} rows[] = { { "missing/lock", ERROR_NOT_FOUND }, { "folder", ERROR_IO } };

	assert_int_equal(mkdir(scratch_path(state, "folder"), 0700), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *path = scratch_path(state, rows[i].name);
		struct error error = { .kind = ERROR_NONE };

		assert_null(instance_lock_take(path, &error));
		assert_int_equal(error.kind, rows[i].kind);
		assert_non_null(strstr(error.text, path));
	}
}

/* An older holder's longer number leaves nothing behind. */
static void test_number_is_replaced(void **state)
{
	const char *path = scratch_path(state, "lock");
	char expected[32];
	struct instance_lock *lock;
	char *text;

	write_file(path, "99999999999999999999 and more\n");
	lock = take(path);
	text = read_file(path);
	snprintf(expected, sizeof expected, "%d\n", (int)getpid());
	assert_string_equal(text, expected);
	free(text);
	instance_lock_release(&lock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_second_take),
		TEST(test_dead_child),
		TEST(test_not_inherited),
		TEST(test_errors),
		TEST(test_number_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

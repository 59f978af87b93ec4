/* test_process_run.c -- programs that end well, badly, or not at all, and what they get of us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/process_run.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

enum { LONG_MS = 20000 };

/* A shell is only what the tests' programs are written in. */
static bool run_shell(const char *script, const char *argument, const char *input,
	uint64_t timeout_ms, struct error *error)
{
	char shell[] = "/bin/sh", option[] = "-c", name[] = "test";
	char code[1024], value[SCRATCH_PATH_SIZE];
	char *arguments[] = { shell, option, code, name, value, NULL };
	struct process_run run = { arguments, bytes_of(input), timeout_ms, NULL };

	snprintf(code, sizeof code, "%s", script);
	snprintf(value, sizeof value, "%s", argument);
	return process_run(&run, error);
}

static void test_input(void **state)
{
	const char *path = scratch_path(state, "out");
	char *large = malloc(300001), *text;
	struct error error;

	if (!run_shell("cat > \"$1\"", path, "{\"a b\":\"$x\"}", LONG_MS, &error))
		fail_msg("%s", error.text);
	text = read_file(path);
	assert_string_equal(text, "{\"a b\":\"$x\"}");
	free(text);
	/* More than a pipe holds; and nobody who reads it, which is no failure. */
	assert_non_null(large);
	memset(large, 'x', 300000);
	large[300000] = '\0';
	assert_true(run_shell("test $(wc -c) -eq 300000", path, large, LONG_MS, &error));
	signal(SIGPIPE, SIG_IGN);
	assert_true(run_shell("exec <&-; exit 0", path, large, LONG_MS, &error));
	assert_true(run_shell("exit 0", path, "", LONG_MS, &error));
	free(large);
}

static void test_ends(void **state)
{
	static const struct {
		const char *script, *says;
	} rows[] = {
		{ "exit 3", "/bin/sh ended with exit status 3" },
		{ "kill -15 $$", "/bin/sh was ended by signal 15" },
	};
	char missing[] = "/nonexistent/program";
	char *arguments[] = { missing, NULL };
	struct process_run run = { .arguments = arguments, .timeout_ms = LONG_MS };
	struct error error;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_false(run_shell(rows[i].script, "", "", LONG_MS, &error));
		assert_int_equal(error.kind, ERROR_STATE);
		assert_string_equal(error.text, rows[i].says);
	}
	assert_false(process_run(&run, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_non_null(strstr(error.text, "starting /nonexistent/program"));
	write_file(scratch_path(state, "plain"), "no program");
	{
		char path[SCRATCH_PATH_SIZE];
		char *plain[] = { path, NULL };
		struct process_run denied = { .arguments = plain, .timeout_ms = LONG_MS };

		snprintf(path, sizeof path, "%s", scratch_path(state, "plain"));
		chmod(path, 0600);
		assert_false(process_run(&denied, &error));
		assert_int_equal(error.kind, ERROR_DENIED);
	}
}

/* The program and what it started in turn are gone after the time. */
static void test_time(void **state)
{
	const char *path = scratch_path(state, "pid");
	int64_t began_us = clock_monotonic_us();
	struct error error;
	char *text;
	int other;

	assert_false(run_shell("sleep 60 & echo $! > \"$1\"; wait", path, "x", 300, &error));
	assert_true(clock_monotonic_us() - began_us < 10000000);
	assert_int_equal(error.kind, ERROR_STATE);
	assert_non_null(strstr(error.text, "did not end within"));
	text = read_file(path);
	other = atoi(text);
	free(text);
	assert_true(other > 1);
	for (int i = 0; i < 500; i++) {
		char stat_path[64], *stat_text;

		snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", other);
		stat_text = read_file(stat_path);
		/* Gone, or a zombie until init looks. */
		if (!stat_text || strstr(stat_text, ") Z ")) {
			free(stat_text);
			return;
		}
		free(stat_text);
		sleep_ms(10);
	}
	fail_msg("process %d lives on", other);
}

static void cancel_soon(void *context)
{
	sleep_ms(100);
	atomic_store((atomic_bool *)context, true);
}

static void test_cancelled(void **state)
{
	char program[] = "/bin/sleep", seconds[] = "60";
	char *arguments[] = { program, seconds, NULL };
	atomic_bool is_cancelled = false;
	struct process_run run = {
		.arguments = arguments, .timeout_ms = LONG_MS, .is_cancelled = &is_cancelled
	};
	struct thread *thread = thread_start("cancel", cancel_soon, &is_cancelled, NULL);
	struct error error;

	(void)state;
	assert_false(process_run(&run, &error));
	assert_int_equal(error.kind, ERROR_CANCELLED);
	thread_join(&thread);
}

/* What a script printed into a file; freed by the caller. */
static char *output_of(void **state, const char *script)
{
	const char *path = scratch_path(state, "out");
	struct error error;

	if (!run_shell(script, path, "", LONG_MS, &error))
		fail_msg("%s", error.text);
	return read_file(path);
}

static void test_environment(void **state)
{
	char *text;

	setenv("LETTERGATE_SECRET", "x", 1);
	text = output_of(state,
		"{ env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD=' | sort; pwd; } > \"$1\"");
	assert_string_equal(text, "LANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
				  "/usr/bin:/sbin:/bin\n/\n");
	free(text);
}

/* A shell has files of its own for moments, and signals that it blocks while it forks; so the program that looks takes
 * the shell's place. */
static void test_open_files(void **state)
{
	int leak = open("/dev/null", O_RDONLY); /* a library's, without O_CLOEXEC */
	int far = fcntl(leak, F_DUPFD, 200);
	char *text = output_of(state, "exec ls /proc/self/fd > \"$1\"");

	/* The last one is what ls reads. */
	assert_string_equal(text, "0\n1\n2\n3\n");
	free(text);
	close(leak);
	close(far);
}

static void test_signals(void **state)
{
	char *text, *ignored;
	sigset_t all, before;

	signal(SIGPIPE, SIG_IGN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	text = output_of(state, "exec grep Sig /proc/self/status > \"$1\"");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
	ignored = strstr(text, "SigIgn:\t");
	assert_non_null(ignored);
	/* 32 and 33 are the C library's own. */
	assert_int_equal(strtoull(ignored + 8, NULL, 16) & 0x7fffffff, 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_input, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_ends, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_time, scratch_set_up, scratch_tear_down),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test_setup_teardown(
			test_environment, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_open_files, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_signals, scratch_set_up, scratch_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

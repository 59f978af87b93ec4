/* process_run_posix.c -- posix_spawn, a pipe for the input, and waitpid at short intervals: a SIGCHLD handler
 * would belong to the whole process, which may be somebody's desktop application. */
#include "platform/process_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"

enum { LOOK_MS = 20, FIRST_OTHER_FILE = 3 };

/* In this order, since posix_spawn() runs them so. The pipe's end may be any number, 0 to 2 included. */
static int prepare_files(posix_spawn_file_actions_t *actions, int input)
{
	int code = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

	if (!code)
		code = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
	if (!code)
		code = posix_spawn_file_actions_addchdir_np(actions, "/");
	/* Every file of ours is close-on-exec; this holds for those of libraries, too. */
	if (!code)
		code = posix_spawn_file_actions_addclosefrom_np(actions, FIRST_OTHER_FILE);
	return code;
}

static int prepare_signals(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int code;

	sigemptyset(&none);
	sigfillset(&all);
	code = posix_spawnattr_setsigmask(attributes, &none);
	if (!code)
		code = posix_spawnattr_setsigdefault(attributes, &all);
	if (!code)
		code = posix_spawnattr_setpgroup(attributes, 0);
	if (!code)
		code = posix_spawnattr_setflags(attributes,
			POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	return code;
}

static int spawn(char *const *arguments, int input, pid_t *child)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char language[] = "LANG=C.UTF-8";
	char *environment[] = { path, language, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int code;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	code = prepare_files(&actions, input);
	if (!code)
		code = prepare_signals(&attributes);
	if (!code)
		code = posix_spawn(
			child, arguments[0], &actions, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return code;
}

/* Writes what the pipe takes. Closes it at the end, or when nobody reads any more. */
static void feed(int *pipe_end, struct bytes *rest)
{
	while (*pipe_end >= 0) {
		ssize_t written = rest->size ? write(*pipe_end, rest->data, rest->size) : 0;

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN)
			return;
		if (written > 0)
			*rest = bytes_skip(*rest, (size_t)written);
		if (written <= 0 || !rest->size) {
			close(*pipe_end);
			*pipe_end = -1;
		}
	}
}

static bool is_cancelled(const struct process_run *run)
{
	return run->is_cancelled && atomic_load(run->is_cancelled);
}

static bool judge(const char *program, int status, struct error *error)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFEXITED(status))
		return error_set(error, ERROR_STATE, "%s ended with exit status %d", program,
			WEXITSTATUS(status));
	return error_set(error, ERROR_STATE, "%s was ended by signal %d", program,
		WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static pid_t look(pid_t child, int *status, int options)
{
	pid_t ended;

	do {
		ended = waitpid(child, status, options);
	} while (ended < 0 && errno == EINTR);
	return ended;
}

static bool wait_for_end(
	const struct process_run *run, pid_t child, int *pipe_end, struct error *error)
{
	int64_t end_us = clock_monotonic_us() + (int64_t)run->timeout_ms * 1000;
	struct bytes rest = run->input;
	int status = 0;

	for (;;) {
		pid_t ended;

		feed(pipe_end, &rest);
		ended = look(child, &status, WNOHANG);
		if (ended == child)
			return judge(run->arguments[0], status, error);
		if (ended < 0)
			return error_set_os(error, errno, "waiting for %s", run->arguments[0]);
		if (is_cancelled(run) || clock_monotonic_us() >= end_us)
			break;
		poll(NULL, 0, LOOK_MS);
	}
	/* The group: what it started in turn goes with it. */
	kill(-child, SIGKILL);
	look(child, &status, 0);
	if (is_cancelled(run))
		return error_set(error, ERROR_CANCELLED, "the gateway is stopping");
	return error_set(error, ERROR_STATE, "%s did not end within %llu seconds and was stopped",
		run->arguments[0], (unsigned long long)(run->timeout_ms / 1000));
}

bool process_run(const struct process_run *run, struct error *error)
{
	int ends[2], code;
	pid_t child;
	bool ok;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set_os(error, errno, "creating a pipe");
	/* Ours alone: the program may expect to wait for its input. */
	if (fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) {
		code = errno;
		close(ends[0]);
		close(ends[1]);
		return error_set_os(error, code, "setting up a pipe");
	}
	code = spawn(run->arguments, ends[0], &child);
	close(ends[0]);
	if (code) {
		close(ends[1]);
		return error_set_os(error, code, "starting %s", run->arguments[0]);
	}
	ok = wait_for_end(run, child, &ends[1], error);
	if (ends[1] >= 0)
		close(ends[1]);
	return ok;
}

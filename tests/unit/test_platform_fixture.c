/* test_platform_fixture.c -- see the header. Uses the C library alone, so that what the floor did is
 * judged by somebody else. */
#include "test_platform_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* libuv closes descriptors past the C library, so that ThreadSanitizer misses it: a number that is used again by
 * another thread looks like one descriptor of both. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:open64\n";
}

int scratch_set_up(void **state)
{
	const char *temporary = getenv("TMPDIR");
	char *path = malloc(SCRATCH_PATH_SIZE);

	assert_non_null(path);
	snprintf(path, SCRATCH_PATH_SIZE, "%s/lettergate-test-XXXXXX",
		temporary ? temporary : "/tmp");
	assert_non_null(mkdtemp(path));
	*state = path;
	return 0;
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
	(void)facts;
	(void)kind;
	(void)place;
	return remove(path);
}

int scratch_tear_down(void **state)
{
	int code = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);

	free(*state);
	return code;
}

const char *scratch_path(void **state, const char *name)
{
	static char paths[8][SCRATCH_PATH_SIZE];
	static unsigned turn;
	char *path = paths[turn++ % 8];
	int size = snprintf(path, SCRATCH_PATH_SIZE, "%s/%s", (const char *)*state, name);

	assert_in_range(size, 1, SCRATCH_PATH_SIZE - 1);
	return path;
}

void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

char *read_file(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(path, "rb");

	assert_non_null(text);
	if (!file) {
		free(text);
		return NULL;
	}
	assert_in_range(fread(text, 1, 65536, file), 0, 65535);
	fclose(file);
	return text;
}

unsigned mode_of(const char *path)
{
	struct stat facts;

	assert_int_equal(lstat(path, &facts), 0);
	return facts.st_mode & 07777;
}

int child_start(int (*run)(void *context), void *context)
{
	int pid;

	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	/* Without the exit handlers of the parent: its leaks and its report are not the child's. */
	if (pid == 0)
		_exit(run(context));
	return pid;
}

int child_end(int pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) != pid)
		assert_int_equal(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(int (*run)(void *context), void *context)
{
	return child_end(child_start(run, context));
}

int dial(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

uint16_t port_of(int socket)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;

	assert_int_equal(getsockname(socket, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

void sleep_ms(unsigned time_ms)
{
	struct timespec rest = { time_ms / 1000, (long)(time_ms % 1000) * 1000000 };

	while (nanosleep(&rest, &rest) != 0)
		;
}

/* test_log_stream.c -- standard error as a person and as the journal get it, each in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/log_stream.h"
#include "test_platform_fixture.h"

struct stream {
	const char *path;
	const char *journal; /* JOURNAL_STREAM; "own": of this very file; NULL: not there */
};

static int log_all(void *context)
{
	const struct stream *stream = context;
	int fd = open(stream->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct stat facts;
	char own[64];

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || fstat(fd, &facts) != 0)
		return 1;
	snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)facts.st_dev,
		(unsigned long long)facts.st_ino);
	unsetenv("JOURNAL_STREAM");
	if (stream->journal)
		setenv("JOURNAL_STREAM",
			strcmp(stream->journal, "own") == 0 ? own : stream->journal, 1);
	log_stream_start();
	for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
		log_stream_write(NULL, (enum log_level)level, "x");
	return fflush(stderr) == 0 ? 0 : 2;
}

static void test_streams(void **state)
{
	static const char *const journals[] = { NULL, "own", "", "1:", "x", "0:0" };

	for (size_t i = 0; i < sizeof journals / sizeof journals[0]; i++) {
		struct stream stream = { scratch_path(state, "stream"), journals[i] };
		char *text, *line, *rest;

		assert_int_equal(child_run(log_all, &stream), 0);
		text = read_file(stream.path);
		if (journals[i] && strcmp(journals[i], "own") == 0) {
			assert_string_equal(text, "<3>x\n<4>x\n<6>x\n<7>x\n");
			free(text);
			continue;
		}
		for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			assert_memory_equal(line, "time=2", 6);
			assert_string_equal(line + 24, "Z x");
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_streams, scratch_set_up, scratch_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

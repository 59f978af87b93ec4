/* test_log_file.c -- the log file: whole lines in the right files, and a disk that fails without anybody
 * waiting for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/file_watch.h"
#include "platform/log_file.h"
#include "test_platform_fixture.h"

enum { RETRY_US = 20000 };

static struct {
	atomic_int fails;  /* an enum file_operation, or -1 */
	atomic_int failed; /* how often */
	atomic_int troubles, recoveries;
} disk;

static int before(void *context, enum file_operation operation, const char *path, const char *other)
{
	(void)context;
	(void)path;
	(void)other;
	if (atomic_load(&disk.fails) != (int)operation)
		return 0;
	atomic_fetch_add(&disk.failed, 1);
	return ENOSPC;
}

static void on_trouble(void *context, const struct error *trouble)
{
	assert_ptr_equal(context, &disk);
	if (trouble->kind == ERROR_NONE)
		atomic_fetch_add(&disk.recoveries, 1);
	else if (trouble->kind == ERROR_FULL)
		atomic_fetch_add(&disk.troubles, 1);
}

static int set_up(void **state)
{
	static const struct file_watch watch = { .before = before };

	atomic_store(&disk.fails, -1);
	atomic_store(&disk.failed, 0);
	atomic_store(&disk.troubles, 0);
	atomic_store(&disk.recoveries, 0);
	file_watch_set(&watch);
	return scratch_set_up(state);
}

static int tear_down(void **state)
{
	file_watch_set(NULL);
	return scratch_tear_down(state);
}

static struct log_file *start(void **state, uint64_t max_size, uint64_t keep)
{
	struct log_file_options options = {
		.folder = scratch_path(state, "log"),
		.max_size = max_size,
		.keep = keep,
		.retry_us = RETRY_US,
		.on_trouble = on_trouble,
		.context = &disk,
	};
	struct error error;
	struct log_file *log = log_file_start(&options, &error);

	if (!log)
		fail_msg("%s", error.text);
	return log;
}

static void wait_for(atomic_int *counter, int wanted)
{
	for (int i = 0; i < 2000 && atomic_load(counter) < wanted; i++)
		sleep_ms(5);
	assert_true(atomic_load(counter) >= wanted);
}

/* The text of lettergate.log, or of lettergate.log.N, without the times. */
static char *lines_of(void **state, unsigned number)
{
	char name[64];
	char *text, *to, *line, *rest;

	snprintf(
		name, sizeof name, number ? "log/lettergate.log.%u" : "log/lettergate.log", number);
	text = to = read_file(scratch_path(state, name));
	if (!text)
		return NULL;
	assert_int_equal(mode_of(scratch_path(state, name)), 0600);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t length = strlen(line + 26);

		/* time=2026-11-24T04:08:06Z and a blank */
		assert_memory_equal(line, "time=2", 6);
		assert_int_equal(line[24], 'Z');
		assert_int_equal(line[25], ' ');
		memmove(to, line + 26, length);
		to += length;
		*to++ = ',';
	}
	*to = '\0';
	return text;
}

static void expect(void **state, unsigned number, const char *lines)
{
	char *text = lines_of(state, number);

	if (!lines) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, lines);
	free(text);
}

static void test_lines(void **state)
{
	struct log_file *log = start(state, 1 << 20, 3);

	log_file_write(log, LOG_INFO, "a");
	log_file_write(log, LOG_ERROR, "b c");
	log_file_stop(&log);
	assert_null(log);
	expect(state, 0, "a,b c,");
	assert_int_equal(mode_of(scratch_path(state, "log")), 0700);
	/* Another start goes on behind. */
	log = start(state, 1 << 20, 3);
	log_file_write(log, LOG_INFO, "d");
	log_file_stop(&log);
	expect(state, 0, "a,b c,d,");
	expect(state, 1, NULL);
	assert_int_equal(atomic_load(&disk.troubles), 0);
}

/* A line here has 28 octets; three fit into 90. */
static void write_numbers(struct log_file *log, int from, int to)
{
	char line[16];

	for (int i = from; i <= to; i++) {
		snprintf(line, sizeof line, "%d", i);
		log_file_write(log, LOG_INFO, line);
	}
}

static void test_rotation(void **state)
{
	struct log_file *log = start(state, 90, 2);

	write_numbers(log, 1, 3);
	log_file_stop(&log);
	expect(state, 0, "1,2,3,");
	expect(state, 1, NULL);
	log = start(state, 90, 2);
	write_numbers(log, 4, 4);
	log_file_stop(&log);
	expect(state, 0, "4,");
	expect(state, 1, "1,2,3,");
	log = start(state, 90, 2);
	write_numbers(log, 5, 9);
	log_file_stop(&log);
	/* "1" to "3" have gone. */
	expect(state, 0, "7,8,9,");
	expect(state, 1, "4,5,6,");
	expect(state, 2, "1,2,3,");
	log = start(state, 90, 2);
	write_numbers(log, 1, 1);
	log_file_stop(&log);
	expect(state, 2, "4,5,6,");
	expect(state, 3, NULL);
}

/* Less is kept from the next turn on, and a line that fits into no file has one of its own. */
static void test_limits(void **state)
{
	struct log_file *log = start(state, 90, 5);
	char longest[200];

	write_numbers(log, 1, 9);
	write_numbers(log, 1, 3);
	log_file_stop(&log);
	expect(state, 3, "1,2,3,");
	log = start(state, 90, 5);
	log_file_set_limits(log, 90, 1);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	log_file_write(log, LOG_INFO, longest);
	log_file_write(log, LOG_INFO, "y");
	log_file_stop(&log);
	expect(state, 0, "y,");
	for (unsigned i = 2; i <= 5; i++)
		expect(state, i, NULL);
	log = start(state, 90, 0);
	write_numbers(log, 2, 4);
	log_file_stop(&log);
	expect(state, 0, "4,");
	expect(state, 1, NULL);
}

/* Whatever operation fails: nobody waits, one trouble is told, and when it works again no line is missing. */
static void test_failing_disk(void **state)
{
	static const enum file_operation operations[] = { FILE_OP_OPEN, FILE_OP_WRITE,
		FILE_OP_RENAME, FILE_OP_FOLDER_CREATE };

	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		int failed = atomic_load(&disk.failed), recoveries = (int)i;
		struct log_file *log;
		char name[32], *text;

		atomic_store(&disk.fails, (int)operations[i]);
		snprintf(name, sizeof name, "%zu", i);
		log = start(state, 90, 100);
		write_numbers(log, 1, 7);
		wait_for(&disk.failed, failed + 2);
		wait_for(&disk.troubles, recoveries + 1);
		write_numbers(log, 8, 9);
		atomic_store(&disk.fails, -1);
		wait_for(&disk.recoveries, recoveries + 1);
		log_file_stop(&log);
		text = lines_of(state, 0);
		assert_string_equal(text, "7,8,9,");
		free(text);
		expect(state, 1, "4,5,6,");
		expect(state, 2, "1,2,3,");
		assert_int_equal(atomic_load(&disk.troubles), recoveries + 1);
		assert_int_equal(rename(scratch_path(state, "log"), scratch_path(state, name)), 0);
	}
}

/* What a full disk took of a piece before it refused the rest is not written twice. */
static void test_half_written(void **state)
{
	struct log_file *log;
	char *text;
	FILE *file;

	atomic_store(&disk.fails, FILE_OP_WRITE);
	log = start(state, 1 << 20, 1);
	write_numbers(log, 1, 1);
	wait_for(&disk.troubles, 1);
	/* As if the first octets had arrived. */
	file = fopen(scratch_path(state, "log/lettergate.log"), "ab");
	assert_non_null(file);
	assert_int_equal(fwrite("time=2", 1, 6, file), 6);
	fclose(file);
	atomic_store(&disk.fails, -1);
	wait_for(&disk.recoveries, 1);
	log_file_stop(&log);
	text = read_file(scratch_path(state, "log/lettergate.log"));
	assert_memory_equal(text, "time=2", 6);
	assert_null(strstr(text + 1, "time="));
	free(text);
	expect(state, 0, "1,");
}

static void test_lost_lines(void **state)
{
	enum { LINES = 2000 };
	struct log_file *log;
	char line[400], *text, *lost;
	unsigned long counted = 0, kept = 0;
	int64_t began_us;

	atomic_store(&disk.fails, FILE_OP_OPEN);
	log = start(state, 1 << 20, 1);
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	began_us = clock_monotonic_us();
	for (int i = 0; i < LINES; i++)
		log_file_write(log, LOG_INFO, line);
	assert_true(clock_monotonic_us() - began_us < 5000000);
	wait_for(&disk.troubles, 1);
	atomic_store(&disk.fails, -1);
	wait_for(&disk.recoveries, 1);
	sleep_ms(50);
	log_file_write(log, LOG_INFO, "last");
	log_file_stop(&log);
	text = calloc(1, LINES * sizeof line);
	assert_non_null(text);
	{
		FILE *file = fopen(scratch_path(state, "log/lettergate.log"), "rb");

		assert_non_null(file);
		assert_true(fread(text, 1, LINES * sizeof line - 1, file) > 0);
		fclose(file);
	}
	for (char *at = text; (at = strstr(at, " xxx")); at += 4)
		kept++;
	for (lost = text; (lost = strstr(lost, "event=log.lost lines=")); lost += 21)
		counted += strtoul(lost + 21, NULL, 10);
	assert_int_equal(kept + counted, LINES);
	assert_true(counted > 0);
	assert_non_null(strstr(text, " last\n"));
	free(text);
}

/* A file where the folder should be: a trouble, and no more than that. */
static void test_no_folder(void **state)
{
	struct log_file *log;

	write_file(scratch_path(state, "log"), "x");
	log = start(state, 1 << 20, 1);
	log_file_write(log, LOG_INFO, "a");
	sleep_ms(50);
	assert_int_equal(unlink(scratch_path(state, "log")), 0);
	wait_for(&disk.recoveries, 1);
	log_file_stop(&log);
	expect(state, 0, "a,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failing_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_folder, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_terminal.c -- secrets from a person at a terminal, which does not show them and shows again afterwards, also
 * when they are given up; and lines from a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "platform/process.h"
#include "platform/terminal.h"
#include "test_platform_fixture.h"

struct terminal {
	int master;
	char slave[128];
	char shown[512]; /* what the person saw */
	enum error_kind expected;
};

static void terminal_open(struct terminal *terminal)
{
	memset(terminal, 0, sizeof *terminal);
	terminal->master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(terminal->master >= 0);
	assert_int_equal(grantpt(terminal->master), 0);
	assert_int_equal(unlockpt(terminal->master), 0);
	assert_int_equal(ptsname_r(terminal->master, terminal->slave, sizeof terminal->slave), 0);
}

/* Reads what is shown until it has `text`, or nothing more comes. */
static void wait_for_text(struct terminal *terminal, const char *text)
{
	struct pollfd ready = { .fd = terminal->master, .events = POLLIN };
	size_t used = strlen(terminal->shown);

	while (!strstr(terminal->shown, text) && poll(&ready, 1, 10000) == 1) {
		ssize_t got = read(terminal->master, terminal->shown + used,
			sizeof terminal->shown - 1 - used);

		if (got <= 0)
			break;
		used += (size_t)got;
		terminal->shown[used] = '\0';
	}
	if (!strstr(terminal->shown, text))
		fail_msg("\"%s\" is not in \"%s\"", text, terminal->shown);
}

static void type(struct terminal *terminal, const char *text)
{
	assert_int_equal(write(terminal->master, text, strlen(text)), (ssize_t)strlen(text));
}

static bool shows(int descriptor)
{
	struct termios modes;

	return tcgetattr(descriptor, &modes) == 0 && (modes.c_lflag & ECHO);
}

/* In a session of its own, with that terminal. */
static int ask(void *context)
{
	struct terminal *terminal = context;
	struct error error = { .kind = ERROR_NONE };
	struct buf line;
	int slave;

	alarm(20);
	setsid();
	slave = open(terminal->slave, O_RDWR);
	if (slave < 0 || dup2(slave, STDIN_FILENO) < 0 || dup2(slave, STDERR_FILENO) < 0)
		return 1;
	if (!terminal_is(stdin) || !shows(STDIN_FILENO))
		return 2;
	buf_init(&line, 32);
	terminal_read_secret("Password", &line, &error);
	if (!shows(STDIN_FILENO))
		return 3;
	if (error.kind != terminal->expected)
		return 4;
	if (error.kind == ERROR_NONE && !bytes_equal_text(buf_view(&line), "s3cret word"))
		return 5;
	buf_wipe(&line);
	/* So that the terminal does not go before all was read. */
	return read(STDIN_FILENO, &slave, 1) == 1 ? 0 : 6;
}

static void ask_and_type(const char *typed, enum error_kind expected)
{
	struct terminal terminal;
	int child;

	terminal_open(&terminal);
	terminal.expected = expected;
	child = child_start(ask, &terminal);
	wait_for_text(&terminal, "Password: ");
	type(&terminal, typed);
	wait_for_text(&terminal, "\n");
	type(&terminal, "\n");
	assert_int_equal(child_end(child), 0);
	assert_null(strstr(terminal.shown, "s3cret"));
	close(terminal.master);
}

static void test_hidden(void **state)
{
	(void)state;
	ask_and_type("s3cret word\n", ERROR_NONE);
}

static void test_given_up(void **state)
{
	(void)state;
	/* Ctrl-C in the middle; Ctrl-D at the beginning is the end of the input. */
	ask_and_type("s3cr\x03", ERROR_CANCELLED);
	ask_and_type("\x04", ERROR_NOT_FOUND);
	ask_and_type("s3cret words that are longer than they may be\n", ERROR_INVALID);
}

static void test_pipe(void **state)
{
	static const char text[] = "one\r\ntwo\n\nthree";
	static const char *const lines[] = { "one", "two", "", "three" };
	struct error error = { .kind = ERROR_NONE };
	struct buf line;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, sizeof text - 1), sizeof text - 1);
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	assert_false(terminal_is(stdin));
	buf_init(&line, 16);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		buf_wipe(&line);
		assert_true(terminal_read_secret("not shown", &line, &error));
		assert_true(bytes_equal_text(buf_view(&line), lines[i]));
	}
	buf_wipe(&line);
	assert_false(terminal_read_secret("not shown", &line, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	buf_wipe(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

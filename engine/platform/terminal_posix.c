/* terminal_posix.c -- termios. Standard input is read octet by octet past the C library, so that no secret stays in
 * a buffer of its, and none that belongs to the next reader is taken. */
#include "platform/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "platform/process.h"

bool terminal_is(FILE *stream)
{
	return isatty(fileno(stream)) == 1;
}

/* 1: an octet, 0: the end, -1: an error. The stop signals are blocked but while it waits, so that none comes between
 * the look for it and the wait. */
static int read_octet(uint8_t *octet, struct error *error)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	sigset_t none;
	ssize_t got = -1;

	sigemptyset(&none);
	while (!process_stop_wanted()) {
		if (ppoll(&input, 1, NULL, &none) == 1)
			got = read(STDIN_FILENO, octet, 1);
		if (got >= 0)
			return (int)got;
		if (errno != EINTR) {
			error_set_os(error, errno, "reading standard input");
			return -1;
		}
	}
	error_set(error, ERROR_CANCELLED, "cancelled");
	return -1;
}

static bool read_line(struct buf *line, struct error *error)
{
	size_t begin = line->size;
	uint8_t octet = 0, *room;
	int got;

	/* At once: growing would leave copies behind. */
	if (!buf_reserve(line, line->maximum - line->size, &room))
		return error_set_memory(error);
	while ((got = read_octet(&octet, error)) == 1 && octet != '\n') {
		if (!buf_append_byte(line, octet))
			return error_set(error, ERROR_INVALID, "the line is too long");
	}
	if (got < 0)
		return false;
	if (got == 0 && line->size == begin)
		return error_set(error, ERROR_NOT_FOUND, "a line on standard input is missing");
	if (line->size > begin && line->data[line->size - 1] == '\r')
		line->size--;
	return true;
}

bool terminal_read_secret(const char *prompt, struct buf *line, struct error *error)
{
	struct termios shown, hidden;
	sigset_t all, before;
	bool ok;

	if (!terminal_is(stdin) || tcgetattr(STDIN_FILENO, &shown) != 0)
		return read_line(line, error);
	/* A stop signal must not leave a terminal behind that shows nothing. */
	process_catch_stop();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	/* Before the prompt: what is typed at its sight is neither shown nor thrown away. */
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	fprintf(stderr, "%s: ", prompt);
	fflush(stderr);
	ok = read_line(line, error);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	sigprocmask(SIG_SETMASK, &before, NULL);
	fputc('\n', stderr);
	return ok;
}

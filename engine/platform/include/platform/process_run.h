/* process_run.h -- runs a program of the administrator's to its end, with nothing of ours in it.
 *
 * No shell. The program gets the input on its standard input, our standard error as its output, PATH and LANG as
 * its environment, "/" as its folder, no other open file, no blocked signal, and a process group of its own, which
 * is killed when the time is over. It starts by exec: our memory, and with it every secret, is not its memory. */
#ifndef LG_PLATFORM_PROCESS_RUN_H
#define LG_PLATFORM_PROCESS_RUN_H

#include <stdatomic.h>

#include "base/bytes.h"
#include "base/error.h"

struct process_run {
	char *const *arguments; /* the first is an absolute path; NULL behind the last */
	struct bytes input;
	uint64_t timeout_ms;
	const atomic_bool *is_cancelled; /* looked at while it runs: kill it, too; may be NULL */
};

/* Blocks until it has ended. True: with status 0. ERROR_NOT_FOUND, ERROR_DENIED: it cannot be started. ERROR_STATE: it
 * ended otherwise, or took too long; the text says how. ERROR_CANCELLED. A program that does not read its input
 * may still succeed. */
bool process_run(const struct process_run *run, struct error *error);

#endif

/* problems.h -- what needs a person: severity, since when, what it is, what to do.
 *
 * A problem has a stable id ("certificate", "plaintext 192.0.2.7"): raising it again renews the text and
 * keeps the time. The list is bounded; when it is full the oldest warning gives way, never an error (what
 * then finds no room is in the log alone). Ids and texts that do not fit are cut.
 * Thread-safe. */
#ifndef LG_SERVICE_PROBLEMS_H
#define LG_SERVICE_PROBLEMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "service/notices.h"

enum problem_severity { PROBLEM_WARNING, PROBLEM_ERROR };

/* The longest names a mailbox and a tenant; lock_problems.h. */
enum { PROBLEM_ID_SIZE = 320 };

struct problem {
	char id[PROBLEM_ID_SIZE];
	enum problem_severity severity;
	char text[512];
	char remedy[512];
	int64_t since_us;
};

struct problems;

struct problems *problems_new(struct notices *notices, struct error *error);
void problems_free(struct problems **problems);

/* `wake` is called from any thread when a problem begins or ends; it must only hand on. One watcher; NULL to
 * clear: none is called after that. */
void problems_watch(struct problems *problems, void (*wake)(void *context), void *context);

/* `now_us`: clock_wall_us(). Logs when it is new. */
void problems_raise(struct problems *problems, int64_t now_us, enum problem_severity severity,
	const char *id, const char *text, const char *remedy);
void problems_resolve(struct problems *problems, const char *id);
/* Of those whose id begins with `prefix` resolves the oldest until `most` are left: for what a stranger can raise
 * at will, so that it does not push other problems off the list. */
void problems_keep_newest(struct problems *problems, const char *prefix, size_t most);
/* Copies up to `capacity`, errors first, then by time; returns how many there are. */
size_t problems_list(struct problems *problems, struct problem *copies, size_t capacity);

enum { PROBLEMS_MAX = 100 };

#endif

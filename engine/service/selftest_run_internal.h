/* selftest_run_internal.h -- waiting on the calling thread for a client session that runs on a loop. */
#ifndef LG_SERVICE_SELFTEST_RUN_INTERNAL_H
#define LG_SERVICE_SELFTEST_RUN_INTERNAL_H

#include "platform/semaphore.h"
#include "selftest_internal.h"

struct selftest_run {
	struct conn *conn;
	const struct selftest_target *target;
	const struct conn_handler *handler;
	struct semaphore *done;
	bool ok;	      /* the session reached its goal */
	struct error failure; /* why not */
};

/* Connects, runs the session and returns when its connection is gone. What the handler's functions get is
 * `run`, which the session embeds. */
bool selftest_run_session(struct selftest_run *run, const struct selftest_target *target,
	const struct conn_handler *handler, struct error *error);
/* The handler's on_end and on_closed, the same for both sessions. */
void selftest_run_end(void *run, enum conn_end reason);
void selftest_run_closed(void *run, const struct error *why);
/* What the server said or did ends the test. */
void selftest_run_fail(struct selftest_run *run, const char *format, ...) PRINTF_LIKE(2, 3);

#endif

/* ctl_restart.c -- waiting for a gateway that starts again: its end closes the connection, and then it answers on a
 * new one. */
#include <stdlib.h>
#include <string.h>

#include "ctl_internal.h"
#include "platform/clock.h"
#include "platform/thread.h"

enum { PATIENCE_US = 60 * 1000 * 1000, LOOK_EVERY_US = 100 * 1000 };

static void pause_for(int64_t time_us)
{
	struct mutex *mutex = mutex_new(NULL);
	struct condition *never = condition_new(NULL);

	if (mutex && never) {
		mutex_lock(mutex);
		condition_wait_for(never, mutex, time_us);
		mutex_unlock(mutex);
	}
	mutex_free(&mutex);
	condition_free(&never);
}

static bool answers(struct gateway *gateway, bool *is_gone)
{
	char *json = NULL;
	bool ok = gateway_call_wait(gateway, "methods", NULL, &json);

	/* While it ends it may still say that it is busy. */
	*is_gone = !ok && json && strstr(json, "\"cancelled\"");
	free(json);
	return ok;
}

bool ctl_restart_wait(
	struct gateway **gateway, const struct ctl_arguments *arguments, struct error *error)
{
	int64_t end_us = clock_monotonic_us() + PATIENCE_US;
	struct gateway_error failure;
	bool is_gone = false;

	for (;;) {
		answers(*gateway, &is_gone);
		if (is_gone || clock_monotonic_us() >= end_us)
			break;
		pause_for(LOOK_EVERY_US);
	}
	gateway_close(gateway);
	while (clock_monotonic_us() < end_us) {
		*gateway = gateway_attach(arguments->data_folder, &failure);
		if (*gateway && answers(*gateway, &is_gone))
			return true;
		gateway_close(gateway);
		pause_for(LOOK_EVERY_US);
	}
	return error_set(error, ERROR_STATE,
		"the gateway has not come back within a minute; its log says why");
}

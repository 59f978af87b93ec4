/* alerts.c -- compares the problems that there are with those that were told, and tells the difference. So
 * nothing is queued, and however often something flaps, what is told is true. */
#include "control/alerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/json_memory.h"
#include "method_internal.h"
#include "platform/clock.h"
#include "platform/process_run.h"

enum {
	RUN_LIMIT_MS = 30 * 1000,
	RUNS_AN_HOUR = 60,
	/* A burst is looked at once. */
	SETTLING_US = 500 * 1000,
	/* The command may have been set meanwhile. */
	LOOK_US = 10 * 1000 * 1000,
};

static const int64_t hour_us = INT64_C(3600) * 1000000;
static const char own_problem[] = "alerts.command";

struct alerts {
	struct service *service;
	struct thread *thread;
	struct mutex *mutex;
	struct condition *wakes;
	bool is_woken;	       /* under the mutex */
	atomic_bool is_ending; /* set under the mutex */
	/* the thread's */
	struct problem now[PROBLEMS_MAX], told[PROBLEMS_MAX];
	size_t now_count, told_count;
	int64_t hour_began_us;
	unsigned runs; /* in this hour */
};

/* ---- one run ---- */

static void take_command(
	struct alerts *alerts, struct config_command *command, char hostname[CONFIG_HOST_SIZE])
{
	struct service *service = alerts->service;

	mutex_lock(service->mutex);
	config_command_split(bytes_of(service->config.alerts_command), command, NULL);
	memcpy(hostname, service->hostname, CONFIG_HOST_SIZE);
	mutex_unlock(service->mutex);
}

static char *describe(const char *event, const char *hostname, const struct problem *problem)
{
	json_t *row = method_problem_row(problem);
	char *text = NULL;

	if (row && json_object_set_new(row, "event", json_string(event)) == 0 &&
		json_object_set_new(row, "gateway", json_string(hostname)) == 0)
		text = json_memory_dump(row, JSON_COMPACT);
	json_decref(row);
	return text;
}

static bool run(struct alerts *alerts, const struct config_command *command, const char *hostname,
	const char *event, const struct problem *problem, struct error *error)
{
	struct process_run run = {
		.arguments = command->arguments,
		.timeout_ms = RUN_LIMIT_MS,
		.is_cancelled = &alerts->is_ending,
	};
	char *text = describe(event, hostname, problem);
	bool ok;

	if (!text)
		return error_set_memory(error);
	run.input = bytes_of(text);
	ok = process_run(&run, error);
	json_memory_free_text(text);
	return ok;
}

static void tell_failure(struct alerts *alerts, const struct error *why)
{
	char text[512];

	if (why->kind == ERROR_CANCELLED)
		return;
	log_event(LOG_WARNING, "alert.failed", "why=\"%s\"", why->text);
	snprintf(text, sizeof text, "A problem could not be reported by the alert program: %.400s",
		why->text);
	problems_raise(alerts->service->problems, clock_wall_us(), PROBLEM_WARNING, own_problem,
		text,
		"Try the program by hand, mend the setting alerts.command, or empty it. The "
		"problems "
		"are listed by: lettergatectl status");
}

/* False when nothing more may be run now. */
static bool tell(struct alerts *alerts, const char *event, const struct problem *problem)
{
	struct config_command command;
	char hostname[CONFIG_HOST_SIZE];
	int64_t now_us = clock_monotonic_us();
	struct error error;

	take_command(alerts, &command, hostname);
	if (!alerts->hour_began_us || now_us - alerts->hour_began_us >= hour_us) {
		alerts->hour_began_us = now_us;
		alerts->runs = 0;
	}
	if (!command.count || alerts->runs == RUNS_AN_HOUR || atomic_load(&alerts->is_ending))
		return false;
	alerts->runs++;
	if (run(alerts, &command, hostname, event, problem, &error)) {
		log_event(LOG_INFO, "alert.sent", "change=%s id=\"%s\"", event, problem->id);
		problems_resolve(alerts->service->problems, own_problem);
	} else {
		tell_failure(alerts, &error);
	}
	/* A program that failed may have told somebody: it is not run again for the same. */
	return true;
}

/* ---- the difference ---- */

static size_t find(const struct problem *list, size_t count, const char *id)
{
	size_t i = 0;

	while (i < count && strcmp(list[i].id, id) != 0)
		i++;
	return i;
}

static void tell_resolved(struct alerts *alerts)
{
	for (size_t i = 0; i < alerts->told_count;) {
		struct problem *told = &alerts->told[i];

		if (find(alerts->now, alerts->now_count, told->id) < alerts->now_count) {
			i++;
			continue;
		}
		if (!tell(alerts, "resolved", told))
			return;
		*told = alerts->told[--alerts->told_count];
	}
}

static void tell_raised(struct alerts *alerts)
{
	for (size_t i = 0; i < alerts->now_count; i++) {
		const struct problem *problem = &alerts->now[i];

		if (strcmp(problem->id, own_problem) == 0 ||
			find(alerts->told, alerts->told_count, problem->id) < alerts->told_count)
			continue;
		if (alerts->told_count == PROBLEMS_MAX || !tell(alerts, "raised", problem))
			return;
		alerts->told[alerts->told_count++] = *problem;
	}
}

static bool has_command(struct alerts *alerts)
{
	struct config_command command;
	char hostname[CONFIG_HOST_SIZE];

	take_command(alerts, &command, hostname);
	return command.count > 0;
}

static void look(struct alerts *alerts)
{
	size_t count = problems_list(alerts->service->problems, alerts->now, PROBLEMS_MAX);

	alerts->now_count = count < PROBLEMS_MAX ? count : PROBLEMS_MAX;
	if (!has_command(alerts)) {
		/* Whoever sets one is told of everything that stands then. */
		alerts->told_count = 0;
		problems_resolve(alerts->service->problems, own_problem);
		return;
	}
	tell_resolved(alerts);
	tell_raised(alerts);
}

static void alerts_thread(void *context)
{
	struct alerts *alerts = context;

	mutex_lock(alerts->mutex);
	while (!atomic_load(&alerts->is_ending)) {
		alerts->is_woken = false;
		mutex_unlock(alerts->mutex);
		look(alerts);
		mutex_lock(alerts->mutex);
		if (!alerts->is_woken && !atomic_load(&alerts->is_ending))
			condition_wait_for(alerts->wakes, alerts->mutex, LOOK_US);
		if (!atomic_load(&alerts->is_ending))
			condition_wait_for(alerts->wakes, alerts->mutex, SETTLING_US);
	}
	mutex_unlock(alerts->mutex);
}

static void wake(void *context)
{
	struct alerts *alerts = context;

	mutex_lock(alerts->mutex);
	alerts->is_woken = true;
	condition_signal(alerts->wakes);
	mutex_unlock(alerts->mutex);
}

struct alerts *alerts_start(struct service *service, struct error *error)
{
	struct alerts *alerts = calloc(1, sizeof *alerts);

	if (!alerts) {
		error_set_memory(error);
		return NULL;
	}
	json_memory_start();
	alerts->service = service;
	alerts->mutex = mutex_new(error);
	alerts->wakes = alerts->mutex ? condition_new(error) : NULL;
	if (alerts->wakes)
		alerts->thread = thread_start("alerts", alerts_thread, alerts, error);
	if (alerts->thread)
		problems_watch(service->problems, wake, alerts);
	else
		alerts_stop(&alerts);
	return alerts;
}

void alerts_stop(struct alerts **stopped)
{
	struct alerts *alerts = *stopped;

	if (!alerts)
		return;
	if (alerts->thread) {
		problems_watch(alerts->service->problems, NULL, NULL);
		mutex_lock(alerts->mutex);
		atomic_store(&alerts->is_ending, true);
		condition_signal(alerts->wakes);
		mutex_unlock(alerts->mutex);
	}
	thread_join(&alerts->thread);
	condition_free(&alerts->wakes);
	mutex_free(&alerts->mutex);
	free(alerts);
	*stopped = NULL;
}

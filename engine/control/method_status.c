/* method_status.c -- the state of the gateway in one value. */
#include "method_internal.h"

#include <stdlib.h>

#include "platform/clock.h"
#include "service/lock_problems.h"

static json_t *listener_rows(struct reception *reception)
{
	struct reception_listener listeners[RECEPTION_LISTENERS_MAX];
	size_t count = reception_listeners(reception, listeners);
	json_t *rows = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct reception_listener *listener = &listeners[i];

		method_append(&rows,
			json_pack("{s:s, s:s, s:i, s:s}", "service",
				reception_kind_name(listener->kind), "address",
				listener->address.host, "port", (int)listener->address.port, "tls",
				reception_kind_is_implicit_tls(listener->kind) ? "implicit"
									       : "starttls"));
	}
	return rows;
}

static json_t *action(const char *label, const char *method, const struct lock_problem *lock)
{
	char id[MAILBOX_ID_TEXT_SIZE];

	mailbox_id_text(&lock->mailbox, id);
	return json_pack("{s:s+, s:s, s:{s:s, s:s}}", "label", label, lock->value, "method", method,
		"params", "id", id, lock->subject == LOCK_BY_TENANT ? "tenant" : "network",
		lock->value);
}

/* What a person may answer. */
static json_t *lock_actions(const struct lock_problem *lock)
{
	json_t *actions = json_array();

	method_append(&actions, action("Allow ", "mailbox.allow", lock));
	method_append(&actions, action("Refuse ", "mailbox.refuse", lock));
	return actions;
}

json_t *method_problem_row(const struct problem *problem)
{
	static const char *const severities[] = {
		[PROBLEM_WARNING] = "warning",
		[PROBLEM_ERROR] = "critical",
	};

	struct lock_problem lock;
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", problem->id, "severity",
		severities[problem->severity], "text", problem->text, "remedy", problem->remedy,
		"since", method_time(problem->since_us));

	if (row && lock_problem_parse(problem->id, &lock) &&
		json_object_set_new(row, "actions", lock_actions(&lock)) != 0) {
		json_decref(row);
		row = NULL;
	}
	return row;
}

static json_t *problem_rows(struct problems *problems, bool *has_error)
{
	struct problem *list = malloc(PROBLEMS_MAX * sizeof *list);
	size_t count = list ? problems_list(problems, list, PROBLEMS_MAX) : 0;
	json_t *rows = list ? json_array() : NULL;

	for (size_t i = 0; i < count; i++) {
		*has_error = *has_error || list[i].severity == PROBLEM_ERROR;
		method_append(&rows, method_problem_row(&list[i]));
	}
	free(list);
	return rows;
}

json_t *method_status(struct control_engine *engine, json_t *params, struct error *error)
{
	struct store_figures figures;
	bool has_error = false;
	json_t *problems, *mailboxes;
	int64_t uptime_s = (clock_monotonic_us() - engine->started_us) / 1000000;
	const char *state;

	(void)params;
	if (!store_figures(engine->service->store, &figures, error))
		return NULL;
	mailboxes = method_mailbox_rows(engine, error);
	if (!mailboxes)
		return NULL;
	problems = problem_rows(engine->service->problems, &has_error);
	if (has_error)
		state = "attention";
	else
		state = json_array_size(problems) ? "warning" : "running";
	return method_result(
		json_pack("{s:s, s:s, s:I, s:o, s:o, s:[], s:{s:I, s:I, s:I, s:I}, s:o}", "state",
			state, "version", LETTERGATE_VERSION, "uptime_s", (json_int_t)uptime_s,
			"listeners", listener_rows(engine->reception), "mailboxes", mailboxes,
			"accounts", "storage", "used_bytes", (json_int_t)figures.used_bytes,
			"free_bytes", (json_int_t)figures.free_bytes, "commits",
			(json_int_t)figures.commits, "deliveries", (json_int_t)figures.deliveries,
			"problems", problems),
		error);
}

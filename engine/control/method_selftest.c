/* method_selftest.c -- the self-test as a method. One at a time: two would only measure each other. */
#include "method_internal.h"

#include <stdlib.h>

#include "service/selftest.h"

static json_t *step_row(const struct selftest_step *step)
{
	return json_pack("{s:s, s:b, s:s, s:I}", "name", step->name, "ok", step->ok, "text",
		step->text, "duration_ms", (json_int_t)step->duration_ms);
}

static json_t *run(struct control_engine *engine, struct error *error)
{
	struct selftest_report *report = malloc(sizeof *report);
	struct service_settings settings;
	char trusted[PATH_SIZE];
	struct selftest_options options = {
		.mailboxes = &engine->mailboxes,
		.reception = engine->reception,
		.loop = engine->worker,
		.authority_file = trusted,
		.hostname = settings.hostname,
	};
	json_t *result = NULL, *steps;

	service_settings(engine->service, &settings);
	if (!report) {
		error_set_memory(error);
	} else if (certificates_trusted_file(
			   engine->certificates, settings.hostname, trusted, error) &&
		   selftest_run(&options, report, error)) {
		steps = json_array();
		for (size_t i = 0; i < report->count; i++)
			method_append(&steps, step_row(&report->steps[i]));
		result = method_result(
			json_pack("{s:b, s:o}", "ok", report->ok, "steps", steps), error);
	}
	free(report);
	return result;
}

json_t *method_selftest(struct control_engine *engine, json_t *params, struct error *error)
{
	json_t *result;

	(void)params;
	if (atomic_exchange(&engine->service->is_testing, true)) {
		error_set(error, ERROR_BUSY, "a self-test is running already; wait for its result");
		return NULL;
	}
	result = run(engine, error);
	atomic_store(&engine->service->is_testing, false);
	return result;
}

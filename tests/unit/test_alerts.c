/* test_alerts.c -- the program of alerts.command: what it is told, once each, and what happens when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <sys/stat.h>

#include "control/alerts.h"
#include "platform/clock.h"
#include "test_platform_fixture.h"
#include "test_service_fixture.h"

struct fixture {
	struct service_fixture *service;
	struct problems *problems;
	struct alerts *alerts;
	char output[SCRATCH_PATH_SIZE]; /* a line for each run that the program takes down */
};

static void set_command(struct fixture *fixture, const char *command)
{
	struct service *service = &fixture->service->service;
	struct error error;
	bool ok;

	mutex_lock(service->mutex);
	ok = config_set(&service->config, "alerts.command", command, &error);
	mutex_unlock(service->mutex);
	if (!ok)
		fail_msg("%s", error.text);
}

/* A script that takes down its input, and what is done after. */
static void set_script(struct fixture *fixture, const char *name, const char *after)
{
	char path[SCRATCH_PATH_SIZE], text[2 * SCRATCH_PATH_SIZE], command[3 * SCRATCH_PATH_SIZE];

	snprintf(path, sizeof path, "%s", scratch_path(&fixture->service->scratch, name));
	snprintf(text, sizeof text, "#!/bin/sh\n{ cat; echo; } >> \"$1\"\n%s\n", after);
	write_file(path, text);
	chmod(path, 0700);
	snprintf(command, sizeof command, "%s '%s'", path, fixture->output);
	set_command(fixture, command);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	fixture->service = service_fixture_new();
	fixture->problems = fixture->service->service.problems;
	snprintf(fixture->output, sizeof fixture->output, "%s",
		scratch_path(&fixture->service->scratch, "told"));
	*state = fixture;
	return 0;
}

static void start(struct fixture *fixture)
{
	struct error error;

	fixture->alerts = alerts_start(&fixture->service->service, &error);
	if (!fixture->alerts)
		fail_msg("%s", error.text);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	alerts_stop(&fixture->alerts);
	assert_null(fixture->alerts);
	service_fixture_free(&fixture->service);
	free(fixture);
	return 0;
}

static void raise(struct fixture *fixture, const char *id)
{
	problems_raise(fixture->problems, 1000000, PROBLEM_ERROR, id, "It says \"$(x)\"\n.", "Do.");
}

/* Waits for so many lines; returns the text, or fails. */
static char *wait_for_lines(struct fixture *fixture, size_t wanted)
{
	size_t lines = 0;

	for (int i = 0; i < 1500; i++) {
		char *text = read_file(fixture->output);

		lines = 0;
		for (const char *c = text; c && *c; c++)
			lines += *c == '\n';
		if (lines >= wanted) {
			assert_int_equal(lines, wanted);
			return text;
		}
		free(text);
		sleep_ms(10);
	}
	fail_msg("%zu lines instead of %zu", lines, wanted);
	return NULL;
}

static void wait_for_problem(struct fixture *fixture, const char *id, bool wanted)
{
	for (int i = 0; i < 1500; i++) {
		if (has_problem(fixture->problems, id, NULL) == wanted)
			return;
		sleep_ms(10);
	}
	fail_msg("%s", id);
}

static void check_line(const char *line, const char *event, const char *id)
{
	json_error_t where;
	json_t *value = json_loads(line, JSON_DISABLE_EOF_CHECK, &where);
	const char *const texts[][2] = {
		{ "event", event },
		{ "id", id },
		{ "gateway", "gateway.example.com" },
		{ "severity", "critical" },
		{ "text", "It says \"$(x)\"\n." },
		{ "remedy", "Do." },
		{ "since", "1970-01-01T00:00:01Z" },
	};

	if (!value)
		fail_msg("%s: %s", where.text, line);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_string_equal(
			json_string_value(json_object_get(value, texts[i][0])), texts[i][1]);
	assert_int_equal(json_object_size(value), sizeof texts / sizeof texts[0]);
	json_decref(value);
}

static void test_begin_and_end(void **state)
{
	struct fixture *fixture = *state;
	char *text;

	set_script(fixture, "program", "");
	raise(fixture, "before");
	start(fixture);
	text = wait_for_lines(fixture, 1);
	check_line(text, "raised", "before");
	free(text);
	raise(fixture, "after");
	free(wait_for_lines(fixture, 2));
	/* Raised again: nothing new. */
	raise(fixture, "after");
	problems_resolve(fixture->problems, "before");
	text = wait_for_lines(fixture, 3);
	check_line(strchr(text, '\n') + 1, "raised", "after");
	check_line(strrchr(text, '{'), "resolved", "before");
	free(text);
	sleep_ms(700);
	free(wait_for_lines(fixture, 3));
}

/* Without a command nobody is told, and who sets one hears of all that stands. */
static void test_command_set_later(void **state)
{
	struct fixture *fixture = *state;

	start(fixture);
	raise(fixture, "one");
	raise(fixture, "two");
	sleep_ms(700);
	assert_null(read_file(fixture->output));
	set_script(fixture, "program", "");
	raise(fixture, "three");
	free(wait_for_lines(fixture, 3));
}

static void test_failure(void **state)
{
	struct fixture *fixture = *state;
	struct problem problem;

	set_script(fixture, "program", "exit 9");
	start(fixture);
	raise(fixture, "one");
	wait_for_problem(fixture, "alerts.command", true);
	assert_true(has_problem(fixture->problems, "alerts.command", &problem));
	assert_int_equal(problem.severity, PROBLEM_WARNING);
	assert_non_null(strstr(problem.text, "program ended with exit status 9"));
	/* It may have told somebody: neither the problem nor the failure is told again. */
	sleep_ms(1200);
	free(wait_for_lines(fixture, 1));
	set_script(fixture, "other", "");
	raise(fixture, "two");
	free(wait_for_lines(fixture, 2));
	wait_for_problem(fixture, "alerts.command", false);
	set_command(fixture, "/nonexistent/program");
	raise(fixture, "three");
	wait_for_problem(fixture, "alerts.command", true);
	set_command(fixture, "");
	raise(fixture, "four");
	wait_for_problem(fixture, "alerts.command", false);
}

/* A storm costs 60 runs, one after the other. */
static void test_storm(void **state)
{
	struct fixture *fixture = *state;
	char id[32];

	set_script(fixture, "program", "");
	for (int i = 0; i < 70; i++) {
		snprintf(id, sizeof id, "problem %d", i);
		raise(fixture, id);
	}
	start(fixture);
	free(wait_for_lines(fixture, 60));
	raise(fixture, "one more");
	sleep_ms(1200);
	free(wait_for_lines(fixture, 60));
}

/* What comes and goes while the program runs is not told. */
static void test_passing(void **state)
{
	struct fixture *fixture = *state;
	char *text;

	set_script(fixture, "program", "sleep 0.5");
	start(fixture);
	raise(fixture, "one");
	free(wait_for_lines(fixture, 1));
	raise(fixture, "short");
	problems_resolve(fixture->problems, "short");
	raise(fixture, "two");
	text = wait_for_lines(fixture, 2);
	assert_null(strstr(text, "short"));
	free(text);
}

static void test_end(void **state)
{
	struct fixture *fixture = *state;
	int64_t began_us;

	set_script(fixture, "program", "sleep 60");
	start(fixture);
	raise(fixture, "one");
	free(wait_for_lines(fixture, 1));
	began_us = clock_monotonic_us();
	alerts_stop(&fixture->alerts);
	assert_true(clock_monotonic_us() - began_us < 5000000);
	/* Nobody listens any more. */
	raise(fixture, "two");
	assert_false(has_problem(fixture->problems, "alerts.command", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_begin_and_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_command_set_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_storm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_passing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

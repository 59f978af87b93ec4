/* test_ctl_transfer.c -- lettergatectl's side of a transfer against a whole gateway, whose methods are the tests' own
 * (test_method_rows.c): files come and go whole, and what fails leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "control/json_memory.h"
#include "ctl_internal.h"
#include "platform/process.h"
#include "test_method_rows.h"
#include "test_platform_fixture.h"

enum { ENTRIES = 6, SIZE = 300000, NEVER = 1000 };

struct fixture {
	void *scratch;
	struct gateway *gateway;
};

static void ignore_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static int set_up(void **state)
{
	static const struct gateway_override overrides[] = { { "listen.smtp", "127.0.0.1:0" },
		{ "listen.smtps", "" }, { "listen.submission", "" }, { "listen.pop3", "" },
		{ "listen.pop3s", "" }, { "hostname", "localhost" }, { "workers", "1" } };
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct gateway_options options = { .overrides = overrides,
		.override_count = sizeof overrides / sizeof overrides[0] };
	struct gateway_error error;

	log_set_sink(ignore_line, NULL);
	json_memory_start();
	if (scratch_set_up(&fixture->scratch) != 0)
		return -1;
	setenv("XDG_RUNTIME_DIR", scratch_path(&fixture->scratch, "run"), 1);
	options.data_folder = scratch_path(&fixture->scratch, "data");
	fixture->gateway = gateway_open(&options, &error);
	if (!fixture->gateway)
		fail_msg("%s", error.text);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	gateway_close(&fixture->gateway);
	assert_int_equal(test_open_count, 0);
	scratch_tear_down(&fixture->scratch);
	free(fixture);
	return 0;
}

/* Calls the method and carries out what it begins; *answer is what would be shown. */
static bool run(struct fixture *fixture, const char *method, json_t *params,
	struct ctl_arguments *arguments, json_t **answer, struct error *error)
{
	char *text = json_dumps(params, 0), *json;

	if (!gateway_call_wait(fixture->gateway, method, text, &json))
		fail_msg("%s", json);
	*answer = json_loads(json, 0, NULL);
	free(json);
	json_memory_free_text(text);
	json_decref(params);
	return ctl_transfer(fixture->gateway, arguments, answer, error);
}

static bool bring(struct fixture *fixture, const char *form, int entries, int fails_at,
	const char *target, json_t **answer, struct error *error)
{
	struct ctl_arguments arguments = { .target = target };

	return run(fixture, "test.bring",
		json_pack("{s:s, s:i, s:i, s:i}", "form", form, "entries", entries, "size", SIZE,
			"fails_at", fails_at),
		&arguments, answer, error);
}

static void check_file(const char *path, size_t index)
{
	FILE *file = fopen(path, "r");
	size_t place = 0;
	int c;

	if (!file)
		fail_msg("%s is not there", path);
	while ((c = fgetc(file)) != EOF) {
		if (c != test_octet(index, place++))
			fail_msg("%s differs at %zu", path, place - 1);
	}
	fclose(file);
	assert_int_equal(place, SIZE);
}

static void test_there_and_back(void **state)
{
	struct fixture *fixture = *state;
	const char *target = scratch_path(&fixture->scratch, "folder");
	struct ctl_arguments arguments = { .source = target };
	struct error error;
	json_t *answer;

	if (!bring(fixture, "folder", ENTRIES, NEVER, target, &answer, &error))
		fail_msg("%s", error.text);
	/* What the method said, what its end said, where it is; nothing of how it came. */
	assert_string_equal(json_string_value(json_object_get(answer, "hint")), "begun");
	assert_int_equal(json_integer_value(json_object_get(answer, "entries")), ENTRIES);
	assert_string_equal(json_string_value(json_object_get(answer, "path")), target);
	assert_int_equal(json_object_size(answer), 3);
	json_decref(answer);
	for (size_t i = 0; i < ENTRIES; i++) {
		char name[64];

		snprintf(name, sizeof name, "folder/sub%zu/%zu.eml", i % 2, i);
		check_file(scratch_path(&fixture->scratch, name), i);
	}
	/* Sent by the order of names: the sink of the tests wants 0, 1, 2, so a folder of one. */
	assert_int_equal(mkdir(scratch_path(&fixture->scratch, "one"), 0700), 0);
	assert_int_equal(rename(scratch_path(&fixture->scratch, "folder/sub0"),
				 scratch_path(&fixture->scratch, "one/sub0")),
		0);
	assert_int_equal(unlink(scratch_path(&fixture->scratch, "one/sub0/2.eml")), 0);
	assert_int_equal(unlink(scratch_path(&fixture->scratch, "one/sub0/4.eml")), 0);
	arguments.source = scratch_path(&fixture->scratch, "one");
	if (!run(fixture, "test.take", json_pack("{s:i, s:i}", "entries", 1, "size", SIZE),
		    &arguments, &answer, &error))
		fail_msg("%s", error.text);
	assert_int_equal(json_integer_value(json_object_get(answer, "entries")), 1);
	json_decref(answer);
}

static void test_one_file(void **state)
{
	struct fixture *fixture = *state;
	const char *target = scratch_path(&fixture->scratch, "one.mbox");
	struct error error;
	json_t *answer;

	if (!bring(fixture, "file", 1, NEVER, target, &answer, &error))
		fail_msg("%s", error.text);
	assert_int_equal(json_object_size(answer), 2);
	json_decref(answer);
	check_file(target, 0);
	/* Not a second time. */
	assert_false(bring(fixture, "file", 1, NEVER, target, &answer, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	json_decref(answer);
	assert_int_equal(test_open_count, 0);
}

static void check_nothing(struct fixture *fixture, const char *name)
{
	char part[64];

	snprintf(part, sizeof part, "%s.part", name);
	assert_int_equal(access(scratch_path(&fixture->scratch, name), F_OK), -1);
	assert_int_equal(access(scratch_path(&fixture->scratch, part), F_OK), -1);
	assert_int_equal(test_open_count, 0);
}

static void test_failures(void **state)
{
	struct fixture *fixture = *state;
	struct ctl_arguments arguments = { .source = NULL };
	struct error error;
	json_t *answer;

	/* On the other side, in the middle. */
	assert_false(bring(fixture, "folder", ENTRIES, 3, scratch_path(&fixture->scratch, "cut"),
		&answer, &error));
	assert_non_null(strstr(error.text, "this entry cannot be read"));
	json_decref(answer);
	check_nothing(fixture, "cut");
	/* On this side: more than one file came. */
	assert_false(bring(fixture, "file", 2, NEVER, scratch_path(&fixture->scratch, "two"),
		&answer, &error));
	json_decref(answer);
	check_nothing(fixture, "two");
	/* The sink refuses what it gets. */
	write_file(scratch_path(&fixture->scratch, "wrong"), "wrong");
	arguments.source = scratch_path(&fixture->scratch, "wrong");
	assert_false(run(fixture, "test.take", json_pack("{s:i}", "entries", 1), &arguments,
		&answer, &error));
	assert_non_null(strstr(error.text, "wrong came, not"));
	json_decref(answer);
	assert_int_equal(test_open_count, 0);
	/* Nowhere to put it. */
	assert_false(bring(fixture, "file", 1, NEVER, NULL, &answer, &error));
	json_decref(answer);
	assert_int_equal(test_open_count, 0);
	/* What begins no transfer is left as it is. */
	assert_true(run(
		fixture, "test.echo", json_pack("{s:s}", "id", "x"), &arguments, &answer, &error));
	assert_string_equal(json_string_value(json_object_get(answer, "id")), "x");
	json_decref(answer);
}

/* The last test: the wish to stop stays. */
static void test_cancelled(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	json_t *answer;

	process_catch_stop();
	raise(SIGINT);
	assert_false(bring(fixture, "folder", ENTRIES, NEVER,
		scratch_path(&fixture->scratch, "cancelled"), &answer, &error));
	assert_int_equal(error.kind, ERROR_CANCELLED);
	json_decref(answer);
	check_nothing(fixture, "cancelled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancelled, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_gateway_restart.c -- a gateway that is taken down and built anew under the same handle: with what it was opened
 * with, for callers in the process and for those that attach, and in words when it cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/log.h"
#include "control/json_memory.h"
#include "gateway/gateway.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

enum { PATIENCE_MS = 20000 };

struct fixture {
	void *scratch;
	char data[SCRATCH_PATH_SIZE];
	struct gateway *gateway;
	atomic_int wishes, changes;
};

static void ignore_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	log_set_sink(ignore_line, NULL);
	json_memory_start();
	if (scratch_set_up(&fixture->scratch) != 0)
		return -1;
	setenv("XDG_RUNTIME_DIR", scratch_path(&fixture->scratch, "run"), 1);
	snprintf(
		fixture->data, sizeof fixture->data, "%s", scratch_path(&fixture->scratch, "data"));
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	gateway_close(&fixture->gateway);
	scratch_tear_down(&fixture->scratch);
	free(fixture);
	return 0;
}

static void want_restart(void *context)
{
	struct fixture *fixture = context;

	fixture->wishes++;
}

/* Its options are gone when it returns: the gateway keeps what it needs of them. */
static void open_gateway(struct fixture *fixture, bool can_restart)
{
	static const char *const settings[][2] = { { "listen.smtp", "127.0.0.1:0" },
		{ "listen.smtps", "" }, { "listen.submission", "" }, { "listen.pop3", "" },
		{ "listen.pop3s", "" }, { "hostname", "localhost" }, { "limits.errors", "17" } };
	struct gateway_override overrides[7];
	char texts[14][32], *data = strdup(fixture->data);
	struct gateway_options options = { .data_folder = data,
		.overrides = overrides,
		.override_count = 7,
		.on_restart = can_restart ? want_restart : NULL,
		.context = fixture };
	struct gateway_error error;

	for (size_t i = 0; i < 7; i++) {
		strcpy(texts[2 * i], settings[i][0]);
		strcpy(texts[2 * i + 1], settings[i][1]);
		overrides[i] = (struct gateway_override){ texts[2 * i], texts[2 * i + 1] };
	}
	fixture->gateway = gateway_open(&options, &error);
	if (!fixture->gateway)
		fail_msg("%s", error.text);
	memset(texts, 'x', sizeof texts);
	memset(data, 'x', strlen(data));
	free(data);
}

static json_t *call(struct gateway *gateway, const char *method, const char *params)
{
	char *json;
	json_t *result;

	if (!gateway_call_wait(gateway, method, params, &json))
		fail_msg("%s: %s", method, json);
	result = json_loads(json, JSON_DECODE_ANY, NULL);
	assert_non_null(result);
	free(json);
	return result;
}

static void check_setting(struct gateway *gateway, const char *params, const char *value)
{
	json_t *row = call(gateway, "settings.get", params);

	assert_string_equal(json_string_value(json_object_get(row, "value")), value);
	json_decref(row);
}

static size_t listener_count(struct gateway *gateway)
{
	json_t *status = call(gateway, "status", NULL);
	size_t count = json_array_size(json_object_get(status, "listeners"));

	json_decref(status);
	return count;
}

static void note_change(void *context, const char *notification)
{
	struct fixture *fixture = context;

	fixture->changes += strstr(notification, "\"changed\"") != NULL;
}

static bool wait_for(atomic_int *count, int wanted)
{
	for (int i = 0; i < PATIENCE_MS / 5 && *count < wanted; i++)
		sleep_ms(5);
	return *count >= wanted;
}

static void test_again(void **state)
{
	struct fixture *fixture = *state;
	struct gateway *attached;
	struct gateway_error error;
	char *json;
	int changes;

	open_gateway(fixture, true);
	assert_true(gateway_subscribe(fixture->gateway, note_change, fixture));
	json_decref(call(fixture->gateway, "mailbox.create", "{\"name\":\"Office\"}"));
	for (int i = 0; i < 3; i++) {
		attached = gateway_attach(fixture->data, &error);
		assert_non_null(attached);
		assert_true(wait_for(&fixture->changes, 1));
		changes = fixture->changes;
		if (!gateway_restart(fixture->gateway, &error))
			fail_msg("%s", error.text);
		assert_true(gateway_is_hosted(fixture->gateway));
		/* The one that was attached sees an end; a new one finds it. */
		assert_false(gateway_call_wait(attached, "status", NULL, &json));
		assert_non_null(strstr(json, "\"cancelled\""));
		free(json);
		gateway_close(&attached);
		attached = gateway_attach(fixture->data, &error);
		assert_non_null(attached);
		assert_int_equal(listener_count(attached), 1);
		gateway_close(&attached);
		/* What was saved and what was given for this run. */
		check_setting(fixture->gateway, "{\"key\":\"limits.errors\"}", "17");
		json_t *rows = call(fixture->gateway, "mailbox.list", NULL);

		assert_int_equal(json_array_size(rows), 1);
		json_decref(rows);
		/* The subscription goes on, and says that all may be different. */
		assert_true(wait_for(&fixture->changes, changes + 1));
	}
}

/* The method tells the program, and no more: the engine cannot end itself. */
static void test_wished(void **state)
{
	struct fixture *fixture = *state;
	struct gateway_error error;
	struct gateway *attached;

	open_gateway(fixture, true);
	attached = gateway_attach(fixture->data, &error);
	assert_non_null(attached);
	json_decref(call(attached, "gateway.restart", NULL));
	assert_int_equal(fixture->wishes, 1);
	json_decref(call(fixture->gateway, "gateway.restart", NULL));
	assert_int_equal(fixture->wishes, 2);
	/* An attached one is somebody else's. */
	assert_false(gateway_restart(attached, &error));
	assert_true(*error.text);
	json_decref(call(attached, "status", NULL));
	gateway_close(&attached);
	assert_true(gateway_restart(fixture->gateway, &error));
	json_decref(call(fixture->gateway, "gateway.restart", NULL));
	assert_int_equal(fixture->wishes, 3);
}

static void test_not_offered(void **state)
{
	struct fixture *fixture = *state;
	char *json;

	open_gateway(fixture, false);
	assert_false(gateway_call_wait(fixture->gateway, "gateway.restart", NULL, &json));
	assert_non_null(strstr(json, "\"kind\":\"state\""));
	free(json);
}

struct calling {
	struct gateway *gateway;
	atomic_bool is_over;
	int answered, refused;
};

static void call_on(void *context)
{
	struct calling *calling = context;

	while (!atomic_load(&calling->is_over)) {
		char *json;

		if (gateway_call_wait(calling->gateway, "mailbox.list", NULL, &json))
			calling->answered++;
		else if (strstr(json, "\"busy\""))
			calling->refused++;
		else
			fail_msg("%s", json);
		free(json);
	}
}

/* Whoever calls meanwhile is answered, once, whatever it is. */
static void test_called_meanwhile(void **state)
{
	struct fixture *fixture = *state;
	struct calling callings[3];
	struct thread *threads[3];
	struct gateway_error error;

	open_gateway(fixture, true);
	for (size_t i = 0; i < 3; i++) {
		callings[i] = (struct calling){ .gateway = fixture->gateway };
		threads[i] = thread_start("calling", call_on, &callings[i], NULL);
		assert_non_null(threads[i]);
	}
	for (int i = 0; i < 3; i++) {
		sleep_ms(20);
		assert_true(gateway_restart(fixture->gateway, &error));
	}
	sleep_ms(20);
	for (size_t i = 0; i < 3; i++) {
		atomic_store(&callings[i].is_over, true);
		thread_join(&threads[i]);
		assert_true(callings[i].answered > 0);
		assert_true(callings[i].refused > 0);
	}
}

/* One that cannot come back says why, refuses what is asked, and may be tried again. */
static void test_cannot(void **state)
{
	struct fixture *fixture = *state;
	struct gateway_error error;
	char path[SCRATCH_PATH_SIZE + 16], kept[SCRATCH_PATH_SIZE + 16];
	char *json;

	open_gateway(fixture, true);
	snprintf(path, sizeof path, "%s/tls", fixture->data);
	snprintf(kept, sizeof kept, "%s/kept", fixture->data);
	assert_int_equal(rename(path, kept), 0);
	write_file(path, "in the way");
	assert_false(gateway_restart(fixture->gateway, &error));
	assert_int_equal(error.failure, GATEWAY_FAILED);
	assert_non_null(strstr(error.text, "tls"));
	assert_false(gateway_call_wait(fixture->gateway, "status", NULL, &json));
	assert_non_null(strstr(json, "\"busy\""));
	free(json);
	assert_false(gateway_restart(fixture->gateway, &error));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(kept, path), 0);
	assert_true(gateway_restart(fixture->gateway, &error));
	assert_int_equal(listener_count(fixture->gateway), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wished, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_offered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_called_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cannot, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

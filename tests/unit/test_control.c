/* test_control.c -- the control interface of an engine, in the process and over its socket: the same answers, each
 * once, and notifications. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "test_control_fixture.h"
#include "test_platform_fixture.h"

static const char long_method[] =
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

static const struct {
	const char *method, *params;
	const char *problem; /* a part of it; NULL: a result */
} calls[] = {
	{ "methods", NULL, NULL },
	{ "methods", "{}", NULL },
	{ "settings.list", NULL, NULL },
	{ "settings.get", "{\"key\":\"smtp.max-message-size\"}", NULL },
	{ "settings.get", "{\"key\":\"no.such\"}", "\"code\":-32000" },
	{ "settings.get", "{\"key\":1}", "\"code\":-32602" },
	{ "settings.get", "{}", "\"code\":-32602" },
	{ "settings.get", "{\"key\":\"hostname\",\"more\":1}", "\"code\":-32602" },
	{ "settings.set", "{\"key\":\"limits.errors\",\"value\":\"many\"}",
		"\"kind\":\"invalid\"" },
	{ "settings.set", "{\"key\":\"limits.errors\",\"value\":\"30\"}", NULL },
	{ "mailbox.list", NULL, NULL },
	{ "mailbox.show", "{\"id\":\"mbx-00000000000000000000000000000000\"}",
		"\"kind\":\"not-found\"" },
	{ "mailbox.show", "{\"id\":\"nonsense\"}", "is not a mailbox id" },
	/* Quoted and cut in the middle of a character. */
	{ "mailbox.show",
		"{\"id\":\"12345678901234567890123456789012345678901234567890123456789\xc3\xa4\"}",
		"is not a mailbox id" },
	{ "mailbox.create", "{\"name\":\"\"}", "the name of a mailbox" },
	{ "mailbox.create", "{\"name\":\"a\",\"password\":\"\"}", "the password is empty" },
	{ "mailbox.create", "{\"name\":\"a\",\"password\":\"short\"}", "a password has" },
	{ "mailbox.delete", "{\"id\":\"mbx-00000000000000000000000000000000\"}",
		"\"code\":-32602" },
	{ "mailbox.delete", "{\"id\":\"mbx-00000000000000000000000000000000\",\"confirmed\":false}",
		"to be confirmed" },
	{ "no.such", NULL, "\"code\":-32601" },
	{ "", NULL, "\"code\":-32601" },
	{ long_method, NULL, "\"code\":-32600" },
	{ "\xff", NULL, "\"code\":-32600" },
	{ "methods", "[]", "\"code\":-32600" },
	{ "methods", "{", "\"code\":-32700" },
	{ "methods", "\xff", "\"code\":-32700" },
	{ "methods", "{\"a\":1,\"a\":1}", "\"code\":-32700" },
};

static void test_same_answers(void **state)
{
	struct fixture *fixture = *state;
	struct control_client *client = attach(fixture);

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		struct call direct, attached;

		direct = call_control(fixture->control, calls[i].method, calls[i].params);
		attached = call_client(client, calls[i].method, calls[i].params);
		assert_string_equal(direct.text, attached.text);
		assert_int_equal(direct.is_result, attached.is_result);
		if (direct.is_result != (calls[i].problem == NULL) ||
			(calls[i].problem && !strstr(direct.text, calls[i].problem)))
			fail_msg("%s: %s", calls[i].method, direct.text);
		free(direct.text);
		free(attached.text);
	}
	control_client_close(&client);
	assert_null(client);
}

static void test_status(void **state)
{
	struct fixture *fixture = *state;
	struct call call = call_control(fixture->control, "status", NULL);
	json_t *status, *problems;
	json_error_t where;
	char long_name[400];

	assert_true(call.is_result);
	assert_non_null(strstr(call.text, "\"state\":\"running\""));
	free(call.text);
	/* Whatever a problem's text holds, the status can be read. */
	memset(long_name, 0xc3, sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	problems_raise(fixture->engine.service->problems, 1, PROBLEM_WARNING, "odd", long_name, "");
	call = call_control(fixture->control, "status", NULL);
	assert_true(call.is_result);
	status = json_loads(call.text, 0, &where);
	problems = json_object_get(status, "problems");
	assert_string_equal(json_string_value(json_object_get(status, "state")), "warning");
	assert_int_equal(json_array_size(problems), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(problems, 0), "since")),
		"1970-01-01T00:00:00Z");
	json_decref(status);
	free(call.text);
}

static void test_mailbox_by_methods(void **state)
{
	struct fixture *fixture = *state;
	struct call call = call_control(
		fixture->control, "mailbox.create", "{\"name\":\"Office\",\"description\":\"d\"}");
	char params[128], id[64], *found;

	assert_true(call.is_result);
	found = strstr(call.text, "mbx-");
	assert_non_null(found);
	snprintf(id, sizeof id, "%.36s", found);
	assert_non_null(strstr(call.text, "\"recovery_code\":\""));
	assert_non_null(strstr(call.text, "@gateway.example.com\""));
	free(call.text);
	snprintf(params, sizeof params, "{\"id\":\"%s\",\"confirmed\":true}", id);
	call = call_control(fixture->control, "mailbox.delete", params);
	assert_false(call.is_result);
	assert_non_null(strstr(call.text, "\"kind\":\"state\""));
	free(call.text);
	snprintf(params, sizeof params, "{\"id\":\"%s\"}", id);
	call = call_control(fixture->control, "mailbox.suspend", params);
	assert_non_null(strstr(call.text, "\"status\":\"suspended\""));
	free(call.text);
	snprintf(params, sizeof params, "{\"id\":\"%s\",\"confirmed\":true}", id);
	call = call_control(fixture->control, "mailbox.delete", params);
	assert_true(call.is_result);
	free(call.text);
	call = call_control(fixture->control, "mailbox.list", NULL);
	assert_string_equal(call.text, "[]");
	free(call.text);
}

static void test_one_selftest(void **state)
{
	struct fixture *fixture = *state;
	struct call call;

	atomic_store(&fixture->engine.service->is_testing, true);
	call = call_control(fixture->control, "selftest", NULL);
	assert_false(call.is_result);
	assert_non_null(strstr(call.text, "\"kind\":\"busy\""));
	free(call.text);
	assert_true(atomic_load(&fixture->engine.service->is_testing));
}

enum { CALLERS = 4, CALLS_EACH = 50 };

struct caller {
	struct fixture *fixture;
	struct control_client *client; /* NULL: in the process */
	struct countdown *left;
	struct call calls[CALLS_EACH];
};

static void call_often(void *context)
{
	struct caller *caller = context;

	for (size_t i = 0; i < CALLS_EACH; i++) {
		const char *method = i % 2 ? "mailbox.list" : "no.such";

		caller->calls[i].left = caller->left;
		if (caller->client)
			control_client_call(
				caller->client, method, NULL, take_answer, &caller->calls[i]);
		else
			control_call(caller->fixture->control, method, NULL, take_answer,
				&caller->calls[i]);
	}
}

/* Each is answered once: by what it asked for, or with "busy". */
static void run_callers(struct fixture *fixture, struct control_client *client)
{
	struct caller *callers = calloc(CALLERS, sizeof *callers);
	struct thread *threads[CALLERS];
	struct countdown left;

	countdown_init(&left, (size_t)CALLERS * CALLS_EACH);
	for (size_t i = 0; i < CALLERS; i++) {
		callers[i].fixture = fixture;
		callers[i].client = client;
		callers[i].left = &left;
		threads[i] = thread_start("calling", call_often, &callers[i], NULL);
		assert_non_null(threads[i]);
	}
	for (size_t i = 0; i < CALLERS; i++)
		thread_join(&threads[i]);
	countdown_wait(&left);
	for (size_t i = 0; i < (size_t)CALLERS * CALLS_EACH; i++) {
		struct call *call = &callers[i / CALLS_EACH].calls[i % CALLS_EACH];

		assert_int_equal(call->answers, 1);
		if (!call->is_result && !strstr(call->text, "\"kind\":\"busy\""))
			assert_non_null(strstr(call->text, "\"code\":-32601"));
		if (call->is_result)
			assert_string_equal(call->text, "[]");
		free(call->text);
	}
	countdown_clear(&left);
	free(callers);
}

static void test_many_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct control_client *client = attach(fixture);

	run_callers(fixture, NULL);
	run_callers(fixture, client);
	control_client_close(&client);
}

/* Calls under way when the engine ends are answered before control_stop() returns. */
static void test_stopped_with_calls(void **state)
{
	struct fixture *fixture = *state;
	struct caller *callers = calloc(2, sizeof *callers);
	struct control_client *client = attach(fixture);
	struct countdown left;

	countdown_init(&left, 2 * CALLS_EACH);
	for (size_t i = 0; i < 2; i++) {
		callers[i].fixture = fixture;
		callers[i].client = i ? client : NULL;
		callers[i].left = &left;
		call_often(&callers[i]);
	}
	control_stop(&fixture->control);
	for (size_t i = 0; i < CALLS_EACH; i++)
		assert_int_equal(callers[0].calls[i].answers, 1);
	control_client_close(&client);
	for (size_t i = 0; i < CALLS_EACH; i++)
		assert_int_equal(callers[1].calls[i].answers, 1);
	countdown_wait(&left);
	for (size_t i = 0; i < 2 * CALLS_EACH; i++)
		free(callers[i / CALLS_EACH].calls[i % CALLS_EACH].text);
	countdown_clear(&left);
	free(callers);
	control_fixture_start(fixture);
}

/* ---- notifications ---- */

static void take_notification(void *context, const char *notification)
{
	struct fixture *fixture = context;

	mutex_lock(fixture->mutex);
	assert_true(fixture->notification_count < 32);
	snprintf(fixture->notifications[fixture->notification_count++], 256, "%s", notification);
	mutex_unlock(fixture->mutex);
}

static size_t notification_count(struct fixture *fixture)
{
	size_t count;

	mutex_lock(fixture->mutex);
	count = fixture->notification_count;
	mutex_unlock(fixture->mutex);
	return count;
}

static void wait_for_notifications(struct fixture *fixture, size_t count)
{
	for (int i = 0; i < PATIENCE_MS / 10 && notification_count(fixture) < count; i++)
		sleep_ms(10);
	assert_int_equal(notification_count(fixture), count);
}

static void test_notified(void **state)
{
	struct fixture *fixture = *state;
	struct notices *notices = fixture->engine.service->notices;

	control_subscribe(fixture->control, take_notification, fixture);
	for (int i = 0; i < 1000; i++)
		notices_note(notices, i % 2 ? NOTICE_MAILBOXES : NOTICE_STATUS);
	wait_for_notifications(fixture, 1);
	assert_string_equal(fixture->notifications[0],
		"{\"jsonrpc\":\"2.0\",\"method\":\"changed\",\"params\":{\"topics\":[\"status\","
		"\"mailboxes\"]}}");
	/* And it goes on. */
	notices_note(notices, NOTICE_CERTIFICATES | NOTICE_SETTINGS | NOTICE_PROBLEMS |
				      NOTICE_STATUS | NOTICE_MAILBOXES);
	wait_for_notifications(fixture, 2);
	assert_non_null(strstr(fixture->notifications[1],
		"[\"status\",\"mailboxes\",\"problems\",\"settings\",\"certificates\"]"));
	control_subscribe(fixture->control, NULL, NULL);
	notices_note(notices, NOTICE_STATUS);
	sleep_ms(250);
	assert_int_equal(notification_count(fixture), 2);
}

/* What a start raised before the control watched does not keep it from waking later. */
static void test_noted_before_the_start(void **state)
{
	struct fixture *fixture = *state;
	struct notices *notices = fixture->engine.service->notices;

	control_stop(&fixture->control);
	notices_note(notices, NOTICE_PROBLEMS);
	control_fixture_start(fixture);
	control_subscribe(fixture->control, take_notification, fixture);
	sleep_ms(250);
	notices_note(notices, NOTICE_MAILBOXES);
	for (int i = 0; i < PATIENCE_MS / 10 && !notification_count(fixture); i++)
		sleep_ms(10);
	sleep_ms(250);
	assert_in_range(notification_count(fixture), 1, 2);
	assert_non_null(
		strstr(fixture->notifications[fixture->notification_count - 1], "\"mailboxes\""));
}

static void test_client_notified(void **state)
{
	struct fixture *fixture = *state;
	struct control_client *client = attach(fixture);
	struct call call;

	control_client_subscribe(client, take_notification, fixture);
	/* The subscription is there when a later call is answered. */
	call = call_client(client, "mailbox.list", NULL);
	free(call.text);
	notices_note(fixture->engine.service->notices, NOTICE_SETTINGS);
	wait_for_notifications(fixture, 1);
	assert_non_null(strstr(fixture->notifications[0], "[\"settings\"]"));
	/* The engine ends. */
	control_stop(&fixture->control);
	wait_for_notifications(fixture, 2);
	assert_non_null(strstr(fixture->notifications[1], "\"method\":\"closed\""));
	call = call_client(client, "mailbox.list", NULL);
	assert_false(call.is_result);
	assert_non_null(strstr(call.text, "\"kind\":\"cancelled\""));
	free(call.text);
	control_client_close(&client);
	control_fixture_start(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_same_answers, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(test_status, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_mailbox_by_methods, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_one_selftest, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_many_at_once, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_stopped_with_calls, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(test_notified, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_noted_before_the_start, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_client_notified, control_set_up, control_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_control.c -- the control interface of an engine, in the process and over its socket: the same answers, each
 * once, whatever the other side does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/control_client.h"
#include "crypto/random.h"
#include "net/local_socket.h"
#include "platform/clock.h"
#include "test_platform_fixture.h"
#include "test_service_fixture.h"

enum { PATIENCE_MS = 20000 };

struct fixture {
	struct service_fixture *service;
	struct control_engine engine;
	struct control *control;
	char socket_path[PATH_SIZE];
	struct mutex *mutex;
	char notifications[32][256];
	size_t notification_count;
};

static void start(struct fixture *fixture)
{
	struct error error;

	fixture->control = control_start(&fixture->engine, &error);
	if (!fixture->control || !control_serve(fixture->control, fixture->socket_path, &error))
		fail_msg("%s", error.text);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct service_fixture *service = fixture->service = service_fixture_new();
	struct error error;

	fixture->engine = (struct control_engine){
		.service = &service->service,
		.mailboxes = service->mailboxes,
		.worker = service->loop,
		.started_us = clock_monotonic_us(),
	};
	fixture->engine.reception =
		reception_open(&service->service, &service->service.config, &error);
	if (!fixture->engine.reception)
		fail_msg("%s", error.text);
	snprintf(fixture->socket_path, sizeof fixture->socket_path, "%s",
		scratch_path(&service->scratch, "control.sock"));
	fixture->mutex = mutex_new(NULL);
	start(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	control_stop(&fixture->control);
	assert_null(fixture->control);
	reception_close(&fixture->engine.reception);
	service_fixture_free(&fixture->service);
	mutex_free(&fixture->mutex);
	free(fixture);
	return 0;
}

static struct control_client *attach(struct fixture *fixture)
{
	struct error error;
	struct control_client *client = control_client_connect(fixture->socket_path, &error);

	if (!client)
		fail_msg("%s", error.text);
	return client;
}

/* ---- calls ---- */

struct call {
	struct countdown *left;
	char *text;
	bool is_result;
	unsigned answers;
};

static void take_answer(void *context, const char *result, const char *problem)
{
	struct call *call = context;

	/* One of the two, and once. */
	assert_true((result == NULL) != (problem == NULL));
	call->answers++;
	call->is_result = result != NULL;
	call->text = strdup(result ? result : problem);
	countdown_step(call->left);
}

static struct call call_control(struct control *control, const char *method, const char *params)
{
	struct countdown left;
	struct call call = { .left = &left };

	countdown_init(&left, 1);
	control_call(control, method, params, take_answer, &call);
	countdown_wait(&left);
	countdown_clear(&left);
	return call;
}

static struct call call_client(
	struct control_client *client, const char *method, const char *params)
{
	struct countdown left;
	struct call call = { .left = &left };

	countdown_init(&left, 1);
	control_client_call(client, method, params, take_answer, &call);
	countdown_wait(&left);
	countdown_clear(&left);
	return call;
}

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
	start(fixture);
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
	start(fixture);
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
	start(fixture);
}

static void test_nobody_there(void **state)
{
	struct fixture *fixture = *state;
	char path[PATH_SIZE];
	struct error error;

	snprintf(path, sizeof path, "%s", scratch_path(&fixture->service->scratch, "none.sock"));
	assert_null(control_client_connect(path, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_true(*error.text);
}

/* ---- frames, on a bare socket ---- */

static int dial_socket(struct fixture *fixture)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(strlen(fixture->socket_path) < sizeof address.sun_path);
	strcpy(address.sun_path, fixture->socket_path);
	assert_true(socket_fd >= 0);
	assert_int_equal(connect(socket_fd, (const struct sockaddr *)&address, sizeof address), 0);
	return socket_fd;
}

static void put(int socket_fd, const char *text, size_t size)
{
	while (size) {
		ssize_t sent = send(socket_fd, text, size, MSG_NOSIGNAL);

		assert_true(sent > 0);
		text += sent;
		size -= (size_t)sent;
	}
}

/* A line without its end; "" at the end of the connection. */
static void get_line(int socket_fd, char *line, size_t capacity)
{
	size_t used = 0;

	for (;;) {
		struct pollfd ready = { .fd = socket_fd, .events = POLLIN };
		char c;

		assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
		if (recv(socket_fd, &c, 1, 0) != 1 || c == '\n')
			break;
		if (used < capacity - 1)
			line[used++] = c;
	}
	line[used] = '\0';
}

#define REQUEST(id, method) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\"}\n"

static void test_frames(void **state)
{
	struct fixture *fixture = *state;
	static const char two[] = REQUEST("1", "mailbox.list") "\n\n" REQUEST("2", "mailbox.list");
	int socket_fd = dial_socket(fixture);
	char line[1024];

	/* Cut in two at every place. */
	for (size_t cut = 1; cut < sizeof two - 1; cut++) {
		put(socket_fd, two, cut);
		if (cut % 8 == 0)
			sleep_ms(1);
		put(socket_fd, two + cut, sizeof two - 1 - cut);
		for (int i = 0; i < 2; i++) {
			get_line(socket_fd, line, sizeof line);
			assert_non_null(strstr(line, "\"result\":[]"));
		}
	}
	/* What is no request is answered with what can be said of it, and the connection goes on. */
	put(socket_fd, "nonsense\n", 9);
	get_line(socket_fd, line, sizeof line);
	assert_non_null(strstr(line, "\"id\":null"));
	assert_non_null(strstr(line, "-32700"));
	put(socket_fd, "{\"id\":\"x\"}\n", 11);
	get_line(socket_fd, line, sizeof line);
	assert_non_null(strstr(line, "\"id\":\"x\""));
	assert_non_null(strstr(line, "-32600"));
	/* A notification is not answered (JSON-RPC 2.0, 4.1): what comes is the answer to the next. */
	put(socket_fd, "{\"jsonrpc\":\"2.0\",\"method\":\"no.such\"}\n", 37);
	put(socket_fd, REQUEST("77", "mailbox.list"), sizeof REQUEST("77", "mailbox.list") - 1);
	get_line(socket_fd, line, sizeof line);
	assert_non_null(strstr(line, "\"id\":77"));
	close(socket_fd);
}

static void test_frame_too_long(void **state)
{
	struct fixture *fixture = *state;
	static char part[64 * 1024];
	int socket_fd = dial_socket(fixture);
	char line[64];
	size_t sent = 0;
	ssize_t now = 0;

	memset(part, 'x', sizeof part);
	/* The other side closes at some time after the limit. */
	while (sent < 4 * (size_t)LOCAL_FRAME_MAX &&
		(now = send(socket_fd, part, sizeof part, MSG_NOSIGNAL)) > 0)
		sent += (size_t)now;
	assert_true(sent > LOCAL_FRAME_MAX - sizeof part);
	get_line(socket_fd, line, sizeof line);
	assert_string_equal(line, "");
	close(socket_fd);
	/* Towards the client it is said in words. */
	struct control_client *client = attach(fixture);
	char *params = malloc(LOCAL_FRAME_MAX + 64);
	struct call call;

	sprintf(params, "{\"name\":\"%*s\"}", LOCAL_FRAME_MAX, "x");
	call = call_client(client, "mailbox.create", params);
	assert_false(call.is_result);
	assert_non_null(strstr(call.text, "the parameters are too long"));
	free(call.text);
	call = call_client(client, "mailbox.list", NULL);
	assert_true(call.is_result);
	free(call.text);
	free(params);
	control_client_close(&client);
}

static void test_leaves_with_calls_pending(void **state)
{
	struct fixture *fixture = *state;
	struct call call;

	for (int i = 0; i < 30; i++) {
		int socket_fd = dial_socket(fixture);

		for (int j = 0; j < 10; j++)
			put(socket_fd, REQUEST("1", "settings.list"),
				sizeof REQUEST("1", "settings.list") - 1);
		if (i % 3 == 0)
			sleep_ms(2);
		close(socket_fd);
	}
	call = call_control(fixture->control, "mailbox.list", NULL);
	assert_true(call.is_result || strstr(call.text, "\"kind\":\"busy\""));
	free(call.text);
}

/* Rows that make each listing large. */
static void add_rows(struct fixture *fixture, size_t count)
{
	struct service_mailbox model;

	service_mailbox_make(&model, "A large row");
	memset(model.stored.description, 'd', STORE_DESCRIPTION_SIZE - 1);
	for (size_t i = 0; i < count; i++) {
		struct error error;

		model.stored.id = random_id();
		if (!store_mailbox_create(fixture->engine.service->store, &model.stored, &error))
			fail_msg("%s", error.text);
	}
	service_mailbox_clear(&model);
}

static void test_slow_reader(void **state)
{
	struct fixture *fixture = *state;
	struct notices *notices = fixture->engine.service->notices;
	static char line[64 * 1024];
	int socket_fd = dial_socket(fixture);
	size_t answers = 0, resyncs = 0, changes = 0;

	add_rows(fixture, 30);
	put(socket_fd, REQUEST("1", "subscribe"), sizeof REQUEST("1", "subscribe") - 1);
	get_line(socket_fd, line, sizeof line);
	assert_non_null(strstr(line, "\"subscribed\":true"));
	/* More than the socket takes, of which nothing is read; a few at a time, since 16 may be pending. */
	for (int i = 0; i < 32; i++) {
		put(socket_fd, REQUEST("2", "mailbox.list"),
			sizeof REQUEST("2", "mailbox.list") - 1);
		sleep_ms(i % 8 == 7 ? 100 : 1);
	}
	for (int i = 0; i < 4; i++) {
		notices_note(notices, NOTICE_MAILBOXES);
		sleep_ms(150);
	}
	while (answers < 32 || !resyncs) {
		get_line(socket_fd, line, sizeof line);
		assert_true(*line);
		answers += strstr(line, "\"id\":2") != NULL;
		resyncs += strstr(line, "\"method\":\"resync\"") != NULL;
		changes += strstr(line, "\"method\":\"changed\"") != NULL;
	}
	/* One, however much was missed; and then changes are told again. */
	notices_note(notices, NOTICE_PROBLEMS);
	get_line(socket_fd, line, sizeof line);
	assert_non_null(strstr(line, "[\"problems\"]"));
	assert_int_equal(answers, 32);
	assert_int_equal(resyncs, 1);
	assert_int_equal(changes, 0);
	close(socket_fd);
}

/* An answer that no line can hold is an error, not the end of the connection. */
static void test_answer_too_long(void **state)
{
	struct fixture *fixture = *state;
	struct control_client *client = attach(fixture);
	struct call call;

	add_rows(fixture, 900);
	call = call_client(client, "mailbox.list", NULL);
	assert_false(call.is_result);
	assert_non_null(strstr(call.text, "\"kind\":\"full\""));
	free(call.text);
	call = call_client(client, "methods", NULL);
	assert_true(call.is_result);
	free(call.text);
	control_client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mailbox_by_methods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_selftest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stopped_with_calls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_notified, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_noted_before_the_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_client_notified, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_frame_too_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_leaves_with_calls_pending, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slow_reader, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_answer_too_long, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_control_socket.c -- the control socket: frames however they come, answers however long, and a reader that is
 * slow or goes away. */
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

#include "crypto/random.h"
#include "net/local_socket.h"
#include "platform/clock.h"
#include "test_control_fixture.h"
#include "test_platform_fixture.h"

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

/* Rows that make each listing large. Several threads, since what waits is committed together. */
enum { ADDERS = 8 };

struct adding {
	struct store *store;
	struct store_mailbox model;
	size_t count;
	bool ok;
};

static void add_some(void *context)
{
	struct adding *adding = context;
	struct store_mailbox row = adding->model;

	adding->ok = true;
	for (size_t i = 0; i < adding->count && adding->ok; i++) {
		row.id = random_id();
		adding->ok = store_mailbox_create(adding->store, &row, NULL);
	}
}

static void add_rows(struct fixture *fixture, size_t count, int filling, size_t length)
{
	struct adding adding = { .store = fixture->engine.service->store, .count = count / ADDERS };
	struct adding addings[ADDERS];
	struct thread *threads[ADDERS];
	struct service_mailbox model;

	service_mailbox_make(&model, "A large row");
	adding.model = model.stored;
	memset(adding.model.description, filling, length);
	for (size_t i = 0; i < ADDERS; i++) {
		addings[i] = adding;
		threads[i] = thread_start("adding", add_some, &addings[i], NULL);
		assert_non_null(threads[i]);
	}
	for (size_t i = 0; i < ADDERS; i++) {
		thread_join(&threads[i]);
		assert_true(addings[i].ok);
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

	add_rows(fixture, 32, 'd', STORE_DESCRIPTION_SIZE - 1);
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

/* A list of many mailboxes is one line. */
static void test_long_answers(void **state)
{
	enum { ROWS = 5000 };
	struct fixture *fixture = *state;
	struct control_client *client = attach(fixture);
	struct call call;
	json_t *rows;

	add_rows(fixture, ROWS, 'd', STORE_DESCRIPTION_SIZE - 1);
	call = call_client(client, "mailbox.list", NULL);
	assert_true(call.is_result);
	assert_true(strlen(call.text) > 4 * (size_t)LOCAL_FRAME_MAX);
	rows = json_loads(call.text, 0, NULL);
	assert_int_equal(json_array_size(rows), ROWS);
	json_decref(rows);
	free(call.text);
	/* What no line can hold is an error, not the end of the connection. Of these octets each takes six. */
	add_rows(fixture, ROWS, 1, STORE_DESCRIPTION_SIZE - 1);
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
		cmocka_unit_test_setup_teardown(
			test_nobody_there, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(test_frames, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_frame_too_long, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_leaves_with_calls_pending, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_slow_reader, control_set_up, control_tear_down),
		cmocka_unit_test_setup_teardown(
			test_long_answers, control_set_up, control_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

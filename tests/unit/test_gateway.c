/* test_gateway.c -- a whole gateway through the one header that front ends see: opened, attached to, called, closed,
 * and opened again on what it left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "control/json_memory.h"
#include "gateway/gateway.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "test_platform_fixture.h"

enum { PATIENCE_MS = 20000 };

struct fixture {
	void *scratch;
	char data[SCRATCH_PATH_SIZE];
	struct gateway *gateway;
	struct mutex *mutex;
	size_t changes, closed;
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
	/* Neither this user's gateway nor their sockets. */
	setenv("XDG_RUNTIME_DIR", scratch_path(&fixture->scratch, "run"), 1);
	setenv("XDG_DATA_HOME", scratch_path(&fixture->scratch, "home"), 1);
	snprintf(
		fixture->data, sizeof fixture->data, "%s", scratch_path(&fixture->scratch, "data"));
	fixture->mutex = mutex_new(NULL);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	gateway_close(&fixture->gateway);
	assert_null(fixture->gateway);
	scratch_tear_down(&fixture->scratch);
	mutex_free(&fixture->mutex);
	free(fixture);
	return 0;
}

/* Ports that the system picks; nothing of that is saved. */
static const struct gateway_override free_ports[] = {
	{ "listen.smtp", "127.0.0.1:0" },
	{ "listen.smtps", "127.0.0.1:0" },
	{ "listen.submission", "" },
	{ "listen.pop3", "127.0.0.1:0" },
	{ "listen.pop3s", "127.0.0.1:0" },
	{ "hostname", "localhost" },
	{ "workers", "4" },
};

static struct gateway *try_open(struct fixture *fixture, const struct gateway_override *overrides,
	size_t count, struct gateway_error *error)
{
	struct gateway_options options = {
		.data_folder = fixture->data, .overrides = overrides, .override_count = count
	};

	memset(error, 0, sizeof *error);
	return gateway_open(&options, error);
}

static void open_gateway(struct fixture *fixture)
{
	struct gateway_error error;

	fixture->gateway =
		try_open(fixture, free_ports, sizeof free_ports / sizeof free_ports[0], &error);
	if (!fixture->gateway)
		fail_msg("%s", error.text);
}

static json_t *call(struct gateway *gateway, const char *method, const char *params)
{
	json_error_t where;
	json_t *result;
	char *json;

	if (!gateway_call_wait(gateway, method, params, &json))
		fail_msg("%s: %s", method, json);
	result = json_loads(json, JSON_DECODE_ANY, &where);
	assert_non_null(result);
	free(json);
	return result;
}

/* The port of a listener of that service; 0: there is none. */
static uint16_t port_of_service(struct gateway *gateway, const char *service)
{
	json_t *status = call(gateway, "status", NULL), *listener;
	json_int_t port = 0;
	size_t index;

	json_array_foreach(json_object_get(status, "listeners"), index, listener)
	{
		if (strcmp(json_string_value(json_object_get(listener, "service")), service) == 0 &&
			strcmp(json_string_value(json_object_get(listener, "address")),
				"127.0.0.1") == 0)
			port = json_integer_value(json_object_get(listener, "port"));
	}
	json_decref(status);
	return (uint16_t)port;
}

static char *setting(struct gateway *gateway, const char *key)
{
	char params[128], *value;
	json_t *row;

	snprintf(params, sizeof params, "{\"key\":\"%s\"}", key);
	row = call(gateway, "settings.get", params);
	value = strdup(json_string_value(json_object_get(row, "value")));
	json_decref(row);
	return value;
}

static void check_setting(struct gateway *gateway, const char *key, const char *expected)
{
	char *value = setting(gateway, key);

	assert_string_equal(value, expected);
	free(value);
}

static void test_opened_twice(void **state)
{
	struct fixture *fixture = *state;
	struct gateway_error error;

	open_gateway(fixture);
	assert_true(gateway_is_hosted(fixture->gateway));
	assert_null(
		try_open(fixture, free_ports, sizeof free_ports / sizeof free_ports[0], &error));
	assert_int_equal(error.failure, GATEWAY_IN_USE);
	assert_non_null(strstr(error.text, "another gateway"));
	/* The one that is there has not noticed. */
	json_decref(call(fixture->gateway, "status", NULL));
	gateway_close(&fixture->gateway);
	open_gateway(fixture);
}

static void take_notification(void *context, const char *notification)
{
	struct fixture *fixture = context;

	mutex_lock(fixture->mutex);
	fixture->changes += strstr(notification, "\"changed\"") != NULL;
	fixture->closed += strstr(notification, "\"closed\"") != NULL;
	mutex_unlock(fixture->mutex);
}

static bool wait_for(struct fixture *fixture, const size_t *count)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		bool is_there;

		mutex_lock(fixture->mutex);
		is_there = *count > 0;
		mutex_unlock(fixture->mutex);
		if (is_there)
			return true;
		sleep_ms(10);
	}
	return false;
}

static void test_attached(void **state)
{
	struct fixture *fixture = *state;
	struct gateway_error error;
	struct gateway *attached;
	char *one, *other;

	open_gateway(fixture);
	attached = gateway_attach(fixture->data, &error);
	if (!attached)
		fail_msg("%s", error.text);
	assert_false(gateway_is_hosted(attached));
	assert_true(gateway_call_wait(fixture->gateway, "settings.list", NULL, &one));
	assert_true(gateway_call_wait(attached, "settings.list", NULL, &other));
	assert_string_equal(one, other);
	free(one);
	free(other);
	assert_false(gateway_call_wait(fixture->gateway, "no.such", "{}", &one));
	assert_false(gateway_call_wait(attached, "no.such", "{}", &other));
	assert_string_equal(one, other);
	free(one);
	free(other);
	assert_true(gateway_subscribe(attached, take_notification, fixture));
	json_decref(call(attached, "methods", NULL));
	json_decref(call(
		fixture->gateway, "settings.set", "{\"key\":\"limits.errors\",\"value\":\"11\"}"));
	assert_true(wait_for(fixture, &fixture->changes));
	gateway_close(&fixture->gateway);
	assert_true(wait_for(fixture, &fixture->closed));
	assert_int_equal(fixture->closed, 1);
	assert_false(gateway_call_wait(attached, "status", NULL, &one));
	assert_non_null(strstr(one, "\"kind\":\"cancelled\""));
	free(one);
	gateway_close(&attached);
	assert_null(attached);
}

static void test_nothing_to_attach_to(void **state)
{
	struct fixture *fixture = *state;
	struct gateway_error error;

	/* No folder; then a folder on which none runs. */
	assert_null(gateway_attach(fixture->data, &error));
	assert_int_equal(error.failure, GATEWAY_NOT_RUNNING);
	assert_non_null(strstr(error.text, fixture->data));
	open_gateway(fixture);
	gateway_close(&fixture->gateway);
	assert_null(gateway_attach(fixture->data, &error));
	assert_int_equal(error.failure, GATEWAY_NOT_RUNNING);
	assert_non_null(strstr(error.text, "start lettergated"));
}

static void test_settings_stay(void **state)
{
	struct fixture *fixture = *state;

	open_gateway(fixture);
	check_setting(fixture->gateway, "hostname", "localhost");
	json_decref(call(fixture->gateway, "settings.set",
		"{\"key\":\"smtp.max-message-size\",\"value\":\"100M\"}"));
	json_decref(call(fixture->gateway, "mailbox.create", "{\"name\":\"Office\"}"));
	gateway_close(&fixture->gateway);
	open_gateway(fixture);
	check_setting(fixture->gateway, "smtp.max-message-size", "100M");
	json_t *rows = call(fixture->gateway, "mailbox.list", NULL);

	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(rows, 0), "name")), "Office");
	json_decref(rows);
}

static int occupy(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int socket_fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(socket_fd, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(socket_fd, 1), 0);
	return socket_fd;
}

static bool has_problem(struct gateway *gateway, const char *id)
{
	json_t *status = call(gateway, "status", NULL), *problem;
	bool has = false;
	size_t index;

	json_array_foreach(json_object_get(status, "problems"), index, problem)
	{
		const char *found = json_string_value(json_object_get(problem, "id"));

		has = has || strcmp(found, id) == 0;
	}
	json_decref(status);
	return has;
}

/* The first start chooses ports and keeps them. One that is taken later is a problem, never another port. */
static void test_ports_are_chosen_once(void **state)
{
	struct fixture *fixture = *state;
	static const char *const services[] = { "smtp", "smtps", "submission", "pop3", "pop3s" };
	char *chosen[5], id[96], key[32];
	struct gateway_error error;
	uint16_t smtp_port;
	int taken;

	fixture->gateway = try_open(fixture, NULL, 0, &error);
	if (!fixture->gateway)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < 5; i++) {
		char expected[32];

		snprintf(key, sizeof key, "listen.%s", services[i]);
		chosen[i] = setting(fixture->gateway, key);
		snprintf(expected, sizeof expected, "127.0.0.1:%u",
			port_of_service(fixture->gateway, services[i]));
		/* What is saved is what is open, and nothing but this computer. */
		assert_memory_equal(chosen[i], expected, strlen(expected));
	}
	smtp_port = port_of_service(fixture->gateway, "smtp");
	assert_true(smtp_port > 0);
	gateway_close(&fixture->gateway);

	taken = occupy(smtp_port);
	fixture->gateway = try_open(fixture, NULL, 0, &error);
	if (!fixture->gateway)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < 5; i++) {
		snprintf(key, sizeof key, "listen.%s", services[i]);
		check_setting(fixture->gateway, key, chosen[i]);
		free(chosen[i]);
	}
	snprintf(id, sizeof id, "listen.smtp 127.0.0.1:%u", smtp_port);
	assert_true(has_problem(fixture->gateway, id));
	assert_int_equal(port_of_service(fixture->gateway, "smtp"), 0);
	gateway_close(&fixture->gateway);
	close(taken);
	fixture->gateway = try_open(fixture, NULL, 0, &error);
	assert_non_null(fixture->gateway);
	assert_false(has_problem(fixture->gateway, id));
	assert_int_equal(port_of_service(fixture->gateway, "smtp"), smtp_port);
}

/* Not one port: that is no other gateway on this folder, and says what to do. */
static void test_no_port_at_all(void **state)
{
	struct fixture *fixture = *state;
	int taken = occupy(0);
	struct gateway_error error;
	char endpoint[32];
	const struct gateway_override overrides[] = {
		{ "listen.smtp", endpoint },
		{ "listen.smtps", "" },
		{ "listen.submission", "" },
		{ "listen.pop3", "" },
		{ "listen.pop3s", "" },
	};

	snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", port_of(taken));
	assert_null(try_open(fixture, overrides, 5, &error));
	assert_int_equal(error.failure, GATEWAY_FAILED);
	assert_non_null(strstr(error.text, "listen."));
	close(taken);
	/* Nothing of the attempt is left in the way. */
	open_gateway(fixture);
}

static void test_wrong_override(void **state)
{
	struct fixture *fixture = *state;
	const struct gateway_override overrides[] = { { "listen.smtp", "127.0.0.1:0" },
		{ "no.such", "1" } };
	struct gateway_error error;

	assert_null(try_open(fixture, overrides, 2, &error));
	assert_int_equal(error.failure, GATEWAY_FAILED);
	assert_non_null(strstr(error.text, "no.such"));
}

/* A line; "" at the end of the connection. */
static void get_line(int socket_fd, char *line, size_t capacity)
{
	size_t used = 0;
	char c;

	while (recv(socket_fd, &c, 1, 0) == 1 && c != '\n') {
		if (used < capacity - 1)
			line[used++] = c;
	}
	line[used] = '\0';
}

/* What is there to be read, up to the end of the connection if it has come. True: it has. */
static bool read_rest(int socket_fd, char *text, size_t capacity)
{
	size_t used = strlen(text);
	ssize_t size = -1;

	while (used < capacity - 1 &&
		(size = recv(socket_fd, text + used, capacity - 1 - used, MSG_DONTWAIT)) > 0)
		text[used += (size_t)size] = '\0';
	return size == 0;
}

enum { BURST = 20, PLACES = 3 };

struct burst {
	int sockets[BURST];
	bool is_smtp[BURST];
	char said[BURST][600];
	bool has_ended[BURST];
};

static size_t count_ended(struct burst *burst)
{
	size_t ended = 0;

	for (size_t i = 0; i < BURST; i++) {
		if (!burst->has_ended[i])
			burst->has_ended[i] =
				read_rest(burst->sockets[i], burst->said[i], sizeof burst->said[i]);
		ended += burst->has_ended[i];
	}
	return ended;
}

/* The greeting, unless it had to go before that, and why it had to go. */
static void check_gave_way(const char *said, bool is_smtp)
{
	const char *greeting = is_smtp ? "220 " : "+OK ", *line = said;

	if (strncmp(said, greeting, 4) == 0)
		line = strchr(said, '\n') + 1;
	assert_string_equal(line, is_smtp ? "421 4.3.2 Too many connections, try again later\r\n"
					  : "-ERR [SYS/TEMP] Too many connections\r\n");
}

static void check_served(int socket_fd, const char *said, bool is_smtp)
{
	const char *command = is_smtp ? "NOOP\r\n" : "CAPA\r\n";
	char line[600];

	assert_memory_equal(said, is_smtp ? "220 " : "+OK ", 4);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	assert_int_equal(send(socket_fd, command, 6, 0), 6);
	get_line(socket_fd, line, sizeof line);
	assert_memory_equal(line, is_smtp ? "250 " : "+OK ", 4);
}

/* Nobody of a burst means it yet, so whoever is one too many takes the place of another, which is told. */
static void test_session_limit(void **state)
{
	struct fixture *fixture = *state;
	const struct gateway_override overrides[] = {
		{ "listen.smtp", "127.0.0.1:0" },
		{ "listen.smtps", "" },
		{ "listen.submission", "" },
		{ "listen.pop3", "127.0.0.1:0" },
		{ "listen.pop3s", "" },
		{ "hostname", "localhost" },
		{ "limits.sessions", "3" },
	};
	uint16_t ports[2];
	struct gateway_error error;
	struct burst burst = { 0 };

	fixture->gateway = try_open(fixture, overrides, 7, &error);
	if (!fixture->gateway)
		fail_msg("%s", error.text);
	ports[0] = port_of_service(fixture->gateway, "pop3");
	ports[1] = port_of_service(fixture->gateway, "smtp");
	for (size_t i = 0; i < BURST; i++) {
		burst.is_smtp[i] = i % 2;
		burst.sockets[i] = dial(ports[i % 2]);
	}
	for (int i = 0; i < PATIENCE_MS / 10 && count_ended(&burst) < BURST - PLACES; i++)
		sleep_ms(10);
	/* No more than had to. */
	sleep_ms(100);
	assert_int_equal(count_ended(&burst), BURST - PLACES);
	for (size_t i = 0; i < BURST; i++) {
		if (burst.has_ended[i])
			check_gave_way(burst.said[i], burst.is_smtp[i]);
		else
			check_served(burst.sockets[i], burst.said[i], burst.is_smtp[i]);
		close(burst.sockets[i]);
	}
}

static void test_closed_with_sessions(void **state)
{
	struct fixture *fixture = *state;
	int smtp[4], pop3, silent;
	char line[600];
	int64_t begun_us;

	open_gateway(fixture);
	for (size_t i = 0; i < 4; i++) {
		smtp[i] = dial(port_of_service(fixture->gateway, "smtp"));
		get_line(smtp[i], line, sizeof line);
		assert_memory_equal(line, "220 ", 4);
	}
	pop3 = dial(port_of_service(fixture->gateway, "pop3"));
	get_line(pop3, line, sizeof line);
	assert_memory_equal(line, "+OK ", 4);
	/* In the middle of a handshake that never comes. */
	silent = dial(port_of_service(fixture->gateway, "pop3s"));
	sleep_ms(50);
	begun_us = clock_monotonic_us();
	gateway_close(&fixture->gateway);
	assert_true(clock_monotonic_us() - begun_us < INT64_C(9000000));
	for (size_t i = 0; i < 4; i++) {
		get_line(smtp[i], line, sizeof line);
		assert_memory_equal(line, "421 ", 4);
		get_line(smtp[i], line, sizeof line);
		assert_string_equal(line, "");
		close(smtp[i]);
	}
	get_line(pop3, line, sizeof line);
	assert_memory_equal(line, "-ERR [SYS/TEMP]", 15);
	close(pop3);
	close(silent);
}

/* A damaged database is said to be one, and nothing of it is wiped. */
static void test_damaged_database(void **state)
{
	struct fixture *fixture = *state;
	struct gateway_error error;
	char path[SCRATCH_PATH_SIZE + 16];
	char *left;

	open_gateway(fixture);
	gateway_close(&fixture->gateway);
	snprintf(path, sizeof path, "%s/lettergate.db", fixture->data);
	write_file(path, "this was a database once; now it is a text that nobody can read as one, "
			 "long enough to have the header of a database in it, were it one.\n");
	assert_null(
		try_open(fixture, free_ports, sizeof free_ports / sizeof free_ports[0], &error));
	assert_int_equal(error.failure, GATEWAY_FAILED);
	assert_true(strlen(error.text) > 20);
	assert_non_null(strstr(error.text, "the database is damaged"));
	left = read_file(path);
	assert_non_null(left);
	assert_memory_equal(left, "this was a database once", 24);
	free(left);
}

struct waiting {
	struct mutex *mutex;
	size_t answers;
};

static void count_answer(void *context, const char *result, const char *problem)
{
	struct waiting *waiting = context;

	assert_true((result == NULL) != (problem == NULL));
	mutex_lock(waiting->mutex);
	waiting->answers++;
	mutex_unlock(waiting->mutex);
}

/* Each call is answered once, whatever ends meanwhile, and none after gateway_close(). */
static void test_closed_with_calls(void **state)
{
	struct fixture *fixture = *state;
	struct waiting waiting = { .mutex = fixture->mutex };
	struct gateway_error error;
	struct gateway *attached;

	open_gateway(fixture);
	attached = gateway_attach(fixture->data, &error);
	assert_non_null(attached);
	for (int i = 0; i < 40; i++) {
		gateway_call(fixture->gateway, "status", NULL, count_answer, &waiting);
		gateway_call(attached, "status", NULL, count_answer, &waiting);
	}
	gateway_close(&fixture->gateway);
	gateway_close(&attached);
	assert_int_equal(waiting.answers, 80);
}

static void test_table(void **state)
{
	struct gateway_method method;

	(void)state;
	assert_true(gateway_method_count() > 10);
	for (size_t i = 0; i < gateway_method_count(); i++) {
		assert_true(gateway_method_at(i, &method));
		assert_true(*method.name && *method.summary);
	}
	assert_false(gateway_method_at(gateway_method_count(), &method));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_opened_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_attached, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_to_attach_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_settings_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ports_are_chosen_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_port_at_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_override, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_session_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closed_with_sessions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closed_with_calls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_database, set_up, tear_down),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

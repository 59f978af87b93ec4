/* test_reception.c -- listeners that change while connections come in: what stays goes on, what cannot be opened
 * changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/listener.h"
#include "platform/process.h"
#include "service/reception.h"
#include "test_platform_fixture.h"
#include "test_service_fixture.h"

struct fixture {
	struct service_fixture *service;
	struct reception *reception;
	struct reception_listener listeners[RECEPTION_LISTENERS_MAX];
	size_t count;
};

static void look(struct fixture *fixture)
{
	fixture->count = reception_listeners(fixture->reception, fixture->listeners);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct service_fixture *service = fixture->service = service_fixture_new();
	struct config *config = &service->service.config;
	struct error error;

	assert_true(config_set(config, "listen.smtp", "127.0.0.1:0", &error));
	assert_true(config_set(config, "listen.pop3", "127.0.0.1:0", &error));
	fixture->reception = reception_open(&service->service, config, &error);
	if (!fixture->reception || !reception_start(fixture->reception, &service->loop, 1, &error))
		fail_msg("%s", error.text);
	look(fixture);
	assert_int_equal(fixture->count, 2);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	reception_close(&fixture->reception);
	service_fixture_free(&fixture->service);
	free(fixture);
	return 0;
}

static bool rebind(struct fixture *fixture, const char *key, const char *value, struct error *error)
{
	struct config config = fixture->service->service.config;
	bool ok;

	assert_true(config_set(&config, key, value, error));
	ok = reception_rebind(fixture->reception, key, &config, error);
	look(fixture);
	return ok;
}

static void must_rebind(struct fixture *fixture, const char *key, const char *value)
{
	struct error error;

	if (!rebind(fixture, key, value, &error))
		fail_msg("%s", error.text);
}

static void endpoint(char text[64], const char *host, uint16_t port)
{
	snprintf(text, 64, "%s:%u", host, port);
}

static uint16_t port_at(const struct fixture *fixture, enum reception_kind kind)
{
	for (size_t i = 0; i < fixture->count; i++) {
		if (fixture->listeners[i].kind == kind)
			return fixture->listeners[i].address.port;
	}
	return 0;
}

/* Whether somebody accepts there and greets. */
static bool greets(uint16_t port, const char *greeting)
{
	char text[8] = "";
	int fd = dial(port);
	bool ok = recv(fd, text, 3, MSG_WAITALL) == 3 && strcmp(text, greeting) == 0;

	close(fd);
	return ok;
}

/* The next line that the peer says begins so. */
static void expect(int fd, const char *wanted)
{
	char line[256] = "";
	size_t size = 0;

	while (size < sizeof line - 1 && recv(fd, line + size, 1, 0) == 1 && line[size++] != '\n')
		;
	if (strncmp(line, wanted, strlen(wanted)) != 0)
		fail_msg("\"%s\", not \"%s\"", line, wanted);
}

static bool is_at_end(int fd)
{
	char octet;

	return recv(fd, &octet, 1, 0) <= 0;
}

static bool is_free(uint16_t port)
{
	struct listener listener;
	bool ok = listener_open(&listener, "127.0.0.1", port, NULL);

	if (ok)
		listener_close(&listener);
	return ok;
}

static uint16_t free_port(void)
{
	struct listener listener;
	uint16_t port;

	assert_true(listener_open(&listener, "127.0.0.1", 0, NULL));
	port = listener.address.port;
	listener_close(&listener);
	return port;
}

static void test_other_port(void **state)
{
	struct fixture *fixture = *state;
	uint16_t before = port_at(fixture, RECEPTION_SMTP), pop3 = port_at(fixture, RECEPTION_POP3);
	uint16_t after = free_port();
	char value[64];

	endpoint(value, "127.0.0.1", after);
	must_rebind(fixture, "listen.smtp", value);
	assert_int_equal(fixture->count, 2);
	assert_int_equal(port_at(fixture, RECEPTION_SMTP), after);
	assert_int_equal(port_at(fixture, RECEPTION_POP3), pop3);
	assert_true(greets(after, "220"));
	assert_true(greets(pop3, "+OK"));
	assert_true(is_free(before));
	/* Off, and on again. */
	must_rebind(fixture, "listen.smtp", "");
	assert_int_equal(fixture->count, 1);
	assert_true(is_free(after));
	must_rebind(fixture, "listen.pop3", "");
	assert_int_equal(fixture->count, 0);
	must_rebind(fixture, "listen.smtp", value);
	assert_true(greets(after, "220"));
}

/* The same port at more addresses: both cannot be open at once. */
static void test_same_port(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = port_at(fixture, RECEPTION_SMTP);
	char value[64];

	endpoint(value, "0.0.0.0", port);
	must_rebind(fixture, "listen.smtp", value);
	assert_int_equal(port_at(fixture, RECEPTION_SMTP), port);
	assert_string_equal(fixture->listeners[fixture->count - 1].address.host, "0.0.0.0");
	assert_true(greets(port, "220"));
	endpoint(value, "127.0.0.1", port);
	must_rebind(fixture, "listen.smtp", value);
	assert_true(greets(port, "220"));
}

/* A connection that waits to be accepted while listeners change is still served. */
static void test_what_stays(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = port_at(fixture, RECEPTION_SMTP);
	char value[64];

	snprintf(value, sizeof value, "127.0.0.1:0 127.0.0.2:0");
	for (int i = 0; i < 20; i++) {
		int fd = dial(port);
		char text[4] = "";

		must_rebind(fixture, "listen.smtp", i % 2 ? "127.0.0.1:0" : value);
		assert_int_equal(fixture->count, i % 2 ? 2 : 3);
		assert_int_equal(fixture->listeners[0].kind == RECEPTION_SMTP
					 ? fixture->listeners[0].address.port
					 : fixture->listeners[1].address.port,
			port);
		assert_int_equal(recv(fd, text, 3, MSG_WAITALL), 3);
		assert_string_equal(text, "220");
		close(fd);
	}
}

static void test_taken(void **state)
{
	struct fixture *fixture = *state;
	uint16_t smtp = port_at(fixture, RECEPTION_SMTP), pop3 = port_at(fixture, RECEPTION_POP3);
	struct reception_listener before[2];
	struct listener holder;
	struct error error;
	char value[128];

	memcpy(before, fixture->listeners, sizeof before);
	assert_true(listener_open(&holder, "127.0.0.1", 0, &error));
	/* A good one before the bad one: neither is opened. */
	snprintf(
		value, sizeof value, "127.0.0.1:%u 127.0.0.1:%u", free_port(), holder.address.port);
	assert_false(rebind(fixture, "listen.smtp", value, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	assert_non_null(strstr(error.text, "this gateway itself"));
	assert_non_null(strstr(error.text, "lettergatectl settings set listen.smtp ADDRESS:PORT"));
	assert_int_equal(fixture->count, 2);
	assert_memory_equal(before, fixture->listeners, sizeof before);
	assert_true(greets(smtp, "220"));
	assert_true(greets(pop3, "+OK"));
	/* What gave its place to a new one has it back when another one cannot be opened. */
	snprintf(value, sizeof value, "0.0.0.0:%u 127.0.0.1:%u", smtp, holder.address.port);
	assert_false(rebind(fixture, "listen.smtp", value, &error));
	assert_memory_equal(before, fixture->listeners, sizeof before);
	assert_true(greets(smtp, "220"));
	assert_true(greets(pop3, "+OK"));
	/* Another door's port is taken, too. */
	endpoint(value, "127.0.0.1", pop3);
	assert_false(rebind(fixture, "listen.smtp", value, &error));
	assert_true(greets(pop3, "+OK"));
	listener_close(&holder);
	assert_false(reception_rebind(
		fixture->reception, "listen.none", &fixture->service->service.config, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

/* A port that was taken at the start is a problem, until it is set again. */
static void test_taken_at_start(void **state)
{
	struct fixture *fixture = *state;
	struct service *service = &fixture->service->service;
	struct listener holder;
	struct problem problem;
	struct error error;
	char value[64], id[96];

	reception_close(&fixture->reception);
	assert_true(listener_open(&holder, "127.0.0.1", 0, &error));
	endpoint(value, "127.0.0.1", holder.address.port);
	snprintf(id, sizeof id, "listen.smtp %s", value);
	assert_true(config_set(&service->config, "listen.smtp", value, &error));
	fixture->reception = reception_open(service, &service->config, &error);
	assert_non_null(fixture->reception);
	assert_true(reception_start(fixture->reception, &fixture->service->loop, 1, &error));
	assert_true(has_problem(service->problems, id, &problem));
	assert_non_null(strstr(problem.text, "is held by"));
	assert_non_null(strstr(problem.remedy, "lettergatectl settings set listen.smtp ADDRESS"));
	assert_false(rebind(fixture, "listen.smtp", value, &error));
	assert_true(has_problem(service->problems, id, NULL));
	listener_close(&holder);
	must_rebind(fixture, "listen.smtp", value);
	assert_false(has_problem(service->problems, id, NULL));
	assert_true(greets(holder.address.port, "220"));
}

/* All places are taken: the one that is silent gives way to the next, and is told. */
static void test_max_sessions(void **state)
{
	struct fixture *fixture = *state;
	uint16_t port = port_at(fixture, RECEPTION_SMTP);
	int first, second;

	reception_set_max_sessions(fixture->reception, 1);
	first = dial(port);
	expect(first, "220 ");
	second = dial(port);
	expect(second, "220 ");
	expect(first, "421 4.3.2 Too many connections");
	assert_true(is_at_end(first));
	close(first);
	/* Of POP3 likewise. */
	first = dial(port_at(fixture, RECEPTION_POP3));
	expect(first, "+OK");
	expect(second, "421 4.3.2 Too many connections");
	assert_true(is_at_end(second));
	close(second);
	second = dial(port);
	expect(second, "220 ");
	expect(first, "-ERR [SYS/TEMP] Too many connections");
	assert_true(is_at_end(first));
	close(first);
	close(second);
}

static void test_max_sessions_of_peer(void **state)
{
	struct fixture *fixture = *state;
	struct config *config = &fixture->service->service.config;
	uint16_t smtp = port_at(fixture, RECEPTION_SMTP), pop3 = port_at(fixture, RECEPTION_POP3);
	int held[2], refused;

	assert_true(config_set(config, "limits.sessions-per-address", "2", NULL));
	for (size_t i = 0; i < 2; i++) {
		held[i] = dial(i ? pop3 : smtp);
		expect(held[i], i ? "+OK" : "220 ");
	}
	refused = dial(smtp);
	expect(refused, "421 4.7.0 Too many connections from your address");
	assert_true(is_at_end(refused));
	close(refused);
	refused = dial(pop3);
	expect(refused, "-ERR [SYS/TEMP] Too many connections from your address");
	close(refused);
	/* Who was there is still served, and who goes makes room. */
	assert_int_equal(send(held[0], "QUIT\r\n", 6, 0), 6);
	expect(held[0], "221 ");
	close(held[0]);
	while (sessions_count(fixture->service->service.sessions) > 1)
		poll(NULL, 0, 5);
	assert_true(greets(smtp, "220"));
	close(held[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_other_port, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_same_port, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_taken_at_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_max_sessions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_max_sessions_of_peer, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

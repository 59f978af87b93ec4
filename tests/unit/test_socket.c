/* test_socket.c -- raw sockets: connecting, the four results, and no signal from a broken pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "platform/listener.h"
#include "socket_internal.h"
#include "test_platform_fixture.h"

struct ends {
	struct listener listener;
	socket_handle near; /* socket_connect() made it */
	int far;	    /* blocking */
};

static bool is_ready(socket_handle socket, short events)
{
	struct pollfd polled = { (int)socket, events, 0 };

	return poll(&polled, 1, 10000) == 1;
}

static void open_ends(struct ends *ends)
{
	struct error error;

	assert_true(listener_open(&ends->listener, "127.0.0.1", 0, &error));
	assert_true(socket_connect(&ends->listener.address, &ends->near, &error));
	assert_true(is_ready(ends->near, POLLOUT));
	assert_true(socket_connect_result(ends->near, &error));
	assert_true(is_ready(ends->listener.socket, POLLIN));
	ends->far = accept((int)ends->listener.socket, NULL, NULL);
	assert_int_not_equal(ends->far, -1);
}

static void close_ends(struct ends *ends)
{
	socket_close(ends->near);
	if (ends->far >= 0)
		close(ends->far);
	listener_close(&ends->listener);
}

static void test_made_ready(void **state)
{
	struct ends ends;
	socklen_t size = sizeof(int);
	int nodelay = 0;

	(void)state;
	open_ends(&ends);
	assert_true(fcntl((int)ends.near, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl((int)ends.near, F_GETFD) & FD_CLOEXEC);
	getsockopt((int)ends.near, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size);
	assert_int_equal(nodelay, 1);
	close_ends(&ends);
	socket_close(SOCKET_NONE);
}

static void test_read(void **state)
{
	struct ends ends;
	uint8_t space[16];
	size_t size = 99;
	struct error error;

	(void)state;
	open_ends(&ends);
	assert_int_equal(socket_read(ends.near, space, 4, &size, &error), SOCKET_WOULD_BLOCK);
	assert_int_equal(size, 0);
	assert_int_equal(write(ends.far, "abcdef", 6), 6);
	assert_true(is_ready(ends.near, POLLIN));
	assert_int_equal(socket_read(ends.near, space, 4, &size, &error), SOCKET_OK);
	assert_int_equal(size, 4);
	assert_memory_equal(space, "abcd", 4);
	assert_int_equal(socket_read(ends.near, space, 4, &size, &error), SOCKET_OK);
	assert_int_equal(size, 2);
	assert_memory_equal(space, "ef", 2);
	close(ends.far);
	ends.far = -1;
	assert_true(is_ready(ends.near, POLLIN));
	assert_int_equal(socket_read(ends.near, space, 4, &size, &error), SOCKET_END);
	assert_int_equal(size, 0);
	close_ends(&ends);
}

/* The peer reads an end, and what it sends still comes. */
static void test_end_writing(void **state)
{
	struct ends ends;
	uint8_t space[16];
	size_t size = 0;
	struct error error;

	(void)state;
	open_ends(&ends);
	assert_int_equal(socket_write(ends.near, bytes_of("last"), &size, &error), SOCKET_OK);
	assert_int_equal(size, 4);
	socket_end_writing(ends.near);
	assert_int_equal(recv(ends.far, space, 4, MSG_WAITALL), 4);
	assert_int_equal(read(ends.far, space, 4), 0);
	assert_int_equal(write(ends.far, "x", 1), 1);
	assert_true(is_ready(ends.near, POLLIN));
	assert_int_equal(socket_read(ends.near, space, 4, &size, &error), SOCKET_OK);
	close_ends(&ends);
}

static void test_write_fills_up(void **state)
{
	enum socket_result result = SOCKET_OK;
	static uint8_t block[65536];
	size_t size, total = 0, got = 0;
	struct error error;
	struct ends ends;

	(void)state;
	open_ends(&ends);
	for (int i = 0; i < 10000 && result == SOCKET_OK; i++) {
		result = socket_write(ends.near, bytes_make(block, sizeof block), &size, &error);
		total += size;
	}
	assert_int_equal(result, SOCKET_WOULD_BLOCK);
	assert_int_equal(size, 0);
	while (got < total) {
		ssize_t some = read(ends.far, block, sizeof block);

		assert_true(some > 0);
		got += (size_t)some;
	}
	assert_true(is_ready(ends.near, POLLOUT));
	assert_int_equal(socket_write(ends.near, bytes_of("x"), &size, &error), SOCKET_OK);
	close_ends(&ends);
}

/* A reset: nobody ignores SIGPIPE here, so a raised one would end the test. */
static void test_reset(void **state)
{
	struct linger at_once = { 1, 0 };
	struct ends ends;
	uint8_t space[4];
	size_t size = 99;
	struct error error = { .kind = ERROR_NONE };

	(void)state;
	open_ends(&ends);
	setsockopt(ends.far, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(ends.far);
	ends.far = -1;
	assert_true(is_ready(ends.near, POLLIN));
	assert_int_equal(socket_read(ends.near, space, 4, &size, &error), SOCKET_FAILED);
	assert_int_equal(error.os_code, ECONNRESET);
	assert_int_equal(socket_write(ends.near, bytes_of("x"), &size, &error), SOCKET_FAILED);
	assert_int_equal(size, 0);
	assert_int_equal(error.os_code, EPIPE);
	close_ends(&ends);
}

static void test_refused(void **state)
{
	struct listener listener;
	socket_handle socket = SOCKET_NONE;
	struct error error = { .kind = ERROR_NONE };

	(void)state;
	assert_true(listener_open(&listener, "127.0.0.1", 0, &error));
	listener_close(&listener);
	if (socket_connect(&listener.address, &socket, &error)) {
		assert_true(is_ready(socket, POLLOUT));
		assert_false(socket_connect_result(socket, &error));
		socket_close(socket);
	}
	assert_int_equal(error.os_code, ECONNREFUSED);
}

static void test_not_numeric(void **state)
{
	static const struct socket_address rows[] = {
		{ "localhost", 25 },
		{ "", 25 },
		{ "127.0.0.1 ", 25 },
		{ "1.2.3", 25 },
		{ "[::1]", 25 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error = { .kind = ERROR_NONE };
		socket_handle socket = SOCKET_NONE;

		assert_false(socket_connect(&rows[i], &socket, &error));
		assert_int_equal(error.kind, ERROR_INVALID);
		assert_int_equal(socket, SOCKET_NONE);
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *host, *described;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "2001:db8::7", "2001:db8::7" },
		{ "2001:0DB8:0:0::7", "2001:db8::7" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "::", "::" },
		{ "1111:2222:3333:4444:5555:6666:7777:8888",
			"1111:2222:3333:4444:5555:6666:7777:8888" },
	};
	union any_address address;
	struct socket_address described;
	socklen_t size;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(any_address_parse(rows[i].host, 2525, &address, &size));
		any_address_describe(&address, &described);
		assert_string_equal(described.host, rows[i].described);
		assert_int_equal(described.port, 2525);
	}
	memset(&address, 0, sizeof address);
	any_address_describe(&address, &described);
	assert_string_equal(described.host, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_ready),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_end_writing),
		cmocka_unit_test(test_write_fills_up),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_numeric),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

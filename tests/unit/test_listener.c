/* test_listener.c -- binding, and the accept thread under a crowd and without descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/listener.h"
#include "platform/thread.h"
#include "socket_internal.h"
#include "test_platform_fixture.h"

static void open_listener(struct listener *listener, const char *host, uint16_t port)
{
	struct error error;

	if (!listener_open(listener, host, port, &error))
		fail_msg("%s", error.text);
}

/* ---- binding ---- */

static void test_free_port(void **state)
{
	struct listener listeners[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		open_listener(&listeners[i], "127.0.0.1", 0);
		assert_int_not_equal(listeners[i].address.port, 0);
		assert_int_equal(listeners[i].address.port, port_of((int)listeners[i].socket));
		assert_string_equal(listeners[i].address.host, "127.0.0.1");
		assert_true(fcntl((int)listeners[i].socket, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl((int)listeners[i].socket, F_GETFD) & FD_CLOEXEC);
	}
	assert_int_not_equal(listeners[0].address.port, listeners[1].address.port);
	for (size_t i = 0; i < 2; i++) {
		listener_close(&listeners[i]);
		assert_int_equal(listeners[i].socket, SOCKET_NONE);
		listener_close(&listeners[i]);
	}
}

static void test_refused_binds(void **state)
{
	struct listener holder, listener;
	char port[16];

	(void)state;
	open_listener(&holder, "127.0.0.1", 0);
	snprintf(port, sizeof port, "port %u", holder.address.port);

	const struct {
		const char *host;
		uint16_t port;
		enum error_kind kind;
		const char *says;
	} rows[] = {
		{ "127.0.0.1", holder.address.port, ERROR_BUSY, port },
		{ "0.0.0.0", holder.address.port, ERROR_BUSY, port },
		{ "192.0.2.1", 0, ERROR_INVALID, "192.0.2.1" },
		{ "localhost", 0, ERROR_INVALID, "localhost" },
		{ "", 0, ERROR_INVALID, "numeric" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error error = { .kind = ERROR_NONE };

		assert_false(listener_open(&listener, rows[i].host, rows[i].port, &error));
		assert_int_equal(error.kind, rows[i].kind);
		assert_non_null(strstr(error.text, rows[i].says));
		assert_int_equal(listener.socket, SOCKET_NONE);
	}
	listener_close(&holder);
}

/* A stopped gateway's connections are in TIME_WAIT; it must be able to start again at once. */
static void test_bind_again(void **state)
{
	struct listener listener;
	uint16_t port;
	int near, far;

	(void)state;
	open_listener(&listener, "127.0.0.1", 0);
	port = listener.address.port;
	near = dial(port);
	far = accept((int)listener.socket, NULL, NULL);
	assert_int_not_equal(far, -1);
	listener_close(&listener);
	close(far);
	close(near);
	open_listener(&listener, "127.0.0.1", port);
	listener_close(&listener);
}

static void test_both_families(void **state)
{
	struct listener v4, v6;
	struct error error;

	(void)state;
	if (!listener_open(&v6, "::", 0, &error))
		skip();
	assert_string_equal(v6.address.host, "::");
	open_listener(&v4, "0.0.0.0", v6.address.port);
	assert_string_equal(v4.address.host, "0.0.0.0");
	listener_close(&v4);
	listener_close(&v6);
}

enum { MAY_BIND = 77 };

static int bind_low(void *context)
{
	struct listener listener;
	struct error error;

	(void)context;
	if (geteuid() == 0 && setuid(65534) != 0)
		return MAY_BIND;
	if (listener_open(&listener, "127.0.0.1", 1, &error))
		return MAY_BIND;
	return error.kind == ERROR_DENIED && strstr(error.text, "port 1 ") ? 0 : 1;
}

static void test_low_port(void **state)
{
	int status = child_run(bind_low, NULL);

	(void)state;
	if (status == MAY_BIND)
		skip();
	assert_int_equal(status, 0);
}

/* ---- accepting ---- */

enum { CROWD = 200 };

struct arrival {
	const struct listener *listener;
	socket_handle socket;
	struct socket_address peer;
};

struct arrivals {
	struct mutex *mutex;
	struct condition *changed;
	size_t count;
	struct arrival all[CROWD * 2];
};

static void note_arrival(void *context, const struct listener *listener, socket_handle socket,
	const struct socket_address *peer)
{
	struct arrivals *arrivals = context;

	mutex_lock(arrivals->mutex);
	if (arrivals->count < CROWD * 2)
		arrivals->all[arrivals->count++] = (struct arrival){ listener, socket, *peer };
	condition_signal(arrivals->changed);
	mutex_unlock(arrivals->mutex);
}

static size_t wait_for_arrivals(struct arrivals *arrivals, size_t count)
{
	size_t got;
	bool in_time = true;

	mutex_lock(arrivals->mutex);
	while (arrivals->count < count && in_time)
		in_time = condition_wait_for(arrivals->changed, arrivals->mutex, 10000000);
	got = arrivals->count;
	mutex_unlock(arrivals->mutex);
	return got;
}

static void arrivals_init(struct arrivals *arrivals)
{
	*arrivals = (struct arrivals){ .mutex = mutex_new(NULL), .changed = condition_new(NULL) };
}

static void arrivals_clear(struct arrivals *arrivals)
{
	for (size_t i = 0; i < arrivals->count; i++)
		socket_close(arrivals->all[i].socket);
	mutex_free(&arrivals->mutex);
	condition_free(&arrivals->changed);
}

static struct acceptor *start_acceptor(
	struct listener *listeners, size_t count, struct arrivals *arrivals)
{
	struct error error;
	struct acceptor *acceptor =
		acceptor_start(listeners, count, note_arrival, arrivals, &error);

	if (!acceptor)
		fail_msg("%s", error.text);
	return acceptor;
}

static size_t arrivals_from(const struct arrivals *arrivals, uint16_t port, const void *listener)
{
	size_t count = 0;

	for (size_t i = 0; i < arrivals->count; i++)
		count +=
			arrivals->all[i].peer.port == port && arrivals->all[i].listener == listener;
	return count;
}

static void test_crowd(void **state)
{
	struct listener listeners[2];
	struct arrivals arrivals;
	struct acceptor *acceptor;
	int sockets[CROWD];

	(void)state;
	arrivals_init(&arrivals);
	for (size_t i = 0; i < 2; i++)
		open_listener(&listeners[i], "127.0.0.1", 0);
	acceptor = start_acceptor(listeners, 2, &arrivals);
	for (size_t i = 0; i < CROWD; i++)
		sockets[i] = dial(listeners[i % 2].address.port);
	assert_int_equal(wait_for_arrivals(&arrivals, CROWD), CROWD);
	sleep_ms(30);
	acceptor_stop(&acceptor);
	assert_null(acceptor);
	assert_int_equal(arrivals.count, CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		assert_int_equal(
			arrivals_from(&arrivals, port_of(sockets[i]), &listeners[i % 2]), 1);
		close(sockets[i]);
	}
	for (size_t i = 0; i < CROWD; i++) {
		int fd = (int)arrivals.all[i].socket, nodelay = 0;
		socklen_t size = sizeof nodelay;

		assert_string_equal(arrivals.all[i].peer.host, "127.0.0.1");
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size);
		assert_int_equal(nodelay, 1);
	}
	for (size_t i = 0; i < 2; i++)
		listener_close(&listeners[i]);
	arrivals_clear(&arrivals);
}

/* Stopping does not wait for a connection, and the listeners stay open. */
static void test_stop_when_idle(void **state)
{
	struct listener listener;
	struct arrivals arrivals;
	struct acceptor *acceptor;
	int64_t began;
	int near, far;

	(void)state;
	arrivals_init(&arrivals);
	open_listener(&listener, "127.0.0.1", 0);
	for (int i = 0; i < 20; i++) {
		acceptor = start_acceptor(&listener, 1, &arrivals);
		began = clock_monotonic_us();
		acceptor_stop(&acceptor);
		assert_true(clock_monotonic_us() - began < 2000000);
	}
	acceptor_stop(&acceptor);
	near = dial(listener.address.port);
	far = accept((int)listener.socket, NULL, NULL);
	assert_int_not_equal(far, -1);
	close(near);
	close(far);
	acceptor = start_acceptor(NULL, 0, &arrivals);
	acceptor_stop(&acceptor);
	listener_close(&listener);
	arrivals_clear(&arrivals);
}

static void test_too_many_listeners(void **state)
{
	static struct listener many[129];
	struct error error = { .kind = ERROR_NONE };

	(void)state;
	assert_null(acceptor_start(many, 129, note_arrival, NULL, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

/* ---- without descriptors ---- */

static int64_t cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	       used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

/* 60 callers, room for fewer. */
static int starve(void *context)
{
	struct listener *listener = context;
	struct rlimit few = { 32, 32 };
	static struct arrivals arrivals;
	struct acceptor *acceptor;
	int64_t before, used;
	size_t held, later;

	arrivals_init(&arrivals);
	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		return 1;
	acceptor = acceptor_start(listener, 1, note_arrival, &arrivals, NULL);
	if (!acceptor)
		return 2;
	do {
		held = wait_for_arrivals(&arrivals, 1);
		sleep_ms(250);
	} while (wait_for_arrivals(&arrivals, 1) != held);
	if (held == 0 || held >= 32)
		return 3;
	before = cpu_us();
	sleep_ms(1000);
	used = cpu_us() - before;
	/* A spinning thread would use nearly all of it. */
	if (used > 300000)
		return 4;
	mutex_lock(arrivals.mutex);
	held = arrivals.count;
	for (size_t i = 0; i < held; i++)
		socket_close(arrivals.all[i].socket);
	mutex_unlock(arrivals.mutex);
	later = wait_for_arrivals(&arrivals, held + 5);
	if (later < held + 5)
		return 5;
	acceptor_stop(&acceptor);
	return 0;
}

static void test_no_descriptors(void **state)
{
	struct listener listener;
	int sockets[60], pid;

	(void)state;
	open_listener(&listener, "127.0.0.1", 0);
	pid = child_start(starve, &listener);
	for (size_t i = 0; i < 60; i++)
		sockets[i] = dial(listener.address.port);
	assert_int_equal(child_end(pid), 0);
	for (size_t i = 0; i < 60; i++)
		close(sockets[i]);
	listener_close(&listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_port),
		cmocka_unit_test(test_refused_binds),
		cmocka_unit_test(test_bind_again),
		cmocka_unit_test(test_both_families),
		cmocka_unit_test(test_low_port),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_stop_when_idle),
		cmocka_unit_test(test_too_many_listeners),
		cmocka_unit_test(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

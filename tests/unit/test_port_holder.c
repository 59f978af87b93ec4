/* test_port_holder.c -- who holds a port: this process, a child under another name, nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "platform/listener.h"
#include "platform/port_holder.h"
#include "platform/process.h"
#include "test_platform_fixture.h"

static void open_listener(struct listener *listener, const char *host)
{
	struct error error;

	if (!listener_open(listener, host, 0, &error))
		fail_msg("%s", error.text);
}

static void test_own(void **state)
{
	struct port_holder holder = { 0 };
	struct listener listener;
	uint16_t port;

	(void)state;
	open_listener(&listener, "127.0.0.1");
	port = listener.address.port;
	assert_true(port_holder_find("127.0.0.1", port, &holder));
	assert_true(holder.process == process_id());
	assert_string_equal(holder.name, "test_port_holde"); /* 15 letters, as the system has it */
	/* All addresses include that one; another one does not. */
	assert_true(port_holder_find("0.0.0.0", port, &holder));
	assert_false(port_holder_find("127.0.0.2", port, &holder));
	assert_false(port_holder_find("::1", port, &holder));
	assert_false(port_holder_find("nonsense", port, &holder));
	listener_close(&listener);
	assert_false(port_holder_find("127.0.0.1", port, &holder));
	open_listener(&listener, "0.0.0.0");
	assert_true(port_holder_find("127.0.0.1", listener.address.port, &holder));
	listener_close(&listener);
}

static void test_ipv6(void **state)
{
	struct port_holder holder = { 0 };
	struct listener listener;

	(void)state;
	if (!listener_open(&listener, "::1", 0, NULL))
		skip();
	assert_true(port_holder_find("::1", listener.address.port, &holder));
	assert_true(port_holder_find("::", listener.address.port, &holder));
	assert_false(port_holder_find("::2", listener.address.port, &holder));
	assert_true(holder.process == process_id());
	listener_close(&listener);
}

static int hold(void *context)
{
	struct listener listener;
	int tell = *(const int *)context;

	prctl(PR_SET_NAME, "exim\x1b[4");
	if (!listener_open(&listener, "127.0.0.1", 0, NULL))
		return 1;
	if (write(tell, &listener.address.port, sizeof listener.address.port) !=
		sizeof listener.address.port)
		return 2;
	pause();
	return 3;
}

static void test_other(void **state)
{
	struct listener listener;
	struct error error;
	char wanted[64];
	uint16_t port;
	int ends[2], child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = child_start(hold, &ends[1]);
	assert_int_equal(read(ends[0], &port, sizeof port), sizeof port);
	assert_false(listener_open(&listener, "127.0.0.1", port, &error));
	assert_int_equal(error.kind, ERROR_BUSY);
	/* What a process calls itself is no way to steer a terminal. */
	snprintf(wanted, sizeof wanted, "held by exim?[4 (process %d); stop it", child);
	if (!strstr(error.text, wanted))
		fail_msg("%s", error.text);
	kill(child, SIGKILL);
	assert_int_equal(child_end(child), 128 + SIGKILL);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_host.c -- whatever this machine is called, the answers can stand in a certificate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "platform/host.h"
#include "test_platform_fixture.h"

static void test_name(void **state)
{
	char name[HOST_NAME_SIZE], again[HOST_NAME_SIZE];

	(void)state;
	memset(name, '?', sizeof name);
	memset(again, '!', sizeof again);
	host_name(name);
	host_name(again);
	assert_string_equal(name, again);
	assert_in_range(strlen(name), 1, HOST_NAME_SIZE - 1);
	for (const char *c = name; *c; c++)
		assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-' ||
			    *c == '.');
}

struct name_row {
	const char *set, *expected;
};

enum { CANNOT_RENAME = 77 };

/* In a name space of its own, where the machine can be renamed. */
static int rename_host(void *context)
{
	const struct name_row *row = context;
	char name[HOST_NAME_SIZE];

	if (unshare(CLONE_NEWUTS) != 0 || sethostname(row->set, strlen(row->set)) != 0)
		return CANNOT_RENAME;
	host_name(name);
	return strcmp(name, row->expected) == 0 ? 0 : 1;
}

static void test_renamed(void **state)
{
	static struct name_row rows[] = {
		{ "Gateway.Example.COM", "gateway.example.com" },
		{ "bad name", "localhost" },
		{ "under_score.example", "localhost" },
		{ "caf\xc3\xa9", "localhost" },
		{ "localhost.localdomain", "localhost" },
		{ "(none)", "localhost" },
		{ "", "localhost" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int status = child_run(rename_host, &rows[i]);

		if (status == CANNOT_RENAME)
			skip();
		if (status != 0)
			fail_msg("'%s' did not become '%s'", rows[i].set, rows[i].expected);
	}
}

static void test_addresses(void **state)
{
	char addresses[HOST_ADDRESSES_MAX][HOST_ADDRESS_SIZE];
	size_t count = host_addresses(addresses);

	(void)state;
	assert_in_range(count, 0, HOST_ADDRESSES_MAX);
	for (size_t i = 0; i < count; i++) {
		struct in6_addr v6;
		struct in_addr v4;

		if (inet_pton(AF_INET, addresses[i], &v4) == 1) {
			assert_int_not_equal(ntohl(v4.s_addr) >> 24, 127);
			assert_int_not_equal(ntohl(v4.s_addr) >> 16, 0xa9fe);
		} else {
			assert_int_equal(inet_pton(AF_INET6, addresses[i], &v6), 1);
			assert_false(IN6_IS_ADDR_LOOPBACK(&v6));
			assert_false(IN6_IS_ADDR_LINKLOCAL(&v6));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_renamed),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_host_use.c -- every setting either acts in a running gateway or says that it needs a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host_internal.h"

static void test_every_setting(void **state)
{
	size_t restarts = 0;

	(void)state;
	for (size_t i = 0; i < config_option_count(); i++) {
		const struct config_option *option = config_option_at(i);

		if (host_can_use_setting(option->key) == option->needs_restart)
			fail_msg("%s %s", option->key,
				option->needs_restart ? "acts at once and says that it does not"
						      : "has no row in host_use.c");
		restarts += option->needs_restart;
	}
	/* The threads are there from the start. */
	assert_int_equal(restarts, 1);
	assert_true(config_option_find("workers")->needs_restart);
	assert_false(host_can_use_setting("limits"));
	assert_false(host_can_use_setting("hostname.more"));
	assert_false(host_can_use_setting(""));
}

static void test_automatic_reserve(void **state)
{
	const uint64_t mib = 1024 * 1024;

	(void)state;
	assert_int_equal(host_storage_reserve(0, 0), 256 * mib);
	assert_int_equal(host_storage_reserve(0, 5120 * mib), 256 * mib);
	assert_int_equal(host_storage_reserve(0, 20480 * mib), 1024 * mib);
	assert_int_equal(host_storage_reserve(0, 1048576 * mib), 2048 * mib);
	assert_int_equal(host_storage_reserve(1, 1048576 * mib), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_setting),
		cmocka_unit_test(test_automatic_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

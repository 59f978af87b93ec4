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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_networks.c -- lists of networks: what is taken, its canonical form, what lies inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/networks.h"

static void test_canonical(void **state)
{
	static const struct {
		const char *text, *canonical;
	} rows[] = {
		{ "", "" },
		{ "  ,\t", "" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1/32", "192.0.2.1" },
		{ "192.0.2.0/24,10.0.0.0/8", "192.0.2.0/24 10.0.0.0/8" },
		{ "0.0.0.0/0 ::/0", "0.0.0.0/0 ::/0" },
		{ "2001:DB8:0:0::/32", "2001:db8::/32" },
		{ "2001:db8::1/128", "2001:db8::1" },
		{ "Microsoft365 google", "microsoft365 google" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[NETWORKS_TEXT_SIZE];
		struct networks networks;

		assert_true(networks_parse(bytes_of(rows[i].text), &networks, NULL));
		networks_format(&networks, text);
		assert_string_equal(text, rows[i].canonical);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = { "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/",
		"192.0.2.0/x", "192.0.2", "2001:db8::1/32", "::/129", "microsoft", "/24",
		"192.0.2.0/24/24", "192.0.2.0 /24" };
	char many[NETWORKS_MAX * 16 + 32] = "";

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct networks networks;
		struct error error;

		if (networks_parse(bytes_of(rows[i]), &networks, &error))
			fail_msg("taken: %s", rows[i]);
		assert_int_equal(error.kind, ERROR_INVALID);
		assert_non_null(strstr(error.text, "google, microsoft365"));
	}
	for (int i = 0; i <= NETWORKS_MAX; i++)
		sprintf(many + strlen(many), "10.0.0.%d ", i);
	{
		struct networks networks;
		struct error error;

		assert_false(networks_parse(bytes_of(many), &networks, &error));
		assert_non_null(strstr(error.text, "can be 32"));
	}
}

static void test_the_longest_list_fits(void **state)
{
	char many[NETWORKS_TEXT_SIZE] = "", text[NETWORKS_TEXT_SIZE];
	struct networks networks;

	(void)state;
	for (int i = 0; i < NETWORKS_MAX; i++)
		sprintf(many + strlen(many), "%s1111:2222:3333:4444:5555:6666:7777:%x8/127",
			i ? " " : "", 0x100 + i);
	assert_true(networks_parse(bytes_of(many), &networks, NULL));
	networks_format(&networks, text);
	assert_string_equal(text, many);
}

static void test_inside(void **state)
{
	static const struct {
		const char *networks, *host;
		bool inside;
	} rows[] = {
		{ "", "192.0.2.1", false },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "203.0.113.9", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true },
		{ "microsoft365", "40.107.1.2", true },
		{ "microsoft365", "40.106.255.255", false },
		{ "microsoft365", "2a01:111:f400:7e00::1", true },
		{ "google", "209.85.128.1", true },
		{ "google", "40.107.1.2", false },
		{ "192.0.2.0/24 google", "2a00:1450:4864::1", true },
		{ "192.0.2.0/24", "not an address", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct networks networks;

		assert_true(networks_parse(bytes_of(rows[i].networks), &networks, NULL));
		if (networks_contain(&networks, bytes_of(rows[i].host)) != rows[i].inside)
			fail_msg("%s in %s", rows[i].host, rows[i].networks);
	}
}

/* Each preset must be a list by the same rules: a line that is not read would lock a provider out. */
static void test_presets(void **state)
{
	(void)state;
	assert_int_equal(network_preset_count(), 2);
	for (size_t i = 0; i < network_preset_count(); i++) {
		char line[256], path[512];
		struct networks preset;
		size_t count = 0;
		FILE *file;

		snprintf(path, sizeof path, "%s/%s.txt", NETWORKS_FOLDER, network_preset_name(i));
		assert_non_null(file = fopen(path, "r"));
		assert_true(networks_parse(bytes_of(network_preset_name(i)), &preset, NULL));
		while (fgets(line, sizeof line, file)) {
			struct networks one;

			if (line[0] == '#')
				continue;
			assert_true(networks_parse(bytes_of(line), &one, NULL));
			assert_int_equal(one.count, 1);
			*strchr(line, '/') = '\0';
			assert_true(networks_contain(&preset, bytes_of(line)));
			count++;
		}
		fclose(file);
		assert_true(count > 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_the_longest_list_fits),
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_presets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

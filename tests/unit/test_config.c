/* test_config.c -- the settings: what each type takes, how it writes it back, and what its errors
 * say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"

#define LABEL_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define NAME_253                               \
	LABEL_63 "." LABEL_63 "." LABEL_63 "." \
		 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg"

/* Every accepted text with the text that stands for it. */
static const struct {
	const char *key, *value, *canonical;
} accepted[] = {
	{ "hostname", "", "" },
	{ "hostname", "  ", "" },
	{ "hostname", "gateway", "gateway" },
	{ "hostname", "Gateway.Example.COM.", "gateway.example.com" },
	{ "hostname", "1and1.example", "1and1.example" },
	{ "hostname", "xn--mnchen-3ya.de", "xn--mnchen-3ya.de" },
	{ "hostname", NAME_253, NAME_253 },
	{ "hostname", "192.0.2.7", "192.0.2.7" },
	{ "hostname", "2001:DB8::0007", "2001:db8::7" },
	{ "listen.smtp", "", "" },
	{ "listen.smtp", " \t\r\n", "" },
	{ "listen.smtp", "127.0.0.1:2525", "127.0.0.1:2525" },
	{ "listen.smtp", "  127.0.0.1:25\t[::1]:25\n", "127.0.0.1:25 [::1]:25" },
	{ "listen.smtp", "0.0.0.0:25 [::]:25", "0.0.0.0:25 [::]:25" },
	{ "listen.smtp", "0.0.0.0:25 127.0.0.1:26", "0.0.0.0:25 127.0.0.1:26" },
	{ "listen.smtp", "0.0.0.0:0 127.0.0.1:0", "0.0.0.0:0 127.0.0.1:0" },
	{ "listen.smtp", "127.0.0.1:65535", "127.0.0.1:65535" },
	{ "listen.smtp", "[0:0:0:0:0:0:0:1]:25", "[::1]:25" },
	{ "listen.smtp", "[2001:0DB8:0:0:1:0:0:1]:25", "[2001:db8::1:0:0:1]:25" },
	{ "listen.smtp", "[2001:db8:0:1:1:1:1:1]:25", "[2001:db8:0:1:1:1:1:1]:25" },
	{ "listen.smtp", "[1::]:25", "[1::]:25" },
	{ "listen.smtp", "[1:2:3:4:5:6:7::]:25", "[1:2:3:4:5:6:7:0]:25" },
	{ "listen.smtp", "[64:ff9b::192.0.2.33]:25", "[64:ff9b::c000:221]:25" },
	{ "listen.smtp", "[1:2:3:4:5:6:255.255.255.255]:25", "[1:2:3:4:5:6:ffff:ffff]:25" },
	{ "listen.smtp", "[::ffff:127.0.0.1]:25", "127.0.0.1:25" },
	{ "smtp.max-message-size", "200M", "200M" },
	{ "smtp.max-message-size", "64k", "64K" },
	{ "smtp.max-message-size", "65536", "64K" },
	{ "smtp.max-message-size", "65537", "65537" },
	{ "smtp.max-message-size", "1024M", "1G" },
	{ "smtp.max-message-size", "1536M", "1536M" },
	{ "smtp.max-message-size", " 200 MiB ", "200M" },
	{ "smtp.max-message-size", "2GB", "2G" },
	{ "limits.sessions", "1", "1" },
	{ "limits.sessions", "007", "7" },
	{ "limits.sessions", "100000", "100000" },
	{ "timeouts.smtp", "90s", "90s" },
	{ "timeouts.smtp", "120s", "2m" },
	{ "timeouts.smtp", "1500ms", "1500ms" },
	{ "timeouts.smtp", "24h", "1d" },
	{ "timeouts.smtp", "5 M", "5m" },
	{ "timeouts.pop3", "10m", "10m" },
	{ "workers", "0", "0" },
	{ "domains", "", "" },
	{ "domains", " Example.COM\texample.net  example.com\n", "example.com example.net" },
	{ "domains", NAME_253 " " NAME_253, NAME_253 },
	{ "smtp.min-rate", "0", "0" },
	{ "smtp.min-rate", "2048", "2K" },
	{ "limits.bytes-in-flight", "1G", "1G" },
	{ "storage.reserve", "0G", "0" },
	{ "storage.reserve", "3G", "3G" },
	{ "storage.keep-collected-days", "0", "0" },
	{ "log.file", "OFF", "off" },
	{ "log.keep", "0", "0" },
	{ "alerts.command", "", "" },
	{ "alerts.command", " /bin/mail -s 'two words' a@b.example ",
		"/bin/mail -s 'two words' a@b.example" },
	{ "log.level", "debug", "debug" },
	{ "log.level", " WARNING", "warning" },
};

static void test_accepted(void **state)
{
	struct config config;
	struct error error;
	char text[CONFIG_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
		config_set_defaults(&config);
		if (!config_set(&config, accepted[i].key, accepted[i].value, &error))
			fail_msg("row %zu: %s", i, error.text);
		assert_true(config_get(&config, accepted[i].key, text, &error));
		assert_string_equal(text, accepted[i].canonical);
		assert_true(config_set(&config, accepted[i].key, text, &error));
		assert_true(config_get(&config, accepted[i].key, text, &error));
		assert_string_equal(text, accepted[i].canonical);
	}
}

/* Every refused text with words that the error must hold. */
static const struct {
	const char *key, *value, *says;
} refused[] = {
	{ "hostname", "-a.example", "give a host name such as" },
	{ "hostname", "a-.example", "give a host name" },
	{ "hostname", "a..example", "give a host name" },
	{ "hostname", ".", "give a host name" },
	{ "hostname", ".example", "give a host name" },
	{ "hostname", "a.example..", "give a host name" },
	{ "hostname", "my_host.example", "give a host name" },
	{ "hostname", "two words", "give a host name" },
	{ "hostname", "a.example\n", "give a host name" },
	{ "hostname",
		"a\x01"
		"b",
		"\"a\\x01b\"" },
	{ "hostname", "256.1.1.1", "give a host name" },
	{ "hostname", "1234", "give a host name" },
	{ "hostname", "a" LABEL_63 ".example", "give a host name" },
	{ "hostname", NAME_253 "h", "give a host name" },
	{ "hostname", "m\xc3\xbcnchen.de", "xn--" },
	{ "listen.smtp", "localhost:25", "\"localhost\" is not numeric; give a numeric address" },
	{ "listen.smtp", "gateway.example.com", "give a numeric address" },
	{ "listen.smtp", "*:25", "give a numeric address" },
	{ "listen.smtp", "127.0.0.1:25,127.0.0.2:25", "ADDRESS:PORT" },
	{ "listen.smtp", "127.0.0.1", "ADDRESS:PORT" },
	{ "listen.smtp", "127.0.0.1:", "ADDRESS:PORT" },
	{ "listen.smtp", ":25", "ADDRESS:PORT" },
	{ "listen.smtp", "25", "give a numeric address" },
	{ "listen.smtp", "127.0.0.1:65536", "a port from 0 to 65535" },
	{ "listen.smtp", "127.0.0.1:+25", "a port from 0 to 65535" },
	{ "listen.smtp", "127.0.0.1:25x", "a port from 0 to 65535" },
	{ "listen.smtp", "127.0.0.01:25", "numeric address" },
	{ "listen.smtp", "127.0.0:25", "numeric address" },
	{ "listen.smtp", "127.0.0.0.1:25", "numeric address" },
	{ "listen.smtp", "127.0.0.:25", "numeric address" },
	{ "listen.smtp", "[127.0.0.1]:25", "IPv6 address in brackets" },
	{ "listen.smtp", "::1", "in brackets and add the port" },
	{ "listen.smtp", "::1:25", "in brackets" },
	{ "listen.smtp", "[::1]", "in brackets with a port" },
	{ "listen.smtp", "[::1]25", "in brackets with a port" },
	{ "listen.smtp", "[::1:25", "in brackets" },
	{ "listen.smtp", "[:::1]:25", "in brackets" },
	{ "listen.smtp", "[1::2::3]:25", "in brackets" },
	{ "listen.smtp", "[1:2:3:4:5:6:7]:25", "in brackets" },
	{ "listen.smtp", "[1:2:3:4:5:6:7:8:9]:25", "in brackets" },
	{ "listen.smtp", "[1:2:3:4::5:6:7:8]:25", "in brackets" },
	{ "listen.smtp", "[1:2:3:4:5:6:7:1.2.3.4]:25", "in brackets" },
	{ "listen.smtp", "[1.2.3.4::1]:25", "in brackets" },
	{ "listen.smtp", "[12345::]:25", "in brackets" },
	{ "listen.smtp", "[1:]:25", "in brackets" },
	{ "listen.smtp", "[:1]:25", "in brackets" },
	{ "listen.smtp", "[g::]:25", "in brackets" },
	{ "listen.smtp", "[fe80::1%eth0]:25", "in brackets" },
	{ "listen.smtp", "[]:25", "in brackets" },
	{ "listen.smtp", "[", "in brackets" },
	{ "listen.smtp", "127.0.0.1:25 127.0.0.1:25", "given twice" },
	{ "listen.smtp", "127.0.0.1:0 127.0.0.1:0", "given twice" },
	{ "listen.smtp", "[::1]:25 [0::1]:25", "::1 port 25 is given twice" },
	{ "listen.smtp", "[::ffff:127.0.0.1]:25 127.0.0.1:25", "given twice" },
	{ "listen.smtp", "0.0.0.0:25 127.0.0.1:25", "port 25 of 127.0.0.1 is given twice" },
	{ "listen.smtp", "127.0.0.1:25 0.0.0.0:25", "port 25 of 127.0.0.1 is given twice" },
	{ "listen.smtp", "[::1]:25 [::]:25", ":: stands for all addresses" },
	{ "smtp.max-message-size", "", "give a size with K, M or G" },
	{ "smtp.max-message-size", "M", "from 64K to 2G" },
	{ "smtp.max-message-size", "65535", "from 64K to 2G" },
	{ "smtp.max-message-size", "3G", "from 64K to 2G" },
	{ "smtp.max-message-size", "18014398509481984K", "from 64K to 2G" },
	{ "smtp.max-message-size", "18446744073709551617", "from 64K to 2G" },
	{ "smtp.max-message-size", "-1", "from 64K to 2G" },
	{ "smtp.max-message-size", "1.5M", "from 64K to 2G" },
	{ "smtp.max-message-size", "200T", "K, M or G" },
	{ "limits.sessions", "0", "give a number from 1 to 100000" },
	{ "limits.sessions", "100001", "from 1 to 100000" },
	{ "limits.sessions", "1K", "from 1 to 100000" },
	{ "timeouts.smtp", "300", "ms, s, m, h or d" },
	{ "timeouts.smtp", "0s", "from 1s to 1d" },
	{ "timeouts.smtp", "2d", "from 1s to 1d" },
	{ "timeouts.smtp", "213503982335d", "from 1s to 1d" },
	{ "timeouts.pop3", "9m", "from 10m to 1d" },
	{ "workers", "257", "from 0 to 256" },
	{ "domains", "example.com,example.net", "give domains such as" },
	{ "domains", "a..b", "give domains such as" },
	{ "domains", "192.0.2.1", "give domains such as" },
	{ "storage.reserve", "2000G", "from 0 to 1024G" },
	{ "storage.keep-collected-days", "3651", "from 0 to 3650" },
	{ "log.file", "yes", "give one of on, off" },
	{ "log.keep", "101", "from 0 to 100" },
	{ "alerts.command", "mail", "give the whole path of a program" },
	{ "alerts.command", "'' /bin/mail", "give the whole path" },
	{ "alerts.command", "/bin/mail 'a", "give the second '" },
	{ "alerts.command", "/bin/mail \"a'", "give the second \"" },
	{ "alerts.command", "/b 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5",
		"give at most 31 arguments" },
	{ "log.level", "", "give one of error, warning, info, debug" },
	{ "log.level", "verbose", "error, warning, info, debug" },
	{ "log.level", "error|warning", "error, warning, info, debug" },
};

static void test_refused(void **state)
{
	struct config config, before;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		config_set_defaults(&config);
		assert_true(config_set(&config, "listen.smtp", "127.0.0.1:1", &error));
		assert_true(config_set(&config, "hostname", "kept.example", &error));
		before = config;
		if (config_set(&config, refused[i].key, refused[i].value, &error))
			fail_msg("row %zu was accepted", i);
		assert_int_equal(error.kind, ERROR_INVALID);
		if (!strstr(error.text, refused[i].says))
			fail_msg("row %zu says: %s", i, error.text);
		assert_int_equal(strncmp(error.text, refused[i].key, strlen(refused[i].key)), 0);
		assert_memory_equal(&config, &before, sizeof config);
	}
}

static void test_unknown_keys(void **state)
{
	static const struct {
		const char *key, *says;
	} rows[] = {
		{ "hostnam", "did you mean hostname?" },
		{ "host_name", "did you mean hostname?" },
		{ "listen.smpt", "did you mean listen.smtp?" },
		{ "listen.smtpss", "did you mean listen.smtps?" },
		{ "listen.pop", "did you mean listen.pop3?" },
		{ "listen.submision", "did you mean listen.submission?" },
		{ "max-message-size", "did you mean smtp.max-message-size?" },
		{ "smtp.max_message_size", "did you mean smtp.max-message-size?" },
		{ "smtp", "did you mean listen.smtp or timeouts.smtp?" },
		{ "worker", "did you mean workers?" },
		{ "WORKERS.", "the list of settings" },
		{ "", "the list of settings" },
		{ "colour\n", "there is no setting \"colour\\x0a\"; the list of settings" },
	};
	struct config config;
	struct error error;
	char text[CONFIG_TEXT_SIZE], longest[1000];

	(void)state;
	config_set_defaults(&config);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_false(config_set(&config, rows[i].key, "1", &error));
		assert_int_equal(error.kind, ERROR_NOT_FOUND);
		if (!strstr(error.text, rows[i].says))
			fail_msg("row %zu says: %s", i, error.text);
		assert_false(config_get(&config, rows[i].key, text, &error));
		assert_int_equal(error.kind, ERROR_NOT_FOUND);
		assert_null(config_option_find(rows[i].key));
	}
	memset(longest, 'w', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_false(config_set(&config, longest, "1", &error));
	assert_non_null(strstr(error.text, "the list of settings"));
}

static void test_defaults(void **state)
{
	struct config config;
	struct error error;
	char text[CONFIG_TEXT_SIZE];

	(void)state;
	memset(&config, 0xa5, sizeof config);
	config_set_defaults(&config);
	assert_string_equal(config.hostname, "");
	assert_int_equal(config.listen_smtp.count, 0);
	assert_int_equal(config.listen_smtps.count, 0);
	assert_int_equal(config.listen_submission.count, 0);
	assert_int_equal(config.listen_pop3.count, 0);
	assert_int_equal(config.listen_pop3s.count, 0);
	assert_int_equal(config.smtp_max_message_size, 200 * 1024 * 1024);
	assert_int_equal(config.limits_sessions, 1000);
	assert_int_equal(config.limits_recipients, 10);
	assert_int_equal(config.limits_errors, 20);
	assert_int_equal(config.timeouts_smtp_ms, 5 * 60 * 1000);
	assert_int_equal(config.timeouts_pop3_ms, 10 * 60 * 1000);
	assert_int_equal(config.timeouts_tls_ms, 30 * 1000);
	assert_int_equal(config.workers, 0);
	assert_string_equal(config.log_level, "info");
	assert_string_equal(config.domains, "");
	assert_int_equal(config.smtp_min_rate, 1024);
	assert_int_equal(config.limits_sessions_per_address, 50);
	assert_int_equal(config.limits_bytes_in_flight, 512 * 1024 * 1024);
	assert_int_equal(config.limits_commands, 1000);
	assert_int_equal(config.timeouts_smtp_pressure_ms, 30 * 1000);
	assert_int_equal(config.storage_reserve, 0);
	assert_int_equal(config.storage_keep_collected_days, 7);
	assert_true(config_is_on(config.log_file));
	assert_int_equal(config.log_max_size, 10 * 1024 * 1024);
	assert_int_equal(config.log_keep, 5);
	assert_false(config_is_on(config.log_mask_addresses));
	assert_string_equal(config.alerts_command, "");
	assert_int_equal(config.alerts_silent_hours, 24);
	assert_int_equal(config.alerts_uncollected_hours, 48);
	for (size_t i = 0; i < config_option_count(); i++) {
		const struct config_option *option = config_option_at(i);

		assert_ptr_equal(config_option_find(option->key), option);
		assert_true(config_get(&config, option->key, text, &error));
		assert_string_equal(text, option->default_text);
		assert_non_null(option->help);
	}
}

/* Each key has a field of its own, and endpoints arrive parsed. */
static void test_fields(void **state)
{
	static const char *const listen[] = { "listen.smtp", "listen.smtps", "listen.submission",
		"listen.pop3", "listen.pop3s" };
	const struct config_endpoints *field[5];
	struct config config;
	struct error error;
	char value[64];

	(void)state;
	config_set_defaults(&config);
	field[0] = &config.listen_smtp;
	field[1] = &config.listen_smtps;
	field[2] = &config.listen_submission;
	field[3] = &config.listen_pop3;
	field[4] = &config.listen_pop3s;
	for (unsigned i = 0; i < 5; i++) {
		snprintf(value, sizeof value, "192.0.2.1:%u [::]:%u", 100 + i, 200 + i);
		assert_true(config_set(&config, listen[i], value, &error));
	}
	assert_true(config_set(&config, "limits.recipients", "9", &error));
	assert_true(config_set(&config, "limits.errors", "12", &error));
	assert_true(config_set(&config, "timeouts.tls", "13s", &error));
	assert_true(config_set(&config, "workers", "14", &error));
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(field[i]->count, 2);
		assert_string_equal(field[i]->endpoint[0].host, "192.0.2.1");
		assert_int_equal(field[i]->endpoint[0].port, 100 + i);
		assert_string_equal(field[i]->endpoint[1].host, "::");
		assert_int_equal(field[i]->endpoint[1].port, 200 + i);
	}
	assert_int_equal(config.limits_recipients, 9);
	assert_int_equal(config.limits_errors, 12);
	assert_int_equal(config.timeouts_tls_ms, 13000);
	assert_int_equal(config.workers, 14);
}

static void test_domains(void **state)
{
	static const char list[] = "example.com mail.example.net";

	(void)state;
	assert_true(config_domains_have(list, bytes_of("example.com")));
	assert_true(config_domains_have(list, bytes_of("Mail.Example.NET")));
	assert_false(config_domains_have(list, bytes_of("example.net")));
	assert_false(config_domains_have(list, bytes_of("")));
	assert_false(config_domains_have("", bytes_of("example.com")));
	assert_false(config_domains_have("", bytes_of("")));
}

static void test_command(void **state)
{
	static const struct {
		const char *line, *arguments[5];
	} commands[] = {
		{ "", { NULL } },
		{ " \t ", { NULL } },
		{ "/a", { "/a" } },
		{ " /a  b\tc ", { "/a", "b", "c" } },
		{ "/a 'b c' \"d 'e\" ''", { "/a", "b c", "d 'e", "" } },
		{ "'/a b'/c x'y z'w", { "/a b/c", "xy zw" } },
		{ "/a $HOME `b` \\n;|&", { "/a", "$HOME", "`b`", "\\n;|&" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		struct config_command command;
		struct error error;
		size_t count = 0;

		assert_true(config_command_split(bytes_of(commands[i].line), &command, &error));
		for (; commands[i].arguments[count]; count++) {
			assert_true(count < command.count);
			assert_string_equal(command.arguments[count], commands[i].arguments[count]);
		}
		assert_int_equal(command.count, count);
		assert_null(command.arguments[count]);
	}
}

/* The longest list that there can be still fits into the text, and one more is refused. */
static void test_full_list(void **state)
{
	struct config config;
	struct error error;
	char value[2 * CONFIG_TEXT_SIZE] = "", text[CONFIG_TEXT_SIZE];
	size_t used = 0;

	(void)state;
	config_set_defaults(&config);
	for (unsigned i = 0; i < CONFIG_ENDPOINTS_MAX; i++)
		used += (size_t)snprintf(value + used, sizeof value - used,
			"%s[2001:db8:1111:2222:3333:4444:5555:66%02x]:65535", i ? " " : "", i);
	assert_true(config_set(&config, "listen.pop3", value, &error));
	assert_true(config_get(&config, "listen.pop3", text, &error));
	assert_string_equal(text, value);
	snprintf(value + used, sizeof value - used, " 127.0.0.1:1");
	assert_false(config_set(&config, "listen.pop3", value, &error));
	assert_non_null(strstr(error.text, "at most 16"));
	assert_int_equal(config.listen_pop3.count, CONFIG_ENDPOINTS_MAX);
}

/* However long the refused value is, the advice is still there. */
static void test_long_values_keep_the_advice(void **state)
{
	struct config config;
	struct error error;
	char value[5000];

	(void)state;
	config_set_defaults(&config);
	memset(value, '\x01', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	for (size_t i = 0; i < config_option_count(); i++) {
		const char *key = config_option_at(i)->key;

		assert_false(config_set(&config, key, value, &error));
		assert_non_null(strstr(error.text, "give "));
		assert_true(strlen(error.text) < sizeof error.text - 1);
		assert_false(config_set(&config, key, value, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_full_list),
		cmocka_unit_test(test_long_values_keep_the_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_ctl_output.c -- what lettergatectl makes of the tables: its help, the pages in docs/, which must be what it
 * prints, and the line for a monitoring system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "control/json_memory.h"
#include "ctl_internal.h"
#include "test_platform_fixture.h"

static int set_up(void **state)
{
	(void)state;
	json_memory_start();
	return 0;
}

/* ---- help ---- */

static char *help_of(int count, char **words, bool *ok)
{
	size_t size;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	*ok = ctl_print_help(stream, count, words);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void test_help(void **state)
{
	bool ok;
	char *help = help_of(0, NULL, &ok);

	(void)state;
	assert_true(ok);
	for (size_t i = 0; i < method_count(); i++) {
		const struct method_facts *facts = method_at(i);
		char line[256];
		const char *found;

		if (!facts->command)
			continue;
		snprintf(line, sizeof line, "\n  %s", facts->command);
		found = strstr(help, line);
		assert_non_null(found);
		assert_non_null(strstr(found, facts->summary));
		for (size_t j = 0; j < method_parameter_count(facts); j++) {
			const struct method_parameter *parameter = &facts->parameters[j];
			const char *name = strstr(found,
				parameter->choices ? parameter->choices : parameter->command_name);

			assert_true(method_parameter_is_secret(parameter) ||
				    (name && name < strstr(found, facts->summary)));
		}
	}
	free(help);
}

static void test_help_of_commands(void **state)
{
	static char mailbox[] = "mailbox", other[] = "frobnicate", mail[] = "mail";
	bool ok;

	(void)state;
	for (size_t i = 0; i < method_count(); i++) {
		const struct method_facts *facts = method_at(i);
		char text[128], *words[8], *rest, *word, *help;
		int count = 0;

		if (!facts->command)
			continue;
		snprintf(text, sizeof text, "%s", facts->command);
		for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
			words[count++] = word;
		help = help_of(count, words, &ok);
		assert_true(ok);
		assert_non_null(strstr(help, facts->command));
		assert_non_null(strstr(help, facts->summary));
		for (size_t j = 0; j < method_parameter_count(facts); j++)
			assert_non_null(strstr(help, facts->parameters[j].help));
		free(help);
		/* The first word alone shows all that begin with it. */
		help = help_of(1, words, &ok);
		assert_true(ok);
		assert_non_null(strstr(help, facts->summary));
		free(help);
	}
	free(help_of(2, (char *[]){ mailbox, other }, &ok));
	assert_false(ok);
	free(help_of(1, (char *[]){ mail }, &ok));
	assert_false(ok);
}

/* ---- pages ---- */

static void compare_page(const char *path, void (*print)(FILE *stream), const char *command)
{
	size_t size;
	char *printed = NULL, *kept = read_file(path);
	FILE *stream = open_memstream(&printed, &size);

	assert_non_null(stream);
	print(stream);
	assert_int_equal(fclose(stream), 0);
	if (!kept || strcmp(kept, printed) != 0)
		fail_msg("%s is not what the program prints; write it anew: %s >%s", path, command,
			path);
	free(kept);
	free(printed);
}

static void test_pages(void **state)
{
	(void)state;
	compare_page(
		DOCS_FOLDER "/control-api.md", ctl_markdown_api, "lettergatectl help --markdown");
	compare_page(DOCS_FOLDER "/settings.md", ctl_markdown_settings,
		"lettergatectl help --markdown settings");
}

/* They say something of every row. */
static void test_pages_are_whole(void **state)
{
	char *api = read_file(DOCS_FOLDER "/control-api.md");
	char *settings = read_file(DOCS_FOLDER "/settings.md");

	(void)state;
	assert_true(api && settings);
	for (size_t i = 0; i < method_count(); i++) {
		char heading[128];

		snprintf(heading, sizeof heading, "\n### %s\n", method_at(i)->name);
		assert_non_null(strstr(api, heading));
	}
	for (size_t i = 0; i < config_option_count(); i++) {
		char row[128];

		snprintf(row, sizeof row, "\n| `%s` |", config_option_at(i)->key);
		assert_non_null(strstr(settings, row));
	}
	free(api);
	free(settings);
}

/* ---- for a monitoring system ---- */

static void test_check(void **state)
{
	static const struct {
		const char *problems, *line; /* the beginning of it */
		int status;
	} rows[] = {
		{ "[]",
			"LETTERGATE OK - mailboxes: 2, messages waiting: 7 | problems=0 waiting=7 "
			"waiting_bytes=100B free_bytes=4096B\n",
			0 },
		{ "[{\"severity\":\"warning\",\"text\":\"a | b\\nc\"}]",
			"LETTERGATE WARNING - a   b c | problems=1", 1 },
		{ "[{\"severity\":\"warning\",\"text\":\"w\"},{\"severity\":\"critical\",\"text\":"
		  "\"c\"},{\"severity\":\"critical\",\"text\":\"d\"}]",
			"LETTERGATE CRITICAL - c (and 2 more) | problems=3", 2 },
		/* What this version does not know is no better. */
		{ "[{\"severity\":\"dire\",\"text\":\"x\"}]", "LETTERGATE CRITICAL - x", 2 },
		{ "[{\"text\":\"x\"}]", "LETTERGATE CRITICAL - x", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		json_t *status = json_loads("{\"mailboxes\":[{\"waiting\":3,\"waiting_bytes\":60},"
					    "{\"waiting\":4,\"waiting_bytes\":40}],"
					    "\"storage\":{\"free_bytes\":4096}}",
			0, NULL);
		size_t size;
		char *text = NULL;
		FILE *stream = open_memstream(&text, &size);

		json_object_set_new(status, "problems", json_loads(rows[i].problems, 0, NULL));
		assert_int_equal(ctl_check(stream, status), rows[i].status);
		assert_int_equal(ctl_check(NULL, status), rows[i].status);
		fclose(stream);
		if (strncmp(text, rows[i].line, strlen(rows[i].line)) != 0)
			fail_msg("row %zu: %s", i, text);
		/* One line. */
		assert_ptr_equal(strchr(text, '\n'), text + size - 1);
		free(text);
		json_decref(status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_of_commands),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_pages_are_whole),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

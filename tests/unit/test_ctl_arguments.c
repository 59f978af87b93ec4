/* test_ctl_arguments.c -- command lines: what becomes of every form of parameter, which are wrong, and where secrets
 * come from. The commands are the tests' own (test_method_rows.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "control/json_memory.h"
#include "ctl_internal.h"
#include "test_platform_fixture.h"

enum { WORDS_MAX = 24 };

static int set_up(void **state)
{
	json_memory_start();
	/* The refusals are looked at by their status. */
	assert_non_null(freopen("/dev/null", "w", stderr));
	return scratch_set_up(state);
}

/* Words divided by blanks; "_" is an empty one. */
static bool parse(const char *line, struct ctl_arguments *arguments, int *status, char text[1024])
{
	static char program[] = "lettergatectl", empty[] = "";
	char *words[WORDS_MAX] = { program };
	char *rest, *word;
	int count = 1;

	snprintf(text, 1024, "%s", line);
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		assert_true(count < WORDS_MAX);
		words[count++] = strcmp(word, "_") == 0 ? empty : word;
	}
	*status = -1;
	return ctl_arguments_parse(count, words, arguments, status);
}

static const struct {
	const char *line;
	const char *params; /* what is sent; NULL: refused */
	int status;
} lines[] = {
	{ "test echo x", "{\"id\":\"x\"}", 0 },
	{ "test echo x create", "{\"action\":\"create\",\"id\":\"x\"}", 0 },
	{ "test echo --name n x withdraw", "{\"action\":\"withdraw\",\"id\":\"x\",\"name\":\"n\"}",
		0 },
	{ "test echo x --name --name", "{\"id\":\"x\",\"name\":\"--name\"}", 0 },
	{ "test echo x --name _", "{\"id\":\"x\",\"name\":\"\"}", 0 },
	{ "test echo -7", "{\"id\":\"-7\"}", 0 },
	{ "test echo x --days 0", "{\"days\":0,\"id\":\"x\"}", 0 },
	{ "test echo x --days 9223372036854775807", "{\"days\":9223372036854775807,\"id\":\"x\"}",
		0 },
	{ "test echo x --days -1", NULL, EXIT_USAGE },
	{ "test echo x --days 9223372036854775808", NULL, EXIT_USAGE },
	{ "test echo x --days 1d", NULL, EXIT_USAGE },
	{ "test echo x --switch on", "{\"id\":\"x\",\"switch\":\"on\"}", 0 },
	{ "test echo x --switch yes", NULL, EXIT_USAGE },
	{ "test echo x --switch _", NULL, EXIT_USAGE },
	{ "test echo x recreate", NULL, EXIT_USAGE },
	{ "test echo x --alias a", "{\"aliases\":[\"a\"],\"id\":\"x\"}", 0 },
	{ "test echo x --alias a --alias b --alias a",
		"{\"aliases\":[\"a\",\"b\",\"a\"],\"id\":\"x\"}", 0 },
	{ "test echo x --alias _", "{\"aliases\":[],\"id\":\"x\"}", 0 },
	{ "test echo x --colour red --colour green",
		"{\"colours\":[\"red\",\"green\"],\"id\":\"x\"}", 0 },
	{ "test echo x --colour blue", NULL, EXIT_USAGE },
	{ "test echo x --flag", "{\"flag\":true,\"id\":\"x\"}", 0 },
	{ "test echo x --check", "{\"id\":\"x\"}", 0 },
	{ "test echo", NULL, EXIT_USAGE },
	{ "test echo x create y", NULL, EXIT_USAGE },
	{ "test echo x --nme n", NULL, EXIT_USAGE },
	{ "test echo x --name", NULL, EXIT_USAGE },
	{ "test echo x --name \xff", NULL, EXIT_USAGE },
	{ "test echo \xff", NULL, EXIT_USAGE },
	{ "test echo x --alias \xff", NULL, EXIT_USAGE },
	{ "test echo x --file /no/such/file", NULL, EXIT_REFUSED },
	{ "test", NULL, EXIT_USAGE },
	{ "test nothing", NULL, EXIT_USAGE },
	{ "transfer read 1", NULL, EXIT_USAGE },
	{ "", NULL, EXIT_USAGE },
	{ "--data", NULL, EXIT_USAGE },
	{ "--what test echo x", NULL, EXIT_USAGE },
	{ "test bring file", NULL, EXIT_USAGE },
	{ "test bring file --to /no/such/folder/x", NULL, EXIT_REFUSED },
	{ "test take /no/such/path", NULL, EXIT_REFUSED },
	{ "test take", NULL, EXIT_USAGE },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct ctl_arguments arguments;
		char text[1024], *params = NULL;
		int status;
		bool ok = parse(lines[i].line, &arguments, &status, text);

		if (ok)
			params = json_dumps(arguments.params, JSON_COMPACT | JSON_SORT_KEYS);
		if (ok != (lines[i].params != NULL) || (ok && strcmp(params, lines[i].params) != 0))
			fail_msg("%s: %s", lines[i].line, ok ? params : "refused");
		if (!ok && status != lines[i].status)
			fail_msg("%s: status %d", lines[i].line, status);
		json_memory_free_text(params);
		ctl_arguments_clear(&arguments);
	}
}

static void test_own(void **state)
{
	struct ctl_arguments arguments;
	char text[1024], line[1024];
	int status;

	assert_true(parse("--json --data /d test echo x --check", &arguments, &status, text));
	assert_true(arguments.json && arguments.check && !arguments.help);
	assert_string_equal(arguments.data_folder, "/d");
	assert_string_equal(arguments.method->name, "test.echo");
	ctl_arguments_clear(&arguments);
	snprintf(line, sizeof line, "test bring folder --to %s", scratch_path(state, "new"));
	assert_true(parse(line, &arguments, &status, text));
	assert_string_equal(arguments.target, scratch_path(state, "new"));
	assert_false(arguments.check);
	ctl_arguments_clear(&arguments);
	snprintf(line, sizeof line, "test take %s", scratch_path(state, ""));
	assert_true(parse(line, &arguments, &status, text));
	assert_string_equal(arguments.source, scratch_path(state, ""));
	ctl_arguments_clear(&arguments);
	/* What is there already is not overwritten, and nobody is asked for a password first. */
	write_file(scratch_path(state, "there"), "x");
	snprintf(line, sizeof line, "test bring file --to %s", scratch_path(state, "there"));
	assert_false(parse(line, &arguments, &status, text));
	assert_int_equal(status, EXIT_REFUSED);
	ctl_arguments_clear(&arguments);
}

static void test_help(void **state)
{
	static const struct {
		const char *line;
		int count;
		bool markdown;
	} rows[] = {
		{ "help", 0, false },
		{ "--help", 0, false },
		{ "help test echo", 2, false },
		{ "--json help test", 1, false },
		{ "test echo --help", 2, false },
		{ "test echo x --flag --help", 2, false },
		{ "--help test echo", 2, false },
		{ "help --markdown", 0, true },
		{ "help --markdown settings", 1, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ctl_arguments arguments;
		char text[1024];
		int status;

		assert_true(parse(rows[i].line, &arguments, &status, text));
		assert_true(arguments.help);
		assert_int_equal(arguments.markdown, rows[i].markdown);
		assert_int_equal(arguments.help_count, rows[i].count);
		if (rows[i].count == 2)
			assert_string_equal(arguments.help_words[1], "echo");
		ctl_arguments_clear(&arguments);
	}
}

static void test_files(void **state)
{
	static const struct {
		const char *content;
		size_t size;
		const char *value;
	} rows[] = {
		{ "-----BEGIN X-----\nAA==\n", 23, "\"-----BEGIN X-----\\nAA==\\n\"" },
		{ "", 0, "\"\"" },
		{ "\0\1\xff", 3, "{\"base64\":\"AAH/\"}" },
		{ "a\0b", 3, "{\"base64\":\"YQBi\"}" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		FILE *file = fopen(scratch_path(state, "file"), "w");
		struct ctl_arguments arguments;
		char text[1024], line[1024], *value;
		int status;

		fwrite(rows[i].content, 1, rows[i].size, file);
		fclose(file);
		snprintf(line, sizeof line, "test echo x --file %s", scratch_path(state, "file"));
		assert_true(parse(line, &arguments, &status, text));
		value = json_dumps(
			json_object_get(arguments.params, "file"), JSON_COMPACT | JSON_ENCODE_ANY);
		assert_string_equal(value, rows[i].value);
		json_memory_free_text(value);
		ctl_arguments_clear(&arguments);
	}
	assert_int_equal(truncate(scratch_path(state, "file"), METHOD_FILE_MAX + 1), 0);
	assert_null(ctl_read_file(scratch_path(state, "file"), &(struct error){ 0 }));
}

/* Standard input becomes what it says. */
static void give_input(const char *text)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
}

static void test_standard_input(void **state)
{
	static const struct {
		const char *line, *input, *params;
		int status;
	} rows[] = {
		{ "test secrets --yes", "one\ntwo\n\n",
			"{\"confirmed\":true,\"new\":\"two\",\"old\":\"one\"}", 0 },
		{ "test secrets --yes", "one\r\ntwo\r\nthree",
			"{\"code\":\"three\",\"confirmed\":true,\"new\":\"two\",\"old\":\"one\"}",
			0 },
		/* Blanks belong to a password. */
		{ "test secrets --yes", " one \n\ttwo\n\n",
			"{\"confirmed\":true,\"new\":\"\\ttwo\",\"old\":\" one \"}", 0 },
		{ "test secrets --yes", "one\n", NULL, EXIT_USAGE },
		{ "test secrets --yes", "", NULL, EXIT_USAGE },
		{ "test secrets --yes", "one\n\xff\n\n", NULL, EXIT_REFUSED },
		/* Not read for a command that is wrong. */
		{ "test secrets", "one\ntwo\n\n", NULL, EXIT_USAGE },
		{ "test echo x --line-stdin", "given\nmore\n", "{\"id\":\"x\",\"stdin\":\"given\"}",
			0 },
		{ "test echo x --line-stdin", "\n", "{\"id\":\"x\",\"stdin\":\"\"}", 0 },
		{ "test echo x --line-stdin", "", NULL, EXIT_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ctl_arguments arguments;
		char text[1024], *params = NULL;
		int status;
		bool ok;

		give_input(rows[i].input);
		ok = parse(rows[i].line, &arguments, &status, text);
		if (ok)
			params = json_dumps(arguments.params, JSON_COMPACT | JSON_SORT_KEYS);
		if (ok != (rows[i].params != NULL) || (ok && strcmp(params, rows[i].params) != 0))
			fail_msg("row %zu: %s", i, ok ? params : "refused");
		if (!ok)
			assert_int_equal(status, rows[i].status);
		json_memory_free_text(params);
		ctl_arguments_clear(&arguments);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_own, set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_help, set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(test_standard_input, set_up, scratch_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

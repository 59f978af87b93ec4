/* test_method_parameter.c -- every form of parameter: what it takes, what it refuses, and how a handler gets it. The
 * table is the tests' own (test_method_rows.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/json_memory.h"
#include "method_internal.h"

static int set_up(void **state)
{
	(void)state;
	json_memory_start();
	return 0;
}

static const struct {
	const char *method, *params;
	const char *why; /* a part of the refusal; NULL: taken */
} calls[] = {
	{ "test.echo", "{\"id\":\"x\"}", NULL },
	{ "test.echo", "{}", "needs the parameter \"id\"" },
	{ "test.echo", "{\"id\":7}", "\"id\"" },
	{ "test.echo", "{\"id\":\"a\\u0000b\"}", "\"id\"" },
	{ "test.echo", "{\"id\":null}", "\"id\"" },
	{ "test.echo", "{\"id\":\"x\",\"action\":\"withdraw\"}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"action\":\"with\"}",
		"\"action\" is one of create|withdraw, not \"with\"" },
	{ "test.echo", "{\"id\":\"x\",\"action\":\"create|withdraw\"}", "is one of" },
	{ "test.echo", "{\"id\":\"x\",\"action\":\"\"}", "is one of" },
	{ "test.echo", "{\"id\":\"x\",\"switch\":\"off\"}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"switch\":\"OFF\"}", "on|off" },
	{ "test.echo", "{\"id\":\"x\",\"switch\":true}", "\"switch\"" },
	{ "test.echo", "{\"id\":\"x\",\"days\":0}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"days\":9223372036854775807}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"days\":-1}", "\"days\"" },
	{ "test.echo", "{\"id\":\"x\",\"days\":1.5}", "\"days\"" },
	{ "test.echo", "{\"id\":\"x\",\"days\":\"1\"}", "\"days\"" },
	{ "test.echo", "{\"id\":\"x\",\"aliases\":[]}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"aliases\":[\"a\",\"\",\"b\"]}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"aliases\":\"a\"}", "\"aliases\"" },
	{ "test.echo", "{\"id\":\"x\",\"aliases\":[\"a\",1]}", "\"aliases\"" },
	{ "test.echo", "{\"id\":\"x\",\"aliases\":[\"a\\u0000b\"]}", "\"aliases\"" },
	{ "test.echo", "{\"id\":\"x\",\"aliases\":[[\"a\"]]}", "\"aliases\"" },
	{ "test.echo", "{\"id\":\"x\",\"aliases\":{}}", "\"aliases\"" },
	{ "test.echo", "{\"id\":\"x\",\"colours\":[\"red\",\"green\",\"red\"]}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"colours\":[\"red\",\"blue\"]}", "not \"blue\"" },
	{ "test.echo", "{\"id\":\"x\",\"flag\":false}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"flag\":1}", "\"flag\"" },
	{ "test.echo", "{\"id\":\"x\",\"file\":\"text\"}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"file\":\"a\\u0000b\"}", "\"file\"" },
	{ "test.echo", "{\"id\":\"x\",\"file\":{\"base64\":\"AAEC\"}}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"file\":{\"base64\":\"\"}}", NULL },
	{ "test.echo", "{\"id\":\"x\",\"file\":{\"base64\":\"AAE\"}}", "\"file\"" },
	{ "test.echo", "{\"id\":\"x\",\"file\":{\"base64\":\"AAEC\",\"more\":1}}", "\"file\"" },
	{ "test.echo", "{\"id\":\"x\",\"file\":{}}", "\"file\"" },
	{ "test.echo", "{\"id\":\"x\",\"file\":{\"base64\":1}}", "\"file\"" },
	{ "test.echo", "{\"id\":\"x\",\"file\":[]}", "\"file\"" },
	/* The front end's own is no part of a call. */
	{ "test.echo", "{\"id\":\"x\",\"check\":true}", "has no parameter \"check\"" },
	{ "test.bring", "{\"form\":\"file\",\"to\":\"/etc/passwd\"}", "has no parameter \"to\"" },
	{ "test.bring", "{\"form\":\"file\"}", NULL },
	{ "test.secrets", "{\"old\":\"a\",\"new\":\"b\",\"confirmed\":true}", NULL },
	{ "test.secrets", "{\"old\":\"a\",\"confirmed\":true}", "\"new\"" },
	{ "test.secrets", "{\"old\":\"a\",\"new\":\"b\",\"confirmed\":false}", "to be confirmed" },
};

static void test_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		struct error error = { .kind = ERROR_NONE };
		json_t *params = json_loads(calls[i].params, JSON_ALLOW_NUL, NULL);
		bool ok;

		assert_non_null(params);
		ok = method_check_params(method_find(calls[i].method), params, &error);
		if (ok != !calls[i].why)
			fail_msg("%s: %s", calls[i].params, ok ? "taken" : error.text);
		if (!ok && (error.kind != ERROR_INVALID || !strstr(error.text, calls[i].why) ||
				   !strstr(error.text, calls[i].method)))
			fail_msg("%s: %s", calls[i].params, error.text);
		json_decref(params);
	}
}

static void check_taken(json_t *params, bool is_taken)
{
	assert_non_null(params);
	assert_int_equal(method_check_params(method_find("test.echo"), params, NULL), is_taken);
	json_decref(params);
}

static json_t *list_of(size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string("a"));
	return json_pack("{s:s, s:o}", "id", "x", "aliases", list);
}

static json_t *file_of(size_t size, bool is_encoded)
{
	size_t length = is_encoded ? (size + 2) / 3 * 4 : size;
	char *text = malloc(length + 1);
	json_t *params;

	memset(text, 'A', length);
	text[length] = '\0';
	if (is_encoded && size % 3)
		memset(text + length - (3 - size % 3), '=', 3 - size % 3);
	params = is_encoded ? json_pack("{s:s, s:{s:s}}", "id", "x", "file", "base64", text)
			    : json_pack("{s:s, s:s}", "id", "x", "file", text);
	free(text);
	return params;
}

static void test_bounds(void **state)
{
	(void)state;
	check_taken(list_of(METHOD_LIST_MAX), true);
	check_taken(list_of(METHOD_LIST_MAX + 1), false);
	for (int encoded = 0; encoded < 2; encoded++) {
		check_taken(file_of(METHOD_FILE_MAX, encoded), true);
		check_taken(file_of(METHOD_FILE_MAX + 1, encoded), false);
	}
}

static void test_values(void **state)
{
	json_t *params = json_loads("{\"days\":7,\"aliases\":[\"a\",\"b\"],\"flag\":true,"
				    "\"text\":\"t\\u00e4\",\"bytes\":{\"base64\":\"AAH/\"}}",
		0, NULL);
	struct error error;
	struct buf content;
	uint64_t number = 0;

	(void)state;
	assert_true(method_number(params, "days", &number));
	assert_int_equal(number, 7);
	assert_false(method_number(params, "none", &number));
	assert_int_equal(json_array_size(method_list(params, "aliases")), 2);
	assert_null(method_list(params, "none"));
	assert_true(method_flag(params, "flag"));
	assert_null(method_text(params, "bytes"));
	buf_init(&content, 5);
	assert_true(method_file(params, "text", &content, &error));
	assert_true(bytes_equal_text(buf_view(&content), "t\xc3\xa4"));
	content.size = 0;
	assert_true(method_file(params, "bytes", &content, &error));
	assert_true(bytes_equal(buf_view(&content), bytes_make("\0\1\xff", 3)));
	assert_true(method_file(params, "none", &content, &error));
	assert_int_equal(content.size, 3);
	assert_false(method_file(params, "text", &content, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	buf_wipe(&content);
	json_decref(params);
}

static const struct method_parameter *parameter_of(const char *method, const char *name)
{
	const struct method_facts *facts = &method_find(method)->facts;

	for (size_t i = 0; i < method_parameter_count(facts); i++) {
		if (strcmp(facts->parameters[i].name, name) == 0)
			return &facts->parameters[i];
	}
	return NULL;
}

/* What help and the command line make of a row. */
static void test_words(void **state)
{
	static const struct {
		const char *method, *name, *word, *value, *type;
		bool is_position, is_sent;
	} rows[] = {
		{ "test.echo", "id", "ID", "", "string", true, true },
		{ "test.echo", "action", "ACTION", "create|withdraw", "string", true, true },
		{ "test.echo", "name", "--name", "N", "string", false, true },
		{ "test.echo", "switch", "--switch", "on|off", "string", false, true },
		{ "test.echo", "aliases", "--alias", "A", "strings", false, true },
		{ "test.echo", "flag", "--flag", "", "boolean", false, true },
		{ "test.echo", "file", "--file", "FILE", "file", false, true },
		{ "test.echo", "stdin", "--line-stdin", "", "string", false, true },
		{ "test.echo", "check", "--check", "", "", false, false },
		{ "test.bring", "to", "--to", "PATH", "", false, false },
		{ "test.bring", "size", "--size", "N", "integer", false, true },
		{ "test.take", "path", "PATH", "PATH", "", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct method_parameter *parameter =
			parameter_of(rows[i].method, rows[i].name);

		assert_non_null(parameter);
		assert_true(bytes_equal_text(method_parameter_word(parameter), rows[i].word));
		assert_true(
			bytes_equal_text(method_parameter_value_name(parameter), rows[i].value));
		assert_string_equal(method_parameter_type(parameter), rows[i].type);
		assert_int_equal(method_parameter_is_position(parameter), rows[i].is_position);
		assert_int_equal(method_parameter_is_sent(parameter), rows[i].is_sent);
		assert_false(method_parameter_is_secret(parameter));
	}
	assert_true(method_parameter_is_secret(parameter_of("test.secrets", "old")));
	assert_true(method_parameter_is_secret(parameter_of("test.secrets", "new")));
	assert_false(method_parameter_is_position(parameter_of("test.secrets", "new")));
}

/* `methods` tells all of it, but nothing that no call may have. */
static void test_listed(void **state)
{
	json_t *rows = method_methods(NULL, NULL, NULL);
	char *text = json_dumps(rows, JSON_COMPACT);

	(void)state;
	assert_int_equal(json_array_size(rows), method_count());
	assert_non_null(strstr(text, "{\"name\":\"switch\",\"type\":\"string\",\"required\":false,"
				     "\"choices\":\"on|off\",\"help\":\"Help.\"}"));
	assert_non_null(strstr(text, "\"name\":\"new\",\"type\":\"string\",\"required\":true"));
	assert_null(strstr(text, "\"name\":\"to\""));
	assert_null(strstr(text, "\"name\":\"check\""));
	json_memory_free_text(text);
	json_decref(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checked),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_listed),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

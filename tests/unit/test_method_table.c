/* test_method_table.c -- every row of the method table is one that a program and a person can use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ctype.h>

#include "control/json_memory.h"
#include "json_rpc_internal.h"
#include "method_internal.h"

static int set_up(void **state)
{
	(void)state;
	json_memory_start();
	return 0;
}

static void test_rows(void **state)
{
	(void)state;
	assert_true(method_count() > 0);
	for (size_t i = 0; i < method_count(); i++) {
		const struct method_facts *facts = method_at(i);

		assert_true(strlen(facts->name) > 0 && strlen(facts->name) < JSON_RPC_METHOD_SIZE);
		for (const char *c = facts->name; *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '.' || *c == '-');
		assert_int_equal(facts->summary[strlen(facts->summary) - 1], '.');
		assert_true(facts->result && *facts->result);
		assert_non_null(method_find(facts->name));
		assert_non_null(method_find(facts->name)->run);
		assert_ptr_equal(&method_find(facts->name)->facts, facts);
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(facts->name, method_at(j)->name);
			if (facts->command && method_at(j)->command)
				assert_string_not_equal(facts->command, method_at(j)->command);
		}
	}
	assert_null(method_find("no.such"));
	assert_null(method_find(""));
}

/* No command begins with the words of another one: which is meant would depend on the order of the rows. */
static void test_commands_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < method_count(); i++) {
		for (size_t j = 0; j < method_count(); j++) {
			const char *one = method_at(i)->command, *other = method_at(j)->command;
			size_t length = one ? strlen(one) : 0;

			if (i == j || !one || !other)
				continue;
			assert_false(strncmp(one, other, length) == 0 && other[length] == ' ');
		}
	}
}

/* "ID", "--name" or "--name N"; "Old password". */
static void check_words(const struct method_parameter *parameter)
{
	struct bytes word = method_parameter_word(parameter);
	bool is_option = word.size > 2 && memcmp(word.data, "--", 2) == 0;

	if (method_parameter_is_secret(parameter)) {
		assert_true(isupper((unsigned char)*parameter->command_name));
		return;
	}
	assert_int_equal(is_option, !method_parameter_is_position(parameter));
	for (size_t i = is_option ? 2 : 0; i < word.size; i++)
		assert_true(is_option ? islower(word.data[i]) || word.data[i] == '-'
				      : isupper(word.data[i]));
}

static void check_parameter(const struct method_parameter *parameter)
{
	assert_true(*parameter->name && *parameter->command_name);
	assert_int_equal(parameter->help[strlen(parameter->help) - 1], '.');
	check_words(parameter);
	if (parameter->form == PARAMETER_POSITION)
		assert_true(method_parameter_is_position(parameter));
	if (parameter->form == PARAMETER_CONSENT)
		assert_true(parameter->is_required);
	/* What is a list of one is a mistake; and only a text can be compared. */
	if (parameter->choices) {
		assert_non_null(strchr(parameter->choices, '|'));
		assert_true(parameter->form == PARAMETER_POSITION ||
			    parameter->form == PARAMETER_OPTION ||
			    parameter->form == PARAMETER_LIST);
	}
}

static void test_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < method_count(); i++) {
		const struct method_facts *facts = method_at(i);
		bool was_optional_position = false;

		for (size_t j = 0; j < method_parameter_count(facts); j++) {
			const struct method_parameter *parameter = &facts->parameters[j];

			check_parameter(parameter);
			for (size_t k = 0; k < j; k++) {
				assert_string_not_equal(parameter->name, facts->parameters[k].name);
				assert_string_not_equal(
					parameter->command_name, facts->parameters[k].command_name);
			}
			if (!method_parameter_is_position(parameter))
				continue;
			/* A required position behind an optional one could not be reached. */
			assert_false(was_optional_position && parameter->is_required);
			was_optional_position = !parameter->is_required;
		}
	}
}

static json_t *fitting_value(const struct method_parameter *parameter)
{
	struct bytes choice = { NULL, 0 }, rest = bytes_of(parameter->choices);
	json_t *text;

	bytes_split(&rest, '|', &choice);
	text = choice.size ? json_stringn((const char *)choice.data, choice.size)
			   : json_string("text");
	if (strcmp(method_parameter_type(parameter), "string") == 0 ||
		strcmp(method_parameter_type(parameter), "file") == 0)
		return text;
	if (strcmp(method_parameter_type(parameter), "strings") == 0)
		return json_pack("[o]", text);
	json_decref(text);
	if (strcmp(method_parameter_type(parameter), "boolean") == 0)
		return json_true();
	return json_integer(1);
}

static json_t *wrong_value(const struct method_parameter *parameter)
{
	if (strcmp(method_parameter_type(parameter), "integer") == 0)
		return json_string("1");
	return json_real(1.5);
}

static json_t *all_params(const struct method_facts *facts)
{
	json_t *params = json_object();

	for (size_t j = 0; j < method_parameter_count(facts); j++) {
		if (method_parameter_is_sent(&facts->parameters[j]))
			json_object_set_new(params, facts->parameters[j].name,
				fitting_value(&facts->parameters[j]));
	}
	return params;
}

static void check_refused(const struct method *method, json_t *params, const char *word)
{
	struct error error = { .kind = ERROR_NONE };

	assert_false(method_check_params(method, params, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_non_null(strstr(error.text, method->facts.name));
	assert_non_null(strstr(error.text, word));
	json_decref(params);
}

static void test_params_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < method_count(); i++) {
		const struct method *method = method_find(method_at(i)->name);
		json_t *params = all_params(&method->facts);
		struct error error;

		assert_true(method_check_params(method, params, &error));
		json_object_set_new(params, "unheard-of", json_true());
		check_refused(method, params, "unheard-of");
		for (size_t j = 0; j < method_parameter_count(&method->facts); j++) {
			const struct method_parameter *parameter = &method->facts.parameters[j];

			if (!method_parameter_is_sent(parameter))
				continue;
			params = all_params(&method->facts);
			json_object_set_new(params, parameter->name, wrong_value(parameter));
			check_refused(method, params, parameter->name);
			params = all_params(&method->facts);
			json_object_set_new(params, parameter->name, json_null());
			check_refused(method, params, parameter->name);
			params = all_params(&method->facts);
			json_object_set_new(params, parameter->name, json_stringn("a\0b", 3));
			check_refused(method, params, parameter->name);
			params = all_params(&method->facts);
			json_object_del(params, parameter->name);
			if (parameter->is_required) {
				check_refused(method, params, parameter->name);
			} else {
				assert_true(method_check_params(method, params, &error));
				json_decref(params);
			}
		}
	}
}

/* A consent that is refused is none. */
static void test_consent(void **state)
{
	const struct method *method = method_find("mailbox.delete");

	(void)state;
	check_refused(method, json_pack("{s:s, s:b}", "id", "x", "confirmed", 0), "confirmed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_commands_are_told_apart),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_params_are_checked),
		cmocka_unit_test(test_consent),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

/* method_parameter.c -- what the rows of the method table say of their parameters, and the one check that every
 * call passes before its handler runs, whoever called. */
#include <string.h>

#include "base/base64.h"
#include "method_internal.h"

/* ---- the forms ---- */

/* A text with a NUL inside would be cut silently. */
static bool is_text(const json_t *value)
{
	return json_is_string(value) &&
	       strlen(json_string_value(value)) == json_string_length(value);
}

static bool is_number(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool is_list(const json_t *value)
{
	size_t count = json_array_size(value);
	bool ok = json_is_array(value) && count <= METHOD_LIST_MAX;

	for (size_t i = 0; ok && i < count; i++)
		ok = is_text(json_array_get(value, i));
	return ok;
}

static bool is_flag(const json_t *value)
{
	return json_is_boolean(value);
}

static struct bytes view_of(const json_t *string)
{
	return bytes_make(json_string_value(string), json_string_length(string));
}

static bool is_file(const json_t *value)
{
	const json_t *encoded = json_object_get(value, "base64");
	size_t size;

	if (json_is_string(value))
		return is_text(value) && json_string_length(value) <= METHOD_FILE_MAX;
	return json_object_size(value) == 1 && json_is_string(encoded) &&
	       base64_decoded_size(view_of(encoded), &size) && size <= METHOD_FILE_MAX;
}

static const struct {
	const char *type;
	bool (*is_right)(const json_t *value); /* NULL: the front end's own, no part of a call */
	const char *value_name;		       /* unless the row says another; NULL: it has none */
} forms[] = {
	[PARAMETER_POSITION] = { "string", is_text, NULL },
	[PARAMETER_OPTION] = { "string", is_text, "TEXT" },
	[PARAMETER_NUMBER] = { "integer", is_number, "N" },
	[PARAMETER_LIST] = { "strings", is_list, "TEXT" },
	[PARAMETER_FLAG] = { "boolean", is_flag, NULL },
	[PARAMETER_CONSENT] = { "boolean", is_flag, NULL },
	[PARAMETER_STDIN] = { "string", is_text, NULL },
	[PARAMETER_SECRET] = { "string", is_text, NULL },
	[PARAMETER_NEW_SECRET] = { "string", is_text, NULL },
	[PARAMETER_FILE] = { "file", is_file, "FILE" },
	[PARAMETER_LOCAL_FLAG] = { "", NULL, NULL },
	[PARAMETER_TARGET] = { "", NULL, "PATH" },
	[PARAMETER_SOURCE] = { "", NULL, "PATH" },
};

size_t method_parameter_count(const struct method_facts *facts)
{
	size_t count = 0;

	while (count < METHOD_PARAMETERS_MAX && facts->parameters[count].name)
		count++;
	return count;
}

bool method_parameter_is_sent(const struct method_parameter *parameter)
{
	return forms[parameter->form].is_right != NULL;
}

bool method_parameter_is_secret(const struct method_parameter *parameter)
{
	return parameter->form == PARAMETER_SECRET || parameter->form == PARAMETER_NEW_SECRET;
}

bool method_parameter_is_position(const struct method_parameter *parameter)
{
	return !method_parameter_is_secret(parameter) &&
	       strncmp(parameter->command_name, "--", 2) != 0;
}

struct bytes method_parameter_word(const struct method_parameter *parameter)
{
	struct bytes name = bytes_of(parameter->command_name);

	return bytes_head(name, bytes_find(name, ' '));
}

struct bytes method_parameter_value_name(const struct method_parameter *parameter)
{
	struct bytes word = method_parameter_word(parameter);
	struct bytes given = bytes_skip(bytes_of(parameter->command_name), word.size + 1);
	const char *usual = forms[parameter->form].value_name;

	if (method_parameter_is_secret(parameter) || (!usual && !parameter->choices))
		return bytes_of("");
	if (parameter->choices)
		return bytes_of(parameter->choices);
	return given.size ? given : bytes_of(usual);
}

const char *method_parameter_type(const struct method_parameter *parameter)
{
	return forms[parameter->form].type;
}

bool method_parameter_allows(const struct method_parameter *parameter, struct bytes value)
{
	struct bytes rest = bytes_of(parameter->choices), choice;

	while (bytes_split(&rest, '|', &choice)) {
		if (bytes_equal(choice, value))
			return true;
	}
	return !parameter->choices;
}

/* ---- the check ---- */

static const struct method_parameter *find_parameter(const struct method *method, const char *name)
{
	size_t count = method_parameter_count(&method->facts);

	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &method->facts.parameters[i];

		if (method_parameter_is_sent(parameter) && strcmp(parameter->name, name) == 0)
			return parameter;
	}
	return NULL;
}

static bool check_choice(
	const struct method_parameter *parameter, const json_t *value, struct error *error)
{
	const json_t *wrong = NULL;

	if (json_is_string(value) && !method_parameter_allows(parameter, view_of(value)))
		wrong = value;
	for (size_t i = 0; !wrong && i < json_array_size(value); i++) {
		if (!method_parameter_allows(parameter, view_of(json_array_get(value, i))))
			wrong = json_array_get(value, i);
	}
	return !wrong || error_set(error, ERROR_INVALID, "\"%s\" is one of %s, not \"%.60s\"",
				 parameter->name, parameter->choices, json_string_value(wrong));
}

static bool check_given(
	const struct method *method, const char *name, const json_t *value, struct error *error)
{
	const struct method_parameter *parameter = find_parameter(method, name);

	if (!parameter)
		return error_set(error, ERROR_INVALID, "%s has no parameter \"%.60s\"",
			method->facts.name, name);
	if (!forms[parameter->form].is_right(value))
		return error_set(error, ERROR_INVALID,
			"the parameter \"%s\" of %s has the wrong type, or is too long", name,
			method->facts.name);
	if (check_choice(parameter, value, error))
		return true;
	error_prefix(error, "%s", method->facts.name);
	return false;
}

static bool check_needed(const struct method *method, const json_t *params, struct error *error)
{
	size_t count = method_parameter_count(&method->facts);

	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &method->facts.parameters[i];
		const json_t *value = json_object_get(params, parameter->name);

		if (!method_parameter_is_sent(parameter))
			continue;
		if (parameter->is_required && !value)
			return error_set(error, ERROR_INVALID, "%s needs the parameter \"%s\"",
				method->facts.name, parameter->name);
		if (parameter->form == PARAMETER_CONSENT && !json_is_true(value))
			return error_set(error, ERROR_INVALID, "%s needs to be confirmed",
				method->facts.name);
	}
	return true;
}

bool method_check_params(const struct method *method, json_t *params, struct error *error)
{
	const char *name;
	json_t *value;

	json_object_foreach(params, name, value)
	{
		if (!check_given(method, name, value, error))
			return false;
	}
	return check_needed(method, params, error);
}

/* ---- the values ---- */

const char *method_text(json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

bool method_flag(json_t *params, const char *name)
{
	return json_is_true(json_object_get(params, name));
}

json_t *method_list(json_t *params, const char *name)
{
	return json_object_get(params, name);
}

bool method_number(json_t *params, const char *name, uint64_t *number)
{
	json_t *value = json_object_get(params, name);

	if (!value)
		return false;
	*number = (uint64_t)json_integer_value(value);
	return true;
}

bool method_file(json_t *params, const char *name, struct buf *content, struct error *error)
{
	json_t *value = json_object_get(params, name);

	if (json_is_object(value))
		return base64_decode(view_of(json_object_get(value, "base64")), content, error);
	return !value || buf_append(content, view_of(value)) ||
	       error_set(error, ERROR_INVALID, "the file \"%s\" is too large", name);
}

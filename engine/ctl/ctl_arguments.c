/* ctl_arguments.c -- the command line, read by the method table: which words are a command, and which option
 * becomes which parameter. Secrets come from the terminal or standard input, never from an argument. */
#include <string.h>

#include "ctl_internal.h"

static bool usage_error(int *status, const char *about, const char *what)
{
	fprintf(stderr, "lettergatectl: %s%s%s\n`lettergatectl help` lists the commands.\n", about,
		*what ? ": " : "", what);
	*status = EXIT_USAGE;
	return false;
}

/* What the command line says is right, but it cannot be done. */
static bool refusal(int *status, const struct error *error)
{
	fprintf(stderr, "lettergatectl: %s\n", error->text);
	*status = EXIT_REFUSED;
	return false;
}

/* How many of the words are the command's, or 0. */
static int match_command(const char *command, int count, char **values)
{
	struct bytes rest = bytes_of(command), word;
	int used = 0;

	while (bytes_split(&rest, ' ', &word)) {
		if (used == count || !bytes_equal_text(word, values[used]))
			return 0;
		used++;
	}
	return used;
}

static const struct method_facts *find_command(int count, char **values, int *used)
{
	for (size_t i = 0; i < method_count(); i++) {
		const struct method_facts *facts = method_at(i);

		if (facts->command && (*used = match_command(facts->command, count, values)))
			return facts;
	}
	return NULL;
}

static bool is_given(
	const struct ctl_arguments *arguments, const struct method_parameter *parameter)
{
	switch (parameter->form) {
	case PARAMETER_TARGET:
		return arguments->target != NULL;
	case PARAMETER_SOURCE:
		return arguments->source != NULL;
	case PARAMETER_LOCAL_FLAG:
		return arguments->check;
	default:
		return json_object_get(arguments->params, parameter->name) != NULL;
	}
}

/* A word that is an option's name is that option; else it is the next position, unless it looks like a
 * mistyped option. A value may begin with one hyphen: it can be a negative number. */
static const struct method_parameter *find_parameter(
	const struct ctl_arguments *arguments, const char *word)
{
	const struct method_parameter *position = NULL;
	size_t count = method_parameter_count(arguments->method);

	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &arguments->method->parameters[i];

		if (method_parameter_is_secret(parameter))
			continue;
		if (method_parameter_is_position(parameter)) {
			if (!position && !is_given(arguments, parameter))
				position = parameter;
		} else if (bytes_equal_text(method_parameter_word(parameter), word)) {
			return parameter;
		}
	}
	return strncmp(word, "--", 2) == 0 ? NULL : position;
}

static json_t *number_value(const char *text)
{
	uint64_t number;

	return bytes_parse_number(bytes_of(text), INT64_MAX, &number)
		       ? json_integer((json_int_t)number)
		       : NULL;
}

/* The list so far and the text; an empty text alone is an empty list. */
static json_t *list_value(json_t *list, const char *text)
{
	list = list ? json_incref(list) : json_array();
	if (*text && json_array_append_new(list, json_string(text)) != 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

/* Takes `value`. */
static bool set_value(struct ctl_arguments *arguments, const struct method_parameter *parameter,
	json_t *value, const char *wanted, int *status)
{
	if (!value)
		return usage_error(status, wanted, parameter->command_name);
	json_object_set_new(arguments->params, parameter->name, value);
	return true;
}

static bool set_read_value(struct ctl_arguments *arguments,
	const struct method_parameter *parameter, json_t *value, const struct error *error,
	int *status)
{
	/* Standard input has ended: what can do without the secret does. */
	if (!value && error->kind == ERROR_NOT_FOUND && parameter->form == PARAMETER_SECRET &&
		!parameter->is_required)
		return true;
	if (!value && error->kind == ERROR_NOT_FOUND && parameter->form != PARAMETER_FILE)
		return usage_error(status, error->text, "");
	if (!value)
		return refusal(status, error);
	return set_value(arguments, parameter, value, "", status);
}

static bool take_value(struct ctl_arguments *arguments, const struct method_parameter *parameter,
	const char *text, int *status)
{
	json_t *params = arguments->params;
	struct error error = { .kind = ERROR_NONE };
	json_t *value;

	switch (parameter->form) {
	case PARAMETER_POSITION:
	case PARAMETER_OPTION:
		return set_value(arguments, parameter, json_string(text), "not UTF-8 text", status);
	case PARAMETER_NUMBER:
		return set_value(arguments, parameter, number_value(text), "not a number", status);
	case PARAMETER_LIST:
		return set_value(arguments, parameter,
			list_value(json_object_get(params, parameter->name), text),
			"not UTF-8 text", status);
	case PARAMETER_FLAG:
	case PARAMETER_CONSENT:
		return set_value(arguments, parameter, json_true(), "", status);
	case PARAMETER_FILE:
		value = ctl_read_file(text, &error);
		return set_read_value(arguments, parameter, value, &error, status);
	case PARAMETER_STDIN:
	case PARAMETER_SECRET:
	case PARAMETER_NEW_SECRET:
		value = ctl_read_secret(text, parameter->form == PARAMETER_NEW_SECRET, &error);
		return set_read_value(arguments, parameter, value, &error, status);
	case PARAMETER_LOCAL_FLAG:
		arguments->check = true;
		return true;
	case PARAMETER_TARGET:
		arguments->target = text;
		return true;
	case PARAMETER_SOURCE:
		arguments->source = text;
		return true;
	}
	return false;
}

static bool has_value(const struct method_parameter *parameter)
{
	return method_parameter_value_name(parameter).size > 0;
}

static bool take_word(
	struct ctl_arguments *arguments, int count, char **values, int *at, int *status)
{
	const char *word = values[*at], *text = word;
	const struct method_parameter *parameter = find_parameter(arguments, word);
	char allowed[256];

	if (!parameter)
		return usage_error(status, "unexpected", word);
	if (!method_parameter_is_position(parameter) && has_value(parameter)) {
		if (*at + 1 == count)
			return usage_error(status, "a value is missing behind", word);
		text = values[++*at];
	} else if (parameter->form == PARAMETER_STDIN) {
		text = parameter->name;
	}
	if (has_value(parameter) && !method_parameter_allows(parameter, bytes_of(text))) {
		snprintf(allowed, sizeof allowed, "%.*s is one of %.200s, not",
			BYTES_ARGS(method_parameter_word(parameter)), parameter->choices);
		return usage_error(status, allowed, text);
	}
	return take_value(arguments, parameter, text, status);
}

static bool check_complete(const struct ctl_arguments *arguments, int *status)
{
	size_t count = method_parameter_count(arguments->method);

	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &arguments->method->parameters[i];

		if (parameter->is_required && !method_parameter_is_secret(parameter) &&
			!is_given(arguments, parameter))
			return usage_error(status, "this command needs", parameter->command_name);
	}
	return true;
}

/* Last, so that nobody types a password for a command that cannot be run. An empty line is none where none is
 * needed. */
static bool ask_secrets(struct ctl_arguments *arguments, int *status)
{
	size_t count = method_parameter_count(arguments->method);

	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &arguments->method->parameters[i];
		json_t *value;

		if (!method_parameter_is_secret(parameter) ||
			(parameter->unless &&
				json_object_get(arguments->params, parameter->unless)))
			continue;
		if (!take_value(arguments, parameter, parameter->command_name, status))
			return false;
		value = json_object_get(arguments->params, parameter->name);
		if (!parameter->is_required && json_string_length(value) == 0)
			json_object_del(arguments->params, parameter->name);
	}
	return true;
}

static bool take_help(struct ctl_arguments *arguments, int count, char **values)
{
	arguments->help = true;
	for (; count && strcmp(values[0], "--markdown") == 0; count--, values++)
		arguments->markdown = true;
	arguments->help_count = count;
	arguments->help_words = values;
	return true;
}

static bool take_command(struct ctl_arguments *arguments, int count, char **values, int *status)
{
	struct error error;
	int at = 0;

	arguments->method = find_command(count, values, &at);
	if (!arguments->method)
		return usage_error(status, "there is no such command", values[0]);
	arguments->params = json_object();
	for (int used = at; at < count; at++) {
		if (strcmp(values[at], "--help") == 0)
			return take_help(arguments, used, values);
		if (!take_word(arguments, count, values, &at, status))
			return false;
	}
	if (!check_complete(arguments, status))
		return false;
	if (!ctl_transfer_check(arguments, &error))
		return refusal(status, &error);
	return ask_secrets(arguments, status);
}

bool ctl_arguments_parse(int count, char **values, struct ctl_arguments *arguments, int *status)
{
	int at = 1;

	memset(arguments, 0, sizeof *arguments);
	for (; at < count && values[at][0] == '-'; at++) {
		if (strcmp(values[at], "--json") == 0)
			arguments->json = true;
		else if (strcmp(values[at], "--help") == 0)
			arguments->help = true;
		else if (strcmp(values[at], "--data") == 0 && at + 1 < count)
			arguments->data_folder = values[++at];
		else
			return usage_error(status, "unexpected", values[at]);
	}
	if (at < count && strcmp(values[at], "help") == 0)
		return take_help(arguments, count - at - 1, values + at + 1);
	if (arguments->help)
		return take_help(arguments, count - at, values + at);
	if (at == count)
		return usage_error(status, "a command is missing", "");
	return take_command(arguments, count - at, values + at, status);
}

void ctl_arguments_clear(struct ctl_arguments *arguments)
{
	json_decref(arguments->params);
	arguments->params = NULL;
}

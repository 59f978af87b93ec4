/* ctl_arguments.c -- the command line, read by the method table: which words are a command, and which option
 * becomes which parameter. Secrets come from standard input, never from an argument. */
#include <string.h>

#include "base/buf.h"
#include "ctl_internal.h"

enum { LINE_MAX_BYTES = 1024 };

/* --check changes the exit status alone, so the method knows nothing of it. */
static bool takes_check(const struct method_facts *facts)
{
	return strcmp(facts->name, "status") == 0;
}

void ctl_print_help(FILE *stream)
{
	fputs("lettergatectl [--data DIR] [--json] COMMAND\n\nCommands:\n", stream);
	for (size_t i = 0; i < method_count(); i++) {
		const struct method_facts *facts = method_at(i);
		const struct method_parameter *parameter = facts->parameters;

		if (!facts->command)
			continue;
		fprintf(stream, "  %s", facts->command);
		for (size_t j = 0; j < METHOD_PARAMETERS_MAX && parameter[j].name; j++)
			fprintf(stream, parameter[j].is_required ? " %s%s" : " [%s%s]",
				parameter[j].command_name,
				parameter[j].form == PARAMETER_OPTION ? " TEXT" : "");
		if (takes_check(facts))
			fputs(" [--check]", stream);
		fprintf(stream, "\n      %s\n", facts->summary);
	}
	fputs("  help\n      This text.\n\n"
	      "--check: exit status 0 when all is well, 1 with a warning, 2 when something is "
	      "critical.\n"
	      "Exit status otherwise: 1 refused, 2 wrong usage, 3 no gateway runs on that data "
	      "folder.\n",
		stream);
}

static bool usage_error(int *status, const char *about, const char *what)
{
	fprintf(stderr, "lettergatectl: %s%s%s\n`lettergatectl help` lists the commands.\n", about,
		*what ? ": " : "", what);
	*status = EXIT_USAGE;
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

/* A word that is an option's name is that option; else it is the next position, unless it looks like a
 * mistyped option. A value may begin with one hyphen: it can be a negative number. */
static const struct method_parameter *find_parameter(
	const struct method_facts *method, const char *word, json_t *params)
{
	const struct method_parameter *parameter = method->parameters;
	const struct method_parameter *position = NULL;

	for (size_t i = 0; i < METHOD_PARAMETERS_MAX && parameter[i].name; i++) {
		if (parameter[i].form != PARAMETER_POSITION) {
			if (strcmp(parameter[i].command_name, word) == 0)
				return &parameter[i];
		} else if (!position && !json_object_get(params, parameter[i].name)) {
			position = &parameter[i];
		}
	}
	return strncmp(word, "--", 2) == 0 ? NULL : position;
}

/* A line of standard input without its end. */
static bool read_line(json_t **value, int *status)
{
	char line[LINE_MAX_BYTES];
	size_t length;

	if (!fgets(line, sizeof line, stdin))
		return usage_error(status, "a line on standard input is missing", "");
	length = strcspn(line, "\r\n");
	*value = json_stringn(line, length);
	memory_wipe(line, sizeof line);
	return *value || usage_error(status, "standard input is not UTF-8 text", "");
}

static bool take_word(
	struct ctl_arguments *arguments, int count, char **values, int *at, int *status)
{
	const char *word = values[*at];
	const struct method_parameter *parameter =
		find_parameter(arguments->method, word, arguments->params);
	json_t *value = NULL;

	if (!parameter && takes_check(arguments->method) && strcmp(word, "--check") == 0) {
		arguments->check = true;
		return true;
	}
	if (!parameter)
		return usage_error(status, "unexpected", word);
	switch (parameter->form) {
	case PARAMETER_POSITION:
		value = json_string(word);
		break;
	case PARAMETER_OPTION:
		if (*at + 1 == count)
			return usage_error(status, "a value is missing behind", word);
		value = json_string(values[++*at]);
		break;
	case PARAMETER_FLAG:
	case PARAMETER_CONSENT:
		value = json_true();
		break;
	case PARAMETER_STDIN:
		if (!read_line(&value, status))
			return false;
		break;
	}
	if (!value)
		return usage_error(status, "not UTF-8 text", parameter->command_name);
	json_object_set_new(arguments->params, parameter->name, value);
	return true;
}

static bool check_complete(const struct ctl_arguments *arguments, int *status)
{
	const struct method_parameter *parameter = arguments->method->parameters;

	for (size_t i = 0; i < METHOD_PARAMETERS_MAX && parameter[i].name; i++) {
		if (parameter[i].is_required &&
			!json_object_get(arguments->params, parameter[i].name))
			return usage_error(status, "this command needs", parameter[i].command_name);
	}
	return true;
}

bool ctl_arguments_parse(int count, char **values, struct ctl_arguments *arguments, int *status)
{
	int at = 1, used = 0;

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
	if (arguments->help || (at < count && strcmp(values[at], "help") == 0)) {
		arguments->help = true;
		return true;
	}
	if (at == count)
		return usage_error(status, "a command is missing", "");
	arguments->method = find_command(count - at, values + at, &used);
	if (!arguments->method)
		return usage_error(status, "there is no such command", values[at]);
	arguments->params = json_object();
	for (at += used; at < count; at++) {
		if (!take_word(arguments, count, values, &at, status))
			return false;
	}
	return check_complete(arguments, status);
}

void ctl_arguments_clear(struct ctl_arguments *arguments)
{
	json_decref(arguments->params);
	arguments->params = NULL;
}

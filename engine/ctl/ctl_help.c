/* ctl_help.c -- the help, made from the method table. */
#include <string.h>

#include "ctl_internal.h"

static bool begins_with(const char *command, int count, char **words)
{
	struct bytes rest = bytes_of(command), word;

	for (int i = 0; i < count; i++) {
		if (!bytes_split(&rest, ' ', &word) || !bytes_equal_text(word, words[i]))
			return false;
	}
	return true;
}

static void print_word(FILE *stream, const struct method_parameter *parameter)
{
	struct bytes word = method_parameter_word(parameter);
	struct bytes value = method_parameter_value_name(parameter);

	if (method_parameter_is_position(parameter))
		fprintf(stream, "%.*s", BYTES_ARGS(parameter->choices ? value : word));
	else
		fprintf(stream, "%.*s%s%.*s", BYTES_ARGS(word), value.size ? " " : "",
			BYTES_ARGS(value));
}

static void print_usage(FILE *stream, const struct method_facts *facts)
{
	size_t count = method_parameter_count(facts);

	fputs(facts->command, stream);
	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &facts->parameters[i];

		if (method_parameter_is_secret(parameter))
			continue;
		fputs(parameter->is_required ? " " : " [", stream);
		print_word(stream, parameter);
		fputs(parameter->is_required ? "" : "]", stream);
		if (parameter->form == PARAMETER_LIST)
			fputs("...", stream);
	}
}

static void print_details(FILE *stream, const struct method_facts *facts)
{
	size_t count = method_parameter_count(facts);

	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &facts->parameters[i];

		fputs("      ", stream);
		if (method_parameter_is_secret(parameter))
			fprintf(stream, "(%s)", parameter->command_name);
		else
			print_word(stream, parameter);
		fprintf(stream, "\n          %s\n", parameter->help);
		if (method_parameter_is_secret(parameter))
			fputs("          Asked for on the terminal; else a line of standard "
			      "input.\n",
				stream);
		if (parameter->form == PARAMETER_LIST)
			fprintf(stream,
				"          May be given several times; once with an empty value: "
				"none.\n");
	}
}

static size_t print_commands(FILE *stream, int count, char **words)
{
	size_t printed = 0;

	for (size_t i = 0; i < method_count(); i++) {
		const struct method_facts *facts = method_at(i);

		if (!facts->command || !begins_with(facts->command, count, words))
			continue;
		printed++;
		fputs("  ", stream);
		print_usage(stream, facts);
		fprintf(stream, "\n      %s\n", facts->summary);
		if (count)
			print_details(stream, facts);
	}
	return printed;
}

bool ctl_print_help(FILE *stream, int count, char **words)
{
	if (count)
		return print_commands(stream, count, words) > 0;
	fputs("lettergatectl [--data DIR] [--json] COMMAND\n\nCommands:\n", stream);
	print_commands(stream, 0, NULL);
	fputs("  help [COMMAND]\n      This text, or what a command takes.\n\n"
	      "Exit status: 0 done, 1 refused, 2 wrong usage, 3 no gateway runs on that data "
	      "folder.\n"
	      "Of `status --check`: 0 all is well, 1 a warning, 2 something is critical, 3 no "
	      "gateway runs.\n",
		stream);
	return true;
}

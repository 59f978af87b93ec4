/* config_command.c -- a program with its arguments, as one line and as a list.
 *
 * No shell reads the line: there are no variables, no patterns and no backslashes, only blanks between the
 * arguments and quotes around those that hold some. So nothing that a problem's text says can become a
 * command. */
#include "config_internal.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes one argument off *from and moves it, without its quotes, down to *to. */
static bool take_argument(char **from, char **to, struct error *error)
{
	char quote = '\0';

	for (; **from && (quote || !is_blank(**from)); (*from)++) {
		if (quote ? **from == quote : **from == '"' || **from == '\'')
			quote = quote ? '\0' : **from;
		else
			*(*to)++ = **from;
	}
	if (quote)
		return error_set(error, ERROR_INVALID, "give the second %c, too", quote);
	/* What ends the argument may lie where its NUL goes. */
	if (**from)
		(*from)++;
	*(*to)++ = '\0';
	return true;
}

bool config_command_split(struct bytes line, struct config_command *command, struct error *error)
{
	char *from = command->text, *to = command->text;

	command->count = 0;
	command->arguments[0] = NULL;
	if (!bytes_copy_text(line, command->text, sizeof command->text))
		return error_set(error, ERROR_INVALID, "give a command of at most %d octets",
			CONFIG_COMMAND_SIZE - 1);
	for (;;) {
		while (is_blank(*from))
			from++;
		if (!*from)
			break;
		if (command->count == CONFIG_COMMAND_ARGUMENTS_MAX)
			return error_set(error, ERROR_INVALID, "give at most %d arguments",
				CONFIG_COMMAND_ARGUMENTS_MAX - 1);
		command->arguments[command->count++] = to;
		command->arguments[command->count] = NULL;
		if (!take_argument(&from, &to, error))
			return false;
	}
	if (command->count && command->arguments[0][0] != '/')
		return error_set(error, ERROR_INVALID,
			"give the whole path of a program, such as /usr/local/bin/alert, and "
			"behind it its arguments");
	return true;
}

bool config_command_parse(struct bytes text, char *command, size_t size, struct error *error)
{
	struct config_command split;

	text = bytes_trim(text);
	return config_command_split(text, &split, error) &&
	       (bytes_copy_text(text, command, size) ||
		       error_set(error, ERROR_INVALID, "give a shorter command"));
}

/* ctl_markdown.c -- docs/control-api.md and docs/settings.md, made from the method table and the option table. What
 * no table says (frames, errors, notifications, the steps of a transfer) stands here, and nowhere else. */
#include "base/error.h"
#include "config/config.h"
#include "control/transfer_piece.h"
#include "ctl_internal.h"
#include "net/local_socket.h"

enum { KIB = 1024, MIB = 1024 * KIB };

static const char api_head[] =
	"# The control interface\n\n"
	"Made by `lettergatectl help --markdown >docs/control-api.md`; a test compares.\n"
	"Change the table in `engine/control/method.c` and the text in\n"
	"`engine/ctl/ctl_markdown.c`, not this page. How it is built:\n"
	"[internals/control-interface.md](internals/control-interface.md).\n\n"
	"## Requests and answers\n\n"
	"JSON-RPC 2.0 (jsonrpc.org/specification) over the local socket of a running\n"
	"gateway. One line is one JSON object. Named parameters alone; no batches. A request\n"
	"without `id` is run and not answered. Answers may come in another order than the\n"
	"requests: the `id` tells.\n\n"
	"```\n"
	"> "
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"settings.get\",\"params\":{\"key\":\"workers\"}"
	"}\n"
	"< {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"key\":\"workers\",\"value\":\"0\", ...}}\n"
	"```\n\n"
	"A request has at most %d MiB: a longer one ends the connection. An answer has at\n"
	"most %d MiB: instead of a longer one comes the error `full`. Of one connection at\n"
	"most 16 requests are under way; one more is refused as `busy`.\n\n";

static const char api_errors[] =
	"## Errors\n\n"
	"`{\"code\", \"message\", \"data\": {\"kind\"}}`: `message` is for a person, `kind` for a\n"
	"program. Codes: -32700 no JSON, -32600 no request, -32601 no such method, -32602\n"
	"parameters that do not fit the table below, -32000 the method ran and failed.\n\n"
	"| kind | means |\n"
	"| --- | --- |\n";

static const char api_notifications[] =
	"\n"
	"## Notifications\n\n"
	"After the method `subscribe` (no parameters, `{subscribed}`) the connection gets,\n"
	"without an `id`:\n\n"
	"- `changed`: `params.topics` names what changed: `status`, `mailboxes`, `problems`,\n"
	"  `settings`, `certificates`. Ask again. Not more than ten come in a second.\n"
	"- `resync`: the subscriber read too slowly and missed some. Ask for everything again.\n\n"
	"A gateway that ends or starts again closes the connection.\n\n";

static const char api_transfers[] =
	"## Transfers\n\n"
	"The engine opens no path that a caller names. A method that brings or takes bulk\n"
	"data answers with a transfer: `{transfer, direction: read|write, form: file|folder}`\n"
	"and what else it says below. Then the caller asks for one piece after the other with\n"
	"`transfer.read`, or brings them with `transfer.write`, until one has `end`.\n\n"
	"- A piece belongs to an entry: a file below a folder that the receiving side chose\n"
	"  (`form` folder), or the one file (`form` file). The pieces of an entry follow each\n"
	"  other, the last one has `entry_end`. A piece with `end` may lack an entry.\n"
	"- A name is relative, its parts divided by `/`, none of them empty or with a dot or a\n"
	"  blank at its end, without backslash, colon and control characters, UTF-8, at most\n"
	"  %d octets. Both sides check.\n"
	"- `data` is base64 (RFC 4648 4) of at most %d KiB. `progress` counts in whatever\n"
	"  unit; a total of 0 is not known.\n"
	"- One step at a time; a second one is refused as `busy`. Any other error ends the\n"
	"  transfer; so do the end of the connection that began it, and a minute without a\n"
	"  step. What was cut short leaves nothing behind. At most %d are under way at once.\n"
	"- With `end` the answer has `result`, if the method has something to say at its end.\n\n";

static const char api_methods[] =
	"## Methods\n\n"
	"Types: string, strings (an array), integer (not negative), boolean, file (the content\n"
	"of a file: a string when it is text, else `{\"base64\": \"...\"}`; at most %d KiB). What\n"
	"is not in the table is refused.\n";

static void print_kinds(FILE *stream)
{
	static const struct {
		enum error_kind kind;
		const char *meaning;
	} kinds[] = {
		{ ERROR_INVALID, "the input is wrong; the same call will fail again" },
		{ ERROR_NOT_FOUND, "no such method, mailbox, setting, transfer" },
		{ ERROR_EXISTS, "it is there already" },
		{ ERROR_STATE, "the right call at the wrong moment" },
		{ ERROR_DENIED, "a wrong password, or the system forbids it" },
		{ ERROR_BUSY, "a queue or a limit is full; try again" },
		{ ERROR_FULL, "no space left, or longer than an answer may be" },
		{ ERROR_CORRUPT, "stored data does not verify" },
		{ ERROR_IO, "the system refused a read, a write, a sync" },
		{ ERROR_MEMORY, "no memory" },
		{ ERROR_CANCELLED, "the gateway is ending" },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		fprintf(stream, "| `%s` | %s |\n", error_kind_name(kinds[i].kind),
			kinds[i].meaning);
}

/* "|" divides the columns of a table. */
static void print_cell(FILE *stream, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', stream);
		fputc(*text, stream);
	}
}

static void print_word(FILE *stream, const struct method_parameter *parameter)
{
	struct bytes value = method_parameter_value_name(parameter);

	if (method_parameter_is_secret(parameter))
		fprintf(stream, "asked for: %s", parameter->command_name);
	else if (value.size && !method_parameter_is_position(parameter) && !parameter->choices)
		fprintf(stream, "`%.*s %.*s`", BYTES_ARGS(method_parameter_word(parameter)),
			BYTES_ARGS(value));
	else
		fprintf(stream, "`%.*s`", BYTES_ARGS(method_parameter_word(parameter)));
}

static void print_parameter(
	FILE *stream, const struct method_facts *facts, const struct method_parameter *parameter)
{
	if (method_parameter_is_sent(parameter))
		fprintf(stream, "| `%s` | %s", parameter->name, method_parameter_type(parameter));
	else
		fputs("| | of `lettergatectl` alone", stream);
	if (parameter->choices) {
		fputs(": ", stream);
		print_cell(stream, parameter->choices);
	}
	fprintf(stream, " | %s | ", parameter->is_required ? "yes" : "");
	if (facts->command) {
		print_word(stream, parameter);
		fputs(" | ", stream);
	}
	print_cell(stream, parameter->help);
	fputs(" |\n", stream);
}

static void print_method(FILE *stream, const struct method_facts *facts)
{
	size_t count = method_parameter_count(facts);

	fprintf(stream, "\n### %s\n\n%s", facts->name, facts->summary);
	if (facts->command)
		fprintf(stream, " Command: `lettergatectl %s`.", facts->command);
	fputs("\n\n", stream);
	if (count)
		fputs(facts->command
				? "| parameter | type | needed | command line | |\n| --- | --- | "
				  "--- | "
				  "--- | --- |\n"
				: "| parameter | type | needed | |\n| --- | --- | --- | --- |\n",
			stream);
	for (size_t i = 0; i < count; i++)
		print_parameter(stream, facts, &facts->parameters[i]);
	fprintf(stream, "%sResult: `%s`\n", count ? "\n" : "", facts->result);
}

void ctl_markdown_api(FILE *stream)
{
	fprintf(stream, api_head, LOCAL_FRAME_MAX / MIB, LOCAL_ANSWER_MAX / MIB);
	fputs(api_errors, stream);
	print_kinds(stream);
	fputs(api_notifications, stream);
	fprintf(stream, api_transfers, TRANSFER_ENTRY_SIZE - 1, TRANSFER_PIECE_MAX / KIB,
		TRANSFERS_MAX);
	fprintf(stream, api_methods, METHOD_FILE_MAX / KIB);
	for (size_t i = 0; i < method_count(); i++)
		print_method(stream, method_at(i));
}

/* ---- settings ---- */

static const char settings_head[] =
	"# Settings\n\n"
	"Made by `lettergatectl help --markdown settings >docs/settings.md`; a test compares.\n"
	"Change the table in `engine/config/config.c`, not this page.\n\n"
	"`lettergatectl settings set KEY VALUE` saves one, `lettergated --set KEY=VALUE` sets\n"
	"it for one run. Those with a restart take effect after `lettergatectl restart`, the\n"
	"others at once.\n\n"
	"| kind | is written as |\n"
	"| --- | --- |\n"
	"| text | text, as the meaning says |\n"
	"| count | a number: 12 |\n"
	"| size | octets, with K, M or G for powers of 1024: 200M |\n"
	"| duration | with ms, s, m, h or d: 5m |\n"
	"| endpoints | ADDRESS:PORT, several with blanks between them: 127.0.0.1:2525 [::1]:2525 "
	"|\n\n"
	"Port 0 of an endpoint is any free one, which `lettergatectl status` shows.\n\n"
	"| setting | kind | default | restart | meaning |\n"
	"| --- | --- | --- | --- | --- |\n";

static void print_kind(FILE *stream, const struct config_option *option)
{
	static const char *const names[] = {
		[CONFIG_TEXT] = "text",
		[CONFIG_COUNT] = "count",
		[CONFIG_SIZE] = "size",
		[CONFIG_DURATION] = "duration",
		[CONFIG_ENDPOINTS] = "endpoints",
	};

	if (option->choices)
		print_cell(stream, option->choices);
	else
		fputs(names[option->type], stream);
	if (option->type == CONFIG_COUNT)
		fprintf(stream, ", %llu to %llu", (unsigned long long)option->minimum,
			(unsigned long long)option->maximum);
}

void ctl_markdown_settings(FILE *stream)
{
	fputs(settings_head, stream);
	for (size_t i = 0; i < config_option_count(); i++) {
		const struct config_option *option = config_option_at(i);

		fprintf(stream, "| `%s` | ", option->key);
		print_kind(stream, option);
		fputs(*option->default_text ? " | `" : " | ", stream);
		print_cell(stream, option->default_text);
		fprintf(stream, "%s | %s | ", *option->default_text ? "`" : "",
			option->needs_restart ? "yes" : "");
		print_cell(stream, option->help);
		fputs(" |\n", stream);
	}
}

/* lettergatectl.c -- the command line of a running gateway, whichever program hosts it: one command is one call
 * of one method, and what follows from its answer. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "control/json_memory.h"
#include "ctl_internal.h"
#include "gateway/gateway.h"
#include "platform/process.h"

/* What was refused, in words; the code behind it is for programs. */
static int print_refusal(const char *json)
{
	json_t *problem = json ? json_memory_load(bytes_of(json), 0, NULL) : NULL;
	const char *message = json_string_value(json_object_get(problem, "message"));

	fprintf(stderr, "lettergatectl: %s\n", message ? message : "the gateway gave no answer");
	json_decref(problem);
	return EXIT_REFUSED;
}

static int show_result(const struct ctl_arguments *arguments, json_t *result)
{
	json_t *ok = json_object_get(result, "ok");
	int status = EXIT_SUCCESS;

	/* Certificates are for files: printed as they are, whatever was asked. */
	if (arguments->json && !json_object_get(result, "pem")) {
		json_dumpf(result, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
		putchar('\n');
	} else if (!arguments->check) {
		ctl_print(arguments->method, result);
	}
	if (arguments->check)
		status = ctl_check(arguments->json ? NULL : stdout, result);
	else if (ok && !json_is_true(ok))
		status = EXIT_REFUSED;
	return status;
}

/* What else a command does behind its call. */
static bool complete(struct gateway **gateway, const struct ctl_arguments *arguments,
	json_t **result, struct error *error)
{
	return ctl_transfer(*gateway, arguments, result, error) &&
	       (!json_is_true(json_object_get(*result, "restarting")) ||
		       ctl_restart_wait(gateway, arguments, error));
}

static int finish(struct gateway **gateway, const struct ctl_arguments *arguments, const char *json)
{
	json_t *result = json_memory_load(bytes_of(json), JSON_DECODE_ANY, NULL);
	struct error error;
	int status = EXIT_REFUSED;

	if (!result)
		return print_refusal(NULL);
	if (complete(gateway, arguments, &result, &error))
		status = show_result(arguments, result);
	else
		fprintf(stderr, "lettergatectl: %s\n", error.text);
	json_decref(result);
	return status;
}

/* A monitoring system shows standard output, and knows 3 as "unknown". */
static int not_attached(const struct ctl_arguments *arguments, const struct gateway_error *failure)
{
	if (arguments->check && !arguments->json)
		printf("LETTERGATE UNKNOWN - %s\n", failure->text);
	fprintf(stderr, "lettergatectl: %s\n", failure->text);
	return failure->failure == GATEWAY_NOT_RUNNING ? EXIT_NOT_RUNNING : EXIT_REFUSED;
}

/* A gateway that cannot say how it is, is not well. */
static int refused(const struct ctl_arguments *arguments, const char *json)
{
	if (!arguments->check)
		return print_refusal(json);
	if (!arguments->json)
		puts("LETTERGATE CRITICAL - the gateway does not tell its state");
	print_refusal(json);
	return 2;
}

static int call(const struct ctl_arguments *arguments)
{
	struct gateway_error failure;
	struct gateway *gateway = gateway_attach(arguments->data_folder, &failure);
	char *params, *json = NULL;
	int status;

	if (!gateway)
		return not_attached(arguments, &failure);
	params = json_memory_dump(arguments->params, JSON_COMPACT);
	if (params && gateway_call_wait(gateway, arguments->method->name, params, &json))
		status = finish(&gateway, arguments, json);
	else
		status = refused(arguments, json);
	if (json)
		memory_wipe(json, strlen(json));
	free(json);
	json_memory_free_text(params);
	gateway_close(&gateway);
	return status;
}

static int help(const struct ctl_arguments *arguments)
{
	bool is_settings = arguments->help_count && !strcmp(arguments->help_words[0], "settings");

	if (arguments->markdown && is_settings)
		ctl_markdown_settings(stdout);
	else if (arguments->markdown)
		ctl_markdown_api(stdout);
	else if (!ctl_print_help(stdout, arguments->help_count, arguments->help_words)) {
		fprintf(stderr, "lettergatectl: there is no such command: %s\n",
			arguments->help_words[0]);
		return EXIT_USAGE;
	}
	return EXIT_SUCCESS;
}

int main(int count, char **values)
{
	struct ctl_arguments arguments;
	struct error error;
	int status = EXIT_SUCCESS;

	json_memory_start();
	if (!process_harden(false, &error))
		fprintf(stderr, "lettergatectl: %s\n", error.text);
	if (!ctl_arguments_parse(count, values, &arguments, &status))
		;
	else if (arguments.help)
		status = help(&arguments);
	else
		status = call(&arguments);
	ctl_arguments_clear(&arguments);
	return status;
}

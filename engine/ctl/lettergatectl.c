/* lettergatectl.c -- the command line of a running gateway, whichever program hosts it: one command is one call
 * of one method. */
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
	json_error_t where;
	json_t *problem = json ? json_loads(json, 0, &where) : NULL;
	const char *message = json_string_value(json_object_get(problem, "message"));

	fprintf(stderr, "lettergatectl: %s\n", message ? message : "the gateway gave no answer");
	json_decref(problem);
	return EXIT_REFUSED;
}

/* For a monitoring system: 0 fine, 1 warning, 2 critical. */
static int check_status(json_t *status)
{
	json_t *problem;
	size_t index;
	int result = EXIT_SUCCESS;

	json_array_foreach(json_object_get(status, "problems"), index, problem)
	{
		const char *severity = json_string_value(json_object_get(problem, "severity"));
		int weight = severity && strcmp(severity, "warning") == 0 ? 1 : 2;

		result = weight > result ? weight : result;
	}
	return result;
}

static int print_result(const struct ctl_arguments *arguments, const char *json)
{
	json_error_t where;
	json_t *result = json_loads(json, JSON_DECODE_ANY, &where);
	json_t *ok = json_object_get(result, "ok");
	int status = EXIT_SUCCESS;

	if (!result)
		return print_refusal(NULL);
	/* Certificates are for files: printed as they are, whatever was asked. */
	if (arguments->json && !json_object_get(result, "pem"))
		puts(json);
	else
		ctl_print(arguments->method, result);
	if (arguments->check)
		status = check_status(result);
	else if (ok && !json_is_true(ok))
		status = EXIT_REFUSED;
	json_decref(result);
	return status;
}

static int call(const struct ctl_arguments *arguments)
{
	struct gateway_error failure;
	struct gateway *gateway = gateway_attach(arguments->data_folder, &failure);
	char *params, *json = NULL;
	int status;

	if (!gateway) {
		fprintf(stderr, "lettergatectl: %s\n", failure.text);
		return failure.failure == GATEWAY_NOT_RUNNING ? EXIT_NOT_RUNNING : EXIT_REFUSED;
	}
	params = json_dumps(arguments->params, JSON_COMPACT);
	if (params && gateway_call_wait(gateway, arguments->method->name, params, &json))
		status = print_result(arguments, json);
	else
		status = print_refusal(json);
	if (json)
		memory_wipe(json, strlen(json));
	free(json);
	json_memory_free_text(params);
	gateway_close(&gateway);
	return status;
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
		ctl_print_help(stdout);
	else
		status = call(&arguments);
	ctl_arguments_clear(&arguments);
	return status;
}

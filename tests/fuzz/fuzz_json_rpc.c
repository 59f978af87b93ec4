/* fuzz_json_rpc.c -- lines as the control socket gets them. What is a request keeps what it said and is checked
 * against the method table; what is none says why; and whatever it was, the answer to it is one JSON object in one
 * line, with the request's id. */
#include <stdlib.h>

#include "control/json_memory.h"
#include "json_rpc_internal.h"
#include "method_internal.h"

int LLVMFuzzerInitialize(int *count, char ***values);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fact)
{
	if (!fact)
		abort();
}

int LLVMFuzzerInitialize(int *count, char ***values)
{
	(void)count;
	(void)values;
	json_memory_start();
	return 0;
}

/* Takes `text`. */
static void check_response(char *text, json_t *id, const char *member)
{
	json_error_t where;
	json_t *response;

	check(text != NULL && !strchr(text, '\n'));
	response = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	check(json_object_size(response) == 3);
	check(strcmp(json_string_value(json_object_get(response, "jsonrpc")), "2.0") == 0);
	check(json_equal(json_object_get(response, "id"), id ? id : json_null()));
	check(json_object_get(response, member) != NULL);
	json_decref(response);
	json_memory_free_text(text);
}

static void check_refusal(json_t *id, enum json_rpc_code code, const struct error *error)
{
	check(error->kind == ERROR_INVALID && error->text[0] != '\0');
	check_response(json_rpc_response(id, NULL, json_rpc_problem(code, error)), id, "error");
}

/* What a handler relies on. */
static void check_params(const struct method *method, json_t *params)
{
	for (size_t i = 0; i < METHOD_PARAMETERS_MAX && method->facts.parameters[i].name; i++) {
		const struct method_parameter *parameter = &method->facts.parameters[i];
		json_t *value = json_object_get(params, parameter->name);

		check(value || !parameter->is_required);
		if (!value)
			continue;
		if (parameter->form == PARAMETER_CONSENT)
			check(json_is_true(value));
		else if (parameter->form == PARAMETER_FLAG)
			check(json_is_boolean(value));
		else
			check(method_text(params, parameter->name) != NULL);
	}
}

static void check_request(const struct json_rpc_request *request)
{
	const struct method *method = method_find(request->method);
	struct error error = { .kind = ERROR_NONE };

	check(strlen(request->method) < JSON_RPC_METHOD_SIZE);
	check(json_is_object(request->params));
	if (!method) {
		error_set(&error, ERROR_INVALID, "there is no method \"%s\"", request->method);
		check_refusal(request->id, JSON_RPC_METHOD_NOT_FOUND, &error);
	} else if (!method_check_params(method, request->params, &error)) {
		check_refusal(request->id, JSON_RPC_INVALID_PARAMS, &error);
	} else {
		check_params(method, request->params);
		check_response(json_rpc_response(request->id, json_incref(request->params), NULL),
			request->id, "result");
	}
}

/* The same parts, as a call in the process gives them, are taken alike. */
static void check_parts(const struct json_rpc_request *request)
{
	struct json_rpc_request again = { .id = NULL };
	enum json_rpc_code code;
	struct error error;
	char *text = json_dumps(request->params, JSON_COMPACT);
	json_t *params;

	check(text != NULL);
	params = json_rpc_params(text, &code, &error);
	check(json_rpc_fill(&again, request->method, params, &code, &error));
	check(strcmp(again.method, request->method) == 0);
	check(json_equal(again.params, request->params));
	json_memory_free_text(text);
	json_rpc_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum json_rpc_code code = JSON_RPC_FAILED;
	struct error error = { .kind = ERROR_NONE };
	struct json_rpc_request request;

	if (json_rpc_parse(bytes_make(data, size), &request, &code, &error)) {
		check_request(&request);
		check_parts(&request);
	} else {
		check(code == JSON_RPC_PARSE_ERROR || code == JSON_RPC_INVALID_REQUEST);
		check_refusal(request.id, code, &error);
	}
	json_rpc_clear(&request);
	return 0;
}

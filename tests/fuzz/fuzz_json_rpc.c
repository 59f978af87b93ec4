/* fuzz_json_rpc.c -- lines as the control socket gets them. What is a request keeps what it said and is checked
 * against the method table; what is none says why; and whatever it was, the answer to it is one JSON object in one
 * line, with the request's id. What may be a piece of a transfer has a name that leads nowhere else, and comes out of
 * JSON as it went in. */
#include <stdlib.h>

#include "control/json_memory.h"
#include "control/transfer_piece.h"
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

static bool is_text(const json_t *value)
{
	return json_is_string(value) &&
	       strlen(json_string_value(value)) == json_string_length(value);
}

static void check_list(const json_t *list)
{
	check(json_is_array(list) && json_array_size(list) <= METHOD_LIST_MAX);
	for (size_t i = 0; i < json_array_size(list); i++)
		check(is_text(json_array_get(list, i)));
}

static void check_file(json_t *params, const char *name)
{
	struct buf content;

	buf_init(&content, METHOD_FILE_MAX);
	check(method_file(params, name, &content, NULL));
	buf_wipe(&content);
}

static void check_value(
	const struct method_parameter *parameter, json_t *params, const json_t *value)
{
	const char *type = method_parameter_type(parameter);

	if (parameter->form == PARAMETER_CONSENT)
		check(json_is_true(value));
	else if (strcmp(type, "boolean") == 0)
		check(json_is_boolean(value));
	else if (strcmp(type, "integer") == 0)
		check(json_is_integer(value) && json_integer_value(value) >= 0);
	else if (strcmp(type, "strings") == 0)
		check_list(value);
	else if (strcmp(type, "file") == 0)
		check_file(params, parameter->name);
	else
		check(is_text(value));
	if (parameter->choices && json_is_string(value))
		check(method_parameter_allows(parameter, bytes_of(json_string_value(value))));
}

/* What a handler relies on. */
static void check_params(const struct method *method, json_t *params)
{
	size_t count = method_parameter_count(&method->facts), known = 0;

	for (size_t i = 0; i < count; i++) {
		const struct method_parameter *parameter = &method->facts.parameters[i];
		json_t *value = json_object_get(params, parameter->name);

		if (!method_parameter_is_sent(parameter)) {
			check(!value);
			continue;
		}
		check(value || !parameter->is_required);
		known += value != NULL;
		if (value)
			check_value(parameter, params, value);
	}
	check(known == json_object_size(params));
}

/* No part of a name is empty, "." or "..", and none begins the name with "/"; one at its end makes it a folder. */
static void check_entry(const char *entry)
{
	struct bytes rest = bytes_of(entry), part;

	check(rest.size < TRANSFER_ENTRY_SIZE && !strpbrk(entry, "\\:"));
	if (rest.size && entry[rest.size - 1] == '/') {
		rest.size--;
		check(rest.size && rest.data[rest.size - 1] != '/');
	}
	check(!rest.size || entry[0] != '/');
	while (bytes_split(&rest, '/', &part))
		check(part.size && !bytes_equal_text(part, ".") && !bytes_equal_text(part, ".."));
}

static void check_piece(json_t *params)
{
	struct transfer_order order = { .is_over = false };
	struct transfer_piece piece, again;
	struct error error = { .kind = ERROR_NONE };
	json_t *packed;

	transfer_piece_init(&piece);
	transfer_piece_init(&again);
	if (transfer_piece_unpack(params, &piece, &error)) {
		check_entry(piece.entry);
		check(piece.data.size <= TRANSFER_PIECE_MAX);
		packed = transfer_piece_pack(&piece);
		check(packed && transfer_piece_unpack(packed, &again, NULL));
		check(strcmp(piece.entry, again.entry) == 0);
		check(bytes_equal(buf_view(&piece.data), buf_view(&again.data)));
		check(piece.is_end == again.is_end && piece.is_entry_end == again.is_entry_end);
		json_decref(packed);
		if (transfer_order_step(&order, &piece, NULL))
			check(order.is_over == piece.is_end && !(order.is_over && *order.open));
	} else {
		check(error.kind == ERROR_INVALID && error.text[0] != '\0');
	}
	transfer_piece_clear(&piece);
	transfer_piece_clear(&again);
}

static void check_request(const struct json_rpc_request *request)
{
	const struct method *method = method_find(request->method);
	struct error error = { .kind = ERROR_NONE };

	check(strlen(request->method) < JSON_RPC_METHOD_SIZE);
	check(json_is_object(request->params));
	check_piece(request->params);
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

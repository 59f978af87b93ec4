/* json_rpc.c -- batches are not taken: one line is one request. */
#include "json_rpc_internal.h"

#include <string.h>

bool json_rpc_parse(struct bytes line, struct json_rpc_request *request, enum json_rpc_code *code,
	struct error *error)
{
	json_error_t where;
	json_t *root =
		json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, &where);
	const char *method = NULL, *version = NULL;
	json_t *params, *id;

	memset(request, 0, sizeof *request);
	if (!root) {
		*code = JSON_RPC_PARSE_ERROR;
		/* The text could quote the line, and with it a password. */
		return error_set(error, ERROR_INVALID, "not JSON (line %d, column %d)", where.line,
			where.column);
	}
	id = json_object_get(root, "id");
	if (json_is_string(id) || json_is_integer(id))
		request->id = json_incref(id);
	version = json_string_value(json_object_get(root, "jsonrpc"));
	method = json_string_value(json_object_get(root, "method"));
	params = json_object_get(root, "params");
	if (!version || strcmp(version, "2.0") != 0 || !method ||
		strlen(method) >= sizeof request->method || (params && !json_is_object(params)) ||
		(id && !request->id && !json_is_null(id))) {
		*code = JSON_RPC_INVALID_REQUEST;
		json_decref(root);
		return error_set(
			error, ERROR_INVALID, "not a JSON-RPC 2.0 request with named parameters");
	}
	memcpy(request->method, method, strlen(method) + 1);
	request->params = params ? json_incref(params) : json_object();
	json_decref(root);
	return request->params || error_set_memory(error);
}

void json_rpc_clear(struct json_rpc_request *request)
{
	json_decref(request->id);
	json_decref(request->params);
	request->id = request->params = NULL;
}

json_t *json_rpc_problem(enum json_rpc_code code, const struct error *error)
{
	return json_pack("{s:i, s:s, s:{s:s}}", "code", (int)code, "message", error->text, "data",
		"kind", error_kind_name(error->kind));
}

char *json_rpc_response(json_t *id, json_t *result, json_t *problem)
{
	json_t *response = json_pack("{s:s, s:O?, s:o}", "jsonrpc", "2.0", "id", id,
		problem ? "error" : "result", problem ? problem : result);
	char *text = response ? json_dumps(response, JSON_COMPACT) : NULL;

	json_decref(response);
	return text;
}

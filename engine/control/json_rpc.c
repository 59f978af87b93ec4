/* json_rpc.c -- batches are not taken: one line is one request. */
#include "json_rpc_internal.h"

#include <string.h>

#include "base/utf8.h"
#include "control/json_memory.h"

static json_t *load(struct bytes text, enum json_rpc_code *code, struct error *error)
{
	struct error why;
	json_t *value = json_memory_load(text, JSON_REJECT_DUPLICATES, &why);

	if (value)
		return value;
	*code = why.kind == ERROR_MEMORY ? JSON_RPC_FAILED : JSON_RPC_PARSE_ERROR;
	if (error)
		*error = why;
	return NULL;
}

json_t *json_rpc_params(const char *text, enum json_rpc_code *code, struct error *error)
{
	return load(bytes_of(text ? text : "{}"), code, error);
}

static bool is_request(const char *method, const json_t *params)
{
	return method && strlen(method) < JSON_RPC_METHOD_SIZE && utf8_is_valid(bytes_of(method)) &&
	       (!params || json_is_object(params));
}

static bool refuse(enum json_rpc_code *code, struct error *error)
{
	*code = JSON_RPC_INVALID_REQUEST;
	return error_set(error, ERROR_INVALID,
		"not a JSON-RPC 2.0 request with a method and named parameters");
}

bool json_rpc_fill(struct json_rpc_request *request, const char *method, json_t *params,
	enum json_rpc_code *code, struct error *error)
{
	if (!is_request(method, params)) {
		json_decref(params);
		return refuse(code, error);
	}
	memcpy(request->method, method, strlen(method) + 1);
	request->params = params ? params : json_object();
	*code = JSON_RPC_FAILED;
	return request->params || error_set_memory(error);
}

bool json_rpc_parse(struct bytes line, struct json_rpc_request *request, enum json_rpc_code *code,
	struct error *error)
{
	json_t *root, *id;
	const char *version;
	bool ok;

	memset(request, 0, sizeof *request);
	root = load(line, code, error);
	if (!root)
		return false;
	id = json_object_get(root, "id");
	if (json_is_string(id) || json_is_integer(id) || json_is_null(id))
		request->id = json_incref(id);
	version = json_string_value(json_object_get(root, "jsonrpc"));
	if (!version || strcmp(version, "2.0") != 0 || (id && !request->id))
		ok = refuse(code, error);
	else
		ok = json_rpc_fill(request, json_string_value(json_object_get(root, "method")),
			json_incref(json_object_get(root, "params")), code, error);
	json_decref(root);
	return ok;
}

void json_rpc_clear(struct json_rpc_request *request)
{
	json_decref(request->id);
	json_decref(request->params);
	request->id = request->params = NULL;
}

json_t *json_rpc_problem(enum json_rpc_code code, const struct error *error)
{
	char text[sizeof error->text];

	memcpy(text, error->text, sizeof text);
	utf8_mend(text);
	return json_pack("{s:i, s:s, s:{s:s}}", "code", (int)code, "message", text, "data", "kind",
		error_kind_name(error->kind));
}

char *json_rpc_response(json_t *id, json_t *result, json_t *problem)
{
	json_t *response = json_pack("{s:s, s:O?, s:o}", "jsonrpc", "2.0", "id", id,
		problem ? "error" : "result", problem ? problem : result);
	char *text = response ? json_memory_dump(response, JSON_COMPACT) : NULL;

	json_decref(response);
	return text;
}

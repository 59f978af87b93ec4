/* json_rpc_internal.h -- JSON-RPC 2.0 (jsonrpc.org/specification): requests taken apart, answers put
 * together. Pure. */
#ifndef LG_CONTROL_JSON_RPC_INTERNAL_H
#define LG_CONTROL_JSON_RPC_INTERNAL_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"

enum json_rpc_code {
	JSON_RPC_PARSE_ERROR = -32700,
	JSON_RPC_INVALID_REQUEST = -32600,
	JSON_RPC_METHOD_NOT_FOUND = -32601,
	JSON_RPC_INVALID_PARAMS = -32602,
	JSON_RPC_FAILED = -32000, /* the method ran and failed; data.kind says how */
};

struct json_rpc_request {
	char method[64];
	json_t *id;	/* owned; NULL for a notification */
	json_t *params; /* owned; an object, maybe empty */
};

/* False: *code and *error say why; request->id may be set for the answer. */
bool json_rpc_parse(struct bytes line, struct json_rpc_request *request, enum json_rpc_code *code,
	struct error *error);
void json_rpc_clear(struct json_rpc_request *request);

/* {"code","message","data":{"kind"}}, new. */
json_t *json_rpc_problem(enum json_rpc_code code, const struct error *error);
/* A whole response; takes `result` or `problem` (the other is NULL), borrows `id`. Free the text with
 * json_memory_free_text(). NULL: no memory. */
char *json_rpc_response(json_t *id, json_t *result, json_t *problem);

#endif

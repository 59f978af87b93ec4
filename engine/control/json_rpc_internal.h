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

enum { JSON_RPC_METHOD_SIZE = 64 };

struct json_rpc_request {
	char method[JSON_RPC_METHOD_SIZE];
	json_t *id;	/* owned; NULL: the caller wants no answer (a notification) */
	json_t *params; /* owned; an object, maybe empty */
};

/* False: *code and *error say why; request->id may be set for the answer. */
bool json_rpc_parse(struct bytes line, struct json_rpc_request *request, enum json_rpc_code *code,
	struct error *error);
/* What json_rpc_parse() does with the parts, for a call that comes as such. Takes `params`; NULL: none were
 * given. The request's id is left alone. */
bool json_rpc_fill(struct json_rpc_request *request, const char *method, json_t *params,
	enum json_rpc_code *code, struct error *error);
/* The parameters of a call as text (NULL: none) to a value; NULL: it is not JSON. */
json_t *json_rpc_params(const char *text, enum json_rpc_code *code, struct error *error);
void json_rpc_clear(struct json_rpc_request *request);

/* {"code","message","data":{"kind"}}, new. The text may be anything: what is no UTF-8 in it is mended. */
json_t *json_rpc_problem(enum json_rpc_code code, const struct error *error);
/* That for a call for whose answer there is no memory. */
#define JSON_RPC_NO_MEMORY \
	"{\"code\":-32000,\"message\":\"out of memory\",\"data\":{\"kind\":\"memory\"}}"

/* A whole response; takes `result` or `problem` (the other is NULL), borrows `id`. Free the text with
 * json_memory_free_text(). NULL: no memory. */
char *json_rpc_response(json_t *id, json_t *result, json_t *problem);

#endif

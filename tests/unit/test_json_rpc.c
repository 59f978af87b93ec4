/* test_json_rpc.c -- what is a request and what is not, and that every answer is one JSON object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/json_memory.h"
#include "json_rpc_internal.h"

static int set_up(void **state)
{
	(void)state;
	json_memory_start();
	json_memory_start();
	return 0;
}

static void test_requests(void **state)
{
	static const struct {
		const char *line;
		int code;	    /* 0: a request */
		const char *id;	    /* as JSON; NULL: none */
		const char *method; /* of a request */
		const char *params;
	} rows[] = {
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}", 0, "1", "status", "{}" },
		{ " {\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"m\",\"params\":{\"k\":[1]}} ", 0,
			"\"a\"", "m", "{\"k\":[1]}" },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", 0, NULL, "m", "{}" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"m\"}", 0, "null", "m", "{}" },
		{ "{\"jsonrpc\":\"2.0\",\"id\":-9223372036854775808,\"method\":\"m\"}", 0,
			"-9223372036854775808", "m", "{}" },
		{ "", JSON_RPC_PARSE_ERROR, NULL, NULL, NULL },
		{ "nonsense", JSON_RPC_PARSE_ERROR, NULL, NULL, NULL },
		{ "{", JSON_RPC_PARSE_ERROR, NULL, NULL, NULL },
		{ "\"text\"", JSON_RPC_PARSE_ERROR, NULL, NULL, NULL },
		{ "{\"id\":1,\"id\":2}", JSON_RPC_PARSE_ERROR, NULL, NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", JSON_RPC_PARSE_ERROR, NULL,
			NULL, NULL },
		{ "[]", JSON_RPC_INVALID_REQUEST, NULL, NULL, NULL },
		{ "{}", JSON_RPC_INVALID_REQUEST, NULL, NULL, NULL },
		{ "{\"id\":7}", JSON_RPC_INVALID_REQUEST, "7", NULL, NULL },
		{ "{\"id\":7,\"method\":\"m\"}", JSON_RPC_INVALID_REQUEST, "7", NULL, NULL },
		{ "{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"m\"}", JSON_RPC_INVALID_REQUEST, "7",
			NULL, NULL },
		{ "{\"jsonrpc\":2.0,\"id\":7,\"method\":\"m\"}", JSON_RPC_INVALID_REQUEST, "7",
			NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7}", JSON_RPC_INVALID_REQUEST, "7", NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":3}", JSON_RPC_INVALID_REQUEST, "7",
			NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7.5,\"method\":\"m\"}", JSON_RPC_INVALID_REQUEST,
			NULL, NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"m\"}", JSON_RPC_INVALID_REQUEST,
			NULL, NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\",\"params\":[]}",
			JSON_RPC_INVALID_REQUEST, "7", NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\",\"params\":null}",
			JSON_RPC_INVALID_REQUEST, "7", NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\",\"params\":{\"a\":1,\"a\":2}}",
			JSON_RPC_PARSE_ERROR, NULL, NULL, NULL },
		/* 64 characters, and 63 */
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":"
		  "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
			JSON_RPC_INVALID_REQUEST, "7", NULL, NULL },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":"
		  "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
			0, "7", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
			"{}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum json_rpc_code code = 0;
		struct json_rpc_request request;
		struct error error = { .kind = ERROR_NONE };
		bool ok = json_rpc_parse(bytes_of(rows[i].line), &request, &code, &error);
		char *id = json_dumps(request.id, JSON_ENCODE_ANY);

		if (ok != !rows[i].code || (!ok && (int)code != rows[i].code))
			fail_msg("row %zu: %d %s", i, (int)code, error.text);
		if ((id == NULL) != (rows[i].id == NULL) || (id && strcmp(id, rows[i].id) != 0))
			fail_msg("row %zu: the id is %s", i, id ? id : "missing");
		json_memory_free_text(id);
		if (ok) {
			char *params = json_dumps(request.params, JSON_COMPACT);

			assert_string_equal(request.method, rows[i].method);
			assert_string_equal(params, rows[i].params);
			json_memory_free_text(params);
		} else {
			assert_int_equal(error.kind, ERROR_INVALID);
			assert_true(*error.text);
			/* Nothing of the line, which may hold a password, is repeated. */
			assert_null(strstr(error.text, "nonsense"));
		}
		json_rpc_clear(&request);
		json_rpc_clear(&request);
	}
}

/* A call that comes in parts is taken and refused as if it had come as a line. */
static void test_parts(void **state)
{
	struct json_rpc_request request = { .id = NULL };
	enum json_rpc_code code = 0;
	struct error error;
	json_t *params;

	(void)state;
	params = json_rpc_params(NULL, &code, &error);
	assert_true(json_rpc_fill(&request, "status", params, &code, &error));
	assert_string_equal(request.method, "status");
	assert_int_equal(json_object_size(request.params), 0);
	json_rpc_clear(&request);
	assert_true(json_rpc_fill(&request, "status", NULL, &code, &error));
	assert_true(json_is_object(request.params));
	json_rpc_clear(&request);
	assert_null(json_rpc_params("{\"a\":1", &code, &error));
	assert_int_equal(code, JSON_RPC_PARSE_ERROR);
	params = json_rpc_params("[1]", &code, &error);
	assert_false(json_rpc_fill(&request, "status", params, &code, &error));
	assert_int_equal(code, JSON_RPC_INVALID_REQUEST);
	assert_false(json_rpc_fill(&request, "\xc3", NULL, &code, &error));
	assert_int_equal(code, JSON_RPC_INVALID_REQUEST);
	json_rpc_clear(&request);
}

static void check_response(char *text, const char *expected)
{
	assert_non_null(text);
	assert_string_equal(text, expected);
	json_memory_free_text(text);
}

static void test_responses(void **state)
{
	struct error error;
	json_t *id = json_integer(4);

	(void)state;
	error_set(&error, ERROR_NOT_FOUND, "there is none");
	check_response(json_rpc_response(id, json_pack("[i]", 1), NULL),
		"{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":[1]}");
	check_response(json_rpc_response(id, NULL, json_rpc_problem(JSON_RPC_FAILED, &error)),
		"{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32000,\"message\":\"there is "
		"none\","
		"\"data\":{\"kind\":\"not-found\"}}}");
	check_response(json_rpc_response(NULL, json_null(), NULL),
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":null}");
	json_decref(id);
}

/* An error text may be cut, or quote what somebody sent: the answer is JSON all the same. */
static void test_mended(void **state)
{
	struct error error;

	(void)state;
	error_set(&error, ERROR_INVALID, "\"%.3s\" is no id", "ab\xc3\xa4");
	check_response(json_rpc_response(NULL, NULL, json_rpc_problem(JSON_RPC_FAILED, &error)),
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":"
		"\"\\\"ab?\\\" is no id\",\"data\":{\"kind\":\"invalid\"}}}");
	/* The one that needs no memory is what the function would have made. */
	error_set_memory(&error);
	json_t *problem = json_rpc_problem(JSON_RPC_FAILED, &error);

	check_response(json_dumps(problem, JSON_COMPACT), JSON_RPC_NO_MEMORY);
	json_decref(problem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_mended),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
